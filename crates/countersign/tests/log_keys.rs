//! Replacing the log's key while hosts use it, on each store.
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
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign::audit::record::Actor;
use countersign::audit::signer::{SignatureAlgorithm, SignerError};
use countersign::audit::{
    Body, Ed25519Signer, Kind, Level, Receipt, Signer, VerifierKey, WitnessPolicy,
};
use countersign::blocking::wait;
use countersign::cms::{DigestAlgorithm, TrustAnchor};
use countersign::evidence::{Export, TrustPolicy, verify};
use countersign::{Engine, LogKeyRotated};
use countersign_testkit::authority::TimeStampAuthority;
use countersign_testkit::authority::{CertificateAuthority, CertificateSpec, KeyKind};
use countersign_testkit::witness::TestWitness;
use host::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn new_key() -> Arc<Ed25519Signer> {
    Arc::new(Ed25519Signer::generate().unwrap().0)
}

fn vkey(signer: &Ed25519Signer) -> VerifierKey {
    VerifierKey::of_signer("sign.example/log", signer).unwrap()
}

fn rotate(engine: &Engine, to: Arc<dyn Signer>) -> Result<LogKeyRotated, &'static str> {
    let tenant = tenant();
    let rotated = engine.rotate_log_key(&tenant, to, Actor::System, Some("yearly"));
    wait(rotated).map_err(|error| error.code())
}

/// Signs as often as it is allowed to.
#[derive(Debug)]
struct Tired {
    signer: Arc<Ed25519Signer>,
    left: AtomicUsize,
}

#[async_trait]
impl Signer for Tired {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.signer.algorithm()
    }

    fn public_key(&self) -> Vec<u8> {
        self.signer.public_key()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let left = &self.left;
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        })
        .map_err(|_| SignerError::new("too tired"))?;
        self.signer.sign(message).await
    }
}

#[test]
fn an_engine_and_its_clones_sign_with_the_new_key_from_then_on() {
    on_each_store(|host| {
        let clone = host.engine.clone();
        let session = host.admit(&host.nurse(&["staff"]));
        let before = host.sign(&session, &nda()).unwrap();
        let (old, new) = (vkey(&host.log_key), new_key());
        let rotated = rotate(&host.engine, new.clone()).unwrap();
        assert_eq!(*rotated.retired.key(), old);
        rotated.checkpoint.verify(&[old]).unwrap();
        rotated.checkpoint.verify(&[vkey(&new)]).unwrap();

        assert_eq!(*clone.ledger().verifier_key(), vkey(&new));
        let after = host.sign(&session, &nda()).unwrap();
        let trust = TrustPolicy::new().log_key(vkey(&new));
        for signature in [before, after] {
            let bundle = wait(clone.export(&Export::of(signature.leaf()))).unwrap();
            let report = verify(&bundle, &trust, host.now());
            assert!(report.accepted(), "{report}");
        }
        let rotations = host.records().into_iter();
        let mut rotations = (0_u64..)
            .zip(rotations)
            .filter(|(_, (_, record))| record.kind() == Kind::KeyRotated);
        let (position, (_, record)) = rotations.next().unwrap();
        let Body::KeyRotated(body) = &record.body else {
            panic!("is no rotation");
        };
        assert_eq!(body.key, vkey(&new));
        assert_eq!(Some(position), rotated.retired.last_size());
        assert!(record.commitments.contains_key("note"));
        assert_eq!(rotations.count(), 0);
        host.assert_records_are_sound();
    });
}

#[test]
fn an_engine_elsewhere_signs_nothing_any_more_with_the_retired_key() {
    on_each_store(|host| {
        let elsewhere = host.engine_under(POLICY);
        rotate(&host.engine, new_key()).unwrap();
        host.admit(&host.nurse(&["staff"]));
        assert_eq!(code(wait(elsewhere.checkpoint())), "audit.retired_key");
        assert_eq!(rotate(&elsewhere, new_key()), Err("audit.retired_key"));
        wait(host.engine.checkpoint()).unwrap();
    });
}

#[test]
fn an_interrupted_rotation_leaves_the_engine_as_it_was_until_it_is_finished() {
    on_each_store(|host| {
        let session = host.admit(&host.nurse(&["staff"]));
        let new = new_key();
        // It answers the trial, and not when the checkpoint is to be signed.
        let tired = Tired {
            signer: new.clone(),
            left: AtomicUsize::new(1),
        };
        assert_eq!(rotate(&host.engine, Arc::new(tired)), Err("audit.signer"));
        assert_eq!(*host.engine.ledger().verifier_key(), vkey(&host.log_key));
        // People sign in and sign; only checkpoints have to wait.
        let signature = host.sign(&session, &nda()).unwrap();
        assert_eq!(
            code(wait(host.engine.checkpoint())),
            "audit.rotation_unfinished"
        );
        assert_eq!(
            rotate(&host.engine, new_key()),
            Err("audit.rotation_unfinished")
        );

        rotate(&host.engine, new.clone()).unwrap();
        let receipt = wait(
            host.engine
                .wait_for(signature.leaf().hash(), Level::Checkpointed),
        );
        let proof = receipt.unwrap().proof().unwrap().clone();
        proof.checkpoint().verify(&[vkey(&new)]).unwrap();
    });
}

