//! Checks a whole ledger again, from its entries.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::{LeafHash, Sha256Digest};

use crate::causes::{Causes, Earlier, named};
use crate::checkpoint::SignedCheckpoint;
use crate::damage::Damage;
use crate::error::AuditError;
use crate::leaf::leaf_hash;
use crate::links::{LinkError, check_links};
use crate::merkle::Frontier;
use crate::proved::{CHUNK, Chunks, Judge, Tree, others};
use crate::reader::LedgerReader;
use crate::record::{Record, RecordError, parse_record};
use crate::store::{NodeId, StoredEntry};
use crate::verifier_key::TrustedKey;

/// Most damage that is listed one by one; how much more there is, is counted.
pub const MAX_DAMAGE: usize = 10_000;

/// Leaves that are remembered while a ledger is walked, to find causes and duplicates without
/// asking the store: 9 MiB. What is older is asked for.
const REMEMBERED: usize = 1 << 18;

/// How far a check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Leaves that are checked.
    pub done: u64,
    /// Leaves there are.
    pub total: u64,
}

/// What a check of a whole ledger found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerCheck {
    /// Leaves of the tree.
    pub size: u64,
    /// Entries that wait in the outbox, up to the first 1,024; they are not checked.
    pub pending: usize,
    /// The last checkpoint, if there is one that can be read.
    pub checkpoint: Option<SignedCheckpoint>,
    /// Whether a key that was given has signed the last checkpoint.
    pub checkpoint_trusted: bool,
    /// Checkpoints that were time-stamped, and that the tree continues.
    pub anchors: usize,
    /// Everything that is wrong, in the order of the leaves, up to [`MAX_DAMAGE`].
    pub damage: Vec<Damage>,
    /// How much more is wrong.
    pub more_damage: u64,
    /// The leaves whose entries, as they are, the last checkpoint proves.
    pub proved: Vec<Range<u64>>,
    /// The leaves that the last checkpoint covers and whose entries it does not prove: changed,
    /// lost, or cut off from it.
    pub affected: Vec<Range<u64>>,
}

impl LedgerCheck {
    /// Whether nothing is wrong. Says nothing of who signed: see `checkpoint_trusted`.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    pub(crate) fn of(size: u64, checkpoint: Option<SignedCheckpoint>) -> Self {
        Self {
            size,
            pending: 0,
            checkpoint,
            checkpoint_trusted: false,
            anchors: 0,
            damage: Vec::new(),
            more_damage: 0,
            proved: Vec::new(),
            affected: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, damage: Damage) {
        if self.damage.len() < MAX_DAMAGE {
            self.damage.push(damage);
        } else {
            self.more_damage = self.more_damage.saturating_add(1);
        }
    }

    /// Compares the last checkpoint with the root that was computed at its size, and says what it
    /// proves.
    pub(crate) async fn judge<T: Tree>(
        &mut self,
        tree: &T,
        chunks: &Chunks,
        root: Option<Sha256Digest>,
        keys: &[TrustedKey],
    ) -> Result<(), AuditError> {
        let Some(signed) = &self.checkpoint else {
            return Ok(());
        };
        let (signed_size, signed_root) = (signed.checkpoint().size(), signed.checkpoint().root());
        self.checkpoint_trusted = signed.verify_by(keys).is_ok();
        self.proved = Judge::new(tree, chunks, signed_size)
            .proved(signed_root)
            .await?;
        self.affected = others(&self.proved, signed_size);
        let size = self.size;
        match root {
            None => self.add(Damage::RolledBack { size, signed_size }),
            Some(root) if root != signed_root => self.add(Damage::Forked { signed_size }),
            Some(_) => {}
        }
        if !keys.is_empty() && !self.checkpoint_trusted {
            self.add(Damage::Checkpoint);
        }
        Ok(())
    }
}

