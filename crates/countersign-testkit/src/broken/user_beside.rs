//! What a broken user store has beside its users: the outbox and what was seen, both the right one's.

use std::ops::Range;

use async_trait::async_trait;
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_core::{Entry, LeafHash, ReplayKey, Sha256Digest, StoreError, Timestamp};
use countersign_provision::store::UserStore;
use countersign_saml::replay::{ReplayStore, Seen};

use super::user_store::BrokenUserStore;

#[async_trait]
impl<S: ReplayStore> ReplayStore for BrokenUserStore<S> {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        self.inner.insert_once(key, expires, now).await
    }
}

#[async_trait]
impl<S: UserStore + LedgerStore + ReplayStore> LedgerStore for BrokenUserStore<S> {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.inner.enqueue(entries).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.pending(limit).await
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.inner.size().await
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        self.inner.integrate(integration).await
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        self.inner.nodes(ids).await
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        self.inner.entry(query).await
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        self.inner.leaves(leaves).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        self.inner.entries(range).await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.inner.checkpoint().await
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        self.inner.put_checkpoint(expected, checkpoint).await
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        self.inner.put_anchor(anchor, expected_tokens).await
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        self.inner.anchor(covering).await
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        self.inner.anchors().await
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        self.inner.rotation().await
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        self.inner.rotate(expected, entry).await
    }
}
