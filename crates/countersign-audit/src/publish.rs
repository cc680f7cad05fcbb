//! Publishing a ledger as files that any client of C2SP logs reads \[C2SP tlog-tiles\].

use crate::checkpoint::SignedCheckpoint;
use crate::damage::Damage;
use crate::error::AuditError;
use crate::fsck::Progress;
use crate::leaf::leaf_hash;
use crate::merkle::{Frontier, verify_consistency};
use crate::reader::LedgerReader;
use crate::store::NodeId;
use crate::tiles::{
    TILE_HEIGHT, TILE_WIDTH, TileKind, TilePath, TileStore, hashes_at, root_of_edge, write_bundle,
    write_tile,
};
use crate::verifier_key::TrustedKey;
use countersign_core::{Sha256Digest, StoreError};

/// How often an export begins anew because another one was faster. Whoever loses a turn has seen
/// the other publish something newer, so that this many need as many others.
const TURNS: usize = 16;

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The size that was published before.
    pub old_size: u64,
    /// The checkpoint that is published now.
    pub checkpoint: SignedCheckpoint,
    /// Files that were written, the checkpoint included.
    pub files: u64,
}

/// The hashes at the right edge: for each level of tiles those of the tile that is not full.
struct Edge<'a> {
    tiles: &'a dyn TileStore,
    hashes: Vec<Vec<Sha256Digest>>,
    files: u64,
}

impl Edge<'_> {
    async fn write(&mut self, path: Option<TilePath>, bytes: &[u8]) -> Result<(), AuditError> {
        // INVARIANT: a tile has between 1 and 256 hashes.
        if let Some(path) = path {
            let added = self.tiles.add_tile(path, bytes).await;
            added.map_err(|error| match error.is_conflict() {
                true => AuditError::Damaged(Damage::OtherFile(path)),
                false => AuditError::Store(error),
            })?;
            self.files = self.files.saturating_add(1);
        }
        Ok(())
    }

    async fn write_hashes(&mut self, level: usize, index: u64) -> Result<(), AuditError> {
        let hashes = self
            .hashes
            .get(level)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let (bytes, width) = (write_tile(hashes), u16::try_from(hashes.len()));
        let kind = TileKind::Hashes {
            level: u8::try_from(level).unwrap_or(u8::MAX),
        };
        let path = TilePath::new(kind, index, width.unwrap_or(0));
        self.write(path, &bytes).await
    }

    /// Adds a node that is complete, and writes its tile if it is full by it.
    async fn add(&mut self, id: NodeId, hash: Sha256Digest) -> Result<(), AuditError> {
        if !id.level.is_multiple_of(TILE_HEIGHT) {
            return Ok(());
        }
        let level = usize::from(id.level / TILE_HEIGHT);
        if self.hashes.len() <= level {
            self.hashes.resize_with(level.saturating_add(1), Vec::new);
        }
        let Some(hashes) = self.hashes.get_mut(level) else {
            return Ok(());
        };
        hashes.push(hash);
        if u64::try_from(hashes.len()) == Ok(TILE_WIDTH) {
            self.write_hashes(level, id.index / TILE_WIDTH).await?;
            if let Some(hashes) = self.hashes.get_mut(level) {
                hashes.clear();
            }
        }
        Ok(())
    }
}

