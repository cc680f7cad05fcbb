//! Roles that were given.

use serde::{Deserialize, Serialize};

use crate::digest::{LeafHash, Sha256Digest};
use crate::document::DocumentPattern;
use crate::id::{ConnectionId, GrantId, UserId, identifier};
use crate::text::{TextError, check_identifier};
use crate::time::Timestamp;
use std::fmt;

identifier! {
    /// A role of the host's own catalog. An identity provider can never name one into being.
    RoleName
}
identifier! {
    /// A mapping rule of the policy file.
    RuleId
}

/// Who a grant belongs to. A sync touches only its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by", content = "connection")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum GrantOwner {
    /// A rule matched at a sign-in through this connection.
    Jit(ConnectionId),
    /// The connection's default roles.
    Default(ConnectionId),
    /// An administrator.
    Manual,
    /// An administrator, until an instant that was named with it.
    Temporary,
    /// A directory that pushes accounts (SCIM, RFC 7644).
    Scim,
    /// An administrator who took the role away for good. The row is a bar and no grant: it has
    /// ended when it begins, and while it is there no sync gives the account the role.
    Barred,
}

impl GrantOwner {
    /// Its name in records and stores; a [connection](Self::connection) belongs to some.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Jit(_) => "jit",
            Self::Default(_) => "default",
            Self::Manual => "manual",
            Self::Temporary => "temporary",
            Self::Scim => "scim",
            Self::Barred => "barred",
        }
    }

    /// The connection that it names.
    #[must_use]
    pub fn connection(&self) -> Option<&ConnectionId> {
        match self {
            Self::Jit(connection) | Self::Default(connection) => Some(connection),
            Self::Manual | Self::Temporary | Self::Scim | Self::Barred => None,
        }
    }

    /// The owner of this name and connection; `None` where they do not belong together.
    #[must_use]
    pub fn from_name(name: &str, connection: Option<ConnectionId>) -> Option<Self> {
        Some(match (name, connection) {
            ("jit", Some(connection)) => Self::Jit(connection),
            ("default", Some(connection)) => Self::Default(connection),
            ("manual", None) => Self::Manual,
            ("temporary", None) => Self::Temporary,
            ("scim", None) => Self::Scim,
            ("barred", None) => Self::Barred,
            _ => return None,
        })
    }
}

/// A role given to a user, by whom, by which rule, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// This grant.
    pub id: GrantId,
    /// Whose it is.
    pub user: UserId,
    /// The role.
    pub role: RoleName,
    /// Who may change or take it away.
    pub owner: GrantOwner,
    /// The rule that gave it; only grants of owner [`GrantOwner::Jit`] have one.
    pub rule: Option<RuleId>,
    /// SHA-256 of the policy file that was in force.
    pub policy_hash: Sha256Digest,
    /// When this row was first given. Renewals do not move it: their cap counts from it.
    pub first_given_at: Timestamp,
    /// When it was given or last renewed.
    pub granted_at: Timestamp,
    /// From this instant on it does not exist.
    pub expires_at: Option<Timestamp>,
    /// The document types that it is limited to; empty for all that the role allows.
    pub scope: Vec<DocumentPattern>,
    /// The `role.granted` entry that records it; the `role.revoked` entry of a bar.
    pub entry: LeafHash,
}

impl Grant {
    /// Whether it exists at `now`: an expired grant does not.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_have_the_names_of_their_records_and_read_back() {
        let connection = || ConnectionId::new("acme-entra").unwrap();
        for owner in [
            GrantOwner::Jit(connection()),
            GrantOwner::Default(connection()),
            GrantOwner::Manual,
            GrantOwner::Temporary,
            GrantOwner::Scim,
            GrantOwner::Barred,
        ] {
            let json = serde_json::to_value(&owner).unwrap();
            assert_eq!(json["by"], owner.name());
            let named = owner.connection().cloned();
            assert_eq!(
                GrantOwner::from_name(owner.name(), named),
                Some(owner.clone())
            );
            let other = owner.connection().is_none().then(connection);
            assert_eq!(GrantOwner::from_name(owner.name(), other), None);
        }
        assert_eq!(GrantOwner::from_name("nobody", None), None);
    }
}
