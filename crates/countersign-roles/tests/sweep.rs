//! What an edited policy does to the grants of an account that does not sign in.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod account;

use std::collections::BTreeMap;

use countersign_core::{ConnectionId, DocumentPattern, GrantOwner, RoleName, RuleId, Timestamp};
use countersign_roles::{
    ConnectionRoles, GrantDelta, RenewalReason, RoleGrant, RoleSweep, Rule, RuleSet, TakeReason,
    sweep,
};

use crate::account::{Account, DAY, HOUR, acme, catalog, complete, permanent, role, rule, start};

/// What the account's policy, as it is now, does to it.
fn swept(account: &Account, now: Timestamp) -> GrantDelta {
    let id = acme();
    let roles = ConnectionRoles {
        default_roles: &account.default_roles,
        max_privilege: account.max_privilege.as_ref(),
    };
    let policy = RoleSweep {
        catalog: &account.catalog,
        rules: &account.rules,
        connections: BTreeMap::from([(&id, roles)]),
    };
    sweep(&account.grants, &policy, now)
}

fn reasons(delta: &GrantDelta) -> Vec<TakeReason> {
    delta
        .take
        .iter()
        .map(|taken| taken.reason.clone())
        .collect()
}

/// Somebody who got a role by a rule and one by default.
fn nurse(grant: RoleGrant) -> Account {
    let mut account = Account::with(vec![rule("nurses", "nurse", grant)], &["viewer"]);
    account.sign_in(complete(&["nurse"]), start());
    assert_eq!(account.grants.len(), 2);
    account
}

#[test]
fn a_policy_that_is_as_it_was_changes_nothing() {
    for grant in [
        permanent("signer"),
        RoleGrant::temporary(role("signer"), DAY),
        RoleGrant::renewed(role("signer"), DAY),
    ] {
        let account = nurse(grant);
        let delta = swept(&account, start().saturating_add(HOUR));
        assert!(delta.is_empty());
        assert_eq!(delta.keep.len(), 2);
    }
}

#[test]
fn what_the_policy_gives_no_more_is_taken() {
    let mut account = nurse(permanent("signer"));
    account.edit(vec![]);
    assert_eq!(
        reasons(&swept(&account, start())),
        [TakeReason::RuleChanged]
    );
    account.edit(vec![rule("nurses", "nurse", permanent("auditor"))]);
    assert_eq!(
        reasons(&swept(&account, start())),
        [TakeReason::RuleChanged]
    );
    let elsewhere = ConnectionId::new("elsewhere").unwrap();
    let moved: Vec<Rule> = vec![rule("nurses", "nurse", permanent("signer")).at(elsewhere)];
    account.edit(moved);
    assert_eq!(
        reasons(&swept(&account, start())),
        [TakeReason::RuleChanged]
    );

    let mut account = nurse(permanent("signer"));
    account.default_roles = Vec::<RoleName>::new();
    assert_eq!(reasons(&swept(&account, start())), [TakeReason::NotDefault]);
    account.default_roles = vec![role("viewer")];
    account.max_privilege = Some(role("viewer"));
    let codes: Vec<_> = reasons(&swept(&account, start()));
    assert_eq!(codes[0].code(), "roles.exceeds_max_privilege");
    assert_eq!(codes.len(), 1);
}

#[test]
fn the_grants_of_a_connection_that_is_gone_are_taken() {
    let account = nurse(permanent("signer"));
    let (catalog, rules) = (catalog(), RuleSet::default());
    let policy = RoleSweep {
        catalog: &catalog,
        rules: &rules,
        connections: BTreeMap::new(),
    };
    let delta = sweep(&account.grants, &policy, start());
    assert_eq!(
        reasons(&delta),
        [TakeReason::ConnectionGone, TakeReason::ConnectionGone]
    );
}

