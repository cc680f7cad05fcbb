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

use std::collections::BTreeMap;

use fuzz_shared::choices::Choices;

use crate::reference::case::Case;
use crate::reference::comparison::compare;

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

#[test]
fn the_compiled_rules_do_what_the_documentation_says() {
    let cases = std::env::var("COUNTERSIGN_POLICY_CASES");
    let cases = cases.map_or(CASES, |cases| cases.parse().unwrap());
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..cases {
        let case = Case::of(&mut Choices::from_seed(seed));
        for line in compare(&case) {
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
