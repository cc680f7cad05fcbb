//! Checks a whole published log again, from its entries \[C2SP tlog-tiles\]. Needs nothing but the
//! files and the log's key.

use std::ops::Range;

use async_trait::async_trait;
use countersign_core::{LeafHash, Sha256Digest};

use crate::checkpoint::SignedCheckpoint;
use crate::damage::Damage;
use crate::error::AuditError;
use crate::fsck::{LedgerCheck, Progress};
use crate::leaf::leaf_hash;
use crate::merkle::Frontier;
use crate::proved::{CHUNK, Chunks, Tree};
use crate::store::NodeId;
use crate::tiles::{
    TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath, TileStore, hash_of_complete, hashes_at,
    read_bundle, read_tile,
};
use crate::verifier_key::TrustedKey;

/// Computes the tree of a published log again from its entries, and compares each file that its
/// checkpoint needs. It may be any log: what its entries say is not looked at.
///
/// Goes on after damage, and says which entries are still proved by the checkpoint. Memory is
/// bounded but for 32 bytes for each 1,024 leaves.
///
/// # Errors
/// [`AuditError::NotInTree`] if there is no checkpoint, and [`AuditError::Store`] if the files can
/// not be read; damage is what it returns.
pub async fn verify_tiles(
    tiles: &dyn TileStore,
    keys: &[TrustedKey],
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<LedgerCheck, AuditError> {
    let note = tiles.checkpoint().await?;
    let note = note.ok_or(AuditError::NotInTree)?;
    let Ok(checkpoint) = SignedCheckpoint::parse(&note) else {
        let mut check = LedgerCheck::of(0, None);
        check.add(Damage::Checkpoint);
        return Ok(check);
    };
    let size = checkpoint.checkpoint().size();
    let published = PublishedTree { tiles, size };
    let mut check = LedgerCheck::of(size, Some(checkpoint));
    let (mut frontier, mut chunks) = (Frontier::empty(), Chunks::default());
    let mut leaves = Vec::new();
    // The hashes of the files that are being filled, level 0 first.
    let mut edge: Vec<Vec<Sha256Digest>> = Vec::new();
    while frontier.size() < size {
        let start = frontier.size();
        let end = start.saturating_add(TILE_WIDTH).min(size);
        let entries = published.leaves(start..end).await?;
        if entries.iter().any(Option::is_none) {
            let path = TilePath::holding(TileKind::Entries, start, size);
            check.add(published.missing_or_wrong(path, start).await?);
        }
        let kept = published.kept(&level_zero(start..end)).await?;
        let mut complete = Vec::new();
        for (entry, kept) in entries.iter().zip(kept) {
            // As far as there are entries, the tree is theirs; where there is none, the tile may
            // still have its hash, and all that is beside it is found to be in order.
            let kept = kept.map(|hash| LeafHash::from_bytes(*hash.as_bytes()));
            let leaf = entry.or(kept).unwrap_or(LeafHash::from_bytes([0; 32]));
            frontier.push(leaf, |id, hash| complete.push((id, hash)));
        }
        for (id, hash) in complete {
            published.compare(id, hash, &mut edge, &mut check).await?;
        }
        leaves.extend(entries);
        if u64::try_from(leaves.len()) == Ok(CHUNK) || end == size {
            chunks.push(&leaves);
            leaves.clear();
        }
        progress(Progress {
            done: end,
            total: size,
        });
    }
    for (level, hashes) in (0_u8..).zip(&edge) {
        if !hashes.is_empty() {
            let index = hashes_at(level, size) / TILE_WIDTH;
            published
                .compare_tile(level, index, hashes, &mut check)
                .await?;
        }
    }
    let root = Some(frontier.root());
    check.judge(&published, &chunks, root, keys).await?;
    Ok(check)
}

fn level_zero(range: Range<u64>) -> Vec<NodeId> {
    range.map(|index| NodeId { level: 0, index }).collect()
}

/// The files of a log of that size.
struct PublishedTree<'a> {
    tiles: &'a dyn TileStore,
    size: u64,
}

