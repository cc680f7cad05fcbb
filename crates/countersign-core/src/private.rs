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
