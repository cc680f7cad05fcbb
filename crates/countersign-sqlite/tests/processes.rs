//! One file that several processes have open.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs::File;
use std::path::Path;
use std::process::Command;

use countersign_audit::store::LedgerStore;
use countersign_core::{Entry, EntryId, LeafHash};
use countersign_sqlite::SqliteStore;
use pollster::block_on;
use rustix::fs::{FlockOperation, fcntl_lock};
use tempfile::tempdir;

const FILE: &str = "COUNTERSIGN_TEST_FILE";
const MOST: usize = 100;

fn add(store: &SqliteStore, number: u8) {
    let id = EntryId::new(format!("entry-{number}")).unwrap();
    let leaf = LeafHash::from_bytes([number; 32]);
    let entry = Entry::from_parts(id, leaf, vec![number], None);
    block_on(store.enqueue(&[entry])).unwrap();
}

/// How many entries another process finds, which is not to take itself for the only one.
fn found_elsewhere(file: &Path) -> usize {
    let process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture"])
        .env(FILE, file)
        .output()
        .unwrap();
    assert!(process.status.success(), "{process:?}");
    let output = String::from_utf8(process.stdout).unwrap();
    let (_, found) = output.split_once("found ").unwrap();
    found.lines().next().unwrap().parse().unwrap()
}

/// Not a test but the other process, where the variable is set.
#[test]
fn the_other_process() {
    let Some(file) = std::env::var_os(FILE) else {
        return;
    };
    let alone = File::options().read(true).write(true).open(&file).unwrap();
    // The kind of lock that SQLite takes.
    let locked = fcntl_lock(&alone, FlockOperation::NonBlockingLockExclusive);
    assert!(locked.is_err(), "nobody else seems to have the file open");
    drop(alone);
    let store = SqliteStore::open(file).unwrap();
    let found = block_on(store.pending(MOST)).unwrap().len();
    println!("\nfound {found}");
}

/// A look at a file takes away none of the locks by which another process knows that it is not
/// the only one, and must leave the log alone.
#[test]
fn whoever_looks_at_a_file_keeps_the_locks_of_who_has_it_open() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = SqliteStore::open(&file).unwrap();
    let looks: [&dyn Fn(); 4] = [
        &|| {},
        &|| drop(SqliteStore::open(&file).unwrap()),
        &|| drop(SqliteStore::open_read_only(&file).unwrap()),
        &|| drop(block_on(store.check_integrity()).unwrap()),
    ];
    for (number, look) in (1..).zip(looks) {
        look();
        add(&store, number);
        assert_eq!(found_elsewhere(&file), usize::from(number));
    }
}
