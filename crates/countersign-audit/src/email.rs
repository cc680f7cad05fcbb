//! `email.challenged`: somebody says that an address is theirs, and a token goes there.

use countersign_core::{ConnectionId, Email};
use serde::{Deserialize, Serialize};

use crate::record::Actor;
use crate::seal::Draft;
use crate::token::{IssuesToken, TokenTerms};

/// A token was issued to whoever reads the mail of an address \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EmailChallenged {
    /// The connection whose door it opens.
    pub connection: ConnectionId,
    /// The token.
    pub token: TokenTerms,
}

impl EmailChallenged {
    /// The record of a challenge to `address`, which is committed to.
    #[must_use]
    pub fn draft(self, address: &Email) -> Draft<Self> {
        Draft::new(self, Actor::System).personal("email", address)
    }
}

impl IssuesToken for EmailChallenged {
    fn token(&self) -> &TokenTerms {
        &self.token
    }
}
