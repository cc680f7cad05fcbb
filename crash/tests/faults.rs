//! A SQLite store on a disk that is full, fails to sync, or may only be read: each an error of the
//! right kind, nothing half-written, and service again when the cause is gone.
//!
//! Each test runs itself again, as a process of its own with `disk.c` before libc.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

#[path = "../src/disk.rs"]
#[allow(dead_code, reason = "the points are for the program")]
mod disk;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::audit::store::{EntryQuery, LedgerStore};
use countersign::blocking::wait;
use countersign::provision::store::{Change, UserStore, UserWrite};
use countersign::provision::user::{User, UserState};
use countersign::{
    Entry, EntryId, LeafHash, StoreError, StoreErrorKind, TenantId, Timestamp, UserId,
};
use countersign_sqlite::SqliteStore;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Tells the process that it is the one inside: its folder.
const INSIDE: &str = "CRASH_FAULT_FOLDER";

/// The folder, in the process whose disk fails; elsewhere starts that process, and sees that it
/// ends well.
fn inside(test: &str, plan: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return Some(folder.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let library = disk::compile(folder.path()).unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, folder.path())
        .env("LD_PRELOAD", library)
        .env("CRASH_DISK", plan)
        .env("CRASH_WHILE", folder.path().join("broken"))
        .status()
        .unwrap();
    assert!(status.success());
    None
}

fn breaks(folder: &Path) {
    fs::write(folder.join("broken"), b"").unwrap();
}

