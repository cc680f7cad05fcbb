//! Checkpoints anchored in time: what is kept, what is refused before it is kept, and how long it
//! counts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use countersign_audit::kind::Body;
use countersign_audit::store::LedgerStore as _;
use countersign_audit::time_stamp_authority::{
    TimeStampAuthority as Port, TimeStampAuthorityError,
};
use countersign_audit::{
    Anchored, AuditError, Correlation, Ledger, Level, Receipt, SignedCheckpoint, SystemEntropy,
    TimeStamps, parse_record,
};
use countersign_cms::timestamp::{verify_chain, verify_token};
use countersign_cms::{DigestAlgorithm, TrustAnchor};
use countersign_core::{CorrelationId, TenantId, Timestamp};
use countersign_testkit::authority::{
    CertificateAuthority, CertificateSpec, Fault, KeyKind, TimeStampAuthority,
};
use pollster::block_on;
use support::{TestStore, open, plain_entries, store_with};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-03-01T10:00:00Z")
}

/// A ledger of five leaves with a time-stamp authority.
struct Host {
    store: Arc<TestStore>,
    ledger: Ledger,
    authority: Arc<TimeStampAuthority>,
    roots: Vec<TrustAnchor>,
}

fn host() -> Host {
    let root = CertificateAuthority::new("Test Root");
    let spec = CertificateSpec::time_stamping("Test Time")
        .valid(at("2026-01-01T00:00:00Z"), at("2031-01-01T00:00:00Z"));
    let own = root.issue(&spec, KeyKind::P256);
    host_with(TimeStampAuthority::with_certificate(own, now()), &root)
}

fn host_with(authority: TimeStampAuthority, root: &CertificateAuthority) -> Host {
    let authority = Arc::new(authority);
    let roots = vec![TrustAnchor::from_certificate(root.certificate()).unwrap()];
    let store = store_with(&plain_entries(0..5));
    let time_stamps = TimeStamps::new(authority.clone(), roots.clone());
    let ledger = open(&store).unwrap().with_time_stamps(time_stamps);
    Host {
        store,
        ledger,
        authority,
        roots,
    }
}

fn walk() -> Correlation {
    let tenant = TenantId::new("acme").unwrap();
    Correlation::begin(tenant, CorrelationId::new("anchoring").unwrap())
}

impl Host {
    fn anchor(&self) -> Result<Anchored, AuditError> {
        block_on(
            self.ledger
                .anchor(&mut walk(), &SystemEntropy::new(), now()),
        )
    }

    fn renew(&self, algorithm: DigestAlgorithm, now: Timestamp) -> Result<Anchored, AuditError> {
        let entropy = SystemEntropy::new();
        let mut walk = walk();
        block_on(
            self.ledger
                .renew_anchor(5, algorithm, &mut walk, &entropy, now),
        )
    }

    fn advance(&self) -> SignedCheckpoint {
        block_on(self.ledger.advance()).unwrap()
    }
}

/// How anchoring fails with an authority that does this, and that nothing is kept then.
fn refused(fault: Fault) -> &'static str {
    let host = host();
    host.advance();
    host.authority.set_fault(Some(fault));
    let error = host.anchor().unwrap_err();
    assert_eq!(block_on(host.store.anchors()).unwrap(), Vec::<u64>::new());
    assert!(block_on(host.store.pending(9)).unwrap().is_empty());
    error.code()
}

#[test]
fn a_checkpoint_is_stamped_kept_and_recorded() {
    let host = host();
    let checkpoint = host.advance();
    let anchored = host.anchor().unwrap();
    assert_eq!(anchored.time.gen_time, now());
    assert_eq!(anchored.anchor.note, checkpoint.bytes());
    let kept = block_on(host.store.anchor(4)).unwrap().unwrap();
    assert_eq!(kept, anchored.anchor);
    let [token] = kept.tokens.try_into().unwrap();
    verify_token(&token, checkpoint.bytes(), &host.roots, now()).unwrap();

    let pending = block_on(host.store.pending(9)).unwrap();
    let [record] = pending.as_slice() else {
        panic!("one record");
    };
    assert_eq!(Some(record.leaf()), anchored.record);
    let Body::CheckpointAnchored(body) = parse_record(record.bytes()).unwrap().body else {
        panic!("another kind");
    };
    assert_eq!((body.size, body.tokens, body.gen_time), (5, 1, now()));
    assert_eq!(body.root, checkpoint.checkpoint().root());
}

#[test]
fn a_checkpoint_is_stamped_once() {
    let host = host();
    host.advance();
    let first = host.anchor().unwrap();
    let again = host.anchor().unwrap();
    assert_eq!(again.record, None);
    assert_eq!(again.anchor, first.anchor);
    assert_eq!(block_on(host.store.anchors()).unwrap(), [5]);
}

