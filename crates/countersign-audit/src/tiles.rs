//! The files that a log is published as \[C2SP tlog-tiles\].

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use countersign_core::{Sha256Digest, StoreError};
use thiserror::Error;

use crate::merkle::{Subtree, fold};

/// Hashes of a full tile, and entries of a full bundle \[C2SP tlog-tiles, "Merkle Tree"\].
pub const TILE_WIDTH: u64 = 256;

/// Levels of the tree between two levels of tiles: 2^8 is the width.
pub(crate) const TILE_HEIGHT: u8 = 8;

/// Where the checkpoint is \[C2SP tlog-tiles, "Checkpoints"\].
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// The entries themselves.
    Entries,
    /// Hashes; those of level 0 are the leaves', each of a higher one is over a full tile below.
    Hashes {
        /// The level, at most 7 for a tree whose size has 64 bits.
        level: u8,
    },
}

/// One tile, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// The text is no path of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not the path of a tile such as tile/0/x001/234")]
pub struct ParseTilePathError;

impl TilePath {
    /// The tile at `index` among those of its kind, with `width` hashes or entries; `None` if that
    /// is 0 or more than 256, or there can be no such level.
    #[must_use]
    pub fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        let is_level = !matches!(kind, TileKind::Hashes { level } if level > 63);
        let is_width = (1..=256).contains(&width);
        (is_level && is_width).then_some(Self { kind, index, width })
    }

    /// What it holds.
    #[must_use]
    pub fn kind(self) -> TileKind {
        self.kind
    }

    /// Its position among those of its kind.
    #[must_use]
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds.
    #[must_use]
    pub fn width(self) -> u16 {
        self.width
    }

    /// The tile of this kind that holds the hash or entry at `index`, in a log that has `count`
    /// of them.
    pub(crate) fn holding(kind: TileKind, index: u64, count: u64) -> Option<Self> {
        let (tile, first) = (index / TILE_WIDTH, index.checked_sub(index % TILE_WIDTH)?);
        let width = count.checked_sub(first)?.min(TILE_WIDTH);
        Self::new(kind, tile, u16::try_from(width).ok()?)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => f.write_str("tile/entries/")?,
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
        }
        // Three digits an element; all but the last begin with an x.
        let digits = self.index.to_string();
        let padding = digits.len().next_multiple_of(3);
        let digits = format!("{digits:0>padding$}");
        for (n, digit) in digits.chars().enumerate() {
            if n % 3 == 0 {
                if n > 0 {
                    f.write_str("/")?;
                }
                if digits.len().saturating_sub(n) > 3 {
                    f.write_str("x")?;
                }
            }
            write!(f, "{digit}")?;
        }
        if u64::from(self.width) < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for TilePath {
    type Err = ParseTilePathError;

    fn from_str(text: &str) -> Result<Self, ParseTilePathError> {
        parse_path(text)
            // What is written in one way only is read in one way only.
            .filter(|path| path.to_string() == text)
            .ok_or(ParseTilePathError)
    }
}

fn parse_path(text: &str) -> Option<TilePath> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes {
            level: level.parse().ok()?,
        },
    };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok()?),
        None => (rest, 256),
    };
    let digits: String = index
        .split('/')
        .map(|part| part.trim_start_matches('x'))
        .collect();
    TilePath::new(kind, digits.parse().ok()?, width)
}

/// How many hashes there are at a level of tiles in a tree of that size.
pub(crate) fn hashes_at(level: u8, size: u64) -> u64 {
    let shift = u32::from(level).saturating_mul(u32::from(TILE_HEIGHT));
    size.checked_shr(shift).unwrap_or(0)
}

/// The entries of a bundle, each behind its length in 16 bits \[C2SP tlog-tiles, "Log entries"\];
/// `None` if one is longer than that.
#[must_use]
pub fn write_bundle<B: AsRef<[u8]>>(entries: &[B]) -> Option<Vec<u8>> {
    let mut bundle = Vec::new();
    for entry in entries {
        let entry = entry.as_ref();
        bundle.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Some(bundle)
}

/// Reads what [`write_bundle`] writes; `None` if the bytes end within an entry.
#[must_use]
pub fn read_bundle(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = rest;
    }
    bundle.is_empty().then_some(entries)
}

