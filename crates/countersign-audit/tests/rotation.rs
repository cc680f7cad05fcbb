//! Replacing the log's key: who signs what, before, between and after.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod support;

use std::sync::{Arc, Mutex};

use countersign_audit::checkpoint::{Checkpoint, sign};
use countersign_audit::damage::Damage;
use countersign_audit::note::NoteError;
use countersign_audit::record::Actor;
use countersign_audit::rotation::{Rotated, RotationOrder};
use countersign_audit::seal::EntropyError;
use countersign_audit::signer::{SignatureAlgorithm, Signer, SignerError};
use countersign_audit::store::{Anchor, EntryQuery, LedgerStore as _, StoredCheckpoint};
use countersign_audit::{
    AuditError, Body, Correlation, Ed25519Signer, Entropy, Ledger, SignedCheckpoint, TrustedKey,
    VerifierKey, parse_record,
};
use countersign_core::{CorrelationId, TenantId};
use pollster::block_on;
use support::{CountingEntropy, ORIGIN, TestStore, at, open, plain_entries, signer, store_with};

fn new_signer() -> Arc<Ed25519Signer> {
    Arc::new(Ed25519Signer::generate().unwrap().0)
}

fn vkey(signer: &Ed25519Signer) -> VerifierKey {
    VerifierKey::of_signer(ORIGIN, signer).unwrap()
}

fn open_with(store: &Arc<TestStore>, signer: &Arc<Ed25519Signer>) -> Result<Ledger, AuditError> {
    let signer = Arc::<Ed25519Signer>::clone(signer);
    block_on(Ledger::open(Arc::<TestStore>::clone(store), signer, ORIGIN))
}

fn rotate(ledger: &Ledger, to: Arc<dyn Signer>, n: u8) -> Result<Rotated, AuditError> {
    let entropy = CountingEntropy::default();
    for _ in 0..n {
        // Ids are not the same twice.
        entropy.fill(&mut [0; 64]).unwrap();
    }
    rotate_with(ledger, to, n, &entropy)
}

fn rotate_with(
    ledger: &Ledger,
    to: Arc<dyn Signer>,
    n: u8,
    entropy: &dyn Entropy,
) -> Result<Rotated, AuditError> {
    let tenant = TenantId::new("acme").unwrap();
    let mut walk = Correlation::begin(tenant, CorrelationId::new(format!("walk-{n}")).unwrap());
    block_on(ledger.rotate(
        to,
        RotationOrder {
            walk: &mut walk,
            by: Actor::System,
            note: Some("yearly"),
            now: at("2026-03-01T09:30:00Z"),
            entropy,
        },
    ))
}

fn five() -> (Arc<TestStore>, Ledger) {
    let store = store_with(&plain_entries(0..5));
    let ledger = open(&store).unwrap();
    (store, ledger)
}

fn grow(store: &TestStore, by: std::ops::Range<u64>) {
    store.change(|tables| tables.outbox.extend(plain_entries(by)));
}

#[test]
fn both_keys_sign_the_checkpoint_that_covers_the_record_and_then_the_new_one_alone() {
    let (store, ledger) = five();
    let (old, new) = (vkey(&signer()), new_signer());
    let rotated = rotate(&ledger, Arc::<Ed25519Signer>::clone(&new) as _, 1).unwrap();
    assert_eq!(rotated.checkpoint.checkpoint().size(), 6);
    rotated
        .checkpoint
        .verify(std::slice::from_ref(&old))
        .unwrap();
    rotated.checkpoint.verify(&[vkey(&new)]).unwrap();
    let record = block_on(ledger.reader().entry(&EntryQuery::Index(5))).unwrap();
    let record = parse_record(record.unwrap().entry.bytes()).unwrap();
    let Body::KeyRotated(body) = record.body else {
        panic!("{:?}", record.body);
    };
    assert_eq!((&body.retired_key, &body.key), (&old, &vkey(&new)));
    assert_eq!(body.origin, ORIGIN);
    assert_eq!(rotated.retired, TrustedKey::retired(old.clone(), 5));
    grow(&store, 10..12);
    let next = block_on(rotated.ledger.advance()).unwrap();
    next.verify(&[vkey(&new)]).unwrap();
    assert_eq!(next.verify(&[old]), Err(NoteError::NoTrustedSignature));
}

