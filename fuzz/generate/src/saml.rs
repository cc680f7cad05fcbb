//! Responses of the test identity provider, which signs with RSA and PKCS#1 v1.5: the same bytes
//! in every run [RFC 8017 §8.2].

use countersign::Timestamp;
use countersign_testkit::idp::{KeyChoice, ResponseSpec, Sign, TestIdp};

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
    let about = |person: &str| {
        ResponseSpec::new(SP, ACS, person, now)
            .with_ids(
                &format!("_response-{person}"),
                &format!("_assertion-{person}"),
            )
            .answering(REQUEST)
    };
    let plain = about("nurse");
    let rich = about("doctor")
        .with_attribute("email", ["doctor@acme.example"])
        .with_groups(3);
    let mut odd = about("adjunct").with_attribute("role", ["signer", "", " viewer "]);
    odd.subject_xml = "<!-- a comment -->".to_owned();
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
        ("unsolicited", idp.respond(&unsolicited)),
        ("form-value", idp.post(&rich).into_bytes()),
        (
            "unsigned",
            idp.respond(&about("stranger").signed(Sign::None)),
        ),
        (
            "signed-by-a-stranger",
            TestIdp::with_key(IDP, KeyChoice::Stranger).respond(&about("stranger")),
        ),
        ("metadata", idp.metadata().into_bytes()),
    ])
}
