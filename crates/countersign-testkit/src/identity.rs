//! Identities that a test vouches for, where it is not about the door.

use countersign_core::{
    Attribute, AttributeValue, Door, IdentityClaims, NameId, Sha256Digest, SignedEvidence,
    VerifiedIdentity,
};

/// What `issuer` said of the person `name_id`, given with its format.
#[must_use]
pub fn vouched(
    issuer: &str,
    name_id: (&str, &str),
    attributes: impl IntoIterator<Item = Attribute>,
) -> VerifiedIdentity {
    let (value, format) = name_id;
    let claims = IdentityClaims {
        issuer: issuer.to_owned(),
        name_id: NameId {
            value: value.to_owned(),
            format: Some(format.to_owned()),
            name_qualifier: None,
            sp_name_qualifier: None,
        },
        session_index: None,
        session_not_on_or_after: None,
        authn_instant: None,
        authn_context: Some("urn:oasis:names:tc:SAML:2.0:ac:classes:Password".to_owned()),
        attributes: attributes.into_iter().collect(),
    };
    let evidence = SignedEvidence {
        signed_element: "Assertion".to_owned(),
        signed_bytes: Vec::new(),
        signed_sha256: Sha256Digest::from_bytes([0; 32]),
        certificate_sha256: Sha256Digest::from_bytes([0; 32]),
        signature_algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".to_owned(),
        assertion_id: "_1".to_owned(),
        content_keys: Vec::new(),
    };
    VerifiedIdentity::vouched_by_door(Door::Saml, claims, evidence)
}

/// An attribute of texts.
#[must_use]
pub fn attribute(
    name: impl Into<String>,
    values: impl IntoIterator<Item = impl Into<String>>,
) -> Attribute {
    let values = values.into_iter();
    Attribute {
        name: name.into(),
        name_format: None,
        friendly_name: None,
        values: values
            .map(|value| AttributeValue::Text(value.into()))
            .collect(),
    }
}
