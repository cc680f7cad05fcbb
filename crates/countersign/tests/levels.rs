//! How well a record is kept, level by level, as a host waits for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use std::sync::Arc;

use async_trait::async_trait;
use countersign::audit::cosignature::{WitnessKey, WitnessPolicyError};
use countersign::audit::witness::{AddCheckpoint, Witness, WitnessError};
use countersign::audit::{Level, Receipt, VerifierKey};
use countersign::blocking::wait;
use countersign::cms::TrustAnchor;
use countersign::evidence::{Claim, Export, TrustPolicy, verify};
use countersign::memory::MemoryStore;
use countersign::{BuildError, Engine, EngineBuilder, LeafHash};
use countersign_testkit::authority::{CertificateAuthority, TimeStampAuthority};
use countersign_testkit::witness::TestWitness;
use host::*;

fn witness(host: &Host, name: &str) -> Arc<TestWitness> {
    let log = VerifierKey::of_signer("sign.example/log", &*host.log_key).unwrap();
    let now = host.now();
    Arc::new(TestWitness::new(name, vec![log], move || now).unwrap())
}

fn with_witnesses(host: &Host, k: usize, witnesses: &[Arc<TestWitness>]) -> Engine {
    let witnesses = witnesses.iter().map(|one| one.clone() as Arc<dyn Witness>);
    host.engine_with(POLICY, &[], |b| b.witnesses(k, witnesses.collect()))
}

fn signed(host: &Host) -> LeafHash {
    let session = host.admit(&host.nurse(&["staff"]));
    host.sign(&session, &nda()).unwrap().leaf().hash()
}

fn level(engine: &Engine, leaf: LeafHash, level: Level) -> Level {
    wait(engine.wait_for(leaf, level)).unwrap().level()
}

/// Who never answers.
#[derive(Debug)]
struct Down(WitnessKey);

#[async_trait]
impl Witness for Down {
    fn key(&self) -> &WitnessKey {
        &self.0
    }

    async fn add_checkpoint(&self, _: &AddCheckpoint) -> Result<Vec<u8>, WitnessError> {
        Err(WitnessError::Unavailable("down".into()))
    }
}

#[test]
fn a_record_is_kept_as_well_as_was_waited_for_and_no_better() {
    on_each_store(|host| {
        let witnesses = [witness(host, "w.example/1"), witness(host, "w.example/2")];
        let root = CertificateAuthority::new("Test Root");
        let time = TimeStampAuthority::new(&root, "Test Time", host.now());
        let roots = vec![TrustAnchor::from_certificate(root.certificate()).unwrap()];
        let both = witnesses.iter().map(|one| one.clone() as Arc<dyn Witness>);
        let engine = host.engine_with(POLICY, &[], |b| {
            b.witnesses(2, both.collect())
                .time_stamp_authority(Arc::new(time), roots)
        });
        let leaf = signed(host);
        let seen = || witnesses[0].size("sign.example/log");
        assert_eq!(level(&engine, leaf, Level::Durable), Level::Durable);
        assert_eq!(
            level(&engine, leaf, Level::Checkpointed),
            Level::Checkpointed
        );
        assert_eq!(seen(), 0);
        let receipt = wait(engine.wait_for(leaf, Level::Witnessed)).unwrap();
        assert!(matches!(receipt, Receipt::Witnessed { k: 2, of: 2, .. }));
        assert!(seen() > 0);
        assert_eq!(level(&engine, leaf, Level::Timestamped), Level::Timestamped);
        // Asked for less, it is still told as it is.
        assert_eq!(level(&engine, leaf, Level::Durable), Level::Timestamped);
    });
}