#[test]
fn a_ledger_is_opened_with_the_new_key_and_not_with_the_retired_one() {
    let (store, ledger) = five();
    let new = new_signer();
    rotate(&ledger, Arc::<Ed25519Signer>::clone(&new) as _, 1).unwrap();
    // Right after, while the last checkpoint still has the signature of the old key, and later.
    for more in [0..0, 10..12] {
        grow(&store, more);
        let refused = open(&store).unwrap_err();
        assert_eq!(refused.code(), "audit.retired_key");
        assert!(matches!(refused, AuditError::RetiredKey { last_size: 5 }));
        block_on(open_with(&store, &new).unwrap().advance()).unwrap();
    }
}

#[test]
fn a_running_ledger_with_the_retired_key_signs_nothing_any_more() {
    let (store, ledger) = five();
    let elsewhere = open(&store).unwrap();
    let new = new_signer();
    let rotated = rotate(&ledger, Arc::<Ed25519Signer>::clone(&new) as _, 1).unwrap();
    let before = store.tables.lock().unwrap().checkpoint.clone();
    grow(&store, 10..12);
    for old in [&ledger, &elsewhere] {
        let refused = block_on(old.advance()).unwrap_err();
        assert!(
            matches!(refused, AuditError::RetiredKey { last_size: 5 }),
            "{refused:?}"
        );
        assert_eq!(store.tables.lock().unwrap().checkpoint, before);
    }
    block_on(rotated.ledger.advance()).unwrap();
}

/// Of two nodes one replaces the key and signs on; the other learns that its key was retired, not
/// that the ledger is damaged.
#[test]
fn a_running_ledger_whose_key_was_retired_long_ago_is_told_so() {
    let (store, ledger) = five();
    let elsewhere = open(&store).unwrap();
    let rotated = rotate(&elsewhere, new_signer(), 1).unwrap();
    grow(&store, 10..12);
    block_on(rotated.ledger.advance()).unwrap();
    let record = block_on(ledger.reader().entry(&EntryQuery::Index(5))).unwrap();
    let leaf = record.unwrap().entry.leaf();
    let refusals = [
        block_on(ledger.advance()).unwrap_err(),
        block_on(ledger.receipt(leaf)).unwrap_err(),
        rotate(&ledger, new_signer(), 2).unwrap_err(),
    ];
    for refused in refusals {
        assert!(
            matches!(refused, AuditError::RetiredKey { last_size: 5 }),
            "{refused:?}"
        );
    }
    block_on(rotated.ledger.advance()).unwrap();
}

#[test]
fn a_checkpoint_by_a_key_that_never_was_is_damage_after_a_rotation_too() {
    let (store, ledger) = five();
    let rotated = rotate(&ledger, new_signer(), 1).unwrap();
    let stranger = new_signer();
    store.change(|tables| {
        let signed = tables.checkpoint.clone().unwrap();
        let signed = SignedCheckpoint::parse(&signed.note).unwrap();
        let key = vkey(&stranger);
        let forged = block_on(sign(signed.checkpoint(), &key, &*stranger)).unwrap();
        tables.checkpoint = Some(StoredCheckpoint {
            size: forged.checkpoint().size(),
            note: forged.bytes().to_vec(),
        });
    });
    let refused = block_on(rotated.ledger.advance()).unwrap_err();
    assert!(
        matches!(refused, AuditError::Damaged(Damage::Checkpoint)),
        "{refused:?}"
    );
}

#[test]
fn a_second_rotation_follows_the_first_and_every_retired_key_is_told() {
    let (store, ledger) = five();
    let (one, two) = (new_signer(), new_signer());
    let first = rotate(&ledger, Arc::<Ed25519Signer>::clone(&one) as _, 1).unwrap();
    grow(&store, 10..12);
    let second = rotate(&first.ledger, Arc::<Ed25519Signer>::clone(&two) as _, 2).unwrap();
    assert!(matches!(
        open(&store),
        Err(AuditError::RetiredKey { last_size: 5 })
    ));
    let refused = open_with(&store, &one);
    assert!(matches!(
        refused,
        Err(AuditError::RetiredKey { last_size: 8 })
    ));
    let ledger = open_with(&store, &two).unwrap();
    let keys = block_on(ledger.reader().log_keys(ledger.verifier_key())).unwrap();
    let expected = [
        TrustedKey::current(vkey(&two)),
        second.retired,
        first.retired,
    ];
    assert_eq!(keys, expected);
    assert_eq!(keys[1], TrustedKey::retired(vkey(&one), 8));
    assert_eq!(keys[2], TrustedKey::retired(vkey(&signer()), 5));
}

