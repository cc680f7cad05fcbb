//! Files that are damaged: found, told, and never taken for sound.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use std::fs;

use countersign_audit::store::{Integration, LedgerStore, StoredCheckpoint};
use countersign_core::{Entry, EntryId, LeafHash, StoreErrorKind, UserId};
use countersign_provision::store::UserStore;
use countersign_sqlite::SqliteStore;
use pollster::block_on;
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use crate::common::{create, tenant};

/// [SQLite file format §1.3.2]
fn page_size(file: &[u8]) -> usize {
    let size = file.get(16..18).and_then(<[u8]>::first_chunk).unwrap();
    usize::from(u16::from_be_bytes(*size))
}

/// A store of some hundred accounts, each with an entry, half of them leaves.
fn filled() -> (TempDir, std::path::PathBuf) {
    let folder = tempdir().unwrap();
    let file = folder.path().join("store.db");
    let store = SqliteStore::open(&file).unwrap();
    let mut ids = Vec::new();
    for number in 0..200_u8 {
        let mut change = create(&format!("u{number}"));
        let id = EntryId::new(format!("entry-{number}")).unwrap();
        let leaf = LeafHash::from_bytes([number; 32]);
        change
            .entries
            .push(Entry::from_parts(id.clone(), leaf, vec![number; 300], None));
        block_on(store.commit(&change)).unwrap();
        ids.push(id);
    }
    ids.truncate(100);
    let integration = Integration {
        expected_size: 0,
        entries: ids,
        nodes: Vec::new(),
    };
    block_on(store.integrate(&integration)).unwrap();
    let note = b"note".to_vec();
    block_on(store.put_checkpoint(None, &StoredCheckpoint { size: 100, note })).unwrap();
    assert_eq!(block_on(store.check_integrity()).unwrap(), []);
    drop(store);
    (folder, file)
}

fn codes(store: &SqliteStore) -> Vec<&'static str> {
    let found = block_on(store.check_integrity()).unwrap();
    assert!(found.iter().all(|finding| !finding.detail().is_empty()));
    found.iter().map(|finding| finding.code()).collect()
}

#[test]
fn every_page_that_is_torn_is_found_and_nothing_is_half_written_over_it() {
    let (folder, file) = filled();
    let sound = fs::read(&file).unwrap();
    let size = page_size(&sound);
    let pages = sound.len() / size;
    assert!(pages > 20);
    for page in 1..pages {
        let torn = folder.path().join(format!("torn-{page}.db"));
        let mut bytes = sound.clone();
        let start = page * size;
        bytes.get_mut(start..start + 8).unwrap().fill(0xee);
        fs::write(&torn, bytes).unwrap();
        let Ok(store) = SqliteStore::open(&torn) else {
            continue;
        };
        assert!(codes(&store).contains(&"sqlite.corrupt"), "page {page}");
        // What is written either holds, or is refused as a whole.
        let written = block_on(store.commit(&create("new")));
        let found = block_on(store.user(&tenant(), &UserId::new("new").unwrap()));
        match (written, found) {
            (Ok(()), Ok(found)) => assert!(found.is_some(), "page {page}"),
            (Err(error), Ok(found)) => {
                assert_eq!(error.kind(), StoreErrorKind::Other, "page {page}: {error}");
                assert!(found.is_none(), "page {page}");
            }
            (_, Err(error)) => assert_eq!(error.kind(), StoreErrorKind::Other, "page {page}"),
        }
    }
}

/// Writes to a file past the store.
fn spoiled(statements: &str) -> Vec<&'static str> {
    let (_folder, file) = filled();
    let db = Connection::open(&file).unwrap();
    db.pragma_update(None, "foreign_keys", false).unwrap();
    db.execute_batch(statements).unwrap();
    drop(db);
    codes(&SqliteStore::open(&file).unwrap())
}

/// Adds a run and its ids at the end.
fn add_run(leaves: &str, ids: &str, ends: &str, bytes: &str) -> String {
    format!(
        "INSERT INTO runs VALUES (200, {leaves}, {ids}, {ends}, {bytes});
         INSERT INTO entry_ids SELECT value, 200 + key FROM json_each({ids})"
    )
}

#[test]
fn a_gap_between_entries_is_found() {
    let found = spoiled(
        "DROP TRIGGER runs_stay; DELETE FROM runs WHERE first = 7;
         DELETE FROM entry_ids WHERE position = 7",
    );
    assert_eq!(found, ["sqlite.entries_gap"]);
}

