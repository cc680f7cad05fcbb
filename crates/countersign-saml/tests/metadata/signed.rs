//! Metadata that has to be signed: the same core as for logins, and the same attacks.

use std::time::Duration;

use countersign_core::Timestamp;
use countersign_saml::{Expect, PendingRequest};
use countersign_testkit::attacks::{self, Message};
use countersign_testkit::idp::{KeyChoice, TestIdp};

use super::*;

/// The operator of a federation, who signs with a key of its own.
fn operator() -> TestIdp {
    TestIdp::with_key("https://federation.example", KeyChoice::P256)
}

fn federation() -> String {
    entities(
        r#"ID="_federation" validUntil="2026-03-15T00:00:00Z""#,
        &[
            entity("https://a.example", "", &rsa()),
            entity("https://b.example", "", &rsa()),
        ]
        .concat(),
    )
}

fn signed(xml: &str) -> String {
    String::from_utf8(operator().sign(xml.as_bytes(), "_federation")).unwrap()
}

fn verify_at(xml: &str, now: Timestamp) -> Result<Metadata, MetadataError> {
    Metadata::verify(
        xml.as_bytes(),
        &[operator().verification_key()],
        &MetadataPolicy::default(),
        now,
    )
}

fn verify(xml: &str) -> Result<Metadata, MetadataError> {
    verify_at(xml, now())
}

/// The signature in a document.
fn signature_of(xml: &str) -> String {
    let (_, rest) = xml.split_once("<ds:Signature ").unwrap();
    let (inside, _) = rest.split_once("</ds:Signature>").unwrap();
    format!("<ds:Signature {inside}</ds:Signature>")
}

fn names(metadata: &Metadata) -> Vec<&str> {
    metadata
        .identity_providers()
        .map(IdentityProvider::entity_id)
        .collect()
}

#[test]
fn signed_metadata_is_read_from_what_was_signed() {
    let metadata = verify(&signed(&federation())).unwrap();
    assert_eq!(names(&metadata), ["https://a.example", "https://b.example"]);
    assert_eq!(
        metadata.certificate_sha256(),
        operator().verification_key().certificate_sha256()
    );
}

#[test]
fn unsigned_metadata_is_refused_where_a_signature_is_asked_for() {
    assert_eq!(verify(&federation()).unwrap_err(), MetadataError::Unsigned);
    // Signed is the group within: nobody vouches for what is around it.
    let around = entities("", &signed(&federation()));
    assert_eq!(verify(&around).unwrap_err(), MetadataError::Unsigned);
    assert_eq!(verify("<a/>").unwrap_err(), MetadataError::NotMetadata);
}

#[test]
fn metadata_that_was_changed_is_refused() {
    let xml = signed(&federation());
    for changed in [
        xml.replace("https://b.example", "https://evil.example"),
        xml.replace("2026-03-15", "2036-03-15"),
        xml.replace(
            "</EntitiesDescriptor>",
            &format!(
                "{}</EntitiesDescriptor>",
                entity("https://evil.example", "", &rsa())
            ),
        ),
    ] {
        assert_ne!(changed, xml);
        assert_eq!(verify(&changed).unwrap_err().code(), "metadata.signature");
    }
}

#[test]
fn metadata_by_a_stranger_is_refused() {
    for key in [KeyChoice::Stranger, KeyChoice::Rsa, KeyChoice::ExpiredP256] {
        let stranger = TestIdp::with_key("https://federation.example", key);
        let xml = stranger.sign(federation().as_bytes(), "_federation");
        let xml = String::from_utf8(xml).unwrap();
        assert_eq!(verify(&xml).unwrap_err().code(), "metadata.signature");
    }
    let no_key = Metadata::verify(
        signed(&federation()).as_bytes(),
        &[],
        &MetadataPolicy::default(),
        now(),
    );
    assert_eq!(no_key.unwrap_err().code(), "metadata.signature");
}