#[test]
fn a_bundle_carries_the_cosignatures_that_its_receipt_told_of() {
    on_each_store(|host| {
        let witnesses = [witness(host, "w.example/1"), witness(host, "w.example/2")];
        let engine = with_witnesses(host, 2, &witnesses);
        let session = host.admit(&host.nurse(&["staff"]));
        let signature = host.sign(&session, &nda()).unwrap();
        wait(engine.wait_for(signature.leaf().hash(), Level::Witnessed)).unwrap();
        let bundle = wait(engine.export(&Export::of(signature.leaf()))).unwrap();
        let ledger = engine.ledger();
        let policy = ledger.witnesses().unwrap().policy().clone();
        let trust = TrustPolicy::new().log_key(ledger.verifier_key().clone());
        let report = verify(&bundle, &trust.witnesses(policy), host.now());
        assert!(report.accepted(), "{report}");
        let proved = report.lines().iter().filter(|line| line.status.is_proved());
        assert!(
            proved
                .into_iter()
                .any(|line| line.claim == Claim::Witnessed)
        );
    });
}

#[test]
fn one_witness_too_few_is_told_and_the_record_stays_durable() {
    let host = Host::in_memory(POLICY);
    let (up, other) = (witness(&host, "w.example/1"), witness(&host, "w.example/2"));
    let down = Arc::new(Down(other.key().clone()));
    let engine = |k| {
        let both: Vec<Arc<dyn Witness>> = vec![up.clone(), down.clone()];
        host.engine_with(POLICY, &[], |b: EngineBuilder| b.witnesses(k, both))
    };
    let leaf = signed(&host);
    let refused = wait(engine(2).wait_for(leaf, Level::Witnessed));
    assert_eq!(code(refused), "audit.not_witnessed");
    // A checkpoint is signed all the same, and nobody is kept from signing.
    wait(engine(2).checkpoint()).unwrap();
    assert_eq!(
        level(&engine(2), leaf, Level::Checkpointed),
        Level::Checkpointed
    );
    let receipt = wait(engine(1).wait_for(leaf, Level::Witnessed)).unwrap();
    assert!(matches!(receipt, Receipt::Witnessed { k: 1, of: 2, .. }));
}

#[test]
fn a_level_that_an_engine_has_nobody_for_is_not_reached() {
    let host = Host::in_memory(POLICY);
    let leaf = signed(&host);
    for level in [Level::Witnessed, Level::Timestamped] {
        let refused = wait(host.engine.wait_for(leaf, level));
        assert_eq!(code(refused), "audit.not_reached", "{level}");
    }
    let strange = wait(
        host.engine
            .wait_for(LeafHash::from_bytes([7; 32]), Level::Durable),
    );
    assert_eq!(code(strange), "audit.not_in_tree");
}

#[test]
fn an_engine_does_not_start_over_a_store_that_was_set_back() {
    let host = Host::in_memory(POLICY);
    let witness = witness(&host, "w.example/1");
    let engine = with_witnesses(&host, 1, std::slice::from_ref(&witness));
    wait(engine.wait_for(signed(&host), Level::Witnessed)).unwrap();
    // An empty store, by the same key: as from a copy of before the first record.
    let emptied = |b: EngineBuilder| {
        let store = Arc::new(MemoryStore::new());
        b.store(store).witnesses(1, vec![witness.clone()])
    };
    let policy = countersign::PolicyFile::parse("policy.toml", POLICY).unwrap();
    let builder = Engine::builder(policy).log("sign.example/log", host.log_key.clone());
    let refused = wait(emptied(builder).build_for_administration()).unwrap_err();
    let BuildError::Ledger(error) = refused else {
        panic!("is refused for something else: {refused}");
    };
    assert_eq!(error.code(), "audit.witness");
}

#[test]
fn witnesses_that_are_no_quorum_make_no_engine() {
    let host = Host::in_memory(POLICY);
    let policy = countersign::PolicyFile::parse("policy.toml", POLICY).unwrap();
    let builder = Engine::builder(policy)
        .store(Arc::new(MemoryStore::new()))
        .log("sign.example/log", host.log_key.clone())
        .witnesses(2, vec![witness(&host, "w.example/1")]);
    let refused = wait(builder.build_for_administration()).unwrap_err();
    let quorum = WitnessPolicyError::Quorum { k: 2, of: 1 };
    assert!(matches!(refused, BuildError::Witnesses(found) if found == quorum));
}
