//! Copies of a store that is in use.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign_audit::store::LedgerStore;
use countersign_core::{Entry, EntryId, LeafHash, UserId};
use countersign_provision::store::{Change, UserStore};
use countersign_sqlite::SqliteStore;
use pollster::block_on;
use rusqlite::Connection;
use tempfile::tempdir;

use crate::common::{create, tenant};

fn numbered(number: u64) -> (UserId, Change) {
    let name = format!("u{number}");
    let mut change = create(&name);
    let mut hash = [0; 32];
    *hash.first_chunk_mut().unwrap() = number.to_be_bytes();
    let id = EntryId::new(format!("entry-{number}")).unwrap();
    let leaf = LeafHash::from_bytes(hash);
    change
        .entries
        .push(Entry::from_parts(id, leaf, vec![1], None));
    (UserId::new(name).unwrap(), change)
}

fn user_is_there(store: &SqliteStore, user: &UserId) -> bool {
    block_on(store.user(&tenant(), user)).unwrap().is_some()
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_while_running_is_of_one_moment() {
    let folder = tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).unwrap();
    let (acknowledged, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let copies: Vec<_> = (0..5)
        .map(|n| folder.path().join(format!("copy-{n}")))
        .collect();
    let bounds = std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                block_on(store.commit(&numbered(number).1)).unwrap();
                acknowledged.store(number + 1, Ordering::SeqCst);
            }
        });
        let bounds: Vec<_> = copies
            .iter()
            .map(|copy| {
                let before = acknowledged.load(Ordering::SeqCst);
                block_on(store.backup_to(copy)).unwrap();
                (before, acknowledged.load(Ordering::SeqCst) + 1)
            })
            .collect();
        over.store(true, Ordering::SeqCst);
        bounds
    });
    for (copy, (least, most)) in copies.iter().zip(bounds) {
        let copy = SqliteStore::open(copy).unwrap();
        assert_eq!(block_on(copy.check_integrity()).unwrap(), []);
        // Accounts and entries up to one moment, and none after it.
        let entries = u64::try_from(block_on(copy.pending(usize::MAX)).unwrap().len()).unwrap();
        assert!(
            (least..=most).contains(&entries),
            "{least} {entries} {most}"
        );
        for number in 0..entries {
            assert!(user_is_there(&copy, &numbered(number).0));
        }
        assert!(!user_is_there(&copy, &numbered(entries).0));
        block_on(copy.commit(&numbered(entries).1)).unwrap();
    }
}

#[test]
fn nothing_is_written_over() {
    let folder = tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).unwrap();
    let there = folder.path().join("there");
    fs::write(&there, b"precious").unwrap();
    let error = block_on(store.backup_to(&there)).unwrap_err();
    assert_eq!(error.code(), "backup.exists");
    assert_eq!(fs::read(&there).unwrap(), b"precious");
    let unfinished = folder.path().join("copy.partial");
    fs::write(&unfinished, b"unfinished").unwrap();
    let error = block_on(store.backup_to(folder.path().join("copy"))).unwrap_err();
    assert_eq!(error.code(), "backup.unfinished");
    assert_eq!(fs::read(&unfinished).unwrap(), b"unfinished");
}

#[test]
fn a_backup_into_a_folder_that_is_not_there_fails() {
    let folder = tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).unwrap();
    let error = block_on(store.backup_to(folder.path().join("no-folder/copy"))).unwrap_err();
    assert_eq!(error.code(), "backup.failed");
}

#[cfg(unix)]
#[test]
fn a_backup_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).unwrap();
    let copy = folder.path().join("copy.db");
    block_on(store.backup_to(&copy)).unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o077, 0);
    assert!(
        !names(folder.path())
            .iter()
            .any(|name| name.ends_with(".partial"))
    );
}

#[test]
fn a_file_that_is_not_open_is_copied_and_left_as_it_was() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    block_on(SqliteStore::open(&file).unwrap().commit(&numbered(0).1)).unwrap();
    let before = fs::read(&file).unwrap();
    let copy = folder.path().join("copy.db");
    let store = SqliteStore::open_read_only(&file).unwrap();
    block_on(store.backup_to(&copy)).unwrap();
    drop(store);
    assert!(fs::read(&file).unwrap() == before);
    assert_eq!(names(folder.path()), ["copy.db", "store.db"]);
    assert!(user_is_there(
        &SqliteStore::open_read_only(&copy).unwrap(),
        &numbered(0).0
    ));
}

#[test]
fn a_damaged_file_is_not_backed_up() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    block_on(SqliteStore::open(&file).unwrap().commit(&numbered(0).1)).unwrap();
    let db = Connection::open(&file).unwrap();
    db.execute_batch("UPDATE seats SET taken = 7").unwrap();
    drop(db);
    let store = SqliteStore::open(&file).unwrap();
    let error = block_on(store.backup_to(folder.path().join("copy.db"))).unwrap_err();
    assert_eq!(error.code(), "backup.unsound");
    drop(store);
    assert_eq!(names(folder.path()), ["store.db"]);
}