/// The bytes of a tile of hashes.
#[must_use]
pub fn write_tile(hashes: &[Sha256Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Reads what [`write_tile`] writes; `None` if the bytes are no whole hashes.
#[must_use]
pub fn read_tile(tile: &[u8]) -> Option<Vec<Sha256Digest>> {
    let (hashes, rest) = tile.as_chunks::<32>();
    rest.is_empty().then(|| {
        hashes
            .iter()
            .copied()
            .map(Sha256Digest::from_bytes)
            .collect()
    })
}

/// The root that the hashes of the tiles at the right edge lead to, level 0 first; a level whose
/// last tile is full has none here.
pub(crate) fn root_of_edge(edge: &[Vec<Sha256Digest>]) -> Sha256Digest {
    let mut peaks = Vec::new();
    for hashes in edge.iter().rev() {
        let mut rest = hashes.as_slice();
        let width = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        for node in Subtree::whole(width).complete_nodes() {
            let count = 1_usize.checked_shl(u32::from(node.level)).unwrap_or(0);
            let (these, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            peaks.push(hash_of_complete(these));
            rest = others;
        }
    }
    fold(&peaks)
}

/// The hash over 2^n hashes.
pub(crate) fn hash_of_complete(hashes: &[Sha256Digest]) -> Sha256Digest {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level.chunks(2).map(fold).collect();
    }
    fold(&level)
}

/// Where a log is published: a folder, a bucket.
///
/// # Contract
/// What is acknowledged is durable, and readers see all of a file or nothing of it. A tile never
/// changes once it is there. The checkpoint is compared and set: of any number of calls that
/// expect the same, one succeeds, whichever process or machine they come from.
#[async_trait]
pub trait TileStore: Send + Sync + fmt::Debug {
    /// Reads a tile; `None` if it is not there.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError>;

    /// Adds a tile. One that is there already with the same bytes is left as it is.
    ///
    /// # Errors
    /// A conflict if it is there with other bytes; these stay. Anything else if it can not be
    /// written.
    async fn add_tile(&self, path: TilePath, bytes: &[u8]) -> Result<(), StoreError>;

    /// Reads the checkpoint; `None` if it is not there.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Publishes a checkpoint in the place of `expected`, where `None` is that there is none.
    ///
    /// # Errors
    /// A conflict if another is there, byte for byte, which stays. Anything else if it can not be
    /// written.
    async fn replace_checkpoint(
        &self,
        expected: Option<&[u8]>,
        checkpoint: &[u8],
    ) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(level: u8, index: u64, width: u16) -> TilePath {
        TilePath::new(TileKind::Hashes { level }, index, width).unwrap()
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let entries = TilePath::new(TileKind::Entries, 0, 1).unwrap();
        for (path, text) in [
            (hashes(0, 1_234_067, 256), "tile/0/x001/x234/067"),
            (hashes(63, 0, 255), "tile/63/000.p/255"),
            (hashes(1, 999, 256), "tile/1/999"),
            (hashes(1, 1000, 256), "tile/1/x001/000"),
            (entries, "tile/entries/000.p/1"),
        ] {
            assert_eq!(path.to_string(), text);
            assert_eq!(text.parse(), Ok(path));
        }
        let last = hashes(0, u64::MAX, 256).to_string();
        assert_eq!(last.parse(), Ok(hashes(0, u64::MAX, 256)));
    }

    #[test]
    fn what_is_no_path_of_a_tile_is_refused() {
        for bad in [
            "",
            "checkpoint",
            "tile/0",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/../000",
            "tile/entries/000.p/",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert_eq!(bad.parse::<TilePath>(), Err(ParseTilePathError), "{bad}");
        }
    }

    #[test]
    fn bundles_come_back_and_torn_ones_do_not() {
        let entries = [&b"one"[..], b"", &[7; 65_535]];
        let bundle = write_bundle(&entries).unwrap();
        assert_eq!(read_bundle(&bundle).unwrap(), entries);
        assert_eq!(read_bundle(&bundle[..4]), None);
        assert_eq!(read_bundle(&bundle[..6]), None);
        assert_eq!(write_bundle(&[vec![0; 65_536]]), None);
    }

    #[test]
    fn tiles_come_back_and_torn_ones_do_not() {
        let hashes = [
            Sha256Digest::from_bytes([1; 32]),
            Sha256Digest::from_bytes([2; 32]),
        ];
        let tile = write_tile(&hashes);
        assert_eq!(read_tile(&tile).unwrap(), hashes);
        assert_eq!(read_tile(&tile[..63]), None);
    }
}
