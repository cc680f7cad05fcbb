//! The port to where the ledger lives: an outbox, the entries, the tree's nodes, a checkpoint,
//! anchors.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use countersign_core::{Entry, EntryId, LeafHash, Sha256Digest, StoreError};

use crate::checkpoint::SignedCheckpoint;

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

impl StoredCheckpoint {
    pub(crate) fn of(signed: &SignedCheckpoint) -> Self {
        Self {
            size: signed.checkpoint().size(),
            note: signed.bytes().to_vec(),
        }
    }
}

/// A checkpoint that a time-stamp was taken of, with the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The size of the tree that the checkpoint commits to.
    pub size: u64,
    /// The signed note, byte for byte: what the first token is about.
    pub note: Vec<u8>,
    /// `TimeStampToken`s in DER \[RFC 3161 §2.4.2\], the oldest first; each later one renews
    /// those before it.
    pub tokens: Vec<Vec<u8>>,
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
/// - What a method acknowledges with `Ok` is durable; only of [`integrate`](Self::integrate) the end
///   may be lost in a crash until the next checkpoint is acknowledged, because it is made again from
///   the outbox.
/// - A checkpoint is durable before [`checkpoint`](Self::checkpoint) can read it: it is handed on to
///   others, and if it were lost, another could be signed beside it.
/// - The outbox keeps the order in which entries were committed; an entry in it never overtakes
///   another, and none is ever skipped.
/// - [`integrate`](Self::integrate), [`put_checkpoint`](Self::put_checkpoint),
///   [`put_anchor`](Self::put_anchor) and [`rotate`](Self::rotate) compare and set: of two that
///   expect the same state, one conflicts. That is all that keeps two ledgers over one store from
///   forking it.
/// - Entries, nodes, anchors and their tokens are never changed or deleted; only private
///   parts may be erased.
///
/// `countersign_testkit::conformance::ledger_store` checks all of it on any implementation.
#[async_trait]
pub trait LedgerStore: Send + Sync + fmt::Debug {
    /// Adds entries to the outbox: for records that no account change goes with.
    ///
    /// # Errors
    /// `Conflict` if an id or a leaf hash is there already; then none of them is added.
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError>;

    /// The first entries of the outbox, at most `limit`; their private parts may be left out.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// How many entries are leaves of the tree.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn size(&self) -> Result<u64, StoreError>;

    /// Turns entries of the outbox into leaves. Durable with the next checkpoint at the latest.
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

    /// Finds entries by their leaf hashes, in the tree or still in the outbox; the answer has the
    /// order and the length of `leaves`, `None` where there is none.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError>;

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

    /// Replaces the last checkpoint, by one of a larger tree or by another note of the same: one
    /// with more cosignatures.
    ///
    /// # Errors
    /// `Conflict` unless the stored one is `expected`, byte for byte (`None`: there is none), and
    /// the new one's size is at least that and at most the tree's.
    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError>;

    /// Keeps a checkpoint with its time-stamps, or adds time-stamps to one that is kept.
    ///
    /// # Errors
    /// `Conflict` unless `expected_tokens` tokens are kept with the size (0: it is not kept yet),
    /// and `anchor` has the same note, the same tokens and at least one more, and a size that is
    /// at most the tree's.
    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError>;

    /// The anchor of the smallest size that is larger than `covering`: the first one that covers
    /// the leaf at that index.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError>;

    /// The sizes of all anchors, the smallest first.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn anchors(&self) -> Result<Vec<u64>, StoreError>;

    /// The leaf hash of the last entry that [`rotate`](Self::rotate) added.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError>;

    /// Adds the entry of a key's rotation to the outbox, and remembers that it is the last one.
    ///
    /// # Errors
    /// `Conflict` unless the last one is `expected` (`None`: there was none), or if the entry is
    /// there already; then it is not added.
    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError>;
}

macro_rules! forward {
    ($pointer:ty) => {
        #[async_trait]
        impl<S: LedgerStore + ?Sized> LedgerStore for $pointer {
            async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
                (**self).enqueue(entries).await
            }
            async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
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
            async fn leaves(
                &self,
                leaves: &[LeafHash],
            ) -> Result<Vec<Option<StoredEntry>>, StoreError> {
                (**self).leaves(leaves).await
            }
            async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
                (**self).entries(range).await
            }
            async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
                (**self).checkpoint().await
            }
            async fn put_checkpoint(
                &self,
                expected: Option<&StoredCheckpoint>,
                checkpoint: &StoredCheckpoint,
            ) -> Result<(), StoreError> {
                (**self).put_checkpoint(expected, checkpoint).await
            }
            async fn put_anchor(
                &self,
                anchor: &Anchor,
                expected_tokens: usize,
            ) -> Result<(), StoreError> {
                (**self).put_anchor(anchor, expected_tokens).await
            }
            async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
                (**self).anchor(covering).await
            }
            async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
                (**self).anchors().await
            }
            async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
                (**self).rotation().await
            }
            async fn rotate(
                &self,
                expected: Option<LeafHash>,
                entry: &Entry,
            ) -> Result<(), StoreError> {
                (**self).rotate(expected, entry).await
            }
        }
    };
}
forward!(std::sync::Arc<S>);
forward!(Box<S>);
