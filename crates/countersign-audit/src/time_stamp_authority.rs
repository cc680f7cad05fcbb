//! The port to whoever says what time it is \[RFC 3161\].

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

/// A time-stamp authority can not be reached, or does not answer.
#[derive(Debug)]
pub struct TimeStampAuthorityError {
    source: Box<dyn Error + Send + Sync>,
}

impl TimeStampAuthorityError {
    /// Wraps what the transport said.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

impl fmt::Display for TimeStampAuthorityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time-stamp authority can not be reached")
    }
}

impl Error for TimeStampAuthorityError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// A time-stamp authority.
///
/// # Contract
/// - How it is reached is the host's: over HTTP, the request is the body of a `POST` with the type
///   `application/timestamp-query`, and the body of the answer is what is returned
///   \[RFC 3161 §3.4\].
/// - A time limit is the implementation's, too.
/// - Nothing that it answers is believed: the ledger checks it to the roots that it was given.
///
/// `countersign_testkit::authority` has a small one.
#[async_trait]
pub trait TimeStampAuthority: Send + Sync + fmt::Debug {
    /// Sends a `TimeStampReq` in DER, and returns the `TimeStampResp`.
    ///
    /// # Errors
    /// If it can not be reached. A refusal of its own is an answer.
    async fn stamp(&self, request: &[u8]) -> Result<Vec<u8>, TimeStampAuthorityError>;
}
