//! A provider, all that it ever signed, and what is accepted of it.

use std::sync::{Arc, LazyLock};

use countersign_core::{IdentityClaims, Timestamp};
use countersign_dsig::encryption::RustCryptoKey;
use countersign_saml::{
    Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider, verify,
};

/// Who an attacker wants to be.
pub const ATTACKER: &str = "attacker@evil.example";

/// The provider's metadata and all that it ever signed, written by `fuzz/generate/src/saml.rs`.
const METADATA: &[u8] = include_bytes!("../seeds/saml_verify/metadata");
/// The messages, as XML but for the last.
pub const SIGNED: [&[u8]; 7] = [
    include_bytes!("../seeds/saml_verify/assertion-signed"),
    include_bytes!("../seeds/saml_verify/response-signed"),
    include_bytes!("../seeds/saml_verify/both-signed"),
    include_bytes!("../seeds/saml_verify/assertion-encrypted"),
    include_bytes!("../seeds/saml_verify/parts-encrypted"),
    include_bytes!("../seeds/saml_verify/unsolicited"),
    include_bytes!("../seeds/saml_verify/form-value"),
];
/// Whom they are about.
pub const PEOPLE: [&str; 4] = ["nurse", "doctor", "adjunct", "visitor"];
/// What two of the messages are encrypted to.
const DECRYPTION_KEY: &[u8] =
    include_bytes!("../../crates/countersign-testkit/keys/rsa-2048-sp.pk8");

struct Setup {
    sp: ServiceProvider,
    idp: IdentityProvider,
    pending: PendingRequest,
    now: Timestamp,
}

static SETUP: LazyLock<Setup> = LazyLock::new(|| Setup {
    sp: ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")
        .expect("a service provider")
        .with_decryption_key(Arc::new(
            RustCryptoKey::from_pkcs8(DECRYPTION_KEY).expect("a decryption key"),
        )),
    idp: IdentityProvider::from_metadata(METADATA).expect("its metadata"),
    pending: PendingRequest::new("_request-1").expect("a request"),
    now: "2026-03-01T09:30:00Z".parse().expect("a time"),
});

static KNOWN: LazyLock<Vec<IdentityClaims>> = LazyLock::new(|| {
    let signed = SIGNED.map(accepted);
    assert!(
        signed.iter().all(|claims| claims.len() == 1),
        "a seed is refused"
    );
    signed.concat()
});

/// The claims of every way in which the message is accepted.
fn accepted(message: &[u8]) -> Vec<IdentityClaims> {
    let inbound = match message.first() {
        Some(b'<') => Inbound::Xml(message),
        _ => Inbound::Post(message),
    };
    let Setup {
        sp,
        idp,
        pending,
        now,
    } = &*SETUP;
    let expected = [Expect::Request(pending), Expect::Unsolicited];
    let verified = expected
        .into_iter()
        .filter_map(|expect| verify(sp, idp, inbound, expect, *now).ok());
    verified
        .map(|verified| verified.insecure_without_replay_check())
        .map(|login| login.identity().claims().clone())
        .collect()
}

/// Asserts that the message is refused, or says what one of [`SIGNED`] says.
pub fn check(message: &[u8]) {
    for claims in accepted(message) {
        assert!(KNOWN.contains(&claims), "nobody signed this: {claims:?}");
    }
}
