//! Whatever a door lets in, the offline verifier reads as the door did: the test identity provider
//! answers in every style, a record is made of each identity, and the bundle proves it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

#[path = "../../countersign-audit/tests/support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use countersign_audit::{LedgerReader, VerifierKey};
use countersign_core::VerifiedIdentity;
use countersign_dsig::encryption::{ContentCipher, RustCryptoKey};
use countersign_evidence::{Claim, Export, Report, Status, TrustPolicy, export, verify};
use countersign_saml::{Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider};
use countersign_testkit::encryption::Encryption;
use countersign_testkit::idp::{KeyChoice, ResponseSpec, Sign, TestIdp};
use countersign_testkit::keys;
use pollster::block_on;
use support::{CountingEntropy, TestStore, Walk, WalkPlan, at, open, signer, store_with};

const SP: &str = "https://app.example/saml?a=1&b=2";
const ACS: &str = "https://app.example/acs";
const IDP: &str = "https://idp.example/saml";

fn encryption(cipher: ContentCipher) -> Encryption {
    Encryption::for_certificate(keys::SP_RSA_2048_CERTIFICATE).with_cipher(cipher)
}

/// What a provider answers who says all that there is to say.
fn spec() -> ResponseSpec {
    let now = at("2026-03-01T09:30:00Z");
    let mut spec = ResponseSpec::new(SP, ACS, "nurse@acme.example", now)
        .answering("_request")
        .with_name_id_format("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")
        .with_attribute("groups", ["ward <7> & \"night\"", "staff"])
        .with_attribute("mail", ["nurse@acme.example"]);
    let name_id = spec.name_id.as_mut().unwrap();
    name_id.name_qualifier = Some("a & b".to_owned());
    name_id.sp_name_qualifier = Some(SP.to_owned());
    let authentication = spec.authentication.as_mut().unwrap();
    authentication.session_not_on_or_after = Some(now.saturating_add(Duration::from_secs(3600)));
    spec
}

/// Lets in what the provider answers.
fn let_in(idp: &TestIdp, spec: &ResponseSpec) -> VerifiedIdentity {
    let key = RustCryptoKey::from_pkcs8(keys::SP_RSA_2048_PKCS8).unwrap();
    let sp = ServiceProvider::new(SP, ACS).unwrap();
    let sp = sp.with_decryption_key(Arc::new(key));
    let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap();
    let pending = PendingRequest::new("_request").unwrap();
    let xml = idp.respond(spec);
    let (message, expect) = (Inbound::Xml(&xml), Expect::Request(&pending));
    let now = at("2026-03-01T09:30:00Z");
    countersign_saml::verify(&sp, &trusted, message, expect, now)
        .unwrap_or_else(|rejection| panic!("{rejection}"))
        .insecure_without_replay_check()
        .into_identity()
}

thread_local! {
    /// Who signs in next: a plan of a walk has no place for more than a function.
    static NEXT: RefCell<Option<VerifiedIdentity>> = const { RefCell::new(None) };
}

/// The report on a bundle of a signature that rests on this sign-in.
fn judge(identity: VerifiedIdentity) -> Report {
    let certificate = identity.evidence().signed().unwrap().certificate.clone();
    NEXT.with(|next| next.replace(Some(identity)));
    let plan = WalkPlan {
        identity: |_| NEXT.with(|next| next.take().unwrap()),
        ..WalkPlan::default()
    };
    let walk = Walk::new(plan, &CountingEntropy::default());
    let store = store_with(&walk.entries());
    block_on(open(&store).unwrap().advance()).unwrap();
    let reader = LedgerReader::new(Arc::<TestStore>::clone(&store));
    let key = VerifierKey::of_signer(support::ORIGIN, &*signer()).unwrap();
    let request = Export::of(walk.signed.leaf()).assertions(true);
    let now = at("2026-03-05T12:00:00Z");
    let bundle = block_on(export(
        &reader,
        std::slice::from_ref(&key),
        &request,
        None,
        now,
    ))
    .unwrap();
    let trust = TrustPolicy::new()
        .log_key(key)
        .identity_provider(&certificate)
        .audience(SP);
    verify(&bundle, &trust, now)
}

