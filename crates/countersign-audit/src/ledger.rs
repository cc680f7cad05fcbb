//! The ledger: entries become leaves, sizes become checkpoints.

use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::{Entry, EntryId, LeafHash, StoreError};

use crate::anchor::TimeStamps;
use crate::causes::{Causes, named};
use crate::checkpoint::{Checkpoint, SignedCheckpoint, sign};
use crate::damage::Damage;
use crate::error::AuditError;
use crate::leaf::leaf_hash;
use crate::links::{LinkError, check_links};
use crate::merkle::verify_consistency;
use crate::reader::LedgerReader;
use crate::receipt::{Level, Receipt};
use crate::record::{Record, parse_record};
use crate::signer::Signer;
use crate::store::{EntryQuery, Integration, LedgerStore, StoredCheckpoint};
use crate::vault::Vault;
use crate::verifier_key::VerifierKey;
use crate::witness::Witnesses;

/// Most entries that become leaves in one transaction. Of the records that a sign-in writes they are
/// some 5 MB; of the longest that there can be, 256 MiB. A ledger that thousands of threads write to
/// gets the processor seldom, and has to do much with it then, or it falls behind.
const MAX_BATCH: usize = 4_096;

/// The first entries of the outbox have become leaves.
struct Integrated {
    /// The size of the tree by then.
    size: u64,
    /// They were as many as one transaction takes: there may be more behind them.
    is_full: bool,
}

/// How often a lost race is run again before the caller hears of it.
pub(crate) const MAX_ATTEMPTS: usize = 64;

/// The one who writes a ledger: turns entries into leaves, and signs checkpoints.
///
/// # Contract
/// - An entry is acknowledged by the store that took it into its outbox, not here.
/// - Only a size that the store has acknowledged as durable is ever signed, and only if the tree
///   provably continues the last checkpoint.
/// - Any number of ledgers may work on one store at once, in one process or in many: where two
///   collide, one of them reads again.
///
/// # Cancellation
/// Every method may be dropped at any point; nothing is left half done, and the next call
/// carries on.
///
/// # Security
/// A store that was set back as a whole, checkpoint included, looks like a younger ledger. Within
/// one process that is noticed; across restarts keep a checkpoint elsewhere and hand it to
/// [`Ledger::check_continues`].
#[derive(Debug)]
pub struct Ledger {
    reader: LedgerReader,
    signer: Arc<dyn Signer>,
    key: VerifierKey,
    time_stamps: Option<Arc<TimeStamps>>,
    /// What the next records may rest on.
    causes: Mutex<Causes>,
    witnesses: Option<Arc<Witnesses>>,
    /// The last rotation that this key is the outcome of.
    rotation: Mutex<Option<LeafHash>>,
    /// The largest head that this process has signed or seen signed.
    seen: Mutex<Option<Checkpoint>>,
}

impl Ledger {
    /// Opens the ledger in `store`, named `origin` (such as `log.example/audit`), and checks that
    /// it continues its last checkpoint.
    ///
    /// # Errors
    /// [`AuditError::Damaged`] if the ledger was rolled back or forked since its last checkpoint or
    /// the last one that was time-stamped, or its last checkpoint was not signed by this key;
    /// [`AuditError::RetiredKey`] if the key was retired, and [`AuditError::RotationUnfinished`]
    /// if it is the new one of a rotation that was interrupted; [`AuditError::Origin`] if the name or the key can not be used.
    pub async fn open(
        store: Arc<dyn LedgerStore>,
        signer: Arc<dyn Signer>,
        origin: &str,
    ) -> Result<Self, AuditError> {
        let key = VerifierKey::of_signer(origin, &*signer).map_err(AuditError::Origin)?;
        let ledger = Self {
            reader: LedgerReader::new(store),
            signer,
            key,
            witnesses: None,
            time_stamps: None,
            causes: Mutex::default(),
            rotation: Mutex::new(None),
            seen: Mutex::new(None),
        };
        let signed = ledger.reader.checkpoint().await?;
        let signed_size = signed.map_or(0, |signed| signed.checkpoint().size());
        ledger.check_is_current(signed_size).await?;
        // The size is read after the checkpoint: another process may sign in between.
        if let Some(last) = ledger.last_checkpoint().await? {
            let size = ledger.reader.size().await?;
            ledger.check_head(last.checkpoint(), size).await?;
            ledger.saw(last.checkpoint());
        }
        ledger.check_last_anchor().await?;
        Ok(ledger)
    }

