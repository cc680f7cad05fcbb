//! The decision: strategies, creation, and every known way of taking an account over.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod desk;

use std::collections::BTreeSet;

use countersign_core::{ConnectionId, Groups, SubjectKey, TenantId};
use countersign_provision::store::{ConnectionState, Snapshot};
use countersign_provision::user::UserState;
use countersign_provision::{
    ConnectionPolicy, CreationMode, EmailLink, LinkPlan, MatchedBy, OnEmailChange, OnInactive,
    Preset, Strategy, UserField, UserPlan, decide,
};
use desk::*;

fn jit() -> ConnectionPolicy {
    connection(Preset::GENERIC, Strategy::Jit)
}

fn linking() -> ConnectionPolicy {
    let mut connection = jit();
    connection.matching.link = EmailLink::Verified {
        exclude_roles: [role("sender")].into(),
    };
    connection
}

/// The nurse, with an address that the provider verified.
fn verified() -> countersign_core::Facts {
    let mut facts = nurse();
    facts.email.as_mut().unwrap().verified_by_idp = true;
    facts
}

// Strategies.

#[test]
fn jit_makes_an_account_at_first_sign_in() {
    let mut connection = jit();
    connection.create.default_roles = vec![role("viewer")];
    let admission = admitted(&connection, &nurse(), &Snapshot::default());
    assert!(matches!(admission.user, UserPlan::Create(_)));
    assert_eq!(admission.link, LinkPlan::Add);
    assert!(admission.unique_email);
    let given: BTreeSet<_> = admission
        .grants
        .give
        .iter()
        .map(|g| g.role.as_str())
        .collect();
    assert_eq!(given, ["signer", "viewer"].into());
    let reasons: Vec<_> = admission.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        [
            "the person is new here",
            "rule `legal-signs` matched",
            "role `signer` given, by rule `legal-signs`",
            "role `viewer` given, as a default role",
        ]
    );
    let half_an_hour = std::time::Duration::from_secs(1800);
    assert_eq!(
        admission.session_not_after,
        now().saturating_add(half_an_hour)
    );
}

#[test]
fn pre_provisioned_only_makes_none_and_admits_who_is_known() {
    let connection = connection(Preset::GENERIC, Strategy::PreProvisionedOnly);
    let code = refused(&connection, &nurse(), &Snapshot::default());
    assert_eq!(code, "provision.not_pre_provisioned");
    let admission = admitted(&connection, &nurse(), &linked(account("u1")));
    assert_eq!(admission.matched_by, MatchedBy::Subject);
}

#[test]
fn an_account_made_ahead_is_claimed_by_its_first_sign_in() {
    for strategy in [Strategy::PreProvisionedOnly, Strategy::Jit] {
        let connection = connection(Preset::GENERIC, strategy);
        let admission = admitted(&connection, &nurse(), &same_address(vec![invited("u1")]));
        assert_eq!(admission.matched_by, MatchedBy::Invitation);
        assert_eq!(admission.link, LinkPlan::Add);
        let UserPlan::Update { user, changes } = admission.user else {
            panic!("not activated");
        };
        assert_eq!(user.state, UserState::Active);
        assert_eq!(changes[0].field, UserField::State);
    }
}

#[test]
fn an_invited_account_with_a_past_is_not_claimed() {
    let mut used = invited("u1");
    used.user.last_sign_in_at = Some(now());
    assert_eq!(
        refused(&jit(), &nurse(), &same_address(vec![used])),
        "provision.email_taken"
    );
    let mut linked_elsewhere = invited("u1");
    let other = SubjectKey::from_stable_value(tenant(), "https://other.example", "s").unwrap();
    linked_elsewhere.subjects.push(other);
    let snapshot = same_address(vec![linked_elsewhere]);
    assert_eq!(
        refused(&jit(), &nurse(), &snapshot),
        "provision.email_taken"
    );
}

#[test]
fn an_invited_administrator_is_not_claimed_by_address() {
    let snapshot = same_address(vec![with_manual_role(invited("u1"), "admin")]);
    assert_eq!(
        refused(&jit(), &nurse(), &snapshot),
        "provision.privileged_account"
    );
}

#[test]
fn self_register_wants_a_verified_address_in_an_allowed_domain() {
    let mut connection = connection(Preset::GENERIC, Strategy::SelfRegister);
    let code = refused(&connection, &nurse(), &Snapshot::default());
    assert_eq!(code, "provision.email_not_verified_by_idp");
    admitted(&connection, &verified(), &Snapshot::default());
    let mut outside = verified();
    outside.email.as_mut().unwrap().address = email("nurse@other.example").address;
    let code = refused(&connection, &outside, &Snapshot::default());
    assert_eq!(code, "provision.email_outside_domains");
    connection.create.accepts_unverified_email = true;
    admitted(&connection, &nurse(), &Snapshot::default());
}