impl LedgerReader {
    /// Computes the whole tree again from the entries, and compares each hash, node, record, the
    /// last checkpoint and those that were time-stamped.
    ///
    /// Goes on after damage, so that all of it is found and located, and says which entries are
    /// still proved by the last checkpoint. Calls `progress` after each chunk. Leaves that are
    /// added meanwhile are not looked at. Needs no signing key.
    ///
    /// Memory is bounded but for 32 bytes for each 1,024 leaves and 32 for each time-stamped
    /// checkpoint: causes that are too old to be remembered are asked of the store. That an entry
    /// is there twice is noticed among some 262,144 leaves; beyond, it is the store's unique index
    /// that excludes it.
    ///
    /// # Errors
    /// Only if the store fails; damage is what it returns.
    pub async fn verify_all(
        &self,
        keys: &[TrustedKey],
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LedgerCheck, AuditError> {
        // The checkpoint is read before the size: what others sign meanwhile is not missed here.
        let (checkpoint, damage) = match self.checkpoint().await {
            Ok(checkpoint) => (checkpoint, None),
            Err(AuditError::Damaged(damage)) => (None, Some(damage)),
            Err(error) => return Err(error),
        };
        let anchored = self.store().anchors().await?;
        let size = self.size().await?;
        let mut check = LedgerCheck::of(size, checkpoint);
        check.damage.extend(damage);
        let pending = usize::try_from(CHUNK).unwrap_or(usize::MAX);
        check.pending = self.store().pending(pending).await?.len();
        let signed_size = check.checkpoint.as_ref().map(|c| c.checkpoint().size());
        let wanted = anchored.iter().copied().chain(signed_size);
        let mut walk = Walk {
            frontier: Frontier::empty(),
            seen: Seen::new(size),
            roots: wanted.map(|size| (size, None)).collect(),
            chunks: Chunks::default(),
            causes: Causes::default(),
        };
        walk.note_root();
        while walk.frontier.size() < size {
            let start = walk.frontier.size();
            let end = start.saturating_add(CHUNK).min(size);
            self.check_chunk(start..end, &mut walk, &mut check).await?;
            progress(Progress {
                done: end,
                total: size,
            });
        }
        let root = signed_size.and_then(|size| walk.root_at(size));
        check.judge(self, &walk.chunks, root, keys).await?;
        for size in anchored {
            self.check_anchor(size, keys, &walk, &mut check).await?;
        }
        Ok(check)
    }

    async fn check_chunk(
        &self,
        range: Range<u64>,
        walk: &mut Walk,
        check: &mut LedgerCheck,
    ) -> Result<(), AuditError> {
        let mut stored = self.store().entries(range.clone()).await?.into_iter();
        let read = |index| {
            let stored = stored.next().filter(|stored| stored.index == Some(index));
            stored.map(Read::of)
        };
        let chunk: Vec<_> = range.clone().map(read).collect();
        let mut earlier = walk.causes.known(&walk.named(&chunk));
        earlier.read(self.store(), check.size).await?;
        let (mut nodes, mut leaves) = (Vec::new(), Vec::new());
        for (index, read) in range.zip(chunk) {
            leaves.push(walk.check_entry(index, read, &mut earlier, &mut nodes, check));
        }
        walk.chunks.push(&leaves);
        let ids: Vec<_> = nodes.iter().map(|(id, _)| *id).collect();
        let found = self.store().nodes(&ids).await?;
        let found = found.into_iter().chain(std::iter::repeat(None));
        for ((id, hash), found) in nodes.into_iter().zip(found) {
            match found {
                None => check.add(Damage::MissingNode(id)),
                Some(found) if found != hash => check.add(Damage::WrongNode(id)),
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn check_anchor(
        &self,
        size: u64,
        keys: &[TrustedKey],
        walk: &Walk,
        check: &mut LedgerCheck,
    ) -> Result<(), AuditError> {
        let signed = match self.anchored(size).await {
            Ok(signed) if keys.is_empty() || signed.verify_by(keys).is_ok() => signed,
            Ok(_) => {
                check.add(Damage::Anchor { size });
                return Ok(());
            }
            Err(AuditError::Damaged(damage)) => {
                check.add(damage);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match walk.root_at(size) {
            Some(root) if root == signed.checkpoint().root() => {
                check.anchors = check.anchors.saturating_add(1);
            }
            Some(_) => check.add(Damage::Forked { signed_size: size }),
            None => check.add(Damage::RolledBack {
                size: check.size,
                signed_size: size,
            }),
        }
        Ok(())
    }
}

#[async_trait]
impl Tree for LedgerReader {
    async fn leaves(&self, range: Range<u64>) -> Result<Vec<Option<LeafHash>>, AuditError> {
        let mut stored = self.store().entries(range.clone()).await?.into_iter();
        Ok(range
            .map(|index| {
                let entry = stored.next().filter(|stored| stored.index == Some(index));
                entry.map(|stored| leaf_hash(stored.entry.bytes()))
            })
            .collect())
    }

    async fn kept(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, AuditError> {
        Ok(self.store().nodes(ids).await?)
    }
}

struct Walk {
    frontier: Frontier,
    seen: Seen,
    /// The roots at the sizes that were signed, once the walk was there.
    roots: BTreeMap<u64, Option<Sha256Digest>>,
    chunks: Chunks,
    causes: Causes,
}

impl Walk {
    fn note_root(&mut self) {
        if let Some(root) = self.roots.get_mut(&self.frontier.size()) {
            *root = Some(self.frontier.root());
        }
    }

    /// What a chunk rests on beside itself.
    fn named(&self, chunk: &[Option<Read>]) -> BTreeSet<LeafHash> {
        let read = || chunk.iter().flatten();
        let records = read().filter_map(|read| read.record.as_deref().ok());
        let mut named = named(records);
        for read in read() {
            named.remove(&read.stored.entry.leaf());
        }
        named
    }

    /// Checks one entry; gives the leaf hash of its bytes.
    fn check_entry(
        &mut self,
        index: u64,
        read: Option<Read>,
        earlier: &mut Earlier,
        nodes: &mut Vec<(NodeId, Sha256Digest)>,
        check: &mut LedgerCheck,
    ) -> Option<LeafHash> {
        let (leaf, kept) = match read {
            Some(Read { stored, record }) => {
                let entry = stored.entry;
                let leaf = leaf_hash(entry.bytes());
                let is_changed = leaf != entry.leaf();
                if is_changed {
                    check.add(Damage::ChangedEntry { index });
                }
                match record {
                    Ok(record) => {
                        if record.id != *entry.id() {
                            check.add(Damage::OtherId { index });
                        }
                        self.check_links(index, &record, earlier, check);
                        // Of a changed one nothing is taken for true.
                        if is_changed {
                            earlier.cannot_read(entry.leaf(), index);
                        } else {
                            let bytes = entry.bytes().len();
                            self.causes
                                .remember(entry.leaf(), Arc::clone(&record), bytes);
                            earlier.insert(entry.leaf(), record);
                        }
                    }
                    Err(error) => {
                        earlier.cannot_read(entry.leaf(), index);
                        check.add(Damage::NotARecord { index, error });
                    }
                }
                // What the tree was built over is the stored hash: with it, only what was
                // changed is reported, and not every node above it.
                (Some(leaf), entry.leaf())
            }
            None => {
                check.add(Damage::MissingEntry { index });
                (None, LeafHash::from_bytes([0; 32]))
            }
        };
        if self.seen.insert(kept) {
            check.add(Damage::Duplicate { index });
        }
        self.frontier.push(kept, |id, hash| nodes.push((id, hash)));
        self.note_root();
        leaf
    }

    fn check_links(&self, index: u64, record: &Record, earlier: &Earlier, check: &mut LedgerCheck) {
        let is_known =
            |leaf: &LeafHash| self.seen.contains(*leaf) || earlier.is_before(leaf, index);
        let errors = check_links(record, |leaf| {
            earlier.record(leaf).filter(|_| is_known(leaf))
        });
        for error in errors {
            // A cause that is there and can not be read is told where it stands, and nothing can
            // be said here of what rests on it.
            if !matches!(&error, LinkError::Missing { parent } if is_known(parent)) {
                check.add(Damage::link(index, error));
            }
        }
    }

    fn root_at(&self, size: u64) -> Option<Sha256Digest> {
        self.roots.get(&size).copied().flatten()
    }
}

/// An entry, and the record in it.
struct Read {
    stored: StoredEntry,
    record: Result<Arc<Record>, RecordError>,
}

impl Read {
    fn of(stored: StoredEntry) -> Self {
        let record = parse_record(stored.entry.bytes()).map(Arc::new);
        Self { stored, record }
    }
}

/// The leaves that were seen last: each has one place, which a later one may take.
struct Seen(Vec<Option<LeafHash>>);

impl Seen {
    fn new(size: u64) -> Self {
        let slots = usize::try_from(size).unwrap_or(REMEMBERED);
        Self(vec![None; slots.saturating_mul(2).clamp(1, REMEMBERED)])
    }

    fn place(&self, leaf: LeafHash) -> usize {
        let prefix = leaf.as_bytes().first_chunk().copied().unwrap_or_default();
        let slots = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        let place = u64::from_le_bytes(prefix).checked_rem(slots).unwrap_or(0);
        usize::try_from(place).unwrap_or(0)
    }

    /// Remembers a leaf; whether it was there already.
    fn insert(&mut self, leaf: LeafHash) -> bool {
        let place = self.place(leaf);
        let Some(slot) = self.0.get_mut(place) else {
            return false;
        };
        let was_there = *slot == Some(leaf);
        *slot = Some(leaf);
        was_there
    }

    fn contains(&self, leaf: LeafHash) -> bool {
        self.0.get(self.place(leaf)) == Some(&Some(leaf))
    }
}
