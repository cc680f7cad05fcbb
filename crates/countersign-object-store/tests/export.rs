//! Publishing a ledger to object storage, in memory and on the local file system.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod scripted;
#[path = "../../countersign-audit/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_audit::AuditError;
use countersign_audit::damage::Damage;
use countersign_audit::publish::Published;
use countersign_audit::tile_folder::TileFolder;
use countersign_audit::tiles::{TileKind, TilePath, TileStore};
use countersign_core::StoreErrorKind;
use countersign_object_store::ObjectTiles;
use futures_util::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{Attribute, ObjectStore, ObjectStoreExt as _, PutMode};
use pollster::block_on;
use scripted::{Fate, Scripted};
use support::published::{check, grow, ledger_of, other_ledger_of, publish};
use support::{open, store_with};
use tempfile::TempDir;

fn damage(outcome: Result<Published, AuditError>) -> Damage {
    match outcome {
        Err(AuditError::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    }
}

fn conflict(outcome: Result<(), countersign_core::StoreError>) -> bool {
    outcome.is_err_and(|error| error.is_conflict())
}

/// Every object, by its path.
fn objects(store: &dyn ObjectStore) -> BTreeMap<String, Vec<u8>> {
    block_on(async {
        let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
        let mut objects = BTreeMap::new();
        for meta in listed {
            let found = store.get(&meta.location).await.unwrap();
            let bytes = found.bytes().await.unwrap().to_vec();
            objects.insert(meta.location.to_string(), bytes);
        }
        objects
    })
}

fn put(store: &dyn ObjectStore, path: &str, bytes: &[u8]) {
    block_on(store.put(&Path::from(path), bytes.to_vec().into())).unwrap();
}

/// A place to publish to, and the store below it.
struct Place {
    tiles: ObjectTiles,
    store: Arc<dyn ObjectStore>,
    _folder: Option<TempDir>,
}

fn in_memory() -> Place {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    Place {
        tiles: ObjectTiles::new(store.clone()),
        store,
        _folder: None,
    }
}

fn on_files() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("log");
    std::fs::create_dir(&below).unwrap();
    let store = LocalFileSystem::new_with_prefix(below).unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(store.with_fsync(true));
    let tiles = ObjectTiles::new(store.clone()).with_lock_file(folder.path().join("lock"));
    Place {
        tiles,
        store,
        _folder: Some(folder),
    }
}

/// Each kind of store that is to be had without a network.
fn places() -> [Place; 2] {
    [in_memory(), on_files()]
}

#[test]
fn a_published_ledger_is_found_sound() {
    for size in [0, 1, 255, 256, 257, 1500] {
        for place in places() {
            let published = publish(&ledger_of(size), &place.tiles).unwrap();
            assert_eq!(published.checkpoint.checkpoint().size(), size);
            let check = check(&place.tiles);
            assert_eq!((check.damage, check.size), (vec![], size));
            assert!(check.checkpoint_trusted);
        }
    }
}

#[test]
fn the_objects_are_byte_for_byte_the_files_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(&[]);
    let places = places();
    for size in [3, 300, 513, 1500] {
        grow(&store, size);
        publish(&store, &TileFolder::new(folder.path())).unwrap();
        for place in &places {
            publish(&store, &place.tiles).unwrap();
        }
    }
    let files = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    let mut files = objects(&files);
    files.remove(".lock").unwrap();
    for place in &places {
        assert_eq!(objects(&*place.store), files);
    }
}

#[test]
fn each_object_says_what_it_is_and_how_long_it_may_be_kept() {
    let place = in_memory();
    publish(&ledger_of(300), &place.tiles).unwrap();
    for name in objects(&*place.store).keys() {
        let found = block_on(place.store.get(&Path::from(name.as_str()))).unwrap();
        let header = |attribute| found.attributes.get(&attribute).unwrap().to_string();
        let (kind, caching) = match name.as_str() {
            "checkpoint" => ("text/plain; charset=utf-8", "no-cache"),
            _ => ("application/octet-stream", "max-age=31536000, immutable"),
        };
        assert_eq!(header(Attribute::ContentType), kind, "{name}");
        assert_eq!(header(Attribute::CacheControl), caching, "{name}");
    }
}

#[test]
fn what_is_published_already_is_not_written_again() {
    for place in places() {
        let store = ledger_of(600);
        publish(&store, &place.tiles).unwrap();
        assert_eq!(publish(&store, &place.tiles).unwrap().files, 0);
        grow(&store, 601);
        // The bundle, the tile of level 0, the tile of level 1, the checkpoint.
        let published = publish(&store, &place.tiles).unwrap();
        assert_eq!((published.old_size, published.files), (600, 4));
    }
}