/// Anybody can register with such a provider, and say that an address is theirs.
#[test]
fn self_register_never_gives_an_account_to_an_unverified_address() {
    let mut generic = connection(Preset::GENERIC, Strategy::SelfRegister);
    generic.create.accepts_unverified_email = true;
    let mut invited = in_state(account("u1"), UserState::Invited);
    invited.user.last_sign_in_at = None;
    let invitation = same_address(vec![invited]);
    let code = refused(&generic, &nurse(), &invitation);
    assert_eq!(code, "provision.email_not_verified_by_idp");
    let claimed = admitted(&generic, &verified(), &invitation);
    assert_eq!(claimed.matched_by, MatchedBy::Invitation);

    let docusign = connection(Preset::DOCUSIGN, Strategy::SelfRegister);
    let active = same_address(vec![account("u1")]);
    let code = refused(&docusign, &nurse(), &active);
    assert_eq!(code, "provision.email_not_verified_by_idp");
    let linked = admitted(&docusign, &verified(), &active);
    assert_eq!(linked.matched_by, MatchedBy::EmailAndName);
}

#[test]
fn self_register_never_changes_an_address_to_an_unverified_one() {
    let connection = connection(Preset::GENERIC, Strategy::SelfRegister);
    let mut known = account("u1");
    known.user.email = Some(email("own@acme.example").address);
    let snapshot = linked(known);
    let keeps = admitted(&connection, &nurse(), &snapshot);
    assert!(matches!(keeps.user, UserPlan::Keep(_)), "{:?}", keeps.user);
    let changes = admitted(&connection, &verified(), &snapshot);
    assert!(matches!(changes.user, UserPlan::Update { .. }));
}

// Creation.

#[test]
fn a_connection_may_deny_creation() {
    let mut connection = jit();
    connection.create.mode = CreationMode::Deny;
    let code = refused(&connection, &nurse(), &Snapshot::default());
    assert_eq!(code, "provision.creation_denied");
    admitted(&connection, &nurse(), &linked(account("u1")));
}

#[test]
fn a_new_account_needs_an_address_and_a_known_one_does_not() {
    let mut without = nurse();
    without.email = None;
    let code = refused(&jit(), &without, &Snapshot::default());
    assert_eq!(code, "provision.email_missing");
    let admission = admitted(&jit(), &without, &linked(account("u1")));
    assert!(
        matches!(admission.user, UserPlan::Keep(_)),
        "what was not sent stays"
    );
}

#[test]
fn the_required_group_must_be_known() {
    let mut connection = jit();
    connection.create.require_group = Some("legal".into());
    admitted(&connection, &nurse(), &Snapshot::default());
    let mut partly = nurse();
    partly.groups = Groups::Partial(["legal".to_owned()].into());
    admitted(&connection, &partly, &Snapshot::default());
    let code = |groups| {
        let mut other = nurse();
        other.groups = groups;
        refused(&connection, &other, &Snapshot::default())
    };
    let missing = Groups::Complete(BTreeSet::new());
    assert_eq!(code(missing), "provision.required_group_missing");
    // What was left out is not known to be missing, and not known to be there.
    for unknown in [Groups::Absent, Groups::Partial(["other".to_owned()].into())] {
        assert_eq!(code(unknown), "provision.required_group_undecided");
    }
}

#[test]
fn the_last_seat_is_given_once_and_the_commit_is_told() {
    let mut connection = jit();
    connection.create.seats = Some(2);
    let taken = |seats_taken| Snapshot {
        seats_taken,
        ..Snapshot::default()
    };
    assert_eq!(admitted(&connection, &nurse(), &taken(1)).seat_cap, Some(2));
    assert_eq!(
        refused(&connection, &nurse(), &taken(2)),
        "provision.seats_taken"
    );
    let mut full = linked(account("u1"));
    full.seats_taken = 2;
    admitted(&connection, &nurse(), &full);
}

// By construction.

/// nOAuth; Grafana CVE-2023-3128; Zitadel CVE-2026-56666; Keycloak #53041.
#[test]
fn an_address_is_no_key() {
    let code = refused(&jit(), &verified(), &same_address(vec![account("u1")]));
    assert_eq!(code, "provision.email_taken");
}

