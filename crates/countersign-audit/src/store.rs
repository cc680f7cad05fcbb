//! The port to where the ledger lives: an outbox, the entries, the tree's nodes, a checkpoint.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use countersign_core::{Entry, EntryId, LeafHash, Sha256Digest, StoreError};

/// One stored node of the tree: the hash over the complete, aligned subtree of
/// 2^`level` leaves that begins at leaf `index` · 2^`level`. Level 0 are the leaf hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Height above the leaves; at most 63.
    pub level: u8,
    /// Position among the nodes of its level, from 0.
    pub index: u64,
}

/// An entry as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The position of its leaf; `None` while it waits in the outbox.
    pub index: Option<u64>,
    /// The entry.
    pub entry: Entry,
}

/// The last checkpoint that was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// The size of the tree that it commits to.
    pub size: u64,
    /// The signed note, byte for byte.
    pub note: Vec<u8>,
}

/// An entry that waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEntry {
    /// Its id.
    pub id: EntryId,
    /// Its leaf hash as the entry claims it; the ledger hashes `bytes` itself and compares.
    pub leaf: LeafHash,
    /// The record.
    pub bytes: Vec<u8>,
}

/// How to find an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryQuery {
    /// By the position of its leaf.
    Index(u64),
    /// By its leaf hash.
    Leaf(LeafHash),
    /// By its id.
    Id(EntryId),
}

/// Entries that become leaves, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// The size of the tree that was read; the transaction conflicts if it is another by now.
    pub expected_size: u64,
    /// The entries that become the leaves `expected_size`, `expected_size + 1`, …: exactly the
    /// first ones of the outbox, in its order.
    pub entries: Vec<EntryId>,
    /// Every node that is complete now and was not before.
    pub nodes: Vec<(NodeId, Sha256Digest)>,
}

/// Where a ledger lives.
///
/// # Contract
/// - What a method acknowledges with `Ok` is durable.
/// - The outbox keeps the order in which entries were committed; an entry in it never overtakes
///   another, and none is ever skipped.
/// - [`integrate`](Self::integrate) and [`put_checkpoint`](Self::put_checkpoint) compare and
///   set: of two that expect the same state, one conflicts. That is all that keeps two ledgers
///   over one store from forking it.
/// - Entries and nodes are never changed or deleted; only private parts may be erased.
///
/// `countersign_testkit::conformance::ledger_store` checks all of it on any implementation.
#[async_trait]
pub trait LedgerStore: Send + Sync + fmt::Debug {
    /// Adds entries to the outbox: for records that no account change goes with.
    ///
    /// # Errors
    /// `Conflict` if an id or a leaf hash is there already; then none of them is added.
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError>;

    /// The first entries of the outbox, at most `limit`.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn pending(&self, limit: usize) -> Result<Vec<PendingEntry>, StoreError>;

    /// How many entries are leaves of the tree.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn size(&self) -> Result<u64, StoreError>;

    /// Turns entries of the outbox into leaves.
    ///
    /// # Errors
    /// `Conflict` if the size is not the expected one, or the entries are not the first of the
    /// outbox.
    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError>;

    /// Reads nodes; the answer has the order and the length of `ids`, `None` where there is none.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError>;

    /// Finds one entry, in the tree or still in the outbox.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError>;

    /// The entries of a range of leaves, in order; fewer where the tree ends.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError>;

    /// The last checkpoint, if one was signed.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError>;

    /// Replaces the last checkpoint.
    ///
    /// # Errors
    /// `Conflict` unless the stored one has size `expected_size` (`None`: there is none), and
    /// the new one's size is at least that and at most the tree's.
    async fn put_checkpoint(
        &self,
        expected_size: Option<u64>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError>;
}

macro_rules! forward {
    ($pointer:ty) => {
        #[async_trait]
        impl<S: LedgerStore + ?Sized> LedgerStore for $pointer {
            async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
                (**self).enqueue(entries).await
            }
            async fn pending(&self, limit: usize) -> Result<Vec<PendingEntry>, StoreError> {
                (**self).pending(limit).await
            }
            async fn size(&self) -> Result<u64, StoreError> {
                (**self).size().await
            }
            async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
                (**self).integrate(integration).await
            }
            async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
                (**self).nodes(ids).await
            }
            async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
                (**self).entry(query).await
            }
            async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
                (**self).entries(range).await
            }
            async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
                (**self).checkpoint().await
            }
            async fn put_checkpoint(
                &self,
                expected_size: Option<u64>,
                checkpoint: &StoredCheckpoint,
            ) -> Result<(), StoreError> {
                (**self).put_checkpoint(expected_size, checkpoint).await
            }
        }
    };
}
forward!(std::sync::Arc<S>);
forward!(Box<S>);
