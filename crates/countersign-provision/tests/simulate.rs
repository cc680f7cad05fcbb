//! What a new policy would change for people who signed in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod desk;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::{ConnectionId, Facts, Grant, GrantOwner, Groups, RoleName, RuleId};
use countersign_provision::corpus::PastGrant;
use countersign_provision::simulate::{Cause, Excess, Outcome, Share, remembered};
use countersign_provision::{
    BlastRadius, PastSignIn, Plan, Policy, PolicyParts, Preset, Simulation, Simulator, Strategy,
    decide, simulate,
};
use countersign_roles::{Condition, GROUPS, RoleGrant, Rule, RuleSet};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};
use proptest::strategy::Strategy as Generator;

use crate::desk::{acme, connection, email, now, nurse, parts, role, subject};

fn rule_id(id: &str) -> RuleId {
    RuleId::new(id).unwrap()
}

/// The desk's policy, with these rules.
fn with_rules(rules: Vec<Rule>) -> Policy {
    bent(|parts| parts.rules = RuleSet::new(&parts.catalog, rules).unwrap())
}

fn bent(bend: impl FnOnce(&mut PolicyParts)) -> Policy {
    let mut parts = parts(connection(Preset::OKTA, Strategy::Jit));
    bend(&mut parts);
    Policy::new(parts).unwrap()
}

fn group_gives(id: &str, group: &str, grant: RoleGrant) -> Rule {
    Rule::new(rule_id(id), [Condition::eq(GROUPS, group)]).gives(grant)
}

fn in_groups(who: &str, groups: &[&str]) -> PastSignIn {
    let mut facts = Facts::new(subject(who));
    facts.email = Some(email(&format!("{who}@acme.example")));
    facts.groups = Groups::Complete(groups.iter().map(|group| (*group).to_owned()).collect());
    PastSignIn::new(acme(), now(), facts)
}

fn limits(bend: impl FnOnce(&mut BlastRadius)) -> BlastRadius {
    let mut limits = BlastRadius::default();
    bend(&mut limits);
    limits
}

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

fn codes(simulation: &Simulation, limits: &BlastRadius) -> Vec<&'static str> {
    simulation
        .excesses(limits)
        .iter()
        .map(Excess::code)
        .collect()
}

#[test]
fn the_same_policy_changes_nothing() {
    let policy = bent(|_| ());
    let simulation = simulate(&policy, &policy, [PastSignIn::new(acme(), now(), nurse())]);
    assert_eq!((simulation.people, simulation.sign_ins), (1, 1));
    assert_eq!(simulation.affected, []);
    assert_eq!(
        simulation.outcomes,
        BTreeMap::from([((Outcome::Admitted, Outcome::Admitted), 1)])
    );
    assert_eq!(
        simulation.never_matched().collect::<Vec<_>>(),
        [&rule_id("boss-administrates")]
    );
    assert_eq!(
        codes(&simulation, &limits(|l| l.losing = Some(Share::NONE))),
        [""; 0]
    );
}

#[test]
fn a_role_is_lost_and_gained_with_its_cause() {
    let signer = || RoleGrant::permanent(role("signer"));
    let viewer = || RoleGrant::permanent(role("viewer"));
    let old = with_rules(vec![
        group_gives("gone", "a", signer()),
        group_gives("other", "b", signer()),
        group_gives("elsewhere", "c", signer()),
    ]);
    let new = with_rules(vec![
        group_gives("other", "b", viewer()),
        group_gives("elsewhere", "x", signer()),
    ]);
    let people = [
        in_groups("p1", &["a"]),
        in_groups("p2", &["b"]),
        in_groups("p3", &["c"]),
    ];
    let simulation = simulate(&old, &new, people.clone());
    let lost: Vec<_> = simulation
        .affected
        .iter()
        .map(|change| &change.lost[&role("signer")])
        .collect();
    assert_eq!(
        lost,
        [
            &Cause::NoSuchRule(rule_id("gone")),
            &Cause::RuleDoesNotGive(rule_id("other")),
            &Cause::RuleDoesNotMatch(rule_id("elsewhere")),
        ]
    );
    assert_eq!(
        simulation.affected[1].gained,
        BTreeMap::from([(role("viewer"), Cause::RuleDoesNotGive(rule_id("other")))])
    );
    let totals = simulation.roles[&role("signer")];
    assert_eq!(
        (totals.before, totals.after, totals.lost, totals.gained),
        (3, 0, 3, 0)
    );
    let rule = simulation.rules[&rule_id("gone")];
    assert_eq!(
        (rule.in_old, rule.in_new, rule.matched_before, rule.losing),
        (true, false, 1, 1)
    );

    // And back: what one lacks, the other has more.
    let back = simulate(&new, &old, people);
    assert_eq!((back.losing_a_role, back.gaining_a_role), (1, 3));
    assert_eq!(
        back.affected[0].gained[&role("signer")],
        Cause::NoSuchRule(rule_id("gone"))
    );
}

