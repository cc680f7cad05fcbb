//! Which keys and names metadata gives, and when it gives none.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_saml::{IdentityProvider, MetadataError, VerificationKey};
use countersign_testkit::keys;
use support::{IDP, at, test_idp};

fn key_descriptor(attributes: &str, certificates: &[&[u8]]) -> String {
    let certificates: String = certificates
        .iter()
        .map(|der| {
            format!(
                "<ds:X509Certificate>{}</ds:X509Certificate>",
                STANDARD.encode(der)
            )
        })
        .collect();
    format!(
        r#"<KeyDescriptor {attributes}><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo></KeyDescriptor>"#
    )
}

fn entity(entity_id: &str, attributes: &str, keys: &str) -> String {
    format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"><IDPSSODescriptor {attributes} protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol">{keys}</IDPSSODescriptor></EntityDescriptor>"#
    )
}

fn rsa() -> String {
    key_descriptor(r#"use="signing""#, &[keys::IDP_RSA_2048_CERTIFICATE])
}

fn parse(xml: &str) -> Result<IdentityProvider, MetadataError> {
    IdentityProvider::from_metadata(xml.as_bytes())
}

#[test]
fn the_test_identity_provider_describes_itself() {
    let idp = parse(&test_idp().metadata()).unwrap();
    assert_eq!(idp.entity_id(), IDP);
    assert_eq!(idp.keys().len(), 1);
    assert_eq!(idp.valid_until(), None);
    let bindings: Vec<_> = idp
        .sso_locations()
        .iter()
        .map(|sso| sso.binding.as_str())
        .collect();
    assert_eq!(
        bindings,
        [
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
        ]
    );
}

#[test]
fn keys_for_signing_and_keys_for_both_count_and_keys_for_encryption_do_not() {
    let keys = [
        rsa(),
        key_descriptor("", &[keys::IDP_P256_CERTIFICATE]),
        key_descriptor(r#"use="encryption""#, &[keys::IDP_P384_CERTIFICATE]),
    ]
    .concat();
    let idp = parse(&entity(IDP, "", &keys)).unwrap();
    let fingerprints: Vec<_> = idp
        .keys()
        .iter()
        .map(|key| key.certificate_sha256())
        .collect();
    assert_eq!(fingerprints.len(), 2);
    assert_eq!(
        fingerprints[0],
        test_idp().verification_key().certificate_sha256()
    );
}

#[test]
fn of_a_chain_only_the_first_certificate_counts() {
    let chain = key_descriptor(
        "",
        &[
            keys::IDP_RSA_2048_CERTIFICATE,
            keys::OTHER_RSA_2048_CERTIFICATE,
        ],
    );
    assert_eq!(parse(&entity(IDP, "", &chain)).unwrap().keys().len(), 1);
}

#[test]
fn the_earliest_valid_until_counts() {
    let inner = entity(IDP, r#"validUntil="2030-01-01T00:00:00Z""#, &rsa());
    let outer = format!(
        r#"<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" validUntil="2029-01-01T00:00:00Z"><EntitiesDescriptor validUntil="2031-01-01T00:00:00Z">{inner}</EntitiesDescriptor></EntitiesDescriptor>"#
    );
    assert_eq!(
        parse(&inner).unwrap().valid_until(),
        Some(at("2030-01-01T00:00:00Z"))
    );
    assert_eq!(
        parse(&outer).unwrap().valid_until(),
        Some(at("2029-01-01T00:00:00Z"))
    );
}

#[test]
fn one_of_several_is_chosen_by_name() {
    let aggregate = format!(
        r#"<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata">{}{}<EntityDescriptor entityID="https://sp.example"><SPSSODescriptor/></EntityDescriptor></EntitiesDescriptor>"#,
        entity("https://a.example", "", &rsa()),
        entity("https://b.example", "", &rsa()),
    );
    let choose = |name: &str| IdentityProvider::from_metadata_for(aggregate.as_bytes(), name);
    assert_eq!(
        choose("https://b.example").unwrap().entity_id(),
        "https://b.example"
    );
    assert!(matches!(
        parse(&aggregate),
        Err(MetadataError::SeveralIdentityProviders)
    ));
    for absent in [
        "https://c.example",
        "https://sp.example",
        "https://B.example",
    ] {
        assert!(matches!(
            choose(absent),
            Err(MetadataError::NoIdentityProvider)
        ));
    }
    let twice = aggregate.replace("https://a.example", "https://b.example");
    assert!(matches!(
        IdentityProvider::from_metadata_for(twice.as_bytes(), "https://b.example"),
        Err(MetadataError::SeveralIdentityProviders)
    ));
}

#[test]
fn a_key_without_a_certificate_is_refused() {
    // SubjectPublicKeyInfo of Ed25519, up to its 32 bytes [RFC 8410 §4].
    let prefix = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let der = keys::IDP_ED25519_CERTIFICATE;
    let start = der.windows(12).position(|window| window == prefix).unwrap();
    let bare = VerificationKey::from_spki_der(&der[start..start + 44]).unwrap();
    let with_bare = IdentityProvider::new(IDP, vec![test_idp().verification_key(), bare]);
    assert!(matches!(with_bare, Err(MetadataError::BareKey)));
}

#[test]
fn what_names_nobody_or_no_key_is_refused() {
    assert!(matches!(parse(""), Err(MetadataError::Xml(_))));
    assert!(matches!(
        parse("<!DOCTYPE a><EntityDescriptor/>"),
        Err(MetadataError::Xml(_))
    ));
    assert!(matches!(
        parse("<EntityDescriptor/>"),
        Err(MetadataError::NotMetadata)
    ));
    let no_role =
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="a"/>"#;
    assert!(matches!(
        parse(no_role),
        Err(MetadataError::NoIdentityProvider)
    ));
    let old = entity(IDP, "", &rsa()).replace(" urn:oasis:names:tc:SAML:2.0:protocol", "");
    assert!(matches!(
        parse(&old),
        Err(MetadataError::NoIdentityProvider)
    ));
    assert!(matches!(
        parse(&entity("", "", &rsa())),
        Err(MetadataError::EntityId(_))
    ));
    assert!(matches!(
        parse(&entity(IDP, "", "")),
        Err(MetadataError::NoSigningKey)
    ));
    let encryption = key_descriptor(r#"use="encryption""#, &[keys::IDP_RSA_2048_CERTIFICATE]);
    assert!(matches!(
        parse(&entity(IDP, "", &encryption)),
        Err(MetadataError::NoSigningKey)
    ));
    let broken = key_descriptor("", &[b"no certificate"]);
    assert!(matches!(
        parse(&entity(IDP, "", &broken)),
        Err(MetadataError::Certificate(_))
    ));
    let undated = entity(IDP, r#"validUntil="tomorrow""#, &rsa());
    assert!(matches!(parse(&undated), Err(MetadataError::ValidUntil)));
}
