//! What is wrong with a catalog or a rule.

use std::fmt;

use countersign_core::{RoleName, RuleId};
use thiserror::Error;

/// A role that the catalog does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRole {
    name: String,
    nearest: Option<String>,
}

impl UnknownRole {
    pub(crate) fn new(name: &str, nearest: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            nearest: nearest.map(str::to_owned),
        }
    }

    /// The name that was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that was probably meant.
    #[must_use]
    pub fn nearest(&self) -> Option<&str> {
        self.nearest.as_deref()
    }
}

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown role `{}`", self.name)?;
        match &self.nearest {
            Some(nearest) => write!(f, ", did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a catalog or a rule: always the fault of whoever wrote the policy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RolesError {
    /// A role that the catalog does not have.
    #[error("{0}")]
    UnknownRole(UnknownRole),
    /// Two roles have one name.
    #[error("role `{0}` is there twice")]
    DuplicateRole(RoleName),
    /// Two rules have one id.
    #[error("rule `{0}` is there twice")]
    DuplicateRule(RuleId),
    /// A rule without conditions would match everybody; that is what default roles are for.
    #[error("rule `{0}` has no condition")]
    NoCondition(RuleId),
    /// A condition names no value, so nothing could meet it.
    #[error("rule `{0}` has a condition without a value")]
    NoValue(RuleId),
    /// A rule gives nothing.
    #[error("rule `{0}` gives no role")]
    NoGrant(RuleId),
    /// A rule gives one role twice.
    #[error("rule `{rule}` gives role `{role}` twice")]
    DuplicateGrant {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
    /// A grant would be over before it began.
    #[error("rule `{rule}` gives role `{role}` for no time")]
    NoTime {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
    /// A grant without an end has nothing to renew.
    #[error("rule `{rule}` renews role `{role}`, which has no end")]
    NothingToRenew {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
}

impl RolesError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownRole(_) => "roles.unknown_role",
            Self::DuplicateRole(_) => "roles.duplicate_role",
            Self::DuplicateRule(_) => "roles.duplicate_rule",
            Self::NoCondition(_) => "roles.no_condition",
            Self::NoValue(_) => "roles.no_value",
            Self::NoGrant(_) => "roles.no_grant",
            Self::DuplicateGrant { .. } => "roles.duplicate_grant",
            Self::NoTime { .. } => "roles.no_time",
            Self::NothingToRenew { .. } => "roles.nothing_to_renew",
        }
    }
}
