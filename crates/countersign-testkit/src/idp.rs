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

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{Attribute, AttributeValue, NameId, Timestamp};
use countersign_dsig::algorithm::SignatureAlgorithm;
use countersign_dsig::key::VerificationKey;
use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped};

use crate::keys;

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
            Self::Stranger => (keys::OTHER_RSA_2048_PKCS8, keys::OTHER_RSA_2048_CERTIFICATE),
        }
    }
}

/// Which parts of a response are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sign {
    /// The response.
    Response,
    /// The assertion: the most common choice.
    #[default]
    Assertion,
    /// The assertion, and then the response around it.
    Both,
    /// Neither.
    None,
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
        let options = SigningOptions::default().certificate_der(certificate);
        Self {
            entity_id: entity_id.into(),
            key: must(SigningKey::from_pkcs8(pkcs8)),
            certificate,
            options: match key {
                KeyChoice::RsaPss => options.algorithm(SignatureAlgorithm::RsaPssSha256),
                _ => options,
            },
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
    #[must_use]
    pub fn respond(&self, spec: &ResponseSpec) -> Vec<u8> {
        let mut xml = spec.xml(&self.entity_id).into_bytes();
        if matches!(spec.sign, Sign::Assertion | Sign::Both) {
            xml = self.sign(&xml, &spec.assertion_id);
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
    #[must_use]
    pub fn sign(&self, xml: &[u8], id: &str) -> Vec<u8> {
        must(sign_enveloped(xml, id, &self.key, &self.options))
    }
}

/// A response to be made: everything it says, so that a test can change one thing.
///
/// [`ResponseSpec::new`] describes one that is accepted. A `None` leaves a part out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResponseSpec {
    /// `ID` of the response.
    pub response_id: String,
    /// `ID` of the assertion.
    pub assertion_id: String,
    /// `Version` of the response.
    pub response_version: String,
    /// `Version` of the assertion.
    pub assertion_version: String,
    /// `IssueInstant` of the response.
    pub response_issue_instant: Timestamp,
    /// `IssueInstant` of the assertion.
    pub assertion_issue_instant: Timestamp,
    /// `Destination`.
    pub destination: Option<String>,
    /// `InResponseTo` of the response.
    pub in_response_to: Option<String>,
    /// `Issuer` of the response; the provider's entity id unless changed.
    pub response_issuer: Issuer,
    /// `Issuer` of the assertion; the provider's entity id unless changed.
    pub assertion_issuer: Issuer,
    /// The status codes, the outermost first.
    pub status: Vec<String>,
    /// `NameID`.
    pub name_id: Option<NameId>,
    /// The subject confirmations.
    pub confirmations: Vec<Confirmation>,
    /// `Conditions`.
    pub conditions: Option<Conditions>,
    /// `AuthnStatement`.
    pub authentication: Option<Authentication>,
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// XML that goes into the response in front of its status.
    pub response_xml: String,
    /// XML that goes into the subject in front of its name identifier.
    pub subject_xml: String,
    /// XML that goes to the end of the assertion.
    pub assertion_xml: String,
    /// Which parts are signed.
    pub sign: Sign,
}

/// An `Issuer` to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Issuer {
    /// The provider's own entity id.
    #[default]
    Own,
    /// Another text.
    Other(String),
    /// No element.
    Absent,
}

/// A `SubjectConfirmation` to be made.
#[derive(Debug, Clone)]
pub struct Confirmation {
    /// `Method`.
    pub method: String,
    /// `Recipient`.
    pub recipient: Option<String>,
    /// `NotBefore`.
    pub not_before: Option<Timestamp>,
    /// `NotOnOrAfter`.
    pub not_on_or_after: Option<Timestamp>,
    /// `InResponseTo`.
    pub in_response_to: Option<String>,
}

/// `Conditions` to be made.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// `NotBefore`.
    pub not_before: Option<Timestamp>,
    /// `NotOnOrAfter`.
    pub not_on_or_after: Option<Timestamp>,
    /// The audiences of each `AudienceRestriction`.
    pub audiences: Vec<Vec<String>>,
    /// XML of more conditions.
    pub xml: String,
}

/// An `AuthnStatement` to be made.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// `AuthnInstant`.
    pub instant: Timestamp,
    /// `SessionIndex`.
    pub session_index: Option<String>,
    /// `SessionNotOnOrAfter`.
    pub session_not_on_or_after: Option<Timestamp>,
    /// `AuthnContextClassRef`.
    pub context: Option<String>,
}

/// How long a response is good for: what Okta and Google use.
const LIFETIME: Duration = Duration::from_secs(300);

