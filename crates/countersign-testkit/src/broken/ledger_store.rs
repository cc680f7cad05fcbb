//! Ledgers that lose, change, reorder or fork.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_core::{Entry, LeafHash, Sha256Digest, StoreError, StoreErrorKind};

use super::{dawdle, defects};

defects! {
    /// What is wrong with a [`BrokenLedgerStore`].
    LedgerDefect {
        /// It shows an empty checkpoint before one was signed.
        InventsACheckpoint: "an_empty_ledger_is_empty",
        /// It acknowledges entries and keeps none.
        AcknowledgesWithoutWriting: "entries_come_back_byte_for_byte",
        /// It gives the bytes back without the white space around them.
        TrimsBytes: "entries_come_back_byte_for_byte",
        /// It does not keep private parts.
        DropsPrivateParts: "entries_come_back_byte_for_byte",
        /// It gives the outbox in the order of the ids.
        SortsTheOutbox: "the_outbox_keeps_its_order",
        /// It gives the whole outbox whatever the limit.
        IgnoresTheLimit: "the_outbox_keeps_its_order",
        /// It adds the entries of one call one by one.
        EnqueuesOneByOne: "an_entry_is_enqueued_once",
        /// It drops what comes while it is busy, and acknowledges it.
        LosesEntriesInARush: "entries_at_once_are_all_kept",
        /// It does not find an entry before it is a leaf.
        HidesTheOutbox: "entries_are_found_by_index_leaf_and_id",
        /// It leaves out of an answer the entries that are not there.
        LeavesMissingEntriesOut: "entries_come_back_in_the_order_asked",
        /// It gives the entries of the outbox as if they were leaves.
        RunsPastTheTree: "a_range_ends_with_the_tree",
        /// It makes leaves of the first entries, whichever were named.
        IntegratesWhatItFinds: "only_the_first_of_the_outbox_become_leaves",
        /// It does not compare the size of the tree.
        IgnoresTheSize: "integrating_compares_the_size",
        /// It compares the size, and makes leaves in a second step.
        LooksBeforeItIntegrates: "of_two_integrations_at_once_one_conflicts",
        /// It leaves out of an answer the nodes that are not there.
        LeavesMissingNodesOut: "nodes_come_back_in_the_order_asked",
        /// It writes a node again.
        OverwritesNodes: "nodes_never_change",
        /// It replaces the checkpoint whatever was expected.
        IgnoresTheStoredCheckpoint: "a_checkpoint_compares_and_sets",
        /// It compares the size of the checkpoint and not its note.
        ComparesTheSizeAlone: "a_note_compares_and_sets",
        /// It compares the checkpoint, and replaces it in a second step.
        LooksBeforeItReplacesTheCheckpoint: "of_two_checkpoints_at_once_one_conflicts",
        /// It acknowledges an anchor of a tree that it does not have.
        AnchorsPastTheTree: "an_anchor_compares_and_sets",
        /// It does not compare how many tokens are there.
        IgnoresTheTokens: "an_anchor_compares_and_sets",
        /// It keeps the last token only.
        KeepsTheLastToken: "anchors_come_back_byte_for_byte",
        /// It gives the anchor that has exactly as many leaves as the index.
        AnchorsOneShort: "anchors_are_found_by_what_they_cover",
        /// It gives the sizes of the anchors the largest first.
        GivesTheLargestFirst: "anchors_are_found_by_what_they_cover",
        /// It compares the tokens, and adds to them in a second step.
        LooksBeforeItAnchors: "of_two_anchors_at_once_one_conflicts",
        /// It adds the entry of a rotation and forgets that it is one.
        ForgetsTheRotation: "a_rotation_compares_and_sets",
        /// It does not compare the last rotation.
        IgnoresTheRotation: "a_rotation_compares_and_sets",
    }
}

/// A ledger store with one defect, over one that is right.
#[derive(Debug)]
pub struct BrokenLedgerStore<S> {
    inner: S,
    defect: LedgerDefect,
    overwritten: Mutex<HashMap<NodeId, Sha256Digest>>,
    busy: AtomicUsize,
}

impl<S: LedgerStore> BrokenLedgerStore<S> {
    /// Spoils a store that is right.
    pub fn new(inner: S, defect: LedgerDefect) -> Self {
        Self {
            inner,
            defect,
            overwritten: Mutex::default(),
            busy: AtomicUsize::new(0),
        }
    }

