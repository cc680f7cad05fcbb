//! DocuSign's matching, rule by rule.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod desk;

use countersign_core::Facts;
use countersign_provision::store::{Snapshot, UserWithGrants};
use countersign_provision::user::UserState;
use countersign_provision::{
    ConnectionPolicy, LinkPlan, MatchedBy, NewUser, OnInactive, Preset, Strategy, UserField,
    UserPlan,
};
use desk::*;

fn docusign() -> ConnectionPolicy {
    let mut connection = connection(Preset::DOCUSIGN, Strategy::Jit);
    connection.create.account_id = Some("default-account".into());
    connection.create.permission_profile_id = Some("default-profile".into());
    connection
}

fn created(facts: &Facts, snapshot: &Snapshot) -> NewUser {
    let admission = admitted(&docusign(), facts, snapshot);
    assert_eq!(admission.matched_by, MatchedBy::Created);
    match admission.user {
        UserPlan::Create(user) => user,
        other => panic!("{other:?}"),
    }
}

/// Rule 1.
#[test]
fn the_federated_id_of_an_active_user_decides_whatever_the_names_say() {
    let mut known = account("u1");
    known.user.given_name = Some("Other".into());
    let admission = admitted(&docusign(), &nurse(), &linked(known.clone()));
    assert_eq!(admission.matched_by, MatchedBy::Subject);
    assert_eq!(admission.link, LinkPlan::Existing);
    // DocuSign says of the address only that it follows; the names stay.
    assert_eq!(admission.user, UserPlan::Keep(known.user));
}

/// Rule 1, second half.
#[test]
fn an_address_that_differs_is_updated() {
    let mut known = account("u1");
    known.user.email = Some(email("old@acme.example").address);
    let mut snapshot = linked(known);
    snapshot.by_email.clear();
    let admission = admitted(&docusign(), &nurse(), &snapshot);
    let UserPlan::Update { user, changes } = admission.user else {
        panic!("not updated");
    };
    assert_eq!(user.email, Some(email("nurse@acme.example").address));
    assert_eq!(changes[0].field, UserField::Email);
    assert_eq!(changes[0].before.as_deref(), Some("old@acme.example"));
    assert_eq!(changes[0].after.as_deref(), Some("nurse@acme.example"));
    // What the host had verified was the old address.
    assert!(!user.email_verified_locally);
}

/// Rule 2.
#[test]
fn an_active_user_with_address_and_both_names_is_matched_and_linked() {
    let admission = admitted(&docusign(), &nurse(), &same_address(vec![account("u1")]));
    assert_eq!(admission.matched_by, MatchedBy::EmailAndName);
    assert_eq!(admission.link, LinkPlan::Add);
    assert_eq!(admission.user.existing().unwrap().id, user_id("u1"));
}

/// Rule 2 wants all three.
#[test]
fn two_of_the_three_are_not_enough() {
    let differs = |bend: fn(&mut UserWithGrants)| {
        let mut other = account("u1");
        bend(&mut other);
        created(&nurse(), &same_address(vec![other]))
    };
    differs(|other| other.user.given_name = Some("given".into()));
    differs(|other| other.user.family_name = Some("Else".into()));
    differs(|other| other.user.given_name = None);
    differs(|other| other.user.email = Some(email("other@acme.example").address));
    let mut nameless = nurse();
    nameless.given_name = None;
    let mut other = account("u1");
    other.user.given_name = None;
    // Absent on both sides is not equal.
    created(&nameless, &same_address(vec![other]));
}

/// Rule 2 wants an active user: all other states are passed over, and rule 3 makes a new one.
#[test]
fn an_inactive_user_is_passed_over_by_address() {
    for state in [
        UserState::Suspended,
        UserState::Deprovisioned,
        UserState::PendingApproval,
        UserState::Invited,
    ] {
        created(
            &nurse(),
            &same_address(vec![in_state(account("u1"), state)]),
        );
    }
}

