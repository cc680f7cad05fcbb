//! Many rules, checked and indexed.
//!
//! Each rule is filed under the values of the one condition that is rarest among all rules. A
//! sign-in looks up the values that the person has, and asks the remaining conditions only of
//! the rules found there. So the cost grows with the rules that share the person's values, not
//! with the rules there are.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;

use countersign_core::{ConnectionId, Facts, RoleName, RuleId};

use crate::catalog::RoleCatalog;
use crate::condition::{Answer, Condition, said};
use crate::error::RolesError;
use crate::rule::Rule;
use crate::rule_set::faults::faults;
use crate::rule_set::value_hasher::ValueHasher;

mod faults;
mod value_hasher;

/// The rules to ask for each value of one attribute.
type ByValue = HashMap<String, Vec<Filed>, BuildHasherDefault<ValueHasher>>;

/// A rule, filed under a value of its rarest condition: whoever finds it meets that one.
#[derive(Debug, Clone, Copy)]
struct Filed {
    /// Its place in the set.
    place: usize,
    /// Whether it names connections.
    is_scoped: bool,
    /// The run of its other conditions in [`Index::others`].
    others: (usize, usize),
}

/// Where rules are found, and what is left to ask of them.
#[derive(Debug, Clone, Default)]
struct Index {
    by_attribute: BTreeMap<String, ByValue>,
    /// Rules without an exact value to be found by.
    always: Vec<Filed>,
    /// Places in `conditions`, one run for each rule.
    others: Vec<usize>,
    /// Each condition that is left to ask, once, however many rules share it.
    conditions: Vec<Condition>,
}

/// Rules that were checked against a catalog, and indexed.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    by_id: BTreeMap<RuleId, usize>,
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
        let mut by_id = BTreeMap::new();
        for (place, rule) in rules.iter().enumerate() {
            errors.extend(faults(catalog, rule));
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
        let mut survivors = Survivors {
            set: self,
            connection,
            facts,
            answers: vec![None; self.index.conditions.len()],
            places: Vec::new(),
        };
        for (attribute, by_value) in &self.index.by_attribute {
            survivors.find(by_value, said(facts, attribute));
        }
        survivors.keep(&self.index.always);
        let mut places = survivors.places;
        places.sort_unstable();
        places.dedup();
        let matched = places.iter().filter_map(|place| self.rules.get(*place));
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

/// The rules that were found and whose other conditions are met too.
struct Survivors<'a> {
    set: &'a RuleSet,
    connection: &'a ConnectionId,
    facts: &'a Facts,
    /// Whether a condition is met, by its place in [`Index::conditions`], once it was asked.
    answers: Vec<Option<bool>>,
    places: Vec<usize>,
}

impl Survivors<'_> {
    fn find<'f>(&mut self, by_value: &ByValue, values: impl IntoIterator<Item = &'f str>) {
        for value in values {
            if let Some(filed) = by_value.get(value) {
                self.keep(filed);
            }
        }
    }

    fn keep(&mut self, found: &[Filed]) {
        for filed in found {
            if self.is_about(filed) && self.meets_others(filed) {
                self.places.push(filed.place);
            }
        }
    }

    fn is_about(&self, filed: &Filed) -> bool {
        let rule = || self.set.rules.get(filed.place);
        !filed.is_scoped || rule().is_some_and(|rule| rule.is_about(self.connection))
    }

    fn meets_others(&mut self, filed: &Filed) -> bool {
        let index = &self.set.index;
        let (from, to) = filed.others;
        // INVARIANT: runs and places were made with the index; one that is not there is not met.
        let Some(others) = index.others.get(from..to) else {
            return false;
        };
        others.iter().all(|place| {
            let asked = self.answers.get_mut(*place);
            let asked = asked.zip(index.conditions.get(*place));
            asked.is_some_and(|(answer, condition)| {
                *answer.get_or_insert_with(|| condition.answer(self.facts) == Answer::Met)
            })
        })
    }
}

impl Index {
    /// Files each rule under the values of its rarest condition: the one whose values are asked
    /// for by the fewest conditions of all rules together.
    fn of(rules: &[Rule]) -> Self {
        let mut asked: HashMap<(&str, &str), usize> = HashMap::new();
        for condition in rules.iter().flat_map(|rule| &rule.all) {
            for value in findable(condition).unwrap_or_default() {
                let count = asked.entry((&condition.attribute, value)).or_default();
                *count = count.saturating_add(1);
            }
        }
        let rarity = |condition: &Condition| {
            let values = findable(condition).unwrap_or_default().iter();
            let counts = values.map(|value| asked.get(&(&*condition.attribute, value.as_str())));
            let counts = counts.flatten();
            counts.fold(0_usize, |sum, count| sum.saturating_add(*count))
        };
        let mut index = Self::default();
        let mut places: HashMap<&Condition, usize> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            let exact = rule.all.iter().filter(|c| findable(c).is_some());
            let found_by = exact.min_by_key(|condition| rarity(condition));
            let from = index.others.len();
            for condition in &rule.all {
                if Some(condition) != found_by {
                    let place = *places.entry(condition).or_insert_with(|| {
                        index.conditions.push(condition.clone());
                        index.conditions.len().saturating_sub(1)
                    });
                    index.others.push(place);
                }
            }
            let filed = Filed {
                place,
                is_scoped: !rule.connections.is_empty(),
                others: (from, index.others.len()),
            };
            let Some(found_by) = found_by else {
                index.always.push(filed);
                continue;
            };
            let by_value = index.by_attribute.entry(found_by.attribute.clone());
            let by_value = by_value.or_default();
            for value in findable(found_by).unwrap_or_default() {
                by_value.entry(value.clone()).or_default().push(filed);
            }
        }
        index
    }
}

/// The values by which a rule with this condition can be found.
fn findable(condition: &Condition) -> Option<&[String]> {
    condition.test.exact_values().filter(|_| !condition.negated)
}