/// A sweep knows nobody's groups, so it can shorten and narrow, never the reverse.
#[test]
fn a_grant_is_cut_down_and_never_lengthened_renewed_or_widened() {
    let mut account = nurse(RoleGrant::renewed(role("signer"), DAY));
    let later = start().saturating_add(HOUR);
    account.edit(vec![rule(
        "nurses",
        "nurse",
        RoleGrant::renewed(role("signer"), HOUR * 5),
    )]);
    let delta = swept(&account, later);
    assert_eq!(delta.renew.len(), 1);
    assert_eq!(delta.renew[0].reason, RenewalReason::PolicyChanged);
    assert_eq!(delta.renew[0].granted_at, start());
    assert_eq!(
        delta.renew[0].expires_at,
        Some(start().saturating_add(HOUR * 5))
    );
    for longer in [
        permanent("signer"),
        RoleGrant::renewed(role("signer"), DAY * 9),
    ] {
        account.edit(vec![rule("nurses", "nurse", longer)]);
        assert!(swept(&account, later).is_empty());
    }

    let scoped = |scope: &[&str]| {
        let scope = scope.iter().map(|text| text.parse().unwrap()).collect();
        let grant = RoleGrant {
            scope,
            ..RoleGrant::renewed(role("signer"), DAY)
        };
        vec![rule("nurses", "nurse", grant)]
    };
    account.edit(scoped(&["nda/x", "nda/y/*"]));
    let delta = swept(&account, later);
    account.write(&delta, later);
    let signs = |account: &Account| -> Vec<DocumentPattern> {
        let mut grants = account.grants.iter();
        let grant = grants.find(|grant| grant.role == role("signer")).unwrap();
        grant.scope.clone()
    };
    let patterns = ["nda/x", "nda/y/*"].map(|text| text.parse::<DocumentPattern>().unwrap());
    assert_eq!(signs(&account), patterns);
    account.edit(scoped(&[]));
    assert!(swept(&account, later).is_empty());
}

#[test]
fn what_has_run_out_is_told_whoevers_it_is_and_left() {
    let mut account = nurse(RoleGrant::temporary(role("signer"), DAY));
    let end = Some(start().saturating_add(HOUR));
    account.insert(GrantOwner::Temporary, None, role("admin"), start(), end);
    let tomorrow = start().saturating_add(DAY);
    let delta = swept(&account, tomorrow);
    assert!(delta.is_empty());
    let roles: Vec<_> = delta
        .spent
        .iter()
        .map(|grant| grant.role.as_str())
        .collect();
    assert_eq!(roles, ["signer", "admin"]);
}

#[test]
fn a_sweep_touches_no_row_of_another_owner() {
    let mut account = nurse(permanent("signer"));
    for owner in [GrantOwner::Manual, GrantOwner::Temporary, GrantOwner::Scim] {
        account.insert(owner, None, role("admin"), start(), None);
    }
    account.edit(vec![]);
    account.max_privilege = Some(role("viewer"));
    let delta = swept(&account, start());
    assert_eq!(delta.others.len(), 3);
    assert_eq!(delta.take.len(), 1);
    assert!(delta.give.is_empty());
    let nurses = RuleId::new("nurses").unwrap();
    assert_eq!(delta.take[0].grant.rule, Some(nurses));
}

#[test]
fn sweeping_twice_changes_nothing_more() {
    let mut account = nurse(RoleGrant::temporary(role("signer"), DAY));
    let nurses = Some(RuleId::new("nurses").unwrap());
    account.insert(
        GrantOwner::Jit(acme()),
        nurses,
        role("signer"),
        start(),
        None,
    );
    account.edit(vec![rule(
        "nurses",
        "nurse",
        RoleGrant::temporary(role("signer"), HOUR),
    )]);
    let now = start().saturating_add(HOUR / 2);
    let first = swept(&account, now);
    assert_eq!(reasons(&first), [TakeReason::Duplicate]);
    account.write(&first, now);
    assert!(swept(&account, now).is_empty());
}
