//! What is wrong with a rule by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Budget, Case, Claim, Exhausted, Pattern, domain_of};
use crate::condition::{Condition, EMAIL};
use crate::finding::{Finding, Place, Severity};
use crate::lint::Lint;
use crate::rule::Rule;

const UNREACHABLE: (Severity, &str) = (Severity::Error, "lint.unreachable");
const UNCLAIMED_DOMAIN: (Severity, &str) = (Severity::Error, "lint.unclaimed_domain");
const ONLY_NEGATIVE: (Severity, &str) = (Severity::Warning, "lint.only_negative");
const IDLE_CONDITION: (Severity, &str) = (Severity::Warning, "lint.idle_condition");

impl<'a> Lint<'a> {
    /// Looks at each rule by itself.
    pub(super) fn alone(&mut self) {
        let mut findings = Vec::new();
        let mut budget = std::mem::replace(&mut self.budget, Budget::new(0));
        let mut exhausted = false;
        for prepared in &self.rules {
            let rule = prepared.rule;
            let Some(case) = &prepared.matched else {
                findings.push(contradiction(rule));
                continue;
            };
            let mut closed = prepared.connections.iter().copied();
            if !prepared.connections.is_empty()
                && mentions_address(case)
                && closed.all(|connection| !self.lets_in(connection, case))
            {
                findings.push(self.unclaimed(rule, &prepared.connections));
            }
            if self.wants_all {
                findings.extend(only_negative(rule));
                match idle_condition(rule, &mut budget) {
                    Ok(finding) => findings.extend(finding),
                    Err(Exhausted) => exhausted = true,
                }
            }
        }
        self.budget = budget;
        self.exhausted |= exhausted;
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Whether the connection lets in anybody's address that fits the case.
    fn lets_in(&self, connection: usize, case: &Case<'a>) -> bool {
        let connection = self.policy.connections.get(connection);
        let Some(domains) = connection.and_then(|connection| connection.domains.as_ref()) else {
            return true;
        };
        // What is asked by exact addresses and domains; of the rest, some address is in each.
        case.claims().all(|claim| match &claim {
            Claim::Has(EMAIL, Pattern::Domain(domain)) => domains.contains(domain),
            Claim::Has(EMAIL, pattern) if pattern.is_exact() => {
                let mut named = pattern.values().iter().filter_map(|value| domain_of(value));
                named.any(|domain| domains.contains(domain))
            }
            _ => true,
        })
    }

    fn unclaimed(&self, rule: &Rule, connections: &BTreeSet<usize>) -> Finding {
        let about_address = |condition: &&Condition| condition.attribute == EMAIL;
        let number = rule
            .all
            .iter()
            .position(|condition| about_address(&condition));
        let place = number.map_or_else(
            || Place::Rule(rule.id.clone()),
            |number| Place::Condition(rule.id.clone(), number),
        );
        let asked = rule.all.iter().find(about_address);
        let asked = asked.map(ToString::to_string).unwrap_or_default();
        let names = connections
            .iter()
            .map(|number| self.connection_name(*number));
        let names = crate::words::listed(names, "and");
        Finding::new(
            UNCLAIMED_DOMAIN,
            place,
            format!(
                "rule `{}` can never match: {asked}, and nobody with such an address is let in by {names}",
                rule.id
            ),
            "add the domain to the connection's `domains`, or remove the rule",
        )
    }
}

fn mentions_address(case: &Case<'_>) -> bool {
    let mut claims = case.claims();
    claims.any(|claim| matches!(claim, Claim::Has(EMAIL, _)))
}

/// Names the conditions that can not be met together.
fn contradiction(rule: &Rule) -> Finding {
    let id = &rule.id;
    let mut case = Case::default();
    let mut last = 0;
    for (number, condition) in rule.all.iter().enumerate() {
        last = number;
        if !condition.met().all(|claim| case.add(&claim)) {
            break;
        }
    }
    let place = Place::Condition(id.clone(), last);
    let Some(second) = rule.all.get(last) else {
        return Finding::new(
            UNREACHABLE,
            place,
            format!("rule `{id}` can never match"),
            "",
        );
    };
    let mut alone = Case::default();
    if !second.met().all(|claim| alone.add(&claim)) {
        let fix = match second.attribute.as_str() {
            EMAIL => "write it in canonical form: lower case, with the domain in its ASCII form",
            _ => "remove the condition, or ask for another value",
        };
        return Finding::new(
            UNREACHABLE,
            place,
            format!("rule `{id}` can never match: nobody can fit `{}`", second),
            fix,
        );
    }
    let first = rule.all.iter().take(last).find(|first| {
        let mut both = Case::default();
        let claims: Vec<_> = first.met().chain(second.met()).collect();
        !claims.iter().all(|claim| both.add(claim))
    });
    let message = match first {
        Some(first) => {
            format!("rule `{id}` can never match: {first}, and {second}, can not both be")
        }
        None => {
            format!("rule `{id}` can never match: with its other conditions, {second} can not be")
        }
    };
    Finding::new(
        UNREACHABLE,
        place,
        message,
        "remove one of the conditions, or make two rules of them",
    )
}

fn only_negative(rule: &Rule) -> Option<Finding> {
    let negative = rule.all.iter().all(|condition| condition.negated);
    (negative && !rule.grant.is_empty()).then(|| {
        Finding::new(
            ONLY_NEGATIVE,
            Place::Rule(rule.id.clone()),
            format!(
                "rule `{}` gives roles to whoever is not something, so to everybody that nobody thought of",
                rule.id
            ),
            "add a condition on what the people for whom it is meant are",
        )
    })
}

/// A condition that is met wherever the others are.
fn idle_condition(rule: &Rule, budget: &mut Budget) -> Result<Option<Finding>, Exhausted> {
    if rule.all.len() < 2 {
        return Ok(None);
    }
    let mut attributes: BTreeMap<&str, usize> = BTreeMap::new();
    for condition in &rule.all {
        let count = attributes.entry(&condition.attribute).or_default();
        *count = count.saturating_add(1);
    }
    let several = |condition: &Condition| {
        let count = attributes.get(condition.attribute.as_str());
        count.is_some_and(|count| *count > 1)
    };
    for (number, condition) in rule.all.iter().enumerate().filter(|(_, c)| several(c)) {
        budget.spend(rule.all.len())?;
        let others = rule.all.iter().enumerate();
        let others = others.filter(|(other, _)| *other != number);
        let mut rest = Case::default();
        rest.add_all(others.flat_map(|(_, other)| other.met()));
        if condition.met().all(|claim| rest.implies(&claim)) {
            return Ok(Some(Finding::new(
                IDLE_CONDITION,
                Place::Condition(rule.id.clone(), number),
                format!(
                    "in rule `{}` it makes no difference that {condition}: the other conditions say so already",
                    rule.id
                ),
                "remove the condition, unless another one was meant",
            )));
        }
    }
    Ok(None)
}
