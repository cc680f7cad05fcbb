//! Which files are opened, how, and what is left of those that are not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Barrier};

use countersign_audit::store::{Integration, LedgerStore, StoredCheckpoint};
use countersign_core::{
    Entry, EntryId, LeafHash, Private, StoreErrorKind, Timestamp, UserId, VaultOwner,
};
use countersign_provision::store::UserStore;
use countersign_saml::replay::{ReplayKey, ReplayStore, Seen};
use countersign_sqlite::{OpenError, SqliteStore};
use pollster::block_on;
use rusqlite::Connection;
use tempfile::tempdir;

use crate::common::{create, tenant};

fn entry(number: u8, private: Option<&[u8]>) -> Entry {
    let id = EntryId::new(format!("entry-{number}")).unwrap();
    let leaf = LeafHash::from_bytes([number; 32]);
    let private = private.map(|bytes| Private {
        owner: VaultOwner::Account(tenant(), UserId::new("u").unwrap()),
        filed_at: Timestamp::UNIX_EPOCH,
        key_id: None,
        bytes: bytes.to_vec(),
    });
    Entry::from_parts(id, leaf, vec![number], private)
}

fn key(id: &str) -> ReplayKey {
    ReplayKey {
        issuer: "https://idp.acme.example/".to_owned(),
        id: id.to_owned(),
    }
}

/// Writes something into every part of a store.
fn fill(store: &SqliteStore) {
    let mut change = create("u");
    change.entries.push(entry(1, Some(b"private")));
    block_on(store.commit(&change)).unwrap();
    block_on(store.enqueue(&[entry(2, None)])).unwrap();
    let integration = Integration {
        expected_size: 0,
        entries: vec![entry(1, None).id().clone()],
        nodes: Vec::new(),
    };
    block_on(store.integrate(&integration)).unwrap();
    let checkpoint = StoredCheckpoint {
        size: 1,
        note: b"note".to_vec(),
    };
    block_on(store.put_checkpoint(None, &checkpoint)).unwrap();
    let seen = block_on(store.insert_once(&key("a"), Timestamp::MAX, Timestamp::UNIX_EPOCH));
    assert_eq!(seen.unwrap(), Seen::First);
    block_on(store.set_ledger_vkey("log.example+1234+key")).unwrap();
}

/// Finds all of it again, reading only.
fn assert_filled(store: &SqliteStore) {
    let user = block_on(store.user(&tenant(), &UserId::new("u").unwrap())).unwrap();
    assert_eq!(user.unwrap().user.version, 1);
    let leaf = block_on(store.entries(0..9)).unwrap();
    assert_eq!(leaf.len(), 1);
    assert_eq!(leaf.first().unwrap().entry, entry(1, Some(b"private")));
    let pending = block_on(store.pending(9)).unwrap();
    assert_eq!(pending.first().unwrap().bytes(), [2]);
    assert_eq!(block_on(store.checkpoint()).unwrap().unwrap().note, b"note");
    let vkey = block_on(store.ledger_vkey()).unwrap();
    assert_eq!(vkey.as_deref(), Some("log.example+1234+key"));
}

/// Every file of a folder, byte for byte.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files
        .filter(|file| file.file_type().unwrap().is_file())
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .collect()
}

#[test]
fn a_file_that_is_opened_again_holds_everything() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    fill(&SqliteStore::open(&file).unwrap());
    assert_filled(&SqliteStore::open(&file).unwrap());
    let store = SqliteStore::open_existing(&file).unwrap();
    assert_filled(&store);
    let seen = block_on(store.insert_once(&key("a"), Timestamp::MAX, Timestamp::UNIX_EPOCH));
    assert_eq!(seen.unwrap(), Seen::Before);
}

/// Opens a file in each way that must refuse it; the folder is as it was.
fn assert_refused(folder: &Path, file: &Path, code: &str, also_when_created: bool) {
    let before = contents(folder);
    let mut opened = vec![
        ("read only", SqliteStore::open_read_only(file)),
        ("existing", SqliteStore::open_existing(file)),
    ];
    if also_when_created {
        opened.push(("open", SqliteStore::open(file)));
    }
    for (how, opened) in opened {
        let error = opened.err().unwrap_or_else(|| panic!("{how}: opened"));
        assert_eq!(error.code(), code, "{how}: {error}");
        assert!(!error.to_string().is_empty());
    }
    assert!(contents(folder) == before, "a refused file was touched");
}

