//! One service provider, one identity provider, one request and one instant, as the tests use
//! them.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

pub(crate) mod openssl;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_core::{StoreError, StoreErrorKind, Timestamp, VerifiedIdentity};
use countersign_dsig::encryption::RustCryptoKey;
use countersign_saml::replay::{ReplayKey, ReplayStore, Seen};
use countersign_saml::{
    Expect, IdentityProvider, Inbound, PendingRequest, RejectCode, Rejection, ServiceProvider,
};
use countersign_testkit::encryption::Encryption;
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use countersign_testkit::keys;

pub(crate) const SP: &str = "https://sign.example/saml";
pub(crate) const ACS: &str = "https://sign.example/saml/acs";
pub(crate) const IDP: &str = "https://idp.example/metadata";
pub(crate) const REQUEST: &str = "_request-1";
pub(crate) const NURSE: &str = "nurse@acme.example";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    at("2026-03-01T09:30:00Z")
}

pub(crate) fn sp() -> ServiceProvider {
    ServiceProvider::new(SP, ACS).unwrap()
}

/// The same with a decryption key.
pub(crate) fn decrypting_sp() -> ServiceProvider {
    sp().with_decryption_key(decryption_key())
}

pub(crate) fn decryption_key() -> Arc<RustCryptoKey> {
    Arc::new(RustCryptoKey::from_pkcs8(keys::SP_RSA_2048_PKCS8).unwrap())
}

/// What that key undoes.
pub(crate) fn encryption() -> Encryption {
    Encryption::for_certificate(keys::SP_RSA_2048_CERTIFICATE)
}

pub(crate) fn encryption_with(change: impl FnOnce(&mut Encryption)) -> Encryption {
    let mut encryption = encryption();
    change(&mut encryption);
    encryption
}

pub(crate) fn test_idp() -> TestIdp {
    TestIdp::new(IDP)
}

pub(crate) fn idp() -> IdentityProvider {
    IdentityProvider::from_metadata(test_idp().metadata().as_bytes()).unwrap()
}

/// A response that is accepted.
pub(crate) fn spec() -> ResponseSpec {
    ResponseSpec::new(SP, ACS, NURSE, now())
        .answering(REQUEST)
        .with_attribute("groups", ["ward-7", "night-shift"])
}

/// Verifies XML as the answer to [`REQUEST`], now.
pub(crate) fn verify(sp: &ServiceProvider, xml: &[u8]) -> Result<VerifiedIdentity, Rejection> {
    let pending = PendingRequest::new(REQUEST).unwrap();
    verify_for(sp, &idp(), xml, Expect::Request(&pending), now())
}

pub(crate) fn verify_for(
    sp: &ServiceProvider,
    idp: &IdentityProvider,
    xml: &[u8],
    expect: Expect<'_>,
    now: Timestamp,
) -> Result<VerifiedIdentity, Rejection> {
    countersign_saml::verify(sp, idp, Inbound::Xml(xml), expect, now)
        .map(|verified| verified.insecure_without_replay_check().into_identity())
}

/// Asserts that a response is refused by this rule.
#[track_caller]
pub(crate) fn refused_as(code: RejectCode, result: Result<VerifiedIdentity, Rejection>) {
    match result {
        Err(rejection) => assert_eq!(rejection.reject_code(), code, "{rejection}"),
        Ok(identity) => panic!("accepted as {:?}, not refused as {code}", identity.claims()),
    }
}

/// Asserts that what the spec describes is refused by this rule.
#[track_caller]
pub(crate) fn spec_refused_as(code: RejectCode, spec: &ResponseSpec) {
    refused_as(code, verify(&sp(), &test_idp().respond(spec)));
}

/// Keeps its contract, and forgets as early as it may.
#[derive(Debug, Default)]
pub(crate) struct Forgetful(pub(crate) Mutex<HashMap<ReplayKey, Timestamp>>);

#[async_trait]
impl ReplayStore for Forgetful {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        let mut seen = self.0.lock().unwrap();
        seen.retain(|_, expires| now < *expires);
        match seen.insert(key.clone(), expires) {
            None => Ok(Seen::First),
            Some(_) => Ok(Seen::Before),
        }
    }
}

/// Can not be reached.
#[derive(Debug)]
pub(crate) struct Down;

#[async_trait]
impl ReplayStore for Down {
    async fn insert_once(
        &self,
        _: &ReplayKey,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Seen, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, "remember"))
    }
}