#[test]
fn a_retired_key_that_was_stolen_can_not_make_the_log_longer() {
    let (store, ledger) = five();
    let kept = block_on(ledger.advance()).unwrap();
    let rotated = rotate(&ledger, new_signer(), 1).unwrap();
    let keys = [
        TrustedKey::current(rotated.ledger.verifier_key().clone()),
        rotated.retired.clone(),
    ];
    // The thief has the database from before, and signs more with the old key.
    let thief = store_with(&plain_entries(0..9));
    let forged = block_on(open(&thief).unwrap().advance()).unwrap();
    assert_eq!(forged.verify_by(&keys), Err(NoteError::RetiredKey));
    kept.verify_by(&keys).unwrap();
    rotated.checkpoint.verify_by(&keys).unwrap();
    // A checkpoint that was kept before the rotation is still one to continue.
    block_on(rotated.ledger.check_continues(&kept)).unwrap();
    let damage = block_on(rotated.ledger.check_continues(&forged)).unwrap_err();
    assert!(matches!(damage, AuditError::Damaged(Damage::Checkpoint)));
    drop(store);
}

/// Another node that makes leaves and signs while this one writes the record of a rotation: the
/// last thing before that is to draw its salts.
#[derive(Debug)]
struct Meanwhile {
    store: Arc<TestStore>,
    elsewhere: Ledger,
    signed: Mutex<Option<SignedCheckpoint>>,
}

impl Entropy for Meanwhile {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut signed = self.signed.lock().unwrap();
        if signed.is_none() {
            grow(&self.store, 10..12);
            *signed = Some(block_on(self.elsewhere.advance()).unwrap());
        }
        CountingEntropy::default().fill(bytes)
    }
}

#[test]
fn what_another_node_signs_while_the_key_is_replaced_stays_vouched_for() {
    let (store, ledger) = five();
    let meanwhile = Meanwhile {
        elsewhere: open(&store).unwrap(),
        store: Arc::clone(&store),
        signed: Mutex::new(None),
    };
    let new = new_signer();
    let rotated = rotate_with(
        &ledger,
        Arc::<Ed25519Signer>::clone(&new) as _,
        1,
        &meanwhile,
    );
    let rotated = rotated.unwrap();
    let between = meanwhile.signed.into_inner().unwrap().unwrap();
    assert_eq!(between.checkpoint().size(), 7);
    assert_eq!(rotated.retired, TrustedKey::retired(vkey(&signer()), 7));

    let reader = rotated.ledger.reader();
    let keys = block_on(reader.log_keys(rotated.ledger.verifier_key())).unwrap();
    assert_eq!(keys[1..], *std::slice::from_ref(&rotated.retired));
    between.verify_by(&keys).unwrap();
    block_on(rotated.ledger.check_continues(&between)).unwrap();

    // One that is time-stamped is looked at whenever the ledger is opened.
    let anchor = Anchor {
        size: between.checkpoint().size(),
        note: between.bytes().to_vec(),
        tokens: vec![vec![0x30]],
    };
    block_on(store.put_anchor(&anchor, 0)).unwrap();
    open_with(&store, &new).unwrap();

    // The record's own leaf is past it.
    let covering = block_on(rotated.ledger.reader().root(8)).unwrap();
    let covering = Checkpoint::new(ORIGIN, 8, covering);
    let alone = block_on(sign(&covering, &vkey(&signer()), &*signer())).unwrap();
    assert_eq!(alone.verify_by(&keys), Err(NoteError::RetiredKey));
}

/// A store in which a rotation was interrupted after its record was written.
fn interrupted() -> (Arc<TestStore>, Ledger, Arc<Ed25519Signer>) {
    let (store, ledger) = five();
    let before = block_on(ledger.advance()).unwrap();
    let new = new_signer();
    rotate(&ledger, Arc::<Ed25519Signer>::clone(&new) as _, 1).unwrap();
    store.change(|tables| {
        let checkpoint = tables.checkpoint.as_mut().unwrap();
        checkpoint.size = 5;
        checkpoint.note = before.bytes().to_vec();
    });
    (Arc::<TestStore>::clone(&store), open(&store).unwrap(), new)
}

