//! Grants over many sign-ins: who owns what, when it ends, and what takes it away.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod account;

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::{ConnectionId, GrantOwner, Groups, RuleId, Timestamp};
use countersign_roles::{
    Condition, GROUPS, Obstacle, RenewalReason, RoleGrant, Rule, TakeReason, Taken,
};
use proptest::prelude::*;

use crate::account::{Account, DAY, HOUR, acme, complete, partial, permanent, role, rule, start};

fn shorter(rule: &str) -> Obstacle {
    Obstacle::ShorterRule {
        by: RuleId::new(rule).unwrap(),
    }
}

#[test]
fn a_changed_team_changes_the_roles_at_the_next_sign_in() {
    let rules = vec![
        rule("legal", "legal", permanent("signer")),
        rule("sales", "sales", permanent("viewer")),
    ];
    let mut account = Account::with(rules, &[]);
    account.sign_in(complete(&["legal"]), start());
    assert_eq!(account.live_roles(start()), ["signer"]);
    let delta = account.sign_in(complete(&["sales"]), start());
    assert_eq!(account.live_roles(start()), ["viewer"]);
    assert_eq!(delta.take[0].reason, TakeReason::RuleNoLongerMatches);
    account.sign_in(complete(&[]), start());
    assert!(account.live_roles(start()).is_empty());
}

#[test]
fn the_second_sign_in_with_the_same_facts_writes_nothing() {
    let mut account = Account::with(
        vec![rule("legal", "legal", permanent("signer"))],
        &["viewer"],
    );
    let first = account.sign_in(complete(&["legal"]), start());
    assert_eq!(first.give.len(), 2);
    let second = account.sign_in(complete(&["legal"]), start().saturating_add(HOUR));
    assert!(second.is_empty());
    assert_eq!(second.keep.len(), 2);
}

/// Entra leaves groups out past 150; an absent attribute is not an empty one.
#[test]
fn only_complete_groups_take_a_role_away() {
    let mut account = Account::with(vec![rule("legal", "legal", permanent("signer"))], &[]);
    account.sign_in(complete(&["legal"]), start());
    for unknown in [Groups::Absent, partial(&[]), partial(&["other"])] {
        let delta = account.sign_in(unknown, start());
        assert!(delta.is_empty() && delta.keep.len() == 1);
        assert_eq!(account.live_roles(start()), ["signer"]);
    }
    account.sign_in(complete(&["other"]), start());
    assert!(account.live_roles(start()).is_empty());
}

/// Not knowing the groups must neither renew nor lengthen what depends on them.
#[test]
fn a_role_in_doubt_is_not_renewed() {
    let renewed = RoleGrant::renewed(role("signer"), DAY);
    let mut account = Account::with(vec![rule("legal", "legal", renewed.clone())], &[]);
    account.sign_in(complete(&["legal"]), start());
    let later = start().saturating_add(HOUR);
    assert!(account.sign_in(Groups::Absent, later).is_empty());
    account.edit(vec![rule(
        "legal",
        "legal",
        RoleGrant {
            ttl: Some(DAY * 9),
            ..renewed
        },
    )]);
    assert!(account.sign_in(Groups::Absent, later).is_empty());
    account.sign_in(Groups::Absent, start().saturating_add(DAY));
    assert!(account.live_roles(start().saturating_add(DAY)).is_empty());
}

/// Leaving groups out must not turn a temporary role into a default one that never ends.
#[test]
fn leaving_groups_out_does_not_outlast_a_temporary_role() {
    let nurses = rule("nurses", "nurse", RoleGrant::temporary(role("signer"), DAY));
    let mut account = Account::with(vec![nurses], &["signer"]);
    account.sign_in(complete(&["nurse"]), start());
    let tomorrow = start().saturating_add(DAY);
    account.sign_in(Groups::Absent, tomorrow);
    assert!(account.live_roles(tomorrow).is_empty());
}

#[test]
fn a_condition_on_something_else_decides_also_without_groups() {
    let both = Rule {
        all: vec![
            Condition::eq(GROUPS, "legal"),
            Condition::eq("department", "ext"),
        ],
        ..rule("both", "legal", permanent("signer"))
    };
    let mut account = Account::with(vec![both], &[]);
    let id = RuleId::new("both").unwrap();
    account.insert(
        GrantOwner::Jit(acme()),
        Some(id),
        role("signer"),
        start(),
        None,
    );
    let delta = account.plan(Groups::Absent, start());
    assert_eq!(
        delta.take.len(),
        1,
        "the department is known not to be `ext`"
    );
}

