//! Accounts as the policy sees them.

use countersign_core::{Email, LeafHash, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// Where an account is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UserState {
    /// Created ahead of its first sign-in.
    Invited,
    /// In use.
    Active,
    /// Waits for an administrator's approval.
    PendingApproval,
    /// Taken out of use by an administrator; no sign-in brings it back.
    Suspended,
    /// Access removed at the end of its use; its evidence stays.
    Deprovisioned,
}

impl UserState {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::PendingApproval => "pending_approval",
            Self::Suspended => "suspended",
            Self::Deprovisioned => "deprovisioned",
        }
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
