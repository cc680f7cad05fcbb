//! What identity providers and checkers that others wrote make of us, and we of them.
//!
//! | module | what it shows |
//! |---|---|
//! | [`responses`] | responses that samlp, pysaml2, lasso and xmlsec mint are accepted, and no changed ones |
//! | [`checkers`] | xmlsec1, samlsign and signxml accept what we sign |
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
mod responses;
mod simplesamlphp;
#[path = "../support/mod.rs"]
mod support;

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_core::{IdentityClaims, Timestamp};

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