#[test]
fn linking_by_address_needs_every_proof() {
    let snapshot = || same_address(vec![account("u1")]);
    let admission = admitted(&linking(), &verified(), &snapshot());
    assert_eq!(admission.matched_by, MatchedBy::Email);

    // The provider must say it; an absent flag is false.
    let code = refused(&linking(), &nurse(), &snapshot());
    assert_eq!(code, "provision.email_not_verified_by_idp");
    // The host must have verified it.
    let mut unproved = account("u1");
    unproved.user.email_verified_locally = false;
    let code = refused(&linking(), &verified(), &same_address(vec![unproved]));
    assert_eq!(code, "provision.email_not_verified_locally");
    // The domain must be the connection's.
    let mut elsewhere = linking();
    elsewhere.domains = ["other.example".to_owned()].into();
    let code = refused(&elsewhere, &verified(), &snapshot());
    assert_eq!(code, "provision.email_outside_domains");
    // There must be exactly one.
    let two = same_address(vec![account("u1"), account("u2")]);
    assert_eq!(
        refused(&linking(), &verified(), &two),
        "provision.ambiguous"
    );
    // And nobody worth stealing.
    for name in ["admin", "sender"] {
        let stolen = same_address(vec![with_manual_role(account("u1"), name)]);
        let code = refused(&linking(), &verified(), &stolen);
        assert_eq!(code, "provision.privileged_account", "{name}");
    }
}

#[test]
fn a_subdomain_must_be_claimed_by_itself() {
    for address in [
        "nurse@sub.acme.example",
        "nurse@xacme.example",
        "nurse@acme.example.evil.example",
    ] {
        let mut other = nurse();
        other.email = Some(email(address));
        let code = refused(&jit(), &other, &Snapshot::default());
        assert_eq!(code, "provision.email_outside_domains", "{address}");
    }
}

/// The provider already knows the account under another subject: the address was given to a new
/// person.
#[test]
fn a_recycled_address_is_a_conflict_and_never_a_match() {
    let mut predecessor = account("u1");
    predecessor.subjects.push(subject("subject-0"));
    for connection in [jit(), linking()] {
        let code = refused(
            &connection,
            &verified(),
            &same_address(vec![predecessor.clone()]),
        );
        assert_eq!(code, "provision.email_recycled");
    }
}

/// CVE-2019-19844, Spotify 2013.
#[test]
fn a_local_part_outside_ascii_never_links() {
    let mut lookalike = verified();
    lookalike.email.as_mut().unwrap().address = email("n\u{fc}rse@acme.example").address;
    for mut candidate in [account("u1"), invited("u1")] {
        candidate.user.email = Some(email("n\u{fc}rse@acme.example").address);
        let code = refused(&linking(), &lookalike, &same_address(vec![candidate]));
        assert_eq!(code, "provision.email_not_ascii");
    }
}

/// Absent groups read as empty ones.
#[test]
fn groups_that_were_left_out_take_nothing_away() {
    let before = admitted(&jit(), &nurse(), &Snapshot::default());
    let give = &before.grants.give[0];
    let mut known = with_manual_role(account("u1"), "signer");
    known.grants[0].owner = give.owner.clone();
    known.grants[0].rule = give.rule.clone();
    let mut silent = nurse();
    silent.groups = Groups::Absent;
    let admission = admitted(&jit(), &silent, &linked(known.clone()));
    assert!(admission.grants.take.is_empty());
    assert_eq!(
        admission.reasons.last().unwrap().code(),
        "provision.groups_incomplete"
    );
    silent.groups = Groups::Complete(BTreeSet::new());
    let admission = admitted(&jit(), &silent, &linked(known));
    assert_eq!(admission.grants.take.len(), 1);
}

/// GitLab #8869, and a duplicate beside an inactive account.
#[test]
fn an_account_out_of_use_is_not_entered_and_not_doubled() {
    for (state, code) in [
        (UserState::Suspended, "provision.user_suspended"),
        (UserState::Deprovisioned, "provision.user_deprovisioned"),
        (UserState::PendingApproval, "provision.user_awaits_approval"),
    ] {
        let inactive = in_state(account("u1"), state);
        let by_subject = linked(inactive.clone());
        let by_address = same_address(vec![inactive]);
        for connection in [jit(), linking()] {
            assert_eq!(refused(&connection, &verified(), &by_subject), code);
            assert_eq!(refused(&connection, &verified(), &by_address), code);
        }
    }
}

#[test]
fn only_a_deprovisioned_account_may_be_put_back_into_use_and_only_by_its_subject() {
    let mut connection = jit();
    connection.matching.on_inactive = OnInactive::ReactivateDeprovisioned;
    let gone = in_state(account("u1"), UserState::Deprovisioned);
    let admission = admitted(&connection, &nurse(), &linked(gone.clone()));
    assert_eq!(admission.user.existing().unwrap().state, UserState::Active);
    let by_address = same_address(vec![gone]);
    let code = refused(&connection, &verified(), &by_address);
    assert_eq!(code, "provision.user_deprovisioned");
    let suspended = linked(in_state(account("u1"), UserState::Suspended));
    assert_eq!(
        refused(&connection, &nurse(), &suspended),
        "provision.user_suspended"
    );
}

