//! What a response says, believed by nobody: for people who look for a mistake.

use countersign_core::{Attribute, NameId, Sha256Digest};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::xml::{Document, Element, Limits};
use serde::Serialize;

use crate::binding::MessageKind;
use crate::code::RejectCode;
use crate::element::Part;
use crate::inbound::Inbound;
use crate::names::{ASSERTION, PROTOCOL, SIGNATURE};
use crate::rejection::Rejection;
use crate::response::{self, statements, subject};
use crate::verify::not_xml;

/// What a `Response` says. Nothing in it has been verified: anyone can write one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnverifiedResponse {
    /// Always `false`, so that nobody who reads the JSON takes it for a login.
    pub verified: bool,
    /// `ID`.
    pub id: Option<String>,
    /// `Version`.
    pub version: Option<String>,
    /// `IssueInstant`, as it is written.
    pub issue_instant: Option<String>,
    /// `Destination`.
    pub destination: Option<String>,
    /// `InResponseTo`.
    pub in_response_to: Option<String>,
    /// `Issuer`.
    pub issuer: Option<String>,
    /// `Status`.
    pub status: UnverifiedStatus,
    /// The signatures of the response itself.
    pub signatures: Vec<UnverifiedSignature>,
    /// The assertions in it.
    pub assertions: Vec<UnverifiedAssertion>,
    /// How many encrypted assertions there are.
    pub encrypted_assertions: usize,
}

/// What a `Status` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnverifiedStatus {
    /// The codes, the outermost first.
    pub codes: Vec<String>,
    /// `StatusMessage`.
    pub message: Option<String>,
}

/// What a `Signature` says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnverifiedSignature {
    /// URI of the signature algorithm.
    pub signature_algorithm: Option<String>,
    /// URI of the digest algorithm of each reference.
    pub digest_algorithms: Vec<String>,
    /// What the references point at.
    pub references: Vec<String>,
    /// SHA-256 of each certificate in `KeyInfo` that can be read. Compare it with the provider's
    /// own; a message can carry any.
    pub certificate_sha256: Vec<Sha256Digest>,
}

/// What an `Assertion` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnverifiedAssertion {
    /// `ID`.
    pub id: Option<String>,
    /// `IssueInstant`, as it is written.
    pub issue_instant: Option<String>,
    /// `Issuer`.
    pub issuer: Option<String>,
    /// Its signatures.
    pub signatures: Vec<UnverifiedSignature>,
    /// `NameID`.
    pub name_id: Option<NameId>,
    /// Whether there is an `EncryptedID` in place of a name identifier.
    pub encrypted_id: bool,
    /// `SubjectConfirmation`s.
    pub confirmations: Vec<UnverifiedConfirmation>,
    /// `NotBefore` of the conditions.
    pub not_before: Option<String>,
    /// `NotOnOrAfter` of the conditions.
    pub not_on_or_after: Option<String>,
    /// All audiences.
    pub audiences: Vec<String>,
    /// `AuthnInstant`.
    pub authn_instant: Option<String>,
    /// `SessionIndex`.
    pub session_index: Option<String>,
    /// `SessionNotOnOrAfter`.
    pub session_not_on_or_after: Option<String>,
    /// `AuthnContextClassRef`.
    pub authn_context: Option<String>,
    /// The attributes in document order.
    pub attributes: Vec<Attribute>,
    /// How many encrypted attributes there are.
    pub encrypted_attributes: usize,
}

/// What a `SubjectConfirmation` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnverifiedConfirmation {
    /// `Method`.
    pub method: Option<String>,
    /// `Recipient`.
    pub recipient: Option<String>,
    /// `NotOnOrAfter`.
    pub not_on_or_after: Option<String>,
    /// `InResponseTo`.
    pub in_response_to: Option<String>,
}

