//! Ledgers: growing, signing, proving, and refusing to go on over damage.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::single_range_in_vec_init,
    reason = "tests fail by panicking"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use countersign_audit::damage::Damage;
use countersign_audit::fsck::{LedgerCheck, Progress};
use countersign_audit::merkle::verify_consistency;
use countersign_audit::receipt::{Level, Receipt};
use countersign_audit::record::RecordError;
use countersign_audit::store::{Anchor, NodeId, StoredCheckpoint};
use countersign_audit::{AuditError, Ed25519Signer, Ledger, LedgerReader, LinkError};
use countersign_core::{Entry, LeafHash, Sha256Digest};
use pollster::block_on;
use proptest::prelude::*;
use support::{
    CountingEntropy, ORIGIN, TestStore, Walk, WalkPlan, integrate_carelessly, open, plain_entries,
    signer, store_with,
};

fn damage<T: std::fmt::Debug>(outcome: Result<T, AuditError>) -> Damage {
    match outcome {
        Err(AuditError::Damaged(damage)) => damage,
        other => panic!("{other:?}"),
    }
}

/// A store whose first `signed` entries are signed, with `more` leaves behind them.
fn grown(signed: u64, more: u64) -> Arc<TestStore> {
    let store = store_with(&plain_entries(0..signed));
    let ledger = open(&store).unwrap();
    block_on(ledger.advance()).unwrap();
    store.change(|tables| {
        tables.outbox.extend(plain_entries(signed..signed + more));
    });
    block_on(ledger.integrate()).unwrap();
    store
}

#[test]
fn an_integration_ends_however_fast_others_add_entries() {
    let store = store_with(&plain_entries(0..3));
    let ledger = open(&store).unwrap();
    let mut others = plain_entries(3..9);
    others.reverse();
    *store.arriving.lock().unwrap() = others;
    assert_eq!(block_on(ledger.integrate()).unwrap(), 3);
    assert_eq!(block_on(ledger.integrate()).unwrap(), 4);
    assert_eq!(block_on(ledger.advance()).unwrap().checkpoint().size(), 5);
}

/// A node that is not the integrator is never the one that writes, and there is always more to do;
/// it still has what it asked for.
#[test]
fn a_node_beside_a_busy_integrator_waits_only_for_what_was_there() {
    let store = store_with(&plain_entries(0..3));
    let ledger = open(&store).unwrap();
    *store.arriving.lock().unwrap() = plain_entries(3..300);
    *store.integrator.lock().unwrap() = Some(open(&store).unwrap());
    assert!(block_on(ledger.integrate()).unwrap() >= 3);
    let there = block_on(ledger.reader().size()).unwrap();
    let signed = block_on(ledger.checkpoint()).unwrap();
    assert!(signed.checkpoint().size() >= there);
    let leaf = store.tables.lock().unwrap().outbox[0].leaf();
    let receipt = block_on(ledger.wait_for(leaf, Level::Checkpointed)).unwrap();
    assert!(matches!(receipt, Receipt::Checkpointed(_)), "{receipt:?}");
    assert!(!store.arriving.lock().unwrap().is_empty());
}

#[test]
fn an_integration_takes_all_that_was_there() {
    let store = store_with(&plain_entries(0..9_000));
    assert_eq!(block_on(open(&store).unwrap().integrate()).unwrap(), 9_000);
}

#[test]
fn a_ledger_that_is_far_behind_is_signed_before_it_has_caught_up() {
    let store = store_with(&plain_entries(0..9_000));
    block_on(open(&store).unwrap().advance()).unwrap();
    let signed = store.tables.lock().unwrap().signed_sizes.clone();
    assert_eq!(signed, [4_096, 8_192, 9_000]);
}

fn walk_store() -> Arc<TestStore> {
    let walk = Walk::new(WalkPlan::default(), &CountingEntropy::default());
    let store = store_with(&walk.entries());
    block_on(open(&store).unwrap().advance()).unwrap();
    store
}

fn check(store: &Arc<TestStore>) -> LedgerCheck {
    let keys = [open_key().into()];
    let reader = LedgerReader::new(Arc::<TestStore>::clone(store));
    block_on(reader.verify_all(&keys, &mut |_| {})).unwrap()
}

fn open_key() -> countersign_audit::VerifierKey {
    countersign_audit::VerifierKey::of_signer(ORIGIN, &*signer()).unwrap()
}

