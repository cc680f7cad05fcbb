//! `user.approved` and `user.declined`: what an administrator said of an account that waited.

use countersign_core::UserId;
use serde::{Deserialize, Serialize};

use crate::account::UserProvisioned;
use crate::leaf::Leaf;
use crate::record::Actor;
use crate::seal::Draft;

/// An administrator approved an account that waited for it \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserApproved {
    /// The state that the account has from now on.
    pub state: String,
}

/// An administrator declined an account that waited for approval \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserDeclined {
    /// The state that the account has from now on.
    pub state: String,
}

impl UserApproved {
    /// The record of what `by` said of the account `user`, which `provisioned` created. The note
    /// is committed to: people write about people.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        by: UserId,
        note: Option<&str>,
        provisioned: Leaf<UserProvisioned>,
    ) -> Draft<Self> {
        verdict(self, user, by, note, provisioned)
    }
}

impl UserDeclined {
    /// The record of what `by` said of the account `user`, which `provisioned` created. The note
    /// is committed to: people write about people.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        by: UserId,
        note: Option<&str>,
        provisioned: Leaf<UserProvisioned>,
    ) -> Draft<Self> {
        verdict(self, user, by, note, provisioned)
    }
}

fn verdict<K>(
    body: K,
    user: UserId,
    by: UserId,
    note: Option<&str>,
    provisioned: Leaf<UserProvisioned>,
) -> Draft<K> {
    Draft::new(body, Actor::User(by))
        .about(user)
        .caused_by(provisioned)
        .personal_if_any("note", note.as_ref())
}
