//! What is found wrong in rules: by example, and against trying everybody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::{ConnectionId, RoleName};
use countersign_roles::{
    Condition, ConnectionView, DutySet, EMAIL, ExclusiveGroup, Finding, GROUPS, Place, PolicyView,
    Role, RoleCatalog, RoleGrant, Rule, RuleSet, Severity, Values, Verdict, lint, lint_errors,
    rule_set,
};
use proptest::prelude::*;

use crate::universe::{ROLES, Small, id, people, permanent, policy, role};

#[allow(dead_code, unreachable_pub, reason = "shared by several tests")]
mod universe;

fn gives(name: &str, all: Vec<Condition>, roles: &[&str]) -> Rule {
    let rule = Rule::new(id(name), all);
    let grants = roles.iter().map(|name| RoleGrant::permanent(role(name)));
    grants.fold(rule, Rule::gives)
}

fn any_of(attribute: &str, values: &[&str]) -> Condition {
    Condition::any_of(attribute, Values::new(values.iter().copied()).unwrap())
}

fn catalog() -> RoleCatalog {
    RoleCatalog::new(ROLES.map(|name| Role::new(role(name)))).unwrap()
}

/// The codes and messages of the errors of these rules.
fn errors(rules: Vec<Rule>) -> Vec<(&'static str, String)> {
    let small = Small::new(catalog(), rules, Vec::new());
    let found = lint_errors(&small.view()).into_iter();
    found
        .map(|finding| (finding.code, finding.message))
        .collect()
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_rule_that_nobody_can_match_is_an_error() {
    let eq = Condition::eq;
    for (all, message) in [
        (
            vec![
                Condition::domain("a.example"),
                Condition::domain("b.example"),
            ],
            "the e-mail address is in the domain `a.example`, and the e-mail address is in the domain `b.example`, can not both be",
        ),
        (
            vec![eq("d", "x"), !Condition::present("d")],
            "`d` is `x`, and `d` was not sent, can not both be",
        ),
        (
            vec![eq("d", "x"), eq("s", "1"), !any_of("d", &["x", "y"])],
            "`d` is `x`, and `d` is neither `x` nor `y`, can not both be",
        ),
        (
            vec![!Condition::prefix("d", "ex"), any_of("d", &["ext", "exam"])],
            "`d` does not begin with `ex`, and `d` is `exam` or `ext`, can not both be",
        ),
        (
            vec![eq(GROUPS, "g"), !Condition::prefix(GROUPS, "g")],
            "in the group `g`, and not in a group that begins with `g`, can not both be",
        ),
        (
            vec![any_of("d", &["x", "y"]), !eq("d", "x"), !eq("d", "y")],
            "with its other conditions, `d` is not `y` can not be",
        ),
        (
            vec![eq(EMAIL, "Nurse@a.example")],
            "nobody can fit `the e-mail address is `Nurse@a.example``",
        ),
        (
            vec![eq(EMAIL, "n@a.example"), Condition::domain("b.example")],
            "the e-mail address is `n@a.example`, and the e-mail address is in the domain `b.example`, can not both be",
        ),
        (
            vec![
                Condition::prefix(EMAIL, "n@a."),
                Condition::suffix(EMAIL, "x@a.example"),
            ],
            "the e-mail address begins with `n@a.`, and the e-mail address ends with `x@a.example`, can not both be",
        ),
    ] {
        assert_eq!(
            errors(vec![gives("r", all, &["r0"])]),
            [(
                "lint.unreachable",
                format!("rule `r` can never match: {message}")
            )]
        );
    }
}

/// Attributes and groups may have several values.
#[test]
fn two_values_of_one_attribute_go_together() {
    let eq = Condition::eq;
    for all in [
        vec![eq("d", "x"), eq("d", "y")],
        vec![eq(GROUPS, "x"), eq(GROUPS, "y")],
        vec![eq("d", "x"), !eq("d", "y")],
        vec![Condition::prefix("d", "x"), !eq("d", "x")],
        vec![
            Condition::domain("a.example"),
            Condition::suffix(EMAIL, ".example"),
        ],
        vec![!Condition::present("d"), eq("e", "x")],
        vec![!Condition::present(GROUPS)],
    ] {
        assert_eq!(errors(vec![gives("r", all, &["r0"])]), []);
    }
}

#[test]
fn a_rule_that_says_the_same_as_another_is_an_error() {
    let one = gives(
        "one",
        vec![Condition::eq("d", "x"), Condition::eq("s", "1")],
        &["r0", "r1"],
    );
    let other = gives(
        "other",
        vec![any_of("s", &["1"]), Condition::eq("d", "x")],
        &["r1", "r0"],
    );
    assert_eq!(
        errors(vec![one, other]),
        [(
            "lint.duplicate_rule",
            "rule `other` says the same as rule `one`".into()
        )]
    );
}

#[test]
fn a_rule_that_a_wider_one_makes_idle_is_an_error() {
    let wide = || gives("wide", vec![Condition::prefix("d", "ex")], &["r0", "r1"]);
    let narrow = |roles: &[&str]| {
        gives(
            "narrow",
            vec![Condition::eq("d", "ext"), Condition::eq("s", "1")],
            roles,
        )
    };
    let message = "rule `narrow` changes nothing: whoever matches it matches rule `wide` too, which does the same";
    let subsumed = [("lint.subsumed_rule", message.to_owned())];
    assert_eq!(errors(vec![wide(), narrow(&["r0"])]), subsumed);
    assert_eq!(errors(vec![narrow(&["r1", "r0"]), wide()]), subsumed);
    assert_eq!(errors(vec![wide(), narrow(&["r0", "r2"])]), []);
    let elsewhere = wide().at(ConnectionId::new("other").unwrap());
    assert_eq!(errors(vec![elsewhere, narrow(&["r0"])]), []);
}

/// The shortest time counts, and times that do not begin together do not end together.
#[test]
fn a_narrower_rule_with_a_time_of_its_own_is_no_error() {
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    let permanent = || RoleGrant::permanent(role("r0"));
    let temporary = |h| RoleGrant::temporary(role("r0"), hours(h));
    let renewed = |h| RoleGrant::renewed(role("r0"), hours(h));
    let capped = |h, cap| RoleGrant {
        cap: Some(hours(cap)),
        ..renewed(h)
    };
    let scoped = |grant: RoleGrant, scope: &str| RoleGrant {
        scope: vec![scope.parse().unwrap()],
        ..grant
    };
    for (wide, narrow, is_idle) in [
        (permanent(), permanent(), true),
        (permanent(), temporary(24), false),
        (temporary(24), permanent(), true),
        (temporary(24), temporary(48), true),
        (temporary(24), temporary(24), false),
        (temporary(48), temporary(24), false),
        (renewed(24), renewed(24), true),
        (renewed(24), temporary(24), false),
        (temporary(24), renewed(24), false),
        (capped(24, 48), capped(24, 48), false),
        (scoped(permanent(), "nda/*"), permanent(), false),
        (
            scoped(permanent(), "nda/*"),
            scoped(permanent(), "nda/*"),
            true,
        ),
    ] {
        let rules = vec![
            Rule::new(id("wide"), [Condition::present("d")]).gives(wide.clone()),
            Rule::new(id("narrow"), [Condition::eq("d", "x")]).gives(narrow.clone()),
        ];
        assert_eq!(
            errors(rules).len(),
            usize::from(is_idle),
            "{wide:?} {narrow:?}"
        );
    }
}

#[test]
fn a_grant_that_a_denial_always_defeats_is_an_error() {
    let give = || {
        gives(
            "give",
            vec![Condition::eq("d", "x"), Condition::eq("s", "1")],
            &["r0"],
        )
    };
    let deny = |condition| Rule::new(id("deny"), [condition]).denies(role("r0"));
    assert_eq!(
        errors(vec![give(), deny(any_of("d", &["x", "y"]))]),
        [(
            "lint.conflict",
            "rule `give` never gives `r0`: whoever matches it matches rule `deny` too, which denies `r0`".into()
        )]
    );
    assert_eq!(errors(vec![give(), deny(Condition::eq("d", "y"))]), []);
}

/// A denial that is undecided takes as well: where it asks for groups that were not told.
#[test]
fn a_denial_that_is_never_failed_defeats_too() {
    let give = gives("give", vec![Condition::eq(GROUPS, "x")], &["r0"]);
    let deny = Rule::new(
        id("deny"),
        [Condition::eq(GROUPS, "x"), Condition::present(GROUPS)],
    )
    .denies(role("r0"));
    let found = errors(vec![give, deny]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "lint.conflict");
}

fn with_duties(rules: Vec<Rule>, defaults: &[&str]) -> Small {
    let set = DutySet::new([role("r0"), role("r1")]).unwrap();
    let catalog = catalog().with_separation_of_duty([set]).unwrap();
    Small::new(
        catalog,
        rules,
        defaults.iter().map(|name| role(name)).collect(),
    )
}

/// A denial that nobody can match stands where groups were not told, and leaves the other role.
#[test]
fn a_default_that_an_undecided_denial_takes_leaves_the_other_role() {
    let deny = Rule::new(
        id("deny"),
        [Condition::eq(GROUPS, "x"), !Condition::prefix(GROUPS, "x")],
    )
    .denies(role("r0"));
    let give = gives("give", vec![Condition::eq("d", "x")], &["r1"]);
    let found = lint_errors(&with_duties(vec![deny, give], &["r0"]).view());
    assert_eq!(codes(&found), ["lint.unreachable"]);
    assert_eq!(found[0].rule(), Some(&id("deny")));
}

#[test]
fn roles_that_separation_of_duty_always_takes_are_errors() {
    let narrow = || gives("narrow", vec![Condition::eq("d", "x")], &["r0"]);
    let wide = || gives("wide", vec![Condition::present("d")], &["r1"]);
    let say = |small: &Small| -> Vec<String> {
        let found = lint_errors(&small.view());
        assert!(
            found
                .iter()
                .all(|finding| finding.code == "lint.separation_of_duty")
        );
        found.into_iter().map(|finding| finding.message).collect()
    };
    let both = gives("both", vec![Condition::eq("d", "x")], &["r0", "r1"]);
    assert_eq!(
        say(&with_duties(vec![both], &[])),
        [
            "rule `both` gives `r0` and `r1`, of which nobody may hold both, so it gives neither",
            "rule `both` gives `r1` and `r0`, of which nobody may hold both, so it gives neither",
        ]
    );
    assert_eq!(
        say(&with_duties(vec![narrow(), wide()], &[])),
        [
            "rule `narrow` never gives `r0`: whoever matches it gets `r1` from rule `wide` too, and nobody may hold both"
        ]
    );
    assert_eq!(
        say(&with_duties(vec![narrow()], &["r1"])),
        ["rule `narrow` never gives `r0`: everybody has `r1` by default, and nobody may hold both"]
    );
    assert_eq!(
        say(&with_duties(vec![], &["r0", "r1"])),
        [
            "connection `acme` gives `r0` and `r1` by default, of which nobody may hold both, so it gives neither"
        ]
    );
    // A rule that denies the other role knows what it does.
    assert_eq!(
        say(&with_duties(
            vec![narrow().denies(role("r1")), wide()],
            &["r1"]
        )),
        [""; 0]
    );
}

#[test]
fn a_pair_that_is_exclusive_in_two_ways_is_an_error() {
    let group = ExclusiveGroup::new("desk", vec![role("r0"), role("r2"), role("r1")]).unwrap();
    let set = DutySet::new([role("r1"), role("r0")]).unwrap();
    let catalog = catalog();
    let catalog = catalog.with_separation_of_duty([set]).unwrap();
    let catalog = catalog.with_exclusive_groups([group]).unwrap();
    let small = Small::new(catalog, Vec::new(), Vec::new());
    let found = lint_errors(&small.view());
    assert_eq!(codes(&found), ["lint.exclusive_twice"]);
    assert_eq!(found[0].place, Place::ExclusiveGroup("desk".into()));
}

#[test]
fn an_address_that_no_connection_lets_in_is_an_error() {
    let ask = |condition| {
        let small = Small::new(
            catalog(),
            vec![gives("r", vec![condition], &["r0"])],
            Vec::new(),
        );
        let mut view = small.view();
        view.connections[0].domains = Some(BTreeSet::from(["a.example"]));
        codes(&lint_errors(&view))
    };
    assert_eq!(
        ask(Condition::domain("b.example")),
        ["lint.unclaimed_domain"]
    );
    assert_eq!(
        ask(Condition::eq(EMAIL, "n@b.example")),
        ["lint.unclaimed_domain"]
    );
    assert_eq!(ask(any_of(EMAIL, &["n@b.example", "n@a.example"])), [""; 0]);
    assert_eq!(ask(Condition::domain("a.example")), [""; 0]);
    assert_eq!(ask(Condition::prefix(EMAIL, "n")), [""; 0]);
}

fn findings(small: &Small) -> Vec<(Severity, &'static str, Place)> {
    let found = lint(&small.view()).into_iter();
    found
        .map(|finding| (finding.severity, finding.code, finding.place))
        .collect()
}

/// Looking for a condition that the others imply takes the square of their number.
#[test]
fn a_rule_of_very_many_conditions_is_a_note_and_no_error() {
    let prefixes = (0..3_000).map(|number| Condition::prefix("d", format!("x{number:04}-")));
    let rule = gives("r", prefixes.collect(), &["r0", "r1", "r2", "r3"]);
    let small = Small::new(catalog(), vec![rule], Vec::new());
    assert_eq!(lint_errors(&small.view()), []);
    let codes: Vec<&str> = findings(&small).iter().map(|(_, code, _)| *code).collect();
    assert_eq!(codes, ["lint.too_entangled"]);
}

#[test]
fn what_is_odd_is_told_and_no_error() {
    let rest = || {
        gives(
            "rest",
            vec![Condition::eq("rest", "1")],
            &["r1", "r2", "r3"],
        )
    };
    let odd = |rule: Rule| -> Vec<(Severity, &'static str)> {
        let small = Small::new(catalog(), vec![rule, rest()], Vec::new());
        assert_eq!(lint_errors(&small.view()), []);
        findings(&small)
            .into_iter()
            .map(|(severity, code, _)| (severity, code))
            .collect()
    };
    assert_eq!(
        odd(gives("r", vec![!Condition::eq("d", "x")], &["r0"])),
        [(Severity::Warning, "lint.only_negative")]
    );
    assert_eq!(
        odd(gives(
            "r",
            vec![Condition::eq("d", "x"), Condition::present("d")],
            &["r0"]
        )),
        [(Severity::Warning, "lint.idle_condition")]
    );
    assert_eq!(
        odd(gives(
            "r",
            vec![Condition::eq("d", "x"), !Condition::eq("d", "y")],
            &["r0"]
        )),
        []
    );
    assert_eq!(
        odd(gives("r", vec![Condition::eq("d", "x")], &["r1"])),
        [(Severity::Warning, "lint.unreached_role")]
    );
    assert_eq!(
        odd(gives(
            "r",
            vec![Condition::eq("rest", "1"), Condition::eq("d", "x")],
            &["r0", "r1"]
        )),
        [(Severity::Warning, "lint.idle_grant")]
    );
}

#[test]
fn a_role_that_everybody_has_is_given_for_nothing() {
    let rules = vec![gives(
        "r",
        vec![Condition::eq("d", "x")],
        &["r0", "r1", "r2", "r3"],
    )];
    let small = Small::new(catalog(), rules, vec![role("r0")]);
    assert_eq!(
        findings(&small),
        [(
            Severity::Warning,
            "lint.idle_grant",
            Place::Grant(id("r"), role("r0"))
        )]
    );
}

#[test]
fn a_role_that_is_always_outranked_is_told() {
    let group = ExclusiveGroup::new("desk", vec![role("r0"), role("r1")]).unwrap();
    let catalog = catalog().with_exclusive_groups([group]).unwrap();
    let rules = vec![
        gives("wide", vec![Condition::present("d")], &["r0", "r2", "r3"]),
        gives("narrow", vec![Condition::eq("d", "x")], &["r1"]),
    ];
    let small = Small::new(catalog, rules, Vec::new());
    assert_eq!(
        findings(&small),
        [(
            Severity::Warning,
            "lint.outranked",
            Place::Grant(id("narrow"), role("r1"))
        )]
    );
}

#[test]
fn duties_that_may_meet_are_a_note() {
    let rules = vec![
        gives("one", vec![Condition::eq("d", "x")], &["r0", "r2"]),
        gives("two", vec![Condition::eq("s", "x")], &["r1", "r3"]),
    ];
    let small = with_duties(rules, &[]);
    assert_eq!(
        findings(&small),
        [(Severity::Note, "lint.duties_may_meet", Place::DutySet(0))]
    );
}

#[test]
fn a_privileged_role_that_may_be_lost_is_a_note() {
    let name = role("admin");
    let catalog = RoleCatalog::new([Role::new(name.clone()).privileged()]).unwrap();
    let rules = vec![gives("r", vec![Condition::eq(GROUPS, "g")], &["admin"])];
    let small = Small::new(catalog, rules, Vec::new());
    assert_eq!(
        findings(&small),
        [(
            Severity::Note,
            "lint.unguarded_privilege",
            Place::Role(name)
        )]
    );
}

/// What is said per connection holds only if it holds on each.
#[test]
fn a_rule_of_two_connections_is_lost_only_if_it_is_on_both() {
    let (one, two) = (
        ConnectionId::new("one").unwrap(),
        ConnectionId::new("two").unwrap(),
    );
    let both = [one.clone(), two.clone()];
    let lint_with = |deny_at: &[ConnectionId]| {
        let give = gives("give", vec![Condition::eq("d", "x")], &["r0"])
            .at(one.clone())
            .at(two.clone());
        let deny = Rule::new(id("deny"), [Condition::present("d")]).denies(role("r0"));
        let deny = deny_at.iter().cloned().fold(deny, Rule::at);
        let catalog = catalog();
        let rules = RuleSet::new(&catalog, vec![give, deny]).unwrap();
        let connections = both.iter().map(|id| ConnectionView {
            id,
            default_roles: &[],
            domains: None,
        });
        let view = PolicyView {
            catalog: &catalog,
            rules: &rules,
            connections: connections.collect(),
        };
        codes(&lint_errors(&view))
    };
    assert_eq!(lint_with(&both), ["lint.conflict"]);
    assert_eq!(lint_with(&both[..1]), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// What lint says of rules is true of everybody.
    #[test]
    fn errors_are_true(policy in policy(2..=6, permanent())) {
        let people = people();
        let errors = lint_errors(&policy.view());
        let matches = |rule: &Rule, facts| {
            rule_set::verdict(rule, &policy.connection, facts) == Verdict::Matched
        };
        for rule in policy.rules.rules() {
            let is_said = errors.iter().any(|finding| {
                finding.code == "lint.unreachable" && finding.rule() == Some(&rule.id)
            });
            let is_so = !people.iter().any(|facts| matches(rule, facts));
            prop_assert_eq!(is_said, is_so, "{:?}", rule);
        }
        let mut idle = BTreeSet::new();
        for finding in &errors {
            match (finding.code, &finding.place) {
                ("lint.duplicate_rule" | "lint.subsumed_rule", Place::Rule(id)) => {
                    idle.insert(id.clone());
                }
                ("lint.conflict" | "lint.separation_of_duty", Place::Grant(id, role)) => {
                    let rule = policy.rules.rule(id).unwrap();
                    let gets = people.iter().find(|facts| {
                        let given = policy.given(facts);
                        let given = given.get(role).is_some_and(|by| by.contains(&Some(id.clone())));
                        matches(rule, facts) && given
                    });
                    // Of two roles of one rule, the other may be denied by another rule.
                    let own = finding.message.contains("so it gives neither");
                    prop_assert!(own || gets.is_none(), "{finding:?} {gets:?}");
                }
                _ => {}
            }
        }
        let kept = policy.rules.rules().iter().filter(|rule| !idle.contains(&rule.id));
        let without = Small::new(policy.catalog.clone(), kept.cloned().collect(), policy.defaults.clone());
        for facts in &people {
            let roles = |policy: &Small| -> BTreeSet<RoleName> { policy.given(facts).into_keys().collect() };
            prop_assert_eq!(roles(&policy), roles(&without), "without {:?}: {:?}", &idle, facts);
        }
    }
}
