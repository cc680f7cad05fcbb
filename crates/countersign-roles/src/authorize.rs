//! Whether a grant allows an act now.

use std::fmt;

use countersign_core::{Grant, Timestamp};

use crate::catalog::RoleCatalog;
use crate::scope;

/// The answer to "may this be done now?".
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[allow(
    clippy::large_enum_variant,
    reason = "an answer is looked at once and never stored"
)]
pub enum Authorization {
    /// Yes, by this grant: of all that allow it, the one that lasts longest.
    Allowed {
        /// The grant that did it.
        grant: Grant,
    },
    /// No.
    Denied {
        /// Why.
        reason: Denial,
    },
}

impl Authorization {
    /// The grant that allows it, if one does.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Allowed { grant } => Some(grant),
            Self::Denied { .. } => None,
        }
    }
}

/// Why an act is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// There is no live grant at all.
    NoLiveGrant,
    /// There are live grants, and none allows this action on this document type.
    NotPermitted,
    /// A grant would have allowed it, and has expired.
    Expired,
}

impl Denial {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoLiveGrant => "roles.no_live_grant",
            Self::NotPermitted => "roles.not_permitted",
            Self::Expired => "roles.grant_expired",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLiveGrant => "the account has no role now",
            Self::NotPermitted => "no role of the account allows this on such a document",
            Self::Expired => "the role that allowed this has expired",
        })
    }
}

/// Decides whether `grants` allow `action` on `document_type` at `now`.
///
/// A grant that has expired does not exist, whether or not somebody removed it; nor does one
/// whose role is not in the catalog any more. A grant allows what its role allows within its
/// scope, and several allow together what each allows by itself, nothing more. `grants` must be one account's.
pub fn authorize(
    catalog: &RoleCatalog,
    grants: &[Grant],
    action: &str,
    document_type: &str,
    now: Timestamp,
) -> Authorization {
    let allows = |grant: &&Grant| {
        let role = catalog.role(&grant.role);
        scope::covers(&grant.scope, document_type)
            && role.is_some_and(|role| role.allows(action, document_type))
    };
    let live = || grants.iter().filter(|grant| grant.is_live(now));
    let lasts = |grant: &&Grant| (grant.expires_at.unwrap_or(Timestamp::MAX), grant.id.clone());
    if let Some(grant) = live().filter(allows).max_by_key(lasts) {
        return Authorization::Allowed {
            grant: grant.clone(),
        };
    }
    let reason = if grants.iter().any(|grant| allows(&grant)) {
        Denial::Expired
    } else if live().next().is_none() {
        Denial::NoLiveGrant
    } else {
        Denial::NotPermitted
    };
    Authorization::Denied { reason }
}
