//! What stands against a role that a rule gives: denials, duties, higher roles, limits.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod account;

use countersign_core::{DocumentPattern, GrantOwner, Groups, RuleId};
use countersign_roles::{
    Condition, DutySet, ExclusiveGroup, GROUPS, Obstacle, RenewalReason, RoleGrant, Rule,
    TakeReason,
};

use crate::account::{
    Account, DAY, HOUR, catalog, complete, partial, permanent, role, rule, start,
};

fn denies(id: &str, group: &str, name: &str) -> Rule {
    Rule::new(RuleId::new(id).unwrap(), [Condition::eq(GROUPS, group)]).denies(role(name))
}

fn duties(account: &mut Account, names: &[&str]) {
    let set = DutySet::new(names.iter().map(|name| role(name))).unwrap();
    account.catalog = catalog().with_separation_of_duty([set]).unwrap();
}

fn exclusive(account: &mut Account, highest_first: &[&str]) {
    let roles = highest_first.iter().map(|name| role(name)).collect();
    let group = ExclusiveGroup::new("desk", roles).unwrap();
    account.catalog = catalog().with_exclusive_groups([group]).unwrap();
}

/// Everybody of the group `g-NAME` gets the role of that name.
fn by_group(names: &[&str]) -> Vec<Rule> {
    let rule = |name: &&str| rule(&format!("r-{name}"), &format!("g-{name}"), permanent(name));
    names.iter().map(rule).collect()
}

#[test]
fn a_denial_wins_over_every_grant() {
    let mut rules = by_group(&["signer", "viewer"]);
    rules.push(denies("leave", "g-leave", "signer"));
    let mut account = Account::with(rules, &["signer"]);
    account.sign_in(complete(&["g-signer", "g-viewer"]), start());
    assert_eq!(account.live_roles(start()), ["signer", "viewer"]);

    let all = || complete(&["g-signer", "g-viewer", "g-leave"]);
    let delta = account.sign_in(all(), start());
    assert_eq!(account.live_roles(start()), ["viewer"]);
    let denied = Obstacle::Denied {
        by: vec![RuleId::new("leave").unwrap()],
    };
    assert_eq!(delta.take.len(), 2, "the rule's and the default");
    assert_eq!(delta.take[0].reason, TakeReason::Obstacle(denied.clone()));
    assert_eq!(delta.take[0].reason.code(), "roles.denied");

    let delta = account.sign_in(all(), start());
    assert!(delta.is_empty());
    assert_eq!(delta.withheld.len(), 2);
    assert_eq!(delta.withheld[0].obstacle, denied);
    assert_eq!(denied.to_string(), "it is denied by `leave`");
}

/// Whoever leaves his groups out must not come by what a group denies him.
#[test]
fn a_denial_that_can_not_be_decided_gives_nothing_and_takes_nothing() {
    let day = RoleGrant::renewed(role("signer"), DAY);
    let signs = Rule::new(RuleId::new("ext").unwrap(), [Condition::eq("site", "x")]).gives(day);
    let rules = vec![signs, denies("leave", "g-leave", "signer")];
    let mut account = Account::with(rules, &["signer"]);
    account.attributes = vec![("site", "x")];

    for unknown in [Groups::Absent, partial(&["other"])] {
        let delta = account.sign_in(unknown, start());
        assert!(delta.give.is_empty());
        let codes = delta
            .withheld
            .iter()
            .map(|withheld| withheld.obstacle.code());
        let codes: Vec<_> = codes.collect();
        assert_eq!(codes, ["roles.denial_undecided"; 2]);
    }

    account.sign_in(complete(&[]), start());
    assert_eq!(account.live_roles(start()), ["signer"]);
    let later = start().saturating_add(HOUR);
    let delta = account.sign_in(Groups::Absent, later);
    assert!(delta.is_empty(), "neither renewed nor taken");
    assert_eq!(account.live_roles(later), ["signer"]);

    account.sign_in(partial(&["g-leave"]), later);
    assert!(account.live_roles(later).is_empty(), "known to be denied");
}

