//! Which entries a root still proves, where not all of the tree is as it was.

use std::ops::Range;

use async_trait::async_trait;
use countersign_core::{LeafHash, Sha256Digest};

use crate::error::AuditError;
use crate::merkle::{Frontier, Subtree, fold, leaf_node, node_hash};
use crate::store::NodeId;
use crate::tiles::hash_of_complete;

/// Leaves whose hash is kept while a tree is walked, 2^10: 32 bytes for so many leaves are little
/// beside their entries, and so many entries are read again at once.
pub(crate) const CHUNK: u64 = 1 << CHUNK_LEVEL;
const CHUNK_LEVEL: u8 = 10;

/// A tree that is kept somewhere.
#[async_trait]
pub(crate) trait Tree: Sync {
    /// The leaf hashes of the entries as they are now, from their bytes; `None` where there is
    /// none.
    async fn leaves(&self, range: Range<u64>) -> Result<Vec<Option<LeafHash>>, AuditError>;

    /// The nodes as they are kept.
    async fn kept(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, AuditError>;
}

/// The hash over each chunk of entries, as they are now; `None` if one is missing.
#[derive(Debug, Default)]
pub(crate) struct Chunks(Vec<Option<Sha256Digest>>);

impl Chunks {
    /// Adds the next chunk.
    pub(crate) fn push(&mut self, leaves: &[Option<LeafHash>]) {
        self.0.push(root(leaves));
    }
}

fn root(leaves: &[Option<LeafHash>]) -> Option<Sha256Digest> {
    let mut frontier = Frontier::empty();
    for leaf in leaves {
        frontier.push((*leaf)?, |_, _| {});
    }
    Some(frontier.root())
}

/// Walks from a root that is signed down to what does not lead to it.
pub(crate) struct Judge<'a, T> {
    tree: &'a T,
    chunks: &'a Chunks,
    size: u64,
    /// The chunk that was read last.
    read: Option<(u64, Vec<Option<LeafHash>>)>,
}

impl<'a, T: Tree> Judge<'a, T> {
    pub(crate) fn new(tree: &'a T, chunks: &'a Chunks, size: u64) -> Self {
        Self {
            tree,
            chunks,
            size,
            read: None,
        }
    }

    /// The ranges of leaves whose entries, as they are now, are proved by `root`, the root of the
    /// whole tree.
    ///
    /// A hash is right if the one above it is, and both children lead to that. Where the kept
    /// children do not, those that follow from the entries may; a subtree of which neither does is
    /// not proved.
    pub(crate) async fn proved(
        mut self,
        root: Sha256Digest,
    ) -> Result<Vec<Range<u64>>, AuditError> {
        let mut proved: Vec<Range<u64>> = Vec::new();
        let mut open = vec![(Subtree::whole(self.size), root)];
        while let Some((subtree, right)) = open.pop() {
            if self.computed(subtree).await? == Some(right) {
                let range = subtree.range();
                match proved.last_mut() {
                    Some(last) if last.end == range.start => last.end = range.end,
                    _ if range.is_empty() => {}
                    _ => proved.push(range),
                }
                continue;
            }
            let Some((left, rest)) = subtree.split() else {
                continue;
            };
            let lefts = [self.kept(left).await?, self.computed(left).await?];
            let rests = [self.kept(rest).await?, self.computed(rest).await?];
            let pairs = lefts
                .iter()
                .flat_map(|a| rests.iter().map(move |b| (*a, *b)));
            let mut pairs = pairs.filter_map(|(a, b)| Some((a?, b?)));
            if let Some((a, b)) = pairs.find(|(a, b)| node_hash(*a, *b) == right) {
                // The left one is looked at first, so that the ranges come in order.
                open.push((rest, b));
                open.push((left, a));
            }
        }
        Ok(proved)
    }

    async fn kept(&self, subtree: Subtree) -> Result<Option<Sha256Digest>, AuditError> {
        let hashes = self.tree.kept(&subtree.complete_nodes()).await?;
        Ok(hashes
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .map(|hashes| fold(&hashes)))
    }

    async fn computed(&mut self, subtree: Subtree) -> Result<Option<Sha256Digest>, AuditError> {
        let mut hashes = Vec::new();
        for node in subtree.complete_nodes() {
            let hash = match node.level.checked_sub(CHUNK_LEVEL) {
                Some(above) => self.of_chunks(above, node.index),
                None => self.within_a_chunk(node).await?,
            };
            match hash {
                Some(hash) => hashes.push(hash),
                None => return Ok(None),
            }
        }
        Ok(Some(fold(&hashes)))
    }

    /// The hash over 2^`above` chunks.
    fn of_chunks(&self, above: u8, index: u64) -> Option<Sha256Digest> {
        let count = 1_u64.checked_shl(u32::from(above))?;
        let start = index.checked_mul(count)?;
        let range =
            usize::try_from(start).ok()?..usize::try_from(start.checked_add(count)?).ok()?;
        let hashes: Option<Vec<_>> = self.chunks.0.get(range)?.iter().copied().collect();
        Some(hash_of_complete(&hashes?))
    }

    async fn within_a_chunk(&mut self, node: NodeId) -> Result<Option<Sha256Digest>, AuditError> {
        let count = 1_u64.checked_shl(u32::from(node.level)).unwrap_or(0);
        let start = node.index.saturating_mul(count);
        let first = start.saturating_sub(start % CHUNK);
        if self.read.as_ref().is_none_or(|(read, _)| *read != first) {
            let end = first.saturating_add(CHUNK).min(self.size);
            self.read = Some((first, self.tree.leaves(first..end).await?));
        }
        let leaves = self.read.as_ref().map_or(&[][..], |(_, leaves)| leaves);
        let skip = usize::try_from(start % CHUNK).unwrap_or(usize::MAX);
        let take = usize::try_from(count).unwrap_or(usize::MAX);
        let leaves: Vec<_> = leaves.iter().skip(skip).take(take).copied().collect();
        if leaves.len() < take {
            return Ok(None);
        }
        let hashes: Option<Vec<_>> = leaves.into_iter().map(|leaf| leaf.map(leaf_node)).collect();
        Ok(hashes.map(|hashes| hash_of_complete(&hashes)))
    }
}

/// What of the leaves 0 to `size` is not in `proved`, which is in order.
pub(crate) fn others(proved: &[Range<u64>], size: u64) -> Vec<Range<u64>> {
    let mut others = Vec::new();
    let mut start = 0;
    for range in proved {
        if start < range.start {
            others.push(start..range.start);
        }
        start = range.end;
    }
    if start < size {
        others.push(start..size);
    }
    others
}
