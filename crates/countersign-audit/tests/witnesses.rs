//! Witnesses: who cosigns what, what is kept, and what is an alarm.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod support;

use std::sync::Arc;

use countersign_audit::cosignature::{CosignatureError, WitnessPolicyError};
use countersign_audit::damage::Damage;
use countersign_audit::receipt::{Level, Receipt};
use countersign_audit::witness::WitnessError;
use countersign_audit::{AuditError, Ledger, VerifierKey, Witness, Witnesses};
use countersign_core::Timestamp;
use countersign_testkit::broken::{BrokenWitness, WitnessDefect};
use countersign_testkit::conformance;
use countersign_testkit::witness::TestWitness;
use pollster::block_on;
use support::{ORIGIN, TestStore, open, plain_entries, signer, store_with};

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_772_357_000_000)
}

fn log_key() -> VerifierKey {
    VerifierKey::of_signer(ORIGIN, &*signer()).unwrap()
}

fn witness_for(name: &str, key: VerifierKey) -> TestWitness {
    TestWitness::new(name, vec![key], now).unwrap()
}

fn good(n: usize) -> Arc<TestWitness> {
    Arc::new(witness_for(&format!("witness.example/w{n}"), log_key()))
}

fn broken(n: usize, defect: WitnessDefect) -> Arc<BrokenWitness> {
    let inner = witness_for(&format!("witness.example/w{n}"), log_key());
    Arc::new(BrokenWitness::new(inner, defect).unwrap())
}

fn witnessed(store: &Arc<TestStore>, k: usize, witnesses: Vec<Arc<dyn Witness>>) -> Ledger {
    let witnesses = Witnesses::new(k, witnesses).unwrap();
    open(store).unwrap().with_witnesses(witnesses)
}

/// A store with five entries, and its ledger with these witnesses.
fn five(k: usize, witnesses: Vec<Arc<dyn Witness>>) -> (Arc<TestStore>, Ledger) {
    let store = store_with(&plain_entries(0..5));
    let ledger = witnessed(&store, k, witnesses);
    (store, ledger)
}