#[test]
fn whoever_would_hold_two_of_a_set_gets_none_of_it() {
    let mut account = Account::with(by_group(&["signer", "auditor", "viewer"]), &[]);
    duties(&mut account, &["signer", "auditor"]);
    let all = || complete(&["g-signer", "g-auditor", "g-viewer"]);
    let delta = account.sign_in(all(), start());
    assert_eq!(account.live_roles(start()), ["viewer"]);
    assert_eq!(delta.withheld.len(), 2);
    assert_eq!(
        delta.withheld[0].obstacle.to_string(),
        "nobody may hold two of `auditor`, `signer`"
    );

    account.sign_in(complete(&["g-signer"]), start());
    assert_eq!(account.live_roles(start()), ["signer"]);
    let delta = account.sign_in(all(), start());
    assert_eq!(delta.take[0].reason.code(), "roles.separation_of_duty");
    assert_eq!(account.live_roles(start()), ["viewer"]);
}

#[test]
fn a_duty_that_an_administrator_gave_counts_and_is_not_touched() {
    for owner in [GrantOwner::Manual, GrantOwner::Temporary, GrantOwner::Scim] {
        let mut account = Account::with(by_group(&["signer"]), &[]);
        duties(&mut account, &["signer", "auditor"]);
        account.insert(owner, None, role("auditor"), start(), None);
        let delta = account.sign_in(complete(&["g-signer"]), start());
        assert!(delta.is_empty());
        assert_eq!(
            delta.withheld[0].obstacle.code(),
            "roles.separation_of_duty"
        );
        assert_eq!(account.live_roles(start()), ["auditor"]);
    }
}

#[test]
fn a_duty_that_has_run_out_is_not_held() {
    let mut account = Account::with(by_group(&["signer"]), &[]);
    duties(&mut account, &["signer", "auditor"]);
    account.insert(
        GrantOwner::Manual,
        None,
        role("auditor"),
        start(),
        Some(start()),
    );
    account.sign_in(complete(&["g-signer"]), start());
    assert_eq!(account.live_roles(start()), ["signer"]);
}

/// What nobody knows to be lost still counts as held, so that the second role does not come by
/// leaving the groups out.
#[test]
fn a_duty_in_doubt_keeps_the_other_from_being_given_and_is_kept() {
    let mut rules = by_group(&["signer"]);
    let audits = Rule::new(RuleId::new("audits").unwrap(), [Condition::eq("site", "x")]);
    rules.push(audits.gives(permanent("auditor")));
    let mut account = Account::with(rules, &[]);
    duties(&mut account, &["signer", "auditor"]);
    account.sign_in(complete(&["g-signer"]), start());
    account.attributes = vec![("site", "x")];
    let delta = account.sign_in(Groups::Absent, start());
    assert!(delta.is_empty());
    assert_eq!(delta.withheld[0].role, role("auditor"));
    assert_eq!(account.live_roles(start()), ["signer"]);
}

#[test]
fn of_an_exclusive_group_only_the_highest_is_given() {
    let mut account = Account::with(by_group(&["signer", "viewer", "auditor"]), &[]);
    exclusive(&mut account, &["auditor", "signer", "viewer"]);
    account.sign_in(complete(&["g-signer", "g-viewer"]), start());
    assert_eq!(account.live_roles(start()), ["signer"]);
    let delta = account.sign_in(complete(&["g-signer", "g-viewer", "g-auditor"]), start());
    assert_eq!(account.live_roles(start()), ["auditor"]);
    assert_eq!(delta.take[0].reason.code(), "roles.not_highest");
    assert_eq!(
        delta.withheld[0].obstacle.to_string(),
        "`auditor` is higher in the exclusive group `desk`"
    );
    account.sign_in(complete(&["g-viewer"]), start());
    assert_eq!(account.live_roles(start()), ["viewer"]);
}

