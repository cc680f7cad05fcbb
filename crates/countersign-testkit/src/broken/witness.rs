//! Witnesses that sign too much, something else, or nothing.

use async_trait::async_trait;
use countersign_audit::cosignature::WitnessKey;
use countersign_audit::witness::{AddCheckpoint, Witness, WitnessError};

use super::defects;
use crate::witness::{TestWitness, WitnessSetupError};

defects! {
    /// What is wrong with a [`BrokenWitness`].
    WitnessDefect {
        /// It cosigns whatever it is shown.
        SignsWithoutChecking: "a_fork_is_refused",
        /// It signs with another key than it names.
        SignsWithAnotherKey: "what_continues_is_cosigned",
        /// It cosigns the checkpoint that it was shown first.
        SignsTheFirst: "what_continues_is_cosigned",
        /// It answers with noise.
        AnswersWithNoise: "what_continues_is_cosigned",
        /// It knows no log.
        Refuses: "what_continues_is_cosigned",
        /// It does not answer.
        IsDown: "what_continues_is_cosigned",
    }
}

/// A witness with one defect, over one that is right.
#[derive(Debug)]
pub struct BrokenWitness {
    inner: TestWitness,
    other: TestWitness,
    defect: WitnessDefect,
    first: std::sync::Mutex<Option<AddCheckpoint>>,
}

impl BrokenWitness {
    /// Spoils a witness that is right.
    ///
    /// # Errors
    /// If there are no random bytes.
    pub fn new(inner: TestWitness, defect: WitnessDefect) -> Result<Self, WitnessSetupError> {
        let other = TestWitness::new(inner.key().name(), Vec::new(), || {
            countersign_core::Timestamp::UNIX_EPOCH
        })?;
        Ok(Self {
            inner,
            other,
            defect,
            first: std::sync::Mutex::default(),
        })
    }
}

#[async_trait]
impl Witness for BrokenWitness {
    fn key(&self) -> &WitnessKey {
        self.inner.key()
    }

    async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<Vec<u8>, WitnessError> {
        match self.defect {
            WitnessDefect::SignsWithoutChecking => self.inner.cosign(request).await,
            WitnessDefect::SignsWithAnotherKey => {
                self.inner.add_checkpoint(request).await?;
                self.other.cosign(request).await
            }
            WitnessDefect::SignsTheFirst => {
                self.inner.add_checkpoint(request).await?;
                let first = match self.first.lock() {
                    Ok(mut first) => first.get_or_insert_with(|| request.clone()).clone(),
                    Err(_) => request.clone(),
                };
                self.inner.cosign(&first).await
            }
            WitnessDefect::AnswersWithNoise => Ok(b"\xff not a line".to_vec()),
            WitnessDefect::Refuses => Err(WitnessError::Refused { status: 404 }),
            WitnessDefect::IsDown => Err(WitnessError::Unavailable("nobody is there".into())),
        }
    }
}
