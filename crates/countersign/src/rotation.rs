//! Replacing the key that signs the ledger's checkpoints, while the engine runs.

use std::sync::{Arc, PoisonError};

use countersign_audit::ledger::Ledger;
use countersign_audit::record::Actor;
use countersign_audit::rotation::RotationOrder;
use countersign_audit::signer::Signer;
use countersign_audit::{AuditError, SignedCheckpoint, TrustedKey};
use countersign_core::TenantId;

use crate::engine::Engine;
use crate::error::EngineError;

/// A log key that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogKeyRotated {
    /// The retired key with the largest size that it vouches for: as verifiers trust it from now
    /// on.
    pub retired: TrustedKey,
    /// The checkpoint that both keys have signed: by it, whoever trusts the retired key is shown
    /// the new one.
    pub checkpoint: SignedCheckpoint,
}

impl Engine {
    /// Replaces the key that signs the ledger's checkpoints. Every clone of this engine signs with
    /// the new one from then on; [`ledger`](Self::ledger) has it as its verifier key.
    ///
    /// It is recorded in the books of `tenant`, for which the host's own is a good choice, with
    /// who did it and, committed to, why. People sign in and sign meanwhile; whoever waits for a
    /// checkpoint at this very moment may hear [`AuditError::RotationUnfinished`] or
    /// [`AuditError::RetiredKey`], and asks again.
    ///
    /// A rotation that was interrupted is finished by the same call with the same new key, by an
    /// engine that was built with the old one; also if all was done and only the answer was lost,
    /// unless the new key has signed more by then. An engine in another process signs nothing any more
    /// with the retired key: build it anew.
    ///
    /// # Errors
    /// As [`Ledger::rotate`](countersign_audit::Ledger::rotate). This engine keeps the key that it
    /// had then.
    ///
    /// # Security
    /// Give [`LogKeyRotated::retired`] and the new key to whoever verifies offline, and the new
    /// key to the witnesses: before, none of them cosigns. A SQLite file that names its log's key
    /// for the command (`SqliteStore::set_ledger_vkey`) has to be told the new one.
    pub async fn rotate_log_key(
        &self,
        tenant: &TenantId,
        signer: Arc<dyn Signer>,
        by: Actor,
        note: Option<&str>,
    ) -> Result<LogKeyRotated, EngineError> {
        let mut walk = self.walk_of_the_log(tenant)?;
        if note.is_some() {
            walk = self.unclaimed(walk).await?;
        }
        let order = RotationOrder {
            walk: &mut walk,
            by,
            note,
            now: self.shared.clock.now(),
            entropy: &*self.shared.entropy,
        };
        let before = self.ledger();
        let rotated = before.rotate(signer, order).await?;
        self.replace_ledger(&before, rotated.ledger);
        Ok(LogKeyRotated {
            retired: rotated.retired,
            checkpoint: rotated.checkpoint,
        })
    }

    /// Unless another has replaced it by now: of two that finish one rotation, one does it.
    fn replace_ledger(&self, before: &Arc<Ledger>, after: Ledger) {
        let current = self.shared.ledger.write();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, before) {
            *current = Arc::new(after);
        }
    }

    /// Does something with the ledger; once more if its key was replaced meanwhile.
    pub(crate) async fn with_ledger<T, F>(
        &self,
        work: impl Fn(Arc<Ledger>) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, AuditError>>,
    {
        loop {
            let ledger = self.ledger();
            match work(Arc::clone(&ledger)).await {
                Err(AuditError::RetiredKey { .. } | AuditError::RotationUnfinished { .. })
                    if !Arc::ptr_eq(&ledger, &self.ledger()) => {}
                outcome => return Ok(outcome?),
            }
        }
    }
}
