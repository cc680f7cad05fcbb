//! Who can reach a role: by example, and against trying everybody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

use countersign_core::Facts;
use countersign_roles::{
    Condition, ConnectionReach, DutySet, ExclusiveGroup, GROUPS, Need, Path, Role, RoleCatalog,
    RoleGrant, Rule, Test, Verdict, rule_set, who_can_reach,
};
use proptest::prelude::*;

use crate::universe::{ROLES, Small, id, people, permanent, policy, role, with_one_more};

#[allow(dead_code, unreachable_pub, reason = "shared by several tests")]
mod universe;

fn gives(name: &str, all: Vec<Condition>, roles: &[&str]) -> Rule {
    let grants = roles.iter().map(|name| RoleGrant::permanent(role(name)));
    grants.fold(Rule::new(id(name), all), Rule::gives)
}

fn denies(name: &str, all: Vec<Condition>, denied: &str) -> Rule {
    Rule::new(id(name), all).denies(role(denied))
}

fn catalog() -> RoleCatalog {
    RoleCatalog::new(ROLES.map(|name| Role::new(role(name)))).unwrap()
}

fn reach_of(small: &Small, name: &str) -> ConnectionReach {
    let mut reach = who_can_reach(&small.view(), &role(name));
    assert_eq!(reach.connections.len(), 1);
    reach.connections.remove(0)
}

/// The paths to `r0`, in words.
fn paths(small: &Small) -> Vec<String> {
    let reach = reach_of(small, "r0");
    let say = |path: &Path| {
        let needs: Vec<_> = path.needs.iter().map(ToString::to_string).collect();
        let by: Vec<_> = path
            .by
            .iter()
            .map(|source| source.rule().map_or("default", |rule| rule.as_str()))
            .collect();
        format!("{}: {}", by.join("+"), needs.join(" and "))
    };
    reach.paths.iter().map(say).collect()
}

fn eq(attribute: &str, value: &str) -> Condition {
    Condition::eq(attribute, value)
}

#[test]
fn a_path_is_what_a_rule_asks() {
    let rules = vec![
        gives("ext", vec![eq("d", "ext"), eq(GROUPS, "g")], &["r0"]),
        gives("boss", vec![eq("title", "boss")], &["r0"]),
    ];
    let small = Small::new(catalog(), rules, Vec::new());
    assert_eq!(
        paths(&small),
        [
            "boss: `title` is `boss`",
            "ext: `d` is `ext` and in the group `g`"
        ]
    );
    assert!(!who_can_reach(&small.view(), &role("r0")).is_by_hand_only());
    assert!(who_can_reach(&small.view(), &role("r1")).is_by_hand_only());
}

#[test]
fn what_everybody_has_needs_nothing_and_covers_all_rules() {
    let rules = vec![gives("ext", vec![eq("d", "ext")], &["r0"])];
    let small = Small::new(catalog(), rules, vec![role("r0")]);
    assert_eq!(paths(&small), ["default: "]);
    assert_eq!(reach_of(&small, "r0").narrower, [id("ext")]);
}

/// A denial is out of the way only where it is known not to match: of groups, all must be told.
#[test]
fn a_path_leads_past_what_denies() {
    let rules = vec![
        gives("ext", vec![eq("d", "ext")], &["r0"]),
        denies("left", vec![eq("status", "left"), eq("site", "x")], "r0"),
        denies("barred", vec![eq(GROUPS, "barred")], "r0"),
    ];
    let small = Small::new(catalog(), rules, Vec::new());
    assert_eq!(
        paths(&small),
        [
            "ext: `d` is `ext` and not in the group `barred`, as far as told and `site` is not `x`, or was not sent and all groups were told",
            "ext: `d` is `ext` and not in the group `barred`, as far as told and `status` is not `left`, or was not sent and all groups were told",
        ]
    );
}

#[test]
fn a_path_leads_past_separation_of_duty_and_past_higher_roles() {
    let set = DutySet::new([role("r0"), role("r1")]).unwrap();
    let group = ExclusiveGroup::new("desk", vec![role("r2"), role("r0")]).unwrap();
    let catalog = catalog().with_separation_of_duty([set]).unwrap();
    let catalog = catalog.with_exclusive_groups([group]).unwrap();
    let rules = vec![
        gives("ext", vec![eq("d", "ext")], &["r0"]),
        gives("auditor", vec![eq("job", "audit")], &["r1"]),
        gives("boss", vec![eq("job", "boss")], &["r2"]),
    ];
    assert_eq!(
        paths(&Small::new(catalog, rules, Vec::new())),
        ["ext: `d` is `ext` and `job` is neither `audit` nor `boss`, or was not sent"]
    );
}

