//! Publishing a ledger as files, and checking published files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::single_range_in_vec_init,
    reason = "tests fail by panicking"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use countersign_audit::damage::Damage;
use countersign_audit::store::NodeId;
use countersign_audit::tile_check::verify_tiles;
use countersign_audit::tile_folder::TileFolder;
use countersign_audit::tiles::{TileKind, TilePath, TileStore};
use countersign_audit::{AuditError, LedgerReader, VerifierKey};
use countersign_core::{StoreError, StoreErrorKind};
use pollster::block_on;
use support::published::{check, grow, keys, ledger_of, other_ledger_of, publish};
use support::{ORIGIN, TestStore, plain_entries, store_with};

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                if name == ".lock" {
                    continue;
                }
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_published_ledger_is_found_sound() {
    for size in [0, 1, 255, 256, 257, 1500, 65_537] {
        let folder = tempfile::tempdir().unwrap();
        let tiles = TileFolder::new(folder.path());
        publish(&ledger_of(size), &tiles).unwrap();
        let check = check(&tiles);
        assert_eq!(check.damage, [], "{size}");
        assert!(check.checkpoint_trusted);
        assert_eq!(check.size, size);
        let all = if size == 0 { vec![] } else { vec![0..size] };
        assert_eq!((check.proved, check.affected), (all, vec![]));
    }
}

#[test]
fn the_files_are_those_that_the_specification_lists() {
    // [C2SP tlog-tiles, "Partial Tiles"] counts them for 70,000 leaves.
    let folder = tempfile::tempdir().unwrap();
    publish(&ledger_of(70_000), &TileFolder::new(folder.path())).unwrap();
    let names: Vec<String> = files(folder.path()).into_keys().collect();
    let count = |start: &str| names.iter().filter(|name| name.starts_with(start)).count();
    assert_eq!(count("tile/0/"), 274);
    assert_eq!(count("tile/entries/"), 274);
    for name in [
        "tile/0/272",
        "tile/0/273.p/112",
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
        "checkpoint",
    ] {
        assert!(names.iter().any(|found| found == name), "{name}");
    }
    assert_eq!(names.len(), 274 + 274 + 2 + 1 + 1);
}

#[test]
fn publishing_bit_by_bit_ends_with_the_same_files_as_at_once() {
    let (bit_by_bit, at_once) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = store_with(&[]);
    for size in [0, 3, 3, 200, 256, 300, 513, 1024, 1500] {
        grow(&store, size);
        publish(&store, &TileFolder::new(bit_by_bit.path())).unwrap();
    }
    publish(&ledger_of(1500), &TileFolder::new(at_once.path())).unwrap();
    let (bit_by_bit, at_once) = (files(bit_by_bit.path()), files(at_once.path()));
    for (name, bytes) in &at_once {
        assert_eq!(bit_by_bit.get(name), Some(bytes), "{name}");
    }
    let more = bit_by_bit
        .keys()
        .filter(|name| !at_once.contains_key(*name));
    assert!(more.clone().all(|name| name.contains(".p/")), "{more:?}");
}

#[test]
fn what_is_published_already_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let store = ledger_of(600);
    publish(&store, &tiles).unwrap();
    assert_eq!(publish(&store, &tiles).unwrap().files, 0);
    grow(&store, 601);
    // The bundle, the tile of level 0, the tile of level 1, the checkpoint.
    let published = publish(&store, &tiles).unwrap();
    assert_eq!((published.old_size, published.files), (600, 4));
}

/// Writes so many files, and then none.
#[derive(Debug)]
struct Failing(TileFolder, AtomicUsize);