/// Rule 1 wants an active user: the federated id of another moves to the new one.
#[test]
fn an_inactive_user_is_passed_over_by_federated_id() {
    let snapshot = linked(in_state(account("u1"), UserState::Suspended));
    let admission = admitted(&docusign(), &nurse(), &snapshot);
    assert_eq!(admission.matched_by, MatchedBy::Created);
    let from = user_id("u1");
    assert_eq!(admission.link, LinkPlan::Move { from, version: 7 });
    assert!(!admission.unique_email);
    let codes: Vec<_> = admission
        .reasons
        .iter()
        .map(|reason| reason.code())
        .collect();
    assert!(
        codes.contains(&"provision.inactive_passed_over"),
        "{codes:?}"
    );
}

/// From rule 1 past an inactive user to rule 2.
#[test]
fn past_an_inactive_user_an_active_one_may_match() {
    let mut snapshot = linked(in_state(account("u1"), UserState::Deprovisioned));
    snapshot.by_email.push(account("u2"));
    let admission = admitted(&docusign(), &nurse(), &snapshot);
    assert_eq!(admission.matched_by, MatchedBy::EmailAndName);
    assert_eq!(admission.user.existing().unwrap().id, user_id("u2"));
    assert!(matches!(admission.link, LinkPlan::Move { .. }));
}

/// The preset can be hardened.
#[test]
fn a_host_may_refuse_inactive_users_with_this_preset_too() {
    let mut hardened = docusign();
    hardened.matching.on_inactive = OnInactive::Deny;
    let snapshot = linked(in_state(account("u1"), UserState::Suspended));
    assert_eq!(
        refused(&hardened, &nurse(), &snapshot),
        "provision.user_suspended"
    );
}

#[test]
fn two_active_users_that_match_are_ambiguous() {
    let snapshot = same_address(vec![account("u1"), account("u2")]);
    assert_eq!(
        refused(&docusign(), &nurse(), &snapshot),
        "provision.ambiguous"
    );
}

/// Rule 3.
#[test]
fn a_new_user_gets_the_default_account_and_profile() {
    let user = created(&nurse(), &Snapshot::default());
    assert_eq!(user.account_id.as_deref(), Some("default-account"));
    assert_eq!(
        user.permission_profile_id.as_deref(),
        Some("default-profile")
    );
    assert_eq!(user.email, Some(email("nurse@acme.example").address));
    assert_eq!(user.given_name.as_deref(), Some("Given"));
}

/// Rule 3: both decide, one alone does not.
#[test]
fn account_and_profile_of_the_assertion_decide_only_together() {
    let mut both = nurse();
    both.account_id = Some("their-account".into());
    both.permission_profile_id = Some("their-profile".into());
    let user = created(&both, &Snapshot::default());
    assert_eq!(user.account_id.as_deref(), Some("their-account"));
    assert_eq!(user.permission_profile_id.as_deref(), Some("their-profile"));

    for (account, profile) in [(Some("their-account"), None), (None, Some("their-profile"))] {
        let mut one = nurse();
        one.account_id = account.map(str::to_owned);
        one.permission_profile_id = profile.map(str::to_owned);
        let user = created(&one, &Snapshot::default());
        assert_eq!(user.account_id.as_deref(), Some("default-account"));
        assert_eq!(
            user.permission_profile_id.as_deref(),
            Some("default-profile")
        );
    }
}

#[test]
fn account_and_profile_are_for_new_users_only() {
    let mut both = nurse();
    both.account_id = Some("their-account".into());
    both.permission_profile_id = Some("their-profile".into());
    let admission = admitted(&docusign(), &both, &linked(account("u1")));
    assert!(matches!(admission.user, UserPlan::Keep(_)));
}

/// Only claimed domains, in all three rules.
#[test]
fn an_address_outside_the_claimed_domains_is_refused_by_every_rule() {
    let mut outside = nurse();
    outside.email = Some(email("nurse@evil.example"));
    let mut same = account("u1");
    same.user.email = Some(email("nurse@evil.example").address);
    for snapshot in [
        linked(account("u1")),
        same_address(vec![same]),
        Snapshot::default(),
    ] {
        let code = refused(&docusign(), &outside, &snapshot);
        assert_eq!(code, "provision.email_outside_domains");
    }
}

/// A host that has marked roles as privileged keeps them out of reach of address and names.
#[test]
fn a_privileged_user_is_never_matched_by_address_and_name() {
    let snapshot = same_address(vec![with_manual_role(account("u1"), "admin")]);
    assert_eq!(
        refused(&docusign(), &nurse(), &snapshot),
        "provision.privileged_account"
    );
}