#[test]
fn a_sign_in_touches_only_rows_of_its_own_connection() {
    let mut account = Account::with(vec![rule("legal", "legal", permanent("signer"))], &[]);
    let other = ConnectionId::new("other").unwrap();
    let legal = Some(RuleId::new("legal").unwrap());
    account.insert(GrantOwner::Manual, None, role("signer"), start(), None);
    account.insert(
        GrantOwner::Jit(other.clone()),
        legal,
        role("signer"),
        start(),
        None,
    );
    account.insert(
        GrantOwner::Default(other),
        None,
        role("viewer"),
        start(),
        None,
    );
    let delta = account.sign_in(complete(&[]), start());
    assert!(delta.is_empty());
    assert_eq!(delta.others.len(), 3);
    assert_eq!(account.grants.len(), 3);
}

#[test]
fn losing_one_group_takes_that_rules_grant_and_nobody_elses() {
    let rules = vec![
        rule("legal", "legal", permanent("signer")),
        rule("sales", "sales", permanent("signer")),
    ];
    let mut account = Account::with(rules, &[]);
    account.sign_in(complete(&["legal", "sales"]), start());
    assert_eq!(account.grants.len(), 2);
    let delta = account.sign_in(complete(&["sales"]), start());
    assert_eq!(delta.take.len(), 1);
    assert_eq!(account.live_roles(start()), ["signer"]);
}

#[test]
fn a_temporary_role_ends_and_signing_in_again_does_not_bring_it_back() {
    let nurses = rule("nurses", "nurse", RoleGrant::temporary(role("signer"), DAY));
    let mut account = Account::with(vec![nurses], &[]);
    account.sign_in(complete(&["nurse"]), start());
    let just_before = Timestamp::from_unix_millis(start().saturating_add(DAY).unix_millis() - 1);
    assert_eq!(account.live_roles(just_before), ["signer"]);
    let after = start().saturating_add(DAY);
    for _ in 0..3 {
        let delta = account.sign_in(complete(&["nurse"]), after);
        assert!(delta.is_empty());
        assert_eq!(delta.spent.len(), 1, "an expired grant is never kept");
        assert!(account.live_roles(after).is_empty());
    }
}

#[test]
fn a_role_is_renewed_only_where_the_rule_says_so() {
    let renewed = RoleGrant::renewed(role("signer"), DAY);
    let mut account = Account::with(vec![rule("nurses", "nurse", renewed)], &[]);
    account.sign_in(complete(&["nurse"]), start());
    let two_days = start().saturating_add(DAY * 2);
    let delta = account.sign_in(complete(&["nurse"]), two_days);
    assert_eq!(delta.renew[0].reason, RenewalReason::SignIn);
    assert_eq!(delta.renew[0].granted_at, two_days);
    assert_eq!(
        account.live_roles(two_days.saturating_add(HOUR)),
        ["signer"]
    );
}

#[test]
fn the_shortest_time_wins_and_takes_the_longer_rows() {
    let nurses = rule("nurses", "nurse", RoleGrant::temporary(role("signer"), DAY));
    let mut account = Account::with(vec![nurses], &["signer"]);
    account.sign_in(complete(&[]), start());
    assert_eq!(account.grants[0].expires_at, None);
    let delta = account.sign_in(complete(&["nurse"]), start());
    assert_eq!(
        delta.take[0].reason,
        TakeReason::Obstacle(shorter("nurses"))
    );
    assert!(account.live_roles(start().saturating_add(DAY)).is_empty());
}

#[test]
fn an_edited_rule_shows_at_the_next_sign_in() {
    let temporary = |ttl| rule("nurses", "nurse", RoleGrant::temporary(role("signer"), ttl));
    let mut account = Account::with(vec![temporary(DAY)], &[]);
    account.sign_in(complete(&["nurse"]), start());

    account.edit(vec![temporary(HOUR)]);
    let soon = start().saturating_add(HOUR / 2);
    let delta = account.sign_in(complete(&["nurse"]), soon);
    assert_eq!(delta.renew[0].reason, RenewalReason::PolicyChanged);
    assert_eq!(delta.renew[0].granted_at, start());
    assert_eq!(
        delta.renew[0].expires_at,
        Some(start().saturating_add(HOUR))
    );

    account.edit(vec![rule("nurses", "nurse", permanent("viewer"))]);
    let delta = account.sign_in(complete(&["nurse"]), soon);
    assert_eq!(delta.take[0].reason, TakeReason::RuleChanged);
    assert_eq!(account.live_roles(soon), ["viewer"]);

    account.edit(vec![]);
    // A rule that is gone takes its grants along, whatever is known of groups.
    let delta = account.sign_in(Groups::Absent, soon);
    assert_eq!(delta.take[0].reason, TakeReason::RuleChanged);
}

