//! What a response answers.

use countersign_core::TextError;
use countersign_core::text::check_identifier;
use serde::{Deserialize, Serialize};

/// A request that was sent and not answered yet.
///
/// The host keeps it where only this browser's session finds it again, and takes it out when the
/// answer comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct PendingRequest {
    id: String,
    identity_provider: Option<String>,
}

/// A pending request as a host read it back.
#[derive(Deserialize)]
struct Stored {
    id: String,
    identity_provider: Option<String>,
}

impl TryFrom<Stored> for PendingRequest {
    type Error = TextError;
    fn try_from(stored: Stored) -> Result<Self, TextError> {
        Ok(Self {
            identity_provider: stored.identity_provider,
            ..Self::new(stored.id)?
        })
    }
}

impl PendingRequest {
    /// The request with this `ID`.
    ///
    /// # Errors
    /// If the id is empty, too long, or holds control characters.
    pub fn new(id: impl Into<String>) -> Result<Self, TextError> {
        let id = id.into();
        check_identifier(&id)?;
        Ok(Self {
            id,
            identity_provider: None,
        })
    }

    /// Binds the request to the identity provider that it was sent to: an answer of another one
    /// is refused, even if both are trusted (mix-up attacks).
    #[must_use]
    pub fn sent_to(mut self, identity_provider_entity_id: impl Into<String>) -> Self {
        self.identity_provider = Some(identity_provider_entity_id.into());
        self
    }

    /// The request's `ID`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The identity provider that it was sent to, if it is bound to one.
    #[must_use]
    pub fn identity_provider(&self) -> Option<&str> {
        self.identity_provider.as_deref()
    }
}

/// Whether the response answers a request.
#[derive(Debug, Clone, Copy)]
pub enum Expect<'a> {
    /// It must answer this one.
    Request(&'a PendingRequest),
    /// Nobody asked: the identity provider started it \[SAML-Profiles §4.1.5\].
    ///
    /// # Security
    /// Whoever holds such a response can sign another person's browser in (login CSRF). Allow it
    /// only for a connection whose customer needs it.
    Unsolicited,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_request_can_be_stored_and_read_back() {
        let pending = PendingRequest::new("_1")
            .unwrap()
            .sent_to("https://idp.example");
        let json = serde_json::to_string(&pending).unwrap();
        assert_eq!(
            serde_json::from_str::<PendingRequest>(&json).unwrap(),
            pending
        );
        assert!(serde_json::from_str::<PendingRequest>(r#"{"id":""}"#).is_err());
    }
}