#[test]
fn two_logs_in_one_bucket_do_not_meet() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let below = |prefix: &str| ObjectTiles::new(store.clone()).below(Path::from(prefix));
    publish(&ledger_of(300), &below("logs/one")).unwrap();
    publish(&other_ledger_of(400), &below("logs/two")).unwrap();
    assert_eq!(check(&below("logs/one")).size, 300);
    assert_eq!(check(&below("logs/two")).size, 400);
    let names: Vec<String> = objects(&*store).into_keys().collect();
    assert!(names.contains(&"logs/one/tile/0/000".to_owned()));
    assert!(names.iter().all(|name| name.starts_with("logs/")));
}

/// Publishes the small ledger, then the large one, with the n-th put of the latter meeting `fate`,
/// for each n; what is there has to be whole each time, and complete after the next export.
fn die_at_every_put(fate: Fate) {
    let (small, large) = (ledger_of(300), ledger_of(900));
    for place in [in_memory as fn() -> Place, on_files] {
        let mut nth = 0;
        loop {
            let place = place();
            publish(&small, &place.tiles).unwrap();
            let failing = Scripted::at(place.store.clone(), nth, fate);
            let mut tiles = ObjectTiles::new(Arc::new(failing));
            if let Some(folder) = &place._folder {
                tiles = tiles.with_lock_file(folder.path().join("lock"));
            }
            let outcome = publish(&large, &tiles);
            let found = check(&place.tiles);
            assert_eq!(found.damage, [], "{fate:?} {nth}");
            if outcome.is_ok() {
                assert_eq!(found.size, 900);
                break;
            }
            assert!(found.size == 300 || (found.size == 900 && fate == Fate::LoseTheAnswer));
            publish(&large, &place.tiles).unwrap();
            let found = check(&place.tiles);
            assert_eq!((found.damage, found.size), (vec![], 900));
            nth += 1;
        }
        // Three bundles, three tiles of level 0, one of level 1, the checkpoint.
        assert_eq!(nth, 8, "{fate:?}");
    }
}

#[test]
fn an_export_that_dies_before_any_put_leaves_a_whole_log_and_is_completed() {
    die_at_every_put(Fate::Refuse);
}

#[test]
fn an_export_that_dies_after_any_put_leaves_a_whole_log_and_is_completed() {
    die_at_every_put(Fate::LoseTheAnswer);
}

#[test]
fn a_put_that_is_sent_twice_is_no_conflict() {
    // What a client does that did not see the first answer; the second says "exists already" or
    // "changed", by our own hand.
    let (small, large) = (ledger_of(300), ledger_of(900));
    for nth in 0..8 {
        let place = in_memory();
        publish(&small, &place.tiles).unwrap();
        let twice = Scripted::at(place.store.clone(), nth, Fate::SendTwice);
        publish(&large, &ObjectTiles::new(Arc::new(twice))).unwrap();
        assert_eq!(check(&place.tiles).damage, []);
        assert_eq!(check(&place.tiles).size, 900);
    }
}