#[test]
fn entries_become_leaves_and_a_checkpoint_covers_them() {
    let store = store_with(&plain_entries(0..2500));
    let ledger = open(&store).unwrap();
    let checkpoint = block_on(ledger.advance()).unwrap();
    assert_eq!(checkpoint.checkpoint().size(), 2500);
    assert_eq!(checkpoint.checkpoint().origin(), ORIGIN);
    checkpoint.verify(&[ledger.verifier_key().clone()]).unwrap();
    assert_eq!(
        block_on(ledger.reader().root(2500)).unwrap(),
        checkpoint.checkpoint().root()
    );
}

#[test]
fn the_same_tree_is_not_signed_twice() {
    let store = grown(5, 0);
    let ledger = open(&store).unwrap();
    let before = store.tables.lock().unwrap().checkpoint.clone();
    block_on(ledger.advance()).unwrap();
    assert_eq!(store.tables.lock().unwrap().checkpoint, before);
}

#[test]
fn the_empty_ledger_can_be_signed() {
    let store = store_with(&[]);
    let ledger = open(&store).unwrap();
    assert_eq!(block_on(ledger.advance()).unwrap().checkpoint().size(), 0);
    store.change(|tables| tables.outbox.extend(plain_entries(0..1)));
    assert_eq!(block_on(ledger.advance()).unwrap().checkpoint().size(), 1);
}

#[test]
fn lost_races_are_run_again() {
    let store = store_with(&plain_entries(0..10));
    let ledger = open(&store).unwrap();
    store.conflicts.store(5, Ordering::SeqCst);
    assert_eq!(block_on(ledger.advance()).unwrap().checkpoint().size(), 10);
}

#[test]
fn a_race_that_is_always_lost_ends() {
    let store = store_with(&plain_entries(0..10));
    let ledger = open(&store).unwrap();
    store.conflicts.store(1_000_000, Ordering::SeqCst);
    assert!(matches!(
        block_on(ledger.advance()),
        Err(AuditError::Store(error)) if error.is_conflict()
    ));
}

#[test]
fn two_ledgers_over_one_store_make_one_tree() {
    let store = store_with(&plain_entries(0..9_000));
    let (one, two) = (open(&store).unwrap(), open(&store).unwrap());
    std::thread::scope(|scope| {
        for ledger in [&one, &two] {
            scope.spawn(move || block_on(ledger.advance()).unwrap());
        }
    });
    let alone = store_with(&plain_entries(0..9_000));
    let alone = block_on(open(&alone).unwrap().advance()).unwrap();
    let together = block_on(one.reader().checkpoint()).unwrap().unwrap();
    assert_eq!(together, alone);
}

#[test]
fn a_receipt_says_how_far_an_entry_is() {
    let entries = plain_entries(0..4);
    let store = store_with(&entries[..3]);
    let ledger = open(&store).unwrap();
    let receipt = |n: usize| block_on(ledger.receipt(entries[n].leaf()));
    assert_eq!(receipt(0).unwrap(), Receipt::Durable);
    block_on(ledger.integrate()).unwrap();
    assert_eq!(receipt(0).unwrap(), Receipt::Durable);
    block_on(ledger.checkpoint()).unwrap();
    let Receipt::Checkpointed(proof) = receipt(2).unwrap() else {
        panic!("is not covered");
    };
    assert_eq!(proof.verify(entries[2].leaf()), Ok(()));
    assert!(matches!(receipt(3), Err(AuditError::NotInTree)));
}

#[test]
fn an_entry_whose_bytes_do_not_have_its_leaf_hash_does_not_become_a_leaf() {
    let mut entries = plain_entries(0..3);
    let (id, leaf) = (entries[1].id().clone(), entries[1].leaf());
    entries[1] = Entry::from_parts(id, leaf, b"other".to_vec(), None);
    let store = store_with(&entries);
    let ledger = open(&store).unwrap();
    assert_eq!(
        damage(block_on(ledger.advance())),
        Damage::ChangedEntry { index: 1 }
    );
    assert_eq!(block_on(ledger.reader().size()).unwrap(), 1);
}

#[test]
fn a_ledger_with_fewer_leaves_than_were_signed_is_not_opened() {
    let store = grown(7, 0);
    store.change(|tables| tables.leaves.truncate(6));
    assert_eq!(
        damage(open(&store)),
        Damage::RolledBack {
            size: 6,
            signed_size: 7
        }
    );
}

#[test]
fn a_ledger_whose_signed_part_was_rewritten_is_not_opened() {
    let store = grown(7, 3);
    store.change(|tables| {
        let node = NodeId { level: 2, index: 0 };
        tables.nodes.insert(node, Sha256Digest::from_bytes([9; 32]));
    });
    assert_eq!(damage(open(&store)), Damage::Forked { signed_size: 7 });
}

