//! Where the store is that is put to the test.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use countersign::builder::Store;
use countersign_sqlite::SqliteStore;

use crate::Failure;

/// A store that another process can open, too.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file, whose name ends in `.db`: that is how `disk.c` knows it.
    Sqlite(PathBuf),
}

impl Place {
    /// Opens it, as a process does that has just started.
    pub(crate) fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        match self {
            Self::Sqlite(file) => Ok(Arc::new(SqliteStore::open(file)?)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
        }
    }
}

impl FromStr for Place {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text.split_once(':') {
            Some(("sqlite", file)) => Ok(Self::Sqlite(file.into())),
            _ => Err(format!("`{text}` is no store").into()),
        }
    }
}
