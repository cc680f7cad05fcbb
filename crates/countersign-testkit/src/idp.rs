//! A test identity provider that signs real responses.
//!
//! ```
//! use countersign_core::Timestamp;
//! use countersign_saml::{Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider};
//! use countersign_testkit::idp::{ResponseSpec, TestIdp};
//!
//! let now: Timestamp = "2026-03-01T09:30:00Z".parse()?;
//! let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")?;
//! let idp = TestIdp::new("https://idp.example/metadata");
//!
//! let spec = ResponseSpec::new(sp.entity_id(), sp.acs_url(), "nurse@acme.example", now)
//!     .answering("_request-1")
//!     .with_attribute("groups", ["ward-7", "night-shift"]);
//! let form_value = idp.post(&spec);
//!
//! let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes())?;
//! let pending = PendingRequest::new("_request-1")?;
//! let verified = countersign_saml::verify(
//!     &sp,
//!     &trusted,
//!     Inbound::Post(form_value.as_bytes()),
//!     Expect::Request(&pending),
//!     now,
//! )?;
//! # let _ = verified;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod markup;
mod spec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::algorithm::SignatureAlgorithm;
use countersign_dsig::c14n::{Canonicalization, canonicalize};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped};
use countersign_dsig::xml::{Document, Limits};

use crate::encryption::Encryption;
use crate::keys;
use markup::Escaped;

pub use spec::{Authentication, Conditions, Confirmation, Issuer, ResponseSpec, Sign};

/// The key that a [`TestIdp`] signs with, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeyChoice {
    /// RSA, 2048 bits, PKCS#1 v1.5 with SHA-256: what nearly all identity providers use.
    #[default]
    Rsa,
    /// The same key, PSS with SHA-256.
    RsaPss,
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, by a key whose certificate expired in 2025.
    ExpiredP256,
    /// The RSA key of a stranger, whom no metadata names.
    Stranger,
}

impl KeyChoice {
    /// The private key and its certificate.
    fn key_pair(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Rsa | Self::RsaPss => (keys::IDP_RSA_2048_PKCS8, keys::IDP_RSA_2048_CERTIFICATE),
            Self::P256 => (keys::IDP_P256_PKCS8, keys::IDP_P256_CERTIFICATE),
            Self::P384 => (keys::IDP_P384_PKCS8, keys::IDP_P384_CERTIFICATE),
            Self::Ed25519 => (keys::IDP_ED25519_PKCS8, keys::IDP_ED25519_CERTIFICATE),
            Self::ExpiredP256 => (keys::EXPIRED_P256_PKCS8, keys::EXPIRED_P256_CERTIFICATE),
            Self::Stranger => (keys::OTHER_RSA_2048_PKCS8, keys::OTHER_RSA_2048_CERTIFICATE),
        }
    }
}

/// An identity provider for tests.
#[derive(Debug)]
pub struct TestIdp {
    entity_id: String,
    key: SigningKey,
    certificate: &'static [u8],
    options: SigningOptions,
}

impl TestIdp {
    /// The identity provider `entity_id`, which signs with [`KeyChoice::Rsa`].
    #[must_use]
    pub fn new(entity_id: impl Into<String>) -> Self {
        Self::with_key(entity_id, KeyChoice::default())
    }

