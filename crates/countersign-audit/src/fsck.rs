//! Checks a whole ledger again, from its entries.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use countersign_core::{LeafHash, Sha256Digest};

use crate::causes::{Causes, Earlier, named};
use crate::checkpoint::SignedCheckpoint;
use crate::damage::Damage;
use crate::error::AuditError;
use crate::leaf::leaf_hash;
use crate::links::{LinkError, check_links};
use crate::merkle::Frontier;
use crate::reader::LedgerReader;
use crate::record::{Record, RecordError, parse_record};
use crate::store::{NodeId, StoredEntry};
use crate::verifier_key::VerifierKey;

/// Entries that are read at once: bounds memory at 64 MiB of entries.
const CHUNK: u64 = 1024;

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
    /// Everything that is wrong, in the order of the leaves.
    pub damage: Vec<Damage>,
}

impl LedgerCheck {
    /// Whether nothing is wrong. Says nothing of who signed: see `checkpoint_trusted`.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

impl LedgerReader {
    /// Computes the whole tree again from the entries, and compares each hash, node, record and
    /// the last checkpoint.
    ///
    /// Goes on after damage, so that all of it is found and located. Calls `progress` after each
    /// chunk. Leaves that are added meanwhile are not looked at.
    ///
    /// # Errors
    /// Only if the store fails; damage is what it returns.
    pub async fn verify_all(
        &self,
        keys: &[VerifierKey],
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LedgerCheck, AuditError> {
        // The checkpoint is read before the size: what others sign meanwhile is not missed here.
        let (checkpoint, damage) = match self.checkpoint().await {
            Ok(checkpoint) => (checkpoint, Vec::new()),
            Err(AuditError::Damaged(damage)) => (None, vec![damage]),
            Err(error) => return Err(error),
        };
        let size = self.size().await?;
        let pending = usize::try_from(CHUNK).unwrap_or(usize::MAX);
        let mut check = LedgerCheck {
            size,
            pending: self.store().pending(pending).await?.len(),
            checkpoint,
            checkpoint_trusted: false,
            damage,
        };
        let mut walk = Walk {
            frontier: Frontier::empty(),
            seen: HashSet::new(),
            signed_size: check.checkpoint.as_ref().map(|c| c.checkpoint().size()),
            signed_root: None,
            causes: Causes::default(),
        };
        walk.note_root();
        while walk.frontier.size() < size {
            let start = walk.frontier.size();
            let end = start.saturating_add(CHUNK).min(size);
            let stored = self.store().entries(start..end).await?;
            let mut stored = stored.into_iter().map(Read::of);
            let chunk: Vec<_> = (start..end).map(|_| stored.next()).collect();
            let mut earlier = walk.causes.known(&walk.named(&chunk));
            earlier.read(self.store(), size).await?;
            let mut nodes = Vec::new();
            for (index, read) in (start..end).zip(chunk) {
                walk.check_entry(index, read, &mut earlier, &mut nodes, &mut check.damage);
            }
            let ids: Vec<_> = nodes.iter().map(|(id, _)| *id).collect();
            let found = self.store().nodes(&ids).await?;
            let found = found.into_iter().chain(std::iter::repeat(None));
            for ((id, hash), found) in nodes.into_iter().zip(found) {
                match found {
                    None => check.damage.push(Damage::MissingNode(id)),
                    Some(found) if found != hash => check.damage.push(Damage::WrongNode(id)),
                    Some(_) => {}
                }
            }
            progress(Progress {
                done: end,
                total: size,
            });
        }
        check.judge_checkpoint(keys, &walk);
        Ok(check)
    }
}

impl LedgerCheck {
    fn judge_checkpoint(&mut self, keys: &[VerifierKey], walk: &Walk) {
        let Some(signed) = &self.checkpoint else {
            return;
        };
        let signed_size = signed.checkpoint().size();
        match walk.signed_root {
            None => self.damage.push(Damage::RolledBack {
                size: self.size,
                signed_size,
            }),
            Some(root) if root != signed.checkpoint().root() => {
                self.damage.push(Damage::Forked { signed_size });
            }
            Some(_) => {}
        }
        self.checkpoint_trusted = signed.verify(keys).is_ok();
        if !keys.is_empty() && !self.checkpoint_trusted {
            self.damage.push(Damage::Checkpoint);
        }
    }
}

struct Walk {
    frontier: Frontier,
    seen: HashSet<LeafHash>,
    signed_size: Option<u64>,
    /// The root at `signed_size`, once the walk was there.
    signed_root: Option<Sha256Digest>,
    causes: Causes,
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

impl Walk {
    fn note_root(&mut self) {
        if self.signed_size == Some(self.frontier.size()) {
            self.signed_root = Some(self.frontier.root());
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

    fn check_entry(
        &mut self,
        index: u64,
        read: Option<Read>,
        earlier: &mut Earlier,
        nodes: &mut Vec<(NodeId, Sha256Digest)>,
        damage: &mut Vec<Damage>,
    ) {
        let leaf = match read {
            Some(Read { stored, record }) if stored.index == Some(index) => {
                let entry = stored.entry;
                let is_changed = leaf_hash(entry.bytes()) != entry.leaf();
                if is_changed {
                    damage.push(Damage::ChangedEntry { index });
                }
                match record {
                    Ok(record) => {
                        if record.id != *entry.id() {
                            damage.push(Damage::OtherId { index });
                        }
                        self.check_links(index, &record, earlier, damage);
                        // Of a changed one nothing is taken for true.
                        if !is_changed {
                            let bytes = entry.bytes().len();
                            self.causes
                                .remember(entry.leaf(), Arc::clone(&record), bytes);
                            earlier.insert(entry.leaf(), record);
                        }
                    }
                    Err(error) => damage.push(Damage::NotARecord { index, error }),
                }
                // What the tree was built over is the stored hash: with it, only what was
                // changed is reported, and not every node above it.
                entry.leaf()
            }
            _ => {
                damage.push(Damage::MissingEntry { index });
                LeafHash::from_bytes([0; 32])
            }
        };
        if !self.seen.insert(leaf) {
            damage.push(Damage::Duplicate { index });
        }
        self.frontier.push(leaf, |id, hash| nodes.push((id, hash)));
        self.note_root();
    }

    fn check_links(
        &self,
        index: u64,
        record: &Record,
        earlier: &Earlier,
        damage: &mut Vec<Damage>,
    ) {
        let is_known = |leaf: &LeafHash| self.seen.contains(leaf);
        let errors = check_links(record, |leaf| {
            earlier.record(leaf).filter(|_| is_known(leaf))
        });
        // A cause that is there and can not be read is told where it stands, and nothing can be
        // said here of what rests on it.
        let is_lost = |error: &LinkError| match error {
            LinkError::Missing { parent } => !is_known(parent),
            _ => true,
        };
        damage.extend(
            errors
                .into_iter()
                .filter(is_lost)
                .map(|error| Damage::link(index, error)),
        );
    }
}