#[test]
fn a_role_that_is_no_default_any_more_is_taken() {
    let mut account = Account::with(vec![], &["viewer"]);
    account.sign_in(Groups::Absent, start());
    account.default_roles.clear();
    let delta = account.sign_in(Groups::Absent, start());
    assert_eq!(delta.take[0].reason, TakeReason::NotDefault);
}

#[test]
fn a_second_row_of_one_rule_is_taken() {
    let mut account = Account::with(vec![rule("legal", "legal", permanent("signer"))], &[]);
    account.sign_in(complete(&["legal"]), start());
    let legal = Some(RuleId::new("legal").unwrap());
    account.insert(
        GrantOwner::Jit(acme()),
        legal,
        role("signer"),
        start(),
        None,
    );
    let delta = account.sign_in(complete(&["legal"]), start());
    assert_eq!(delta.take[0].reason, TakeReason::Duplicate);
    assert_eq!(account.grants.len(), 1);
}

/// One of the sign-ins of a generated history.
#[derive(Debug, Clone)]
struct Visit {
    after: Duration,
    groups: Groups,
}

fn visits() -> impl Strategy<Value = Vec<Visit>> {
    let groups = prop::collection::btree_set("[abc]", 0..3);
    let groups = prop_oneof![
        Just(Groups::Absent),
        groups.clone().prop_map(Groups::Partial),
        groups.prop_map(Groups::Complete),
    ];
    let visit = (0_u64..60, groups).prop_map(|(hours, groups)| Visit {
        after: HOUR * u32::try_from(hours).unwrap(),
        groups,
    });
    prop::collection::vec(visit, 1..8)
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let ttl = prop_oneof![Just(None), (1_u32..72).prop_map(|hours| Some(HOUR * hours))];
    let rule = (
        "[abc]",
        ttl,
        any::<bool>(),
        prop_oneof![Just("signer"), Just("viewer")],
    );
    prop::collection::vec(rule, 0..5).prop_map(|rules| {
        let numbered = rules.into_iter().enumerate();
        let rules = numbered.map(|(number, (group, ttl, renew, name))| {
            let grant = RoleGrant {
                ttl,
                renew: renew && ttl.is_some(),
                ..permanent(name)
            };
            self::rule(&format!("r{number}"), &group, grant)
        });
        rules.collect()
    })
}

proptest! {
    #[test]
    fn the_laws_of_grants_hold_over_any_history(
        rules in rules(),
        defaults in prop::sample::subsequence(vec!["signer", "viewer"], 0..=2),
        visits in visits(),
    ) {
        let mut account = Account::with(rules.clone(), &defaults);
        account.insert(GrantOwner::Manual, None, role("admin"), start(), None);
        let mut now = start();
        for Visit { after, groups } in visits {
            now = now.saturating_add(after);
            let before = account.grants.clone();
            let delta = account.sign_in(groups.clone(), now);

            // Ownership: every row of before is in exactly one place, and the manual one is left.
            let own = delta.keep.len() + delta.take.len() + delta.renew.len() + delta.spent.len();
            prop_assert_eq!(own + delta.others.len(), before.len());
            prop_assert_eq!(delta.others.len(), 1);

            // Expiry: what is kept lives, what is spent does not, nothing outlasts its rule.
            prop_assert!(delta.keep.iter().all(|grant| grant.is_live(now)));
            prop_assert!(delta.spent.iter().all(|grant| !grant.is_live(now)));
            for grant in &account.grants {
                if let Some(rule) = grant.rule.as_ref().and_then(|id| account.rules.rule(id)) {
                    let ttl = rule.grant[0].ttl;
                    let end = ttl.map(|ttl| grant.granted_at.saturating_add(ttl));
                    prop_assert_eq!(grant.expires_at, end);
                    prop_assert!(grant.granted_at <= now);
                }
            }

            // Union: with all groups told, a role is wanted exactly by a default or a rule.
            if let Groups::Complete(groups) = &groups {
                let wanted: BTreeSet<&str> = rules
                    .iter()
                    .filter(|rule| groups.contains(&rule.all[0].test.exact_values().unwrap()[0]))
                    .map(|rule| rule.grant[0].role.as_str())
                    .chain(defaults.iter().copied())
                    .collect();
                let own = account.grants.iter().filter(|g| g.owner != GrantOwner::Manual);
                let rows: BTreeSet<&str> = own.map(|grant| grant.role.as_str()).collect();
                prop_assert_eq!(rows, wanted);
            } else {
                let taken = delta.take.iter();
                let by_group = |taken: &&Taken| taken.reason == TakeReason::RuleNoLongerMatches;
                prop_assert_eq!(taken.filter(by_group).count(), 0);
            }

            // Doing it twice does nothing more.
            let again = account.plan(groups, now);
            prop_assert!(again.is_empty(), "{:?}", again);
        }
    }
}