#[test]
fn whoever_is_refused_loses_access_and_every_role() {
    let old = bent(|_| ());
    let new = bent(|parts| {
        let acme = parts.connections.get_mut(&acme()).unwrap();
        acme.domains = ["other.example".to_owned()].into();
    });
    let simulation = simulate(
        &old,
        &new,
        [in_groups("p", &["legal"]), in_groups("q", &[])],
    );
    assert_eq!(
        (
            simulation.losing_access,
            simulation.losing_a_role,
            simulation.losing
        ),
        (2, 1, 2)
    );
    let change = &simulation.affected[0];
    assert!(change.loses_access() && !change.gains_access());
    assert_eq!(
        change.after.reason.as_ref().unwrap().code(),
        "provision.email_outside_domains"
    );
    assert_eq!(change.lost[&role("signer")], Cause::NotAdmitted);
    assert_eq!(simulation.connections[&acme()].losing_access, 2);
    let all = limits(|l| l.losing_access = Some(share("99.99%")));
    assert_eq!(codes(&simulation, &all), ["simulate.losing_access"]);
}

#[test]
fn a_connection_that_is_gone_refuses_its_people() {
    let old = bent(|_| ());
    let new = bent(|parts| {
        let acme = parts.connections.remove(&acme()).unwrap();
        parts
            .connections
            .insert(ConnectionId::new("beta").unwrap(), acme);
    });
    let simulation = simulate(&old, &new, [in_groups("p", &["legal"])]);
    assert_eq!(simulation.losing_access, 1);
    assert_eq!(simulation.rules[&rule_id("legal-signs")].matched_after, 0);
}

#[test]
fn a_person_is_counted_once_however_often_they_came() {
    let old = bent(|_| ());
    let new = with_rules(vec![]);
    let corpus = vec![in_groups("p", &["legal"]); 9];
    let simulation = simulate(&old, &new, corpus.into_iter().chain([in_groups("q", &[])]));
    assert_eq!(
        (simulation.sign_ins, simulation.people, simulation.losing),
        (10, 2, 1)
    );
    assert_eq!(simulation.roles[&role("signer")].lost, 1);
    assert_eq!(simulation.rules[&rule_id("legal-signs")].matched_before, 9);
    assert_eq!(simulation.affected.len(), 1);
}

#[test]
fn a_loss_that_only_a_later_sign_in_shows_is_told() {
    let old = bent(|_| ());
    let new = with_rules(vec![]);
    let corpus = [
        in_groups("p", &[]),
        in_groups("p", &["legal"]),
        in_groups("p", &["boss"]),
    ];
    let simulation = simulate(&old, &new, corpus);
    assert_eq!(simulation.affected.len(), 1);
    let lost: Vec<_> = simulation.affected[0].lost.keys().cloned().collect();
    assert_eq!(lost, [role("admin"), role("signer")]);
}

#[test]
fn another_time_for_a_role_is_no_loss_and_is_told() {
    let hours =
        |hours: u64| RoleGrant::temporary(role("signer"), Duration::from_secs(hours * 3600));
    let old = with_rules(vec![group_gives("r", "legal", hours(24))]);
    let new = with_rules(vec![group_gives("r", "legal", hours(12))]);
    let simulation = simulate(&old, &new, [in_groups("p", &["legal"])]);
    assert_eq!((simulation.losing, simulation.changed), (0, 1));
    let altered = &simulation.affected[0].changed[&role("signer")];
    assert!(altered.before.expires_at > altered.after.expires_at);
}

