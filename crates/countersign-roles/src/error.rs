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
    /// A condition names an empty value, which says nothing, so nothing could meet it.
    #[error("rule `{0}` has a condition without a value")]
    NoValue(RuleId),
    /// A rule gives and denies nothing.
    #[error("rule `{0}` gives no role and denies none")]
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

    /// Only an e-mail address is in a domain.
    #[error("rule `{rule}` asks for the domain of `{attribute}`; only `email` has one")]
    NoDomainOf {
        /// The rule.
        rule: RuleId,
        /// The attribute.
        attribute: String,
    },
    /// Not a domain in canonical form, so no address would be in it.
    #[error("rule `{rule}` asks for `{domain}`, which is no domain in canonical form")]
    NotADomain {
        /// The rule.
        rule: RuleId,
        /// What was given.
        domain: String,
    },
    /// Whoever can make up a value must not be able to make up one that leads to a role worth
    /// stealing.
    #[error(
        "rule `{rule}` gives the privileged role `{role}`, so its conditions must be `eq` or `any_of`, and one of them not negated"
    )]
    InexactToPrivileged {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
    /// A rule denies one role twice.
    #[error("rule `{rule}` denies role `{role}` twice")]
    DuplicateDenial {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
    /// A rule denies what it gives, so it could only deny.
    #[error("rule `{rule}` both gives and denies role `{role}`")]
    GivesAndDenies {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
    /// A cap bounds renewals, and there are none.
    #[error("rule `{rule}` caps the renewals of role `{role}`, which it does not renew")]
    NothingToCap {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
    /// The first renewal would be past the cap.
    #[error("rule `{rule}` caps role `{role}` at less than its `ttl`")]
    CapBelowTime {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
    /// The scope and the role have no document type in common.
    #[error("rule `{rule}` gives role `{role}` for documents on which it allows nothing")]
    EmptyScope {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
    },
    /// One role alone can not be kept apart.
    #[error("separation of duty needs sets of two or more different roles")]
    LoneDuty,
    /// An exclusive group names a role twice, or only one.
    #[error("exclusive group `{0}` needs two or more different roles")]
    BadExclusiveGroup(String),
    /// Following the groups, a role would be above itself.
    #[error("exclusive group `{group}` puts `{higher}` above `{lower}`, and other groups below it")]
    ExclusiveCycle {
        /// The group that closes the circle.
        group: String,
        /// A role.
        higher: RoleName,
        /// The role after it, from which other groups lead back.
        lower: RoleName,
    },
}

impl RolesError {
    /// The rule that is wrong, if it is one.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        match self {
            Self::DuplicateRule(rule)
            | Self::NoCondition(rule)
            | Self::NoValue(rule)
            | Self::NoGrant(rule)
            | Self::DuplicateGrant { rule, .. }
            | Self::NoTime { rule, .. }
            | Self::NothingToRenew { rule, .. }
            | Self::NoDomainOf { rule, .. }
            | Self::NotADomain { rule, .. }
            | Self::InexactToPrivileged { rule, .. }
            | Self::DuplicateDenial { rule, .. }
            | Self::GivesAndDenies { rule, .. }
            | Self::NothingToCap { rule, .. }
            | Self::CapBelowTime { rule, .. }
            | Self::EmptyScope { rule, .. } => Some(rule),
            Self::UnknownRole(_)
            | Self::DuplicateRole(_)
            | Self::LoneDuty
            | Self::BadExclusiveGroup(_)
            | Self::ExclusiveCycle { .. } => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::UnknownRole(_) => "name a role that exists",
            Self::DuplicateRole(_) | Self::DuplicateRule(_) => "give one of them another name",
            Self::NoCondition(_) => {
                "add one to `all`; what everybody gets belongs into `default_roles`"
            }
            Self::NoValue(_) => "write what is asked for",
            Self::NoGrant(_) => "add a role to `grant` or to `deny`",
            Self::DuplicateGrant { .. } | Self::DuplicateDenial { .. } => "remove one of the two",
            Self::NoTime { .. } => "write a time such as `24h`, or no `ttl`",
            Self::NothingToRenew { .. } => "add a `ttl`, or remove `renew`",
            Self::NoDomainOf { .. } => "ask `email`, or use `suffix`",
            Self::NotADomain { .. } => "write it as in `acme.example`",
            Self::InexactToPrivileged { .. } => {
                "name the groups or values of those who shall have it"
            }
            Self::GivesAndDenies { .. } => "remove it from one of the two",
            Self::NothingToCap { .. } => "add `renew = true`, or remove `cap`",
            Self::CapBelowTime { .. } => "make `cap` the longer one",
            Self::EmptyScope { .. } => "name documents that the role's `allow` covers",
            Self::LoneDuty => "name two, or remove the set",
            Self::BadExclusiveGroup(_) => "name each role once, and two at least",
            Self::ExclusiveCycle { .. } => "order the two the same in every group",
        }
    }

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

            Self::NoDomainOf { .. } => "roles.no_domain_of",
            Self::NotADomain { .. } => "roles.not_a_domain",
            Self::InexactToPrivileged { .. } => "roles.inexact_to_privileged",
            Self::DuplicateDenial { .. } => "roles.duplicate_denial",
            Self::GivesAndDenies { .. } => "roles.gives_and_denies",
            Self::NothingToCap { .. } => "roles.nothing_to_cap",
            Self::CapBelowTime { .. } => "roles.cap_below_time",
            Self::EmptyScope { .. } => "roles.empty_scope",
            Self::LoneDuty => "roles.lone_duty",
            Self::BadExclusiveGroup(_) => "roles.bad_exclusive_group",
            Self::ExclusiveCycle { .. } => "roles.exclusive_cycle",
        }
    }
}
