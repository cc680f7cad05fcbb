//! What identity providers and checkers that others wrote make of us, and we of them.
//!
//! | module | what it shows |
//! |---|---|
//! | [`responses`] | responses that samlp, pysaml2, lasso and xmlsec mint are accepted, and no changed ones |
//! | [`checkers`] | xmlsec1, samlsign and signxml verify every algorithm that we sign with |
//! | [`evidence`] | what a login leaves is enough for openssl to prove who signed what |
//! | [`messages`] | so do they verify each kind of message that we send, and xmllint finds it valid |
//! | [`simplesamlphp`] | sign-in and logout with a running identity provider |
//!
//! [`browser`] goes from one to the other as a person's browser does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod browser;
mod checkers;
mod evidence;
mod messages;
mod responses;
mod simplesamlphp;
#[path = "../support/mod.rs"]
mod support;

use std::fs::File;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{IdentityClaims, Timestamp};
use countersign_dsig::sign::SigningKey;
use countersign_saml::binding::RelayState;
use countersign_saml::{
    AuthnRequest, Endpoint, IdentityProvider, MessageId, PendingRequest, ServiceProvider,
};
use countersign_testkit::keys;
use pollster::block_on;

use crate::support::{decryption_key, sp};

/// Where we take logout messages.
const SLO: &str = "https://sign.example/saml/slo";

/// The key that we sign with, and that the others encrypt for.
fn our_key() -> SigningKey {
    SigningKey::from_pkcs8(keys::SP_RSA_2048_PKCS8).unwrap()
}

/// The certificate of [`our_key`].
const OUR_CERTIFICATE: &[u8] = keys::SP_RSA_2048_CERTIFICATE;

/// A service provider that can do everything.
fn our_sp() -> ServiceProvider {
    let redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
    sp().with_slo_location(Endpoint::new(redirect, SLO).unwrap())
        .with_signing_certificate(OUR_CERTIFICATE)
        .unwrap()
        .with_encryption_certificate(OUR_CERTIFICATE)
        .unwrap()
        .with_decryption_key(decryption_key())
}

/// A certificate as openssl writes it [RFC 7468 §5].
fn pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let lines: Vec<_> = lines.collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

/// An id that no message had before.
fn fresh_id() -> MessageId {
    let mut bytes = [0; 20];
    let mut random = File::open("/dev/urandom").unwrap();
    random.read_exact(&mut bytes).unwrap();
    MessageId::from_random_bytes(bytes)
}

/// A request by redirect, signed, with the relay state `order-7`: pysaml2 writes the query anew to
/// verify it, and a space in another way than we do.
fn ask(sp: &ServiceProvider, idp: &IdentityProvider) -> (String, PendingRequest) {
    let key = our_key();
    let request = AuthnRequest::new(sp, idp, fresh_id(), clock())
        .relay_state(RelayState::new("order-7").unwrap())
        .name_id_format("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent")
        .allow_create()
        .signed_by(&key);
    let (url, pending) = block_on(request.redirect()).unwrap();
    (url.as_str().to_owned(), pending)
}

/// What stands behind the question mark.
fn query_of(url: &str) -> &str {
    url.split_once('?').unwrap().1
}

/// The time of the machine, as the programs that are run have it.
#[allow(
    clippy::disallowed_methods,
    reason = "other programs can not be told the time"
)]
fn clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_unix_millis(since.as_millis().try_into().unwrap())
}

/// Asserts that an identity is the one that every provider's script describes, and nothing else.
#[track_caller]
fn is_the_nurse(claims: &IdentityClaims) {
    assert_eq!(claims.name_id.value, "nurse-7");
    assert_eq!(
        claims.name_id.format.as_deref(),
        Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent")
    );
    let values = |name: &str| -> Vec<&str> {
        let named = claims.attributes.iter().filter(|a| a.name == name);
        named
            .flat_map(|attribute| &attribute.values)
            .map(|value| value.as_text().unwrap())
            .collect()
    };
    assert_eq!(values("mail"), ["nurse@acme.example"]);
    assert_eq!(values("displayName"), ["Gïven & <Fämily>"]);
    assert_eq!(values("groups")[..2], ["ward-7", "night-shift"]);
}
