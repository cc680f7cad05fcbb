//! The ledger's part of the memory store.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::{Bound, Range};

use async_trait::async_trait;
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_core::{
    Entry, EntryId, LeafHash, Private, Sha256Digest, StoreError, Timestamp, VaultOwner,
};

use super::{MemoryStore, conflict};

/// All entries in the order of their commits; the first `size` of them are leaves, the others
/// are the outbox.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
    by_id: HashMap<EntryId, usize>,
    by_leaf: HashMap<LeafHash, usize>,
    size: usize,
    nodes: BTreeMap<NodeId, Sha256Digest>,
    checkpoint: Option<StoredCheckpoint>,
    anchors: BTreeMap<u64, Anchor>,
    rotation: Option<LeafHash>,
}

impl Ledger {
    /// Whether [`append`](Self::append) may be called: no id and no leaf hash is there already.
    pub(super) fn has_room_for(&self, entries: &[Entry]) -> bool {
        let mut ids = HashSet::new();
        let mut leaves = HashSet::new();
        entries.iter().all(|entry| {
            !self.by_id.contains_key(entry.id())
                && !self.by_leaf.contains_key(&entry.leaf())
                && ids.insert(entry.id())
                && leaves.insert(entry.leaf())
        })
    }

    pub(super) fn append(&mut self, entries: &[Entry]) {
        for entry in entries {
            let position = self.entries.len();
            self.by_id.insert(entry.id().clone(), position);
            self.by_leaf.insert(entry.leaf(), position);
            self.entries.push(entry.clone());
        }
    }

    /// Whose the private parts are, and when each was filed.
    pub(super) fn filed(&self) -> impl Iterator<Item = (&VaultOwner, Timestamp)> {
        let private = self.entries.iter().filter_map(Entry::private);
        private.map(|private| (&private.owner, private.filed_at))
    }

    /// Gives all private parts of one owner to another, or deletes them.
    pub(super) fn refile(&mut self, from: &VaultOwner, to: Option<&VaultOwner>) {
        for entry in &mut self.entries {
            let Some(private) = entry.private().filter(|private| private.owner == *from) else {
                continue;
            };
            let private = to.map(|to| Private {
                owner: to.clone(),
                ..private.clone()
            });
            let (id, bytes) = (entry.id().clone(), entry.bytes().to_vec());
            *entry = Entry::from_parts(id, entry.leaf(), bytes, private);
        }
    }

    fn size(&self) -> u64 {
        u64::try_from(self.size).unwrap_or(u64::MAX)
    }

    fn stored(&self, position: usize) -> Option<StoredEntry> {
        let entry = self.entries.get(position)?.clone();
        let index = (position < self.size).then(|| u64::try_from(position).unwrap_or(u64::MAX));
        Some(StoredEntry { index, entry })
    }

    /// The stored entry whose leaf is at `index`.
    fn leaf(&self, index: u64) -> Option<StoredEntry> {
        let position = usize::try_from(index).ok()?;
        self.stored(position)
            .filter(|entry| entry.index == Some(index))
    }
}