#[test]
fn a_ledger_that_grew_over_other_nodes_than_were_signed_is_not_opened() {
    // The nodes of the signed size are intact, and the larger tree is built over others.
    let store = grown(3, 5);
    store.change(|tables| {
        let node = NodeId { level: 3, index: 0 };
        tables.nodes.insert(node, Sha256Digest::from_bytes([9; 32]));
    });
    assert_eq!(damage(open(&store)), Damage::Forked { signed_size: 3 });
}

#[test]
fn a_ledger_with_a_missing_node_is_not_opened() {
    let store = grown(7, 0);
    let node = NodeId { level: 2, index: 0 };
    store.change(|tables| {
        tables.nodes.remove(&node);
    });
    assert_eq!(damage(open(&store)), Damage::MissingNode(node));
}

#[test]
fn a_ledger_whose_checkpoint_another_key_signed_is_not_opened() {
    let store = grown(7, 0);
    let (stranger, _) = Ed25519Signer::generate().unwrap();
    let opened = block_on(Ledger::open(
        Arc::<TestStore>::clone(&store),
        Arc::new(stranger),
        ORIGIN,
    ));
    assert_eq!(damage(opened), Damage::Checkpoint);
}

#[test]
fn a_ledger_under_another_name_is_not_opened() {
    let store = grown(7, 0);
    let opened = block_on(Ledger::open(store, signer(), "log.example/other"));
    assert_eq!(damage(opened), Damage::Checkpoint);
}

#[test]
fn a_name_that_no_note_can_have_is_refused() {
    let store = grown(0, 0);
    for origin in ["", "a b", "a+b", "a\nb"] {
        let opened = block_on(Ledger::open(
            Arc::<TestStore>::clone(&store),
            signer(),
            origin,
        ));
        assert!(matches!(opened, Err(AuditError::Origin(_))), "{origin}");
    }
}

#[test]
fn a_checkpoint_that_does_not_say_its_size_is_refused() {
    let store = grown(7, 0);
    store.change(|tables| {
        let checkpoint: &mut StoredCheckpoint = tables.checkpoint.as_mut().unwrap();
        checkpoint.size = 6;
    });
    assert_eq!(damage(open(&store)), Damage::Checkpoint);
}

#[test]
fn a_store_set_back_under_a_running_ledger_is_noticed() {
    let store = grown(3, 0);
    let old = store.tables.lock().unwrap().clone();
    let ledger = open(&store).unwrap();
    store.change(|tables| tables.outbox.extend(plain_entries(3..6)));
    block_on(ledger.advance()).unwrap();
    store.change(|tables| *tables = old);
    assert_eq!(
        damage(block_on(ledger.advance())),
        Damage::RolledBack {
            size: 3,
            signed_size: 6
        }
    );
}

#[test]
fn a_store_that_grew_another_way_after_it_was_set_back_is_noticed() {
    let store = grown(3, 0);
    let old = store.tables.lock().unwrap().clone();
    let ledger = open(&store).unwrap();
    store.change(|tables| tables.outbox.extend(plain_entries(3..6)));
    block_on(ledger.advance()).unwrap();
    store.change(|tables| {
        *tables = old;
        tables.outbox.extend(plain_entries(10..13));
    });
    assert_eq!(
        damage(block_on(ledger.advance())),
        Damage::Forked { signed_size: 6 }
    );
}

#[test]
fn a_checkpoint_kept_elsewhere_shows_that_a_store_was_set_back() {
    let store = grown(3, 0);
    let old = store.tables.lock().unwrap().clone();
    let ledger = open(&store).unwrap();
    store.change(|tables| tables.outbox.extend(plain_entries(3..6)));
    let kept = block_on(ledger.advance()).unwrap();
    block_on(ledger.check_continues(&kept)).unwrap();
    store.change(|tables| *tables = old);
    let young = open(&store).unwrap();
    assert_eq!(
        damage(block_on(young.check_continues(&kept))),
        Damage::RolledBack {
            size: 3,
            signed_size: 6
        }
    );
}

