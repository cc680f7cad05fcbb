//! What a record leaves out: personal values and raw bytes, kept beside it until they are erased.

use std::fmt;

use crate::id::{CorrelationId, TenantId, UserId, VaultKeyId};
use crate::time::Timestamp;

/// Whose private parts and vault keys are: what is erased together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VaultOwner {
    /// An account.
    Account(TenantId, UserId),
    /// One walk through the door, as long as no account is known that it belongs to: refused
    /// sign-ins, addresses that were challenged, invitations that nobody used.
    Walk(TenantId, CorrelationId),
}

impl VaultOwner {
    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        match self {
            Self::Account(tenant, _) | Self::Walk(tenant, _) => tenant,
        }
    }

    /// What it is, as stores write it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Account(..) => "account",
            Self::Walk(..) => "walk",
        }
    }

    /// The id of the account or of the walk.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Account(_, user) => user.as_str(),
            Self::Walk(_, walk) => walk.as_str(),
        }
    }

    /// The owner with this tenant, [kind](Self::kind) and [id](Self::id).
    #[must_use]
    pub fn from_parts(tenant: TenantId, kind: &str, id: &str) -> Option<Self> {
        match kind {
            "account" => Some(Self::Account(tenant, UserId::new(id).ok()?)),
            "walk" => Some(Self::Walk(tenant, CorrelationId::new(id).ok()?)),
            _ => None,
        }
    }
}

/// The private part of one record, opaque to stores.
#[derive(Clone, PartialEq, Eq)]
pub struct Private {
    /// Whose it is.
    pub owner: VaultOwner,
    /// When it was filed: what belongs to no account is erased by its age.
    pub filed_at: Timestamp,
    /// The vault key that `bytes` are encrypted with; `None` while they are in the clear.
    pub key_id: Option<VaultKeyId>,
    /// The content, in the clear or encrypted.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Private {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Private")
            .field("owner", &self.owner)
            .field("filed_at", &self.filed_at)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_reads_back_from_its_parts() {
        let tenant = || TenantId::new("acme").unwrap();
        for owner in [
            VaultOwner::Account(tenant(), UserId::new("one").unwrap()),
            VaultOwner::Walk(tenant(), CorrelationId::new("one").unwrap()),
        ] {
            let again = VaultOwner::from_parts(tenant(), owner.kind(), owner.id());
            assert_eq!(again.as_ref(), Some(&owner));
            assert_eq!(VaultOwner::from_parts(tenant(), owner.kind(), ""), None);
        }
        assert_eq!(VaultOwner::from_parts(tenant(), "group", "one"), None);
    }
}
