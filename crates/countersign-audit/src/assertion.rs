//! `assertion.verified` and `assertion.rejected`: what came through a door.

use countersign_core::{
    ConnectionId, DisclosedKey, Door, IdentityEvidence, Sha256Digest, Timestamp, VerifiedIdentity,
};
use serde::{Deserialize, Serialize};

use crate::email::EmailChallenged;
use crate::leaf::Leaf;
use crate::record::{Actor, Blob};
use crate::seal::Draft;

/// The issuer where nobody signed, which no identity provider has \[record.md §5.1\].
const EMAIL_ISSUER: &str = "urn:countersign:door:email";

/// The media types of what an identity provider's signature is verified by \[record.md §5.1\].
const XML: &str = "application/xml";
const OCTETS: &str = "application/octet-stream";
const CERTIFICATE: &str = "application/pkix-cert";

/// A door verified what an identity provider said \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssertionVerified {
    /// How the person authenticated at the provider.
    pub authn_context: Option<String>,
    /// When the person authenticated at the provider.
    pub authn_instant: Option<Timestamp>,
    /// SHA-256 of the certificate, or bare public key, that verified it.
    pub certificate_sha256: Option<Sha256Digest>,
    /// The connection that it came through.
    pub connection: ConnectionId,
    /// The way in.
    pub door: Door,
    /// The identity provider's entity id.
    pub issuer: String,
    /// No session may outlast it.
    pub session_not_on_or_after: Option<Timestamp>,
    /// The signature algorithm's URI.
    pub signature_algorithm: Option<String>,
    /// Local name of the element whose signature counted; `None`, as the next three, where nobody
    /// signed.
    pub signed_element: Option<String>,
    /// SHA-256 of the canonical bytes that were signed.
    pub signed_sha256: Option<Sha256Digest>,
}

impl AssertionVerified {
    /// The record of an identity that a door has verified.
    ///
    /// Commits to the name identifier, the assertion's id, the session index and, if something was
    /// decrypted out of the signed bytes, the content keys. What was signed and how goes into the
    /// private part as it is, so that anybody who is given it can verify the provider's signature.
    /// An identity that was proved by mail is caused by its challenge.
    #[must_use]
    pub fn draft(connection: ConnectionId, identity: &VerifiedIdentity) -> Draft<Self> {
        let (claims, evidence) = (identity.claims(), identity.evidence());
        let signed = evidence.signed();
        let body = Self {
            door: identity.door(),
            connection: connection.clone(),
            issuer: claims.issuer.clone(),
            signed_element: signed.map(|signed| signed.signed_element.clone()),
            signed_sha256: signed.map(|signed| signed.signed_sha256),
            certificate_sha256: signed.map(|signed| signed.certificate_sha256),
            signature_algorithm: signed.map(|signed| signed.signature_algorithm.clone()),
            authn_context: claims.authn_context.clone(),
            authn_instant: claims.authn_instant,
            session_not_on_or_after: claims.session_not_on_or_after,
        };
        let mut draft = Draft::new(body, Actor::Connection(connection));
        if let IdentityEvidence::Mailed(mailed) = evidence {
            draft = draft.caused_by(Leaf::<EmailChallenged>::from_store(mailed.challenge));
        }
        if let Some(signed) = signed {
            draft = draft
                .enclose(XML, signed.signed_bytes.clone())
                .enclose(XML, signed.signed_info.clone())
                .enclose(OCTETS, signed.signature.clone())
                .enclose(CERTIFICATE, signed.certificate.clone());
        }
        draft
            .personal("name_id", &claims.name_id)
            .personal_if_any("assertion_id", signed.map(|signed| &signed.assertion_id))
            .personal_if_any("session_index", claims.session_index.as_ref())
            .personal_if_any(
                "content_keys",
                signed
                    .and_then(|signed| content_keys(&signed.content_keys))
                    .as_ref(),
            )
    }