    /// The identity provider `entity_id`, which signs with `key`.
    #[must_use]
    pub fn with_key(entity_id: impl Into<String>, key: KeyChoice) -> Self {
        let (pkcs8, certificate) = key.key_pair();
        let signing_key = must(SigningKey::from_pkcs8(pkcs8));
        Self {
            entity_id: entity_id.into(),
            key: match key {
                KeyChoice::RsaPss => {
                    must(signing_key.with_algorithm(SignatureAlgorithm::RsaPssSha256))
                }
                _ => signing_key,
            },
            certificate,
            options: SigningOptions::default().certificate_der(certificate),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// Its metadata, with its certificate and both single sign-on bindings.
    #[must_use]
    pub fn metadata(&self) -> String {
        let entity_id = Escaped(&self.entity_id);
        let certificate = STANDARD.encode(self.certificate);
        format!(
            concat!(
                r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}">"#,
                r#"<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">"#,
                r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>"#,
                r#"<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#,
                r#"<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/>"#,
                r#"<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/sso"/>"#,
                r#"</md:IDPSSODescriptor></md:EntityDescriptor>"#,
            ),
            entity_id = entity_id,
            certificate = certificate,
        )
    }

    /// Its key, as a service provider pins it.
    #[must_use]
    pub fn verification_key(&self) -> VerificationKey {
        must(VerificationKey::from_certificate_der(self.certificate))
    }

    /// The response that `spec` describes, as XML.
    ///
    /// # Panics
    /// If the part that is to be signed can not be, for example because its ID is no name.
    #[must_use]
    pub fn respond(&self, spec: &ResponseSpec) -> Vec<u8> {
        let mut xml = spec.xml(&self.entity_id).into_bytes();
        if matches!(spec.sign, Sign::Assertion | Sign::Both) {
            xml = self.sign(&xml, &spec.assertion_id);
        }
        if let Some(encryption) = &spec.encrypt {
            xml = encrypt_assertion(&xml, encryption);
        }
        if matches!(spec.sign, Sign::Response | Sign::Both) {
            xml = self.sign(&xml, &spec.response_id);
        }
        xml
    }

    /// The same as the value of the form field `SAMLResponse`.
    #[must_use]
    pub fn post(&self, spec: &ResponseSpec) -> String {
        STANDARD.encode(self.respond(spec))
    }

    /// Signs the element with this `ID`; the signature goes behind its issuer.
    ///
    /// # Panics
    /// If there is no such element, or it is signed already.
    #[must_use]
    pub fn sign(&self, xml: &[u8], id: &str) -> Vec<u8> {
        must(sign_enveloped(xml, id, &self.key, &self.options))
    }

    /// The algorithm that it signs with.
    pub(crate) fn algorithm(&self) -> SignatureAlgorithm {
        self.key.default_algorithm()
    }

    /// Signs bytes.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        must(self.key.sign(self.algorithm(), message))
    }
}

/// Puts an `EncryptedAssertion` in the place of the assertion.
fn encrypt_assertion(xml: &[u8], encryption: &Encryption) -> Vec<u8> {
    let text = String::from_utf8_lossy(xml);
    let start = text.find("<saml:Assertion ").unwrap_or_default();
    let end = "</saml:Assertion>";
    let end = text.rfind(end).map_or(0, |at| at.saturating_add(end.len()));
    let part = |from, to| text.get(from..to).unwrap_or_default();
    let plaintext = if encryption.self_contained {
        let document = must(Document::parse(xml, &Limits::default()));
        let mut children = document.root().children();
        let assertion = children.find(|child| child.local_name() == "Assertion");
        assertion.map_or(Vec::new(), |assertion| {
            must(canonicalize(
                assertion,
                &Canonicalization::exclusive(),
                None,
            ))
        })
    } else {
        part(start, end).as_bytes().to_vec()
    };
    let encrypted = encryption.encrypt_into("saml:EncryptedAssertion", &plaintext);
    [part(0, start), &encrypted, part(end, text.len())]
        .concat()
        .into_bytes()
}

/// The value, or the end of the test that asked for what can not be.
#[allow(
    clippy::panic,
    reason = "called by tests only; a wrong specification has to fail them"
)]
pub(crate) fn must<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the test identity provider can not do that: {error:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::Timestamp;

    #[test]
    fn responses_for_benchmarks_are_as_large_as_they_say() {
        let now = Timestamp::UNIX_EPOCH;
        let idp = TestIdp::new("https://idp.example/metadata");
        for (groups, kilobytes) in [(3, 3..6), (500, 55..65), (5000, 530..590)] {
            let spec = ResponseSpec::new("https://sp.example", "https://sp.example/acs", "n", now)
                .with_groups(groups);
            let size = idp.respond(&spec).len() / 1000;
            assert!(kilobytes.contains(&size), "{groups} groups: {size} KB");
        }
    }
}