#[test]
fn grants_that_are_known_are_reconciled_and_not_given_anew() {
    let old = bent(|_| ());
    let new = with_rules(vec![]);
    let row = |owner: GrantOwner, rule: Option<&str>| PastGrant {
        role: role("signer"),
        owner,
        rule: rule.map(rule_id),
        scope: Vec::new(),
        first_given_at: now(),
        granted_at: now(),
        expires_at: None,
    };
    let mut of_a_rule = in_groups("p", &["legal"]);
    of_a_rule.grants = Some(vec![row(GrantOwner::Jit(acme()), Some("legal-signs"))]);
    let mut by_hand = in_groups("q", &["legal"]);
    by_hand.grants = Some(vec![row(GrantOwner::Manual, None)]);
    let simulation = simulate(&old, &new, [of_a_rule, by_hand]);
    // What an administrator gave stays, whatever the rules are.
    assert_eq!(simulation.losing, 1);
    assert_eq!(simulation.affected[0].subject, subject("p"));
}

#[test]
fn limits_hold_for_the_corpus_and_for_each_role() {
    let old = bent(|_| ());
    let new = with_rules(vec![group_gives(
        "everybody-administrates",
        "staff",
        RoleGrant::permanent(role("admin")),
    )]);
    // One of twenty loses a role: 5 % of all, and all who had it.
    let mut corpus: Vec<_> = (0..19).map(|n| in_groups(&format!("p{n}"), &[])).collect();
    corpus.push(in_groups("legal", &["legal", "staff"]));
    let simulation = simulate(&old, &new, corpus);
    let refused = |bend: fn(&mut BlastRadius)| codes(&simulation, &limits(bend));
    assert_eq!(refused(|_| ()), [""; 0]);
    assert_eq!(refused(|l| l.losing = Some(share("5%"))), [""; 0]);
    assert_eq!(
        refused(|l| l.losing = Some(share("4.99%"))),
        ["simulate.losing"]
    );
    let of_signer = |l: &mut BlastRadius| {
        l.losing_role.insert(role("signer"), share("99%"));
    };
    assert_eq!(refused(of_signer), ["simulate.losing_role"]);
    assert_eq!(
        refused(|l| l.losing_any_role = Some(share("99%"))),
        ["simulate.losing_role"]
    );
    let but_signer = |l: &mut BlastRadius| {
        l.losing_any_role = Some(Share::NONE);
        l.losing_role.insert(role("signer"), share("100%"));
    };
    assert_eq!(refused(but_signer), [""; 0]);
    let of_admin = |l: &mut BlastRadius| {
        l.gaining_role.insert(role("admin"), Share::NONE);
    };
    assert_eq!(refused(of_admin), ["simulate.gaining_role"]);
    assert_eq!(
        refused(|l| l.gaining_privileged = Some(Share::NONE)),
        ["simulate.gaining_role"]
    );
    let message = simulation.excesses(&limits(of_admin))[0].to_string();
    assert_eq!(
        message,
        "too many people gain the role `admin`: 1 of 20, more than 0%"
    );
}

#[test]
fn limits_that_nothing_was_held_against_are_exceeded() {
    let policy = bent(|_| ());
    let nobody = simulate(&policy, &policy, []);
    assert_eq!(codes(&nobody, &limits(|_| ())), [""; 0]);
    let losing = limits(|l| l.losing = Some(share("5%")));
    assert_eq!(codes(&nobody, &losing), ["simulate.nobody"]);
    let somebody = simulate(&policy, &policy, [in_groups("p", &[])]);
    let ghost = limits(|l| {
        l.losing_role.insert(role("ghost"), share("5%"));
    });
    assert_eq!(codes(&somebody, &ghost), ["simulate.unknown_role"]);
}