impl LedgerReader {
    /// Publishes the ledger up to its last checkpoint; only what is new since the checkpoint that
    /// is published already is written, and the checkpoint comes last.
    ///
    /// Every entry is hashed again on the way, and the tree over them must have the checkpoint's
    /// root and be shown to continue the published one, or the checkpoint is not replaced. A tile
    /// that is there already must be the same. Interrupted at any point it leaves a log that is
    /// whole; the next call writes what is missing. Of several at once, on any number of machines,
    /// each publishes what is newer than what it finds, or nothing.
    ///
    /// `keys` are the log's, with those that were retired:
    /// [`log_keys`](LedgerReader::log_keys).
    ///
    /// # Errors
    /// [`AuditError::NotInTree`] if there is no checkpoint; [`AuditError::Damaged`] if none of the
    /// keys has signed it or the one that is published, if the ledger does not continue the latter,
    /// a tile is there and is another, or an entry was changed; [`AuditError::Store`] if either
    /// store fails, with a conflict if others published all the time.
    pub async fn publish(
        &self,
        keys: &[TrustedKey],
        tiles: &dyn TileStore,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Published, AuditError> {
        let mut last = StoreError::conflict("publish a checkpoint");
        for _ in 0..TURNS {
            match self.publish_once(keys, tiles, progress).await {
                Err(AuditError::Store(error)) if error.is_conflict() => last = error,
                outcome => return outcome,
            }
        }
        Err(last.into())
    }

    async fn publish_once(
        &self,
        keys: &[TrustedKey],
        tiles: &dyn TileStore,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Published, AuditError> {
        // First what is published: another export may publish what this ledger has signed since.
        let there = tiles.checkpoint().await?;
        let checkpoint = self.checkpoint().await?.ok_or(AuditError::NotInTree)?;
        let trusted =
            |signed: &SignedCheckpoint| signed.verify_by(keys).map_err(|_| Damage::Checkpoint);
        trusted(&checkpoint)?;
        let old_size = match &there {
            None => 0,
            Some(bytes) => {
                let old = SignedCheckpoint::parse(bytes).map_err(|_| Damage::Checkpoint)?;
                trusted(&old)?;
                let old_size = old.checkpoint().size();
                self.check_continues(&old, &checkpoint).await?;
                if old == checkpoint {
                    return Ok(Published {
                        old_size,
                        checkpoint,
                        files: 0,
                    });
                }
                old_size
            }
        };
        let files = self
            .write_tiles(old_size, &checkpoint, tiles, progress)
            .await?;
        tiles
            .replace_checkpoint(there.as_deref(), checkpoint.bytes())
            .await?;
        Ok(Published {
            old_size,
            checkpoint,
            files: files.saturating_add(1),
        })
    }

    /// That the tree of one checkpoint is the beginning of the other's, by a proof that needs no
    /// trust in the store \[RFC 9162 §2.1.4.2\].
    async fn check_continues(
        &self,
        old: &SignedCheckpoint,
        new: &SignedCheckpoint,
    ) -> Result<(), AuditError> {
        let (old, new) = (old.checkpoint(), new.checkpoint());
        let (size, signed_size) = (new.size(), old.size());
        if signed_size > size {
            return Err(Damage::RolledBack { size, signed_size }.into());
        }
        let continues = match signed_size {
            // Every tree continues the empty one; there is no proof of it.
            0 => old.root() == self.root(0).await?,
            _ => {
                let proof = self.consistency_proof(signed_size, size).await?;
                verify_consistency(signed_size, size, &proof, old.root(), new.root()).is_ok()
            }
        };
        match continues {
            true => Ok(()),
            false => Err(Damage::Forked { signed_size }.into()),
        }
    }

    async fn write_tiles(
        &self,
        old_size: u64,
        checkpoint: &SignedCheckpoint,
        tiles: &dyn TileStore,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<u64, AuditError> {
        let size = checkpoint.checkpoint().size();
        // The tiles that were not full are written again with more in them.
        let mut start = old_size.saturating_sub(old_size % TILE_WIDTH);
        let mut frontier = self.frontier(start).await?;
        let mut edge = Edge {
            tiles,
            hashes: self.edge(start).await?,
            files: 0,
        };
        if old_size == size {
            start = size;
        }
        while start < size {
            let end = start.saturating_add(TILE_WIDTH).min(size);
            let bundle = self
                .write_entries(start..end, &mut frontier, &mut edge)
                .await?;
            let path = TilePath::holding(TileKind::Entries, start, size);
            edge.write(path, &bundle).await?;
            start = end;
            progress(Progress {
                done: end,
                total: size,
            });
        }
        if old_size < size {
            for level in 0..edge.hashes.len() {
                let count = hashes_at(u8::try_from(level).unwrap_or(u8::MAX), size);
                edge.write_hashes(level, count / TILE_WIDTH).await?;
            }
            // What a reader will compute from the files, and not what the database says.
            if root_of_edge(&edge.hashes) != checkpoint.checkpoint().root() {
                return Err(Damage::Forked { signed_size: size }.into());
            }
        }
        Ok(edge.files)
    }

    /// The bundle of these entries; their hashes go to the edge.
    async fn write_entries(
        &self,
        range: std::ops::Range<u64>,
        frontier: &mut Frontier,
        edge: &mut Edge<'_>,
    ) -> Result<Vec<u8>, AuditError> {
        let mut stored = self.store().entries(range.clone()).await?.into_iter();
        let mut entries = Vec::new();
        for index in range {
            let entry = stored.next().filter(|stored| stored.index == Some(index));
            let entry = entry.ok_or(Damage::MissingEntry { index })?.entry;
            let leaf = leaf_hash(entry.bytes());
            if leaf != entry.leaf() {
                return Err(Damage::ChangedEntry { index }.into());
            }
            let mut complete = Vec::new();
            frontier.push(leaf, |id, hash| complete.push((id, hash)));
            for (id, hash) in complete {
                edge.add(id, hash).await?;
            }
            entries.push(entry.bytes().to_vec());
        }
        // INVARIANT: an entry has at most 65,535 bytes.
        Ok(write_bundle(&entries).unwrap_or_default())
    }

    /// The hashes of the tiles that are not full in the tree of `size` leaves.
    async fn edge(&self, size: u64) -> Result<Vec<Vec<Sha256Digest>>, AuditError> {
        let mut edge = Vec::new();
        for level in 0..TILE_HEIGHT {
            let count = hashes_at(level, size);
            if count == 0 {
                break;
            }
            let first = count.saturating_sub(count % TILE_WIDTH);
            let id = |index| NodeId {
                level: level.saturating_mul(TILE_HEIGHT),
                index,
            };
            let ids: Vec<_> = (first..count).map(id).collect();
            edge.push(self.nodes(&ids).await?);
        }
        Ok(edge)
    }
}