#[test]
fn an_account_does_not_come_into_use_with_an_address_that_another_has_by_now() {
    let mut connection = jit();
    connection.matching.on_inactive = OnInactive::ReactivateDeprovisioned;
    for state in [UserState::Invited, UserState::Deprovisioned] {
        let mut snapshot = linked(in_state(account("u1"), state));
        snapshot.by_email.push(account("u2"));
        let code = refused(&connection, &nurse(), &snapshot);
        assert_eq!(code, "provision.email_taken");
        snapshot.by_email[1].user.state = UserState::Deprovisioned;
        assert!(plan(&connection, &nurse(), &snapshot).admission().is_some());
    }
}

/// CVE-2025-64717, CVE-2026-3009.
#[test]
fn a_disabled_connection_refuses_everybody() {
    let mut snapshot = linked(account("u1"));
    snapshot.connection = ConnectionState {
        enabled: false,
        epoch: 1,
    };
    assert_eq!(
        refused(&jit(), &nurse(), &snapshot),
        "provision.connection_disabled"
    );
}

#[test]
fn an_unknown_connection_refuses_everybody() {
    let other = ConnectionId::new("other").unwrap();
    let plan = decide(
        &policy(jit()),
        &other,
        &nurse(),
        &Snapshot::default(),
        now(),
    );
    assert_eq!(
        plan.refusal().unwrap().code(),
        "provision.unknown_connection"
    );
}

#[test]
fn an_identity_of_another_issuer_or_tenant_is_refused() {
    let mut other = nurse();
    other.subject = SubjectKey::from_stable_value(tenant(), "https://other.example", "s").unwrap();
    assert_eq!(
        refused(&jit(), &other, &Snapshot::default()),
        "provision.other_issuer"
    );
    let umbrella = TenantId::new("umbrella").unwrap();
    other.subject = SubjectKey::from_stable_value(umbrella.clone(), ISSUER, "s").unwrap();
    assert_eq!(
        refused(&jit(), &other, &Snapshot::default()),
        "provision.other_tenant"
    );
    // A store that answers with another tenant's account does not get it let in.
    let mut foreign = account("u1");
    foreign.user.tenant = umbrella;
    let code = refused(&jit(), &nurse(), &linked(foreign.clone()));
    assert_eq!(code, "provision.other_tenant");
    let admission = admitted(&linking(), &verified(), &same_address(vec![foreign]));
    assert_eq!(admission.matched_by, MatchedBy::Created);
}

// A known person with another address.

#[test]
fn an_address_change_follows_the_policy() {
    let mut old = account("u1");
    old.user.email = Some(email("old@acme.example").address);
    let mut snapshot = linked(old);
    snapshot.by_email.clear();
    let mut connection = jit();
    let admission = admitted(&connection, &nurse(), &snapshot);
    assert!(matches!(admission.user, UserPlan::Update { .. }));

    connection.matching.on_email_change = OnEmailChange::Keep;
    let admission = admitted(&connection, &nurse(), &snapshot);
    assert!(matches!(admission.user, UserPlan::Keep(_)));

    connection.matching.on_email_change = OnEmailChange::Deny;
    assert_eq!(
        refused(&connection, &nurse(), &snapshot),
        "provision.email_changed"
    );
}

#[test]
fn nobody_changes_to_an_address_that_another_account_has() {
    let mut old = account("u1");
    old.user.email = Some(email("old@acme.example").address);
    let mut snapshot = linked(old);
    snapshot.by_email = vec![account("u2")];
    assert_eq!(
        refused(&jit(), &nurse(), &snapshot),
        "provision.new_email_taken"
    );
    snapshot.by_email = vec![in_state(account("u2"), UserState::Deprovisioned)];
    admitted(&jit(), &nurse(), &snapshot);
}

#[test]
fn names_follow_the_provider() {
    let mut old = account("u1");
    old.user.family_name = Some("Maiden".into());
    old.user.display_name = Some("Shown".into());
    let admission = admitted(&jit(), &nurse(), &linked(old));
    let UserPlan::Update { user, changes } = admission.user else {
        panic!("not updated");
    };
    assert_eq!(user.family_name.as_deref(), Some("Family"));
    assert_eq!(
        user.display_name.as_deref(),
        Some("Shown"),
        "what was not sent stays"
    );
    assert_eq!(changes.len(), 1);
}

/// Reasons go into records and logs.
#[test]
fn reasons_name_no_personal_data() {
    let mut old = account("u1");
    old.user.email = Some(email("old@acme.example").address);
    let mut snapshot = linked(old);
    snapshot.by_email.clear();
    let admission = admitted(&jit(), &nurse(), &snapshot);
    for reason in &admission.reasons {
        let said = reason.to_string();
        for secret in ["nurse", "old@", "Given", "Family", "subject-1"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}
