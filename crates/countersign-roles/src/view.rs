//! A policy, as far as roles are concerned.

use std::collections::{BTreeSet, HashMap};

use countersign_core::{ConnectionId, RoleName};

use crate::catalog::RoleCatalog;
use crate::rule::Rule;
use crate::rule_set::RuleSet;

/// A policy, as far as roles are concerned: what [`crate::lint()`] and
/// [`crate::who_can_reach`] look at.
#[derive(Debug, Clone)]
pub struct PolicyView<'a> {
    /// The roles.
    pub catalog: &'a RoleCatalog,
    /// The rules.
    pub rules: &'a RuleSet,
    /// The connections.
    pub connections: Vec<ConnectionView<'a>>,
}

/// A connection, as far as roles are concerned.
#[derive(Debug, Clone)]
pub struct ConnectionView<'a> {
    /// Its name.
    pub id: &'a ConnectionId,
    /// The roles that everybody gets who comes through it.
    pub default_roles: &'a [RoleName],
    /// The domains whose addresses are let in; `None`: any.
    pub domains: Option<BTreeSet<&'a str>>,
}

impl<'a> PolicyView<'a> {
    /// The connections by their names.
    pub(crate) fn numbers(&self) -> HashMap<&'a ConnectionId, usize> {
        let all = self.connections.iter().enumerate();
        all.map(|(number, connection)| (connection.id, number))
            .collect()
    }
}

/// The connections that `rule` speaks of, by their numbers, in order.
pub(crate) fn connections_of(
    rule: &Rule,
    numbers: &HashMap<&ConnectionId, usize>,
) -> BTreeSet<usize> {
    if rule.connections.is_empty() {
        return numbers.values().copied().collect();
    }
    let named = rule.connections.iter();
    named.filter_map(|id| numbers.get(id).copied()).collect()
}