#[test]
fn the_key_in_use_is_no_new_one() {
    let host = Host::in_memory(POLICY);
    assert_eq!(
        rotate(&host.engine, host.log_key.clone()),
        Err("audit.same_key")
    );
}

#[test]
fn witnesses_that_know_the_new_key_cosign_on() {
    let host = Host::in_memory(POLICY);
    let (new, now) = (new_key(), host.now());
    let logs = vec![vkey(&host.log_key), vkey(&new)];
    let informed = Arc::new(TestWitness::new("w.example/1", logs.clone(), move || now).unwrap());
    let stale = Arc::new(TestWitness::new("w.example/2", logs[..1].to_vec(), move || now).unwrap());
    let (one, two) = (informed.clone(), stale.clone());
    let engine = host.engine_with(POLICY, &[], |b| b.witnesses(1, vec![one, two]));
    let session = host.admit(&host.nurse(&["staff"]));
    let before = host.sign(&session, &nda()).unwrap();
    let receipt = wait(engine.wait_for(before.leaf().hash(), Level::Witnessed)).unwrap();
    assert!(matches!(receipt, Receipt::Witnessed { k: 2, of: 2, .. }));

    rotate(&engine, new).unwrap();
    let after = host.sign(&session, &nda()).unwrap();
    let receipt = wait(engine.wait_for(after.leaf().hash(), Level::Witnessed)).unwrap();
    let Receipt::Witnessed { proof, k: 1, of: 2 } = receipt else {
        panic!("is not witnessed by the one that was told: {receipt:?}");
    };
    let key = countersign::audit::Witness::key(&*informed).clone();
    let policy = WitnessPolicy::new(1, vec![key]).unwrap();
    policy.verify(proof.checkpoint()).unwrap();
}

/// An authority whose certificate is valid for a year, and its root, which is for longer.
fn authority(host: &Host) -> (Arc<TimeStampAuthority>, Vec<TrustAnchor>) {
    let root = CertificateAuthority::new("Test Root");
    let spec = CertificateSpec::time_stamping("Test Time");
    let year = spec.valid(
        host.now().saturating_sub(DAY),
        host.now().saturating_add(DAY * 365),
    );
    let own = root.issue(&year, KeyKind::P256);
    let authority = TimeStampAuthority::with_certificate(own, host.now());
    let roots = vec![TrustAnchor::from_certificate(root.certificate()).unwrap()];
    (Arc::new(authority), roots)
}

#[test]
fn what_was_stamped_under_a_retired_key_is_time_stamped_still() {
    for make in [Host::in_memory, Host::in_sqlite] {
        let host = make(POLICY);
        let (authority, roots) = authority(&host);
        let engine = host.engine_with(POLICY, &[], |b| b.time_stamp_authority(authority, roots));
        let session = host.admit(&host.nurse(&["staff"]));
        let stamped = host.sign(&session, &nda()).unwrap().leaf().hash();
        let before = wait(engine.wait_for(stamped, Level::Timestamped)).unwrap();
        let rotated = rotate(&engine, new_key()).unwrap();

        // The same receipt: the checkpoint is that of the retired key, and small enough for it.
        let receipt = wait(engine.wait_for(stamped, Level::Timestamped)).unwrap();
        assert_eq!(receipt, before);
        let proof = receipt.proof().unwrap();
        proof.checkpoint().verify_by(&[rotated.retired]).unwrap();
        // And it can be renewed.
        let size = proof.checkpoint().checkpoint().size();
        let renewed = wait(engine.renew_anchor(&tenant(), size, DigestAlgorithm::Sha384));
        assert_eq!(renewed.unwrap().anchor.tokens.len(), 2);
    }
}

#[test]
fn anchors_are_due_before_their_certificates_run_out_and_not_once_they_are_renewed() {
    on_each_store(|host| {
        let (first, mut roots) = authority(host);
        let engine = host.engine_with(POLICY, &[], |b| {
            b.time_stamp_authority(first, roots.clone())
        });
        host.admit(&host.nurse(&["staff"]));
        let size = wait(engine.anchor(&tenant())).unwrap().anchor.size;
        let ends = host.now().saturating_add(DAY * 365);
        assert_eq!(wait(engine.anchors_due(DAY * 364)).unwrap(), []);
        let due = wait(engine.anchors_due(DAY * 366)).unwrap();
        assert_eq!(
            (due.len(), due[0].size, due[0].until),
            (1, size, Some(ends))
        );

        // Ten months later another authority renews it.
        host.clock.advance(DAY * 300);
        let (second, more) = authority(host);
        roots.extend(more);
        let engine = host.engine_with(POLICY, &[], |b| {
            b.time_stamp_authority(second, roots.clone())
        });
        assert_eq!(wait(engine.anchors_due(DAY * 90)).unwrap().len(), 1);
        wait(engine.renew_anchor(&tenant(), size, DigestAlgorithm::Sha256)).unwrap();
        assert_eq!(wait(engine.anchors_due(DAY * 90)).unwrap(), []);

        // Nobody looked for a year and a half: too late.
        host.clock.advance(DAY * 500);
        let late = wait(engine.anchors_due(DAY)).unwrap();
        assert_eq!((late.len(), late[0].until), (1, None));
        let renewed = wait(engine.renew_anchor(&tenant(), size, DigestAlgorithm::Sha256));
        assert_eq!(code(renewed), "cms.untrusted.expired");
    });
}
