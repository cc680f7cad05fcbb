//! A small witness: it cosigns what continues the checkpoint that it has cosigned before, and
//! remembers one for each log \[C2SP tlog-witness\].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use countersign_audit::cosignature::{WitnessKey, cosign};
use countersign_audit::merkle::verify_consistency;
use countersign_audit::note::NoteError;
use countersign_audit::signer::{KeyError, SignerError};
use countersign_audit::verifier_key::ParseKeyError;
use countersign_audit::witness::{AddCheckpoint, Witness, WitnessError};
use countersign_audit::{Checkpoint, Ed25519Signer, VerifierKey};
use countersign_core::Timestamp;
use thiserror::Error;

/// A witness can not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WitnessSetupError {
    /// There is no key.
    #[error("the witness has no key")]
    Key(#[from] KeyError),
    /// The name can not be one of a note's key.
    #[error("the witness can not have this name")]
    Name(#[from] ParseKeyError),
}

/// A witness in this process, with what it has cosigned in memory.
///
/// A real one writes it down before it answers: what is lost here with the process is the whole
/// point of a witness.
pub struct TestWitness {
    key: WitnessKey,
    signer: Ed25519Signer,
    logs: Vec<VerifierKey>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    cosigned: Mutex<BTreeMap<String, Checkpoint>>,
}

impl fmt::Debug for TestWitness {
    /// Without its clock.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestWitness")
            .field("key", &self.key)
            .field("logs", &self.logs)
            .field("cosigned", &self.cosigned)
            .finish_non_exhaustive()
    }
}

impl TestWitness {
    /// A witness with a new key, for the logs with these keys. It is `now` whenever it cosigns.
    ///
    /// # Errors
    /// If the name can not be one, or there are no random bytes.
    pub fn new(
        name: &str,
        logs: Vec<VerifierKey>,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, WitnessSetupError> {
        let (signer, _) = Ed25519Signer::generate()?;
        Ok(Self {
            key: WitnessKey::of_signer(name, &signer)?,
            signer,
            logs,
            now: Box::new(now),
            cosigned: Mutex::default(),
        })
    }

    /// The size of the last checkpoint of a log that it has cosigned.
    #[must_use]
    pub fn size(&self, origin: &str) -> u64 {
        let cosigned = self.cosigned.lock().unwrap_or_else(PoisonError::into_inner);
        cosigned.get(origin).map_or(0, Checkpoint::size)
    }

    /// Remembers the checkpoint if everything that [C2SP tlog-witness, "add-checkpoint"] wants of
    /// it holds. Looking and remembering is one step: of two checkpoints at once, the smaller must
    /// not win.
    fn accept(&self, request: &AddCheckpoint) -> Result<(), WitnessError> {
        let checkpoint = request.checkpoint.checkpoint();
        let origin = checkpoint.origin();
        if !self.logs.iter().any(|key| key.name() == origin) {
            return Err(WitnessError::Refused { status: 404 });
        }
        match request.checkpoint.verify(&self.logs) {
            Ok(()) => {}
            Err(NoteError::Malformed) => return Err(WitnessError::Refused { status: 400 }),
            Err(_) => return Err(WitnessError::Refused { status: 403 }),
        }
        let (old_size, size) = (request.old_size, checkpoint.size());
        if old_size > size {
            return Err(WitnessError::Refused { status: 400 });
        }
        let mut cosigned = self.cosigned.lock().unwrap_or_else(PoisonError::into_inner);
        let last = cosigned.get(origin);
        let last_size = last.map_or(0, Checkpoint::size);
        if old_size != last_size {
            return Err(WitnessError::Conflict { size: last_size });
        }
        match last {
            Some(last) if last_size == size && last.root() != checkpoint.root() => {
                return Err(WitnessError::Conflict { size: last_size });
            }
            Some(last) if last_size > 0 => {
                let (old_root, root) = (last.root(), checkpoint.root());
                verify_consistency(old_size, size, &request.proof, old_root, root)
                    .map_err(|_| WitnessError::Inconsistent)?;
            }
            _ if !request.proof.is_empty() => return Err(WitnessError::Inconsistent),
            _ => {}
        }
        cosigned.insert(origin.to_owned(), checkpoint.clone());
        Ok(())
    }

    pub(crate) async fn cosign(&self, request: &AddCheckpoint) -> Result<Vec<u8>, WitnessError> {
        let failed = |error: SignerError| WitnessError::Unavailable(Box::new(error));
        let line = cosign(&request.checkpoint, &self.key, &self.signer, (self.now)());
        Ok(line.await.map_err(failed)?.into_bytes())
    }
}

#[async_trait]
impl Witness for TestWitness {
    fn key(&self) -> &WitnessKey {
        &self.key
    }

    async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<Vec<u8>, WitnessError> {
        self.accept(request)?;
        self.cosign(request).await
    }
}