#[test]
fn as_many_people_are_listed_as_were_asked_for_and_all_are_counted() {
    let (old, new) = (bent(|_| ()), with_rules(vec![]));
    let mut simulator = Simulator::new(&old, &new).listing(2);
    for n in 0..5 {
        simulator.add(&in_groups(&format!("p{n}"), &["legal"]));
    }
    let simulation = simulator.finish();
    assert_eq!((simulation.affected.len(), simulation.unlisted), (2, 3));
    assert_eq!(simulation.losing, 5);
}

const GROUPS_THERE_ARE: [&str; 4] = ["a", "b", "c", "d"];
const ROLES_THERE_ARE: [&str; 3] = ["signer", "viewer", "sender"];

fn rules() -> impl Generator<Value = Vec<Rule>> {
    let one = (
        0..GROUPS_THERE_ARE.len(),
        0..GROUPS_THERE_ARE.len(),
        0..ROLES_THERE_ARE.len(),
        prop::option::of(1_u64..3),
        any::<bool>(),
        any::<bool>(),
    );
    prop::collection::vec(one, 0..5).prop_map(|rules| {
        let rules = rules.into_iter().enumerate();
        let made = rules.map(|(number, (group, other, given, ttl, renew, deny))| {
            let mut all = vec![Condition::eq(GROUPS, GROUPS_THERE_ARE[group])];
            if other != group {
                all.push(!Condition::eq(GROUPS, GROUPS_THERE_ARE[other]));
            }
            let rule = Rule::new(rule_id(&format!("r{number}")), all);
            let given = role(ROLES_THERE_ARE[given]);
            if deny && number % 3 == 2 {
                return rule.denies(given);
            }
            rule.gives(match ttl {
                None => RoleGrant::permanent(given),
                Some(hours) => RoleGrant {
                    renew,
                    ..RoleGrant::temporary(given, Duration::from_secs(hours * 3600))
                },
            })
        });
        made.collect()
    })
}

/// Only those that lint lets through.
fn policies() -> impl Generator<Value = Policy> {
    let any = (rules(), any::<bool>(), any::<bool>());
    any.prop_filter_map("lint", |(rules, default, closed)| {
        let mut parts = parts(connection(Preset::OKTA, Strategy::Jit));
        parts.rules = RuleSet::new(&parts.catalog, rules).unwrap();
        let acme = parts.connections.get_mut(&acme()).unwrap();
        if default {
            acme.create.default_roles = vec![role("viewer")];
        }
        if closed {
            acme.create.require_group = Some("a".into());
        }
        Policy::new(parts).ok()
    })
}

fn corpora() -> impl Generator<Value = Vec<PastSignIn>> {
    let groups = prop::collection::btree_set(0..GROUPS_THERE_ARE.len(), 0..4);
    let had = prop::option::of(prop::collection::vec(
        (
            0..ROLES_THERE_ARE.len(),
            0_usize..5,
            any::<bool>(),
            -3_i64..3,
        ),
        0..4,
    ));
    let one = (0_u8..6, groups, 0_u8..3, had).prop_map(|(who, groups, told, had)| {
        let groups: BTreeSet<String> = groups
            .into_iter()
            .map(|group| GROUPS_THERE_ARE[group].to_owned())
            .collect();
        let mut sign_in = in_groups(&format!("p{who}"), &[]);
        sign_in.facts.groups = match told {
            0 => Groups::Absent,
            1 => Groups::Partial(groups),
            _ => Groups::Complete(groups),
        };
        sign_in.grants = had.map(|rows| {
            let rows = rows.into_iter().map(|(of, rule, manual, hours)| PastGrant {
                role: role(ROLES_THERE_ARE[of]),
                owner: if manual {
                    GrantOwner::Manual
                } else {
                    GrantOwner::Jit(acme())
                },
                rule: (!manual).then(|| rule_id(&format!("r{rule}"))),
                scope: Vec::new(),
                first_given_at: now(),
                granted_at: now(),
                expires_at: (hours != 0).then(|| {
                    let at = now().unix_millis() + hours * 3_600_000;
                    countersign_core::Timestamp::from_unix_millis(at)
                }),
            });
            rows.collect()
        });
        sign_in
    });
    prop::collection::vec(one, 0..12)
}

