//! `policy.changed`: another policy file is in force.

use countersign_core::{Sha256Digest, UserId};
use serde::{Deserialize, Serialize};

use crate::leaf::Leaf;
use crate::record::Actor;
use crate::seal::Draft;

/// Another policy file is in force for a tenant \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyChanged {
    /// SHA-256 of the one from now on.
    pub after: Sha256Digest,
    /// SHA-256 of the one before; `None` for the first.
    pub before: Option<Sha256Digest>,
}

impl PolicyChanged {
    /// The record of a change; `last` is the record of the change before it. Without `by` the
    /// system noticed it. The note is committed to: people write about people.
    #[must_use]
    pub fn draft(
        self,
        last: Option<Leaf<Self>>,
        by: Option<UserId>,
        note: Option<&str>,
    ) -> Draft<Self> {
        let draft = Draft::new(self, by.map_or(Actor::System, Actor::User));
        let draft = match last {
            Some(last) => draft.caused_by(last),
            None => draft,
        };
        draft.personal_if_any("note", note.as_ref())
    }
}
