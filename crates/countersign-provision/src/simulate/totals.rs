//! Counting people, each once.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};

use countersign_core::{ConnectionId, RoleName, RuleId, SubjectKey};
use serde::Serialize;

use super::comparison::Comparison;
use crate::corpus::PastSignIn;
use crate::policy::Policy;

/// Somebody, told from others: 128 bits of their connection and subject, so that a million people
/// take 16 MB and two of them are taken for one less than once in 10^26 corpora.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Person(u64, u64);

impl Person {
    pub(super) fn of(connection: &ConnectionId, subject: &SubjectKey) -> Self {
        let half = |which: u8| {
            let mut hasher = DefaultHasher::new();
            (which, connection, subject).hash(&mut hasher);
            hasher.finish()
        };
        Self(half(0), half(1))
    }
}

/// People, each once.
#[derive(Debug, Default)]
pub(super) struct Crowd(HashSet<Person>);

impl Crowd {
    pub(super) fn add(&mut self, person: Person) {
        self.0.insert(person);
    }

    pub(super) fn size(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

/// People of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ConnectionTotals {
    /// All who came through it.
    pub people: u64,
    /// Who would not be admitted any more.
    pub losing_access: u64,
    /// Who would be admitted.
    pub gaining_access: u64,
    /// Who would lose a role.
    pub losing_a_role: u64,
    /// Who would gain a role.
    pub gaining_a_role: u64,
}

/// People of one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RoleTotals {
    /// Whether either policy marks it as privileged.
    pub privileged: bool,
    /// Who has it under the old policy.
    pub before: u64,
    /// Who has it under the new one.
    pub after: u64,
    /// Who would lose it.
    pub lost: u64,
    /// Who would gain it.
    pub gained: u64,
    /// Who would have it for another time or other documents.
    pub changed: u64,
}

/// One rule of either policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RuleTotals {
    /// Whether the old policy has it.
    pub in_old: bool,
    /// Whether the new one has it.
    pub in_new: bool,
    /// Sign-ins that the old one's matches.
    pub matched_before: u64,
    /// Sign-ins that the new one's matches.
    pub matched_after: u64,
    /// People who would lose a role that the old one's gives.
    pub losing: u64,
    /// People who would gain a role that the new one's gives.
    pub gaining: u64,
}

#[derive(Debug, Default)]
struct OfConnection {
    people: Crowd,
    losing_access: Crowd,
    gaining_access: Crowd,
    losing: Crowd,
    gaining: Crowd,
}

#[derive(Debug, Default)]
struct OfRole {
    privileged: bool,
    before: Crowd,
    after: Crowd,
    lost: Crowd,
    gained: Crowd,
    changed: Crowd,
}

#[derive(Debug, Default)]
struct OfRule {
    counts: RuleTotals,
    losing: Crowd,
    gaining: Crowd,
}

/// What is counted by connection, by role and by rule.
#[derive(Debug, Default)]
pub(super) struct Totals {
    connections: BTreeMap<ConnectionId, OfConnection>,
    roles: BTreeMap<RoleName, OfRole>,
    rules: BTreeMap<RuleId, OfRule>,
}

impl Totals {
    /// Nothing is counted yet, of all that there is to count.
    pub(super) fn of(old: &Policy, new: &Policy) -> Self {
        let mut totals = Self::default();
        for role in old.catalog().roles().chain(new.catalog().roles()) {
            let of_role = totals.roles.entry(role.name().clone()).or_default();
            of_role.privileged |= role.is_privileged();
        }
        for rule in old.rules().rules() {
            totals
                .rules
                .entry(rule.id.clone())
                .or_default()
                .counts
                .in_old = true;
        }
        for rule in new.rules().rules() {
            totals
                .rules
                .entry(rule.id.clone())
                .or_default()
                .counts
                .in_new = true;
        }
        totals
    }

    pub(super) fn add(&mut self, person: Person, sign_in: &PastSignIn, comparison: &Comparison) {
        if !self.connections.contains_key(&sign_in.connection) {
            let connection = sign_in.connection.clone();
            self.connections.insert(connection, OfConnection::default());
        }
        if let Some(of) = self.connections.get_mut(&sign_in.connection) {
            of.people.add(person);
            let crowds = [
                (comparison.loses_access(), &mut of.losing_access),
                (comparison.gains_access(), &mut of.gaining_access),
                (!comparison.lost.is_empty(), &mut of.losing),
                (!comparison.gained.is_empty(), &mut of.gaining),
            ];
            for (is_one, crowd) in crowds {
                if is_one {
                    crowd.add(person);
                }
            }
        }
        let mut of_roles = |roles: &mut dyn Iterator<Item = &RoleName>,
                            crowd: fn(&mut OfRole) -> &mut Crowd| {
            for role in roles {
                match self.roles.get_mut(role) {
                    Some(of) => crowd(of).add(person),
                    // A grant of a role that neither catalog knows any more.
                    None => crowd(self.roles.entry(role.clone()).or_default()).add(person),
                }
            }
        };
        of_roles(&mut comparison.had.keys(), |of| &mut of.before);
        of_roles(&mut comparison.has.keys(), |of| &mut of.after);
        of_roles(&mut comparison.lost.keys(), |of| &mut of.lost);
        of_roles(&mut comparison.gained.keys(), |of| &mut of.gained);
        of_roles(&mut comparison.changed.keys(), |of| &mut of.changed);

        for rule in &comparison.matched_before {
            if let Some(of) = self.rules.get_mut(rule) {
                of.counts.matched_before = of.counts.matched_before.saturating_add(1);
            }
        }
        for rule in &comparison.matched_after {
            if let Some(of) = self.rules.get_mut(rule) {
                of.counts.matched_after = of.counts.matched_after.saturating_add(1);
            }
        }
        for held in comparison
            .lost
            .keys()
            .filter_map(|role| comparison.had.get(role))
        {
            for rule in &held.rules {
                if let Some(of) = self.rules.get_mut(rule) {
                    of.losing.add(person);
                }
            }
        }
        for held in comparison
            .gained
            .keys()
            .filter_map(|role| comparison.has.get(role))
        {
            for rule in &held.rules {
                if let Some(of) = self.rules.get_mut(rule) {
                    of.gaining.add(person);
                }
            }
        }
    }

    pub(super) fn connections(&self) -> BTreeMap<ConnectionId, ConnectionTotals> {
        let totals = self.connections.iter().map(|(id, of)| {
            let totals = ConnectionTotals {
                people: of.people.size(),
                losing_access: of.losing_access.size(),
                gaining_access: of.gaining_access.size(),
                losing_a_role: of.losing.size(),
                gaining_a_role: of.gaining.size(),
            };
            (id.clone(), totals)
        });
        totals.collect()
    }

    pub(super) fn roles(&self) -> BTreeMap<RoleName, RoleTotals> {
        let totals = self.roles.iter().map(|(name, of)| {
            let totals = RoleTotals {
                privileged: of.privileged,
                before: of.before.size(),
                after: of.after.size(),
                lost: of.lost.size(),
                gained: of.gained.size(),
                changed: of.changed.size(),
            };
            (name.clone(), totals)
        });
        totals.collect()
    }

    pub(super) fn rules(&self) -> BTreeMap<RuleId, RuleTotals> {
        let totals = self.rules.iter().map(|(id, of)| {
            let totals = RuleTotals {
                losing: of.losing.size(),
                gaining: of.gaining.size(),
                ..of.counts
            };
            (id.clone(), totals)
        });
        totals.collect()
    }
}
