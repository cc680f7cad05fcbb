//! `session.opened` and `session.closed`.

use countersign_core::{ConnectionId, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::assertion::AssertionVerified;
use crate::leaf::{Account, Leaf, Loss};
use crate::record::Actor;
use crate::seal::Draft;

/// A session began \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionOpened {
    /// The connection that the sign-in came through.
    pub connection: ConnectionId,
    /// From this instant on it does not exist.
    pub expires_at: Timestamp,
    /// Whether the provider told of several factors.
    pub multi_factor: bool,
    /// The session.
    pub session: SessionId,
}

impl SessionOpened {
    /// The record of a session that `user` opened with `assertion`.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        assertion: Leaf<AssertionVerified>,
        account: impl Into<Leaf<Account>>,
    ) -> Draft<Self> {
        Draft::new(self, Actor::User(user.clone()))
            .about(user)
            .caused_by(assertion)
            .caused_by(account.into())
    }
}

/// A session was ended before its time \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionClosed {
    /// Why: a code.
    pub reason: String,
    /// The session.
    pub session: SessionId,
}

impl SessionClosed {
    /// The record of a session's end, which is not before its beginning, whatever the clock says.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        opened: Leaf<SessionOpened>,
        opened_at: Timestamp,
    ) -> Draft<Self> {
        Draft::new(self, Actor::User(user.clone()))
            .about(user)
            .caused_by(opened)
            .not_earlier_than(opened_at)
    }

    /// The record of the end of a session together with the account's use, of which `loss` is the
    /// record.
    #[must_use]
    pub fn draft_with(
        self,
        user: UserId,
        opened: Leaf<SessionOpened>,
        opened_at: Timestamp,
        loss: impl Into<Leaf<Loss>>,
    ) -> Draft<Self> {
        self.draft(user, opened, opened_at)
            .by(Actor::System)
            .caused_by(loss.into())
    }
}