impl Failing {
    fn one_less(&self) -> Result<(), StoreError> {
        let left = self.1.load(Ordering::SeqCst);
        let left = left.checked_sub(1);
        let left = left.ok_or_else(|| StoreError::new(StoreErrorKind::Other, "write"))?;
        self.1.store(left, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl TileStore for Failing {
    async fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.tile(path).await
    }
    async fn add_tile(&self, path: TilePath, bytes: &[u8]) -> Result<(), StoreError> {
        self.one_less()?;
        self.0.add_tile(path, bytes).await
    }
    async fn checkpoint(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.checkpoint().await
    }
    async fn replace_checkpoint(
        &self,
        expected: Option<&[u8]>,
        checkpoint: &[u8],
    ) -> Result<(), StoreError> {
        self.one_less()?;
        self.0.replace_checkpoint(expected, checkpoint).await
    }
}

#[test]
fn interrupted_anywhere_the_published_log_is_whole_and_the_next_time_complete() {
    let (small, large) = (ledger_of(300), ledger_of(900));
    let mut writes = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let tiles = TileFolder::new(folder.path());
        publish(&small, &tiles).unwrap();
        let failing = Failing(tiles.clone(), AtomicUsize::new(writes));
        let outcome = publish(&large, &failing);
        let found = check(&tiles);
        assert_eq!(found.damage, [], "after {writes}");
        assert_eq!(found.size, if outcome.is_ok() { 900 } else { 300 });
        publish(&large, &tiles).unwrap();
        assert_eq!((check(&tiles).damage, check(&tiles).size), (vec![], 900));
        if outcome.is_ok() {
            break;
        }
        writes += 1;
    }
    assert!(writes > 6);
}

#[test]
fn a_ledger_that_does_not_continue_what_is_published_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    publish(&ledger_of(300), &tiles).unwrap();
    let before = files(folder.path());
    let Err(AuditError::Damaged(rolled_back)) = publish(&ledger_of(299), &tiles) else {
        panic!("was published");
    };
    assert_eq!(
        rolled_back,
        Damage::RolledBack {
            size: 299,
            signed_size: 300
        }
    );
    let other = other_ledger_of(400);
    let Err(AuditError::Damaged(forked)) = publish(&other, &tiles) else {
        panic!("was published");
    };
    assert_eq!(forked, Damage::Forked { signed_size: 300 });
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_store_that_tells_two_histories_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let ours = ledger_of(192);
    publish(&ours, &tiles).unwrap();
    let before = files(folder.path());
    // Another history, with the nodes of what is published where the root of its size is read.
    let other = other_ledger_of(600);
    let peaks = [(7, 0), (6, 2)].map(|(level, index)| NodeId { level, index });
    for id in peaks {
        let node = ours.tables.lock().unwrap().nodes[&id];
        other.change(|tables| {
            tables.nodes.insert(id, node).unwrap();
        });
    }
    let root = |store: &Arc<TestStore>| {
        block_on(LedgerReader::new(Arc::<TestStore>::clone(store)).root(192)).unwrap()
    };
    assert_eq!(root(&ours), root(&other));
    let Err(AuditError::Damaged(damage)) = publish(&other, &tiles) else {
        panic!("was published");
    };
    assert_eq!(damage, Damage::Forked { signed_size: 192 });
    assert_eq!(files(folder.path()), before);
}

#[test]
fn a_tile_that_is_there_and_is_another_stops_the_export() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    publish(&ledger_of(300), &tiles).unwrap();
    let path: TilePath = "tile/entries/001".parse().unwrap();
    std::fs::write(folder.path().join("tile/entries/001"), "other").unwrap();
    let before = std::fs::read(folder.path().join("checkpoint")).unwrap();
    let Err(AuditError::Damaged(damage)) = publish(&ledger_of(600), &tiles) else {
        panic!("was published");
    };
    assert_eq!(damage, Damage::OtherFile(path));
    let after = files(folder.path());
    assert_eq!(after["checkpoint"], before);
    assert_eq!(after["tile/entries/001"], b"other");
}

#[test]
fn a_checkpoint_is_replaced_only_by_who_has_seen_it() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let replace = |expected: Option<&[u8]>, new: &[u8]| {
        block_on(tiles.replace_checkpoint(expected, new)).map_err(|error| error.is_conflict())
    };
    assert_eq!(replace(Some(b"one"), b"two"), Err(true));
    assert_eq!(replace(None, b"one"), Ok(()));
    assert_eq!(replace(None, b"two"), Err(true));
    assert_eq!(replace(Some(b"zero"), b"two"), Err(true));
    assert_eq!(replace(Some(b"one"), b"two"), Ok(()));
    assert_eq!(block_on(tiles.checkpoint()).unwrap().unwrap(), b"two");
}

#[test]
fn many_exports_at_once_only_move_forward() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let store = ledger_of(1);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..8 {
                    match publish(&store, &tiles) {
                        Ok(published) => {
                            let size = published.checkpoint.checkpoint().size();
                            assert!(published.old_size >= last && size >= published.old_size);
                            last = size;
                        }
                        Err(AuditError::Store(error)) if error.is_conflict() => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
        scope.spawn(|| {
            for size in (20..=600).step_by(58) {
                grow(&store, size);
            }
        });
    });
    publish(&store, &tiles).unwrap();
    assert_eq!((check(&tiles).damage, check(&tiles).size), (vec![], 600));
}