fn alarm<T: std::fmt::Debug>(outcome: Result<T, AuditError>) -> (String, Damage) {
    match outcome {
        Err(AuditError::Witness(alarm)) => (alarm.witness, alarm.damage),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_small_witness_keeps_what_a_witness_promises() {
    let made = conformance::witness(async |key| witness_for("witness.example/w", key));
    block_on(made).assert_passed();
}

#[test]
fn the_suite_finds_every_broken_witness() {
    for defect in WitnessDefect::ALL {
        let report = block_on(conformance::witness(async |key| {
            BrokenWitness::new(witness_for("witness.example/w", key), *defect).unwrap()
        }));
        assert!(
            report.has_failed(defect.caught_by()),
            "{defect:?}: {report}"
        );
    }
}

#[test]
fn cosignatures_are_kept_with_the_checkpoint() {
    let (store, ledger) = five(2, vec![good(0), good(1), good(2)]);
    block_on(ledger.advance()).unwrap();
    let cosigned = block_on(ledger.cosign()).unwrap();
    assert_eq!(cosigned.cosignatures.len(), 3);
    assert!(cosigned.missing.is_empty());
    assert!(cosigned.cosignatures.iter().all(|one| one.at == now()));
    // Whoever opens the store again sees them, and asks nobody anew.
    let again = open(&store).unwrap();
    let stored = block_on(again.reader().checkpoint()).unwrap().unwrap();
    assert_eq!(stored, cosigned.checkpoint);
    let policy = ledger.witnesses().unwrap().policy();
    assert_eq!(policy.verify(&stored).unwrap().len(), 3);
    stored.verify(&[log_key()]).unwrap();
    let before = stored.bytes().to_vec();
    let after = block_on(ledger.cosign()).unwrap();
    assert_eq!(after.checkpoint.bytes(), before);
}

#[test]
fn a_ledger_that_grows_is_cosigned_again_and_again() {
    let witness = good(0);
    let (store, ledger) = five(1, vec![Arc::<TestWitness>::clone(&witness) as _]);
    for size in [5, 6, 11, 16] {
        let old = store.tables.lock().unwrap().leaves.len() as u64;
        if old > 0 {
            store.change(|tables| tables.outbox.extend(plain_entries(old..size)));
        }
        block_on(ledger.advance()).unwrap();
        block_on(ledger.cosign()).unwrap().require().unwrap();
        assert_eq!(witness.size(ORIGIN), size);
    }
}

#[test]
fn a_witness_that_is_down_or_refuses_or_babbles_is_not_fatal() {
    for defect in [
        WitnessDefect::IsDown,
        WitnessDefect::Refuses,
        WitnessDefect::AnswersWithNoise,
        WitnessDefect::SignsWithAnotherKey,
    ] {
        let (_, ledger) = five(2, vec![good(0), broken(1, defect), good(2)]);
        block_on(ledger.advance()).unwrap();
        let cosigned = block_on(ledger.cosign()).unwrap();
        cosigned.require().unwrap();
        assert_eq!(cosigned.cosignatures.len(), 2, "{defect:?}");
        let (name, error) = &cosigned.missing[0];
        assert_eq!(name, "witness.example/w1");
        assert!(
            match defect {
                WitnessDefect::IsDown => matches!(error, WitnessError::Unavailable(_)),
                WitnessDefect::Refuses => matches!(error, WitnessError::Refused { status: 404 }),
                _ => matches!(error, WitnessError::NoCosignature),
            },
            "{error:?}"
        );
    }
}

#[test]
fn a_restarted_log_is_told_where_its_witness_is() {
    let witness = good(0);
    let (store, ledger) = five(1, vec![Arc::<TestWitness>::clone(&witness) as _]);
    block_on(ledger.advance()).unwrap();
    block_on(ledger.cosign()).unwrap();
    // This one does not know that the witness is at 5, and asks as if it were new.
    store.change(|tables| tables.outbox.extend(plain_entries(5..9)));
    let again = witnessed(&store, 1, vec![Arc::<TestWitness>::clone(&witness) as _]);
    block_on(again.advance()).unwrap();
    block_on(again.cosign()).unwrap().require().unwrap();
    assert_eq!(witness.size(ORIGIN), 9);
}

#[test]
fn a_store_that_was_set_back_as_a_whole_is_noticed_by_a_witness_at_start_up() {
    let witness = good(0);
    let (store, ledger) = five(1, vec![Arc::<TestWitness>::clone(&witness) as _]);
    block_on(ledger.advance()).unwrap();
    let old = store.tables.lock().unwrap().clone();
    store.change(|tables| tables.outbox.extend(plain_entries(5..9)));
    block_on(ledger.advance()).unwrap();
    block_on(ledger.cosign()).unwrap();
    store.change(|tables| *tables = old);
    // Its last checkpoint went back with it, so nothing else shows it.
    let young = witnessed(&store, 1, vec![Arc::<TestWitness>::clone(&witness) as _]);
    let rolled_back = Damage::RolledBack {
        size: 5,
        signed_size: 9,
    };
    let name = "witness.example/w0".to_owned();
    assert_eq!(
        alarm(block_on(young.check_witnesses())),
        (name, rolled_back)
    );
}

#[test]
fn a_store_that_was_emptied_is_noticed_by_a_witness_at_start_up() {
    let witness = good(0);
    let (store, ledger) = five(1, vec![Arc::<TestWitness>::clone(&witness) as _]);
    block_on(ledger.advance()).unwrap();
    block_on(ledger.cosign()).unwrap();
    store.change(|tables| *tables = support::Tables::default());
    let young = witnessed(&store, 1, vec![Arc::<TestWitness>::clone(&witness) as _]);
    let (_, damage) = alarm(block_on(young.check_witnesses()));
    assert_eq!(
        damage,
        Damage::RolledBack {
            size: 0,
            signed_size: 5
        }
    );
}

#[test]
fn a_ledger_that_grew_another_way_is_noticed_by_a_witness() {
    for (grown, signed_size) in [(5..9, 5), (5..5, 5)] {
        let witness = good(0);
        let (_, ledger) = five(1, vec![Arc::<TestWitness>::clone(&witness) as _]);
        block_on(ledger.advance()).unwrap();
        block_on(ledger.cosign()).unwrap();
        let other = store_with(&plain_entries(100..105 + (grown.end - grown.start)));
        let fork = witnessed(&other, 1, vec![Arc::<TestWitness>::clone(&witness) as _]);
        block_on(fork.advance()).unwrap();
        let (_, damage) = alarm(block_on(fork.cosign()));
        assert_eq!(damage, Damage::Forked { signed_size });
        let alarm = block_on(fork.cosign()).unwrap_err();
        assert_eq!(alarm.code(), "audit.witness");
    }
}

#[test]
fn the_cosignatures_beside_an_alarm_are_kept() {
    let (store, ledger) = five(1, vec![good(0)]);
    block_on(ledger.advance()).unwrap();
    let alarmed = good(1);
    let other = store_with(&plain_entries(100..105));
    let fork = witnessed(&other, 1, vec![Arc::<TestWitness>::clone(&alarmed) as _]);
    block_on(fork.advance()).unwrap();
    block_on(fork.cosign()).unwrap();
    let both = witnessed(&store, 1, vec![good(0), alarmed]);
    alarm(block_on(both.cosign()));
    let stored = block_on(both.reader().checkpoint()).unwrap().unwrap();
    assert!(both.witnesses().unwrap().policy().verify(&stored).is_ok());
}

#[test]
fn a_witness_that_is_ahead_by_another_process_is_no_alarm() {
    let witness = good(0);
    let (store, ledger) = five(1, vec![Arc::<TestWitness>::clone(&witness) as _]);
    let small = block_on(ledger.advance()).unwrap();
    store.change(|tables| tables.outbox.extend(plain_entries(5..9)));
    block_on(ledger.advance()).unwrap();
    block_on(ledger.cosign()).unwrap();
    // A process that still has the smaller checkpoint as its last asks late.
    store.change(|tables| {
        let checkpoint = tables.checkpoint.as_mut().unwrap();
        checkpoint.size = 5;
        checkpoint.note = small.bytes().to_vec();
    });
    let late = witnessed(&store, 1, vec![witness]);
    let cosigned = block_on(late.cosign()).unwrap();
    assert!(matches!(
        cosigned.missing[0].1,
        WitnessError::Ahead { size: 9 }
    ));
}

#[test]
fn a_lost_race_for_the_checkpoint_loses_no_cosignature() {
    let store = store_with(&plain_entries(0..5));
    let (one, two) = (
        witnessed(&store, 1, vec![good(0)]),
        witnessed(&store, 1, vec![good(1)]),
    );
    block_on(one.advance()).unwrap();
    std::thread::scope(|scope| {
        for ledger in [&one, &two] {
            scope.spawn(move || block_on(ledger.cosign()).unwrap().require().unwrap());
        }
    });
    let stored = block_on(one.reader().checkpoint()).unwrap().unwrap();
    for ledger in [&one, &two] {
        let policy = ledger.witnesses().unwrap().policy();
        assert_eq!(policy.verify(&stored).unwrap().len(), 1);
    }
}

#[test]
fn nobody_is_asked_where_there_are_no_witnesses() {
    let store = store_with(&plain_entries(0..5));
    let ledger = open(&store).unwrap();
    assert!(matches!(
        block_on(ledger.cosign()),
        Err(AuditError::NotInTree)
    ));
    block_on(ledger.advance()).unwrap();
    let cosigned = block_on(ledger.cosign()).unwrap();
    cosigned.require().unwrap();
    assert!(cosigned.cosignatures.is_empty());
}

#[test]
fn witnesses_that_are_no_quorum_are_refused() {
    let none = Witnesses::new(1, Vec::new());
    assert_eq!(none.err(), Some(WitnessPolicyError::Quorum { k: 1, of: 0 }));
    let one = good(0);
    let twice = Witnesses::new(1, vec![Arc::<TestWitness>::clone(&one) as _, one]);
    assert!(matches!(
        twice.err(),
        Some(WitnessPolicyError::Twice { .. })
    ));
}

// Levels.

#[test]
fn an_entry_reaches_each_level_that_is_waited_for_and_no_higher_one() {
    let (store, ledger) = five(2, vec![good(0), good(1), broken(2, WitnessDefect::IsDown)]);
    let leaf = plain_entries(3..4)[0].leaf();
    let wait = |level| block_on(ledger.wait_for(leaf, level)).unwrap();
    assert_eq!(wait(Level::Durable), Receipt::Durable);
    assert_eq!(store.tables.lock().unwrap().checkpoint, None);
    let checkpointed = wait(Level::Checkpointed);
    assert_eq!(checkpointed.level(), Level::Checkpointed);
    checkpointed.proof().unwrap().verify(leaf).unwrap();
    let Receipt::Witnessed { proof, k, of } = wait(Level::Witnessed) else {
        panic!("is not witnessed");
    };
    assert_eq!((k, of), (2, 3));
    proof.verify(leaf).unwrap();
    let policy = ledger.witnesses().unwrap().policy();
    policy.verify(proof.checkpoint()).unwrap();
    // What has reached a higher level has reached the lower ones.
    assert_eq!(wait(Level::Checkpointed).level(), Level::Witnessed);
    assert!(matches!(
        block_on(ledger.wait_for(leaf, Level::Timestamped)),
        Err(AuditError::NotReached(Level::Timestamped))
    ));
}

#[test]
fn an_entry_is_not_acknowledged_as_witnessed_by_too_few() {
    let (_, ledger) = five(2, vec![good(0), broken(1, WitnessDefect::IsDown)]);
    let leaf = plain_entries(3..4)[0].leaf();
    let waited = block_on(ledger.wait_for(leaf, Level::Witnessed));
    let Err(AuditError::NotWitnessed(too_few)) = waited else {
        panic!("{waited:?}");
    };
    assert_eq!(too_few, CosignatureError::TooFew { found: 1, k: 2 });
    let receipt = block_on(ledger.receipt(leaf)).unwrap();
    assert_eq!(receipt.level(), Level::Checkpointed);
}

#[test]
fn a_level_that_the_ledger_has_no_means_for_is_refused() {
    let store = store_with(&plain_entries(0..5));
    let ledger = open(&store).unwrap();
    let leaf = plain_entries(3..4)[0].leaf();
    assert!(matches!(
        block_on(ledger.wait_for(leaf, Level::Witnessed)),
        Err(AuditError::NotReached(Level::Witnessed))
    ));
}

#[test]
fn an_entry_that_the_ledger_has_never_seen_reaches_no_level() {
    let (_, ledger) = five(1, vec![good(0)]);
    let leaf = plain_entries(77..78)[0].leaf();
    for level in [Level::Durable, Level::Checkpointed, Level::Witnessed] {
        let waited = block_on(ledger.wait_for(leaf, level));
        assert!(matches!(waited, Err(AuditError::NotInTree)), "{level}");
    }
}
