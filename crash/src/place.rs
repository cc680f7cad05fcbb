//! Where the store is that is put to the test.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use countersign::audit::store::LedgerStore;
use countersign::builder::Store;
use countersign_postgres::Database;
use countersign_sqlite::SqliteStore;
use tokio::runtime::{Builder, Runtime};

use crate::Failure;

/// A store that another process can open, too.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file, whose name ends in `.db`: that is how `disk.c` knows it.
    Sqlite(PathBuf),
    /// The URL of a database.
    Postgres(String),
}

impl Place {
    /// Opens it, as a process does that has just started.
    pub(crate) fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        match self {
            Self::Sqlite(file) => Ok(Arc::new(SqliteStore::open(file)?)),
            Self::Postgres(url) => {
                let database = Database::at_url(url)?;
                Ok(Arc::new(runtime()?.block_on(database.open())?))
            }
        }
    }

    /// What the one node of many has that turns entries into leaves, if this can be that node.
    pub(crate) fn integrator(&self) -> Result<Option<Arc<dyn LedgerStore>>, Failure> {
        let Self::Postgres(url) = self else {
            return Ok(None);
        };
        let database = Database::at_url(url)?;
        let integrator = runtime()?.block_on(async {
            let store = database.open().await?;
            store.integrator().await.map_err(Failure::from)
        })?;
        Ok(integrator.map(|integrator| Arc::new(integrator) as _))
    }

    /// Makes the schema of a new database.
    pub(crate) fn migrate(&self) -> Result<(), Failure> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(url) => {
                let database = Database::at_url(url)?;
                Ok(runtime()?.block_on(database.migrate())?)
            }
        }
    }
}

/// What drives the connections of this process, for as long as it lives.
fn runtime() -> Result<&'static Runtime, Failure> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let make = || {
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
    };
    let made = RUNTIME.get_or_init(make).as_ref();
    made.map_err(|error| error.to_string().into())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Self::Postgres(url) => f.write_str(url),
        }
    }
}

impl FromStr for Place {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text.split_once(':') {
            Some(("sqlite", file)) => Ok(Self::Sqlite(file.into())),
            Some(("postgresql", _)) => Ok(Self::Postgres(text.to_owned())),
            _ => Err(format!("`{text}` is no store").into()),
        }
    }
}
