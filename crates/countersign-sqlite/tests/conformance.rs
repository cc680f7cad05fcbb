//! The SQLite store keeps the ports' contracts.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use countersign_sqlite::SqliteStore;
use countersign_testkit::conformance;
use tempfile::TempDir;

/// A folder that gives a new file for every check.
struct Files {
    folder: TempDir,
    made: AtomicU32,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            made: AtomicU32::new(0),
        }
    }

    fn next(&self) -> PathBuf {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        self.folder.path().join(format!("{number}.db"))
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(self.next()).unwrap()
    }
}

#[test]
fn sqlite_is_a_user_store() {
    let files = Files::new();
    pollster::block_on(conformance::user_store(|| files.store())).assert_passed();
}

#[test]
fn sqlite_is_a_ledger_store() {
    let files = Files::new();
    pollster::block_on(conformance::ledger_store(|| files.store())).assert_passed();
}

#[test]
fn sqlite_is_a_replay_store() {
    let files = Files::new();
    pollster::block_on(conformance::replay_store(|| files.store())).assert_passed();
}

#[test]
fn sqlite_is_a_vault() {
    let files = Files::new();
    pollster::block_on(conformance::vault(|| files.store())).assert_passed();
}
