//! A copy of the file as it is at one moment, while it is in use.

use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use thiserror::Error;

use crate::aside::aside;
use crate::file::{self, OpenError};
use crate::integrity::{Finding, findings};
use crate::store::SqliteStore;

/// Something below failed: the operating system, or SQLite. Its source tells what.
#[derive(Debug, Error)]
#[error("it can not be written")]
pub struct BackupFailure {
    source: Box<dyn Error + Send + Sync>,
}

/// Why there is no backup. Nothing of it is left then, but where the process was killed: then the
/// unfinished copy lies beside it, with `.partial` at the end of its name.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is a file of that name already.
    #[error("there is such a file already")]
    Exists,
    /// An unfinished copy of that name is there, of a backup that was interrupted or is under way.
    #[error("an unfinished copy is there already, with `.partial` at the end of its name")]
    Unfinished,
    /// The store's own file can not be opened again.
    #[error("the store's file can not be read")]
    Source(#[source] OpenError),
    /// The copy was read again, and is not sound; so the file that it was made of is not, either.
    #[error("the copy is not sound: {}", .0.first().map_or("", |finding| finding.detail()))]
    Unsound(Vec<Finding>),
    /// Anything else.
    #[error(transparent)]
    Failed(BackupFailure),
}

impl BackupError {
    /// A stable code for logs and scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists => "backup.exists",
            Self::Unfinished => "backup.unfinished",
            Self::Source(_) => "backup.source",
            Self::Unsound(_) => "backup.unsound",
            Self::Failed(_) => "backup.failed",
        }
    }
}

impl From<io::Error> for BackupError {
    fn from(error: io::Error) -> Self {
        Self::Failed(BackupFailure {
            source: error.into(),
        })
    }
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(BackupFailure {
            source: error.into(),
        })
    }
}

impl SqliteStore {
    /// Writes a copy of the store, as it is at one moment, into a new file.
    ///
    /// Sign-ins go on meanwhile, and are in the copy or not, each as a whole. The copy is a store
    /// like any other: it is synced to the disk and read again from end to end before it has its
    /// name, so what has the name is whole. It holds nothing that was erased.
    ///
    /// # Errors
    /// [`BackupError::Exists`] if the file is there; nothing is ever written over. The others if
    /// it can not be made, or is not sound.
    ///
    /// # Cancellation
    /// The copy is finished all the same.
    ///
    /// # Security
    /// It is as secret as the store; its owner alone may read it. And it is of the past: whoever
    /// puts it in the place of the store sets the ledger back, loses what was acknowledged since,
    /// and brings back what was erased since. Witnesses notice, and so does
    /// `Ledger::check_continues` with any later checkpoint; no store does by itself.
    pub async fn backup_to(&self, path: impl AsRef<Path>) -> Result<(), BackupError> {
        let path = std::path::absolute(path)?;
        let (file, source) = self.source();
        let copied = aside(file, source, move |db| {
            copy(&db.map_err(BackupError::Source)?, &path)
        });
        let gone = || io::Error::other("the thread that copied is gone");
        copied.await.ok_or_else(gone)?
    }
}

fn copy(db: &Connection, path: &Path) -> Result<(), BackupError> {
    let partial = partial(path);
    check_free(path)?;
    match file::create_private(&partial) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(BackupError::Unfinished);
        }
        created => created?,
    }
    let copied = copy_into(db, &partial).and_then(|()| {
        check_free(path)?;
        fs::rename(&partial, path)?;
        Ok(())
    });
    if copied.is_err() {
        let _ = fs::remove_file(&partial);
    } else if let Some(folder) = path.parent() {
        // That the file has its name is only durable with its folder.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        #[cfg(not(unix))]
        let _ = folder;
    }
    copied
}

fn check_free(path: &Path) -> Result<(), BackupError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(BackupError::Exists),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".partial");
    PathBuf::from(name)
}

/// `VACUUM INTO` reads in one transaction, which holds up no writer, and writes no page that is
/// free; so neither is there an end to wait for that sign-ins push away, as there is with SQLite's
/// backup by pages, nor anything that was erased in what it writes.
fn copy_into(db: &Connection, partial: &Path) -> Result<(), BackupError> {
    let name = partial.to_str().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidFilename,
            "SQLite names files in UTF-8",
        )
    })?;
    db.execute("VACUUM INTO ?1", [name])?;
    // SQLite does not sync what it writes there.
    File::options().write(true).open(partial)?.sync_all()?;
    let copy = file::open_inspector(partial).map_err(BackupError::Source)?;
    match findings(&copy) {
        found if found.is_empty() => Ok(()),
        found => Err(BackupError::Unsound(found)),
    }
}
