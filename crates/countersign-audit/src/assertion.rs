//! `assertion.verified` and `assertion.rejected`: what came through a door.

use countersign_core::{
    ConnectionId, DisclosedKey, Door, Sha256Digest, Timestamp, VerifiedIdentity,
};
use serde::{Deserialize, Serialize};

use crate::record::Actor;
use crate::seal::Draft;

/// A door verified what an identity provider said \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionVerified {
    /// The way in.
    pub door: Door,
    /// The connection that it came through.
    pub connection: ConnectionId,
    /// The identity provider's entity id.
    pub issuer: String,
    /// Local name of the element whose signature counted.
    pub signed_element: String,
    /// SHA-256 of the canonical bytes that were signed.
    pub signed_sha256: Sha256Digest,
    /// SHA-256 of the certificate, or bare public key, that verified it.
    pub certificate_sha256: Sha256Digest,
    /// The signature algorithm's URI.
    pub signature_algorithm: String,
    /// How the person authenticated at the provider.
    pub authn_context: Option<String>,
    /// When the person authenticated at the provider.
    pub authn_instant: Option<Timestamp>,
    /// No session may outlast it.
    pub session_not_on_or_after: Option<Timestamp>,
}

impl AssertionVerified {
    /// The record of an identity that a door has verified.
    ///
    /// Commits to the name identifier, the assertion's id, the session index and, if something was
    /// decrypted out of the signed bytes, the content keys.
    #[must_use]
    pub fn draft(connection: ConnectionId, identity: &VerifiedIdentity) -> Draft<Self> {
        let (claims, evidence) = (identity.claims(), identity.evidence());
        let body = Self {
            door: identity.door(),
            connection: connection.clone(),
            issuer: claims.issuer.clone(),
            signed_element: evidence.signed_element.clone(),
            signed_sha256: evidence.signed_sha256,
            certificate_sha256: evidence.certificate_sha256,
            signature_algorithm: evidence.signature_algorithm.clone(),
            authn_context: claims.authn_context.clone(),
            authn_instant: claims.authn_instant,
            session_not_on_or_after: claims.session_not_on_or_after,
        };
        Draft::new(body, Actor::Connection(connection))
            .personal("name_id", &claims.name_id)
            .personal("assertion_id", &evidence.assertion_id)
            .personal_if_any("session_index", claims.session_index.as_ref())
            .personal_if_any(
                "content_keys",
                content_keys(&evidence.content_keys).as_ref(),
            )
    }
}

/// The keys in lower-case hexadecimal, with a space between two; nothing if there are none.
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
pub struct AssertionRejected {
    /// The way in.
    pub door: Door,
    /// The connection that it came through.
    pub connection: ConnectionId,
    /// Why: a stable code, such as `saml.response_signature_invalid`.
    pub code: String,
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
