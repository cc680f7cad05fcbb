//! What is wrong, or odd, in the rules of a policy.
//!
//! A rule that can do nothing was meant to do something, so it is an error: whoever wrote it
//! believes that somebody has a role, or has it not, who does not or does. Everything here
//! is decided by what rules mean, not by how they are written: `eq` and `any_of`, or conditions
//! in another order, make no difference.
//!
//! What can not be decided within [`MOST_STEPS`] is not an error. [`lint()`] says so in a note.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::RoleName;

use crate::case::{Budget, Case, case_of};
use crate::condition::Condition;
use crate::finding::Finding;
use crate::lint::pairs::ENTANGLED;
use crate::rule::Rule;
use crate::view::{PolicyView, connections_of};

mod alone;
mod exclusion;
mod pairs;
mod roles;

/// The most claims that are looked at in comparing rules, about four for each byte of the largest
/// policy file. Rules with conditions of their own need some ten each.
pub const MOST_STEPS: usize = 4_000_000;

/// Everything that is wrong or odd in a policy: errors first, then warnings, then notes, each in
/// the order of the policy.
///
/// A [`RuleSet`](crate::RuleSet) is free of what is wrong with a rule by its form alone; here
/// rules are compared with each other, with default roles and with roles that do not go together.
#[must_use]
pub fn lint(policy: &PolicyView<'_>) -> Vec<Finding> {
    let mut lint = Lint::new(policy, true);
    lint.look();
    lint.roles();
    let mut findings = lint.findings;
    if findings.iter().any(|finding| finding.code == ENTANGLED) {
        // Looking for everything ended early; looking for errors alone gets further.
        findings.retain(|finding| !finding.is_error());
        findings.extend(lint_errors(policy));
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// The errors among what [`lint`] finds: those for which a policy is not loaded.
#[must_use]
pub fn lint_errors(policy: &PolicyView<'_>) -> Vec<Finding> {
    let mut lint = Lint::new(policy, false);
    lint.look();
    lint.findings.retain(Finding::is_error);
    lint.findings
}

/// A rule, and what it says of whom it matches.
struct Prepared<'a> {
    rule: &'a Rule,
    /// Whom it matches; none if it can match nobody.
    matched: Option<Case<'a>>,
    /// The connections that it speaks of, by number.
    connections: BTreeSet<usize>,
}

impl Prepared<'_> {
    /// Whether there is somebody whom the rule may keep from a role: an undecided denial stands,
    /// and groups that were not told leave undecided even what nobody can match.
    fn may_stand(&self) -> bool {
        self.matched.is_some() || self.rule.all.iter().any(Condition::asks_for_groups)
    }
}

struct Lint<'a> {
    policy: &'a PolicyView<'a>,
    rules: Vec<Prepared<'a>>,
    /// The sets of separation of duty of each role, by number.
    duties: BTreeMap<&'a RoleName, Vec<usize>>,
    /// The connections on which some rule denies a role.
    denied: BTreeMap<&'a RoleName, BTreeSet<usize>>,
    /// Whether to look for warnings and notes too.
    wants_all: bool,
    budget: Budget,
    /// Whether there was more to look at than the budget allows.
    exhausted: bool,
    findings: Vec<Finding>,
}

impl<'a> Lint<'a> {
    fn new(policy: &'a PolicyView<'a>, wants_all: bool) -> Self {
        let numbers = policy.numbers();
        let prepare = |rule: &'a Rule| Prepared {
            rule,
            matched: case_of(rule),
            connections: connections_of(rule, &numbers),
        };
        let rules: Vec<_> = policy.rules.rules().iter().map(prepare).collect();
        let mut duties: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (number, set) in policy.catalog.separation_of_duty().iter().enumerate() {
            for role in set.roles() {
                duties.entry(role).or_default().push(number);
            }
        }
        let mut denied: BTreeMap<_, BTreeSet<usize>> = BTreeMap::new();
        for prepared in rules.iter().filter(|prepared| prepared.may_stand()) {
            for role in &prepared.rule.deny {
                let connections = prepared.connections.iter().copied();
                denied.entry(role).or_default().extend(connections);
            }
        }
        Self {
            policy,
            rules,
            duties,
            denied,
            wants_all,
            budget: Budget::new(MOST_STEPS),
            exhausted: false,
            findings: Vec::new(),
        }
    }

    fn look(&mut self) {
        self.exclusion();
        self.alone();
        self.pairs();
    }

    fn add(&mut self, finding: Finding) {
        if self.wants_all || finding.is_error() {
            self.findings.push(finding);
        }
    }

    /// Whether separation of duty keeps the two roles apart.
    fn are_apart(&self, one: &RoleName, other: &RoleName) -> bool {
        let Some(sets) = self.duties.get(one).filter(|_| one != other) else {
            return false;
        };
        let all = self.policy.catalog.separation_of_duty();
        let mut sets = sets.iter().filter_map(|set| all.get(*set));
        sets.any(|set| set.roles().contains(other))
    }

    /// Whether a rule may take away `role` from somebody on one of `connections`.
    fn may_be_denied(&self, role: &RoleName, connection: usize) -> bool {
        let denied = self.denied.get(role);
        denied.is_some_and(|connections| connections.contains(&connection))
    }

    /// The name of a connection, for messages.
    fn connection_name(&self, number: usize) -> &'a str {
        let connection = self.policy.connections.get(number);
        connection.map_or("", |connection| connection.id.as_str())
    }
}