fn mends(folder: &Path) {
    fs::remove_file(folder.join("broken")).unwrap();
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn leaf(number: u8) -> LeafHash {
    LeafHash::from_bytes([number; 32])
}

/// An account with its entry.
fn commit(store: &SqliteStore, number: u8) -> Result<(), StoreError> {
    let mut change = Change::new(tenant());
    change.users.push(UserWrite::Create(User {
        id: UserId::new(format!("u{number}")).unwrap(),
        tenant: tenant(),
        state: UserState::Active,
        state_since: Timestamp::UNIX_EPOCH,
        state_entry: None,
        hold: None,
        email: None,
        email_verified_locally: false,
        given_name: Some("x".repeat(5_000)),
        family_name: None,
        display_name: None,
        account_id: None,
        permission_profile_id: None,
        created_at: Timestamp::UNIX_EPOCH,
        last_sign_in_at: None,
        entry: Some(leaf(number)),
        version: 1,
    }));
    let id = EntryId::new(format!("entry-{number}")).unwrap();
    let entry = Entry::from_parts(id, leaf(number), vec![number; 500], None);
    change.entries.push(entry);
    wait(store.commit(&change))
}

/// Whether both are there; one without the other never is.
fn is_there(store: &SqliteStore, number: u8) -> bool {
    let user = UserId::new(format!("u{number}")).unwrap();
    let user = wait(store.user(&tenant(), &user)).unwrap().is_some();
    let entry = wait(store.entry(&EntryQuery::Leaf(leaf(number)))).unwrap();
    assert_eq!(user, entry.is_some(), "one without the other: {number}");
    user
}

#[test]
fn a_full_disk_is_an_error_and_passes() {
    let Some(folder) = inside(
        "a_full_disk_is_an_error_and_passes",
        "fail:wal-write:ENOSPC",
    ) else {
        return;
    };
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    commit(&store, 1).unwrap();
    breaks(&folder);
    for number in 2..5 {
        let full = commit(&store, number).unwrap_err();
        assert_eq!(full.kind(), StoreErrorKind::Other, "{full}");
        assert!(!is_there(&store, number));
        assert!(is_there(&store, 1));
    }
    mends(&folder);
    for number in 2..5 {
        commit(&store, number).unwrap();
    }
    drop(store);
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    assert!((1..5).all(|number| is_there(&store, number)));
    assert_eq!(wait(store.check_integrity()).unwrap(), []);
}

/// What a failed sync has left on the disk nobody knows, and a second one that succeeds does not
/// tell: the kernel may have dropped the pages. So nothing is written until the file was opened
/// anew, which reads what is there.
#[test]
fn a_failed_sync_stops_the_writing_until_the_file_is_opened_again() {
    let test = "a_failed_sync_stops_the_writing_until_the_file_is_opened_again";
    let Some(folder) = inside(test, "fail:wal-sync:EIO") else {
        return;
    };
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    commit(&store, 1).unwrap();
    breaks(&folder);
    let failed = commit(&store, 2).unwrap_err();
    assert_eq!(failed.kind(), StoreErrorKind::Unavailable, "{failed}");
    mends(&folder);
    for number in 3..6 {
        let stopped = commit(&store, number).unwrap_err();
        assert_eq!(stopped.kind(), StoreErrorKind::Unavailable, "{stopped}");
    }
    let stopped = wait(store.set_ledger_vkey("key")).unwrap_err();
    assert_eq!(stopped.kind(), StoreErrorKind::Unavailable);
    // Reading goes on, of what was acknowledged.
    assert!(is_there(&store, 1));
    assert!((3..6).all(|number| !is_there(&store, number)));
    drop(store);
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    assert!(is_there(&store, 1));
    // All of it, or nothing.
    let _ = is_there(&store, 2);
    for number in 3..6 {
        commit(&store, number).unwrap();
    }
    assert_eq!(wait(store.check_integrity()).unwrap(), []);
}

/// A checkpoint of the log that fails is no commit that fails: what was acknowledged is in the
/// log, and the next checkpoint takes it over.
#[test]
fn a_log_that_can_not_be_folded_into_the_file_loses_nothing() {
    let test = "a_log_that_can_not_be_folded_into_the_file_loses_nothing";
    let Some(folder) = inside(test, "fail:db-write:EIO") else {
        return;
    };
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    breaks(&folder);
    // Each is some pages; the log is folded in after a thousand.
    for number in 0..250 {
        commit(&store, number).unwrap();
    }
    drop(store);
    mends(&folder);
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    assert!((0..250).all(|number| is_there(&store, number)));
    assert_eq!(wait(store.check_integrity()).unwrap(), []);
}

#[test]
fn an_erasure_that_can_not_rewrite_the_file_says_so_and_is_done_later() {
    let test = "an_erasure_that_can_not_rewrite_the_file_says_so_and_is_done_later";
    let Some(folder) = inside(test, "fail:wal-write:ENOSPC") else {
        return;
    };
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    commit(&store, 1).unwrap();
    let mut erase = Change::new(tenant());
    let user = UserId::new("u1").unwrap();
    erase
        .erase
        .push(countersign::VaultOwner::Account(tenant(), user));
    wait(store.commit(&erase)).unwrap();
    breaks(&folder);
    let scrub = || wait(countersign::audit::VaultStore::scrub(&store));
    assert_eq!(scrub().unwrap_err().kind(), StoreErrorKind::Other);
    assert!(is_there(&store, 1));
    mends(&folder);
    scrub().unwrap();
    assert!(is_there(&store, 1));
    assert_eq!(wait(store.check_integrity()).unwrap(), []);
}

#[test]
fn a_backup_to_a_full_disk_leaves_nothing() {
    let test = "a_backup_to_a_full_disk_leaves_nothing";
    let Some(folder) = inside(test, "fail:copy-write:ENOSPC") else {
        return;
    };
    let store = SqliteStore::open(folder.join("store.db")).unwrap();
    commit(&store, 1).unwrap();
    let copy = folder.join("copy.db");
    breaks(&folder);
    let error = wait(store.backup_to(&copy)).unwrap_err();
    assert_eq!(error.code(), "backup.failed", "{error:?}");
    assert!(!folder.join("copy.db.partial").exists() && !copy.exists());
    commit(&store, 2).unwrap();
    mends(&folder);
    wait(store.backup_to(&copy)).unwrap();
    let copy = SqliteStore::open(copy).unwrap();
    assert!(is_there(&copy, 1) && is_there(&copy, 2));
}

/// Root may write everywhere, so the process inside is somebody else.
#[test]
fn a_folder_that_may_only_be_read_is_told_and_the_store_can_be_inspected() {
    let test = "a_folder_that_may_only_be_read_is_told_and_the_store_can_be_inspected";
    use std::os::unix::fs::PermissionsExt as _;
    if let Some(folder) = std::env::var_os(INSIDE) {
        let file = Path::new(&folder).join("sealed/store.db");
        for opened in [SqliteStore::open(&file), SqliteStore::open_existing(&file)] {
            let error = opened.unwrap_err();
            assert_eq!(error.code(), "sqlite.read_only", "{error:?}");
        }
        let store = SqliteStore::open_read_only(&file).unwrap();
        assert!(is_there(&store, 1));
        assert_eq!(wait(store.check_integrity()).unwrap(), []);
        let error = commit(&store, 2).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Other);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sealed = folder.path().join("sealed");
    fs::create_dir(&sealed).unwrap();
    commit(&SqliteStore::open(sealed.join("store.db")).unwrap(), 1).unwrap();
    let program = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(folder.path(), 0o755);
    allow(&program, 0o755);
    allow(&sealed.join("store.db"), 0o666);
    allow(&sealed, 0o555);
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]);
    command.env(INSIDE, folder.path()).current_dir("/");
    if rustix::process::getuid().is_root() {
        // Nobody.
        command.uid(65_534).gid(65_534);
    }
    let status = command.status();
    allow(&sealed, 0o755);
    assert!(status.unwrap().success());
}
