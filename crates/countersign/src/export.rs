//! Checkpoints, and the bundle that proves the signatures of one document.

use countersign_audit::store::EntryQuery;
use countersign_audit::{AuditError, Level, Receipt, SignedCheckpoint, parse_record};
use countersign_core::LeafHash;
use countersign_evidence::Export;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Turns every record that was committed into a leaf of the ledger, signs the tree's head,
    /// and has it cosigned by the witnesses that answer. A host calls it every few seconds, or as
    /// often as its readers want fresh checkpoints; one signature covers them all.
    ///
    /// # Errors
    /// If the store or the signer fails, or the ledger is found to be damaged: then nothing is
    /// signed. If a witness has seen another history of the ledger: then somebody has to look. A
    /// witness that is down, or too few cosignatures, are no error here, but to
    /// [`wait_for`](Self::wait_for).
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint, EngineError> {
        self.ledger().advance().await?;
        Ok(self.ledger().cosign().await?.checkpoint)
    }

    /// Does what it takes for a record to be kept as well as `level` says, and proves it.
    ///
    /// # Errors
    /// If the engine never wrote that record, the level takes what the engine was not given, or
    /// too few witnesses have cosigned; and as [`checkpoint`](Self::checkpoint). The record is
    /// durable in any case, and may be waited for again.
    pub async fn wait_for(&self, leaf: LeafHash, level: Level) -> Result<Receipt, EngineError> {
        if level < Level::Timestamped {
            return Ok(self.ledger().wait_for(leaf, level).await?);
        }
        let receipt = self.ledger().wait_for(leaf, Level::Checkpointed).await?;
        if receipt.level() == level {
            return Ok(receipt);
        }
        let stored = self
            .ledger()
            .reader()
            .entry(&EntryQuery::Leaf(leaf))
            .await?;
        let stored = stored.ok_or(AuditError::NotInTree)?;
        let record = parse_record(stored.entry.bytes()).map_err(AuditError::from)?;
        self.stamp(&record.tenant).await?;
        Ok(self.ledger().wait_for(leaf, level).await?)
    }

    /// Writes the evidence bundle of the signatures of one document: the records that they can be
    /// walked back to, each proved to be in the log, in one file that anybody can check offline.
    /// It is sealed if the engine has a sealer.
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
        let log_keys = std::slice::from_ref(ledger.verifier_key());
        let (sealer, now) = (self.shared.sealer.as_ref(), self.shared.clock.now());
        let reader = ledger.reader();
        Ok(countersign_evidence::export(reader, log_keys, request, sealer, now).await?)
    }
}