    /// Whether it says of what proved the identity exactly what its door leaves: a signature and
    /// the four blobs to verify it by, or a challenge and neither \[record.md §5.1\].
    pub(crate) fn is_whole(&self, parents: usize, blobs: &[Blob]) -> bool {
        let parts = [
            self.signed_element.is_some(),
            self.signed_sha256.is_some(),
            self.certificate_sha256.is_some(),
            self.signature_algorithm.is_some(),
        ];
        if (self.door == Door::Email) != (self.issuer == EMAIL_ISSUER) {
            return false;
        }
        if self.door == Door::Email {
            return !parts.contains(&true) && blobs.is_empty() && parents == 1;
        }
        let [signed, signed_info, signature, certificate] = blobs else {
            return false;
        };
        let media_types = [signed, signed_info, signature].map(|blob| blob.media_type.as_str());
        !parts.contains(&false)
            && parents == 0
            && media_types == [XML, XML, OCTETS]
            && [CERTIFICATE, OCTETS].contains(&certificate.media_type.as_str())
            && self.signed_sha256 == Some(signed.sha256)
            && self.certificate_sha256 == Some(certificate.sha256)
    }
}

/// The keys in lower-case hexadecimal, with a space between two; nothing if there are none.
/// What [`AssertionVerified::is_whole`] asks for, but that two hashes are those of two blobs.
#[cfg(feature = "schema")]
pub(crate) fn whole_schema() -> serde_json::Value {
    use serde_json::json;

    const PARTS: [&str; 4] = [
        "signed_element",
        "signed_sha256",
        "certificate_sha256",
        "signature_algorithm",
    ];
    let parts = |schema: serde_json::Value| -> serde_json::Map<String, serde_json::Value> {
        let parts = PARTS.iter();
        parts
            .map(|part| ((*part).to_owned(), schema.clone()))
            .collect()
    };
    let body = |parts, issuer: serde_json::Value| {
        json!({"allOf": [
            {"properties": parts},
            {"properties": {"issuer": issuer}},
        ]})
    };
    let blob = |media_types: &[&str]| json!({"properties": {"media_type": {"enum": media_types}}});
    let blobs = [
        blob(&[XML]),
        blob(&[XML]),
        blob(&[OCTETS]),
        blob(&[CERTIFICATE, OCTETS]),
    ];
    json!({
        "if": {"properties": {"body": {"properties": {"door": {"const": Door::Email.name()}}}}},
        "then": {"properties": {
            "blobs": {"maxItems": 0},
            "body": body(parts(json!({"type": "null"})), json!({"const": EMAIL_ISSUER})),
            "parents": {"minItems": 1},
        }},
        "else": {"properties": {
            "blobs": {"prefixItems": blobs, "minItems": blobs.len(), "maxItems": blobs.len()},
            "body": body(parts(json!({"type": "string"})), json!({"not": {"const": EMAIL_ISSUER}})),
            "parents": {"maxItems": 0},
        }},
    })
}

fn content_keys(keys: &[DisclosedKey]) -> Option<String> {
    let hex = |key: &DisclosedKey| -> String {
        let bytes = key.as_bytes().iter();
        bytes.map(|byte| format!("{byte:02x}")).collect()
    };
    let keys: Vec<String> = keys.iter().map(hex).collect();
    (!keys.is_empty()).then(|| keys.join(" "))
}

/// A door refused what it received \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssertionRejected {
    /// Why: a stable code, such as `saml.response_signature_invalid`.
    pub code: String,
    /// The connection that it came through.
    pub connection: ConnectionId,
    /// The way in.
    pub door: Door,
    /// SHA-256 of the bytes received.
    pub received_sha256: Sha256Digest,
}

impl AssertionRejected {
    /// The record of a refusal.
    #[must_use]
    pub fn draft(self) -> Draft<Self> {
        let actor = Actor::Connection(self.connection.clone());
        Draft::new(self, actor)
    }
}
