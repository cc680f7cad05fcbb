//! Checks a whole ledger again, from its entries.

use std::collections::HashSet;

use countersign_core::LeafHash;

use crate::checkpoint::SignedCheckpoint;
use crate::damage::Damage;
use crate::error::AuditError;
use crate::leaf::leaf_hash;
use crate::merkle::Frontier;
use crate::reader::LedgerReader;
use crate::record::parse_record;
use crate::store::StoredEntry;
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
        };
        walk.note_root();
        while walk.frontier.size() < size {
            let start = walk.frontier.size();
            let end = start.saturating_add(CHUNK).min(size);
            let mut stored = self.store().entries(start..end).await?.into_iter();
            let mut nodes = Vec::new();
            for index in start..end {
                let entry = stored.next();
                walk.check_entry(index, entry, &mut nodes, &mut check.damage);
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
    signed_root: Option<countersign_core::Sha256Digest>,
}

impl Walk {
    fn note_root(&mut self) {
        if self.signed_size == Some(self.frontier.size()) {
            self.signed_root = Some(self.frontier.root());
        }
    }

    fn check_entry(
        &mut self,
        index: u64,
        stored: Option<StoredEntry>,
        nodes: &mut Vec<(crate::store::NodeId, countersign_core::Sha256Digest)>,
        damage: &mut Vec<Damage>,
    ) {
        let leaf = match stored {
            Some(stored) if stored.index == Some(index) => {
                let entry = stored.entry;
                let leaf = leaf_hash(entry.bytes());
                if leaf != entry.leaf() {
                    damage.push(Damage::ChangedEntry { index });
                }
                match parse_record(entry.bytes()) {
                    Ok(record) => {
                        if record.id != *entry.id() {
                            damage.push(Damage::OtherId { index });
                        }
                        let lost = |parent: &&LeafHash| !self.seen.contains(*parent);
                        damage.extend(record.parents.iter().filter(lost).map(|parent| {
                            Damage::MissingParent {
                                index,
                                parent: *parent,
                            }
                        }));
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
}