/// An administrator who gave somebody a role has not said what a directory may give.
#[test]
fn an_exclusive_group_leaves_other_owners_rows_out() {
    let mut account = Account::with(by_group(&["viewer"]), &[]);
    exclusive(&mut account, &["signer", "viewer"]);
    account.insert(GrantOwner::Manual, None, role("signer"), start(), None);
    account.sign_in(complete(&["g-viewer"]), start());
    assert_eq!(account.live_roles(start()), ["signer", "viewer"]);
}

#[test]
fn a_higher_role_that_has_run_out_gives_way() {
    let rules = vec![
        rule("r-signer", "g", RoleGrant::temporary(role("signer"), DAY)),
        rule("r-viewer", "g", permanent("viewer")),
    ];
    let mut account = Account::with(rules, &[]);
    exclusive(&mut account, &["signer", "viewer"]);
    account.sign_in(complete(&["g"]), start());
    assert_eq!(account.live_roles(start()), ["signer"]);
    let tomorrow = start().saturating_add(DAY);
    account.sign_in(complete(&["g"]), tomorrow);
    assert_eq!(account.live_roles(tomorrow), ["viewer"]);
}

/// The policy refuses to load with such a rule; this is for one that was made by hand.
#[test]
fn nothing_exceeds_the_most_that_a_connection_may_give() {
    let mut account = Account::with(by_group(&["admin"]), &["signer"]);
    account.sign_in(complete(&["g-admin"]), start());
    assert_eq!(account.live_roles(start()), ["admin", "signer"]);
    account.max_privilege = Some(role("signer"));
    let delta = account.sign_in(complete(&["g-admin"]), start());
    assert_eq!(account.live_roles(start()), ["signer"]);
    assert_eq!(delta.take[0].reason.code(), "roles.exceeds_max_privilege");
}

#[test]
fn renewals_never_pass_the_cap() {
    let capped = RoleGrant {
        cap: Some(DAY * 3),
        ..RoleGrant::renewed(role("signer"), DAY)
    };
    let mut account = Account::with(vec![rule("r", "g", capped)], &[]);
    let end = start().saturating_add(DAY * 3);
    for hours in (0..200).step_by(10) {
        let now = start().saturating_add(HOUR * hours);
        account.sign_in(complete(&["g"]), now);
        assert_eq!(account.live_roles(now).is_empty(), now >= end, "{hours}");
        assert!(account.grants[0].expires_at.unwrap() <= end);
    }
    assert_eq!(account.grants[0].expires_at, Some(end));
}

#[test]
fn an_edited_scope_shows_at_the_next_sign_in() {
    let scoped = |scope: &[&str]| {
        let scope = scope.iter().map(|text| text.parse().unwrap()).collect();
        vec![rule(
            "r",
            "g",
            RoleGrant {
                scope,
                ..permanent("viewer")
            },
        )]
    };
    let pattern = |text: &str| -> DocumentPattern { text.parse().unwrap() };
    let mut account = Account::with(scoped(&["nda/*", "nda/x", "hr"]), &[]);
    account.sign_in(complete(&["g"]), start());
    assert_eq!(account.grants[0].scope, [pattern("hr"), pattern("nda/*")]);

    account.edit(scoped(&["nda/x", "tax"]));
    let held = account.plan(Groups::Absent, start());
    assert_eq!(held.renew[0].scope, [pattern("nda/x")], "never more");
    let delta = account.sign_in(complete(&["g"]), start());
    assert_eq!(delta.renew[0].reason, RenewalReason::PolicyChanged);
    assert_eq!(account.grants[0].scope, [pattern("nda/x"), pattern("tax")]);

    account.edit(scoped(&["other"]));
    let held = account.plan(Groups::Absent, start());
    assert_eq!(
        held.take[0].reason,
        TakeReason::RuleChanged,
        "nothing is left"
    );
    account.edit(scoped(&[]));
    assert!(account.plan(Groups::Absent, start()).is_empty());
    account.sign_in(complete(&["g"]), start());
    assert!(account.grants[0].scope.is_empty());
}