#[test]
fn a_receipt_names_the_first_time_stamp_after_an_entry() {
    let host = host();
    let leaf = plain_entries(3..4)[0].leaf();
    host.advance();
    let waited = block_on(host.ledger.wait_for(leaf, Level::Timestamped));
    assert!(matches!(
        waited,
        Err(AuditError::NotReached(Level::Timestamped))
    ));
    let anchored = host.anchor().unwrap();
    let receipt = block_on(host.ledger.wait_for(leaf, Level::Timestamped)).unwrap();
    let Receipt::Timestamped { proof, tokens } = &receipt else {
        panic!("{receipt:?}");
    };
    proof.verify(leaf).unwrap();
    assert_eq!(tokens, &anchored.anchor.tokens);
    let note = proof.checkpoint().bytes();
    assert_eq!(note, anchored.anchor.note);
    verify_chain(tokens, note, &host.roots, now()).unwrap();
    // Its own record came after it.
    host.advance();
    let own = anchored.record.unwrap();
    let receipt = block_on(host.ledger.receipt(own)).unwrap();
    assert_eq!(receipt.level(), Level::Checkpointed);
    host.anchor().unwrap();
    let receipt = block_on(host.ledger.receipt(own)).unwrap();
    assert_eq!(receipt.level(), Level::Timestamped);
    // The first entry's is still the first one.
    let receipt = block_on(host.ledger.receipt(leaf)).unwrap();
    assert_eq!(receipt.proof().unwrap().checkpoint().bytes(), note);
}

#[test]
fn a_receipt_is_not_given_on_a_time_stamp_that_does_not_hold() {
    let host = host();
    host.advance();
    host.anchor().unwrap();
    let leaf = plain_entries(3..4)[0].leaf();
    let level = || block_on(host.ledger.receipt(leaf)).unwrap().level();
    assert_eq!(level(), Level::Timestamped);
    let right = host.store.tables.lock().unwrap().anchors.clone();
    host.store.change(|tables| {
        let anchor = tables.anchors.get_mut(&5).unwrap();
        *anchor.tokens[0].last_mut().unwrap() ^= 1;
    });
    assert_eq!(level(), Level::Checkpointed);
    host.store.change(|tables| {
        tables.anchors.clone_from(&right);
        tables.anchors.get_mut(&5).unwrap().note[0] ^= 1;
    });
    assert_eq!(level(), Level::Checkpointed);
    host.store.change(|tables| {
        tables.anchors.clone_from(&right);
        tables.anchors.get_mut(&5).unwrap().tokens.clear();
    });
    assert_eq!(level(), Level::Checkpointed);
}

#[test]
fn what_an_authority_does_wrong_is_refused_before_it_is_kept() {
    for (fault, code) in [
        (Fault::IsDown, "audit.time_stamp_authority"),
        (Fault::Refuses(14), "cms.refused.time_not_available"),
        (Fault::OtherNonce, "cms.other_request.nonce"),
        (Fault::OtherImprint, "cms.other_request.imprint"),
        (Fault::ChangedSignature, "cms.broken.signature"),
        (Fault::OtherCertificate, "cms.broken.certificate_reference"),
        (Fault::NoCertificate, "cms.broken.signer_certificate"),
    ] {
        assert_eq!(refused(fault), code, "{fault:?}");
    }
}

#[test]
fn an_authority_of_another_root_is_refused() {
    let stranger = CertificateAuthority::new("Another Root");
    let root = CertificateAuthority::new("Test Root");
    let authority = TimeStampAuthority::new(&stranger, "Test Time", now());
    let host = host_with(authority, &root);
    host.advance();
    let error = host.anchor().unwrap_err();
    assert_eq!(error.code(), "cms.untrusted.unknown_issuer");
    assert_eq!(block_on(host.store.anchors()).unwrap(), Vec::<u64>::new());
}

#[test]
fn an_authority_whose_clock_is_ahead_is_refused() {
    let host = host();
    host.advance();
    host.authority.set_time(at("2026-03-01T11:00:00Z"));
    let error = host.anchor().unwrap_err();
    assert_eq!(error.code(), "cms.untrusted.from_the_future");
}

