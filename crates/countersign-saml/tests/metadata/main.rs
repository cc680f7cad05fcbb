//! Metadata: what it gives, when it gives nothing, and what we write ourselves.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod aggregate;
mod produced;
mod rollover;
mod signed;
mod single;
#[path = "../support/mod.rs"]
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_saml::{
    IdentityProvider, Metadata, MetadataError, MetadataPolicy, VerificationKey,
};
use countersign_testkit::keys;
use support::{IDP, at, now, test_idp};

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

/// An entity that is an identity provider, with `content` in its role.
fn entity(entity_id: &str, attributes: &str, content: &str) -> String {
    format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"><IDPSSODescriptor {attributes} protocolSupportEnumeration="urn:oasis:names:tc:SAML:1.1:protocol urn:oasis:names:tc:SAML:2.0:protocol">{content}</IDPSSODescriptor></EntityDescriptor>"#
    )
}

fn entities(attributes: &str, content: &str) -> String {
    format!(
        r#"<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" {attributes}>{content}</EntitiesDescriptor>"#
    )
}

fn rsa() -> String {
    key_descriptor(r#"use="signing""#, &[keys::IDP_RSA_2048_CERTIFICATE])
}

fn parse(xml: &str) -> Result<IdentityProvider, MetadataError> {
    IdentityProvider::from_metadata(xml.as_bytes())
}

fn aggregate(xml: &str) -> Result<Metadata, MetadataError> {
    Metadata::parse(xml.as_bytes(), &MetadataPolicy::default())
}

fn key(certificate: &[u8]) -> VerificationKey {
    VerificationKey::from_certificate_der(certificate).unwrap()
}