#[test]
fn a_tile_that_is_there_and_is_another_stops_the_export() {
    let (small, large) = (ledger_of(300), ledger_of(900));
    let names = {
        let place = in_memory();
        publish(&small, &place.tiles).unwrap();
        let before = objects(&*place.store);
        publish(&large, &place.tiles).unwrap();
        let after = objects(&*place.store).into_keys();
        after.filter(move |name| !before.contains_key(name))
    };
    let mut count = 0;
    for name in names {
        let tile: TilePath = name.parse().unwrap();
        for other in [&b""[..], b"other", &[0; 9_000]] {
            for place in places() {
                publish(&small, &place.tiles).unwrap();
                put(&*place.store, &name, other);
                let before = objects(&*place.store).remove("checkpoint");
                let outcome = damage(publish(&large, &place.tiles));
                assert_eq!(outcome, Damage::OtherFile(tile));
                let after = objects(&*place.store);
                assert_eq!(after.get("checkpoint"), before.as_ref());
                assert_eq!(after[&name], other);
            }
        }
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn a_smaller_ledger_is_not_published_over_a_larger_one() {
    for place in places() {
        publish(&ledger_of(300), &place.tiles).unwrap();
        let before = objects(&*place.store);
        let rolled_back = Damage::RolledBack {
            size: 299,
            signed_size: 300,
        };
        assert_eq!(damage(publish(&ledger_of(299), &place.tiles)), rolled_back);
        assert_eq!(objects(&*place.store), before);
    }
}

#[test]
fn a_ledger_that_does_not_continue_the_published_one_is_not_published() {
    for place in places() {
        publish(&ledger_of(300), &place.tiles).unwrap();
        let before = objects(&*place.store);
        for size in [300, 301, 900] {
            let forked = damage(publish(&other_ledger_of(size), &place.tiles));
            assert_eq!(forked, Damage::Forked { signed_size: 300 });
        }
        assert_eq!(objects(&*place.store), before);
    }
}

#[test]
fn of_two_forks_that_find_nothing_published_one_is_stopped() {
    // The second finds no checkpoint, because the first has not come so far.
    for place in places() {
        let dying = Scripted::at(place.store.clone(), 2, Fate::Refuse);
        publish(&ledger_of(300), &ObjectTiles::new(Arc::new(dying))).unwrap_err();
        let outcome = damage(publish(&other_ledger_of(300), &place.tiles));
        assert!(matches!(outcome, Damage::OtherFile(_)), "{outcome:?}");
        assert!(!objects(&*place.store).contains_key("checkpoint"));
    }
}

#[test]
fn a_slow_export_does_not_set_the_checkpoint_back() {
    // Between what the slow one has read and its put, another publishes something newer.
    let store = ledger_of(300);
    let place = in_memory();
    let (fast, tiles) = (Arc::clone(&store), place.tiles.clone());
    let slow = Scripted::before_checkpoint(place.store.clone(), move || {
        grow(&fast, 900);
        publish(&fast, &tiles).unwrap();
    });
    let published = publish(&store, &ObjectTiles::new(Arc::new(slow))).unwrap();
    // It has looked again, and found that there is nothing left to do.
    assert_eq!((published.old_size, published.files), (900, 0));
    assert_eq!(
        (check(&place.tiles).damage, check(&place.tiles).size),
        (vec![], 900)
    );
}

#[test]
fn a_slow_fork_does_not_take_the_place_of_what_was_published_meanwhile() {
    let place = in_memory();
    let tiles = place.tiles.clone();
    let slow = Scripted::before_checkpoint(place.store.clone(), move || {
        // Without tiles that would stop it: only the checkpoint is in its way.
        let checkpoint = open(&ledger_of(200)).unwrap();
        let checkpoint = block_on(checkpoint.reader().checkpoint()).unwrap().unwrap();
        block_on(tiles.replace_checkpoint(None, checkpoint.bytes())).unwrap();
    });
    let outcome = publish(&other_ledger_of(300), &ObjectTiles::new(Arc::new(slow)));
    assert_eq!(damage(outcome), Damage::Forked { signed_size: 200 });
    let there = block_on(place.tiles.checkpoint()).unwrap().unwrap();
    assert!(
        String::from_utf8(there)
            .unwrap()
            .starts_with("log.example/audit\n200\n")
    );
}

#[test]
fn many_exports_at_once_only_move_forward() {
    for place in places() {
        let store = ledger_of(1);
        let exports = 4;
        std::thread::scope(|scope| {
            for _ in 0..exports {
                scope.spawn(|| {
                    let mut last = 0;
                    for _ in 0..12 {
                        match publish(&store, &place.tiles) {
                            Ok(published) => {
                                let size = published.checkpoint.checkpoint().size();
                                assert!(published.old_size >= last && size >= published.old_size);
                                last = size;
                            }
                            // Others were faster all the time, or had the lock.
                            Err(AuditError::Store(error)) if error.is_conflict() => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                });
            }
            scope.spawn(|| {
                for size in (20..=1000).step_by(70) {
                    grow(&store, size);
                }
            });
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..200 {
                    let Some(note) = block_on(place.tiles.checkpoint()).unwrap() else {
                        continue;
                    };
                    let note = String::from_utf8(note).unwrap();
                    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
                    assert!(size >= last, "from {last} back to {size}");
                    last = size;
                }
            });
        });
        publish(&store, &place.tiles).unwrap();
        let found = check(&place.tiles);
        assert_eq!((found.damage, found.size), (vec![], 1000));
    }
}

#[test]
fn a_store_without_conditions_and_without_a_lock_is_refused() {
    let place = on_files();
    let bare = ObjectTiles::new(place.store.clone());
    // The first checkpoint is put where nothing is, which needs no more than that.
    publish(&ledger_of(3), &bare).unwrap();
    let before = objects(&*place.store).remove("checkpoint");
    let Err(AuditError::Store(error)) = publish(&ledger_of(5), &bare) else {
        panic!("was published");
    };
    assert_eq!(error.kind(), StoreErrorKind::Other);
    assert!(error.doing().contains("lock file"), "{error}");
    assert_eq!(objects(&*place.store).remove("checkpoint"), before);
    publish(&ledger_of(5), &place.tiles).unwrap();
}

#[test]
fn a_lock_that_somebody_holds_is_a_conflict() {
    let place = on_files();
    publish(&ledger_of(3), &place.tiles).unwrap();
    let path = place._folder.as_ref().unwrap().path().join("lock");
    let held = std::fs::File::open(path).unwrap();
    held.lock().unwrap();
    let outcome = publish(&ledger_of(5), &place.tiles);
    assert!(matches!(outcome, Err(AuditError::Store(error)) if error.is_conflict()));
    assert_eq!(check(&place.tiles).size, 3);
    drop(held);
    publish(&ledger_of(5), &place.tiles).unwrap();
}

#[test]
fn a_checkpoint_is_replaced_only_by_who_has_seen_it() {
    for place in places() {
        let replace = |expected: Option<&[u8]>, new: &[u8]| {
            block_on(place.tiles.replace_checkpoint(expected, new))
        };
        assert!(conflict(replace(Some(b"one"), b"two")));
        replace(None, b"one").unwrap();
        assert!(conflict(replace(None, b"two")));
        assert!(conflict(replace(Some(b"zero"), b"two")));
        replace(Some(b"one"), b"two").unwrap();
        assert_eq!(block_on(place.tiles.checkpoint()).unwrap().unwrap(), b"two");
    }
}

#[test]
fn every_changed_or_missing_object_is_named() {
    let place = in_memory();
    publish(&ledger_of(1500), &place.tiles).unwrap();
    for (name, bytes) in objects(&*place.store) {
        let Ok(path) = name.parse::<TilePath>() else {
            continue;
        };
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        put(&*place.store, &name, &changed);
        let found = check(&place.tiles);
        match path.kind() {
            TileKind::Entries => assert!(!found.is_sound(), "{name}"),
            TileKind::Hashes { .. } => assert_eq!(found.damage, [Damage::WrongFile(path)]),
        }
        block_on(place.store.delete(&Path::from(name.as_str()))).unwrap();
        assert!(
            check(&place.tiles)
                .damage
                .contains(&Damage::MissingFile(path))
        );
        put(&*place.store, &name, &bytes);
    }
    assert!(check(&place.tiles).is_sound());
}

#[test]
fn an_object_without_end_is_read_only_as_far_as_a_tile_can_go() {
    let place = in_memory();
    publish(&ledger_of(300), &place.tiles).unwrap();
    let path: TilePath = "tile/0/000".parse().unwrap();
    put(&*place.store, "tile/0/000", &[7; 1 << 20]);
    let read = block_on(place.tiles.tile(path)).unwrap().unwrap();
    assert_eq!(read.len(), 256 * 32 + 1);
    assert_eq!(check(&place.tiles).damage, [Damage::WrongFile(path)]);
}

#[test]
fn a_checkpoint_that_somebody_put_there_is_not_continued() {
    let place = in_memory();
    put(&*place.store, "checkpoint", b"no note");
    let outcome = damage(publish(&ledger_of(300), &place.tiles));
    assert_eq!(outcome, Damage::Checkpoint);
    assert_eq!(objects(&*place.store).len(), 1);
}

#[test]
fn a_store_that_can_not_be_reached_is_unavailable() {
    let place = in_memory();
    let failing = Scripted::at(place.store.clone(), 0, Fate::Refuse);
    let outcome = publish(&ledger_of(3), &ObjectTiles::new(Arc::new(failing)));
    let Err(AuditError::Store(error)) = outcome else {
        panic!("was published");
    };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[test]
fn a_tile_that_is_said_to_be_there_and_is_not_is_no_fork() {
    let place = in_memory();
    let busy = Scripted::at(place.store.clone(), 0, Fate::SayItExists);
    let outcome = publish(&ledger_of(3), &ObjectTiles::new(Arc::new(busy)));
    let Err(AuditError::Store(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(objects(&*place.store).is_empty());
}

#[test]
fn the_store_in_memory_compares_e_tags() {
    // What the tests above rest on.
    let store = InMemory::new();
    put(&store, "a", b"1");
    let at = Path::from("a");
    let old = block_on(store.get(&at)).unwrap().meta.e_tag;
    put(&store, "a", b"2");
    let stale = PutMode::Update(object_store::UpdateVersion {
        e_tag: old,
        version: None,
    });
    let outcome = block_on(store.put_opts(&at, b"3".to_vec().into(), stale.into()));
    assert!(matches!(
        outcome,
        Err(object_store::Error::Precondition { .. })
    ));
}
