//! A provider replaces its key: from the metadata to the login.

use countersign_core::VerifiedIdentity;
use countersign_saml::{Expect, PendingRequest, RejectCode, Rejection};
use countersign_testkit::idp::{KeyChoice, TestIdp};

use super::*;

/// A login signed with `signer`, by what metadata with these certificates says.
fn login(signer: KeyChoice, certificates: &[&[u8]]) -> Result<VerifiedIdentity, Rejection> {
    let keys: String = certificates
        .iter()
        .map(|certificate| key_descriptor(r#"use="signing""#, &[certificate]))
        .collect();
    let idp = parse(&entity(IDP, "", &keys)).unwrap();
    let pending = PendingRequest::new(support::REQUEST).unwrap();
    let xml = TestIdp::with_key(IDP, signer).respond(&support::spec());
    support::verify_for(&support::sp(), &idp, &xml, Expect::Request(&pending), now())
}

const OLD: &[u8] = keys::IDP_RSA_2048_CERTIFICATE;
const NEW: &[u8] = keys::IDP_P256_CERTIFICATE;
const EXPIRED: &[u8] = keys::EXPIRED_P256_CERTIFICATE;

#[test]
fn both_certificates_are_accepted_while_the_key_is_replaced() {
    for (signer, certificate) in [(KeyChoice::Rsa, OLD), (KeyChoice::P256, NEW)] {
        for certificates in [[OLD, NEW], [NEW, OLD]] {
            let identity = login(signer, &certificates).unwrap();
            assert_eq!(
                Some(identity.evidence().signed().unwrap().certificate_sha256),
                key(certificate).certificate_sha256()
            );
        }
    }
}

#[test]
fn a_removed_certificate_is_refused() {
    support::refused_as(
        RejectCode::AssertionSignatureInvalid,
        login(KeyChoice::Rsa, &[NEW]),
    );
    support::refused_as(
        RejectCode::AssertionSignatureInvalid,
        login(KeyChoice::P256, &[OLD]),
    );
}

#[test]
fn a_certificate_that_is_over_is_refused_and_does_not_disturb_the_other() {
    support::refused_as(
        RejectCode::KeyOutsideValidity,
        login(KeyChoice::ExpiredP256, &[EXPIRED, OLD]),
    );
    assert!(login(KeyChoice::Rsa, &[EXPIRED, OLD]).is_ok());
}

#[test]
fn a_certificate_for_encryption_signs_nothing() {
    let keys = [rsa(), key_descriptor(r#"use="encryption""#, &[NEW])].concat();
    let idp = parse(&entity(IDP, "", &keys)).unwrap();
    let pending = PendingRequest::new(support::REQUEST).unwrap();
    let xml = TestIdp::with_key(IDP, KeyChoice::P256).respond(&support::spec());
    support::refused_as(
        RejectCode::AssertionSignatureInvalid,
        support::verify_for(&support::sp(), &idp, &xml, Expect::Request(&pending), now()),
    );
}
