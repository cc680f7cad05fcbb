//! A log published into a folder, which any web server can serve.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use countersign_core::{StoreError, StoreErrorKind};

use crate::tiles::TileStore;

/// The files of a log below one folder.
///
/// A file is written beside its place, synced, and moved there, and the folder is synced then: a
/// reader sees a whole file or none, whatever happens in between. Nothing is ever deleted; a
/// partial tile stays for readers that hold an older checkpoint.
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

    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let place = self.root.join(path);
        let folder = place.parent().unwrap_or(&self.root);
        Self::make_folder(folder)?;
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        // No path of a log begins with a dot, so nobody takes it for a file of the log.
        let beside = folder.join(format!(".{name}.{}.new", std::process::id()));
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &place)?;
        sync_folder(folder)
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
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match read(&self.root.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read a file of a published log", error)),
        }
    }

    async fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let put = self.put(path, bytes);
        put.map_err(|error| failed("write a file of a published log", error))
    }
}

fn failed(doing: &'static str, error: io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Other, doing).caused_by(error)
}