#[test]
fn a_file_that_may_only_be_read_is_not_opened_for_writing() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    fill(&SqliteStore::open(&file).unwrap());
    let writable = fs::metadata(&file).unwrap().permissions();
    let mut permissions = writable.clone();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let before = contents(folder.path());
    for opened in [SqliteStore::open(&file), SqliteStore::open_existing(&file)] {
        assert_eq!(opened.unwrap_err().code(), "sqlite.read_only");
    }
    assert!(
        contents(folder.path()) == before,
        "a refused file was touched"
    );
    assert_filled(&SqliteStore::open_read_only(&file).unwrap());
    fs::set_permissions(&file, writable).unwrap();
}

#[test]
fn a_missing_file_is_refused_and_not_created() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    assert_refused(folder.path(), &file, "sqlite.missing", false);
    let file = folder.path().join("no-folder/store.db");
    assert_refused(folder.path(), &file, "sqlite.missing", false);
    let error = SqliteStore::open(&file).unwrap_err();
    assert_eq!(error.code(), "sqlite.missing");
    assert!(contents(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db")).unwrap();
    fill(&store);
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.path().display());
    }
}

#[cfg(unix)]
#[test]
fn a_file_behind_a_symbolic_link_has_its_log_beside_itself() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("file.db");
    let link = folder.path().join("link.db");
    drop(SqliteStore::open(&file).unwrap());
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let store = SqliteStore::open(&link).unwrap();
    fill(&store);
    assert!(folder.path().join("file.db-wal").exists());
    assert!(!folder.path().join("link.db-wal").exists());
    drop(store);
    let size = block_on(SqliteStore::open(&file).unwrap().size()).unwrap();
    assert_eq!(size, 1);
}

#[test]
fn a_directory_is_refused() {
    let folder = tempdir().unwrap();
    assert_refused(folder.path(), folder.path(), "sqlite.not_a_file", true);
}

#[test]
fn an_empty_file_is_refused_unless_it_may_be_created() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    fs::write(&file, b"").unwrap();
    assert_refused(folder.path(), &file, "sqlite.not_a_database", false);
    fill(&SqliteStore::open(&file).unwrap());
    assert_filled(&SqliteStore::open(&file).unwrap());
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    for bytes in [
        b"x".to_vec(),
        b"SQLite format 3\0".to_vec(),
        b"issuer = \"https://idp.acme.example/\"\n".repeat(100),
        vec![0; 100_000],
        vec![0xff; 100],
    ] {
        fs::write(&file, bytes).unwrap();
        assert_refused(folder.path(), &file, "sqlite.not_a_database", true);
    }
}

#[test]
fn a_database_of_another_application_is_refused() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("other.db");
    let db = Connection::open(&file).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE users (id TEXT)")
        .unwrap();
    drop(db);
    assert_refused(folder.path(), &file, "sqlite.foreign_database", true);
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    drop(SqliteStore::open(&file).unwrap());
    let db = Connection::open(&file).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert_refused(folder.path(), &file, "sqlite.newer_schema", true);
    let Err(OpenError::NewerSchema(version)) = SqliteStore::open(&file) else {
        panic!("another error than a newer schema");
    };
    assert_eq!(version.found(), 99);
    assert!(version.known() < 99);
}

#[test]
fn a_file_that_was_cut_off_is_an_error_and_not_a_lie() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    fill(&SqliteStore::open(&file).unwrap());
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, bytes.get(..4096 * 2).unwrap()).unwrap();
    match SqliteStore::open_read_only(&file) {
        Err(error) => assert_eq!(error.code(), "sqlite.failed"),
        Ok(store) => {
            let error = block_on(store.entries(0..9)).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Other);
        }
    }
}