#[test]
fn a_signer_that_signs_with_another_key_than_it_names_is_not_believed() {
    use async_trait::async_trait;
    use countersign_audit::Signer;
    use countersign_audit::signer::{SignatureAlgorithm, SignerError};
    #[derive(Debug)]
    struct Liar(Ed25519Signer, Ed25519Signer);
    #[async_trait]
    impl Signer for Liar {
        fn algorithm(&self) -> SignatureAlgorithm {
            self.0.algorithm()
        }
        fn public_key(&self) -> Vec<u8> {
            self.0.public_key()
        }
        async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
            self.1.sign(message).await
        }
    }
    let liar = Liar(
        Ed25519Signer::generate().unwrap().0,
        Ed25519Signer::generate().unwrap().0,
    );
    let store = store_with(&plain_entries(0..3));
    let ledger = block_on(Ledger::open(
        Arc::<TestStore>::clone(&store),
        Arc::new(liar),
        ORIGIN,
    ))
    .unwrap();
    assert!(matches!(
        block_on(ledger.advance()),
        Err(AuditError::Signer(_))
    ));
    assert_eq!(store.tables.lock().unwrap().checkpoint, None);
}

#[test]
fn the_key_of_openssl_signs() {
    // The test key was made by openssl, without its public key in it.
    assert_eq!(open_key().name(), ORIGIN);
}

// Checking all of it.

#[test]
fn a_sound_ledger_is_found_sound() {
    let store = walk_store();
    let check = check(&store);
    assert_eq!(check.damage, []);
    assert!(check.is_sound() && check.checkpoint_trusted);
    assert_eq!((check.size, check.pending), (7, 0));
}

#[test]
fn the_check_tells_how_far_it_is() {
    let store = grown(2500, 0);
    let reader = LedgerReader::new(store);
    let mut seen = Vec::new();
    let check = block_on(reader.verify_all(&[], &mut |progress: Progress| {
        seen.push((progress.done, progress.total));
    }))
    .unwrap();
    assert_eq!(seen, [(1024, 2500), (2048, 2500), (2500, 2500)]);
    assert!(check.is_sound());
    assert!(!check.checkpoint_trusted);
}

#[test]
fn a_changed_entry_is_located() {
    let store = walk_store();
    store.change(|tables| {
        let entry = &tables.leaves[2];
        let bytes = String::from_utf8(entry.bytes().to_vec()).unwrap();
        let changed = bytes.replace("sign nda/*", "sign hrx/*");
        tables.leaves[2] =
            Entry::from_parts(entry.id().clone(), entry.leaf(), changed.into_bytes(), None);
    });
    assert_eq!(check(&store).damage, [Damage::ChangedEntry { index: 2 }]);
}

#[test]
fn an_entry_that_was_exchanged_with_its_hash_is_located() {
    let store = walk_store();
    let plan = WalkPlan {
        name: "doctor",
        ..WalkPlan::default()
    };
    let other = Walk::new(plan, &CountingEntropy::default());
    store.change(|tables| tables.leaves[6] = other.signed.entry().clone());
    let damage = check(&store).damage;
    assert!(damage.contains(&Damage::WrongNode(NodeId { level: 0, index: 6 })));
    assert!(damage.contains(&Damage::Forked { signed_size: 7 }));
    let lost = damage
        .iter()
        .filter(|damage| matches!(damage, Damage::MissingParent { index: 6, .. }));
    assert_eq!(lost.count(), 3, "{damage:?}");
}

#[test]
fn a_lost_entry_is_located() {
    let store = walk_store();
    store.change(|tables| {
        let entry = tables.leaves[6].clone();
        tables.leaves[6] = tables.leaves[5].clone();
        tables.leaves.push(entry);
    });
    let damage = check(&store).damage;
    assert!(
        damage.contains(&Damage::Duplicate { index: 6 }),
        "{damage:?}"
    );
}

#[test]
fn a_truncated_ledger_is_found() {
    let store = walk_store();
    store.change(|tables| tables.leaves.truncate(5));
    assert_eq!(
        check(&store).damage,
        [Damage::RolledBack {
            size: 5,
            signed_size: 7
        }]
    );
}

#[test]
fn missing_and_wrong_nodes_are_located() {
    let store = walk_store();
    let (gone, wrong) = (NodeId { level: 1, index: 2 }, NodeId { level: 2, index: 0 });
    store.change(|tables| {
        tables.nodes.remove(&gone);
        tables
            .nodes
            .insert(wrong, Sha256Digest::from_bytes([1; 32]));
    });
    assert_eq!(
        check(&store).damage,
        [Damage::WrongNode(wrong), Damage::MissingNode(gone)]
    );
}

#[test]
fn an_entry_under_another_id_is_located() {
    let store = walk_store();
    store.change(|tables| {
        let entry = &tables.leaves[1];
        tables.leaves[1] = Entry::from_parts(
            tables.leaves[0].id().clone(),
            entry.leaf(),
            entry.bytes().to_vec(),
            None,
        );
    });
    assert_eq!(check(&store).damage, [Damage::OtherId { index: 1 }]);
}

