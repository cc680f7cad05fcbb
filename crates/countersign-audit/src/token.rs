//! What a record says of the token that it issues \[record.md §5.3\].

use countersign_core::{Sha256Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::kind::RecordBody;

/// The terms of a token: how its secrets are known again, and until when it is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TokenTerms {
    /// SHA-256 of the half that stays in the browser that asked for the token; `None` if it is
    /// good in any browser.
    pub browser_sha256: Option<Sha256Digest>,
    /// From this instant on it is not good any more.
    pub expires_at: Timestamp,
    /// SHA-256 of the 32 random bytes in the token's text.
    pub secret_sha256: Sha256Digest,
}

/// A record that issues a token. What the token is bound to is what the record says and commits
/// to.
pub trait IssuesToken: RecordBody {
    /// The terms of the token.
    fn token(&self) -> &TokenTerms;
}