#[test]
fn reading_only_leaves_the_folder_as_it_was() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("with space, ? # % and \u{e9}.db");
    fill(&SqliteStore::open(&file).unwrap());
    let before = contents(folder.path());
    assert_eq!(before.len(), 1);
    let store = SqliteStore::open_read_only(&file).unwrap();
    assert_filled(&store);
    assert!(contents(folder.path()) == before);
    drop(store);
    assert!(contents(folder.path()) == before);
}

#[test]
fn reading_only_sees_what_a_crash_left_in_the_log() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = SqliteStore::open(&file).unwrap();
    fill(&store);
    // What is on the disk at this moment is what a crash would leave.
    let crashed = tempdir().unwrap();
    for (name, bytes) in contents(folder.path()) {
        if !name.ends_with("-shm") {
            fs::write(crashed.path().join(name), bytes).unwrap();
        }
    }
    let file = crashed.path().join("store.db");
    let log = crashed.path().join("store.db-wal");
    let before = (fs::read(&file).unwrap(), fs::read(&log).unwrap());
    let inspected = SqliteStore::open_read_only(&file).unwrap();
    assert_filled(&inspected);
    drop(inspected);
    assert!((fs::read(&file).unwrap(), fs::read(&log).unwrap()) == before);
    assert_filled(&SqliteStore::open(&file).unwrap());
}

#[test]
fn reading_only_goes_on_beside_a_store_that_writes() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    fill(&SqliteStore::open(&file).unwrap());
    // It has written nothing yet, so its log is empty.
    let store = SqliteStore::open(&file).unwrap();
    let inspected = SqliteStore::open_read_only(&file).unwrap();
    assert_filled(&inspected);
    block_on(store.commit(&create("later"))).unwrap();
    let later = UserId::new("later").unwrap();
    assert!(
        block_on(inspected.user(&tenant(), &later))
            .unwrap()
            .is_some()
    );
}

#[test]
fn every_write_is_refused_when_reading_only() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    fill(&SqliteStore::open(&file).unwrap());
    let store = SqliteStore::open_read_only(&file).unwrap();
    let seen = block_on(store.insert_once(&key("b"), Timestamp::MAX, Timestamp::UNIX_EPOCH));
    let refused = [
        block_on(store.commit(&create("v"))),
        block_on(store.enqueue(&[entry(3, None)])),
        block_on(store.set_ledger_vkey("another")),
        seen.map(drop),
    ];
    for result in refused {
        assert_eq!(result.unwrap_err().kind(), StoreErrorKind::Other);
    }
    assert_filled(&store);
}

#[test]
fn a_file_is_created_once_by_many_at_once() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    let start = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let (file, start) = (file.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                let store = SqliteStore::open(file).unwrap();
                block_on(store.commit(&create(&format!("u{number}")))).unwrap();
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let store = SqliteStore::open_existing(&file).unwrap();
    for number in 0..8 {
        let user = UserId::new(format!("u{number}")).unwrap();
        assert!(block_on(store.user(&tenant(), &user)).unwrap().is_some());
    }
}

#[test]
fn two_stores_on_one_file_see_each_other_and_do_not_fork() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    let stores = [
        SqliteStore::open(&file).unwrap(),
        SqliteStore::open(&file).unwrap(),
    ];
    let [first, second] = &stores;
    block_on(first.commit(&create("u"))).unwrap();
    assert!(
        block_on(second.commit(&create("u")))
            .unwrap_err()
            .is_conflict()
    );
    block_on(second.enqueue(&[entry(1, None), entry(2, None)])).unwrap();
    let integration = Integration {
        expected_size: 0,
        entries: vec![entry(1, None).id().clone()],
        nodes: Vec::new(),
    };
    block_on(first.integrate(&integration)).unwrap();
    let again = block_on(second.integrate(&integration)).unwrap_err();
    assert!(again.is_conflict());
    assert_eq!(block_on(second.size()).unwrap(), 1);
}

