//! Records anchored in time, on each store.
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

use countersign::audit::record::Actor;
use countersign::audit::rotation::RotationOrder;
use countersign::audit::{Correlation, Ed25519Signer, Kind, Level, Receipt, SystemEntropy};
use countersign::blocking::wait;
use countersign::cms::timestamp::verify_chain;
use countersign::cms::{DigestAlgorithm, TrustAnchor};
use countersign::evidence::{Export, TrustPolicy, verify};
use countersign::{CorrelationId, Engine};
use countersign_testkit::authority::{CertificateAuthority, Fault, TimeStampAuthority};
use host::*;

/// An authority whose clock is the host's, and its root.
fn authority(host: &Host) -> (Arc<TimeStampAuthority>, Vec<TrustAnchor>) {
    let root = CertificateAuthority::new("Test Root");
    let authority = TimeStampAuthority::new(&root, "Test Time", host.now());
    let roots = vec![TrustAnchor::from_certificate(root.certificate()).unwrap()];
    (Arc::new(authority), roots)
}

fn with_authority(
    host: &Host,
    authority: &Arc<TimeStampAuthority>,
    roots: &[TrustAnchor],
) -> Engine {
    let (authority, roots) = (authority.clone(), roots.to_vec());
    host.engine_with(POLICY, &[], |builder| {
        builder.time_stamp_authority(authority, roots)
    })
}

#[test]
fn a_signature_is_anchored_in_time_and_its_anchor_renewed() {
    on_each_store(|host| {
        let (authority, roots) = authority(host);
        let engine = with_authority(host, &authority, &roots);
        let session = host.admit(&host.nurse(&["staff"]));
        let signature = host.sign(&session, &nda()).unwrap();
        let receipt = wait(engine.wait_for(signature.leaf().hash(), Level::Timestamped)).unwrap();
        let Receipt::Timestamped { proof, tokens } = receipt else {
            panic!("is not time-stamped");
        };
        let note = proof.checkpoint().bytes();
        verify_chain(&tokens, note, &roots, host.now()).unwrap();

        let size = proof.checkpoint().checkpoint().size();
        let renewed = wait(engine.renew_anchor(&tenant(), size, DigestAlgorithm::Sha512));
        assert_eq!(renewed.unwrap().anchor.tokens.len(), 2);
        let kinds = host.kinds();
        let anchored = kinds
            .iter()
            .filter(|kind| **kind == Kind::CheckpointAnchored);
        assert_eq!(anchored.count(), 2);
    });
}

#[test]
fn what_was_stamped_before_a_rotation_is_proved_by_the_retired_key() {
    for make in [Host::in_memory, Host::in_sqlite] {
        let host = make(POLICY);
        let (authority, roots) = authority(&host);
        let engine = with_authority(&host, &authority, &roots);
        let session = host.admit(&host.nurse(&["staff"]));
        let stamped = host.sign(&session, &nda()).unwrap();
        let anchored = wait(engine.anchor(&tenant())).unwrap();
        let later = host.sign(&session, &nda()).unwrap();

        let old = engine.ledger().verifier_key().clone();
        let signer = Arc::new(Ed25519Signer::generate().unwrap().0);
        let mut walk = Correlation::begin(tenant(), CorrelationId::new("rotation-1").unwrap());
        let order = RotationOrder {
            walk: &mut walk,
            by: Actor::System,
            note: None,
            now: host.now(),
            entropy: &SystemEntropy::new(),
        };
        let rotated = wait(engine.ledger().rotate(signer.clone(), order)).unwrap();
        let last_size = rotated.retired.last_size().unwrap();
        assert!(anchored.anchor.size <= last_size);
        let after = host.engine_with(POLICY, &[], |b| b.log("sign.example/log", signer));
        let new = after.ledger().verifier_key().clone();
        let mut trust = TrustPolicy::new().log_key(new.clone());
        for root in &roots {
            trust = trust.time_authority(root.clone());
        }

        let bundle = wait(after.export(&Export::of(stamped.leaf()))).unwrap();
        let report = verify(&bundle, &trust, host.now());
        assert!(!report.accepted(), "nobody was told of the retired key");
        let too_small = anchored.anchor.size - 1;
        let early = trust.clone().retired_log_key(old.clone(), too_small);
        assert!(!verify(&bundle, &early, host.now()).accepted());
        let informed = trust.retired_log_key(old, last_size);
        let report = verify(&bundle, &informed, host.now());
        assert!(report.accepted(), "{report}");

        // What nobody has stamped is proved by the new key, and no other has to be known.
        let bundle = wait(after.export(&Export::of(later.leaf()))).unwrap();
        let report = verify(&bundle, &TrustPolicy::new().log_key(new), host.now());
        assert!(report.accepted(), "{report}");
    }
}

#[test]
fn what_an_authority_does_wrong_is_told() {
    let host = Host::in_memory(POLICY);
    let (authority, roots) = authority(&host);
    let engine = with_authority(&host, &authority, &roots);
    host.admit(&host.nurse(&["staff"]));
    authority.set_fault(Some(Fault::ChangedSignature));
    let refused = wait(engine.anchor(&tenant())).unwrap_err();
    assert_eq!(refused.code(), "cms.broken.signature");
    authority.set_fault(None);
    assert!(wait(engine.anchor(&tenant())).unwrap().record.is_some());
}

#[test]
fn an_engine_without_an_authority_anchors_nothing() {
    let host = Host::in_memory(POLICY);
    host.admit(&host.nurse(&["staff"]));
    let refused = wait(host.engine.anchor(&tenant())).unwrap_err();
    assert_eq!(refused.code(), "audit.not_reached");
}