#[test]
fn nothing_is_stamped_without_an_authority_or_a_checkpoint() {
    let host = host();
    assert!(matches!(host.anchor(), Err(AuditError::NotInTree)));
    let empty = store_with(&[]);
    let ledger = open(&empty)
        .unwrap()
        .with_time_stamps(TimeStamps::new(host.authority.clone(), host.roots.clone()));
    block_on(ledger.advance()).unwrap();
    let anchored = block_on(ledger.anchor(&mut walk(), &SystemEntropy::new(), now()));
    assert!(matches!(anchored, Err(AuditError::NotInTree)));
    let alone = open(&host.store).unwrap();
    let anchored = block_on(alone.anchor(&mut walk(), &SystemEntropy::new(), now()));
    assert!(matches!(
        anchored,
        Err(AuditError::NotReached(Level::Timestamped))
    ));
}

#[test]
fn a_renewed_anchor_outlives_the_first_certificate() {
    let host = host();
    host.advance();
    let first = host.anchor().unwrap();
    // Four years later, by an authority with a younger certificate and under its own root.
    let later = at("2030-03-01T00:00:00Z");
    let root = CertificateAuthority::new("A Later Root");
    let authority = Arc::new(TimeStampAuthority::new(&root, "Later Time", later));
    let mut roots = host.roots.clone();
    roots.push(TrustAnchor::from_certificate(root.certificate()).unwrap());
    let renewing = Host {
        ledger: open(&host.store)
            .unwrap()
            .with_time_stamps(TimeStamps::new(authority.clone(), roots.clone())),
        store: host.store.clone(),
        authority,
        roots: roots.clone(),
    };
    let renewed = renewing.renew(DigestAlgorithm::Sha512, later).unwrap();
    // The first token's time, and the last one's end.
    assert_eq!(renewed.time.gen_time, first.time.gen_time);
    assert!(renewed.time.valid_until > first.time.valid_until);
    let kept = block_on(host.store.anchor(4)).unwrap().unwrap();
    assert_eq!(kept.tokens.len(), 2);
    assert_eq!(kept.tokens[0], first.anchor.tokens[0]);
    let much_later = at("2040-01-01T00:00:00Z");
    let held = verify_chain(&kept.tokens, &kept.note, &roots, much_later).unwrap();
    assert_eq!(held.gen_time, now());
    assert!(verify_chain(&kept.tokens[..1], &kept.note, &roots, much_later).is_err());

    let pending = block_on(host.store.pending(9)).unwrap();
    let Body::CheckpointAnchored(body) = parse_record(pending[1].bytes()).unwrap().body else {
        panic!("another kind");
    };
    assert_eq!((body.tokens, body.gen_time), (2, later));
}

#[test]
fn an_anchor_that_ran_out_is_not_renewed() {
    let host = host();
    host.advance();
    host.anchor().unwrap();
    let too_late = at("2032-01-01T00:00:00Z");
    host.authority.set_time(too_late);
    let error = host.renew(DigestAlgorithm::Sha384, too_late).unwrap_err();
    assert_eq!(error.code(), "cms.untrusted.expired");
    assert_eq!(
        block_on(host.store.anchor(4))
            .unwrap()
            .unwrap()
            .tokens
            .len(),
        1
    );
}

#[test]
fn only_what_is_anchored_is_renewed() {
    let host = host();
    host.advance();
    let renewed = host.renew(DigestAlgorithm::Sha384, now());
    assert!(matches!(renewed, Err(AuditError::NotInTree)));
}

/// An authority that is asked while another process anchors the same checkpoint.
#[derive(Debug)]
struct Meanwhile {
    other: Ledger,
    authority: Arc<TimeStampAuthority>,
}

#[async_trait]
impl Port for Meanwhile {
    async fn stamp(&self, request: &[u8]) -> Result<Vec<u8>, TimeStampAuthorityError> {
        let entropy = SystemEntropy::new();
        let other = self.other.anchor(&mut walk(), &entropy, now()).await;
        assert!(other.unwrap().record.is_some());
        Port::stamp(&*self.authority, request).await
    }
}

#[test]
fn of_two_who_anchor_at_once_one_time_stamp_is_kept() {
    let host = host();
    host.advance();
    let other = open(&host.store)
        .unwrap()
        .with_time_stamps(TimeStamps::new(host.authority.clone(), host.roots.clone()));
    let meanwhile = Arc::new(Meanwhile {
        other,
        authority: host.authority.clone(),
    });
    let late = open(&host.store)
        .unwrap()
        .with_time_stamps(TimeStamps::new(meanwhile, host.roots.clone()));
    let lost = block_on(late.anchor(&mut walk(), &SystemEntropy::new(), now())).unwrap();
    assert_eq!(lost.record, None);
    let kept = block_on(host.store.anchor(4)).unwrap().unwrap();
    assert_eq!(lost.anchor, kept);
    assert_eq!(kept.tokens.len(), 1);
    assert_eq!(block_on(host.store.pending(9)).unwrap().len(), 1);
}
