//! What a decision comes to.

use std::collections::BTreeSet;

use countersign_core::{Email, RoleName, Timestamp, UserId};
use countersign_roles::GrantDelta;

use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::user::User;

/// What a decision comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[allow(
    clippy::large_enum_variant,
    reason = "a plan is made once for each sign-in and not kept"
)]
pub enum Plan {
    /// Come in.
    Admit(Admission),
    /// Stay out until an administrator approves the account that is made.
    Queue(Queued),
    /// Stay out. It is recorded, and nothing else is written.
    Refuse(Refusal),
}

impl Plan {
    /// Why, most important first.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Admit(admission) => &admission.reasons,
            Self::Queue(queued) => &queued.reasons,
            Self::Refuse(refusal) => refusal.reasons(),
        }
    }

    /// The admission, if it is one.
    #[must_use]
    pub fn admission(&self) -> Option<&Admission> {
        match self {
            Self::Admit(admission) => Some(admission),
            Self::Queue(_) | Self::Refuse(_) => None,
        }
    }

    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Admit(_) | Self::Queue(_) => None,
            Self::Refuse(refusal) => Some(refusal),
        }
    }
}

/// An account to make that waits for an administrator's approval. It gets no grant and no session,
/// and the subject is linked to it, so that coming again makes no second one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queued {
    /// The account.
    pub user: NewUser,
    /// What to do with the link.
    pub link: LinkPlan,
    /// For [`crate::store::Change::seat_cap`].
    pub seat_cap: Option<u64>,
    /// For [`crate::store::Change::unique_email`].
    pub unique_email: bool,
    /// Why, most important first.
    pub reasons: Vec<Reason>,
}

/// What to write so that the person may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admission {
    /// What to do with the account.
    pub user: UserPlan,
    /// What to do with the link.
    pub link: LinkPlan,
    /// How the account was found.
    pub matched_by: MatchedBy,
    /// What to do with the grants. For a new account all of it is to give.
    pub grants: GrantDelta,
    /// For [`crate::store::Change::seat_cap`].
    pub seat_cap: Option<u64>,
    /// For [`crate::store::Change::unique_email`].
    pub unique_email: bool,
    /// For [`crate::store::Change::keep_holders`]: roles that this sign-in takes from the account
    /// because another has them too.
    pub keep_holders: BTreeSet<RoleName>,
    /// The latest that the session may end; the provider's `SessionNotOnOrAfter` may be earlier
    /// ([`crate::SessionPolicy::deadline`]).
    pub session_not_after: Timestamp,
    /// Why, most important first.
    pub reasons: Vec<Reason>,
}

/// How the account was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MatchedBy {
    /// The subject is linked to it.
    Subject,
    /// It was made ahead for this address and never used.
    Invitation,
    /// By its address, proved on both sides.
    Email,
    /// By its address, which whoever reads its mail confirmed in the browser that signed in.
    Proof,
    /// By address, given name and family name, as DocuSign does.
    EmailAndName,
    /// It was not: it is new.
    Created,
}

impl MatchedBy {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Invitation => "invitation",
            Self::Email => "email",
            Self::Proof => "proof",
            Self::EmailAndName => "email_and_name",
            Self::Created => "created",
        }
    }
}

/// What to do with the account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a plan is made once for each sign-in and not kept"
)]
pub enum UserPlan {
    /// Make an active one.
    Create(NewUser),
    /// Leave it as it is (but for the instant of its last sign-in).
    Keep(User),
    /// Change some of its fields.
    Update {
        /// The account as it shall be; its `version` is the one that was read.
        user: User,
        /// What is different.
        changes: Vec<FieldChange>,
    },
}

impl UserPlan {
    /// The account as it shall be, if it exists already.
    #[must_use]
    pub fn existing(&self) -> Option<&User> {
        match self {
            Self::Create(_) => None,
            Self::Keep(user) | Self::Update { user, .. } => Some(user),
        }
    }
}

/// The fields of a new account. The engine adds id, tenant and time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewUser {
    /// Canonical e-mail address.
    pub email: Option<Email>,
    /// Whether the address was verified here: it is what the person came in by.
    pub email_verified_locally: bool,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// The account or organization unit that the user belongs to.
    pub account_id: Option<String>,
    /// The permission profile.
    pub permission_profile_id: Option<String>,
}

/// What to do with the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPlan {
    /// It is there.
    Existing,
    /// Link the subject to the account.
    Add,
    /// Take the subject's link from an account that is out of use, and link it to this one
    /// ([`crate::store::Change::remove_links`]).
    Move {
        /// The account that loses the link.
        from: UserId,
        /// Its version, to be expected in the commit.
        version: u64,
    },
}

/// A field of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum UserField {
    /// `state`
    State,
    /// `email`
    Email,
    /// `email_verified_locally`
    EmailVerifiedLocally,
    /// `given_name`
    GivenName,
    /// `family_name`
    FamilyName,
    /// `display_name`
    DisplayName,
    /// `account_id`
    AccountId,
    /// `permission_profile_id`
    PermissionProfileId,
}

impl UserField {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Email => "email",
            Self::EmailVerifiedLocally => "email_verified_locally",
            Self::GivenName => "given_name",
            Self::FamilyName => "family_name",
            Self::DisplayName => "display_name",
            Self::AccountId => "account_id",
            Self::PermissionProfileId => "permission_profile_id",
        }
    }
}

/// A field that is to change. `Debug` shows personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// The field.
    pub field: UserField,
    /// What it was.
    pub before: Option<String>,
    /// What it shall be.
    pub after: Option<String>,
}