#[test]
fn the_file_itself_refuses_to_change_what_is_recorded() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    fill(&SqliteStore::open(&file).unwrap());
    let db = Connection::open(&file).unwrap();
    db.pragma_update(None, "foreign_keys", true).unwrap();
    for statement in [
        "UPDATE entries SET bytes = x'00' WHERE position = 0",
        "UPDATE runs SET bytes = zeroblob(length(bytes)) WHERE first = 0",
        "DELETE FROM runs",
        "INSERT INTO runs VALUES (7, zeroblob(32), '[\"late\"]', '[1]', x'00')",
        "INSERT OR REPLACE INTO runs VALUES (0, zeroblob(32), '[\"other\"]', '[1]', x'00')",
        // At the end, but not as runs are.
        "INSERT INTO runs VALUES (2, x'', '[]', '[]', x'')",
        "INSERT INTO runs VALUES (2, zeroblob(31), '[\"late\"]', '[1]', x'00')",
        "INSERT INTO runs VALUES (2, zeroblob(32), '[\"late\",\"later\"]', '[1]', x'00')",
        "INSERT INTO runs VALUES (2, zeroblob(32), '[\"late\"]', '[1,1]', x'00')",
        "INSERT INTO runs VALUES (2, zeroblob(32), '[\"late\"]', '[2]', x'00')",
        "INSERT INTO private VALUES (0, 't', 'walk', 'w', 0, NULL, '[2]', x'00')",
        "INSERT INTO nodes VALUES (0, 0, zeroblob(32)); UPDATE nodes SET hashes = zeroblob(32)",
        "INSERT INTO nodes VALUES (0, 5, zeroblob(96)); INSERT INTO nodes VALUES (0, 7, zeroblob(32))",
        "INSERT INTO nodes VALUES (0, 4, zeroblob(64))",
        "DELETE FROM nodes",
        "UPDATE tree SET size = 0",
        "DELETE FROM tree",
        "UPDATE checkpoint SET size = 0",
        "DELETE FROM checkpoint",
    ] {
        let refused = db.execute_batch(statement);
        assert!(refused.is_err(), "{statement}");
    }
    // Only what may be erased can be.
    db.execute_batch("DELETE FROM private").unwrap();
    drop(db);
    let store = SqliteStore::open(&file).unwrap();
    let leaf = block_on(store.entries(0..1)).unwrap();
    assert_eq!(leaf.first().unwrap().entry, entry(1, None));
}

/// A crash while the log was copied: the file's first page tells of pages that only the log has.
#[test]
fn a_file_that_only_its_log_makes_whole_is_opened() {
    const FRAME_HEADER: usize = 24;
    let folder = tempdir().unwrap();
    let file = folder.path().join("db");
    let store = SqliteStore::open(&file).unwrap();
    let id = EntryId::new("long").unwrap();
    let long = Entry::from_parts(id, LeafHash::from_bytes([1; 32]), vec![1; 60_000], None);
    block_on(store.enqueue(&[long])).unwrap();
    let log = fs::read(folder.path().join("db-wal")).unwrap();
    let mut half = fs::read(&file).unwrap();
    drop(store);
    // [SQLite file format §1.3.2 and §4.1]
    let page: [u8; 2] = half.get(16..18).unwrap().try_into().unwrap();
    let page = usize::from(u16::from_be_bytes(page));
    let frames = log.get(32..).unwrap();
    let frames = frames.chunks_exact(page.saturating_add(FRAME_HEADER));
    let mut first = frames
        .rev()
        .filter(|frame| frame.starts_with(&[0, 0, 0, 1]));
    let first = first.next().unwrap().get(FRAME_HEADER..).unwrap();
    half.get_mut(..page).unwrap().copy_from_slice(first);
    let copy = folder.path().join("copy");
    fs::write(&copy, half).unwrap();
    assert_refused(folder.path(), &copy, "sqlite.failed", true);
    fs::write(folder.path().join("copy-wal"), log).unwrap();
    let inspected = SqliteStore::open_read_only(&copy).unwrap();
    assert_eq!(block_on(inspected.pending(9)).unwrap().len(), 1);
    drop(inspected);
    let store = SqliteStore::open_existing(&copy).unwrap();
    assert_eq!(block_on(store.pending(9)).unwrap().len(), 1);
    assert_eq!(block_on(store.check_integrity()).unwrap(), []);
}
