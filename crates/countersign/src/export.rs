//! Checkpoints, and the bundle that proves the signatures of one document.

use std::collections::BTreeSet;

use countersign_audit::lifecycle::SubjectErased;
use countersign_audit::store::EntryQuery;
use countersign_audit::{
    AuditError, Kind, Leaf, Level, Receipt, Record, SignedCheckpoint, parse_record,
};
use countersign_core::LeafHash;
use countersign_evidence::Export;
use countersign_provision::user::UserState;

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
        self.with_ledger(|ledger| async move {
            ledger.advance().await?;
            Ok(ledger.cosign().await?.checkpoint)
        })
        .await
    }

    /// Does what it takes for a record to be kept as well as `level` says, and proves it.
    ///
    /// # Errors
    /// If the engine never wrote that record, the level takes what the engine was not given, or
    /// too few witnesses have cosigned; and as [`checkpoint`](Self::checkpoint). The record is
    /// durable in any case, and may be waited for again.
    pub async fn wait_for(&self, leaf: LeafHash, level: Level) -> Result<Receipt, EngineError> {
        if level < Level::Timestamped {
            return self.kept(leaf, level).await;
        }
        let receipt = self.kept(leaf, Level::Checkpointed).await?;
        if receipt.level() == level {
            return Ok(receipt);
        }
        let record = self.read_record(leaf).await?;
        let record = record.ok_or(AuditError::NotInTree)?;
        self.stamp(&record.tenant).await?;
        self.kept(leaf, level).await
    }

    async fn kept(&self, leaf: LeafHash, level: Level) -> Result<Receipt, EngineError> {
        self.with_ledger(|ledger| async move { ledger.wait_for(leaf, level).await })
            .await
    }

    /// Writes the evidence bundle of the signatures of one document: the records that they can be
    /// walked back to, each proved to be in the log, in one file that anybody can check offline.
    /// It is sealed if the engine has a sealer.
    ///
    /// Where a signer's account was erased, the record of that is added, so that the bundle says
    /// when instead of that nothing is disclosed. One checkpoint covers both: until a time-stamp
    /// is taken after the erasure, the bundle has none.
    ///
    /// What was stamped before the log's key was rotated is proved by the retired key, which
    /// verifiers are given with its last size; everything else by the key that signs now.
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint), and if the bundle would not be accepted by a verifier
    /// that trusts this log.
    ///
    /// # Security
    /// Whoever gets the file reads what `request` discloses.
    pub async fn export(&self, request: &Export) -> Result<Vec<u8>, EngineError> {
        // Before the checkpoint, which then covers what is found.
        let erasures = self.erasures_behind(request.signatures()).await?;
        let erasures = erasures.into_iter().map(Leaf::<SubjectErased>::from_store);
        let request = erasures.fold(request.clone(), Export::erasure);
        self.checkpoint().await?;
        let ledger = self.ledger();
        let reader = ledger.reader();
        let log_keys = reader.log_keys(ledger.verifier_key()).await?;
        let (sealer, now) = (self.shared.sealer.as_ref(), self.shared.clock.now());
        Ok(countersign_evidence::export(reader, &log_keys, &request, sealer, now).await?)
    }

    /// The records that the accounts of these signatures were erased.
    async fn erasures_behind(
        &self,
        signatures: &[LeafHash],
    ) -> Result<BTreeSet<LeafHash>, EngineError> {
        let mut erasures = BTreeSet::new();
        for signature in signatures {
            // A record that is not there is told of by the export itself.
            let Some(signed) = self.read_record(*signature).await? else {
                continue;
            };
            let Some(account) = &signed.subject_ref else {
                continue;
            };
            let account = self.shared.users.user(&signed.tenant, account).await?;
            let Some(user) = account.map(|account| account.user) else {
                continue;
            };
            if let (UserState::Erased, Some(entry)) = (user.state, user.state_entry)
                && let Some(record) = self.read_record(entry).await?
                && record.kind() == Kind::SubjectErased
            {
                erasures.insert(entry);
            }
        }
        Ok(erasures)
    }

    async fn read_record(&self, leaf: LeafHash) -> Result<Option<Record>, EngineError> {
        let ledger = self.ledger();
        let stored = ledger.reader().entry(&EntryQuery::Leaf(leaf)).await?;
        let record = stored.map(|stored| parse_record(stored.entry.bytes()));
        Ok(record.transpose().map_err(AuditError::from)?)
    }
}
