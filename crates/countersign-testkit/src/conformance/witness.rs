//! The port to a witness, for one that runs in the same process.

use std::future::Future;
use std::sync::Arc;

use countersign_audit::merkle::{empty_root, node_hash};
use countersign_audit::witness::{AddCheckpoint, Witness, WitnessError};
use countersign_audit::{
    Checkpoint, Ed25519Signer, SignedCheckpoint, VerifierKey, WitnessPolicy, checkpoint,
};
use countersign_core::Sha256Digest;

use super::check::{Outcome, Violation, ensure};
use super::report::Report;

/// The name of the log that the witness is to know.
const ORIGIN: &str = "log.example/witnessed";

/// Checks that a witness cosigns what continues, and nothing else \[C2SP tlog-witness\]; `make`
/// gives a witness that has seen nothing, for the log with the key that it is given.
pub async fn witness<W, M, F>(make: M) -> Report
where
    W: Witness + 'static,
    M: Fn(VerifierKey) -> F,
    F: Future<Output = W>,
{
    let mut report = Report::default();
    macro_rules! run {
        ($($check:ident),+ $(,)?) => {$(
            let outcome = match Log::new() {
                Ok(log) => {
                    let witness = Arc::new(make(log.key.clone()).await);
                    $check(&log, &*witness).await
                }
                Err(violation) => Err(violation),
            };
            report.note(stringify!($check), outcome);
        )+};
    }
    run!(
        what_continues_is_cosigned,
        the_same_checkpoint_is_cosigned_again,
        a_fork_is_refused,
        another_root_of_the_same_size_is_refused,
        another_old_size_is_told_the_right_one,
        a_checkpoint_that_goes_back_is_refused,
        a_log_that_is_not_known_is_refused,
        a_key_that_is_not_known_is_refused,
    );
    report
}

struct Log {
    signer: Ed25519Signer,
    key: VerifierKey,
}

fn hash(byte: u8) -> Sha256Digest {
    Sha256Digest::from_bytes([byte; 32])
}

fn setup(error: impl std::fmt::Display) -> Violation {
    Violation(format!("the log of the check can not be made: {error}"))
}

impl Log {
    fn new() -> Result<Self, Violation> {
        let (signer, _) = Ed25519Signer::generate().map_err(setup)?;
        let key = VerifierKey::of_signer(ORIGIN, &signer).map_err(setup)?;
        Ok(Self { signer, key })
    }

    async fn sign(&self, size: u64, root: Sha256Digest) -> Result<SignedCheckpoint, Violation> {
        let head = Checkpoint::new(self.key.name(), size, root);
        checkpoint::sign(&head, &self.key, &self.signer)
            .await
            .map_err(setup)
    }

    /// Shows the witness a checkpoint.
    async fn show(
        &self,
        witness: &dyn Witness,
        old_size: u64,
        proof: &[Sha256Digest],
        (size, root): (u64, Sha256Digest),
    ) -> Result<Result<SignedCheckpoint, WitnessError>, Violation> {
        let request = AddCheckpoint {
            old_size,
            proof: proof.to_vec(),
            checkpoint: self.sign(size, root).await?,
        };
        Ok(match witness.add_checkpoint(&request).await {
            Ok(lines) => {
                let note = [request.checkpoint.bytes(), &lines].concat();
                let note = SignedCheckpoint::parse(&note);
                Ok(note.map_err(|_| Violation("it answered with no signature lines".to_owned()))?)
            }
            Err(error) => Err(error),
        })
    }
}

/// The tree of one leaf, and of two.
fn one() -> (u64, Sha256Digest) {
    (1, hash(1))
}
fn two() -> (u64, Sha256Digest) {
    (2, node_hash(hash(1), hash(2)))
}

fn is_cosigned(witness: &dyn Witness, answer: Result<SignedCheckpoint, WitnessError>) -> Outcome {
    let checkpoint = match answer {
        Ok(checkpoint) => checkpoint,
        Err(error) => return Err(Violation(format!("it did not cosign: {error}"))),
    };
    let policy = WitnessPolicy::new(1, vec![witness.key().clone()]).map_err(setup)?;
    let verified = policy.verify(&checkpoint);
    ensure!(verified.is_ok(), "its cosignature is wrong: {verified:?}");
    Ok(())
}

