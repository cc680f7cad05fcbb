//! The laws of roles, over generated policies, people and grants.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

#[allow(dead_code, reason = "only its cases are used here")]
mod reference;

use std::collections::BTreeSet;

use countersign_core::{Grant, GrantId, GrantOwner, Groups, RoleName, RuleId};
use countersign_roles::{GrantDelta, RoleSync, RuleSet, TakeReason, reconcile, scope};
use fuzz_shared::choices::Choices;

use crate::reference::case::Case;
use crate::reference::lines;

const CASES: u64 = 1_000;

fn cases() -> impl Iterator<Item = (u64, Case)> {
    // Others than those of the comparison with the reference.
    let seeds = (0..CASES).map(|seed| seed | 1 << 40);
    seeds.map(|seed| (seed, Case::of(&mut Choices::from_seed(seed))))
}

fn sign_in(case: &Case) -> GrantDelta {
    let rules = RuleSet::new(&case.catalog, case.rules.clone()).unwrap();
    let sync = RoleSync {
        connection: &case.connection,
        catalog: &case.catalog,
        rules: &rules,
        default_roles: &case.default_roles,
        max_privilege: case.max_privilege.as_ref(),
        facts: &case.facts,
    };
    let evaluation = rules.evaluate(&case.connection, &case.facts);
    reconcile(&case.existing, &sync, &evaluation, case.now)
}

/// The account as it is written afterwards.
fn written(case: &Case, delta: &GrantDelta) -> Vec<Grant> {
    let taken: BTreeSet<&GrantId> = delta.take.iter().map(|taken| &taken.grant.id).collect();
    let left = case
        .existing
        .iter()
        .filter(|grant| !taken.contains(&grant.id));
    let mut grants: Vec<Grant> = left.cloned().collect();
    for renewal in &delta.renew {
        let mut rows = grants.iter_mut();
        let grant = rows.find(|grant| grant.id == renewal.grant.id).unwrap();
        grant.granted_at = renewal.granted_at;
        grant.expires_at = renewal.expires_at;
        grant.scope.clone_from(&renewal.scope);
    }
    for (number, give) in delta.give.iter().enumerate() {
        grants.push(Grant {
            id: GrantId::new(format!("new{number}")).unwrap(),
            role: give.role.clone(),
            owner: give.owner.clone(),
            rule: give.rule.clone(),
            first_given_at: case.now,
            granted_at: case.now,
            expires_at: give.expires_at,
            scope: give.scope.clone(),
            ..template()
        });
    }
    grants
}

fn template() -> Grant {
    use countersign_core::{LeafHash, Sha256Digest, Timestamp, UserId};
    Grant {
        id: GrantId::new("t").unwrap(),
        user: UserId::new("u").unwrap(),
        role: RoleName::new("a").unwrap(),
        owner: GrantOwner::Manual,
        rule: None,
        policy_hash: Sha256Digest::from_bytes([0; 32]),
        first_given_at: Timestamp::UNIX_EPOCH,
        granted_at: Timestamp::UNIX_EPOCH,
        expires_at: None,
        scope: Vec::new(),
        entry: LeafHash::from_bytes([0; 32]),
    }
}

fn is_own(case: &Case, grant: &Grant) -> bool {
    let own = [
        GrantOwner::Jit(case.connection.clone()),
        GrantOwner::Default(case.connection.clone()),
    ];
    own.contains(&grant.owner)
}

#[test]
fn the_order_of_rules_and_of_rows_means_nothing() {
    for (seed, case) in cases() {
        let mut turned = case.clone();
        turned.rules.reverse();
        turned.existing.reverse();
        turned.default_roles.reverse();
        assert_eq!(
            lines(&sign_in(&case)),
            lines(&sign_in(&turned)),
            "seed {seed}"
        );
    }
}

#[test]
fn signing_in_again_at_once_changes_nothing() {
    for (seed, mut case) in cases() {
        case.existing = written(&case, &sign_in(&case));
        let again = sign_in(&case);
        assert!(again.is_empty(), "seed {seed}: {again:#?} {case:#?}");
    }
}

#[test]
fn every_row_is_in_one_place_and_no_row_of_another_owner_is_touched() {
    for (seed, case) in cases() {
        let delta = sign_in(&case);
        let taken = delta.take.iter().map(|taken| &taken.grant);
        let renewed = delta.renew.iter().map(|renewal| &renewal.grant);
        let touched: Vec<&Grant> = taken.chain(renewed).collect();
        assert!(
            touched.iter().all(|grant| is_own(&case, grant)),
            "seed {seed}"
        );
        let left = delta.keep.iter().chain(&delta.spent).chain(&delta.others);
        let mut filed: Vec<&GrantId> = touched.into_iter().chain(left).map(|g| &g.id).collect();
        filed.sort();
        let there = |grant: &&Grant| is_own(&case, grant) || grant.is_live(case.now);
        let mut all: Vec<&GrantId> = case.existing.iter().filter(there).map(|g| &g.id).collect();
        all.sort();
        assert_eq!(filed, all, "seed {seed}");
        assert!(delta.keep.iter().all(|grant| grant.is_live(case.now)));
        assert!(delta.spent.iter().all(|grant| !grant.is_live(case.now)));
    }
}

