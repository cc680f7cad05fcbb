//! Encrypted assertions, name identifiers and attributes: what is decrypted, and what never is.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod accepted;
mod evidence;
mod oracle;
mod plaintext;
#[path = "../support/mod.rs"]
mod support;
mod unauthentic;

use countersign_core::VerifiedIdentity;
use countersign_dsig::encryption::ContentCipher;
use countersign_saml::RejectCode::{self, *};
use countersign_saml::{Expect, Rejection, ServiceProvider, SignedPart};
use countersign_testkit::encryption::Encryption;
use countersign_testkit::idp::{KeyChoice, ResponseSpec, Sign, TestIdp};
use countersign_testkit::keys;
use support::{
    IDP, NURSE, decrypting_sp, encryption, encryption_with, now, refused_as, spec, test_idp, verify,
};

fn respond(spec: &ResponseSpec) -> Vec<u8> {
    test_idp().respond(spec)
}

fn accepted(sp: &ServiceProvider, spec: &ResponseSpec) -> VerifiedIdentity {
    verify(sp, &respond(spec)).unwrap()
}

#[track_caller]
fn spec_refused_as(code: RejectCode, sp: &ServiceProvider, spec: &ResponseSpec) {
    refused_as(code, verify(sp, &respond(spec)));
}

fn ad_fs_sp() -> ServiceProvider {
    decrypting_sp().insecure_decrypt_unsigned_response()
}

/// A signed response whose EncryptedAssertion holds these bytes.
fn with_plaintext(encryption: &Encryption, plaintext: &[u8]) -> Vec<u8> {
    let unsigned = String::from_utf8(respond(&spec().signed(Sign::None))).unwrap();
    let holder = encryption.encrypt_into("saml:EncryptedAssertion", plaintext);
    test_idp().sign(replace_assertion(&unsigned, &holder).as_bytes(), &id())
}

fn replace_assertion(response: &str, replacement: &str) -> String {
    let (before, rest) = response.split_once("<saml:Assertion ").unwrap();
    let (_, after) = rest.split_once("</saml:Assertion>").unwrap();
    format!("{before}{replacement}{after}")
}

/// The assertion of a response, declaring its namespaces itself.
fn assertion(spec: &ResponseSpec) -> String {
    let response = String::from_utf8(respond(spec)).unwrap();
    let (_, rest) = response.split_once("<saml:Assertion ").unwrap();
    let (assertion, _) = rest.split_once("</saml:Assertion>").unwrap();
    format!(
        "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" {assertion}</saml:Assertion>"
    )
}

fn id() -> String {
    spec().response_id
}

fn refusal(sp: &ServiceProvider, xml: &[u8]) -> Rejection {
    match verify(sp, xml) {
        Err(rejection) => rejection,
        Ok(identity) => panic!("accepted as {:?}", identity.claims()),
    }
}
