//! Which rules match: by example, and against an evaluator without an index.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::{ConnectionId, Facts, Groups, RoleName, RuleId, SubjectKey, TenantId};
use countersign_roles::{
    Answer, Condition, GROUPS, Role, RoleCatalog, RoleGrant, RolesError, Rule, RuleSet, Test,
    Values, Verdict,
};
use proptest::prelude::*;

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

fn catalog() -> RoleCatalog {
    let signer = Role::new(role("signer")).allow("sign nda/*".parse().unwrap());
    let admin = Role::new(role("admin")).privileged();
    RoleCatalog::new([signer, Role::new(role("viewer")), admin]).unwrap()
}

fn connection(name: &str) -> ConnectionId {
    ConnectionId::new(name).unwrap()
}

fn eq(attribute: &str, value: &str) -> Condition {
    Condition::eq(attribute, value)
}

fn any_of(attribute: &str, values: &[&str]) -> Condition {
    Condition::any_of(attribute, Values::new(values.iter().copied()).unwrap())
}

fn rule(id: &str, all: Vec<Condition>) -> Rule {
    Rule::new(RuleId::new(id).unwrap(), all).gives(RoleGrant::permanent(role("signer")))
}

fn facts(groups: Groups, attributes: &[(&str, &[&str])]) -> Facts {
    let tenant = TenantId::new("t").unwrap();
    let subject = SubjectKey::from_stable_value(tenant, "https://idp.example", "s").unwrap();
    let mut facts = Facts::new(subject);
    facts.groups = groups;
    for (name, values) in attributes {
        let values = values.iter().map(|value| (*value).into()).collect();
        facts.attributes.insert((*name).into(), values);
    }
    facts
}

fn set(groups: &[&str]) -> BTreeSet<String> {
    groups.iter().map(|group| (*group).into()).collect()
}

fn matched(rules: Vec<Rule>, facts: &Facts) -> Vec<String> {
    let rules = RuleSet::new(&catalog(), rules).unwrap();
    let evaluation = rules.evaluate(&connection("acme"), facts);
    let matched = evaluation.matched().iter();
    matched.map(|rule| rule.id.to_string()).collect()
}

#[test]
fn all_conditions_must_be_met() {
    let rules = || {
        vec![rule(
            "r",
            vec![
                eq("department", "ext"),
                any_of("site", &["berlin", "paris"]),
            ],
        )]
    };
    let both = facts(
        Groups::Absent,
        &[("department", &["int", "ext"]), ("site", &["paris"])],
    );
    assert_eq!(matched(rules(), &both), ["r"]);
    let one = facts(Groups::Absent, &[("department", &["ext"])]);
    assert!(matched(rules(), &one).is_empty());
    let other_case = facts(
        Groups::Absent,
        &[("department", &["EXT"]), ("site", &["paris"])],
    );
    assert!(matched(rules(), &other_case).is_empty());
}

#[test]
fn a_rule_that_several_values_find_matches_once() {
    let rules = vec![rule("r", vec![any_of(GROUPS, &["a", "b", "c"])])];
    let facts = facts(Groups::Complete(set(&["a", "b", "c"])), &[]);
    assert_eq!(matched(rules, &facts), ["r"]);
}

/// An attribute that happens to be called `groups` must not pass for groups.
#[test]
fn groups_are_asked_of_the_groups_and_nothing_else() {
    let rules = || vec![rule("r", vec![eq(GROUPS, "a")])];
    let attribute = facts(Groups::Absent, &[(GROUPS, &["a"])]);
    assert!(matched(rules(), &attribute).is_empty());
    let partial = facts(Groups::Partial(set(&["a"])), &[]);
    assert_eq!(matched(rules(), &partial), ["r"]);
}

/// One provider's group means nothing at another.
#[test]
fn a_rule_of_another_connection_does_not_match() {
    let scoped = Rule {
        connections: vec![connection("other")],
        ..rule("r", vec![eq(GROUPS, "a")])
    };
    let rules = RuleSet::new(&catalog(), vec![scoped]).unwrap();
    let facts = facts(Groups::Complete(set(&["a"])), &[]);
    assert!(
        rules
            .evaluate(&connection("acme"), &facts)
            .matched()
            .is_empty()
    );
    assert_eq!(
        rules.evaluate(&connection("other"), &facts).matched().len(),
        1
    );
    let acme = connection("acme");
    let verdicts: Vec<_> = rules.explain(&acme, &facts).map(|(_, v)| v).collect();
    assert_eq!(verdicts, [Verdict::OtherConnection]);
}