#[async_trait]
impl LedgerStore for MemoryStore {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let doing = "add entries to the outbox";
        let mut shared = self.lock(doing)?;
        if !shared.ledger.has_room_for(entries) {
            return Err(conflict(doing, "an entry is there already"));
        }
        let erased = |owner: &VaultOwner| shared.users.is_erased(owner);
        if !entries
            .iter()
            .all(|entry| shared.vault.allow(entry, erased))
        {
            return Err(conflict(doing, "a private part can not be filed"));
        }
        shared.ledger.append(entries);
        Ok(())
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let shared = self.lock("read the outbox")?;
        let waiting = shared.ledger.entries.iter().skip(shared.ledger.size);
        Ok(waiting.take(limit).cloned().collect())
    }

    async fn size(&self) -> Result<u64, StoreError> {
        Ok(self.lock("read the size of the tree")?.ledger.size())
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        let doing = "integrate entries";
        let mut shared = self.lock(doing)?;
        let ledger = &mut shared.ledger;
        if ledger.size() != integration.expected_size {
            return Err(conflict(doing, "the tree has another size"));
        }
        let grown = ledger.size.saturating_add(integration.entries.len());
        let first = ledger.entries.get(ledger.size..grown);
        if !first.is_some_and(|first| first.iter().map(Entry::id).eq(&integration.entries)) {
            return Err(conflict(
                doing,
                "the entries are not the first of the outbox",
            ));
        }
        let mut ids = HashSet::new();
        for (id, _) in &integration.nodes {
            if ledger.nodes.contains_key(id) || !ids.insert(id) {
                return Err(conflict(doing, "a node is there already"));
            }
        }
        ledger.nodes.extend(integration.nodes.iter().copied());
        ledger.size = grown;
        Ok(())
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        let shared = self.lock("read nodes")?;
        let nodes = &shared.ledger.nodes;
        Ok(ids.iter().map(|id| nodes.get(id).copied()).collect())
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        let shared = self.lock("read an entry")?;
        let ledger = &shared.ledger;
        let position = match query {
            EntryQuery::Index(index) => return Ok(ledger.leaf(*index)),
            EntryQuery::Leaf(leaf) => ledger.by_leaf.get(leaf),
            EntryQuery::Id(id) => ledger.by_id.get(id),
        };
        Ok(position.and_then(|position| ledger.stored(*position)))
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        let shared = self.lock("read entries")?;
        let ledger = &shared.ledger;
        let find = |leaf| ledger.stored(*ledger.by_leaf.get(leaf)?);
        Ok(leaves.iter().map(find).collect())
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        let shared = self.lock("read entries")?;
        let end = range.end.min(shared.ledger.size());
        Ok((range.start..end)
            .map_while(|index| shared.ledger.leaf(index))
            .collect())
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        Ok(self.lock("read the checkpoint")?.ledger.checkpoint.clone())
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        let doing = "put a checkpoint";
        let mut shared = self.lock(doing)?;
        let ledger = &mut shared.ledger;
        if ledger.checkpoint.as_ref() != expected {
            return Err(conflict(doing, "another checkpoint is stored"));
        }
        if expected.is_some_and(|expected| checkpoint.size < expected.size) {
            return Err(conflict(
                doing,
                "the checkpoint is older than the stored one",
            ));
        }
        if checkpoint.size > ledger.size() {
            return Err(conflict(doing, "the checkpoint is larger than the tree"));
        }
        ledger.checkpoint = Some(checkpoint.clone());
        Ok(())
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        let doing = "put an anchor";
        let mut shared = self.lock(doing)?;
        let ledger = &mut shared.ledger;
        if anchor.size > ledger.size() {
            return Err(conflict(doing, "the anchor is larger than the tree"));
        }
        let stored = ledger.anchors.get(&anchor.size);
        let tokens = stored.map_or(&[][..], |stored| &stored.tokens);
        if tokens.len() != expected_tokens {
            return Err(conflict(doing, "another number of tokens is stored"));
        }
        if stored.is_some_and(|stored| stored.note != anchor.note)
            || !anchor.tokens.starts_with(tokens)
            || anchor.tokens.len() == tokens.len()
        {
            return Err(conflict(
                doing,
                "tokens are only added, and to their own note",
            ));
        }
        ledger.anchors.insert(anchor.size, anchor.clone());
        Ok(())
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        let shared = self.lock("read an anchor")?;
        let after = (Bound::Excluded(covering), Bound::Unbounded);
        let first = shared.ledger.anchors.range(after).next();
        Ok(first.map(|(_, anchor)| anchor.clone()))
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        let shared = self.lock("read the anchors")?;
        Ok(shared.ledger.anchors.keys().copied().collect())
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        Ok(self.lock("read the last rotation")?.ledger.rotation)
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        let doing = "rotate the key";
        let mut shared = self.lock(doing)?;
        let ledger = &mut shared.ledger;
        if ledger.rotation != expected {
            return Err(conflict(doing, "another rotation is the last"));
        }
        let entry = std::slice::from_ref(entry);
        if !ledger.has_room_for(entry) {
            return Err(conflict(doing, "the entry is there already"));
        }
        ledger.append(entry);
        ledger.rotation = entry.first().map(Entry::leaf);
        Ok(())
    }
}
