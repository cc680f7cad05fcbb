//! Many rules, checked and indexed.
//!
//! Each rule is filed under the one condition that is rarest among all rules: under its values,
//! its domain, its prefix or suffix, or the mere presence of its attribute. A sign-in looks up
//! what the person has, and asks the remaining conditions only of the rules found there. So the
//! cost grows with the rules that share something with the person, not with the rules there are.
//! Only rules that ask for nothing to be there, all `not`, are asked each time.

use std::collections::BTreeMap;

use countersign_core::{ConnectionId, Facts, RoleName, RuleId};
use foldhash::{HashMap, HashMapExt as _};

use crate::catalog::RoleCatalog;
use crate::condition::{Answer, Condition};
use crate::error::RolesError;
use crate::rule::Rule;
use crate::rule_set::faults::add_faults;
use crate::rule_set::index::Index;

mod affix;
mod faults;
mod index;

/// Rules that were checked against a catalog, and indexed.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    by_id: HashMap<RuleId, usize>,
    index: Index,
    /// The rules that deny each role and ask for groups: only those can be undecided.
    denials_by_group: BTreeMap<RoleName, Vec<usize>>,
}

/// Which rules matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation<'r> {
    matched: Vec<&'r Rule>,
}

impl<'r> Evaluation<'r> {
    /// The rules whose conditions are all met, in the order of the policy.
    #[must_use]
    pub fn matched(&self) -> &[&'r Rule] {
        &self.matched
    }
}

/// What one rule says of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict<'r> {
    /// All conditions are met.
    Matched,
    /// The rule speaks of other connections.
    OtherConnection,
    /// This condition, the first of such, is not met.
    Failed(&'r Condition),
    /// No condition failed, but this one asks for a group, and not all groups were told.
    Undecided(&'r Condition),
}

impl RuleSet {
    /// Checks `rules` against `catalog`, and indexes them.
    ///
    /// # Errors
    /// Everything that is wrong with any of them; never a set that is half loaded.
    pub fn new(catalog: &RoleCatalog, rules: Vec<Rule>) -> Result<Self, Vec<RolesError>> {
        let mut errors = Vec::new();
        // A map that grows hashes all its keys again.
        let mut by_id = HashMap::with_capacity(rules.len());
        for (place, rule) in rules.iter().enumerate() {
            add_faults(catalog, rule, &mut errors);
            if by_id.insert(rule.id.clone(), place).is_some() {
                errors.push(RolesError::DuplicateRule(rule.id.clone()));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut denials_by_group: BTreeMap<RoleName, Vec<usize>> = BTreeMap::new();
        for (place, rule) in rules.iter().enumerate() {
            if rule.all.iter().any(Condition::asks_for_groups) {
                for role in &rule.deny {
                    denials_by_group
                        .entry(role.clone())
                        .or_default()
                        .push(place);
                }
            }
        }
        let index = Index::of(&rules);
        Ok(Self {
            rules,
            by_id,
            index,
            denials_by_group,
        })
    }

    /// All rules, in the order of the policy.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule of that id, if there is one.
    #[must_use]
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.by_id.get(id).and_then(|place| self.rules.get(*place))
    }

    /// The rules that match `facts` that came through `connection`.
    #[must_use]
    pub fn evaluate(&self, connection: &ConnectionId, facts: &Facts) -> Evaluation<'_> {
        let places = self.index.matched(&self.rules, connection, facts);
        let matched = places
            .iter()
            .filter_map(|place| self.rules.get(*place as usize));
        Evaluation {
            matched: matched.collect(),
        }
    }

    /// The rules that would deny `role` and can not be decided, by id: they ask for groups, and
    /// not all groups were told.
    #[must_use]
    pub fn undecided_denials(
        &self,
        role: &RoleName,
        connection: &ConnectionId,
        facts: &Facts,
    ) -> Vec<RuleId> {
        if facts.groups.is_complete() {
            return Vec::new();
        }
        let places = self.denials_by_group.get(role).into_iter().flatten();
        let rules = places.filter_map(|place| self.rules.get(*place));
        let undecided =
            rules.filter(|rule| matches!(verdict(rule, connection, facts), Verdict::Undecided(_)));
        let mut ids: Vec<RuleId> = undecided.map(|rule| rule.id.clone()).collect();
        ids.sort();
        ids
    }

    /// What every rule says: matched, or the first condition that failed.
    pub fn explain<'r>(
        &'r self,
        connection: &'r ConnectionId,
        facts: &'r Facts,
    ) -> impl Iterator<Item = (&'r Rule, Verdict<'r>)> {
        self.rules
            .iter()
            .map(move |rule| (rule, verdict(rule, connection, facts)))
    }
}

/// What one rule says of `facts` that came through `connection`.
#[must_use]
pub fn verdict<'r>(rule: &'r Rule, connection: &ConnectionId, facts: &Facts) -> Verdict<'r> {
    if !rule.is_about(connection) {
        return Verdict::OtherConnection;
    }
    let mut undecided = None;
    for condition in &rule.all {
        match condition.answer(facts) {
            Answer::Met => {}
            Answer::Failed => return Verdict::Failed(condition),
            Answer::Undecided => undecided = undecided.or(Some(condition)),
        }
    }
    undecided.map_or(Verdict::Matched, Verdict::Undecided)
}