#[test]
fn a_rule_that_can_never_give_a_role_has_no_path() {
    let rules = vec![
        gives("ext", vec![eq("d", "ext")], &["r0"]),
        denies("all", vec![Condition::present("d")], "r0"),
    ];
    assert_eq!(paths(&Small::new(catalog(), rules, Vec::new())), [""; 0]);
}

/// Ten rules that deny, each to be got round in ten ways: more ways than there are atoms.
#[test]
fn ways_without_number_are_bounded_and_said_to_be() {
    let condition = |rule: usize, number: usize| eq(&format!("a{rule}-{number}"), "x");
    let denial = |rule: usize| {
        let all = (0..10).map(|number| condition(rule, number)).collect();
        denies(&format!("deny-{rule}"), all, "r0")
    };
    let mut rules: Vec<_> = (0..10).map(denial).collect();
    rules.push(gives("give", vec![eq("d", "ext")], &["r0"]));
    let small = Small::new(catalog(), rules, Vec::new());
    let reach = reach_of(&small, "r0");
    assert_eq!(reach.more, [id("give")]);
    assert!(
        reach.paths.len() <= countersign_roles::reach::MOST_WAYS,
        "{}",
        reach.paths.len()
    );
    assert!(!reach.paths.is_empty());
}

/// A path's needs, each value that must not be there by itself.
fn single_needs(path: &Path) -> Vec<Need> {
    let split = |need: &Need| match need {
        Need::Lacks {
            attribute,
            test: Test::AnyOf(values),
        } => {
            let values = values.as_slice().iter();
            let lacks = values.map(|value| Need::Lacks {
                attribute: attribute.clone(),
                test: Test::Eq(value.clone()),
            });
            lacks.collect()
        }
        other => vec![other.clone()],
    };
    path.needs.iter().flat_map(split).collect()
}

fn is_by(policy: &Small, path: &Path, facts: &Facts) -> bool {
    path.by.iter().all(|source| match source.rule() {
        None => true,
        Some(rule) => {
            let rule = policy.rules.rule(rule).unwrap();
            rule_set::verdict(rule, &policy.connection, facts) == Verdict::Matched
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Nothing is missed, nothing is invented, and nothing is said that is not needed.
    #[test]
    fn paths_tell_exactly_who_is_given_a_role(policy in policy(1..=6, permanent())) {
        let people = people();
        let given: Vec<_> = people.iter().map(|facts| policy.given(facts)).collect();
        for name in ROLES {
            let reach = who_can_reach(&policy.view(), &role(name));
            let reach = &reach.connections[0];
            for (facts, given) in people.iter().zip(&given) {
                let gets = given.contains_key(&role(name));
                let told = reach.paths.iter().any(|path| path.holds_for(facts));
                // What is left out is said to be left out.
                let is_so = if reach.more.is_empty() { gets == told } else { gets || !told };
                prop_assert!(is_so, "{name}: {gets} {facts:?} {reach:?}");
            }
            for path in &reach.paths {
                let fits = people.iter().any(|facts| path.holds_for(facts));
                prop_assert!(fits, "nobody can fit {path:?}");
                let needs = single_needs(path);
                for (left_out, need) in needs.iter().enumerate() {
                    let rest = |facts: &&(&Facts, _)| {
                        let mut rest = needs.iter().enumerate();
                        rest.all(|(number, need)| number == left_out || need.holds_for(facts.0))
                    };
                    let mut others = people.iter().zip(&given);
                    let is_needed = others.by_ref().filter(|pair| rest(&pair)).any(|(facts, given)| {
                        !given.contains_key(&role(name)) || !is_by(&policy, path, facts)
                    });
                    prop_assert!(is_needed, "{need:?} is not needed in {path:?} of {reach:?}");
                }
            }
            for (number, path) in reach.paths.iter().enumerate() {
                for (other, weaker) in reach.paths.iter().enumerate() {
                    let tells = |facts: &Facts| !path.holds_for(facts) || weaker.holds_for(facts);
                    let covered = number != other
                        && people.iter().all(tells)
                        && people.iter().flat_map(with_one_more).all(|facts| tells(&facts));
                    prop_assert!(!covered, "{path:?} is told by {weaker:?}");
                }
            }
        }
    }
}
