//! Taking an account over through provisioning: every way that worked elsewhere, tried here.
//!
//! `docs/attacks.md` lists the classes. What needs the engine or a store is tried in
//! `countersign`'s tests of the same name.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod desk;

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{
    ConnectionId, Facts, Grant, GrantId, GrantOwner, Groups, LeafHash, RuleId, Sha256Digest,
    SubjectKey, TenantId, Timestamp, UserId,
};
use countersign_provision::explain::RuleVerdict;
use countersign_provision::store::{ConnectionState, Snapshot, UserWithGrants};
use countersign_provision::user::UserState;
use countersign_provision::{
    AbsenceMode, AttributeRule, ConnectionPolicy, CreationMode, EmailLink, LinkPlan, MatchedBy,
    OnConfusable, OnEmailChange, OnInactive, Plan, Policy, PolicyError, Preset, Reason,
    RefusalKind, Strategy, SyncMode, UserField, UserPlan, decide, decide_proved_link, email_door,
    explain, normalize,
};
use countersign_roles::{
    Condition, GROUPS, Role, RoleCatalog, RoleGrant, Rule, RuleSet, TakeReason,
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
fn verified() -> Facts {
    let mut facts = nurse();
    facts.email.as_mut().unwrap().verified_by_idp = true;
    facts
}

fn from(address: &str) -> Facts {
    let mut facts = verified();
    facts.email.as_mut().unwrap().address = email(address).address;
    facts
}

fn with_address(mut account: UserWithGrants, address: &str) -> UserWithGrants {
    account.user.email = Some(email(address).address);
    account
}

fn conflict_with(id: &str) -> RefusalKind {
    RefusalKind::Conflict { with: user_id(id) }
}

// An address as the key.

/// nOAuth; Grafana CVE-2023-3128; Zitadel CVE-2026-56666; Keycloak #53041.
#[test]
fn an_address_opens_no_account_by_itself() {
    let refusal = refusal(&jit(), &verified(), &same_address(vec![account("u1")]));
    assert_eq!(refusal.code(), "provision.email_taken");
    assert_eq!(*refusal.kind(), conflict_with("u1"));
}

/// nOAuth: the attacker's own directory says that the address is verified.
#[test]
fn an_address_that_another_providers_tenant_verified_opens_nothing() {
    let mut facts = verified();
    let issuer = "https://idp.evil.example";
    facts.subject = SubjectKey::from_stable_value(tenant(), issuer, "subject-1").unwrap();
    let code = refused(&linking(), &facts, &same_address(vec![account("u1")]));
    assert_eq!(code, "provision.other_issuer");
}

/// Keycloak #53041: a flag that is not there is not taken for true.
#[test]
fn an_absent_flag_of_verification_is_false() {
    let refusal = refusal(&linking(), &nurse(), &same_address(vec![account("u1")]));
    assert_eq!(refusal.code(), "provision.email_not_verified_by_idp");
    assert_eq!(*refusal.kind(), conflict_with("u1"));
}

#[test]
fn an_address_in_a_domain_that_somebody_else_claimed_opens_nothing() {
    let facts = from("nurse@other.example");
    let owner = with_address(account("u1"), "nurse@other.example");
    let code = refused(&linking(), &facts, &same_address(vec![owner]));
    assert_eq!(code, "provision.email_outside_domains");
}

#[test]
fn a_domain_is_not_claimed_for_longer_than_it_is_proved() {
    let mut connection = linking();
    let proofs = &mut connection.domains_proved_until;
    proofs.insert("acme.example".into(), now());
    for snapshot in [
        Snapshot::default(),
        linked(account("u1")),
        same_address(vec![account("u1")]),
    ] {
        let code = refused(&connection, &verified(), &snapshot);
        assert_eq!(code, "provision.domain_proof_ended");
    }
    let until = now().saturating_add(std::time::Duration::from_millis(1));
    connection
        .domains_proved_until
        .insert("acme.example".into(), until);
    admitted(&connection, &verified(), &Snapshot::default());
}

#[test]
fn nobody_is_linked_to_an_account_worth_stealing() {
    for name in ["admin", "sender", "a-role-that-is-gone"] {
        let stolen = same_address(vec![with_manual_role(account("u1"), name)]);
        let refusal = refusal(&linking(), &verified(), &stolen);
        assert_eq!(refusal.code(), "provision.privileged_account", "{name}");
        assert_eq!(*refusal.kind(), conflict_with("u1"));
    }
}

#[test]
fn several_accounts_with_one_address_are_told_and_none_is_taken() {
    let two = same_address(vec![account("u2"), account("u1")]);
    let refusal = refusal(&linking(), &verified(), &two);
    let candidates = vec![user_id("u1"), user_id("u2")];
    assert_eq!(*refusal.kind(), RefusalKind::Ambiguous { candidates });
    assert_eq!(refusal.user(), None);
}

#[test]
fn a_store_that_answers_for_other_addresses_or_tenants_links_nobody() {
    let mut elsewhere = account("u1");
    elsewhere.user.tenant = TenantId::new("another").unwrap();
    let other = with_address(account("u2"), "other@acme.example");
    let admission = admitted(
        &linking(),
        &verified(),
        &same_address(vec![elsewhere, other]),
    );
    assert_eq!(admission.matched_by, MatchedBy::Created);
}

#[test]
fn a_store_that_contradicts_itself_lets_nobody_in() {
    let good = linked(account("u1"));
    let mut forgets = good.clone();
    forgets.link = None;
    let mut orphan = good.clone();
    orphan.linked = None;
    let mut other_user = good.clone();
    other_user.link.as_mut().unwrap().user = user_id("u2");
    let mut other_subject = good.clone();
    other_subject.link.as_mut().unwrap().subject = subject("subject-2");
    for snapshot in [forgets, orphan, other_user, other_subject] {
        let code = refused(&jit(), &nurse(), &snapshot);
        assert_eq!(code, "provision.inconsistent_store");
    }
}

// A proof that is missing.

#[test]
fn an_account_whose_address_was_never_verified_here_needs_a_proof() {
    let mut unproved = account("u1");
    unproved.user.email_verified_locally = false;
    let refusal = refusal(&linking(), &verified(), &same_address(vec![unproved]));
    assert_eq!(refusal.code(), "provision.email_not_verified_locally");
    let account = user_id("u1");
    assert_eq!(*refusal.kind(), RefusalKind::NeedsProof { account });
}

/// Account pre-hijacking: an attacker who made the account first waits for the victim's proof.
#[test]
fn a_proof_is_not_asked_for_where_somebody_is_in_the_account_already() {
    let mut squatted = account("u1");
    squatted.user.email_verified_locally = false;
    let other = SubjectKey::from_stable_value(tenant(), "https://else.example", "x").unwrap();
    squatted.subjects.push(other);
    let snapshot = same_address(vec![squatted]);
    let refusal = refusal(&linking(), &verified(), &snapshot);
    assert_eq!(refusal.code(), "provision.account_unproved");
    assert_eq!(*refusal.kind(), conflict_with("u1"));
    // Nor does one that came by other ways count.
    let policy = policy(linking());
    let proved = user_id("u1");
    let decided = decide_proved_link(&policy, &acme(), &verified(), &snapshot, &proved, now());
    assert_eq!(decided.unwrap_err().code(), "provision.account_unproved");
}

#[test]
fn a_proof_stands_for_the_address_and_for_nothing_else() {
    let prove = |connection: ConnectionPolicy, snapshot: Snapshot| {
        let policy = policy(connection);
        decide_proved_link(
            &policy,
            &acme(),
            &verified(),
            &snapshot,
            &user_id("u1"),
            now(),
        )
    };
    let mut unproved = account("u1");
    unproved.user.email_verified_locally = false;
    let there = || same_address(vec![unproved.clone()]);
    let proved = prove(linking(), there()).unwrap();
    assert!(proved.user.email_verified_locally);
    assert_eq!(proved.user.version, unproved.user.version);
    assert_eq!(proved.reasons, [Reason::LinkedByProof]);

    let code = |connection, snapshot| prove(connection, snapshot).unwrap_err().code();
    assert_eq!(code(jit(), there()), "provision.email_taken");
    let privileged = same_address(vec![with_manual_role(unproved.clone(), "admin")]);
    assert_eq!(code(linking(), privileged), "provision.privileged_account");
    let suspended = same_address(vec![in_state(unproved.clone(), UserState::Suspended)]);
    assert_eq!(code(linking(), suspended), "provision.user_suspended");
    let another = same_address(vec![account("u2")]);
    assert_eq!(code(linking(), another), "provision.account_changed");
    let gone = Snapshot::default();
    assert_eq!(code(linking(), gone), "provision.account_changed");
    let taken = linked(account("u2"));
    assert_eq!(code(linking(), taken), "provision.subject_linked");
    let invited = same_address(vec![invited("u1")]);
    assert_eq!(code(linking(), invited), "provision.account_changed");
}

// Subjects that change, addresses that are given away.

#[test]
fn a_transient_name_identifier_is_no_subject_whatever_the_connection_says() {
    use countersign_provision::Key;
    let transient = countersign_core::NameId {
        value: "_one-time".into(),
        format: Some(SubjectKey::TRANSIENT.into()),
        name_qualifier: None,
        sp_name_qualifier: None,
    };
    for key in [Key::NameId, Key::StableNameId] {
        let mut connection = jit();
        connection.matching.key = key;
        let error = connection
            .subject_of_name_id(ISSUER, &transient)
            .unwrap_err();
        assert_eq!(error.code(), "provision.key_transient");
    }
}

/// The provider gave the address of somebody who left to somebody who came.
#[test]
fn a_recycled_address_is_a_conflict_with_its_former_owners_account() {
    let mut predecessor = account("u1");
    predecessor.subjects.push(subject("subject-0"));
    for connection in [jit(), linking()] {
        let snapshot = same_address(vec![predecessor.clone()]);
        let refusal = refusal(&connection, &verified(), &snapshot);
        assert_eq!(refusal.code(), "provision.email_recycled");
        assert_eq!(*refusal.kind(), conflict_with("u1"));
    }
}

#[test]
fn the_address_of_an_account_out_of_use_for_good_is_a_tombstone() {
    for (state, code) in [
        (UserState::Deprovisioned, "provision.user_deprovisioned"),
        (UserState::Erased, "provision.user_erased"),
    ] {
        for connection in [jit(), linking()] {
            let dead = same_address(vec![in_state(account("u1"), state)]);
            let refusal = refusal(&connection, &verified(), &dead);
            assert_eq!(refusal.code(), code);
            let of = user_id("u1");
            assert_eq!(*refusal.kind(), RefusalKind::Tombstone { of });
        }
    }
}

#[test]
fn the_subject_of_an_account_out_of_use_for_good_is_a_tombstone() {
    for state in [UserState::Deprovisioned, UserState::Erased] {
        let dead = linked(in_state(account("u1"), state));
        let refusal = refusal(&jit(), &nurse(), &dead);
        let of = user_id("u1");
        assert_eq!(*refusal.kind(), RefusalKind::Tombstone { of });
    }
}

#[test]
fn a_known_person_does_not_take_over_anothers_address() {
    let mut snapshot = linked(account("u1"));
    snapshot.by_email = vec![with_address(account("u2"), "other@acme.example")];
    let refusal = refusal(&jit(), &from("other@acme.example"), &snapshot);
    assert_eq!(refusal.code(), "provision.new_email_taken");
    assert_eq!(*refusal.kind(), conflict_with("u2"));
    assert_eq!(refusal.user(), Some(&user_id("u1")));
}

/// An address that was verified as another is not verified.
#[test]
fn a_changed_address_was_not_verified_here() {
    let snapshot = linked(account("u1"));
    let admission = admitted(&jit(), &from("other@acme.example"), &snapshot);
    let UserPlan::Update { user, .. } = admission.user else {
        panic!("kept");
    };
    assert!(!user.email_verified_locally);
}

// Case and Unicode.

/// CVE-2019-19844; Spotify 2013.
#[test]
fn one_address_in_two_spellings_is_one_and_look_alikes_are_two() {
    let same = email("N\u{75}rse@ACME.example").address;
    assert_eq!(same, email("nurse@acme.example").address);
    for other in ["nur\u{17f}e@acme.example", "\u{ff4e}urse@acme.example"] {
        assert_ne!(email(other).address, same);
        let refusal = refusal(
            &linking(),
            &from(other),
            &same_address(vec![with_address(account("u1"), other)]),
        );
        assert_eq!(refusal.code(), "provision.confusable_address");
    }
}

#[test]
fn a_local_part_outside_ascii_is_never_matched_by_itself() {
    let address = "n\u{fc}rse@acme.example";
    for candidate in [account("u1"), invited("u1")] {
        let snapshot = same_address(vec![with_address(candidate, address)]);
        let refusal = refusal(&linking(), &from(address), &snapshot);
        assert_eq!(refusal.code(), "provision.email_not_ascii");
        assert_eq!(*refusal.kind(), conflict_with("u1"));
    }
}

#[test]
fn a_look_alike_claims_no_invitation_and_no_docusign_match() {
    // The e is Cyrillic.
    let address = "nurs\u{435}@acme.example";
    let invitation = same_address(vec![with_address(invited("u1"), address)]);
    let code = refused(&jit(), &from(address), &invitation);
    assert_eq!(code, "provision.confusable_address");
    let docusign = connection(Preset::DOCUSIGN, Strategy::Jit);
    let match_ = same_address(vec![with_address(account("u1"), address)]);
    let code = refused(&docusign, &from(address), &match_);
    assert_eq!(code, "provision.confusable_address");
}

#[test]
fn a_new_look_alike_is_flagged_or_denied() {
    let look_alike = from("nurs\u{435}@acme.example");
    let admission = admitted(&jit(), &look_alike, &Snapshot::default());
    assert!(admission.reasons.contains(&Reason::ConfusableAddress));
    let admission = admitted(&jit(), &nurse(), &Snapshot::default());
    assert!(!admission.reasons.contains(&Reason::ConfusableAddress));

    let mut strict = jit();
    strict.create.on_confusable = OnConfusable::Deny;
    let code = refused(&strict, &look_alike, &Snapshot::default());
    assert_eq!(code, "provision.confusable_address");
    admitted(&strict, &nurse(), &Snapshot::default());
}

#[test]
fn an_address_that_changes_to_its_own_look_alike_is_flagged() {
    let snapshot = linked(with_address(account("u1"), "modern@acme.example"));
    let admission = admitted(&jit(), &from("modem@acme.example"), &snapshot);
    assert!(admission.reasons.contains(&Reason::ConfusableAddress));
}

#[test]
fn a_name_of_mixed_scripts_is_flagged() {
    let mut facts = nurse();
    facts.display_name = Some("Given F\u{430}mily".into());
    let admission = admitted(&jit(), &facts, &Snapshot::default());
    assert!(admission.reasons.contains(&Reason::ConfusableName));
}

#[test]
fn subjects_are_compared_byte_for_byte() {
    for (one, other) in [
        ("Ana", "ana"),
        ("jose\u{301}", "jos\u{e9}"),
        ("a", "a\u{fe0e}"),
    ] {
        assert_ne!(subject(one), subject(other));
    }
}

/// A mailbox was enough until a provider vouched for the account, and is not any more, whatever
/// became of the provider's domain.
#[test]
fn a_mailbox_does_not_open_an_account_that_a_provider_has_vouched_for() {
    let mut door = ConnectionPolicy::email(tenant(), Strategy::SelfRegister);
    door.domains.insert("acme.example".into());
    let mut parts = parts(door);
    parts.rules = RuleSet::default();
    let policy = Policy::new(parts).unwrap();
    let mut facts = verified();
    facts.subject =
        SubjectKey::from_stable_value(tenant(), email_door::ISSUER, "nurse@acme.example").unwrap();
    let mut snapshot = linked(account("u1"));
    snapshot.link.as_mut().unwrap().subject = facts.subject.clone();
    let known = |subjects: Vec<SubjectKey>| {
        let mut snapshot = snapshot.clone();
        snapshot.linked.as_mut().unwrap().subjects = subjects;
        decide(&policy, &acme(), &facts, &snapshot, now())
    };
    assert!(known(vec![facts.subject.clone()]).admission().is_some());
    let plan = known(vec![facts.subject.clone(), subject("subject-1")]);
    let refusal = plan.refusal().expect("a refusal");
    assert_eq!(refusal.code(), "provision.account_of_provider");
    assert_eq!(refusal.user(), Some(&user_id("u1")));
}

/// With a provider that anybody registers with, people write their addresses themselves.
#[test]
fn an_address_that_nobody_verified_gives_no_role() {
    let connection = connection(Preset::GENERIC, Strategy::SelfRegister);
    let rule = |id: &str, asked: Condition, name: &str| {
        let given = RoleGrant::permanent(role(name));
        Rule::new(RuleId::new(id).unwrap(), [asked]).gives(given)
    };
    let boss = |attribute: &str| Condition::eq(attribute, "boss@acme.example");
    let rules = vec![
        rule("address", boss("email"), "admin"),
        rule("attribute", boss("emailaddress"), "sender"),
        rule("domain", Condition::domain("acme.example"), "viewer"),
    ];
    let mut parts = parts(connection);
    parts.rules = RuleSet::new(&parts.catalog, rules).unwrap();
    let policy = Policy::new(parts).unwrap();
    let mut facts = nurse();
    facts.email = Some(email("boss@acme.example"));
    let sent = vec!["boss@acme.example".to_owned()];
    facts.attributes.insert("emailaddress".to_owned(), sent);
    let mut snapshot = linked(account("u1"));
    snapshot.by_email.clear();
    let given = |facts: &Facts| {
        let plan = decide(&policy, &acme(), facts, &snapshot, now());
        let matched = explain(&policy, &acme(), facts, &plan).rules.into_iter();
        let matched = matched.filter(|rule| rule.verdict == RuleVerdict::Matched);
        let grants = plan
            .admission()
            .expect("the person is known")
            .grants
            .clone();
        (grants.give.len(), matched.count())
    };
    assert_eq!(given(&facts), (0, 0));
    facts.email.as_mut().unwrap().verified_by_idp = true;
    assert_eq!(given(&facts), (3, 3));
}

// Groups that were left out.

/// A rule's grant on the account, as a sign-in gave it.
fn by_rule(mut account: UserWithGrants, name: &str, rule: &str) -> UserWithGrants {
    account.grants.push(Grant {
        id: GrantId::new(format!("grant-of-{rule}")).unwrap(),
        user: account.user.id.clone(),
        role: role(name),
        owner: GrantOwner::Jit(acme()),
        rule: Some(RuleId::new(rule).unwrap()),
        policy_hash: Sha256Digest::from_bytes([1; 32]),
        first_given_at: now(),
        granted_at: now(),
        expires_at: None,
        scope: Vec::new(),
        entry: LeafHash::from_bytes([0; 32]),
    });
    account
}

#[test]
fn groups_that_are_absent_or_cut_short_take_nothing() {
    let snapshot = linked(by_rule(account("u1"), "signer", "legal-signs"));
    for groups in [Groups::Absent, Groups::Partial(BTreeSet::new())] {
        let mut facts = nurse();
        facts.groups = groups;
        let admission = admitted(&jit(), &facts, &snapshot);
        assert!(admission.grants.take.is_empty());
        assert_eq!(admission.grants.keep.len(), 1);
        assert!(admission.reasons.contains(&Reason::GroupsIncomplete));
    }
    let mut facts = nurse();
    facts.groups = Groups::Complete(BTreeSet::new());
    let admission = admitted(&jit(), &facts, &snapshot);
    let taken = &admission.grants.take[0];
    assert_eq!(taken.reason, TakeReason::RuleNoLongerMatches);
}

#[test]
fn absent_groups_mean_none_or_are_refused_only_where_the_policy_says_so() {
    let snapshot = linked(by_rule(account("u1"), "signer", "legal-signs"));
    let mut facts = nurse();
    facts.groups = Groups::Absent;
    let decide_with = |absent| {
        let mut parts = parts(jit());
        parts.attributes.groups = absent;
        let policy = Policy::new(parts).unwrap();
        decide(&policy, &acme(), &facts, &snapshot, now())
    };
    let keep = decide_with(AbsenceMode::Keep);
    assert_eq!(keep.admission().unwrap().grants.keep.len(), 1);
    let clear = decide_with(AbsenceMode::Clear);
    assert_eq!(clear.admission().unwrap().grants.take.len(), 1);
    let deny = decide_with(AbsenceMode::Deny);
    assert_eq!(deny.refusal().unwrap().code(), "provision.groups_missing");
}

// Wildcards and pass-through.

#[test]
fn a_star_in_a_rule_is_a_star() {
    let catalog = || RoleCatalog::new([Role::new(role("signer"))]).unwrap();
    let star = Rule::new(RuleId::new("star").unwrap(), [Condition::eq(GROUPS, "*")])
        .gives(RoleGrant::permanent(role("signer")));
    let mut parts = parts(jit());
    parts.catalog = catalog();
    parts.rules = RuleSet::new(&parts.catalog, vec![star]).unwrap();
    let policy = Policy::new(parts).unwrap();
    let plan = decide(&policy, &acme(), &nurse(), &Snapshot::default(), now());
    assert!(plan.admission().unwrap().grants.give.is_empty());
}

#[test]
fn a_group_that_is_named_like_a_role_gives_nothing() {
    let mut facts = nurse();
    facts.groups = Groups::Complete(["admin".to_owned(), "sender".to_owned()].into());
    facts.attributes.insert("role".into(), vec!["admin".into()]);
    let admission = admitted(&jit(), &facts, &Snapshot::default());
    assert!(admission.grants.give.is_empty());
}

/// authentik CVE-2026-25227: an expression in a policy, or in what a provider sends, is a text.
#[test]
fn an_expression_is_a_text() {
    let expression = "{{ user.groups | first }}";
    let condition = Condition::eq(GROUPS, expression);
    let rule = Rule::new(RuleId::new("expression").unwrap(), [condition])
        .gives(RoleGrant::permanent(role("signer")));
    let mut parts = parts(jit());
    parts.rules = RuleSet::new(&parts.catalog, vec![rule]).unwrap();
    let policy = Policy::new(parts).unwrap();
    let given = |group: &str| {
        let mut facts = nurse();
        facts.groups = Groups::Complete([group.to_owned()].into());
        let plan = decide(&policy, &acme(), &facts, &Snapshot::default(), now());
        plan.admission().unwrap().grants.give.len()
    };
    assert_eq!(given("legal"), 0);
    assert_eq!(given("true"), 0);
    assert_eq!(given(expression), 1);
}

// Accounts out of use.

/// GitLab #8869.
#[test]
fn no_sign_in_brings_a_suspended_account_back() {
    for on_inactive in [OnInactive::Deny, OnInactive::ReactivateDeprovisioned] {
        let mut connection = linking();
        connection.matching.on_inactive = on_inactive;
        for snapshot in [
            linked(in_state(account("u1"), UserState::Suspended)),
            same_address(vec![in_state(account("u1"), UserState::Suspended)]),
        ] {
            let refusal = refusal(&connection, &verified(), &snapshot);
            assert_eq!(refusal.code(), "provision.user_suspended");
            assert_eq!(*refusal.kind(), RefusalKind::Denied);
        }
    }
}

#[test]
fn no_second_account_is_made_beside_one_that_waits_or_is_out_of_use() {
    for state in [
        UserState::PendingApproval,
        UserState::Suspended,
        UserState::Deprovisioned,
        UserState::Erased,
    ] {
        for snapshot in [
            linked(in_state(account("u1"), state)),
            same_address(vec![in_state(account("u1"), state)]),
        ] {
            refused(&jit(), &verified(), &snapshot);
        }
    }
}

/// A declined person would otherwise come back through the door for former members.
#[test]
fn what_was_declined_is_not_reactivated() {
    let mut connection = jit();
    connection.matching.on_inactive = OnInactive::ReactivateDeprovisioned;
    let mut declined = in_state(account("u1"), UserState::Deprovisioned);
    declined.user.last_sign_in_at = None;
    let refusal = refusal(&connection, &nurse(), &linked(declined));
    assert_eq!(refusal.code(), "provision.user_deprovisioned");
    let former = in_state(account("u1"), UserState::Deprovisioned);
    admitted(&connection, &nurse(), &linked(former));
}

#[test]
fn docusigns_matching_passes_over_nobody_who_waits_for_approval() {
    let docusign = connection(Preset::DOCUSIGN, Strategy::Jit);
    let waiting = linked(in_state(account("u1"), UserState::PendingApproval));
    let refusal = refusal(&docusign, &nurse(), &waiting);
    let account = user_id("u1");
    assert_eq!(*refusal.kind(), RefusalKind::NeedsApproval { account });
}

// Approval.

fn approving() -> ConnectionPolicy {
    let mut connection = jit();
    connection.create.mode = CreationMode::Approve;
    connection.create.default_roles = vec![role("viewer")];
    connection
}

#[test]
fn a_new_account_waits_and_gets_nothing_yet() {
    let queued = queued(&approving(), &nurse(), &Snapshot::default());
    assert_eq!(queued.link, LinkPlan::Add);
    assert!(queued.unique_email);
    assert_eq!(queued.reasons[0], Reason::UserAwaitsApproval);
    // What makes an account out of the question makes one that waits out of the question.
    let mut full = approving();
    full.create.seats = Some(1);
    let taken = Snapshot {
        seats_taken: 1,
        ..Snapshot::default()
    };
    assert_eq!(refused(&full, &nurse(), &taken), "provision.seats_taken");
}

#[test]
fn a_look_alike_that_waits_is_flagged_for_who_approves() {
    let facts = from("nurs\u{435}@acme.example");
    let queued = queued(&approving(), &facts, &Snapshot::default());
    assert!(queued.reasons.contains(&Reason::ConfusableAddress));
}

#[test]
fn an_approved_account_comes_in_by_its_subject_and_gets_its_roles_then() {
    let mut approved = account("u1");
    approved.user.last_sign_in_at = None;
    let admission = admitted(&approving(), &nurse(), &linked(approved));
    assert_eq!(admission.matched_by, MatchedBy::Subject);
    assert_eq!(admission.grants.give.len(), 2);
}

#[test]
fn an_approval_and_passing_over_do_not_go_together() {
    let mut docusign = connection(Preset::DOCUSIGN, Strategy::Jit);
    docusign.create.mode = CreationMode::Approve;
    let errors = Policy::new(parts(docusign)).unwrap_err();
    assert_eq!(errors, [PolicyError::PassesOverApproval(acme())]);
    assert_eq!(errors[0].code(), "provision.passes_over_approval");
}

#[test]
fn a_proof_of_a_domain_that_is_not_claimed_is_a_mistake() {
    let mut connection = jit();
    connection
        .domains_proved_until
        .insert("other.example".into(), now());
    let errors = Policy::new(parts(connection)).unwrap_err();
    assert_eq!(errors[0].code(), "provision.proof_of_unclaimed_domain");
}

// External ids, disabled connections.

/// Grafana CVE-2025-41115: an id that a directory chose was taken for an account's own.
#[test]
fn an_external_id_that_reads_like_an_accounts_id_finds_no_account() {
    let mut admin = with_manual_role(account("subject-1"), "admin");
    admin.user.email = Some(email("admin@acme.example").address);
    let snapshot = Snapshot {
        by_email: vec![admin],
        seats_taken: 1,
        ..Snapshot::default()
    };
    let admission = admitted(&linking(), &verified(), &snapshot);
    assert_eq!(admission.matched_by, MatchedBy::Created);
    // The two have types of their own; there is no way from one to the other but by a link.
    let _: (SubjectKey, UserId) = (subject("subject-1"), user_id("subject-1"));
}

/// CVE-2025-64717, CVE-2026-3009.
#[test]
fn a_disabled_connection_lets_nobody_in_and_links_nobody() {
    let disabled = ConnectionState {
        enabled: false,
        epoch: 3,
    };
    for mut snapshot in [
        linked(account("u1")),
        same_address(vec![account("u1")]),
        Snapshot::default(),
    ] {
        snapshot.connection = disabled;
        let code = refused(&linking(), &verified(), &snapshot);
        assert_eq!(code, "provision.connection_disabled");
    }
    let policy = policy(linking());
    let mut snapshot = same_address(vec![account("u1")]);
    snapshot.connection = disabled;
    let proved = user_id("u1");
    let decided = decide_proved_link(&policy, &acme(), &verified(), &snapshot, &proved, now());
    assert_eq!(decided.unwrap_err().code(), "provision.connection_disabled");
}

#[test]
fn a_proved_link_through_an_unknown_connection_is_refused() {
    let other = ConnectionId::new("other").unwrap();
    let policy = policy(linking());
    let snapshot = same_address(vec![account("u1")]);
    let proved = user_id("u1");
    let decided = decide_proved_link(&policy, &other, &verified(), &snapshot, &proved, now());
    assert_eq!(decided.unwrap_err().code(), "provision.unknown_connection");
}

// Fields.

fn under(
    connection: ConnectionPolicy,
    field: UserField,
    rule: AttributeRule,
    facts: &Facts,
    snapshot: &Snapshot,
) -> Plan {
    let mut parts = parts(connection);
    parts.attributes.fields.insert(field, rule);
    let policy = Policy::new(parts).unwrap();
    decide(&policy, &acme(), facts, snapshot, now())
}

fn sync(mode: SyncMode) -> AttributeRule {
    AttributeRule {
        sync: Some(mode),
        absent: AbsenceMode::Keep,
    }
}

#[test]
fn a_field_follows_as_its_sync_mode_says() {
    let mut facts = nurse();
    facts.given_name = Some("Other".into());
    let field = UserField::GivenName;
    for (mode, at_creation, later) in [
        (SyncMode::Always, Some("Other"), "Other"),
        (SyncMode::Create, Some("Other"), "Given"),
        (SyncMode::Never, None, "Given"),
    ] {
        let plan = under(jit(), field, sync(mode), &facts, &Snapshot::default());
        let UserPlan::Create(new) = &plan.admission().unwrap().user else {
            panic!("{plan:?}");
        };
        assert_eq!(new.given_name.as_deref(), at_creation);
        let plan = under(jit(), field, sync(mode), &facts, &linked(account("u1")));
        let user = plan.admission().unwrap().user.existing().unwrap();
        assert_eq!(user.given_name.as_deref(), Some(later));
    }
}

#[test]
fn an_absent_field_stays_goes_or_refuses_as_its_mode_says() {
    let mut facts = nurse();
    facts.given_name = None;
    let absent = |absent| AttributeRule { sync: None, absent };
    let field = UserField::GivenName;
    let snapshot = linked(account("u1"));
    let keep = under(jit(), field, absent(AbsenceMode::Keep), &facts, &snapshot);
    let user = keep.admission().unwrap().user.existing().unwrap();
    assert_eq!(user.given_name.as_deref(), Some("Given"));
    let clear = under(jit(), field, absent(AbsenceMode::Clear), &facts, &snapshot);
    let user = clear.admission().unwrap().user.existing().unwrap();
    assert_eq!(user.given_name, None);
    for snapshot in [snapshot, Snapshot::default()] {
        let deny = under(jit(), field, absent(AbsenceMode::Deny), &facts, &snapshot);
        let reason = deny.refusal().unwrap().reason().clone();
        assert_eq!(reason, Reason::AttributeMissing(field));
        assert_eq!(reason.code(), "provision.attribute_missing");
    }
}

#[test]
fn an_address_follows_only_if_nothing_stands_against_it() {
    let facts = from("other@acme.example");
    let snapshot = linked(account("u1"));
    let stored = |connection: ConnectionPolicy, mode| {
        let plan = under(connection, UserField::Email, sync(mode), &facts, &snapshot);
        let user = plan.admission().unwrap().user.existing().unwrap().clone();
        user.email.unwrap().to_string()
    };
    assert_eq!(stored(jit(), SyncMode::Always), "other@acme.example");
    assert_eq!(stored(jit(), SyncMode::Create), "nurse@acme.example");
    assert_eq!(stored(jit(), SyncMode::Never), "nurse@acme.example");
    let mut keeps = jit();
    keeps.matching.on_email_change = OnEmailChange::Keep;
    assert_eq!(stored(keeps, SyncMode::Always), "nurse@acme.example");
    // And a change that is denied is denied, whether or not the address would have followed.
    let mut denies = jit();
    denies.matching.on_email_change = OnEmailChange::Deny;
    for mode in [SyncMode::Always, SyncMode::Never] {
        let plan = under(
            denies.clone(),
            UserField::Email,
            sync(mode),
            &facts,
            &snapshot,
        );
        assert_eq!(plan.refusal().unwrap().code(), "provision.email_changed");
    }
}

#[test]
fn an_address_that_is_cleared_is_not_verified_any_more() {
    let mut facts = nurse();
    facts.email = None;
    let rule = AttributeRule {
        sync: None,
        absent: AbsenceMode::Clear,
    };
    let snapshot = linked(account("u1"));
    let plan = under(jit(), UserField::Email, rule, &facts, &snapshot);
    let user = plan.admission().unwrap().user.existing().unwrap();
    assert_eq!((&user.email, user.email_verified_locally), (&None, false));
    let mut keeps = jit();
    keeps.matching.on_email_change = OnEmailChange::Keep;
    let plan = under(keeps, UserField::Email, rule, &facts, &snapshot);
    let user = plan.admission().unwrap().user.existing().unwrap();
    assert!(user.email.is_some() && user.email_verified_locally);
}

#[test]
fn account_and_profile_follow_together_or_not_at_all() {
    let mut facts = nurse();
    facts.account_id = Some("account-2".into());
    let mut connection = jit();
    connection.create.account_id = Some("account-1".into());
    connection.create.permission_profile_id = Some("profile-1".into());
    let decide_with = |facts: &Facts, absent| {
        let mut parts = parts(connection.clone());
        let rule = AttributeRule {
            sync: Some(SyncMode::Always),
            absent,
        };
        for field in [UserField::AccountId, UserField::PermissionProfileId] {
            parts.attributes.fields.insert(field, rule);
        }
        let policy = Policy::new(parts).unwrap();
        let mut known = account("u1");
        known.user.account_id = Some("account-0".into());
        known.user.permission_profile_id = Some("profile-0".into());
        let plan = decide(&policy, &acme(), facts, &linked(known), now());
        let user = plan.admission().unwrap().user.existing().unwrap().clone();
        (
            user.account_id.unwrap(),
            user.permission_profile_id.unwrap(),
        )
    };
    let pair = |account: &str, profile: &str| (account.to_owned(), profile.to_owned());
    // One alone would name a profile of another account.
    assert_eq!(
        decide_with(&facts, AbsenceMode::Keep),
        pair("account-0", "profile-0")
    );
    assert_eq!(
        decide_with(&facts, AbsenceMode::Clear),
        pair("account-1", "profile-1")
    );
    facts.permission_profile_id = Some("profile-2".into());
    assert_eq!(
        decide_with(&facts, AbsenceMode::Keep),
        pair("account-2", "profile-2")
    );
}

// The last administrator.

/// The group `boss` gives the role `admin`, which keeps its last holder.
fn guarded() -> Policy {
    let mut parts = parts(jit());
    let admin = Role::new(role("admin")).privileged().keep_last();
    parts.catalog = RoleCatalog::new([admin, Role::new(role("signer"))]).unwrap();
    let boss = RuleId::new("boss-administrates").unwrap();
    let rule =
        Rule::new(boss, [Condition::eq(GROUPS, "boss")]).gives(RoleGrant::permanent(role("admin")));
    parts.rules = RuleSet::new(&parts.catalog, vec![rule]).unwrap();
    Policy::new(parts).unwrap()
}

/// An administrator who lost the group, where these accounts hold the role.
fn demoted(holders: &[&str]) -> Snapshot {
    let mut snapshot = linked(by_rule(account("u1"), "admin", "boss-administrates"));
    let holders = holders.iter().map(|id| user_id(id)).collect();
    snapshot.holders = BTreeMap::from([(role("admin"), holders)]);
    snapshot
}

#[test]
fn a_sign_in_does_not_take_the_last_administrator() {
    // Also where the store did not say who else holds it.
    for snapshot in [demoted(&["u1"]), demoted(&[])] {
        let plan = decide(&guarded(), &acme(), &nurse(), &snapshot, now());
        let admission = plan.admission().unwrap();
        assert!(admission.grants.take.is_empty());
        assert_eq!(admission.grants.keep.len(), 1);
        assert!(admission.keep_holders.is_empty());
        let role = role("admin");
        assert!(admission.reasons.contains(&Reason::LastHolderKept { role }));
    }
}

#[test]
fn one_of_two_administrators_loses_the_role_and_the_commit_checks_again() {
    let plan = decide(
        &guarded(),
        &acme(),
        &nurse(),
        &demoted(&["u1", "u2"]),
        now(),
    );
    let admission = plan.admission().unwrap();
    assert_eq!(admission.grants.take.len(), 1);
    assert_eq!(admission.keep_holders, BTreeSet::from([role("admin")]));
}

#[test]
fn a_role_that_another_owner_gives_as_well_is_not_lost() {
    let mut snapshot = demoted(&["u1"]);
    let linked = snapshot.linked.take().unwrap();
    snapshot.linked = Some(with_manual_role(linked, "admin"));
    let plan = decide(&guarded(), &acme(), &nurse(), &snapshot, now());
    let admission = plan.admission().unwrap();
    assert_eq!(admission.grants.take.len(), 1);
    assert!(admission.keep_holders.is_empty());
}

#[test]
fn an_expired_grant_is_no_last_one() {
    let mut snapshot = demoted(&[]);
    let linked = snapshot.linked.as_mut().unwrap();
    linked.grants[0].expires_at = Some(Timestamp::UNIX_EPOCH);
    let plan = decide(&guarded(), &acme(), &nurse(), &snapshot, now());
    assert_eq!(plan.admission().unwrap().grants.take.len(), 1);
}

#[test]
fn the_store_is_asked_for_the_seats_where_there_is_a_cap() {
    let mut capped = jit();
    capped.create.seats = Some(1);
    assert!(
        policy(capped)
            .snapshot_query(&acme(), &nurse(), now())
            .seats
    );
    assert!(!policy(jit()).snapshot_query(&acme(), &nurse(), now()).seats);
}

#[test]
fn the_store_is_asked_who_holds_what_keeps_its_last_holder() {
    let query = guarded().snapshot_query(&acme(), &nurse(), now());
    assert_eq!(query.guarded_roles, BTreeSet::from([role("admin")]));
    let query = policy(jit()).snapshot_query(&acme(), &nurse(), now());
    assert!(query.guarded_roles.is_empty());
}

#[test]
fn an_address_is_made_canonical_once() {
    let address = normalize::email("N.Urse@B\u{fc}cher.example").unwrap();
    assert_eq!(normalize::email(address.as_str()), Ok(address));
}
