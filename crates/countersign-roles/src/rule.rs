//! Conditions on facts, and the roles that they give or deny.

use std::time::Duration;

use countersign_core::{ConnectionId, DocumentPattern, RoleName, RuleId};

use crate::condition::Condition;

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
    /// The longest that renewals can make one grant last, counted from when it was first given.
    /// `None`: as long as the person keeps signing in.
    pub cap: Option<Duration>,
    /// The document types that it is limited to; empty: all that the role allows.
    pub scope: Vec<DocumentPattern>,
}

impl RoleGrant {
    /// A role for as long as the rule matches.
    #[must_use]
    pub fn permanent(role: RoleName) -> Self {
        Self {
            role,
            ttl: None,
            renew: false,
            cap: None,
            scope: Vec::new(),
        }
    }

    /// A role for `ttl`, once.
    #[must_use]
    pub fn temporary(role: RoleName, ttl: Duration) -> Self {
        Self {
            ttl: Some(ttl),
            ..Self::permanent(role)
        }
    }

    /// A role for `ttl` after each sign-in.
    #[must_use]
    pub fn renewed(role: RoleName, ttl: Duration) -> Self {
        Self {
            renew: true,
            ..Self::temporary(role, ttl)
        }
    }
}

/// If all conditions are met, these roles are given and those are denied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Its name in the policy.
    pub id: RuleId,
    /// A sentence for people who read explanations.
    pub note: Option<String>,
    /// The connections that it speaks of; empty means every connection. One provider's group
    /// means nothing at another, so a policy of several connections names them.
    pub connections: Vec<ConnectionId>,
    /// The conditions, all of which must be met.
    pub all: Vec<Condition>,
    /// What it gives.
    pub grant: Vec<RoleGrant>,
    /// The roles that whoever matches does not get, whatever other rules give.
    pub deny: Vec<RoleName>,
}

impl Rule {
    /// A rule of every connection that gives nothing yet.
    #[must_use]
    pub fn new(id: RuleId, all: impl IntoIterator<Item = Condition>) -> Self {
        Self {
            id,
            note: None,
            connections: Vec::new(),
            all: all.into_iter().collect(),
            grant: Vec::new(),
            deny: Vec::new(),
        }
    }

    /// Adds what it gives.
    #[must_use]
    pub fn gives(mut self, grant: RoleGrant) -> Self {
        self.grant.push(grant);
        self
    }

    /// Adds a role that it denies.
    #[must_use]
    pub fn denies(mut self, role: RoleName) -> Self {
        self.deny.push(role);
        self
    }

    /// Limits it to `connection`, and to those that it was limited to before.
    #[must_use]
    pub fn at(mut self, connection: ConnectionId) -> Self {
        self.connections.push(connection);
        self
    }

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