#[test]
fn a_checkpoint_by_another_key_is_found() {
    let store = walk_store();
    let (stranger, _) = Ed25519Signer::generate().unwrap();
    let key = countersign_audit::VerifierKey::of_signer(ORIGIN, &stranger).unwrap();
    let reader = LedgerReader::new(store);
    let check = block_on(reader.verify_all(&[key.into()], &mut |_| {})).unwrap();
    assert_eq!(check.damage, [Damage::Checkpoint]);
}

// What is still proved.

fn plain(size: u64) -> Arc<TestStore> {
    grown(size, 0)
}

fn change(store: &TestStore, index: usize) {
    store.change(|tables| {
        let entry = &tables.leaves[index];
        let (id, leaf) = (entry.id().clone(), entry.leaf());
        tables.leaves[index] = Entry::from_parts(id, leaf, b"other".to_vec(), None);
    });
}

#[test]
fn all_of_a_sound_ledger_is_proved_and_what_is_not_signed_is_not() {
    let found = check(&grown(2500, 7));
    assert_eq!((found.proved, found.affected), (vec![0..2500], vec![]));
}

#[test]
fn changed_entries_are_affected_and_all_others_still_proved() {
    let store = plain(2500);
    for index in [0, 1023, 1024, 1025, 2499] {
        change(&store, index);
    }
    let found = check(&store);
    assert_eq!(found.affected, [0..1, 1023..1026, 2499..2500]);
    assert_eq!(found.proved, [1..1023, 1026..2499]);
}

#[test]
fn a_node_that_is_gone_takes_nothing_from_its_entries() {
    let store = plain(2500);
    store.change(|tables| tables.nodes.retain(|node, _| node.level == 3));
    let found = check(&store);
    assert!(!found.is_sound());
    assert_eq!((found.proved, found.affected), (vec![0..2500], vec![]));
}

#[test]
fn an_entry_that_was_changed_with_its_nodes_cuts_off_what_is_beside_it() {
    // Its leaf hash and the node above that are lost, too. The node above both is right, but
    // nothing says what it was made of.
    let store = plain(2500);
    change(&store, 6);
    store.change(|tables| {
        tables.nodes.remove(&NodeId { level: 0, index: 6 });
        tables.nodes.remove(&NodeId { level: 1, index: 3 });
    });
    let found = check(&store);
    assert_eq!(found.affected, [4..8]);
    assert_eq!(found.proved, [0..4, 8..2500]);
}

#[test]
fn what_was_cut_off_is_affected_and_the_rest_still_proved() {
    let store = plain(2500);
    store.change(|tables| tables.leaves.truncate(2100));
    let found = check(&store);
    assert_eq!(
        (found.proved, found.affected),
        (vec![0..2100], vec![2100..2500])
    );
}

#[test]
fn nothing_of_a_forged_ledger_is_proved() {
    let store = plain(100);
    let other = store_with(&plain_entries(1000..1100));
    block_on(open(&other).unwrap().advance()).unwrap();
    let forged = other.tables.lock().unwrap().clone();
    store.change(|tables| {
        tables.leaves = forged.leaves;
        tables.nodes = forged.nodes;
    });
    let found = check(&store);
    assert_eq!((found.proved, found.affected), (vec![], vec![0..100]));
}

// Time-stamped checkpoints.

/// A ledger of nine leaves whose checkpoint of six was time-stamped.
fn anchored() -> Arc<TestStore> {
    let store = grown(6, 0);
    store.change(|tables| {
        let note = tables.checkpoint.as_ref().unwrap().note.clone();
        let anchor = Anchor {
            size: 6,
            note,
            tokens: vec![b"token".to_vec()],
        };
        tables.anchors.insert(6, anchor);
        tables.outbox.extend(plain_entries(6..9));
    });
    block_on(open(&store).unwrap().advance()).unwrap();
    store
}

#[test]
fn a_ledger_that_does_not_continue_what_was_time_stamped_is_not_opened() {
    let store = anchored();
    open(&store).unwrap();
    assert_eq!(check(&store).anchors, 1);
    // All but the anchor is another ledger's.
    let other = grown(3, 0).tables.lock().unwrap().clone();
    let forked = store_with(&plain_entries(20..29));
    block_on(open(&forked).unwrap().advance()).unwrap();
    let forked = forked.tables.lock().unwrap().clone();
    let rolled_back = Damage::RolledBack {
        size: 3,
        signed_size: 6,
    };
    for (tables, expected) in [
        (other, rolled_back),
        (forked, Damage::Forked { signed_size: 6 }),
    ] {
        store.change(|own| {
            let anchors = std::mem::take(&mut own.anchors);
            *own = tables;
            own.anchors = anchors;
        });
        assert_eq!(damage(open(&store)), expected);
        assert!(check(&store).damage.contains(&expected));
    }
}