/// Reads a response, given as XML or as base64 of it, without believing any of it.
///
/// # Errors
/// If it is neither base64 nor XML, is larger than [`Limits::default`], or is no `Response`.
pub fn inspect(message: &[u8]) -> Result<UnverifiedResponse, Rejection> {
    let limits = Limits::default();
    // Base64 has no `<`, and XML can not be without one.
    let inbound = if message.contains(&b'<') || message.is_empty() {
        Inbound::Xml(message)
    } else {
        Inbound::Post(message)
    };
    let xml = inbound
        .receive(MessageKind::Response, RejectCode::NotAResponse, &limits)?
        .xml;
    let document = Document::parse(&xml, &limits).map_err(|error| not_xml(&error))?;
    let response = response::as_response(document.root())?.element;
    Ok(UnverifiedResponse {
        verified: false,
        id: attribute(response, "ID"),
        version: attribute(response, "Version"),
        issue_instant: attribute(response, "IssueInstant"),
        destination: attribute(response, "Destination"),
        in_response_to: attribute(response, "InResponseTo"),
        issuer: text_of(response, ASSERTION, "Issuer"),
        status: status(response),
        signatures: signatures(response),
        assertions: named(response, ASSERTION, "Assertion")
            .map(assertion)
            .collect(),
        encrypted_assertions: named(response, ASSERTION, "EncryptedAssertion").count(),
    })
}

fn named<'d>(
    parent: Element<'d>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Element<'d>> {
    parent
        .children()
        .filter(move |child| child.is(namespace, name))
}

fn first<'d>(
    parent: Element<'d>,
    namespace: &'static str,
    name: &'static str,
) -> Option<Element<'d>> {
    named(parent, namespace, name).next()
}

fn attribute(element: Element<'_>, name: &str) -> Option<String> {
    element.attribute(name).map(str::to_owned)
}

fn text(element: Element<'_>) -> Option<String> {
    element.text().ok().map(|text| text.into_owned())
}

fn text_of(parent: Element<'_>, namespace: &'static str, name: &'static str) -> Option<String> {
    first(parent, namespace, name).and_then(text)
}

fn status(response: Element<'_>) -> UnverifiedStatus {
    let status = first(response, PROTOCOL, "Status");
    let mut codes = Vec::new();
    let mut code = status.and_then(|status| first(status, PROTOCOL, "StatusCode"));
    while let Some(outer) = code {
        codes.extend(attribute(outer, "Value"));
        code = first(outer, PROTOCOL, "StatusCode");
    }
    UnverifiedStatus {
        codes,
        message: status.and_then(|status| text_of(status, PROTOCOL, "StatusMessage")),
    }
}

fn signatures(parent: Element<'_>) -> Vec<UnverifiedSignature> {
    named(parent, SIGNATURE, "Signature")
        .map(signature)
        .collect()
}

fn signature(signature: Element<'_>) -> UnverifiedSignature {
    let info = first(signature, SIGNATURE, "SignedInfo");
    let references: Vec<_> = info
        .into_iter()
        .flat_map(|info| named(info, SIGNATURE, "Reference"))
        .collect();
    UnverifiedSignature {
        signature_algorithm: info
            .and_then(|info| first(info, SIGNATURE, "SignatureMethod"))
            .and_then(|method| attribute(method, "Algorithm")),
        digest_algorithms: references
            .iter()
            .filter_map(|reference| first(*reference, SIGNATURE, "DigestMethod"))
            .filter_map(|method| attribute(method, "Algorithm"))
            .collect(),
        references: references
            .iter()
            .filter_map(|reference| attribute(*reference, "URI"))
            .collect(),
        certificate_sha256: named(signature, SIGNATURE, "KeyInfo")
            .flat_map(|info| named(info, SIGNATURE, "X509Data"))
            .flat_map(|data| named(data, SIGNATURE, "X509Certificate"))
            .filter_map(text)
            .filter_map(|certificate| VerificationKey::from_certificate_base64(&certificate).ok())
            .filter_map(|key| key.certificate_sha256())
            .collect(),
    }
}