fn is_refused(
    what: &str,
    answer: Result<SignedCheckpoint, WitnessError>,
    as_it_should: impl FnOnce(&WitnessError) -> bool,
) -> Outcome {
    match answer {
        Err(error) if as_it_should(&error) => Ok(()),
        Err(error) => Err(Violation(format!("{what} is refused by `{error}`"))),
        Ok(_) => Err(Violation(format!("{what} is cosigned"))),
    }
}

async fn what_continues_is_cosigned(log: &Log, witness: &dyn Witness) -> Outcome {
    is_cosigned(witness, log.show(witness, 0, &[], one()).await?)?;
    is_cosigned(witness, log.show(witness, 1, &[hash(2)], two()).await?)
}

async fn the_same_checkpoint_is_cosigned_again(log: &Log, witness: &dyn Witness) -> Outcome {
    is_cosigned(witness, log.show(witness, 0, &[], two()).await?)?;
    is_cosigned(witness, log.show(witness, 2, &[], two()).await?)
}

async fn a_fork_is_refused(log: &Log, witness: &dyn Witness) -> Outcome {
    is_cosigned(witness, log.show(witness, 0, &[], one()).await?)?;
    let fork = (2, node_hash(hash(9), hash(2)));
    for proof in [&[][..], &[hash(2)], &[hash(9), hash(2)]] {
        let answer = log.show(witness, 1, proof, fork).await?;
        is_refused("a fork", answer, |error| {
            matches!(error, WitnessError::Inconsistent)
        })?;
    }
    // And it is remembered what it was before.
    is_cosigned(witness, log.show(witness, 1, &[hash(2)], two()).await?)
}

async fn another_root_of_the_same_size_is_refused(log: &Log, witness: &dyn Witness) -> Outcome {
    is_cosigned(witness, log.show(witness, 0, &[], one()).await?)?;
    let answer = log.show(witness, 1, &[], (1, hash(9))).await?;
    is_refused("another root", answer, |error| {
        matches!(error, WitnessError::Conflict { size: 1 })
    })
}

async fn another_old_size_is_told_the_right_one(log: &Log, witness: &dyn Witness) -> Outcome {
    is_cosigned(witness, log.show(witness, 0, &[], one()).await?)?;
    for old_size in [0, 2] {
        let answer = log.show(witness, old_size, &[], two()).await?;
        is_refused("another old size", answer, |error| {
            matches!(error, WitnessError::Conflict { size: 1 })
        })?;
    }
    Ok(())
}

async fn a_checkpoint_that_goes_back_is_refused(log: &Log, witness: &dyn Witness) -> Outcome {
    is_cosigned(witness, log.show(witness, 0, &[], two()).await?)?;
    let answer = log.show(witness, 2, &[], one()).await?;
    is_refused("a smaller checkpoint", answer, |error| {
        matches!(error, WitnessError::Refused { status: 400 })
    })?;
    let empty = log.show(witness, 0, &[], (0, empty_root())).await?;
    is_refused("an empty checkpoint", empty, |error| {
        matches!(error, WitnessError::Conflict { size: 2 })
    })
}

async fn a_log_that_is_not_known_is_refused(_: &Log, witness: &dyn Witness) -> Outcome {
    let (signer, _) = Ed25519Signer::generate().map_err(setup)?;
    let key = VerifierKey::of_signer("log.example/other", &signer).map_err(setup)?;
    let other = Log { signer, key };
    let answer = other.show(witness, 0, &[], one()).await?;
    is_refused("a log that it does not know", answer, |error| {
        matches!(error, WitnessError::Refused { status: 404 })
    })
}

async fn a_key_that_is_not_known_is_refused(_: &Log, witness: &dyn Witness) -> Outcome {
    let answer = Log::new()?.show(witness, 0, &[], one()).await?;
    is_refused("a key that it does not know", answer, |error| {
        matches!(error, WitnessError::Refused { status: 403 })
    })
}
