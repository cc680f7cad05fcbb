//! What a store stands on, and what it takes of the machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::audit::LedgerStore;
use countersign::builder::Store;
use countersign_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::load::folder;
use crate::sign_in_postgres::Server;

/// A store, and where its bytes are. All of it is removed at the end.
pub(crate) struct Ground {
    store: Arc<dyn Store>,
    /// The folder in which all of its files are.
    files: PathBuf,
    /// Below it what is not the store's own: a server's log.
    without: Option<PathBuf>,
    _server: Option<Server>,
    _folder: Option<TempDir>,
}

impl Ground {
    pub(crate) fn new(store: &str) -> Self {
        if store == "postgres" {
            return Self::on_a_server();
        }
        let folder = folder();
        let store = SqliteStore::open(folder.path().join("countersign")).expect("a new store");
        Self {
            store: Arc::new(store),
            files: folder.path().to_owned(),
            without: None,
            _server: None,
            _folder: Some(folder),
        }
    }

    fn on_a_server() -> Self {
        let server = Server::start();
        let files = server.files();
        Self {
            store: Arc::new(server.store()),
            without: Some(files.join("pg_wal")),
            files,
            _server: Some(server),
            _folder: None,
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    pub(crate) fn ledger_store(&self) -> Arc<dyn LedgerStore> {
        self.store()
    }

    /// Bytes on the disk. Of SQLite with its log, of a server without it: that is as large as the
    /// server is told that it may be.
    pub(crate) fn bytes(&self) -> u64 {
        bytes_below(&self.files, self.without.as_deref())
    }

    /// Bytes of the disk that nobody has taken.
    pub(crate) fn free_bytes(&self) -> u64 {
        let disk = rustix::fs::statvfs(&self.files);
        disk.map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

fn bytes_below(folder: &Path, without: Option<&Path>) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() && Some(entry.path().as_path()) != without => {
            bytes_below(&entry.path(), without)
        }
        Ok(found) if found.is_file() => found.len(),
        // A server removes files while we look.
        _ => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

/// Bytes of memory that this process holds, where the system tells.
pub(crate) fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}
