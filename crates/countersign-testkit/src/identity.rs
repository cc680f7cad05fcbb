//! Identities that a test vouches for, where it is not about the door.

use countersign_core::{
    Attribute, AttributeValue, Door, IdentityClaims, NameId, Sha256Digest, SignedEvidence,
    VerifiedIdentity,
};
use sha2::{Digest as _, Sha256};

/// `sha256sum /dev/null`
const SHA256_OF_NOTHING: Sha256Digest = Sha256Digest::from_bytes([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

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
        signed_sha256: SHA256_OF_NOTHING,
        signed_info: Vec::new(),
        signature: Vec::new(),
        certificate: Vec::new(),
        certificate_sha256: SHA256_OF_NOTHING,
        signature_algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".to_owned(),
        assertion_id: "_1".to_owned(),
        content_keys: Vec::new(),
    };
    VerifiedIdentity::vouched_by_door(Door::Saml, claims, evidence)
}

/// What a provider said in an assertion whose bytes are `signed`, where nobody looks at the
/// signature: short texts stand for it, for what it is over, and for the certificate.
#[must_use]
pub fn vouched_in(claims: IdentityClaims, signed: &[u8], assertion_id: &str) -> VerifiedIdentity {
    const CERTIFICATE: &[u8] = b"certificate";
    let evidence = SignedEvidence {
        signed_element: "Assertion".to_owned(),
        signed_bytes: signed.to_vec(),
        signed_sha256: sha256(signed),
        signed_info: b"<SignedInfo/>".to_vec(),
        signature: b"signature".to_vec(),
        certificate: CERTIFICATE.to_vec(),
        certificate_sha256: sha256(CERTIFICATE),
        signature_algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".to_owned(),
        assertion_id: assertion_id.to_owned(),
        content_keys: Vec::new(),
    };
    VerifiedIdentity::vouched_by_door(Door::Saml, claims, evidence)
}

fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(bytes).into())
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
