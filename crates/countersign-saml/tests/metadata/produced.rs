//! The metadata that we write.

use std::time::Duration;

use countersign_dsig::sign::{SigningKey, SigningOptions};
use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign_dsig::xml::{Document, Limits};
use countersign_saml::{Contact, ContactKind, Endpoint, Organization, ServiceProvider, SignedPart};
use support::{ACS, SP};

use super::*;

const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

fn everything() -> ServiceProvider {
    ServiceProvider::new(SP, format!("{ACS}?a=1&b=<2>"))
        .unwrap()
        .with_slo_location(
            Endpoint::new(REDIRECT, "https://sign.example/saml/slo")
                .unwrap()
                .with_response_location("https://sign.example/saml/slo/answer")
                .unwrap(),
        )
        .with_slo_location(Endpoint::new(POST, "https://sign.example/saml/slo").unwrap())
        .with_signing_certificate(keys::IDP_P256_CERTIFICATE)
        .unwrap()
        .with_signing_certificate(keys::IDP_P384_CERTIFICATE)
        .unwrap()
        .with_encryption_certificate(keys::IDP_RSA_2048_CERTIFICATE)
        .unwrap()
        .with_name_id_formats(["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"])
}

/// The elements in document order, each with its depth.
fn outline(xml: &[u8]) -> Vec<String> {
    let document = Document::parse(xml, &Limits::default()).unwrap();
    let root = document.root();
    std::iter::once(root)
        .chain(root.descendants())
        .filter(|element| element.namespace() == Some("urn:oasis:names:tc:SAML:2.0:metadata"))
        .map(|element| element.local_name().to_owned())
        .collect()
}

/// \[SAML-Metadata §2.3.2, §2.4.1, §2.4.2, §2.4.4\]: readers with a schema insist on the order.
#[test]
fn elements_stand_in_the_order_of_the_schema() {
    let sp = everything();
    let xml = sp
        .metadata()
        .valid_until(at("2027-01-01T00:00:00Z"))
        .cache_duration(Duration::from_secs(3600))
        .organization(Organization {
            name: "Acme & Sons".to_owned(),
            display_name: "Acme <hospital>".to_owned(),
            url: "https://acme.example/?a&b".to_owned(),
            language: "en".to_owned(),
        })
        .contact(Contact {
            kind: ContactKind::Technical,
            given_name: Some("Operations".to_owned()),
            surname: Some("Team".to_owned()),
            email: Some("operations@acme.example".to_owned()),
        })
        .to_xml();
    assert_eq!(
        outline(xml.as_bytes()),
        [
            "EntityDescriptor",
            "SPSSODescriptor",
            "KeyDescriptor",
            "KeyDescriptor",
            "KeyDescriptor",
            "EncryptionMethod",
            "EncryptionMethod",
            "EncryptionMethod",
            "SingleLogoutService",
            "SingleLogoutService",
            "NameIDFormat",
            "AssertionConsumerService",
            "Organization",
            "OrganizationName",
            "OrganizationDisplayName",
            "OrganizationURL",
            "ContactPerson",
            "GivenName",
            "SurName",
            "EmailAddress",
        ]
    );
    let document = Document::parse(xml.as_bytes(), &Limits::default()).unwrap();
    let root = document.root();
    assert_eq!(root.attribute("entityID"), Some(SP));
    assert_eq!(
        root.attribute("validUntil"),
        Some("2027-01-01T00:00:00.000Z")
    );
    assert_eq!(root.attribute("cacheDuration"), Some("PT3600S"));
    let find = |name: &str| {
        root.descendants()
            .find(|element| element.local_name() == name)
            .unwrap()
    };
    let role = find("SPSSODescriptor");
    assert_eq!(role.attribute("AuthnRequestsSigned"), Some("true"));
    assert_eq!(role.attribute("WantAssertionsSigned"), Some("true"));
    let acs = find("AssertionConsumerService");
    assert_eq!(
        acs.attribute("Location"),
        Some(format!("{ACS}?a=1&b=<2>").as_str())
    );
    assert_eq!(acs.attribute("index"), Some("0"));
    assert_eq!(acs.attribute("isDefault"), Some("true"));
    let slo = find("SingleLogoutService");
    assert_eq!(
        slo.attribute("ResponseLocation"),
        Some("https://sign.example/saml/slo/answer")
    );
    assert_eq!(find("OrganizationName").text().unwrap(), "Acme & Sons");
    assert_eq!(
        find("EmailAddress").text().unwrap(),
        "mailto:operations@acme.example"
    );
}

#[test]
fn nothing_is_said_that_is_not_configured() {
    let sp = ServiceProvider::new(SP, ACS)
        .unwrap()
        .with_signed_part(SignedPart::Response);
    let xml = sp.metadata().to_xml();
    assert_eq!(
        outline(xml.as_bytes()),
        [
            "EntityDescriptor",
            "SPSSODescriptor",
            "AssertionConsumerService"
        ]
    );
    assert!(xml.contains(r#"AuthnRequestsSigned="false""#), "{xml}");
    assert!(xml.contains(r#"WantAssertionsSigned="false""#), "{xml}");
    assert!(!xml.contains("validUntil"), "{xml}");
}

#[test]
fn signed_metadata_of_ours_verifies_and_the_signature_stands_first() {
    let key = SigningKey::from_pkcs8(keys::IDP_P256_PKCS8).unwrap();
    let sp = everything();
    let options = SigningOptions::default().certificate_der(keys::IDP_P256_CERTIFICATE);
    let xml = pollster::block_on(sp.metadata().to_signed_xml(&key, &options)).unwrap();
    let document = Document::parse(&xml, &Limits::default()).unwrap();
    let pinned = [super::key(keys::IDP_P256_CERTIFICATE)];
    let signed = verify_enveloped(document.root(), &pinned, &SignaturePolicy::default()).unwrap();
    assert_eq!(signed.root().attribute("entityID"), Some(SP));
    let first = document.root().children().next().unwrap();
    assert_eq!(first.local_name(), "Signature");
}

#[test]
fn a_certificate_that_is_none_is_not_published() {
    let sp = ServiceProvider::new(SP, ACS).unwrap();
    let error = sp.clone().with_signing_certificate(b"no certificate");
    assert_eq!(error.unwrap_err().code(), "service_provider.certificate");
    let error = sp.with_encryption_certificate(b"no certificate");
    assert_eq!(error.unwrap_err().code(), "service_provider.certificate");
}
