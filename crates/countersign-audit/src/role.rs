//! `role.granted`, `role.revoked` and `role.expired`: what a person may do, by which rule, until when.

use countersign_core::{GrantId, GrantOwner, RoleName, RuleId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::assertion::AssertionVerified;
use crate::leaf::{Account, Leaf, Loss};
use crate::record::Actor;
use crate::seal::Draft;

/// A role was given, or given anew with another expiry \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoleGranted {
    /// From this instant on it does not exist.
    pub expires_at: Option<Timestamp>,
    /// The grant.
    pub grant: GrantId,
    /// Who may change it or take it away.
    pub owner: GrantOwner,
    /// What the role allowed within the grant's scope when it was given, each
    /// `action document-type` \[record.md §5.2\].
    pub permissions: Vec<String>,
    /// The role.
    pub role: RoleName,
    /// The rule that gave it.
    pub rule: Option<RuleId>,
}

impl RoleGranted {
    /// The record of a grant to `user`, whose account is `account`. `assertion` is the sign-in
    /// that it was computed at; none for an administrator's grant.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        account: impl Into<Leaf<Account>>,
        assertion: Option<Leaf<AssertionVerified>>,
    ) -> Draft<Self> {
        let draft = Draft::new(self, Actor::System)
            .about(user)
            .caused_by(account.into());
        match assertion {
            Some(assertion) => draft.caused_by(assertion),
            None => draft,
        }
    }

    /// Whether a permission covers signing a document of this type \[record.md §5.2\].
    #[must_use]
    pub fn covers_signing(&self, document_type: &str) -> bool {
        self.permissions
            .iter()
            .filter_map(|permission| permission.strip_prefix("sign "))
            .any(|pattern| match pattern.strip_suffix('*') {
                Some("") => true,
                Some(prefix) if prefix.ends_with('/') => document_type.starts_with(prefix),
                _ => pattern == document_type,
            })
    }
}

/// A role was taken away \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoleRevoked {
    /// The grant.
    pub grant: GrantId,
    /// Who it belonged to.
    pub owner: GrantOwner,
    /// Why: a code.
    pub reason: String,
    /// The role.
    pub role: RoleName,
}

impl RoleRevoked {
    /// The record of a grant's end; `granted` is its last `role.granted`, `loss` what it was lost
    /// with, if it was with something.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        granted: Leaf<RoleGranted>,
        loss: Option<Leaf<Loss>>,
    ) -> Draft<Self> {
        let draft = Draft::new(self, Actor::System)
            .about(user)
            .caused_by(granted);
        match loss {
            Some(loss) => draft.caused_by(loss),
            None => draft,
        }
    }
}

/// A role ran out \[record.md §5.1\].
///
/// It has not existed since `expires_at`, whether or not this was written: the record says that
/// somebody looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoleExpired {
    /// From which instant on it did not exist.
    pub expires_at: Timestamp,
    /// The grant.
    pub grant: GrantId,
    /// Who it belongs to.
    pub owner: GrantOwner,
    /// The role.
    pub role: RoleName,
}

impl RoleExpired {
    /// The record of a grant's running out; `granted` is its last `role.granted`.
    #[must_use]
    pub fn draft(self, user: UserId, granted: Leaf<RoleGranted>) -> Draft<Self> {
        Draft::new(self, Actor::System)
            .about(user)
            .caused_by(granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_covers_what_its_pattern_names() {
        let covers = |permission: &str, document_type: &str| {
            RoleGranted {
                grant: GrantId::new("g").unwrap(),
                role: RoleName::new("signer").unwrap(),
                owner: GrantOwner::Manual,
                rule: None,
                expires_at: None,
                permissions: vec![permission.to_owned()],
            }
            .covers_signing(document_type)
        };
        assert!(covers("sign *", "nda/mutual"));
        assert!(covers("sign nda/*", "nda/mutual"));
        assert!(covers("sign nda/mutual", "nda/mutual"));
        assert!(!covers("sign nda/*", "nda"));
        assert!(!covers("sign nda/*", "ndax/mutual"));
        assert!(!covers("sign nda", "nda/mutual"));
        assert!(
            !covers("sign nd*", "nda/mutual"),
            "a star stands after a slash"
        );
        assert!(!covers("view *", "nda/mutual"));
        assert!(!covers("sign", "nda/mutual"));
        assert!(!covers("signature *", "nda/mutual"));
    }
}
