//! Many rules, checked and indexed.
//!
//! Each rule is filed under the values of the one condition that is rarest among all rules. A
//! sign-in looks up the values that the person has, and asks the remaining conditions only of
//! the rules found there. So the cost grows with the rules that share the person's values, not
//! with the rules there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasherDefault;

use countersign_core::{ConnectionId, Facts, RuleId};

use crate::catalog::RoleCatalog;
use crate::error::RolesError;
use crate::rule::{Condition, GROUPS, Rule};
use crate::rule_set::value_hasher::ValueHasher;

mod value_hasher;

/// The rules to ask for each value of one attribute.
type ByValue = HashMap<String, Vec<Filed>, BuildHasherDefault<ValueHasher>>;

/// Where a rule is filed.
#[derive(Debug, Clone, Copy)]
struct Filed {
    /// Its place in the set.
    place: usize,
    /// The place of the condition that it is filed under: whoever finds the rule meets it.
    met: usize,
}

/// Rules that were checked against a catalog, and indexed.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<Rule>,
    by_id: BTreeMap<RuleId, usize>,
    index: BTreeMap<String, ByValue>,
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
        let index = index(&rules);
        Ok(Self {
            rules,
            by_id,
            index,
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
        let mut places = Vec::new();
        for (attribute, by_value) in &self.index {
            if attribute == GROUPS {
                if let Some(groups) = facts.groups.known() {
                    self.survivors(by_value, groups, connection, facts, &mut places);
                }
            } else {
                let values = facts.values(attribute);
                self.survivors(by_value, values, connection, facts, &mut places);
            }
        }
        places.sort_unstable();
        places.dedup();
        let matched = places.iter().filter_map(|place| self.rules.get(*place));
        Evaluation {
            matched: matched.collect(),
        }
    }

    /// Adds the places of the rules that are filed under one of `values` and match.
    fn survivors<'f>(
        &self,
        by_value: &ByValue,
        values: impl IntoIterator<Item = &'f String>,
        connection: &ConnectionId,
        facts: &Facts,
        places: &mut Vec<usize>,
    ) {
        for value in values {
            let filed = by_value.get(value.as_str()).map_or(&[][..], Vec::as_slice);
            let survivors = filed.iter().filter(|filed| {
                self.rules
                    .get(filed.place)
                    .is_some_and(|rule| rule.is_about(connection) && others_met(rule, filed, facts))
            });
            places.extend(survivors.map(|filed| filed.place));
        }
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
        if condition.is_undecided_by(facts) {
            undecided = undecided.or(Some(condition));
        } else if !condition.is_met_by(facts) {
            return Verdict::Failed(condition);
        }
    }
    undecided.map_or(Verdict::Matched, Verdict::Undecided)
}

/// Whether all conditions are met but the one that the rule was found by, which is.
fn others_met(rule: &Rule, filed: &Filed, facts: &Facts) -> bool {
    let mut conditions = rule.all.iter().enumerate();
    conditions.all(|(place, condition)| place == filed.met || condition.is_met_by(facts))
}

fn faults(catalog: &RoleCatalog, rule: &Rule) -> Vec<RolesError> {
    let mut errors = Vec::new();
    if rule.all.is_empty() {
        errors.push(RolesError::NoCondition(rule.id.clone()));
    }
    if rule
        .all
        .iter()
        .any(|condition| condition.values().is_empty())
    {
        errors.push(RolesError::NoValue(rule.id.clone()));
    }
    if rule.grant.is_empty() {
        errors.push(RolesError::NoGrant(rule.id.clone()));
    }
    let mut given = BTreeSet::new();
    for grant in &rule.grant {
        let (rule, role) = (rule.id.clone(), grant.role.clone());
        if catalog.role(&role).is_none() {
            errors.extend(catalog.expect_role(role.as_str()).err());
        }
        if grant.ttl.is_some_and(|ttl| ttl.is_zero()) {
            errors.push(RolesError::NoTime {
                rule: rule.clone(),
                role: role.clone(),
            });
        }
        if grant.renew && grant.ttl.is_none() {
            errors.push(RolesError::NothingToRenew {
                rule: rule.clone(),
                role: role.clone(),
            });
        }
        if !given.insert(&grant.role) {
            errors.push(RolesError::DuplicateGrant { rule, role });
        }
    }
    errors
}

/// Files each rule under the values of its rarest condition: the one whose values are asked for
/// by the fewest conditions of all rules together.
fn index(rules: &[Rule]) -> BTreeMap<String, ByValue> {
    let mut asked: HashMap<(&str, &str), usize> = HashMap::new();
    for condition in rules.iter().flat_map(|rule| &rule.all) {
        for value in condition.values() {
            let count = asked.entry((condition.attribute(), value)).or_default();
            *count = count.saturating_add(1);
        }
    }
    let rarity = |condition: &Condition| {
        let atoms = condition.values().iter();
        let counts = atoms.map(|value| asked.get(&(condition.attribute(), value.as_str())));
        counts
            .flatten()
            .fold(0_usize, |sum, count| sum.saturating_add(*count))
    };
    let mut index: BTreeMap<String, ByValue> = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate() {
        let conditions = rule.all.iter().enumerate();
        if let Some((met, rarest)) = conditions.min_by_key(|(_, condition)| rarity(condition)) {
            let by_value = index.entry(rarest.attribute().to_owned()).or_default();
            for value in rarest.values() {
                let filed = by_value.entry(value.clone()).or_default();
                filed.push(Filed { place, met });
            }
        }
    }
    index
}