#[test]
fn an_index_of_ids_that_is_not_that_of_the_entries_is_found() {
    let found = spoiled("DELETE FROM entry_ids WHERE position = 7");
    assert_eq!(found, ["sqlite.entry_ids"]);
    let found = spoiled("UPDATE entry_ids SET position = 8 WHERE position = 7");
    assert_eq!(found, ["sqlite.entry_ids"]);
}

#[test]
fn an_entry_that_ends_before_it_begins_is_found() {
    let leaves = "CAST(zeroblob(31) || x'c8' || zeroblob(31) || x'c9' AS BLOB)";
    let found = spoiled(&add_run(leaves, r#"'["a","b"]'"#, "'[2,1]'", "x'00'"));
    assert_eq!(found, ["sqlite.ends"]);
}

#[test]
fn private_parts_of_no_entry_or_of_one_that_has_others_are_found() {
    let file = |first: u8, ends: &str| {
        format!("INSERT INTO private VALUES ({first}, 't', 'walk', 'w', 0, NULL, '{ends}', x'00')")
    };
    assert_eq!(spoiled(&file(198, "[1,1]")), <[&str; 0]>::default());
    assert_eq!(spoiled(&file(199, "[1,1]")), ["sqlite.private"]);
    let twice = format!("{}; {}", file(7, "[1,1]"), file(8, "[1]"));
    assert_eq!(spoiled(&twice), ["sqlite.private"]);
}

#[test]
fn a_rotation_that_is_no_entry_is_found() {
    assert_eq!(
        spoiled("INSERT INTO rotation VALUES (0, 199)"),
        <[&str; 0]>::default()
    );
    let found = spoiled("INSERT INTO rotation VALUES (0, 200)");
    assert_eq!(found, ["sqlite.rotation"]);
}

#[test]
fn two_entries_with_one_leaf_hash_are_found() {
    let found = spoiled(&add_run("zeroblob(32)", r#"'["twice"]'"#, "'[1]'", "x'00'"));
    assert_eq!(found, ["sqlite.leaf_twice"]);
}

#[test]
fn an_index_that_is_not_that_of_the_entries_is_found() {
    let found = spoiled("INSERT INTO leaf_index VALUES (0, 7)");
    assert_eq!(found, ["sqlite.leaf_index"]);
    let found = spoiled("INSERT INTO leaf_slices VALUES (7, 100)");
    assert_eq!(found, ["sqlite.leaf_index"]);
    let filed = "INSERT INTO leaf_slices VALUES (7, 100);
         INSERT INTO leaf_index VALUES (0x0707070707070707, 7)";
    assert_eq!(spoiled(filed), <[&str; 0]>::default());
}

#[test]
fn a_tree_of_more_leaves_than_entries_is_found() {
    let found = spoiled("UPDATE tree SET size = 201");
    assert_eq!(found, ["sqlite.tree_size"]);
}

#[test]
fn a_checkpoint_of_more_leaves_than_the_tree_has_is_found() {
    let found = spoiled("UPDATE checkpoint SET size = 101");
    assert_eq!(found, ["sqlite.checkpoint_size"]);
}

#[test]
fn seats_that_were_counted_wrong_are_found() {
    let found = spoiled("UPDATE seats SET taken = taken - 1");
    assert_eq!(found, ["sqlite.seats"]);
}

#[test]
fn an_account_without_its_record_is_found() {
    let found = spoiled("UPDATE users SET entry = zeroblob(32) WHERE id = 'u7'");
    // 0 is the first entry's hash here; 255 is nobody's.
    assert_eq!(found, <[&str; 0]>::default());
    let found = spoiled("UPDATE users SET entry = unhex(replace(hex(zeroblob(32)), '0', 'F'))");
    assert_eq!(found, ["sqlite.unrecorded"]);
}

#[test]
fn a_link_without_its_account_is_found() {
    let found = spoiled(
        "INSERT INTO links (tenant, issuer, subject, user, connection, linked_at, entry)
             VALUES ('acme', 'i', 's', 'nobody', 'c', 0, zeroblob(32))",
    );
    assert_eq!(found, ["sqlite.foreign_key"]);
}

#[test]
fn a_file_that_is_only_read_is_checked_too() {
    let (_folder, file) = filled();
    let store = SqliteStore::open_read_only(&file).unwrap();
    assert_eq!(codes(&store), <[&str; 0]>::default());
}