#[test]
fn a_changed_entry_or_tree_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let store = ledger_of(300);
    store.change(|tables| tables.leaves[299] = tables.leaves[1].clone());
    let forked = publish(&store, &tiles);
    assert!(matches!(
        forked,
        Err(AuditError::Damaged(Damage::Forked { signed_size: 300 }))
    ));
    store.change(|tables| {
        let entry = &tables.leaves[7];
        tables.leaves[7] = countersign_core::Entry::from_parts(
            entry.id().clone(),
            entry.leaf(),
            b"other".to_vec(),
            None,
        );
    });
    let changed = publish(&store, &tiles);
    assert!(matches!(
        changed,
        Err(AuditError::Damaged(Damage::ChangedEntry { index: 7 }))
    ));
    assert!(!folder.path().join("checkpoint").exists());
}

#[test]
fn a_checkpoint_by_a_stranger_is_neither_published_nor_continued() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let store = ledger_of(3);
    let (stranger, _) = countersign_audit::Ed25519Signer::generate().unwrap();
    let stranger = [VerifierKey::of_signer(ORIGIN, &stranger).unwrap().into()];
    let reader = LedgerReader::new(store);
    for keys in [&stranger[..], &[]] {
        let refused = block_on(reader.publish(keys, &tiles, &mut |_| {}));
        assert!(matches!(
            refused,
            Err(AuditError::Damaged(Damage::Checkpoint))
        ));
    }
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_ledger_without_a_checkpoint_is_not_published_and_an_empty_folder_not_checked() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let none = publish(&store_with(&plain_entries(0..3)), &tiles);
    assert!(matches!(none, Err(AuditError::NotInTree)));
    let none = block_on(verify_tiles(&tiles, &keys(), &mut |_| {}));
    assert!(matches!(none, Err(AuditError::NotInTree)));
}

/// A folder that somebody else has packed.
#[test]
#[cfg(unix)]
fn what_has_no_end_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    publish(&ledger_of(5), &tiles).unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let unread = || block_on(tiles.checkpoint()).is_err();
    assert!(!unread());
    std::fs::remove_file(&checkpoint).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &checkpoint).unwrap();
    assert!(unread());
    assert!(block_on(verify_tiles(&tiles, &keys(), &mut |_| {})).is_err());
    std::fs::remove_file(&checkpoint).unwrap();
    std::fs::create_dir(&checkpoint).unwrap();
    assert!(unread());
    std::fs::remove_dir(&checkpoint).unwrap();
    // A file without a block on the disk.
    let long = std::fs::File::create(&checkpoint).unwrap();
    long.set_len(256 * (65_535 + 2)).unwrap();
    assert!(!unread());
    long.set_len(1 << 40).unwrap();
    assert!(unread());
}

#[test]
fn every_changed_or_missing_file_is_named_and_what_is_still_proved_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    publish(&ledger_of(1500), &tiles).unwrap();
    let whole = files(folder.path());
    for (name, bytes) in whole.iter().filter(|(name, _)| *name != "checkpoint") {
        let path: TilePath = name.parse().unwrap();
        let place = folder.path().join(name);
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        std::fs::write(&place, changed).unwrap();
        let found = check(&tiles);
        let bundle = path.index() * 256..path.index() * 256 + u64::from(path.width());
        if path.kind() == TileKind::Entries {
            let last = bundle.end - 1;
            assert_eq!(found.affected, [last..bundle.end], "{name}");
            assert!(!found.is_sound());
        } else {
            assert_eq!(found.damage, [Damage::WrongFile(path)]);
            assert_eq!(found.affected, []);
        }
        std::fs::remove_file(&place).unwrap();
        let found = check(&tiles);
        assert!(found.damage.contains(&Damage::MissingFile(path)), "{name}");
        let affected = match path.kind() {
            TileKind::Entries => vec![bundle],
            TileKind::Hashes { .. } => vec![],
        };
        assert_eq!(found.affected, affected, "{name}");
        std::fs::write(&place, bytes).unwrap();
    }
    assert!(check(&tiles).is_sound());
}

#[test]
fn a_partial_tile_that_is_gone_is_found_in_the_full_one() {
    let folder = tempfile::tempdir().unwrap();
    let tiles = TileFolder::new(folder.path());
    let store = ledger_of(100);
    publish(&store, &tiles).unwrap();
    let checkpoint = std::fs::read(folder.path().join("checkpoint")).unwrap();
    grow(&store, 300);
    publish(&store, &tiles).unwrap();
    // A reader that still has the older checkpoint.
    std::fs::write(folder.path().join("checkpoint"), checkpoint).unwrap();
    for partial in ["tile/0/000.p", "tile/entries/000.p"] {
        std::fs::remove_dir_all(folder.path().join(partial)).unwrap();
    }
    let found = check(&tiles);
    assert_eq!((found.damage, found.size), (vec![], 100));
}