fn assertion(assertion: Element<'_>) -> UnverifiedAssertion {
    let subject = first(assertion, ASSERTION, "Subject");
    let conditions = first(assertion, ASSERTION, "Conditions");
    let authentication = first(assertion, ASSERTION, "AuthnStatement");
    let of_conditions = |name| conditions.and_then(|conditions| attribute(conditions, name));
    let of_authentication = |name| authentication.and_then(|statement| attribute(statement, name));
    let statements = || named(assertion, ASSERTION, "AttributeStatement");
    UnverifiedAssertion {
        id: attribute(assertion, "ID"),
        issue_instant: attribute(assertion, "IssueInstant"),
        issuer: text_of(assertion, ASSERTION, "Issuer"),
        signatures: signatures(assertion),
        name_id: subject
            .and_then(|subject| first(subject, ASSERTION, "NameID"))
            .and_then(name_id),
        encrypted_id: subject
            .and_then(|subject| first(subject, ASSERTION, "EncryptedID"))
            .is_some(),
        confirmations: subject
            .into_iter()
            .flat_map(|subject| named(subject, ASSERTION, "SubjectConfirmation"))
            .map(confirmation)
            .collect(),
        not_before: of_conditions("NotBefore"),
        not_on_or_after: of_conditions("NotOnOrAfter"),
        audiences: conditions
            .into_iter()
            .flat_map(|conditions| named(conditions, ASSERTION, "AudienceRestriction"))
            .flat_map(|restriction| named(restriction, ASSERTION, "Audience"))
            .filter_map(text)
            .collect(),
        authn_instant: of_authentication("AuthnInstant"),
        session_index: of_authentication("SessionIndex"),
        session_not_on_or_after: of_authentication("SessionNotOnOrAfter"),
        authn_context: authentication
            .and_then(|statement| first(statement, ASSERTION, "AuthnContext"))
            .and_then(|context| text_of(context, ASSERTION, "AuthnContextClassRef")),
        attributes: statements()
            .flat_map(|statement| named(statement, ASSERTION, "Attribute"))
            .map(attribute_claim)
            .collect(),
        encrypted_attributes: statements()
            .flat_map(|statement| named(statement, ASSERTION, "EncryptedAttribute"))
            .count(),
    }
}

fn name_id(element: Element<'_>) -> Option<NameId> {
    Some(subject::read_name_id(element, text(element)?))
}

fn confirmation(confirmation: Element<'_>) -> UnverifiedConfirmation {
    let data = first(confirmation, ASSERTION, "SubjectConfirmationData");
    let of_data = |name| data.and_then(|data| attribute(data, name));
    UnverifiedConfirmation {
        method: attribute(confirmation, "Method"),
        recipient: of_data("Recipient"),
        not_on_or_after: of_data("NotOnOrAfter"),
        in_response_to: of_data("InResponseTo"),
    }
}

fn attribute_claim(element: Element<'_>) -> Attribute {
    Attribute {
        name: attribute(element, "Name").unwrap_or_default(),
        name_format: attribute(element, "NameFormat"),
        friendly_name: attribute(element, "FriendlyName"),
        values: named(element, ASSERTION, "AttributeValue")
            .map(|value| Part::new(value, RejectCode::MalformedAssertion))
            .filter_map(|value| statements::read_value(value).ok())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    const RESPONSE: &str = r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
        xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Destination="https://sp.example/acs">
        <saml:Issuer>https://idp.example</saml:Issuer>
        <samlp:Status><samlp:StatusCode Value="outer"><samlp:StatusCode Value="inner"/></samlp:StatusCode></samlp:Status>
        <saml:EncryptedAssertion/>
        <saml:Assertion ID="_a"><saml:Subject><saml:NameID Format="f">nurse@acme.example</saml:NameID></saml:Subject>
        <saml:AttributeStatement><saml:Attribute Name="groups"><saml:AttributeValue>a</saml:AttributeValue></saml:Attribute>
        </saml:AttributeStatement></saml:Assertion></samlp:Response>"#;

    #[test]
    fn an_inspection_shows_what_is_there_and_says_that_nothing_is_verified() {
        let seen = inspect(RESPONSE.as_bytes()).unwrap();
        assert_eq!(seen.id.as_deref(), Some("_r"));
        assert_eq!(seen.version, None);
        assert_eq!(seen.status.codes, ["outer", "inner"]);
        assert_eq!(seen.encrypted_assertions, 1);
        let [assertion] = seen.assertions.as_slice() else {
            panic!("one assertion");
        };
        assert_eq!(
            assertion.name_id.as_ref().unwrap().value,
            "nurse@acme.example"
        );
        assert_eq!(assertion.attributes[0].values[0].as_text(), Some("a"));
        let json = serde_json::to_value(&seen).unwrap();
        assert_eq!(json["verified"], false);
    }

    #[test]
    fn base64_is_recognized() {
        let encoded = STANDARD.encode(RESPONSE);
        assert_eq!(inspect(encoded.as_bytes()), inspect(RESPONSE.as_bytes()));
        assert_eq!(inspect(b"").unwrap_err().code(), "saml.malformed_xml");
        assert_eq!(inspect(b"<a/>").unwrap_err().code(), "saml.not_a_response");
        assert_eq!(inspect(b"{}").unwrap_err().code(), "saml.malformed_base64");
    }
}
