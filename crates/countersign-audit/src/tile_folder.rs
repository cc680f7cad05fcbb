//! A log published into a folder, which any web server can serve.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use countersign_core::{StoreError, StoreErrorKind};

use crate::tiles::{CHECKPOINT_PATH, TilePath, TileStore};

/// The files of a log below one folder.
///
/// A file is written beside its place, synced, and moved there, and the folder is synced then: a
/// reader sees a whole file or none, whatever happens in between. Nothing is ever deleted; a
/// partial tile stays for readers that hold an older checkpoint.
///
/// Who writes holds a lock on the file `.lock` in the folder, which the system lets go of when the
/// process dies. On a folder that several machines share it is as good as that file system's locks.
///
/// Every method blocks the thread until the disk has answered.
#[derive(Debug, Clone)]
pub struct TileFolder {
    root: PathBuf,
}

impl TileFolder {
    /// The folder at `root`; it is made when something is written.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes a folder and those above it, and syncs each in which one was made.
    fn make_folder(folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let above = folder
            .parent()
            .filter(|above| !above.as_os_str().is_empty());
        if let Some(above) = above {
            Self::make_folder(above)?;
        }
        match fs::create_dir(folder) {
            // Another export was faster.
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        sync_folder(above.unwrap_or(Path::new(".")))
    }

    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match read(&self.root.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until nobody else writes; the lock is held for as long as the file is open.
    fn lock(&self) -> io::Result<File> {
        Self::make_folder(&self.root)?;
        let mut options = File::options();
        // No path of a log begins with a dot, so nobody takes it for a file of the log.
        let lock = options.create(true).truncate(false).write(true);
        let lock = lock.open(self.root.join(".lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    /// Puts a file in its place; the lock is held.
    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.root.join(path);
        let folder = place.parent().unwrap_or(&self.root);
        Self::make_folder(folder)?;
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let beside = folder.join(format!(".{name}.new"));
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &place)?;
        sync_folder(folder)
    }

    /// Whether the tile is there now, with these bytes.
    fn add(&self, path: &str, bytes: &[u8]) -> io::Result<bool> {
        let _lock = self.lock()?;
        match self.read(path)? {
            None => self.put(path, bytes).map(|()| true),
            Some(there) if there == bytes => {
                // Whoever wrote it may have died before its name was durable.
                let place = self.root.join(path);
                sync_folder(place.parent().unwrap_or(&self.root)).map(|()| true)
            }
            Some(_) => Ok(false),
        }
    }

    /// Whether what was there was what is expected.
    fn replace(&self, path: &str, expected: Option<&[u8]>, bytes: &[u8]) -> io::Result<bool> {
        let _lock = self.lock()?;
        if self.read(path)?.as_deref() != expected {
            return Ok(false);
        }
        self.put(path, bytes).map(|()| true)
    }
}

/// The most bytes of one file: 256 entries of 65,535 bytes, each behind two for its length
/// \[C2SP tlog-tiles\], are the largest there is.
const MAX_FILE_BYTES: u64 = 256 * (65_535 + 2);

/// Reads a file. A folder that a stranger has packed may hold a pipe, or a link to a device, which
/// have no end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "is no file"));
    }
    let mut bytes = Vec::new();
    let most = MAX_FILE_BYTES.saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            "is longer than a tile can be",
        ));
    }
    Ok(bytes)
}

/// Makes the names in a folder durable. Windows has no such thing, and needs none.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[async_trait]
impl TileStore for TileFolder {
    async fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.read(&path.to_string());
        read.map_err(|error| failed("read a file of a published log", error))
    }

    async fn add_tile(&self, path: TilePath, bytes: &[u8]) -> Result<(), StoreError> {
        const DOING: &str = "add a file to a published log";
        match self.add(&path.to_string(), bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::conflict(DOING)),
            Err(error) => Err(failed(DOING, error)),
        }
    }

    async fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.read(CHECKPOINT_PATH);
        read.map_err(|error| failed("read the checkpoint of a published log", error))
    }

    async fn replace_checkpoint(
        &self,
        expected: Option<&[u8]>,
        checkpoint: &[u8],
    ) -> Result<(), StoreError> {
        const DOING: &str = "replace the checkpoint of a published log";
        match self.replace(CHECKPOINT_PATH, expected, checkpoint) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::conflict(DOING)),
            Err(error) => Err(failed(DOING, error)),
        }
    }
}

fn failed(doing: &'static str, error: io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Other, doing).caused_by(error)
}