#[test]
fn an_anchor_that_the_ledger_has_not_signed_is_damage() {
    let store = anchored();
    store.change(|tables| {
        let anchor = tables.anchors.get_mut(&6).unwrap();
        anchor.note = b"no note".to_vec();
    });
    assert_eq!(damage(open(&store)), Damage::Anchor { size: 6 });
    assert_eq!(
        check(&store).damage.last(),
        Some(&Damage::Anchor { size: 6 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn however_it_grew_the_tree_is_the_same_and_every_proof_holds(
        steps in prop::collection::vec(0_u64..40, 1..8),
        pick in any::<prop::sample::Index>(),
    ) {
        let store = store_with(&[]);
        let ledger = open(&store).unwrap();
        let mut size = 0_u64;
        let mut checkpoints = Vec::new();
        for step in steps {
            store.change(|tables| tables.outbox.extend(plain_entries(size..size + step)));
            size += step;
            checkpoints.push(block_on(ledger.advance()).unwrap());
        }
        let last = checkpoints.last().unwrap();
        let at_once = store_with(&plain_entries(0..size));
        let at_once = block_on(open(&at_once).unwrap().advance()).unwrap();
        prop_assert_eq!(&at_once, last);
        for old in checkpoints.iter().map(|signed| signed.checkpoint()) {
            if old.size() == 0 {
                continue;
            }
            let proof = block_on(ledger.reader().consistency_proof(old.size(), size)).unwrap();
            let new_root = last.checkpoint().root();
            prop_assert_eq!(
                verify_consistency(old.size(), size, &proof, old.root(), new_root),
                Ok(())
            );
        }
        if size > 0 {
            let index = pick.index(usize::try_from(size).unwrap()) as u64;
            let proof = block_on(ledger.reader().log_proof(index, last)).unwrap();
            let leaf = plain_entries(index..index + 1)[0].leaf();
            prop_assert_eq!(proof.verify(leaf), Ok(()));
            prop_assert!(proof.verify(LeafHash::from_bytes([0; 32])).is_err());
        }
    }
}

// What becomes a leaf [record.md §6].

/// Why the ledger stops, and how many leaves there are before it does. The check of the whole
/// ledger says the same of what a ledger that did not look would have made of it.
fn refused(entries: &[Entry]) -> (Damage, u64) {
    let store = store_with(entries);
    let ledger = open(&store).unwrap();
    let found = damage(block_on(ledger.advance()));
    assert_eq!(damage(block_on(ledger.advance())), found, "and again");
    let size = block_on(ledger.reader().size()).unwrap();
    let careless = store_with(entries);
    integrate_carelessly(&careless);
    let found_later = check(&careless).damage;
    assert!(found_later.contains(&found), "{found:?}: {found_later:?}");
    (found, size)
}

/// A record with one part written anew, under a hash and an id of its own: what a host that goes
/// around the writer can put into the outbox.
fn forged(entry: &Entry, change: impl FnOnce(&mut serde_json::Value)) -> Entry {
    let mut record: serde_json::Value = serde_json::from_slice(entry.bytes()).unwrap();
    change(&mut record);
    let bytes = countersign_audit::canonical::to_canonical(&record).unwrap();
    let id = countersign_audit::parse_record(&bytes).unwrap().id;
    Entry::from_parts(id, countersign_audit::leaf_hash(&bytes), bytes, None)
}

fn walk() -> Walk {
    Walk::new(WalkPlan::default(), &CountingEntropy::default())
}

fn other_walk() -> Walk {
    let plan = WalkPlan {
        name: "doctor",
        ..WalkPlan::default()
    };
    Walk::new(plan, &CountingEntropy::default())
}

/// The walk with the record at `place` forged.
fn with_forged(place: usize, change: impl FnOnce(&mut serde_json::Value)) -> (Damage, u64) {
    let mut entries = walk().entries();
    entries[place] = forged(&entries[place], change);
    refused(&entries[..=place])
}

fn link(found: (Damage, u64)) -> LinkError {
    match found {
        (Damage::Link { index, error }, size) => {
            assert_eq!(index, size, "what comes before it is a leaf");
            assert!(found.0.code().starts_with("link."));
            error
        }
        other => panic!("{other:?}"),
    }
}

const GRANT: usize = 2;
const SESSION: usize = 3;
const PRESENTED: usize = 4;
const INTENT: usize = 5;
const SIGNED: usize = 6;

#[test]
fn an_entry_that_is_no_record_does_not_become_a_leaf() {
    let mut entries = plain_entries(0..3);
    let id = entries[2].id().clone();
    let leaf = countersign_audit::leaf_hash(b"{}");
    entries[2] = Entry::from_parts(id, leaf, b"{}".to_vec(), None);
    let error = RecordError::Malformed;
    assert_eq!(
        refused(&entries),
        (Damage::NotARecord { index: 2, error }, 2)
    );
}

#[test]
fn an_entry_under_another_id_does_not_become_a_leaf() {
    let mut entries = plain_entries(0..3);
    let (id, leaf) = (entries[0].id().clone(), entries[1].leaf());
    entries[1] = Entry::from_parts(id, leaf, entries[1].bytes().to_vec(), None);
    assert_eq!(refused(&entries[..2]), (Damage::OtherId { index: 1 }, 1));
}

#[test]
fn a_grant_without_its_account_does_not_become_a_leaf() {
    let walk = walk();
    let entries = [walk.assertion.entry().clone(), walk.grant.entry().clone()];
    let parent = walk.user.leaf().hash();
    assert_eq!(
        refused(&entries),
        (Damage::MissingParent { index: 1, parent }, 1)
    );
}

#[test]
fn a_signature_without_its_grant_does_not_become_a_leaf() {
    let walk = walk();
    let mut entries = walk.entries();
    entries.remove(GRANT);
    let parent = walk.grant.leaf().hash();
    assert_eq!(
        refused(&entries),
        (Damage::MissingParent { index: 5, parent }, 5)
    );
}

#[test]
fn a_record_before_its_cause_does_not_become_a_leaf() {
    let walk = walk();
    let mut entries = walk.entries();
    entries.swap(INTENT, SIGNED);
    let parent = walk.intent.leaf().hash();
    assert_eq!(
        refused(&entries),
        (Damage::MissingParent { index: 5, parent }, 5)
    );
}

#[test]
fn a_cause_of_another_kind_is_none() {
    let walk = walk();
    let parent = walk.session.leaf().hash();
    let found = with_forged(SIGNED, |record| {
        record["parents"][2] = parent.to_string().into();
    });
    let found = link(found);
    let kind = countersign_audit::Kind::SessionOpened;
    assert_eq!(
        found,
        LinkError::Kind {
            parent,
            found: kind
        }
    );
}

#[test]
fn a_cause_of_another_tenant_is_none() {
    let found = with_forged(GRANT, |record| record["tenant"] = "other".into());
    let parent = walk().user.leaf().hash();
    assert_eq!(link(found), LinkError::Tenant { parent });
}

#[test]
fn a_grant_to_another_account_than_its_own_does_not_become_a_leaf() {
    let found = with_forged(GRANT, |record| record["subject_ref"] = "user-other".into());
    let parent = walk().user.leaf().hash();
    assert_eq!(link(found), LinkError::Subject { parent });
}

#[test]
fn a_signature_under_another_accounts_grant_does_not_become_a_leaf() {
    let (mine, theirs) = (walk(), other_walk());
    let parent = theirs.grant.leaf().hash();
    let mut entries = mine.entries();
    entries[SIGNED] = forged(&entries[SIGNED], |record| {
        record["parents"][2] = parent.to_string().into();
    });
    let theirs = theirs.entries().into_iter().take(3);
    let all: Vec<Entry> = theirs.chain(entries).collect();
    assert_eq!(link(refused(&all)), LinkError::Subject { parent });
}

#[test]
fn a_signature_dated_before_the_intent_does_not_become_a_leaf() {
    let mut entries = walk().entries();
    entries[INTENT] = forged(&entries[INTENT], |record| {
        redate(record, "2026-03-01T09:40:00.000Z")
    });
    let parent = entries[INTENT].leaf();
    entries[SIGNED] = forged(&entries[SIGNED], |record| {
        record["parents"][0] = parent.to_string().into();
    });
    assert_eq!(link(refused(&entries)), LinkError::Time { parent });
}

/// Writes another time into a record, and an id that fits it [record.md §3].
fn redate(record: &mut serde_json::Value, to: &str) {
    let millis = support::at(to).unix_millis();
    let hex = format!("{millis:012x}");
    let id = record["id"].as_str().unwrap();
    record["id"] = format!("{}-{}{}", &hex[..8], &hex[8..], &id[13..]).into();
    record["at"] = to.into();
}

#[test]
fn an_intent_about_another_document_than_was_shown_does_not_become_a_leaf() {
    let other = support::sha256(b"another").to_string();
    let found = with_forged(INTENT, |record| {
        record["body"]["document_sha256"] = other.into();
    });
    let parent = walk().presented.leaf().hash();
    assert_eq!(link(found), LinkError::Disagrees { parent });
}

#[test]
fn a_signature_with_another_meaning_than_was_confirmed_does_not_become_a_leaf() {
    let found = with_forged(SIGNED, |record| {
        record["body"]["meaning"] = "witness".into()
    });
    let parent = walk().intent.leaf().hash();
    assert_eq!(link(found), LinkError::Disagrees { parent });
}

#[test]
fn a_signature_of_another_type_than_was_shown_does_not_become_a_leaf() {
    let found = with_forged(SIGNED, |record| {
        record["body"]["document_type"] = "nda/other".into();
    });
    let parent = walk().presented.leaf().hash();
    assert_eq!(link(found), LinkError::Disagrees { parent });
}

#[test]
fn a_signature_that_names_another_grant_does_not_become_a_leaf() {
    let found = with_forged(SIGNED, |record| record["body"]["grant"] = "grant-2".into());
    let parent = walk().grant.leaf().hash();
    assert_eq!(link(found), LinkError::NotCovered { parent });
}

#[test]
fn a_signature_that_names_another_end_of_the_grant_does_not_become_a_leaf() {
    let found = with_forged(SIGNED, |record| {
        record["body"]["grant_expires_at"] = serde_json::Value::Null
    });
    let parent = walk().grant.leaf().hash();
    assert_eq!(link(found), LinkError::GrantOver { parent });
}

#[test]
fn a_signature_after_the_grant_has_expired_does_not_become_a_leaf() {
    let found = with_forged(SIGNED, |record| redate(record, "2026-03-02T09:30:00.000Z"));
    // The session is over, too, and told first.
    let parent = walk().session.leaf().hash();
    assert_eq!(link(found), LinkError::SessionOver { parent });
}

#[test]
fn a_document_that_was_shown_before_the_session_began_does_not_become_a_leaf() {
    let found = with_forged(PRESENTED, |record| {
        redate(record, "2026-03-01T09:00:00.000Z")
    });
    let parent = walk().session.leaf().hash();
    assert_eq!(link(found), LinkError::Time { parent });
}

#[test]
fn a_session_of_another_account_than_its_own_does_not_become_a_leaf() {
    let found = with_forged(SESSION, |record| {
        record["subject_ref"] = "user-other".into()
    });
    let parent = walk().user.leaf().hash();
    assert_eq!(link(found), LinkError::Subject { parent });
}

#[test]
fn what_rests_on_a_changed_leaf_is_told_by_that_leaf() {
    let walk = walk();
    let mut before = walk.entries();
    let after = before.split_off(4);
    let store = store_with(&before);
    block_on(open(&store).unwrap().advance()).unwrap();
    store.change(|tables| {
        let entry = &tables.leaves[3];
        let bytes = String::from_utf8(entry.bytes().to_vec()).unwrap();
        let changed = bytes.replace("session-1", "session-2");
        tables.leaves[3] =
            Entry::from_parts(entry.id().clone(), entry.leaf(), changed.into_bytes(), None);
        tables.outbox.extend(after);
    });
    // A ledger that was opened anew remembers nothing.
    let ledger = open(&store).unwrap();
    assert_eq!(
        damage(block_on(ledger.advance())),
        Damage::ChangedEntry { index: 3 }
    );
}

/// Causes are read from the store where they are not remembered, and in one batch where they are
/// part of it: each entry alone, all at once, and by a ledger that was opened anew for each.
#[test]
fn the_same_records_become_leaves_however_they_are_batched() {
    let entries = walk().entries();
    let all = block_on(open(&store_with(&entries)).unwrap().advance()).unwrap();
    for anew in [false, true] {
        let store = store_with(&[]);
        let mut ledger = open(&store).unwrap();
        for entry in &entries {
            store.change(|tables| tables.outbox.push(entry.clone()));
            if anew {
                ledger = open(&store).unwrap();
            }
            block_on(ledger.advance()).unwrap();
        }
        let one_by_one = block_on(ledger.reader().checkpoint()).unwrap().unwrap();
        assert_eq!(one_by_one, all);
    }
}
