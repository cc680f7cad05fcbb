//! Responses of the test identity provider, which signs with RSA and PKCS#1 v1.5 and encrypts
//! without chance: the same bytes in every run [RFC 8017 §8.2].

use countersign::Timestamp;
use countersign_testkit::encryption::{Encryption, KeyPlace};
use countersign_testkit::idp::{KeyChoice, ResponseSpec, Sign, TestIdp};
use countersign_testkit::keys;

use crate::{Failure, Seed};

/// What `fuzz_targets/saml_verify.rs` is configured with.
const IDP: &str = "https://idp.acme.example/metadata";
const SP: &str = "https://sign.example/saml";
const ACS: &str = "https://sign.example/saml/acs";
const REQUEST: &str = "_request-1";
const NOW: &str = "2026-03-01T09:30:00Z";

/// Responses that are accepted, each about somebody else and signed in another place; some that
/// are not; and the provider's metadata.
pub(crate) fn messages() -> Result<Vec<Seed>, Failure> {
    let now: Timestamp = NOW.parse()?;
    let idp = TestIdp::new(IDP);
    // No ID holds a name: where a name is forged, the ID stays.
    let about = |number: u8, person: &str| {
        ResponseSpec::new(SP, ACS, person, now)
            .with_ids(
                &format!("_response-{number}"),
                &format!("_assertion-{number}"),
            )
            .answering(REQUEST)
    };
    let plain = about(1, "nurse");
    let rich = about(2, "doctor")
        .with_attribute("email", ["doctor@acme.example"])
        .with_groups(3);
    let mut odd = about(3, "adjunct").with_attribute("role", ["signer", "", " viewer "]);
    odd.subject_xml = "<!-- a comment -->".to_owned();
    let encryption = Encryption::for_certificate(keys::SP_RSA_2048_CERTIFICATE);
    let hidden = about(4, "hidden")
        .with_groups(2)
        .signed(Sign::Both)
        .encrypted(encryption.clone());
    let nameless = about(5, "nameless")
        .with_attribute("email", ["nameless@acme.example"])
        .with_encrypted_name_id(encryption.clone())
        .with_encrypted_attributes(encryption.with_keys(KeyPlace::Beside));
    let unsolicited = ResponseSpec::new(SP, ACS, "visitor", now);
    Ok(vec![
        (
            "assertion-signed",
            idp.respond(&plain.signed(Sign::Assertion)),
        ),
        (
            "response-signed",
            idp.respond(&rich.clone().signed(Sign::Response)),
        ),
        ("both-signed", idp.respond(&odd.signed(Sign::Both))),
        ("assertion-encrypted", idp.respond(&hidden)),
        ("parts-encrypted", idp.respond(&nameless)),
        ("unsolicited", idp.respond(&unsolicited)),
        ("form-value", idp.post(&rich).into_bytes()),
        (
            "unsigned",
            idp.respond(&about(6, "stranger").signed(Sign::None)),
        ),
        (
            "signed-by-a-stranger",
            TestIdp::with_key(IDP, KeyChoice::Stranger).respond(&about(7, "stranger")),
        ),
        ("metadata", idp.metadata().into_bytes()),
    ])
}
