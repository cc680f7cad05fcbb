//! `access.reviewed`: what somebody said of a grant who was asked whether it is still right.

use countersign_core::{GrantId, RoleName, Sha256Digest, UserId};
use serde::{Deserialize, Serialize};

use crate::leaf::Leaf;
use crate::record::Actor;
use crate::role::RoleGranted;
use crate::seal::Draft;

/// What a reviewer said of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReviewOutcome {
    /// It is still right.
    Certified,
    /// It is to be taken away.
    Revoked,
}

impl ReviewOutcome {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Certified => "certified",
            Self::Revoked => "revoked",
        }
    }
}

/// A grant was reviewed \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessReviewed {
    /// The grant.
    pub grant: GrantId,
    /// What was said of it.
    pub outcome: ReviewOutcome,
    /// SHA-256 of what the reviewer was shown of account and grant.
    pub reviewed_sha256: Sha256Digest,
    /// The role.
    pub role: RoleName,
}

impl AccessReviewed {
    /// The record of what `by` said of a grant of `user`, whose last record is `granted`. The
    /// note is committed to: people write about people.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        by: UserId,
        note: Option<&str>,
        granted: Leaf<RoleGranted>,
    ) -> Draft<Self> {
        Draft::new(self, Actor::User(by))
            .about(user)
            .caused_by(granted)
            .personal_if_any("note", note.as_ref())
    }
}
