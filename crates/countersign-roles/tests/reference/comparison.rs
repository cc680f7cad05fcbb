//! The two side by side.

use std::collections::BTreeSet;

use countersign_roles::{RoleSync, RuleSet, Verdict, reconcile};

use super::case::Case;
use super::{Known, expected, lines, matches};

/// Panics unless the compiled rules and the reference agree on a case; returns what happened in
/// it.
pub(crate) fn compare(case: &Case) -> BTreeSet<String> {
    let rules = RuleSet::new(&case.catalog, case.rules.clone()).unwrap();
    let evaluation = rules.evaluate(&case.connection, &case.facts);
    let said: Vec<Known> = case.rules.iter().map(|rule| matches(rule, case)).collect();

    let found: Vec<_> = evaluation.matched().iter().map(|rule| &rule.id).collect();
    let matching = case.rules.iter().zip(&said);
    let matching = matching.filter(|(_, said)| **said == Known::Yes);
    let matching: Vec<_> = matching.map(|(rule, _)| &rule.id).collect();
    assert_eq!(found, matching, "{case:#?}");

    let verdicts = rules.explain(&case.connection, &case.facts);
    let verdicts = verdicts.map(|(_, verdict)| match verdict {
        Verdict::Matched => Known::Yes,
        Verdict::Undecided(_) => Known::Maybe,
        _ => Known::No,
    });
    let verdicts: Vec<Known> = verdicts.collect();
    assert_eq!(verdicts, said, "{case:#?}");

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
    assert_eq!(happened, expected(case), "{case:#?}");
    happened
}