/// The roles that somebody has after a sign-in, told from the plan alone.
fn roles_after(policy: &Policy, sign_in: &PastSignIn) -> Option<BTreeSet<RoleName>> {
    let query = policy.snapshot_query(&sign_in.connection, &sign_in.facts, sign_in.at);
    let snapshot = remembered(sign_in, &query);
    let plan = decide(
        policy,
        &sign_in.connection,
        &sign_in.facts,
        &snapshot,
        sign_in.at,
    );
    let Plan::Admit(admission) = plan else {
        return None;
    };
    let had = snapshot
        .linked
        .map(|linked| linked.grants)
        .unwrap_or_default();
    let mut rows: BTreeMap<_, Grant> = had.into_iter().map(|row| (row.id.clone(), row)).collect();
    for taken in &admission.grants.take {
        rows.remove(&taken.grant.id);
    }
    for renewal in &admission.grants.renew {
        rows.get_mut(&renewal.grant.id).unwrap().expires_at = renewal.expires_at;
    }
    let given = admission.grants.give.iter().map(|give| give.role.clone());
    let left = rows.into_values().filter(|row| row.is_live(sign_in.at));
    Some(left.map(|row| row.role).chain(given).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn gained_and_lost_are_what_decide_says_under_both(
        old in policies(), new in policies(), corpus in corpora(),
    ) {
        let simulation = simulate(&old, &new, corpus.clone());
        let mut lost: BTreeMap<_, BTreeSet<RoleName>> = BTreeMap::new();
        let mut gained = lost.clone();
        let mut access = (BTreeSet::new(), BTreeSet::new());
        let mut had: BTreeSet<(String, RoleName)> = BTreeSet::new();
        for sign_in in &corpus {
            let who = sign_in.facts.subject.subject().to_owned();
            let before = roles_after(&old, sign_in);
            let after = roles_after(&new, sign_in);
            if before.is_some() && after.is_none() {
                access.0.insert(who.clone());
            }
            if before.is_none() && after.is_some() {
                access.1.insert(who.clone());
            }
            let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
            had.extend(before.iter().map(|role| (who.clone(), role.clone())));
            lost.entry(who.clone()).or_default().extend(before.difference(&after).cloned());
            gained.entry(who).or_default().extend(after.difference(&before).cloned());
        }
        prop_assert_eq!(simulation.people, u64::try_from(lost.len()).unwrap());
        for (map, told) in [
            (&lost, simulation.losing_a_role), (&gained, simulation.gaining_a_role),
        ] {
            let some = map.values().filter(|roles| !roles.is_empty()).count();
            prop_assert_eq!(told, u64::try_from(some).unwrap());
        }
        prop_assert_eq!(simulation.losing_access, u64::try_from(access.0.len()).unwrap());
        prop_assert_eq!(simulation.gaining_access, u64::try_from(access.1.len()).unwrap());
        for change in &simulation.affected {
            let who = change.subject.subject();
            let roles = |map: &BTreeMap<RoleName, Cause>| map.keys().cloned().collect::<BTreeSet<_>>();
            prop_assert_eq!(&roles(&change.lost), &lost[who]);
            prop_assert_eq!(&roles(&change.gained), &gained[who]);
        }
        for (role, totals) in &simulation.roles {
            let count = |map: &BTreeMap<String, BTreeSet<RoleName>>| {
                u64::try_from(map.values().filter(|roles| roles.contains(role)).count()).unwrap()
            };
            prop_assert_eq!(totals.lost, count(&lost));
            prop_assert_eq!(totals.gained, count(&gained));
            let had = had.iter().filter(|(_, of)| of == role).count();
            prop_assert_eq!(totals.before, u64::try_from(had).unwrap());
        }
        // And the same again, exactly.
        prop_assert_eq!(simulate(&old, &new, corpus), simulation);
    }

    #[test]
    fn a_policy_changes_nothing_against_itself(policy in policies(), corpus in corpora()) {
        let simulation = simulate(&policy, &policy, corpus);
        prop_assert_eq!(simulation.affected, []);
        prop_assert_eq!(simulation.losing + simulation.gaining_a_role + simulation.changed, 0);
    }
}
