//! The files of a log as objects below one path.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_audit::note::MAX_NOTE_BYTES;
use countersign_audit::tiles::{CHECKPOINT_PATH, TileKind, TilePath, TileStore};
use countersign_core::{StoreError, StoreErrorKind};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, UpdateVersion,
};

/// A checkpoint is text, and a new one comes every few seconds [C2SP tlog-tiles, "Checkpoints"].
const CHECKPOINT_HEADERS: [(Attribute, &str); 2] = [
    (Attribute::ContentType, "text/plain; charset=utf-8"),
    (Attribute::CacheControl, "no-cache"),
];

/// A tile is bytes, and never changes [C2SP tlog-tiles, "Merkle Tree"; RFC 8246 §2]. Not `public`:
/// whether a log is, is its owner's to say.
const TILE_HEADERS: [(Attribute, &str); 2] = [
    (Attribute::ContentType, "application/octet-stream"),
    (Attribute::CacheControl, "max-age=31536000, immutable"),
];

/// 256 hashes of 32 bytes [C2SP tlog-tiles, "Merkle Tree"].
const MAX_TILE_BYTES: u64 = 256 * 32;

/// 256 entries of at most 65,535 bytes, each behind two of its length [C2SP tlog-tiles, "Log
/// entries"].
const MAX_BUNDLE_BYTES: u64 = 256 * (2 + 65_535);

/// The files of a log in object storage.
///
/// Tiles are put only where nothing is, and compared with what is there otherwise. The checkpoint
/// is put only in the place of the one that was read, by its e-tag or version. Each object has the
/// content type and the caching that the specification asks for, where the store keeps such a
/// thing. Nothing is ever deleted; partial tiles whose full one is there may be, by whoever looks
/// after the bucket.
///
/// # Security
/// Whoever may write to the bucket by other means can change anything, which
/// [`verify_tiles`](countersign_audit::tile_check::verify_tiles) finds. What is read is never
/// longer than a file of a log can be, whatever lies there.
#[derive(Debug, Clone)]
pub struct ObjectTiles {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    lock_file: Option<PathBuf>,
}