#[test]
fn explain_names_the_first_condition_that_failed() {
    let rules = vec![
        rule("fails", vec![eq("a", "1"), eq("b", "2"), eq("c", "3")]),
        rule("open", vec![eq("a", "1"), eq(GROUPS, "g")]),
        rule("fails-surely", vec![eq(GROUPS, "g"), eq("b", "2")]),
        rule("matches", vec![eq("a", "1")]),
    ];
    let rules = RuleSet::new(&catalog(), rules).unwrap();
    let facts = facts(Groups::Partial(set(&["h"])), &[("a", &["1"])]);
    let acme = connection("acme");
    let verdicts: Vec<_> = rules.explain(&acme, &facts).map(|(_, v)| v).collect();
    assert_eq!(
        verdicts,
        [
            Verdict::Failed(&eq("b", "2")),
            Verdict::Undecided(&eq(GROUPS, "g")),
            Verdict::Failed(&eq("b", "2")),
            Verdict::Matched,
        ]
    );
}

#[test]
fn everything_that_is_wrong_with_rules_is_said() {
    let bad = |rule: Rule| RuleSet::new(&catalog(), vec![rule]).unwrap_err();
    let id = || RuleId::new("r").unwrap();
    let good = || rule("r", vec![eq("a", "1")]);
    assert_eq!(bad(rule("r", vec![])), [RolesError::NoCondition(id())]);
    for nothing in [
        eq("a", ""),
        any_of("a", &["b", ""]),
        Condition::prefix("a", ""),
        Condition::suffix("a", ""),
    ] {
        assert_eq!(bad(rule("r", vec![nothing])), [RolesError::NoValue(id())]);
    }
    let codes = |condition: Condition| bad(rule("r", vec![condition]))[0].code();
    let of_other = Condition::new("site", Test::Domain("acme.example".into()));
    assert_eq!(codes(of_other), "roles.no_domain_of");
    for domain in ["", "Acme.example", "a@acme.example", "acme..example"] {
        assert_eq!(codes(Condition::domain(domain)), "roles.not_a_domain");
    }
    let nothing = Rule {
        grant: vec![],
        ..good()
    };
    assert_eq!(bad(nothing), [RolesError::NoGrant(id())]);
    let gives = |grant: Vec<RoleGrant>| Rule { grant, ..good() };
    let errors = bad(gives(vec![RoleGrant::permanent(role("signor"))]));
    assert_eq!(errors[0].code(), "roles.unknown_role");
    let errors = bad(gives(vec![RoleGrant::temporary(
        role("signer"),
        Duration::ZERO,
    )]));
    assert_eq!(errors[0].code(), "roles.no_time");
    let errors = bad(gives(vec![RoleGrant::permanent(role("signer")); 2]));
    assert_eq!(errors[0].code(), "roles.duplicate_grant");
    let forever = RoleGrant {
        renew: true,
        ..RoleGrant::permanent(role("signer"))
    };
    assert_eq!(
        bad(gives(vec![forever]))[0].code(),
        "roles.nothing_to_renew"
    );
    let gives_one = |grant: RoleGrant| bad(gives(vec![grant]))[0].code();
    let hour = Duration::from_secs(3600);
    let capped = |grant: RoleGrant, cap| RoleGrant {
        cap: Some(cap),
        ..grant
    };
    let once = RoleGrant::temporary(role("signer"), hour);
    assert_eq!(gives_one(capped(once, hour * 2)), "roles.nothing_to_cap");
    let renewed = RoleGrant::renewed(role("signer"), hour);
    assert_eq!(gives_one(capped(renewed, hour / 2)), "roles.cap_below_time");
    let elsewhere = RoleGrant {
        scope: vec!["hr/*".parse().unwrap()],
        ..RoleGrant::permanent(role("signer"))
    };
    assert_eq!(gives_one(elsewhere), "roles.empty_scope");
    let denies = |name: &str| good().denies(role(name));
    assert_eq!(bad(denies("signor"))[0].code(), "roles.unknown_role");
    assert_eq!(bad(denies("signer"))[0].code(), "roles.gives_and_denies");
    let twice = denies("viewer").denies(role("viewer"));
    assert_eq!(bad(twice)[0].code(), "roles.duplicate_denial");
    let errors = RuleSet::new(&catalog(), vec![good(), good()]).unwrap_err();
    assert_eq!(errors, [RolesError::DuplicateRule(id())]);
}