/// A forged group takes the place of the root, and the signed one goes somewhere inside; with its
/// signature or without.
#[test]
fn signature_wrapping_of_metadata_is_refused() {
    let original = signed(&federation());
    let signature = signature_of(&original);
    let signature = signature.as_str();
    let unsigned = original.replace(signature, "");
    let evil = entity("https://evil.example", "", &rsa());
    let forged = |id: &str, content: &str| entities(&format!(r#"ID="{id}""#), content);
    for (attack, xml) in [
        (
            "the original in the extensions of the forgery",
            forged(
                "_forged",
                &format!("{signature}<Extensions>{unsigned}</Extensions>{evil}"),
            ),
        ),
        (
            "the original within the signature's object",
            forged(
                "_forged",
                &format!(
                    "{}{evil}",
                    signature.replace(
                        "</ds:Signature>",
                        &format!("<ds:Object>{unsigned}</ds:Object></ds:Signature>")
                    )
                ),
            ),
        ),
        (
            "the original, signature and all, beside the forgery",
            forged("_forged", &format!("{signature}{original}{evil}")),
        ),
        (
            "two elements of one ID",
            forged("_federation", &format!("{signature}{unsigned}{evil}")),
        ),
        (
            "the signature of the original on the forgery",
            forged("_federation", &format!("{signature}{evil}")),
        ),
        (
            "two signatures",
            original.replacen(signature, &format!("{signature}{signature}"), 1),
        ),
    ] {
        assert_ne!(xml, original);
        let error = verify(&xml).expect_err(attack);
        assert!(
            ["metadata.signature", "metadata.xml"].contains(&error.code()),
            "{attack}: {error}"
        );
    }
}

#[test]
fn the_signature_of_a_login_does_not_sign_metadata() {
    let login = test_idp().respond(&support::spec());
    let error = Metadata::verify(
        &login,
        &[test_idp().verification_key()],
        &MetadataPolicy::default(),
        now(),
    )
    .unwrap_err();
    assert_eq!(error, MetadataError::NotMetadata);

    // Its signature moved onto metadata of the same ID.
    let login = String::from_utf8(login).unwrap();
    let id = support::spec().assertion_id;
    let forged = entities(
        &format!(r#"ID="{id}""#),
        &format!(
            "{}{}",
            signature_of(&login),
            entity("https://evil.example", "", &rsa())
        ),
    );
    let error = Metadata::verify(
        forged.as_bytes(),
        &[test_idp().verification_key()],
        &MetadataPolicy::default(),
        now(),
    )
    .unwrap_err();
    assert_eq!(error.code(), "metadata.signature");
}

#[test]
fn the_signature_of_metadata_does_not_sign_a_login() {
    // An identity provider that signs its metadata with the key of its logins, as Entra ID does.
    let metadata = test_idp().metadata().replacen(
        "<md:EntityDescriptor ",
        "<md:EntityDescriptor ID=\"_metadata\" ",
        1,
    );
    let metadata = test_idp().sign(metadata.as_bytes(), "_metadata");
    let idp = support::idp();
    let pending = PendingRequest::new(support::REQUEST).unwrap();
    let verify = |xml: &[u8]| {
        support::verify_for(&support::sp(), &idp, xml, Expect::Request(&pending), now())
    };
    assert_eq!(verify(&metadata).unwrap_err().code(), "saml.not_a_response");
    let metadata = String::from_utf8(metadata).unwrap();
    let mut spec = support::spec().with_ids("_metadata", "_a");
    spec.sign = countersign_testkit::idp::Sign::None;
    spec.response_xml = signature_of(&metadata);
    assert_eq!(
        verify(&test_idp().respond(&spec)).unwrap_err().code(),
        "saml.response_signature_invalid"
    );
}

#[test]
fn expired_metadata_is_refused_when_it_is_read_and_when_it_is_used() {
    let xml = signed(&federation());
    let last = at("2026-03-14T23:59:59.999Z");
    let metadata = verify_at(&xml, last).unwrap();
    assert_eq!(
        verify_at(&xml, at("2026-03-15T00:00:00Z")).unwrap_err(),
        MetadataError::Expired {
            valid_until: at("2026-03-15T00:00:00Z")
        }
    );
    // What was read in time knows its end.
    let idp = metadata.identity_provider("https://a.example").unwrap();
    assert_eq!(idp.valid_until(), Some(at("2026-03-15T00:00:00Z")));
}

#[test]
fn old_metadata_can_not_be_shown_for_ever() {
    let verify = |xml: &str, days: u64| {
        let within = Duration::from_secs(days * 86_400);
        let policy = MetadataPolicy::default().require_valid_until_within(within);
        Metadata::verify(
            xml.as_bytes(),
            &[operator().verification_key()],
            &policy,
            now(),
        )
        .map(drop)
    };
    let xml = signed(&federation());
    assert_eq!(verify(&xml, 14), Ok(()));
    assert_eq!(
        verify(&xml, 13),
        Err(MetadataError::ValidUntilTooFar {
            valid_until: at("2026-03-15T00:00:00Z")
        })
    );
    let endless = signed(&federation().replace(r#" validUntil="2026-03-15T00:00:00Z""#, ""));
    assert_eq!(verify(&endless, 14), Err(MetadataError::ValidUntilMissing));
}

#[test]
fn a_signer_whose_certificate_has_expired_is_refused() {
    let expired = TestIdp::with_key("https://federation.example", KeyChoice::ExpiredP256);
    let xml = expired.sign(federation().as_bytes(), "_federation");
    let keys = [expired.verification_key()];
    let verify = |policy: &MetadataPolicy| Metadata::verify(&xml, &keys, policy, now());
    assert_eq!(
        verify(&MetadataPolicy::default()).unwrap_err(),
        MetadataError::SignerOutsideValidity
    );
    assert!(verify(&MetadataPolicy::default().insecure_expired_certificates()).is_ok());
}

#[test]
fn weak_algorithms_do_not_sign_metadata() {
    let xml = signed(&federation()).replace(
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
    );
    assert_eq!(verify(&xml).unwrap_err().code(), "metadata.signature");
}

/// The generator of attacks on whatever is signed; the attacker wants to be one of the providers.
#[test]
fn attacks_on_signed_metadata() {
    let genuine = signed(&federation());
    let attacks = attacks::on_message(genuine.as_bytes(), "https://a.example");
    assert!(attacks.len() > 700, "only {} attacks", attacks.len());
    let report = attacks::run(&attacks, genuine.as_bytes(), |messages| {
        let Some(Message::Xml(xml)) = messages.last() else {
            return None;
        };
        let metadata = verify(std::str::from_utf8(xml).ok()?).ok()?;
        let keys = |provider: &IdentityProvider| format!("{:?}", provider.keys());
        let providers = metadata.identity_providers();
        let providers = providers.map(|provider| (provider.entity_id().to_owned(), keys(provider)));
        Some(providers.collect::<Vec<_>>())
    });
    println!("{report}");
    report.assert_none_got_in();
}