impl ResponseSpec {
    /// A response about `name_id` for the service provider `audience`, received by `acs_url`,
    /// issued `now` and good for five minutes; unsolicited; its assertion signed.
    #[must_use]
    pub fn new(audience: &str, acs_url: &str, name_id: &str, now: Timestamp) -> Self {
        let start = now.saturating_sub(LIFETIME);
        let end = now.saturating_add(LIFETIME);
        Self {
            response_id: format!("_r{}", now.unix_millis()),
            assertion_id: format!("_a{}", now.unix_millis()),
            response_version: "2.0".to_owned(),
            assertion_version: "2.0".to_owned(),
            response_issue_instant: now,
            assertion_issue_instant: now,
            destination: Some(acs_url.to_owned()),
            in_response_to: None,
            response_issuer: Issuer::Own,
            assertion_issuer: Issuer::Own,
            status: vec!["urn:oasis:names:tc:SAML:2.0:status:Success".to_owned()],
            name_id: Some(NameId {
                value: name_id.to_owned(),
                format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
                name_qualifier: None,
                sp_name_qualifier: None,
            }),
            confirmations: vec![Confirmation {
                method: "urn:oasis:names:tc:SAML:2.0:cm:bearer".to_owned(),
                recipient: Some(acs_url.to_owned()),
                not_before: None,
                not_on_or_after: Some(end),
                in_response_to: None,
            }],
            conditions: Some(Conditions {
                not_before: Some(start),
                not_on_or_after: Some(end),
                audiences: vec![vec![audience.to_owned()]],
                xml: String::new(),
            }),
            authentication: Some(Authentication {
                instant: now,
                session_index: Some(format!("_s{}", now.unix_millis())),
                session_not_on_or_after: None,
                context: Some(
                    "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".to_owned(),
                ),
            }),
            attributes: Vec::new(),
            response_xml: String::new(),
            subject_xml: String::new(),
            assertion_xml: String::new(),
            sign: Sign::default(),
        }
    }

    /// Makes it the answer to a request.
    #[must_use]
    pub fn answering(mut self, request_id: &str) -> Self {
        self.in_response_to = Some(request_id.to_owned());
        for confirmation in &mut self.confirmations {
            confirmation.in_response_to = Some(request_id.to_owned());
        }
        self
    }

    /// Gives both the response and the assertion other ids, so that two responses of one instant
    /// are not each other's replay.
    #[must_use]
    pub fn with_ids(mut self, response_id: &str, assertion_id: &str) -> Self {
        self.response_id = response_id.to_owned();
        self.assertion_id = assertion_id.to_owned();
        self
    }

    /// Gives the name identifier another format.
    #[must_use]
    pub fn with_name_id_format(mut self, format: &str) -> Self {
        if let Some(name_id) = &mut self.name_id {
            name_id.format = Some(format.to_owned());
        }
        self
    }

    /// Adds an attribute of text values.
    #[must_use]
    pub fn with_attribute(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.attributes.push(Attribute {
            name: name.to_owned(),
            name_format: Some("urn:oasis:names:tc:SAML:2.0:attrname-format:basic".to_owned()),
            friendly_name: None,
            values: values
                .into_iter()
                .map(|value| AttributeValue::Text(value.into()))
                .collect(),
        });
        self
    }

    /// Adds an attribute `groups` with `count` distinguished names, as Active Directory sends them.
    /// A signed response with 3 groups has 4 to 5 KB, with 500 some 60 KB, with 5,000 some 560 KB.
    #[must_use]
    pub fn with_groups(self, count: usize) -> Self {
        self.with_attribute(
            "groups",
            (0..count).map(|n| {
                format!("CN=ward-{n:05}-night-shift,OU=Groups,OU=Hospital,DC=acme,DC=example")
            }),
        )
    }

    /// Chooses what is signed.
    #[must_use]
    pub fn signed(mut self, sign: Sign) -> Self {
        self.sign = sign;
        self
    }