#[track_caller]
fn agrees(idp: &TestIdp, spec: &ResponseSpec) {
    let report = judge(let_in(idp, spec));
    assert!(report.accepted(), "{spec:?}\n{report}");
    let said = |claim| {
        let lines = report.lines().iter();
        let lines = lines.filter(move |line| line.claim == claim);
        lines.map(|line| line.status).collect::<Vec<_>>()
    };
    assert_eq!(said(Claim::AssertionContent), [Status::Proved]);
    assert_eq!(said(Claim::SamePerson), [Status::Proved; 3]);
}

#[test]
fn whichever_part_is_signed_and_by_whatever_key() {
    for key in [
        KeyChoice::Rsa,
        KeyChoice::RsaPss,
        KeyChoice::P256,
        KeyChoice::P384,
        KeyChoice::Ed25519,
    ] {
        let idp = TestIdp::with_key(IDP, key);
        for sign in [Sign::Response, Sign::Assertion, Sign::Both] {
            agrees(&idp, &spec().signed(sign));
        }
    }
}

#[test]
fn whatever_is_encrypted_and_however() {
    let idp = TestIdp::new(IDP);
    for cipher in ContentCipher::ALL {
        let with = || encryption(cipher);
        // Only what a signature covers is decrypted.
        for sign in [Sign::Response, Sign::Both] {
            agrees(&idp, &spec().signed(sign).encrypted(with()));
            let all = spec().signed(sign).encrypted(with());
            let all = all.with_encrypted_name_id(with());
            agrees(&idp, &all.with_encrypted_attributes(with()));
        }
        for sign in [Sign::Response, Sign::Assertion, Sign::Both] {
            agrees(&idp, &spec().signed(sign).with_encrypted_name_id(with()));
            agrees(&idp, &spec().signed(sign).with_encrypted_attributes(with()));
        }
    }
}

#[test]
fn whatever_the_provider_leaves_out() {
    let idp = TestIdp::new(IDP);
    let mut silent = spec();
    silent.authentication = None;
    agrees(&idp, &silent);
    let mut terse = spec();
    let authentication = terse.authentication.as_mut().unwrap();
    authentication.session_index = None;
    authentication.session_not_on_or_after = None;
    authentication.context = None;
    agrees(&idp, &terse);
    let mut plain = spec();
    let name_id = plain.name_id.as_mut().unwrap();
    (
        name_id.format,
        name_id.name_qualifier,
        name_id.sp_name_qualifier,
    ) = (None, None, None);
    plain.attributes.clear();
    agrees(&idp, &plain);
}

/// \[SAML-Core §2.2.3\]: a door reads what stands on both sides of a comment, and so does whoever
/// reads what was signed, where no comment is left.
#[test]
fn a_name_with_a_comment_in_it() {
    let idp = TestIdp::new(IDP);
    let unsigned = spec().signed(Sign::None);
    let xml = String::from_utf8(idp.respond(&unsigned)).unwrap();
    let commented = xml.replace("nurse@acme.example</", "nurse<!-- -->@acme.example</");
    assert_ne!(xml, commented);
    let signed = idp.sign(commented.as_bytes(), &unsigned.assertion_id);
    let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap();
    let sp = ServiceProvider::new(SP, ACS).unwrap();
    let pending = PendingRequest::new("_request").unwrap();
    let (message, expect) = (Inbound::Xml(&signed), Expect::Request(&pending));
    let now = at("2026-03-01T09:30:00Z");
    let verified = countersign_saml::verify(&sp, &trusted, message, expect, now).unwrap();
    let identity = verified.insecure_without_replay_check().into_identity();
    assert_eq!(identity.claims().name_id.value, "nurse@acme.example");
    assert!(judge(identity).accepted());
}