    fn overwritten(&self) -> Result<MutexGuard<'_, HashMap<NodeId, Sha256Digest>>, StoreError> {
        let poisoned = |_| StoreError::new(StoreErrorKind::Other, "lock the nodes");
        self.overwritten.lock().map_err(poisoned)
    }

    /// The integration, of whatever is the first of the outbox now.
    async fn of_the_first(&self, integration: &Integration) -> Result<Integration, StoreError> {
        let pending = self.inner.pending(integration.entries.len()).await?;
        Ok(Integration {
            entries: pending
                .into_iter()
                .map(|entry| entry.id().clone())
                .collect(),
            ..integration.clone()
        })
    }

    /// Takes out of the integration the nodes that are there, and remembers them anew.
    async fn overwrite(&self, integration: &Integration) -> Result<Integration, StoreError> {
        let mut integration = integration.clone();
        let ids: Vec<NodeId> = integration.nodes.iter().map(|(id, _)| *id).collect();
        let stored = self.inner.nodes(&ids).await?;
        let nodes = std::mem::take(&mut integration.nodes);
        for (node, stored) in nodes.into_iter().zip(stored) {
            match stored {
                Some(_) => drop(self.overwritten()?.insert(node.0, node.1)),
                None => integration.nodes.push(node),
            }
        }
        Ok(integration)
    }

    async fn tokens(&self, size: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let Some(before) = size.checked_sub(1) else {
            return Ok(Vec::new());
        };
        let anchor = self.inner.anchor(before).await?;
        let anchor = anchor.filter(|anchor| anchor.size == size);
        Ok(anchor.map(|anchor| anchor.tokens).unwrap_or_default())
    }

    fn spoil(&self, stored: StoredEntry) -> StoredEntry {
        let StoredEntry { index, entry } = stored;
        let bytes = self.spoil_bytes(entry.bytes().to_vec());
        let private = match self.defect {
            LedgerDefect::DropsPrivateParts => None,
            _ => entry.private().cloned(),
        };
        let entry = Entry::from_parts(entry.id().clone(), entry.leaf(), bytes, private);
        StoredEntry { index, entry }
    }

    fn spoil_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match self.defect {
            LedgerDefect::TrimsBytes => bytes.trim_ascii().to_vec(),
            _ => bytes,
        }
    }
}

