//! `user.stale`, `user.suspended`, `user.reactivated`, `user.deprovisioned`, `subject.erased`,
//! `hold.placed` and `hold.released`: the steps of an account's life after it was made.
//!
//! What an administrator says of a step is committed to as `note`: people write about people.

use countersign_core::{Timestamp, UserId, VaultKeyId};
use serde::{Deserialize, Serialize};

use crate::leaf::{Leaf, State};
use crate::record::Actor;
use crate::seal::Draft;

/// Nobody has used an account for long \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserStale {
    /// Since when it was not used.
    pub unused_since: Timestamp,
}

/// An account was taken out of use \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserSuspended {
    /// The state that it was in.
    pub before: String,
    /// Why: a code.
    pub reason: String,
}

/// An account was taken back into use \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserReactivated {
    /// The state that it was in.
    pub before: String,
}

/// An account's access was removed for good, and its evidence kept \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UserDeprovisioned {
    /// The state that it was in.
    pub before: String,
    /// Why: a code.
    pub reason: String,
}

/// All personal values of an account were erased: those of its row, its links and sessions, and the
/// private parts of its records \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SubjectErased {
    /// Since when it was deprovisioned.
    pub deprovisioned_at: Timestamp,
    /// Names of the fields of its row that had a value.
    pub erased: Vec<String>,
    /// The vault keys that were destroyed; none where private parts were kept in the clear.
    pub keys: Vec<VaultKeyId>,
    /// How many subjects were linked to it.
    pub subjects: u32,
}

/// A legal hold was placed on an account \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HoldPlaced {
    /// The state that the account was in.
    pub state: String,
}

/// A legal hold was taken off an account \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HoldReleased {
    /// The state that the account was in.
    pub state: String,
}

macro_rules! steps {
    ($($body:ident)*) => {$(
        impl $body {
            /// The record of the step of `user`; `state` is the record of how the account came
            /// into the state that it was in, if there is one.
            #[must_use]
            pub fn draft(
                self,
                user: UserId,
                state: Option<Leaf<State>>,
                by: Actor,
                note: Option<&str>,
            ) -> Draft<Self> {
                let draft = Draft::new(self, by).about(user);
                let draft = match state {
                    Some(state) => draft.caused_by(state),
                    None => draft,
                };
                draft.personal_if_any("note", note.as_ref())
            }
        }
    )*};
}
steps! { UserStale UserSuspended UserReactivated UserDeprovisioned SubjectErased HoldPlaced }

impl HoldReleased {
    /// The record of taking the hold `placed` off `user`.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        placed: Leaf<HoldPlaced>,
        by: Actor,
        note: Option<&str>,
    ) -> Draft<Self> {
        Draft::new(self, by)
            .about(user)
            .caused_by(placed)
            .personal_if_any("note", note.as_ref())
    }
}
