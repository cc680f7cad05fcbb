//! What a response answers.

use countersign_core::TextError;
use countersign_core::text::check_identifier;
use serde::{Deserialize, Serialize};

/// A request that was sent and not answered yet.
///
/// The host keeps it where only this browser's session finds it again, and takes it out when the
/// answer comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRequest {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    identity_provider: Option<String>,
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
