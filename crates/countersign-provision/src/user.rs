//! Accounts as the policy sees them.

use countersign_core::{Email, LeafHash, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// Where an account is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UserState {
    /// Created ahead of its first sign-in.
    Invited,
    /// In use.
    Active,
    /// Not used for long. It is a flag and no lock: a sign-in makes the account active again.
    Stale,
    /// Waits for an administrator's approval.
    PendingApproval,
    /// Taken out of use by an administrator; no sign-in brings it back.
    Suspended,
    /// Access removed at the end of its use; its evidence stays.
    Deprovisioned,
    /// Its personal values are erased, after its evidence had to be kept no longer.
    Erased,
}

impl UserState {
    const ALL: [Self; 7] = [
        Self::Invited,
        Self::Active,
        Self::Stale,
        Self::PendingApproval,
        Self::Suspended,
        Self::Deprovisioned,
        Self::Erased,
    ];

    /// Its name in records and stores.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Stale => "stale",
            Self::PendingApproval => "pending_approval",
            Self::Suspended => "suspended",
            Self::Deprovisioned => "deprovisioned",
            Self::Erased => "erased",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether whoever owns such an account may use it: [`Self::Active`] and [`Self::Stale`].
    #[must_use]
    pub fn is_in_use(self) -> bool {
        matches!(self, Self::Active | Self::Stale)
    }

    /// Whether such an account takes one of the tenant's seats, and keeps its address for itself:
    /// all but [`Self::Deprovisioned`] and [`Self::Erased`].
    #[must_use]
    pub fn takes_a_seat(self) -> bool {
        !matches!(self, Self::Deprovisioned | Self::Erased)
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account's id, chosen by the engine.
    pub id: UserId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Where it is in its life.
    pub state: UserState,
    /// Since when it is in that state.
    pub state_since: Timestamp,
    /// The record of how it came there; `None` if the host brought it there by itself.
    pub state_entry: Option<LeafHash>,
    /// The `hold.placed` entry of a legal hold, while one is on: the account is not erased.
    pub hold: Option<LeafHash>,
    /// Canonical e-mail address.
    pub email: Option<Email>,
    /// Whether the host itself has verified that address.
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
    /// When it was created.
    pub created_at: Timestamp,
    /// When its last session was opened.
    pub last_sign_in_at: Option<Timestamp>,
    /// The `user.provisioned` entry that created it; `None` for an account that the host made by
    /// itself.
    pub entry: Option<LeafHash>,
    /// Counts the commits that touched the account or its grants; a new account has 1. The
    /// store sets it; whoever writes an update names the version that it read.
    pub version: u64,
}
