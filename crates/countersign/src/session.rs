//! A signed-in session: whose it is, what it may do, and until when.

use std::fmt;

use countersign_core::{
    ConnectionId, CorrelationId, Grant, LeafHash, NameId, SessionId, TenantId, Timestamp, UserId,
};
use countersign_provision::PastSignIn;
use countersign_provision::store::SessionRecord;

use crate::corpus::Kept;

/// A session that was live when the engine gave it out.
///
/// It is a view, not a key: every step of a ceremony reads the session, the account and its
/// grants again. A host keeps the [`SessionId`] in its cookie's server-side state and asks
/// [`crate::Engine::session`] at each request.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    record: SessionRecord,
    grants: Vec<Grant>,
    name_id: Option<NameId>,
    spent: Vec<Grant>,
    past: Kept,
}

impl Session {
    pub(crate) fn new(record: SessionRecord, grants: Vec<Grant>, now: Timestamp) -> Self {
        let (mut grants, spent): (Vec<_>, _) =
            grants.into_iter().partition(|grant| grant.is_live(now));
        grants.sort_by(|a, b| (&a.role, &a.id).cmp(&(&b.role, &b.id)));
        Self {
            record,
            grants,
            name_id: None,
            spent,
            past: Kept::default(),
        }
    }

    /// The session of somebody who signs in right now.
    pub(crate) fn named(self, name_id: NameId) -> Self {
        Self {
            name_id: Some(name_id),
            ..self
        }
    }

    /// The session, with what the provider said.
    pub(crate) fn knowing(self, past: Kept) -> Self {
        Self { past, ..self }
    }

    /// The sign-in that the session comes from, with the grants that it left the account with, as
    /// one line of a [corpus](crate::corpus); `None` unless the session comes from the sign-in
    /// itself. No store keeps it. It is personal data.
    #[must_use]
    pub fn past(&self) -> Option<PastSignIn> {
        Some(
            self.past
                .past()?
                .clone()
                .with_grants(self.grants.iter().chain(&self.spent)),
        )
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.record.id
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.record.tenant
    }

    /// The account.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.record.user
    }

    /// The connection that the sign-in came through.
    #[must_use]
    pub fn connection(&self) -> &ConnectionId {
        &self.record.connection
    }

    /// When it was opened.
    #[must_use]
    pub fn opened_at(&self) -> Timestamp {
        self.record.opened_at
    }

    /// From this instant on it does not exist: the policy's session length, or the provider's
    /// `SessionNotOnOrAfter`, whichever comes first \[SAML-Core §2.7.2\].
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.record.expires_at
    }

    /// The provider's `SessionIndex`, which a logout names.
    #[must_use]
    pub fn session_index(&self) -> Option<&str> {
        self.record.session_index.as_deref()
    }

    /// What the provider calls the person; `None` unless the session comes from the sign-in itself.
    ///
    /// No store keeps it. A host that signs people out at their provider keeps it with the session,
    /// for a [`LogoutRequest`](countersign_saml::logout::LogoutRequest).
    #[must_use]
    pub fn name_id(&self) -> Option<&NameId> {
        self.name_id.as_ref()
    }

    /// Ties together the records of this walk.
    #[must_use]
    pub fn correlation(&self) -> &CorrelationId {
        &self.record.correlation
    }

    /// The `session.opened` record.
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.record.entry
    }

    /// The grants that were live when the session was read, by role.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// When the first of the session and its grants ends.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        self.grants
            .iter()
            .filter_map(|grant| grant.expires_at)
            .fold(self.record.expires_at, Timestamp::min)
    }
}

impl fmt::Debug for Session {
    /// Without the name, which is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("record", &self.record)
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}

/// Whether a kept session exists at `now`.
pub(crate) fn is_live(record: &SessionRecord, now: Timestamp) -> bool {
    record.closed_at.is_none() && now < record.expires_at
}