#[async_trait]
impl<S: LedgerStore> LedgerStore for BrokenLedgerStore<S> {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        match self.defect {
            LedgerDefect::AcknowledgesWithoutWriting => Ok(()),
            LedgerDefect::EnqueuesOneByOne => {
                for entry in entries {
                    self.inner.enqueue(std::slice::from_ref(entry)).await?;
                }
                Ok(())
            }
            LedgerDefect::LosesEntriesInARush => {
                let others = self.busy.fetch_add(1, Ordering::SeqCst);
                dawdle();
                let answer = match others {
                    0 => self.inner.enqueue(entries).await,
                    _ => Ok(()),
                };
                self.busy.fetch_sub(1, Ordering::SeqCst);
                answer
            }
            _ => self.inner.enqueue(entries).await,
        }
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let limit = match self.defect {
            LedgerDefect::IgnoresTheLimit => usize::MAX,
            _ => limit,
        };
        let mut pending = self.inner.pending(limit).await?;
        for entry in &mut pending {
            let (id, bytes) = (entry.id().clone(), entry.bytes().to_vec());
            *entry = Entry::from_parts(id, entry.leaf(), self.spoil_bytes(bytes), None);
        }
        if self.defect == LedgerDefect::SortsTheOutbox {
            pending.sort_by(|a, b| a.id().cmp(b.id()));
        }
        Ok(pending)
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.inner.size().await
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        let mut integration = integration.clone();
        match self.defect {
            LedgerDefect::IntegratesWhatItFinds => {
                integration = self.of_the_first(&integration).await?;
            }
            LedgerDefect::IgnoresTheSize => integration.expected_size = self.inner.size().await?,
            LedgerDefect::LooksBeforeItIntegrates => {
                if self.inner.size().await? != integration.expected_size {
                    return Err(StoreError::conflict("integrate entries"));
                }
                dawdle();
                integration.nodes.clear();
                integration = self.of_the_first(&integration).await?;
                integration.expected_size = self.inner.size().await?;
            }
            LedgerDefect::OverwritesNodes => integration = self.overwrite(&integration).await?,
            _ => {}
        }
        self.inner.integrate(&integration).await
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        let mut nodes = self.inner.nodes(ids).await?;
        let overwritten = self.overwritten()?;
        for (node, id) in nodes.iter_mut().zip(ids) {
            *node = overwritten.get(id).copied().or(*node);
        }
        if self.defect == LedgerDefect::LeavesMissingNodesOut {
            nodes.retain(Option::is_some);
        }
        Ok(nodes)
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        let found = self.inner.entry(query).await?;
        let shown = found
            .filter(|entry| self.defect != LedgerDefect::HidesTheOutbox || entry.index.is_some());
        Ok(shown.map(|entry| self.spoil(entry)))
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        let mut found = self.inner.leaves(leaves).await?;
        match self.defect {
            LedgerDefect::HidesTheOutbox => {
                for entry in &mut found {
                    *entry = entry.take().filter(|entry| entry.index.is_some());
                }
            }
            LedgerDefect::LeavesMissingEntriesOut => found.retain(Option::is_some),
            _ => {}
        }
        let spoil = |entry: Option<StoredEntry>| entry.map(|entry| self.spoil(entry));
        Ok(found.into_iter().map(spoil).collect())
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        let size = self.inner.size().await?;
        let mut entries = self.inner.entries(range.clone()).await?;
        if self.defect == LedgerDefect::RunsPastTheTree && range.contains(&size) {
            for (index, entry) in range.zip(self.inner.pending(usize::MAX).await?) {
                let index = Some(index);
                entries.push(StoredEntry { index, entry });
            }
        }
        Ok(entries.into_iter().map(|entry| self.spoil(entry)).collect())
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let stored = self.inner.checkpoint().await?;
        Ok(match self.defect {
            LedgerDefect::InventsACheckpoint => stored.or(Some(StoredCheckpoint {
                size: 0,
                note: Vec::new(),
            })),
            _ => stored,
        })
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        let stored = self.inner.checkpoint().await?;
        match self.defect {
            LedgerDefect::IgnoresTheStoredCheckpoint => {
                self.inner.put_checkpoint(stored.as_ref(), checkpoint).await
            }
            LedgerDefect::ComparesTheSizeAlone => {
                let size = |checkpoint: &StoredCheckpoint| checkpoint.size;
                let same = stored.as_ref().map(size) == expected.map(size);
                let expected = if same { stored.as_ref() } else { expected };
                self.inner.put_checkpoint(expected, checkpoint).await
            }
            LedgerDefect::LooksBeforeItReplacesTheCheckpoint => {
                if stored.as_ref() != expected {
                    return Err(StoreError::conflict("put a checkpoint"));
                }
                dawdle();
                let stored = self.inner.checkpoint().await?;
                self.inner.put_checkpoint(stored.as_ref(), checkpoint).await
            }
            _ => self.inner.put_checkpoint(expected, checkpoint).await,
        }
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        let mut anchor = anchor.clone();
        match self.defect {
            LedgerDefect::AnchorsPastTheTree if anchor.size > self.inner.size().await? => Ok(()),
            LedgerDefect::IgnoresTheTokens => {
                let tokens = self.tokens(anchor.size).await?;
                self.inner.put_anchor(&anchor, tokens.len()).await
            }
            LedgerDefect::LooksBeforeItAnchors => {
                if self.tokens(anchor.size).await?.len() != expected_tokens {
                    return Err(StoreError::conflict("put an anchor"));
                }
                dawdle();
                let mut tokens = self.tokens(anchor.size).await?;
                let there = tokens.len();
                tokens.append(&mut anchor.tokens);
                anchor.tokens = tokens;
                self.inner.put_anchor(&anchor, there).await
            }
            _ => self.inner.put_anchor(&anchor, expected_tokens).await,
        }
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        let covering = match self.defect {
            LedgerDefect::AnchorsOneShort => covering.saturating_sub(1),
            _ => covering,
        };
        let mut anchor = self.inner.anchor(covering).await?;
        if let Some(anchor) = &mut anchor
            && self.defect == LedgerDefect::KeepsTheLastToken
        {
            anchor.tokens = anchor.tokens.pop().into_iter().collect();
        }
        Ok(anchor)
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        let mut sizes = self.inner.anchors().await?;
        if self.defect == LedgerDefect::GivesTheLargestFirst {
            sizes.reverse();
        }
        Ok(sizes)
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        self.inner.rotation().await
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        match self.defect {
            LedgerDefect::ForgetsTheRotation => {
                self.inner.enqueue(std::slice::from_ref(entry)).await
            }
            LedgerDefect::IgnoresTheRotation => {
                let last = self.inner.rotation().await?;
                self.inner.rotate(last, entry).await
            }
            _ => self.inner.rotate(expected, entry).await,
        }
    }
}