impl ObjectTiles {
    /// The log at the top of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            store,
            prefix: Path::default(),
            lock_file: None,
        }
    }

    /// The log below `prefix`, so that one bucket can have several.
    #[must_use]
    pub fn below(mut self, prefix: Path) -> Self {
        self.prefix = prefix;
        self
    }

    /// For a store that can not replace an object on a condition: the checkpoint is read, compared
    /// and overwritten by whoever holds the lock on this file, which the system lets go of when the
    /// process dies. It is made if it is not there, and best stands outside the store.
    ///
    /// All who publish there have to be given the same file. Who finds it taken gets a conflict.
    #[must_use]
    pub fn with_lock_file(mut self, lock_file: impl Into<PathBuf>) -> Self {
        self.lock_file = Some(lock_file.into());
        self
    }

    fn object(&self, path: &str) -> Path {
        let parts = Path::from(path);
        self.prefix.parts().chain(parts.parts()).collect()
    }

    /// Reads an object and what names its version; at most one byte more than `limit`, which is
    /// enough to see that it is too long.
    async fn read(&self, at: &Path, limit: u64) -> Result<Option<Read>, Error> {
        let found = match self.store.get(at).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let bytes = if found.meta.size > limit {
            let start = 0..limit.saturating_add(1);
            self.store.get_range(at, start).await?
        } else {
            found.bytes().await?
        };
        Ok(Some(Read {
            bytes: bytes.into(),
            version,
        }))
    }

    async fn put(
        &self,
        at: &Path,
        bytes: &[u8],
        mode: PutMode,
        headers: &[(Attribute, &'static str)],
    ) -> Result<(), Error> {
        let put = |attributes| {
            let options = PutOptions {
                mode: mode.clone(),
                attributes,
                ..PutOptions::default()
            };
            self.store
                .put_opts(at, PutPayload::from(bytes.to_vec()), options)
        };
        let outcome = match put(headers.iter().cloned().collect()).await {
            // It may be the headers that the store does not know; files have none.
            Err(Error::NotImplemented { .. }) => put(Attributes::new()).await,
            outcome => outcome,
        };
        outcome.map(drop)
    }

    /// The lock, if there is one to be held.
    fn lock(&self) -> Result<Option<File>, StoreError> {
        const DOING: &str = "lock the checkpoint of a log in object storage";
        let Some(path) = &self.lock_file else {
            return Ok(None);
        };
        let failed = |error| StoreError::new(StoreErrorKind::Other, DOING).caused_by(error);
        let mut options = File::options();
        let file = options.create(true).truncate(false).write(true).open(path);
        let file = file.map_err(failed)?;
        // Not to wait: who holds it may be a task of this very thread.
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::conflict(DOING)),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// An object as it was read.
struct Read {
    bytes: Vec<u8>,
    version: UpdateVersion,
}

#[async_trait]
impl TileStore for ObjectTiles {
    async fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        let at = self.object(&path.to_string());
        let read = self.read(&at, longest(path)).await;
        let read = read.map_err(|error| failed("read an object of a log", error))?;
        Ok(read.map(|read| read.bytes))
    }

    async fn add_tile(&self, path: TilePath, bytes: &[u8]) -> Result<(), StoreError> {
        const DOING: &str = "add an object to a log";
        let at = self.object(&path.to_string());
        match self.put(&at, bytes, PutMode::Create, &TILE_HEADERS).await {
            // A put whose answer was lost and that was sent again finds its own object.
            Err(error @ Error::AlreadyExists { .. }) => match self.tile(path).await? {
                Some(there) if there == bytes => Ok(()),
                Some(_) => Err(failed(DOING, error)),
                // Somebody is about to put it, or has just deleted it: that is no other tile.
                None => Err(StoreError::new(StoreErrorKind::Unavailable, DOING).caused_by(error)),
            },
            outcome => outcome.map_err(|error| failed(DOING, error)),
        }
    }

    async fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let at = self.object(CHECKPOINT_PATH);
        let read = self.read(&at, MAX_CHECKPOINT_BYTES).await;
        let read = read.map_err(|error| failed("read the checkpoint of a log", error))?;
        Ok(read.map(|read| read.bytes))
    }

    async fn replace_checkpoint(
        &self,
        expected: Option<&[u8]>,
        checkpoint: &[u8],
    ) -> Result<(), StoreError> {
        const DOING: &str = "replace the checkpoint of a log";
        let at = self.object(CHECKPOINT_PATH);
        let lock = self.lock()?;
        let there = self.read(&at, MAX_CHECKPOINT_BYTES).await;
        let there = there.map_err(|error| failed(DOING, error))?;
        if there.as_ref().map(|there| there.bytes.as_slice()) != expected {
            return Err(StoreError::conflict(DOING));
        }
        let mode = match (there, &lock) {
            (None, _) => PutMode::Create,
            (Some(_), Some(_)) => PutMode::Overwrite,
            (Some(there), None) => PutMode::Update(there.version),
        };
        let put = self.put(&at, checkpoint, mode, &CHECKPOINT_HEADERS).await;
        drop(lock);
        put.map_err(|error| match error {
            Error::NotImplemented { .. } => failed(UNCONDITIONAL, error),
            error => failed(DOING, error),
        })
    }
}

const MAX_CHECKPOINT_BYTES: u64 = MAX_NOTE_BYTES as u64;

/// What is refused rather than done blindly.
const UNCONDITIONAL: &str =
    "replace a checkpoint in a store that does so on no condition, without a lock file";

fn longest(path: TilePath) -> u64 {
    match path.kind() {
        TileKind::Entries => MAX_BUNDLE_BYTES,
        TileKind::Hashes { .. } => MAX_TILE_BYTES,
    }
}

fn failed(doing: &'static str, error: Error) -> StoreError {
    let kind = match &error {
        Error::AlreadyExists { .. } | Error::Precondition { .. } => StoreErrorKind::Conflict,
        // A network, a disk: it may have been written.
        Error::Generic { .. } => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Other,
    };
    StoreError::new(kind, doing).caused_by(error)
}