/// Whoever names a group at the provider must not be able to name one into an administrator.
#[test]
fn a_privileged_role_is_given_for_exact_values_only() {
    let gives_admin = |all: Vec<Condition>| {
        let rule = Rule::new(RuleId::new("r").unwrap(), all);
        let rule = rule.gives(RoleGrant::permanent(role("admin")));
        RuleSet::new(&catalog(), vec![rule]).map_err(|errors| errors[0].code())
    };
    let exact = || eq(GROUPS, "admins");
    assert!(gives_admin(vec![exact()]).is_ok());
    assert!(gives_admin(vec![any_of("a", &["b"]), !eq("department", "ext")]).is_ok());
    for inexact in [
        vec![Condition::prefix(GROUPS, "admin")],
        vec![exact(), Condition::suffix("a", "b")],
        vec![exact(), Condition::domain("acme.example")],
        vec![exact(), Condition::present("a")],
        vec![exact(), !Condition::prefix("a", "b")],
        vec![!eq("department", "ext")],
    ] {
        let code = gives_admin(inexact).unwrap_err();
        assert_eq!(code, "roles.inexact_to_privileged");
    }
}

/// Straight from the words: every rule, every condition, no index.
fn reference(rules: &[Rule], connection: &ConnectionId, facts: &Facts) -> Vec<RuleId> {
    let rules = rules.iter().filter(|rule| {
        (rule.connections.is_empty() || rule.connections.contains(connection))
            && rule.all.iter().all(|c| c.answer(facts) == Answer::Met)
    });
    rules.map(|rule| rule.id.clone()).collect()
}

/// Few names and values, so that rules and facts meet often.
fn attribute() -> impl Strategy<Value = String> {
    prop_oneof![Just(GROUPS), Just("a"), Just("b")].prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    "[vw]{1,3}"
}

fn condition() -> impl Strategy<Value = Condition> {
    let some = prop::collection::vec(value(), 1..4);
    let test = prop_oneof![
        4 => value().prop_map(Test::Eq),
        2 => some.prop_map(|values| Test::AnyOf(Values::new(values).unwrap())),
        1 => value().prop_map(Test::Prefix),
        1 => value().prop_map(Test::Suffix),
        1 => Just(Test::Present),
    ];
    (attribute(), test, prop::bool::weighted(0.2)).prop_map(|(attribute, test, negated)| {
        Condition {
            attribute,
            test,
            negated,
        }
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let scope = prop::collection::vec(prop_oneof![Just("acme"), Just("other")], 0..2);
    let rule = (prop::collection::vec(condition(), 1..4), scope);
    prop::collection::vec(rule, 0..20).prop_map(|rules| {
        let numbered = rules.into_iter().enumerate();
        let rules = numbered.map(|(number, (all, scope))| Rule {
            connections: scope.into_iter().map(connection).collect(),
            ..rule_of(number, all)
        });
        rules.collect()
    })
}

fn rule_of(number: usize, all: Vec<Condition>) -> Rule {
    rule(&format!("r{number}"), all)
}

fn groups() -> impl Strategy<Value = Groups> {
    let some = || prop::collection::btree_set(value(), 0..4);
    prop_oneof![
        Just(Groups::Absent),
        some().prop_map(Groups::Partial),
        some().prop_map(Groups::Complete),
    ]
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let attributes =
        prop::collection::btree_map(attribute(), prop::collection::vec(value(), 0..4), 0..3);
    (groups(), attributes).prop_map(|(groups, attributes)| {
        let mut facts = facts(groups, &[]);
        facts.attributes = attributes;
        facts
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_index_finds_what_a_plain_reading_finds(rules in rules(), facts in any_facts()) {
        let acme = connection("acme");
        let expected = reference(&rules, &acme, &facts);
        let set = RuleSet::new(&catalog(), rules).unwrap();
        let evaluation = set.evaluate(&acme, &facts);
        let found: Vec<_> = evaluation.matched().iter().map(|rule| rule.id.clone()).collect();
        prop_assert_eq!(&found, &expected);

        let matched = set.explain(&acme, &facts).filter(|(_, v)| *v == Verdict::Matched);
        let explained: Vec<_> = matched.map(|(rule, _)| rule.id.clone()).collect();
        prop_assert_eq!(explained, expected);
    }

    #[test]
    fn the_order_of_rules_means_nothing(rules in rules(), facts in any_facts()) {
        let acme = connection("acme");
        let mut reversed = rules.clone();
        reversed.reverse();
        let ids = |rules: Vec<Rule>| -> BTreeSet<RuleId> {
            let set = RuleSet::new(&catalog(), rules).unwrap();
            let evaluation = set.evaluate(&acme, &facts);
            evaluation.matched().iter().map(|rule| rule.id.clone()).collect()
        };
        prop_assert_eq!(ids(rules), ids(reversed));
    }
}