#[test]
fn between_the_record_and_its_checkpoint_neither_key_signs_alone() {
    let (store, ledger, new) = interrupted();
    let alone = block_on(ledger.advance()).unwrap_err();
    assert_eq!(alone.code(), "audit.rotation_unfinished");
    let opened = open_with(&store, &new).unwrap_err();
    assert!(matches!(opened, AuditError::RotationUnfinished { key } if key == vkey(&new)));
}

#[test]
fn an_interrupted_rotation_is_finished_by_the_same_call() {
    let (store, ledger, new) = interrupted();
    let other = rotate(&ledger, new_signer(), 2).unwrap_err();
    assert!(matches!(other, AuditError::RotationUnfinished { key } if key == vkey(&new)));
    let rotated = rotate(&ledger, Arc::<Ed25519Signer>::clone(&new) as _, 2).unwrap();
    assert_eq!(rotated.checkpoint.checkpoint().size(), 6);
    rotated.checkpoint.verify(&[vkey(&new)]).unwrap();
    open_with(&store, &new).unwrap();
}

/// The store did all of it, and its last answer was lost.
#[test]
fn a_rotation_that_was_done_unheard_is_told_by_the_same_call() {
    let (store, ledger) = five();
    let unheard = open(&store).unwrap();
    let new = new_signer();
    let done = rotate(&ledger, Arc::<Ed25519Signer>::clone(&new) as _, 1).unwrap();
    // Another key is no answer, and neither is one that does not sign.
    let other = rotate(&unheard, new_signer(), 2).unwrap_err();
    assert_eq!(other.code(), "audit.retired_key");
    let again = rotate(&unheard, Arc::<Ed25519Signer>::clone(&new) as _, 2).unwrap();
    assert_eq!(again.checkpoint, done.checkpoint);
    assert_eq!(again.retired, done.retired);
    // Once the new key has signed alone, the old ledger's time is over.
    grow(&store, 10..12);
    block_on(again.ledger.advance()).unwrap();
    let late = rotate(&unheard, new, 3).unwrap_err();
    assert_eq!(late.code(), "audit.retired_key");
}

#[test]
fn a_rotation_to_the_same_key_or_to_none_is_refused() {
    let (_, ledger) = five();
    assert!(matches!(
        rotate(&ledger, signer(), 1),
        Err(AuditError::SameKey)
    ));
    let (ecdsa, _) = countersign_audit::EcdsaP256Signer::generate().unwrap();
    let refused = rotate(&ledger, Arc::new(ecdsa), 1);
    assert!(matches!(refused, Err(AuditError::Origin(_))));
}

#[test]
fn a_new_key_that_does_not_sign_is_found_out_before_anything_is_written() {
    #[derive(Debug)]
    struct Dead(Vec<u8>);
    #[async_trait::async_trait]
    impl Signer for Dead {
        fn algorithm(&self) -> SignatureAlgorithm {
            SignatureAlgorithm::Ed25519
        }
        fn public_key(&self) -> Vec<u8> {
            self.0.clone()
        }
        async fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignerError> {
            Ok(vec![0; 64])
        }
    }
    let (store, ledger) = five();
    let dead = Dead(new_signer().public_key());
    let refused = rotate(&ledger, Arc::new(dead), 1);
    assert!(matches!(refused, Err(AuditError::Signer(_))));
    assert_eq!(store.tables.lock().unwrap().rotation, None);
    block_on(ledger.advance()).unwrap();
}

#[test]
fn a_rotation_whose_record_is_gone_is_damage() {
    let (store, ledger) = five();
    let new = new_signer();
    rotate(&ledger, Arc::<Ed25519Signer>::clone(&new) as _, 1).unwrap();
    store.change(|tables| tables.rotation = Some(plain_entries(99..100)[0].leaf()));
    let opened = open_with(&store, &new).unwrap_err();
    assert!(matches!(opened, AuditError::Damaged(Damage::Rotation)));
    store.change(|tables| tables.rotation = Some(plain_entries(1..2)[0].leaf()));
    let opened = open_with(&store, &new).unwrap_err();
    assert!(matches!(opened, AuditError::Damaged(Damage::Rotation)));
}
