//! Checkpoints, and the bundle that proves one signature.

use countersign_audit::SignedCheckpoint;
use countersign_evidence::Export;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Turns every record that was committed into a leaf of the ledger, and signs the tree's
    /// head. A host calls it every few seconds, or as often as its readers want fresh
    /// checkpoints; one signature covers them all.
    ///
    /// # Errors
    /// If the store or the signer fails, or the ledger is found to be damaged: then nothing is
    /// signed.
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint, EngineError> {
        Ok(self.ledger().advance().await?)
    }

    /// Writes the evidence bundle of one signature: the records that it can be walked back to,
    /// each proved to be in the log, in one file that anybody can check offline.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint), and if the bundle would not be accepted by a verifier
    /// that trusts this log.
    ///
    /// # Security
    /// Whoever gets the file reads what `request` discloses.
    pub async fn export(&self, request: &Export) -> Result<Vec<u8>, EngineError> {
        self.checkpoint().await?;
        let ledger = self.ledger();
        Ok(countersign_evidence::export(ledger.reader(), ledger.verifier_key(), request).await?)
    }
}
