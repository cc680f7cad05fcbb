//! `user.provisioned`, `user.linked`, `user.updated` and `user.refused`: what became of an account.

use countersign_core::{ConnectionId, Email, SubjectKey, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::assertion::AssertionVerified;
use crate::leaf::{Account, Leaf};
use crate::link::LinkProposed;
use crate::record::Actor;
use crate::seal::Draft;

/// What is known of a person: committed to, never written into a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// Whom the identity provider spoke of.
    pub subject: Option<SubjectKey>,
    /// Canonical e-mail address.
    pub email: Option<Email>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
}

impl Person {
    pub(crate) fn commit<K>(&self, draft: Draft<K>) -> Draft<K> {
        let subject = self
            .subject
            .as_ref()
            .map(|key| json!({"issuer": key.issuer(), "subject": key.subject()}));
        draft
            .personal_if_any("subject", subject.as_ref())
            .personal_if_any("email", self.email.as_ref())
            .personal_if_any("given_name", self.given_name.as_ref())
            .personal_if_any("family_name", self.family_name.as_ref())
            .personal_if_any("display_name", self.display_name.as_ref())
    }
}

/// An account came into being \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserProvisioned {
    /// The organization's account that it belongs to.
    pub account_id: Option<String>,
    /// Names of the attributes that were used.
    pub attributes: Vec<String>,
    /// The connection that the sign-in came through.
    pub connection: ConnectionId,
    /// How an account was looked for and found; `None` if none was found.
    pub matched_by: Option<String>,
    /// Its permission profile.
    pub permission_profile_id: Option<String>,
    /// Codes of the reasons for the decision.
    pub reasons: Vec<String>,
    /// The state that the account was given.
    pub state: String,
    /// The connection's strategy, as in the policy file.
    pub strategy: String,
}

impl UserProvisioned {
    /// The record of a new account, which `assertion` asked for.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        person: &Person,
        assertion: Leaf<AssertionVerified>,
    ) -> Draft<Self> {
        person.commit(
            Draft::new(self, Actor::System)
                .about(user)
                .caused_by(assertion),
        )
    }
}

/// A subject was tied to an account that was there \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserLinked {
    /// Names of the attributes that were used.
    pub attributes: Vec<String>,
    /// The connection that the sign-in came through.
    pub connection: ConnectionId,
    /// How the account was found.
    pub matched_by: String,
    /// Codes of the reasons for the decision.
    pub reasons: Vec<String>,
    /// The connection's strategy, as in the policy file.
    pub strategy: String,
}

impl UserLinked {
    /// The record of a link; `provisioned` is the record that created the account, if there is
    /// one.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        person: &Person,
        assertion: Leaf<AssertionVerified>,
        provisioned: Option<Leaf<UserProvisioned>>,
    ) -> Draft<Self> {
        self.draft_proved(user, person, assertion, provisioned, None)
    }

    /// The same of a link that was proposed before, and confirmed.
    #[must_use]
    pub fn draft_proved(
        self,
        user: UserId,
        person: &Person,
        assertion: Leaf<AssertionVerified>,
        provisioned: Option<Leaf<UserProvisioned>>,
        proposed: Option<Leaf<LinkProposed>>,
    ) -> Draft<Self> {
        let mut draft = Draft::new(self, Actor::System)
            .about(user)
            .caused_by(assertion);
        if let Some(provisioned) = provisioned {
            draft = draft.caused_by(provisioned);
        }
        if let Some(proposed) = proposed {
            draft = draft.caused_by(proposed);
        }
        person.commit(draft)
    }
}

/// Fields of an account changed \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserUpdated {
    /// Names of the fields that changed.
    pub changed: Vec<String>,
    /// The connection that the sign-in came through.
    pub connection: ConnectionId,
    /// Codes of the reasons for the decision.
    pub reasons: Vec<String>,
}

impl UserUpdated {
    /// The record of a change; `new_values` has the fields that changed and no others.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        new_values: &Person,
        assertion: Leaf<AssertionVerified>,
        account: impl Into<Leaf<Account>>,
    ) -> Draft<Self> {
        new_values.commit(
            Draft::new(self, Actor::System)
                .about(user)
                .caused_by(assertion)
                .caused_by(account.into()),
        )
    }
}

/// No account, or none that may be used \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserRefused {
    /// The accounts that it could have been, where that is not the one that the record is about.
    pub candidates: Vec<UserId>,
    /// The connection that the sign-in came through.
    pub connection: ConnectionId,
    /// What kind of refusal it is: `denied`, `conflict`, `tombstone`, `ambiguous`, `needs_proof`
    /// or `needs_approval`.
    pub outcome: String,
    /// Codes of the reasons for the decision.
    pub reasons: Vec<String>,
    /// The connection's strategy, as in the policy file.
    pub strategy: String,
}

impl UserRefused {
    /// The record of a refusal; `user` is the account that may not be used, if there is one.
    #[must_use]
    pub fn draft(
        self,
        user: Option<UserId>,
        person: &Person,
        assertion: Leaf<AssertionVerified>,
    ) -> Draft<Self> {
        let mut draft = Draft::new(self, Actor::System).caused_by(assertion);
        if let Some(user) = user {
            draft = draft.about(user);
        }
        person.commit(draft)
    }
}