#[test]
fn roles_for_other_documents_do_not_shorten_each_other() {
    let scoped = |id: &str, scope: &str, ttl| {
        let grant = RoleGrant {
            scope: vec![scope.parse().unwrap()],
            ttl,
            ..permanent("viewer")
        };
        rule(id, "g", grant)
    };
    let rules = vec![
        scoped("a", "nda/*", Some(DAY)),
        scoped("b", "hr/*", None),
        scoped("c", "nda/x", None),
    ];
    let mut account = Account::with(rules, &[]);
    let delta = account.sign_in(complete(&["g"]), start());
    let given: Vec<_> = delta
        .give
        .iter()
        .map(|give| give.rule.clone().unwrap())
        .collect();
    assert_eq!(given, ["a", "b"].map(|id| RuleId::new(id).unwrap()));
    assert_eq!(delta.withheld[0].obstacle.code(), "roles.shorter_rule");
}

#[test]
fn the_last_of_a_role_can_be_kept_instead_of_lost() {
    let mut account = Account::with(by_group(&["admin", "viewer"]), &[]);
    account.sign_in(complete(&["g-admin", "g-viewer"]), start());
    let mut delta = account.plan(complete(&[]), start());
    let lost: Vec<_> = delta.lost_roles(start()).cloned().collect();
    assert_eq!(lost, [role("admin"), role("viewer")]);
    let kept = delta
        .keep_instead_of_losing(&role("admin"), start())
        .unwrap();
    assert_eq!(kept.role, role("admin"));
    assert!(delta.leaves(&role("admin"), start()));
    assert_eq!(delta.keep_instead_of_losing(&role("admin"), start()), None);
    account.write(&delta, start());
    assert_eq!(account.live_roles(start()), ["admin"]);

    // A grant that is cut short is lost as well, and one that has run out was not held.
    let short = rule(
        "r-admin",
        "g-admin",
        RoleGrant::temporary(role("admin"), HOUR),
    );
    account.edit(vec![short]);
    let tomorrow = start().saturating_add(DAY);
    let mut delta = account.plan(complete(&["g-admin"]), tomorrow);
    assert_eq!(delta.lost_roles(tomorrow).count(), 1);
    assert!(
        delta
            .keep_instead_of_losing(&role("admin"), tomorrow)
            .is_some()
    );
    let mut delta = account.plan(complete(&["g-admin"]), tomorrow);
    account.write(&delta, tomorrow);
    delta = account.plan(complete(&[]), tomorrow);
    assert_eq!(delta.keep_instead_of_losing(&role("admin"), tomorrow), None);
}

#[test]
fn a_role_that_an_administrator_barred_is_given_by_no_rule_and_keeps_no_other_out() {
    let mut account = Account::with(by_group(&["signer", "viewer"]), &[]);
    exclusive(&mut account, &["signer", "viewer"]);
    let all = || complete(&["g-signer", "g-viewer"]);
    account.sign_in(all(), start());
    assert_eq!(account.live_roles(start()), ["signer"]);
    let barred = Some(start());
    account.insert(GrantOwner::Barred, None, role("signer"), start(), barred);

    let delta = account.sign_in(all(), start());
    assert_eq!(account.live_roles(start()), ["viewer"]);
    let reason = TakeReason::Obstacle(Obstacle::Barred);
    assert_eq!(delta.take[0].reason, reason);
    assert_eq!(delta.take[0].reason.code(), "roles.barred");
    let delta = account.sign_in(all(), start());
    assert_eq!(delta.withheld[0].obstacle, Obstacle::Barred);
    assert!(delta.is_empty());
}
