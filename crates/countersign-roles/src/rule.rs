//! Conditions on facts, and the roles that they give.

use std::time::Duration;

use countersign_core::{ConnectionId, Facts, RoleName, RuleId};

/// The attribute name under which a condition asks for [`Facts::groups`].
pub const GROUPS: &str = "groups";

/// One question to a person's facts. Values are compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// One of the attribute's values is this one.
    Eq {
        /// The attribute's short name, or [`GROUPS`].
        attribute: String,
        /// The value.
        value: String,
    },
    /// One of the attribute's values is one of these.
    AnyOf {
        /// The attribute's short name, or [`GROUPS`].
        attribute: String,
        /// The values.
        values: Vec<String>,
    },
}

impl Condition {
    /// The attribute that it asks for.
    #[must_use]
    pub fn attribute(&self) -> &str {
        match self {
            Self::Eq { attribute, .. } | Self::AnyOf { attribute, .. } => attribute,
        }
    }

    /// The values of which one must be there.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            Self::Eq { value, .. } => std::slice::from_ref(value),
            Self::AnyOf { values, .. } => values,
        }
    }

    /// Whether it asks for groups.
    #[must_use]
    pub fn asks_for_groups(&self) -> bool {
        self.attribute() == GROUPS
    }

    /// Whether `facts` are known to meet it.
    #[must_use]
    pub fn is_met_by(&self, facts: &Facts) -> bool {
        if self.asks_for_groups() {
            return self
                .values()
                .iter()
                .any(|group| facts.groups.contains(group));
        }
        let present = facts.values(self.attribute());
        self.values().iter().any(|value| present.contains(value))
    }

    /// Whether `facts` leave it open: it asks for a group, and not all groups were told.
    #[must_use]
    pub fn is_undecided_by(&self, facts: &Facts) -> bool {
        self.asks_for_groups() && !facts.groups.is_complete() && !self.is_met_by(facts)
    }
}

/// A role that a rule gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleGrant {
    /// The role.
    pub role: RoleName,
    /// How long it lasts, counted from when it is given or renewed. `None`: until the rule no
    /// longer matches.
    pub ttl: Option<Duration>,
    /// Whether a sign-in while the rule matches begins `ttl` anew. If not, a grant that has run
    /// out stays out for as long as the rule matches.
    pub renew: bool,
}

impl RoleGrant {
    /// A role for as long as the rule matches.
    #[must_use]
    pub fn permanent(role: RoleName) -> Self {
        Self {
            role,
            ttl: None,
            renew: false,
        }
    }

    /// A role for `ttl`, once.
    #[must_use]
    pub fn temporary(role: RoleName, ttl: Duration) -> Self {
        Self {
            role,
            ttl: Some(ttl),
            renew: false,
        }
    }
}

/// If all conditions are met, these roles are given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Its name in the policy.
    pub id: RuleId,
    /// The connections that it speaks of; empty means every connection. One provider's group
    /// means nothing at another, so a policy of several connections names them.
    pub connections: Vec<ConnectionId>,
    /// The conditions, all of which must be met.
    pub all: Vec<Condition>,
    /// What it gives.
    pub grant: Vec<RoleGrant>,
}

impl Rule {
    /// Whether it speaks of `connection`.
    #[must_use]
    pub fn is_about(&self, connection: &ConnectionId) -> bool {
        self.connections.is_empty() || self.connections.contains(connection)
    }

    /// What it gives of `role`, if anything.
    #[must_use]
    pub fn grant_of(&self, role: &RoleName) -> Option<&RoleGrant> {
        self.grant.iter().find(|grant| grant.role == *role)
    }
}
