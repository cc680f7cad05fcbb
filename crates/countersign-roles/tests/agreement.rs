//! The compiled rules and a plain reading of the documentation agree.
//!
//! `COUNTERSIGN_POLICY_CASES=10000000 cargo test --release -p countersign-roles --test agreement`
//! compares as many.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod reference;

use std::collections::{BTreeMap, BTreeSet};

use countersign_roles::{RoleSync, RuleSet, Verdict, reconcile};
use fuzz_shared::choices::Choices;

use crate::reference::case::Case;
use crate::reference::{Known, expected, lines, matches};

/// Enough that a mistake in any step is found many times over.
const CASES: u64 = 5_000;

/// What has to happen in the cases; if it does not, nothing was compared.
const HAPPENS: [&str; 17] = [
    "give",
    "renew",
    "keep",
    "spent",
    "other",
    "take",
    "withheld",
    "roles.rule_no_longer_matches",
    "roles.rule_changed",
    "roles.not_default",
    "roles.duplicate",
    "roles.denied",
    "roles.denial_undecided",
    "roles.exceeds_max_privilege",
    "roles.shorter_rule",
    "roles.separation_of_duty",
    "roles.not_highest",
];

/// Compares a case, and returns what happened in it.
fn compare(seed: u64) -> BTreeSet<String> {
    let case = Case::of(&mut Choices::from_seed(seed));
    let rules = RuleSet::new(&case.catalog, case.rules.clone()).unwrap();
    let evaluation = rules.evaluate(&case.connection, &case.facts);
    let said: Vec<Known> = case.rules.iter().map(|rule| matches(rule, &case)).collect();

    let found: Vec<_> = evaluation.matched().iter().map(|rule| &rule.id).collect();
    let rules_said = case.rules.iter().zip(&said);
    let matching = rules_said.filter(|(_, said)| **said == Known::Yes);
    let matching: Vec<_> = matching.map(|(rule, _)| &rule.id).collect();
    assert_eq!(found, matching, "seed {seed}: {case:#?}");

    let verdicts = rules.explain(&case.connection, &case.facts);
    let verdicts = verdicts.map(|(_, verdict)| match verdict {
        Verdict::Matched => Known::Yes,
        Verdict::Undecided(_) => Known::Maybe,
        _ => Known::No,
    });
    let verdicts: Vec<Known> = verdicts.collect();
    assert_eq!(verdicts, said, "seed {seed}: {case:#?}");

    let sync = RoleSync {
        connection: &case.connection,
        catalog: &case.catalog,
        rules: &rules,
        default_roles: &case.default_roles,
        max_privilege: case.max_privilege.as_ref(),
        facts: &case.facts,
    };
    let delta = reconcile(&case.existing, &sync, &evaluation, case.now);
    let happened = lines(&delta);
    assert_eq!(happened, expected(&case), "seed {seed}: {case:#?}");
    happened
}

#[test]
fn the_compiled_rules_do_what_the_documentation_says() {
    let cases = std::env::var("COUNTERSIGN_POLICY_CASES");
    let cases = cases.map_or(CASES, |cases| cases.parse().unwrap());
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..cases {
        for line in compare(seed) {
            for what in HAPPENS
                .iter()
                .filter(|what| line.split(' ').any(|w| w == **what))
            {
                *seen.entry(what).or_default() += 1;
            }
        }
    }
    println!("{cases} cases: {seen:?}");
    for what in HAPPENS {
        assert!(
            seen.get(what).is_some_and(|seen| *seen > cases / 1000),
            "{what}: {seen:?}"
        );
    }
}
