//! The text that travels beside a message and comes back with its answer.

use std::fmt;

use countersign_core::TextError;
use countersign_core::text::check_identifier;
use thiserror::Error;

/// Longest `RelayState` that may be sent, in bytes \[SAML-Bindings §3.4.3, §3.5.3\].
pub const MAX_RELAY_STATE_BYTES: usize = 80;

/// A `RelayState` of ours \[SAML-Bindings §3.4.3, §3.5.3\].
///
/// # Security
/// The identity provider and the person see it, and anybody can write another. Use it as the
/// name of something that is kept with the pending request, not as a URL to send the browser to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayState(String);

/// A text can not be a `RelayState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RelayStateError {
    /// It is no identifier: a browser changes the line ends of what it posts, for one.
    #[error("the relay state {0}")]
    Text(TextError),
    /// Receivers may cut off or refuse what is longer.
    #[error("the relay state is longer than {MAX_RELAY_STATE_BYTES} bytes")]
    TooLong,
}

impl RelayStateError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Text(_) => "relay_state.text",
            Self::TooLong => "relay_state.too_long",
        }
    }
}

impl RelayState {
    /// The text to send.
    ///
    /// # Errors
    /// If it is empty, longer than 80 bytes, or holds control characters.
    pub fn new(text: impl Into<String>) -> Result<Self, RelayStateError> {
        let text = text.into();
        check_identifier(&text).map_err(RelayStateError::Text)?;
        if text.len() > MAX_RELAY_STATE_BYTES {
            return Err(RelayStateError::TooLong);
        }
        Ok(Self(text))
    }

    /// A text that a peer sent with a request, to give back unchanged with the answer: the limit
    /// is the peer's to keep.
    #[must_use]
    pub fn echo(received: impl Into<String>) -> Self {
        Self(received.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RelayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_state_has_at_most_eighty_bytes() {
        assert!(RelayState::new("x".repeat(80)).is_ok());
        assert_eq!(
            RelayState::new("x".repeat(81)),
            Err(RelayStateError::TooLong)
        );
        assert_eq!(
            RelayState::new("ä".repeat(41)),
            Err(RelayStateError::TooLong)
        );
        assert_eq!(
            RelayState::new(""),
            Err(RelayStateError::Text(TextError::Empty))
        );
        assert_eq!(
            RelayState::new("a\nb").unwrap_err().code(),
            "relay_state.text"
        );
    }
}
