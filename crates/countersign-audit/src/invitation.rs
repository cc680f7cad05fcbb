//! `invitation.issued`, `invitation.used` and `invitation.withdrawn`: who was asked to sign what.

use countersign_core::{ConnectionId, DocumentId, Door, Email, UserId};
use serde::{Deserialize, Serialize};

use crate::account::UserProvisioned;
use crate::assertion::AssertionVerified;
use crate::leaf::Leaf;
use crate::record::{Actor, Recorded};
use crate::seal::Draft;
use crate::session::SessionOpened;
use crate::token::{IssuesToken, TokenTerms};

/// Somebody was invited to sign a document \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvitationIssued {
    /// The connection that the person has to come through; `None` if any will do.
    pub connection: Option<ConnectionId>,
    /// The host's name for the document.
    pub document: DocumentId,
    /// Its type, which permissions are about.
    pub document_type: String,
    /// The door that the person has to come through; `None` if any will do.
    pub door: Option<Door>,
    /// Whether the person has to authenticate with several factors.
    pub multi_factor: bool,
    /// The token.
    pub token: TokenTerms,
}

impl InvitationIssued {
    /// The record of an invitation of whoever has `email`. Address and name are committed to.
    #[must_use]
    pub fn draft(
        self,
        email: &Email,
        name: Option<&str>,
        invited_by: Option<UserId>,
    ) -> Draft<Self> {
        Draft::new(self, invited_by.map_or(Actor::System, Actor::User))
            .personal("email", email)
            .personal_if_any("name", name.as_ref())
    }
}

impl IssuesToken for InvitationIssued {
    fn token(&self) -> &TokenTerms {
        &self.token
    }
}

/// The person who was invited came \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvitationUsed {
    /// The connection that the person came through.
    pub connection: ConnectionId,
    /// The document that the person was invited to sign.
    pub document: DocumentId,
}

impl InvitationUsed {
    /// The record of the use of `issued` by `user`, who is proved by `assertion`.
    #[must_use]
    pub fn draft(
        connection: ConnectionId,
        user: UserId,
        issued: &Recorded<InvitationIssued>,
        assertion: Leaf<AssertionVerified>,
    ) -> Draft<Self> {
        let body = Self {
            connection,
            document: issued.body().document.clone(),
        };
        Draft::new(body, Actor::User(user.clone()))
            .about(user)
            .caused_by(issued.leaf())
            .caused_by(assertion)
            .not_earlier_than(issued.at())
    }
}

impl Draft<UserProvisioned> {
    /// The account came with an invitation.
    #[must_use]
    pub fn by_invitation(self, used: Leaf<InvitationUsed>) -> Self {
        self.caused_by(used)
    }
}

impl Draft<SessionOpened> {
    /// The session began with an invitation: it signs the document of that and no other
    /// \[record.md §6, rule 8\].
    #[must_use]
    pub fn by_invitation(self, used: Leaf<InvitationUsed>) -> Self {
        self.caused_by(used)
    }
}

/// An invitation was taken back before it was used \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvitationWithdrawn {
    /// The document that it was for.
    pub document: DocumentId,
}

impl InvitationWithdrawn {
    /// The record of taking `issued` back.
    #[must_use]
    pub fn draft(issued: &Recorded<InvitationIssued>, withdrawn_by: Option<UserId>) -> Draft<Self> {
        let body = Self {
            document: issued.body().document.clone(),
        };
        Draft::new(body, withdrawn_by.map_or(Actor::System, Actor::User))
            .caused_by(issued.leaf())
            .not_earlier_than(issued.at())
    }
}