    /// Has its checkpoints cosigned from now on; [`Ledger::check_witnesses`] asks them first
    /// whether they know a later ledger than this.
    #[must_use]
    pub fn with_witnesses(mut self, witnesses: Witnesses) -> Self {
        self.witnesses = Some(Arc::new(witnesses));
        self
    }

    /// The witnesses, if it has any.
    #[must_use]
    pub fn witnesses(&self) -> Option<&Witnesses> {
        self.witnesses.as_deref()
    }

    /// Has its checkpoints time-stamped from now on, whenever [`Ledger::anchor`] is called.
    #[must_use]
    pub fn with_time_stamps(mut self, time_stamps: TimeStamps) -> Self {
        self.time_stamps = Some(Arc::new(time_stamps));
        self
    }

    /// Who stamps its checkpoints, if anybody does.
    #[must_use]
    pub fn time_stamps(&self) -> Option<&TimeStamps> {
        self.time_stamps.as_deref()
    }

    /// Opens private parts by this vault.
    #[must_use]
    pub fn with_vault(mut self, vault: Vault) -> Self {
        self.reader = self.reader.with_vault(vault);
        self
    }

    /// What can be read without the key.
    #[must_use]
    pub fn reader(&self) -> &LedgerReader {
        &self.reader
    }

    /// The key that its checkpoints verify with: give it to whoever shall verify evidence.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.key
    }

    /// Turns every entry that is in the outbox by now into a leaf; returns the size of the tree.
    /// What is added meanwhile may have to wait for the next call, or this one might never end.
    ///
    /// An entry becomes a leaf if it is a record, and if what it rests on is there before it and
    /// agrees with it \[record.md §6\]: so a signature without its live grant, or a grant without
    /// its user, is in no tree that this ledger signs.
    ///
    /// # Errors
    /// [`AuditError::Damaged`] if an entry is not like that. The entries before it are leaves
    /// then; neither it nor any after it is, and calling again says the same. Nothing that
    /// `Correlation::seal` made of records in the same store is ever refused; what is, was put
    /// there by other means. A store skips no entry, so whoever runs it has to look: `DESIGN.md`
    /// tells how such an entry is taken out.
    pub async fn integrate(&self) -> Result<u64, AuditError> {
        loop {
            let made = self.integrate_first().await?;
            if !made.is_full {
                return Ok(made.size);
            }
        }
    }

    /// Turns the first entries of the outbox into leaves, or finds that another ledger has.
    async fn integrate_first(&self) -> Result<Integrated, AuditError> {
        let store = self.reader.store();
        let mut attempts = 0_usize;
        let mut first_read = None;
        loop {
            let size = store.size().await?;
            let pending = store.pending(MAX_BATCH).await?;
            let is_full = pending.len() >= MAX_BATCH;
            let Some(last) = pending.last() else {
                let size = self.reader.size().await?;
                return Ok(Integrated { size, is_full });
            };
            let (last, was_full) = *first_read.get_or_insert((last.leaf(), is_full));
            match self.integrate_batch(size, pending).await {
                Ok(size) => return Ok(Integrated { size, is_full }),
                Err(AuditError::Store(error)) if error.is_conflict() && attempts < MAX_ATTEMPTS => {
                    attempts = attempts.saturating_add(1);
                    // Somebody may have added more by then: that is not waited for.
                    let stored = store.entry(&EntryQuery::Leaf(last)).await?;
                    if stored.is_some_and(|stored| stored.index.is_some()) {
                        let (size, is_full) = (self.reader.size().await?, was_full);
                        return Ok(Integrated { size, is_full });
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Turns `pending`, the first entries of the outbox, into leaves; gives the size of the tree.
    async fn integrate_batch(
        &self,
        expected_size: u64,
        pending: Vec<Entry>,
    ) -> Result<u64, AuditError> {
        let store = self.reader.store();
        let mut damage = None;
        let mut records: Vec<(Entry, Arc<Record>)> = Vec::new();
        for (index, entry) in (expected_size..).zip(pending) {
            match read_pending(&entry, index) {
                Ok(record) => records.push((entry, Arc::new(record))),
                Err(found) => {
                    damage = Some(found);
                    break;
                }
            }
        }
        let mut wanted = named(records.iter().map(|(_, record)| &**record));
        for (entry, _) in &records {
            wanted.remove(&entry.leaf());
        }
        let mut earlier = self.lock_causes().known(&wanted);
        earlier.read(store, expected_size).await?;

        let mut frontier = self.reader.frontier(expected_size).await?;
        let mut nodes = Vec::new();
        let mut entries: Vec<EntryId> = Vec::new();
        for (entry, record) in &records {
            let index = frontier.size();
            let errors = check_links(record, |leaf| earlier.record(leaf));
            if let Some(error) = errors.first() {
                // What is there and damaged itself is told as that.
                damage = Some(match error {
                    LinkError::Missing { parent } => earlier
                        .unreadable(parent)
                        .map_or(Damage::link(index, *error), |index| Damage::ChangedEntry {
                            index,
                        }),
                    error => Damage::link(index, *error),
                });
                break;
            }
            earlier.insert(entry.leaf(), Arc::clone(record));
            frontier.push(entry.leaf(), |id, hash| nodes.push((id, hash)));
            entries.push(entry.id().clone());
        }
        if !entries.is_empty() {
            let integration = Integration {
                expected_size,
                entries,
                nodes,
            };
            store.integrate(&integration).await?;
            let mut causes = self.lock_causes();
            for (entry, record) in records.into_iter().take(integration.entries.len()) {
                causes.remember(entry.leaf(), record, entry.bytes().len());
            }
        }
        match damage {
            None => Ok(frontier.size()),
            // Another ledger was faster between the two readings: what was read as the first of
            // the outbox may rest on what is a leaf by now.
            Some(_) if store.size().await? != frontier.size() => {
                Err(StoreError::conflict("integrate entries").into())
            }
            Some(damage) => Err(damage.into()),
        }
    }

    /// Signs the tree as it is, unless a checkpoint covers it already: one that another ledger
    /// signs meanwhile may be of a larger tree.
    ///
    /// # Errors
    /// [`AuditError::Damaged`] if the tree does not continue the last checkpoint: nothing is
    /// signed then. [`AuditError::Signer`] if the backend fails.
    pub async fn checkpoint(&self) -> Result<SignedCheckpoint, AuditError> {
        let mut attempts = 0_usize;
        let mut wanted = None;
        loop {
            match self.sign_checkpoint(&mut wanted).await {
                Err(AuditError::Store(error)) if error.is_conflict() && attempts < MAX_ATTEMPTS => {
                    attempts = attempts.saturating_add(1);
                }
                outcome => return outcome,
            }
        }
    }

    /// Signs the tree, unless the last checkpoint covers `wanted` leaves: as many as there were
    /// when the size was read for the first time.
    async fn sign_checkpoint(
        &self,
        wanted: &mut Option<u64>,
    ) -> Result<SignedCheckpoint, AuditError> {
        let last = self.last_checkpoint().await?;
        let size = self.reader.size().await?;
        let wanted = *wanted.get_or_insert(size);
        self.check_may_sign_alone(size).await?;
        let expected = match last {
            Some(last) => {
                self.check_head(last.checkpoint(), size).await?;
                if last.checkpoint().size() >= wanted {
                    return Ok(last);
                }
                Some(StoredCheckpoint::of(&last))
            }
            None => None,
        };
        let head = Checkpoint::new(self.key.name(), size, self.reader.root(size).await?);
        let signed = sign(&head, &self.key, &*self.signer).await?;
        let store = self.reader.store();
        store
            .put_checkpoint(expected.as_ref(), &StoredCheckpoint::of(&signed))
            .await?;
        self.saw(&head);
        Ok(signed)
    }

    /// [`Ledger::integrate`] and [`Ledger::checkpoint`]; where there is much to integrate, some of it
    /// is signed before the rest, and a ledger that never catches up is signed all the same.
    ///
    /// # Errors
    /// As both.
    pub async fn advance(&self) -> Result<SignedCheckpoint, AuditError> {
        loop {
            let made = self.integrate_first().await?;
            let signed = self.checkpoint().await?;
            if !made.is_full {
                return Ok(signed);
            }
        }
    }

    /// What can be promised of an entry by now.
    ///
    /// # Errors
    /// [`AuditError::NotInTree`] if the ledger has never seen the entry.
    pub async fn receipt(&self, leaf: LeafHash) -> Result<Receipt, AuditError> {
        let stored = self
            .reader
            .entry(&EntryQuery::Leaf(leaf))
            .await?
            .ok_or(AuditError::NotInTree)?;
        let Some(checkpoint) = self.last_checkpoint().await? else {
            return Ok(Receipt::Durable);
        };
        match stored.index {
            Some(index) if index < checkpoint.checkpoint().size() => {
                if let Some((proof, tokens)) = self.anchored_proof(index, leaf).await? {
                    return Ok(Receipt::Timestamped { proof, tokens });
                }
                let proof = self.reader.log_proof(index, &checkpoint).await?;
                // A receipt is not handed out on the store's word alone.
                proof.verify(leaf).map_err(|_| Damage::Forked {
                    signed_size: checkpoint.checkpoint().size(),
                })?;
                let Some(policy) = self.witnesses().map(Witnesses::policy) else {
                    return Ok(Receipt::Checkpointed(proof));
                };
                match policy.verify(&checkpoint) {
                    Ok(cosignatures) => Ok(Receipt::Witnessed {
                        proof,
                        k: cosignatures.len(),
                        of: policy.keys().len(),
                    }),
                    Err(_) => Ok(Receipt::Checkpointed(proof)),
                }
            }
            _ => Ok(Receipt::Durable),
        }
    }

    /// Does what it takes for an entry to reach a level, and no more; the receipt is of that level
    /// or of a higher one. Only a time-stamp is not taken here, because that takes the time:
    /// [`Ledger::anchor`] does it.
    ///
    /// # Errors
    /// [`AuditError::NotInTree`] if the ledger has never seen the entry; as
    /// [`advance`](Self::advance) and [`cosign`](Self::cosign);
    /// [`AuditError::NotReached`] if the ledger has not what the level takes, and
    /// [`AuditError::NotWitnessed`] if too few witnesses have cosigned.
    pub async fn wait_for(&self, leaf: LeafHash, level: Level) -> Result<Receipt, AuditError> {
        let mut receipt = self.receipt(leaf).await?;
        if receipt.level() < Level::Checkpointed && level >= Level::Checkpointed {
            self.advance().await?;
            receipt = self.receipt(leaf).await?;
        }
        if receipt.level() < Level::Witnessed && level >= Level::Witnessed {
            // A ledger without witnesses can be stamped all the same.
            if self.witnesses.is_none() && level == Level::Witnessed {
                return Err(AuditError::NotReached(level));
            }
            self.cosign().await?.require()?;
            receipt = self.receipt(leaf).await?;
        }
        // Others may have signed a larger tree meanwhile, which nobody has cosigned yet.
        if receipt.level() < level {
            return Err(AuditError::NotReached(level));
        }
        Ok(receipt)
    }

    /// Checks that the ledger continues a checkpoint that was kept elsewhere.
    ///
    /// # Errors
    /// [`AuditError::Damaged`] if it does not, or no key that this ledger has, or had at that size,
    /// has signed it.
    pub async fn check_continues(&self, kept: &SignedCheckpoint) -> Result<(), AuditError> {
        let keys = self.reader.log_keys(&self.key).await?;
        kept.verify_by(&keys).map_err(|_| Damage::Checkpoint)?;
        self.check_head(kept.checkpoint(), self.reader.size().await?)
            .await?;
        self.saw(kept.checkpoint());
        Ok(())
    }

    /// The last checkpoint, verified, and not older than one that this process has seen.
    pub(crate) async fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>, AuditError> {
        // Read before the store is: what others sign meanwhile only makes the store's larger.
        let seen = self.lock_seen().clone();
        let last = self.reader.checkpoint().await?;
        if let Some(last) = &last
            && last.verify(std::slice::from_ref(&self.key)).is_err()
        {
            // Another node may have replaced the key, and signed on with the new one.
            self.check_is_current(last.checkpoint().size()).await?;
            return Err(Damage::Checkpoint.into());
        }
        if let Some(seen) = seen {
            let size = last.as_ref().map_or(0, |last| last.checkpoint().size());
            if size < seen.size() {
                // A kept checkpoint may be ahead of the last one only if the tree is, too.
                self.check_head(&seen, self.reader.size().await?).await?;
            }
            if let Some(last) = &last
                && last.checkpoint().size() == seen.size()
                && last.checkpoint().root() != seen.root()
            {
                return Err(Damage::Forked {
                    signed_size: seen.size(),
                }
                .into());
            }
        }
        Ok(last)
    }

    /// Checks that the tree of `size` leaves continues the signed `head`.
    pub(crate) async fn check_head(&self, head: &Checkpoint, size: u64) -> Result<(), AuditError> {
        let signed_size = head.size();
        let forked = Damage::Forked { signed_size };
        if size < signed_size {
            return Err(Damage::RolledBack { size, signed_size }.into());
        }
        let root = self.reader.root(signed_size).await?;
        if root != head.root() {
            return Err(forked.into());
        }
        if 0 < signed_size && signed_size < size {
            let proof = self.reader.consistency_proof(signed_size, size).await?;
            let new_root = self.reader.root(size).await?;
            verify_consistency(signed_size, size, &proof, root, new_root).map_err(|_| forked)?;
        }
        Ok(())
    }

    fn lock_causes(&self) -> std::sync::MutexGuard<'_, Causes> {
        self.causes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn saw(&self, head: &Checkpoint) {
        let mut seen = self.lock_seen();
        if seen.as_ref().is_none_or(|seen| seen.size() < head.size()) {
            *seen = Some(head.clone());
        }
    }

    /// Checks that the ledger continues the largest checkpoint that was time-stamped: those stay
    /// when the last one is replaced.
    async fn check_last_anchor(&self) -> Result<(), AuditError> {
        let Some(size) = self.reader.store().anchors().await?.pop() else {
            return Ok(());
        };
        let signed = self.reader.anchored(size).await?;
        let keys = self.reader.log_keys(&self.key).await?;
        signed
            .verify_by(&keys)
            .map_err(|_| Damage::Anchor { size })?;
        let tree_size = self.reader.size().await?;
        self.check_head(signed.checkpoint(), tree_size).await
    }

    pub(crate) fn signer(&self) -> &dyn Signer {
        &*self.signer
    }

    /// The same ledger with another key, which is the outcome of `rotation`.
    pub(crate) fn with_key(
        &self,
        signer: Arc<dyn Signer>,
        key: VerifierKey,
        rotation: LeafHash,
    ) -> Self {
        Self {
            reader: self.reader.clone(),
            signer,
            key,
            witnesses: self.witnesses.clone(),
            time_stamps: self.time_stamps.clone(),
            causes: Mutex::default(),
            rotation: Mutex::new(Some(rotation)),
            seen: Mutex::new(self.lock_seen().clone()),
        }
    }

    pub(crate) fn known_rotation(&self) -> Option<LeafHash> {
        *self.rotation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn knows_rotation(&self, leaf: LeafHash) {
        let mut known = self.rotation.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(leaf);
    }

    fn lock_seen(&self) -> std::sync::MutexGuard<'_, Option<Checkpoint>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an entry that is to become the leaf at `index`.
fn read_pending(entry: &Entry, index: u64) -> Result<Record, Damage> {
    if leaf_hash(entry.bytes()) != entry.leaf() {
        return Err(Damage::ChangedEntry { index });
    }
    let record =
        parse_record(entry.bytes()).map_err(|error| Damage::NotARecord { index, error })?;
    if record.id == *entry.id() {
        Ok(record)
    } else {
        Err(Damage::OtherId { index })
    }
}
