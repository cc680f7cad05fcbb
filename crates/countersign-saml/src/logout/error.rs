//! Why a logout message of ours is not made.

use thiserror::Error;

/// A logout message of ours is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LogoutError {
    /// The identity provider's metadata names no place that takes logout messages by this binding.
    #[error("the identity provider takes no logout messages by this binding")]
    NoEndpoint,
}

impl LogoutError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoEndpoint => "logout.no_endpoint",
        }
    }
}