#[test]
fn what_is_denied_is_neither_given_nor_kept() {
    let mut denied = 0;
    for (seed, case) in cases() {
        let rules = RuleSet::new(&case.catalog, case.rules.clone()).unwrap();
        let evaluation = rules.evaluate(&case.connection, &case.facts);
        let by = evaluation.matched().iter();
        let roles: BTreeSet<&RoleName> = by.flat_map(|rule| &rule.deny).collect();
        denied += roles.len();
        let delta = sign_in(&case);
        for grant in written(&case, &delta) {
            let held = is_own(&case, &grant) && grant.is_live(case.now);
            assert!(!held || !roles.contains(&grant.role), "seed {seed}");
        }
    }
    assert!(denied > 50);
}

/// One more rule that only gives takes no role away, where nothing else stands in between.
#[test]
fn without_obstacles_more_rules_give_more() {
    for (seed, mut case) in cases() {
        case.catalog = case.catalog.roles().cloned().fold(
            countersign_roles::RoleCatalog::default(),
            |catalog, role| {
                let roles = catalog.roles().cloned().chain([role]);
                countersign_roles::RoleCatalog::new(roles.collect::<Vec<_>>()).unwrap()
            },
        );
        case.existing.clear();
        case.max_privilege = None;
        for rule in &mut case.rules {
            rule.deny.clear();
            for grant in &mut rule.grant {
                grant.ttl = None;
                grant.renew = false;
                grant.cap = None;
            }
        }
        case.rules.retain(|rule| !rule.grant.is_empty());
        let mut fewer = case.clone();
        fewer.rules.pop();
        let (more, fewer) = (lines(&sign_in(&case)), lines(&sign_in(&fewer)));
        assert!(fewer.is_subset(&more), "seed {seed}");
    }
}

#[test]
fn no_renewal_passes_its_cap() {
    let mut capped = 0;
    for (seed, case) in cases() {
        for renewal in sign_in(&case).renew {
            let id: Option<&RuleId> = renewal.grant.rule.as_ref();
            let rule = id.and_then(|id| case.rules.iter().find(|rule| rule.id == *id));
            let grant = rule.and_then(|rule| rule.grant_of(&renewal.grant.role));
            if let Some(cap) = grant.and_then(|grant| grant.cap) {
                let last = renewal.grant.first_given_at.saturating_add(cap);
                assert!(renewal.expires_at.unwrap() <= last, "seed {seed}");
                capped += 1;
            }
        }
    }
    assert!(capped > 0);
}

/// What is not told takes nothing: whatever is taken with some groups told is taken whatever the
/// others are.
#[test]
fn groups_that_were_not_told_take_nothing() {
    let mut taken = 0;
    for (seed, mut case) in cases() {
        // Which of two roles gives way to which depends on all that is given.
        let roles: Vec<_> = case.catalog.roles().cloned().collect();
        case.catalog = countersign_roles::RoleCatalog::new(roles).unwrap();
        let known = case.facts.groups.known().cloned().unwrap_or_default();
        let some = sign_in(&Case {
            facts: with(&case, Groups::Partial(known.clone())),
            ..case.clone()
        });
        let none = sign_in(&Case {
            facts: with(&case, Groups::Absent),
            ..case.clone()
        });
        for more in [&[][..], &["v"], &["wv", "w"]] {
            let mut all = known.clone();
            all.extend(more.iter().map(|group| (*group).to_owned()));
            let all = sign_in(&Case {
                facts: with(&case, Groups::Complete(all)),
                ..case.clone()
            });
            let lost = |delta: &GrantDelta| -> BTreeSet<GrantId> {
                let lost = delta
                    .take
                    .iter()
                    .filter(|taken| taken.reason != TakeReason::RuleChanged);
                lost.map(|taken| taken.grant.id.clone()).collect()
            };
            for few in [&some, &none] {
                assert!(lost(few).is_subset(&lost(&all)), "seed {seed}: {case:#?}");
                for give in &few.give {
                    let in_doubt = all.withheld.iter().any(|other| {
                        other.rule == give.rule
                            && other.role == give.role
                            && other.obstacle.code() == "roles.denied"
                    });
                    assert!(!in_doubt, "seed {seed}: given, though groups deny it");
                }
            }
            taken += lost(&some).len();
        }
    }
    assert!(taken > 500);
}

fn with(case: &Case, groups: Groups) -> countersign_core::Facts {
    let mut facts = case.facts.clone();
    facts.groups = groups;
    facts
}

/// Several grants together allow what each allows by itself.
#[test]
fn grants_allow_no_more_together_than_each_by_itself() {
    for (seed, case) in cases() {
        let grants = written(&case, &sign_in(&case));
        for action in ["sign", "view"] {
            for document in ["nda", "nda/x", "nda/x/y", "hr", "hr/x", "other"] {
                let may = |grants: &[Grant]| {
                    let answer = countersign_roles::authorize(
                        &case.catalog,
                        grants,
                        action,
                        document,
                        case.now,
                    );
                    answer.grant().cloned()
                };
                let alone = grants
                    .iter()
                    .filter(|grant| may(std::slice::from_ref(grant)).is_some());
                let alone: Vec<&Grant> = alone.collect();
                assert_eq!(may(&grants).is_some(), !alone.is_empty(), "seed {seed}");
                for grant in alone {
                    let role = case.catalog.role(&grant.role).unwrap();
                    assert!(grant.is_live(case.now));
                    assert!(role.allows(action, document));
                    assert!(scope::covers(&grant.scope, document));
                    let listed = role.permissions_within(&grant.scope);
                    assert!(listed.iter().any(|of| of.allows(action, document)));
                }
            }
        }
    }
}