impl PublishedTree<'_> {
    /// Reads a tile, or the full one in place of a partial one that is not kept any more
    /// \[C2SP tlog-tiles, "Partial Tiles"\].
    async fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, AuditError> {
        if let Some(bytes) = self.tiles.tile(path).await? {
            return Ok(Some(bytes));
        }
        let full = TilePath::new(path.kind(), path.index(), 256);
        match full.filter(|full| *full != path) {
            Some(full) => Ok(self.tiles.tile(full).await?),
            None => Ok(None),
        }
    }

    /// The hashes of a tile, at least `width` of them.
    async fn hashes(&self, path: TilePath) -> Result<Option<Vec<Sha256Digest>>, AuditError> {
        let width = usize::from(path.width());
        let hashes = self.read(path).await?.and_then(|bytes| read_tile(&bytes));
        let mut hashes =
            hashes.filter(|hashes| matches!(hashes.len(), n if n == width || n == 256));
        if let Some(hashes) = &mut hashes {
            hashes.truncate(width);
        }
        Ok(hashes.filter(|hashes| hashes.len() == width))
    }

    async fn missing_or_wrong(
        &self,
        path: Option<TilePath>,
        index: u64,
    ) -> Result<Damage, AuditError> {
        let Some(path) = path else {
            return Ok(Damage::MissingEntry { index });
        };
        Ok(match self.read(path).await? {
            None => Damage::MissingFile(path),
            Some(_) => Damage::WrongFile(path),
        })
    }

    /// Takes a node that is complete, and compares its tile if that is full by it.
    async fn compare(
        &self,
        id: NodeId,
        hash: Sha256Digest,
        edge: &mut Vec<Vec<Sha256Digest>>,
        check: &mut LedgerCheck,
    ) -> Result<(), AuditError> {
        if !id.level.is_multiple_of(TILE_HEIGHT) {
            return Ok(());
        }
        let level = id.level / TILE_HEIGHT;
        let place = usize::from(level);
        if edge.len() <= place {
            edge.resize_with(place.saturating_add(1), Vec::new);
        }
        let Some(hashes) = edge.get_mut(place) else {
            return Ok(());
        };
        hashes.push(hash);
        if u64::try_from(hashes.len()) == Ok(TILE_WIDTH) {
            self.compare_tile(level, id.index / TILE_WIDTH, hashes, check)
                .await?;
            hashes.clear();
        }
        Ok(())
    }

    async fn compare_tile(
        &self,
        level: u8,
        index: u64,
        hashes: &[Sha256Digest],
        check: &mut LedgerCheck,
    ) -> Result<(), AuditError> {
        let width = u16::try_from(hashes.len()).unwrap_or(0);
        let Some(path) = TilePath::new(TileKind::Hashes { level }, index, width) else {
            return Ok(());
        };
        if self.hashes(path).await?.as_deref() != Some(hashes) {
            let damage = self.missing_or_wrong(Some(path), index).await?;
            check.add(damage);
        }
        Ok(())
    }

    /// The hashes of one bundle's entries, as far as it can be read.
    async fn bundle(&self, path: TilePath) -> Result<Vec<LeafHash>, AuditError> {
        let bytes = self.read(path).await?.unwrap_or_default();
        let entries = read_bundle(&bytes).unwrap_or_default();
        let width = usize::from(path.width());
        if !matches!(entries.len(), n if n == width || n == 256) {
            return Ok(Vec::new());
        }
        let leaves = entries.into_iter().map(leaf_hash).take(width);
        Ok(leaves.collect())
    }
}

#[async_trait]
impl Tree for PublishedTree<'_> {
    async fn leaves(&self, range: Range<u64>) -> Result<Vec<Option<LeafHash>>, AuditError> {
        let mut leaves = Vec::new();
        let mut start = range.start;
        while start < range.end {
            // Every range begins with a bundle.
            let end = start.saturating_add(TILE_WIDTH).min(range.end);
            let count = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
            let found = match TilePath::holding(TileKind::Entries, start, self.size) {
                Some(path) => self.bundle(path).await?,
                None => Vec::new(),
            };
            let found = found.into_iter().map(Some).chain(std::iter::repeat(None));
            leaves.extend(found.take(count));
            start = end;
        }
        Ok(leaves)
    }

    async fn kept(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, AuditError> {
        let mut kept = Vec::new();
        let mut read: Option<(TilePath, Option<Vec<Sha256Digest>>)> = None;
        for id in ids {
            let level = id.level / TILE_HEIGHT;
            let within = u32::from(id.level % TILE_HEIGHT);
            let count = 1_u64.checked_shl(within).unwrap_or(0);
            let first = id.index.saturating_mul(count);
            let kind = TileKind::Hashes { level };
            let Some(path) = TilePath::holding(kind, first, hashes_at(level, self.size)) else {
                kept.push(None);
                continue;
            };
            if read.as_ref().is_none_or(|(last, _)| *last != path) {
                read = Some((path, self.hashes(path).await?));
            }
            let hashes = read.as_ref().and_then(|(_, hashes)| hashes.as_ref());
            let skip = usize::try_from(first % TILE_WIDTH).unwrap_or(usize::MAX);
            let take = usize::try_from(count).unwrap_or(usize::MAX);
            let end = skip.saturating_add(take);
            let hashes = hashes.and_then(|hashes| hashes.get(skip..end));
            kept.push(hashes.map(hash_of_complete));
        }
        Ok(kept)
    }
}