    fn xml(&self, entity_id: &str) -> String {
        let mut xml = String::new();
        let mut response = Tag::open(&mut xml, "samlp:Response");
        response
            .attribute("xmlns:samlp", "urn:oasis:names:tc:SAML:2.0:protocol")
            .attribute("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
            .attribute("ID", &self.response_id)
            .attribute("Version", &self.response_version)
            .attribute("IssueInstant", &self.response_issue_instant.to_string())
            .optional("Destination", self.destination.as_deref())
            .optional("InResponseTo", self.in_response_to.as_deref())
            .close();
        issuer(&mut xml, &self.response_issuer, entity_id);
        xml.push_str(&self.response_xml);
        self.write_status(&mut xml);
        self.write_assertion(&mut xml, entity_id);
        xml.push_str("</samlp:Response>");
        xml
    }

    fn write_status(&self, xml: &mut String) {
        xml.push_str("<samlp:Status>");
        for code in &self.status {
            Tag::open(xml, "samlp:StatusCode")
                .attribute("Value", code)
                .close();
        }
        for _ in &self.status {
            xml.push_str("</samlp:StatusCode>");
        }
        xml.push_str("</samlp:Status>");
    }

    fn write_assertion(&self, xml: &mut String, entity_id: &str) {
        Tag::open(xml, "saml:Assertion")
            .attribute("ID", &self.assertion_id)
            .attribute("Version", &self.assertion_version)
            .attribute("IssueInstant", &self.assertion_issue_instant.to_string())
            .close();
        issuer(xml, &self.assertion_issuer, entity_id);
        self.write_subject(xml);
        if let Some(conditions) = &self.conditions {
            conditions.write(xml);
        }
        if let Some(authentication) = &self.authentication {
            authentication.write(xml);
        }
        if !self.attributes.is_empty() {
            xml.push_str("<saml:AttributeStatement>");
            for attribute in &self.attributes {
                write_attribute(xml, attribute);
            }
            xml.push_str("</saml:AttributeStatement>");
        }
        xml.push_str(&self.assertion_xml);
        xml.push_str("</saml:Assertion>");
    }

    fn write_subject(&self, xml: &mut String) {
        xml.push_str("<saml:Subject>");
        xml.push_str(&self.subject_xml);
        if let Some(name_id) = &self.name_id {
            Tag::open(xml, "saml:NameID")
                .optional("Format", name_id.format.as_deref())
                .optional("NameQualifier", name_id.name_qualifier.as_deref())
                .optional("SPNameQualifier", name_id.sp_name_qualifier.as_deref())
                .text(&name_id.value);
        }
        for confirmation in &self.confirmations {
            confirmation.write(xml);
        }
        xml.push_str("</saml:Subject>");
    }
}

impl Confirmation {
    fn write(&self, xml: &mut String) {
        Tag::open(xml, "saml:SubjectConfirmation")
            .attribute("Method", &self.method)
            .close();
        Tag::open(xml, "saml:SubjectConfirmationData")
            .optional_instant("NotBefore", self.not_before)
            .optional_instant("NotOnOrAfter", self.not_on_or_after)
            .optional("Recipient", self.recipient.as_deref())
            .optional("InResponseTo", self.in_response_to.as_deref())
            .text("");
        xml.push_str("</saml:SubjectConfirmation>");
    }
}

impl Conditions {
    fn write(&self, xml: &mut String) {
        Tag::open(xml, "saml:Conditions")
            .optional_instant("NotBefore", self.not_before)
            .optional_instant("NotOnOrAfter", self.not_on_or_after)
            .close();
        for restriction in &self.audiences {
            xml.push_str("<saml:AudienceRestriction>");
            for audience in restriction {
                Tag::open(xml, "saml:Audience").text(audience);
            }
            xml.push_str("</saml:AudienceRestriction>");
        }
        xml.push_str(&self.xml);
        xml.push_str("</saml:Conditions>");
    }
}

impl Authentication {
    fn write(&self, xml: &mut String) {
        Tag::open(xml, "saml:AuthnStatement")
            .attribute("AuthnInstant", &self.instant.to_string())
            .optional("SessionIndex", self.session_index.as_deref())
            .optional_instant("SessionNotOnOrAfter", self.session_not_on_or_after)
            .close();
        xml.push_str("<saml:AuthnContext>");
        if let Some(context) = &self.context {
            Tag::open(xml, "saml:AuthnContextClassRef").text(context);
        }
        xml.push_str("</saml:AuthnContext></saml:AuthnStatement>");
    }
}

fn issuer(xml: &mut String, issuer: &Issuer, entity_id: &str) {
    match issuer {
        Issuer::Own => Tag::open(xml, "saml:Issuer").text(entity_id),
        Issuer::Other(other) => Tag::open(xml, "saml:Issuer").text(other),
        Issuer::Absent => {}
    }
}

fn write_attribute(xml: &mut String, attribute: &Attribute) {
    Tag::open(xml, "saml:Attribute")
        .attribute("Name", &attribute.name)
        .optional("NameFormat", attribute.name_format.as_deref())
        .optional("FriendlyName", attribute.friendly_name.as_deref())
        .close();
    for value in &attribute.values {
        let mut tag = Tag::open(xml, "saml:AttributeValue");
        match value {
            AttributeValue::Text(text) => tag.text(text),
            AttributeValue::Structured { xml: children } => {
                tag.close();
                xml.push_str(children);
                xml.push_str("</saml:AttributeValue>");
            }
            _ => tag
                .attribute("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
                .attribute("xsi:nil", "true")
                .text(""),
        }
    }
    xml.push_str("</saml:Attribute>");
}

/// A start tag that is being written.
struct Tag<'x> {
    xml: &'x mut String,
    name: &'static str,
}

impl<'x> Tag<'x> {
    fn open(xml: &'x mut String, name: &'static str) -> Self {
        xml.push('<');
        xml.push_str(name);
        Self { xml, name }
    }

    fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        let value = Escaped(value);
        must(write!(self.xml, r#" {name}="{value}""#));
        self
    }

    fn optional(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    fn optional_instant(&mut self, name: &str, at: Option<Timestamp>) -> &mut Self {
        match at {
            Some(at) => self.attribute(name, &at.to_string()),
            None => self,
        }
    }

    fn close(&mut self) {
        self.xml.push('>');
    }

    /// Ends the start tag, writes the content and the end tag.
    fn text(&mut self, text: &str) {
        must(write!(self.xml, ">{}</{}>", Escaped(text), self.name));
    }
}

/// Text that stays text in an element or an attribute.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => write!(f, "&#x{:X};", u32::from(c))?,
                _ => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// The value, or the end of the test that asked for what can not be.
#[allow(
    clippy::panic,
    reason = "called by tests only; a wrong specification has to fail them"
)]
fn must<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the test identity provider can not do that: {error:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
