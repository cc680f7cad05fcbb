//! One test for each rule: a response that is accepted, with one thing changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod accepted;
mod answers;
mod artifacts;
mod bindings;
mod malformed;
#[path = "../support/mod.rs"]
mod support;
mod unexpected;
mod untrusted;

use std::time::Duration;

use countersign_core::{AttributeValue, NameId, Timestamp};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::xml::Limits;
use countersign_saml::{
    Culprit, Expect, IdentityProvider, Inbound, PendingRequest, RejectCode, SignedPart,
};
use countersign_testkit::encryption::{Encryption, KeyTransport};
use countersign_testkit::idp::{Issuer, KeyChoice, ResponseSpec, Sign, TestIdp};
use countersign_testkit::keys;
use support::{
    ACS, IDP, NURSE, REQUEST, SP, decrypting_sp, encryption, encryption_with, idp, now, refused_as,
    sp, spec, spec_refused_as, test_idp, verify, verify_for,
};

const SECOND: Duration = Duration::from_secs(1);
/// More than the default skew.
const FAR: Duration = Duration::from_secs(3600);
/// Just within the default skew.
const SKEW: Duration = Duration::from_secs(59);

fn with(change: impl FnOnce(&mut ResponseSpec)) -> ResponseSpec {
    let mut spec = spec();
    change(&mut spec);
    spec
}

fn accepted(spec: &ResponseSpec) -> countersign_core::VerifiedIdentity {
    verify(&sp(), &test_idp().respond(spec)).unwrap()
}

#[test]
fn every_code_has_a_test_of_its_name() {
    let tests = concat!(
        include_str!("answers.rs"),
        include_str!("artifacts.rs"),
        include_str!("bindings.rs"),
        include_str!("malformed.rs"),
        include_str!("untrusted.rs"),
        include_str!("unexpected.rs"),
        include_str!("../logout/answered.rs"),
        include_str!("../logout/demanded.rs"),
        include_str!("../replay.rs"),
    );
    for code in RejectCode::ALL {
        let name = code.as_str().trim_start_matches("saml.");
        assert!(
            tests.contains(&format!("fn {name}()")),
            "no test named {name}"
        );
    }
}
