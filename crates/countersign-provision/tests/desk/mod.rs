//! A policy, a person and a store's answer, to be bent by each test.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use countersign_core::{
    ConnectionId, EmailFact, Facts, Grant, GrantId, GrantOwner, Groups, LeafHash, RoleName, RuleId,
    Sha256Digest, SubjectKey, TenantId, Timestamp, UserId, VerifiedIdentity,
};
use countersign_provision::store::{Link, Snapshot, UserWithGrants};
use countersign_provision::user::{User, UserState};
use countersign_provision::{
    Admission, ConnectionPolicy, Plan, Policy, PolicyParts, Preset, Queued, Refusal, Strategy,
    decide, normalize,
};
use countersign_roles::{Condition, GROUPS, Role, RoleCatalog, RoleGrant, Rule, RuleSet};
use countersign_testkit::identity::{attribute, vouched};

pub(crate) const ISSUER: &str = "https://idp.acme.example";

pub(crate) fn now() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub(crate) fn acme() -> ConnectionId {
    ConnectionId::new("acme").unwrap()
}

pub(crate) fn user_id(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

/// A connection that owns `acme.example`.
pub(crate) fn connection(preset: Preset, strategy: Strategy) -> ConnectionPolicy {
    let mut connection = ConnectionPolicy::new(tenant(), ISSUER, preset, strategy);
    connection.domains.insert("acme.example".into());
    connection
}

/// The group `legal` signs, the group `boss` administrates.
pub(crate) fn policy(connection: ConnectionPolicy) -> Policy {
    Policy::new(parts(connection)).unwrap()
}

/// The parts of [`policy`], to be bent.
pub(crate) fn parts(connection: ConnectionPolicy) -> PolicyParts {
    let allows =
        |name: &str, permission: &str| Role::new(role(name)).allow(permission.parse().unwrap());
    let catalog = RoleCatalog::new([
        allows("signer", "sign nda/*"),
        allows("viewer", "view *"),
        allows("sender", "send *"),
        allows("admin", "approve *").privileged(),
    ])
    .unwrap();
    let rule = |id: &str, group: &str, name: &str| {
        Rule::new(RuleId::new(id).unwrap(), [Condition::eq(GROUPS, group)])
            .gives(RoleGrant::permanent(role(name)))
    };
    let rules = vec![
        rule("legal-signs", "legal", "signer"),
        rule("boss-administrates", "boss", "admin"),
    ];
    let rules = RuleSet::new(&catalog, rules).unwrap();
    let mut parts = PolicyParts::new(Sha256Digest::from_bytes([1; 32]));
    parts.catalog = catalog;
    parts.rules = rules;
    parts.connections.insert(acme(), connection);
    parts
}

pub(crate) fn subject(value: &str) -> SubjectKey {
    SubjectKey::from_stable_value(tenant(), ISSUER, value).unwrap()
}

/// What a provider said of `subject-1`, vouched for by a test.
pub(crate) fn identity(attributes: &[(&str, &str)]) -> VerifiedIdentity {
    let attributes = attributes.iter();
    let attributes = attributes.map(|(name, value)| attribute(*name, [*value]));
    let persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";
    vouched(ISSUER, ("subject-1", persistent), attributes)
}

/// A person whom the provider calls `subject-1`, with an address that it did not verify.
pub(crate) fn nurse() -> Facts {
    let mut facts = Facts::new(subject("subject-1"));
    facts.email = Some(email("nurse@acme.example"));
    facts.given_name = Some("Given".into());
    facts.family_name = Some("Family".into());
    facts.groups = Groups::Complete(["legal".to_owned()].into());
    facts
}

pub(crate) fn email(address: &str) -> EmailFact {
    EmailFact {
        address: normalize::email(address).unwrap(),
        verified_by_idp: false,
    }
}

/// An active account with the nurse's address and names, verified by the host, without a link.
pub(crate) fn account(id: &str) -> UserWithGrants {
    UserWithGrants {
        user: User {
            id: user_id(id),
            tenant: tenant(),
            state: UserState::Active,
            state_since: now(),
            state_entry: None,
            hold: None,
            email: Some(email("nurse@acme.example").address),
            email_verified_locally: true,
            given_name: Some("Given".into()),
            family_name: Some("Family".into()),
            display_name: None,
            account_id: None,
            permission_profile_id: None,
            created_at: now(),
            last_sign_in_at: Some(now()),
            version: 7,
            entry: None,
        },
        grants: Vec::new(),
        subjects: Vec::new(),
    }
}

pub(crate) fn in_state(mut account: UserWithGrants, state: UserState) -> UserWithGrants {
    account.user.state = state;
    account
}

/// An account that was made ahead and never used.
pub(crate) fn invited(id: &str) -> UserWithGrants {
    let mut account = in_state(account(id), UserState::Invited);
    account.user.last_sign_in_at = None;
    account.user.email_verified_locally = false;
    account
}

pub(crate) fn with_manual_role(mut account: UserWithGrants, name: &str) -> UserWithGrants {
    account.grants.push(Grant {
        id: GrantId::new("g1").unwrap(),
        user: account.user.id.clone(),
        role: role(name),
        owner: GrantOwner::Manual,
        rule: None,
        policy_hash: Sha256Digest::from_bytes([1; 32]),
        first_given_at: now(),
        granted_at: now(),
        expires_at: None,
        scope: Vec::new(),
        entry: LeafHash::from_bytes([0; 32]),
    });
    account
}

/// The subject of [`nurse`] is linked to `account`; the address is looked up as well.
pub(crate) fn linked(mut account: UserWithGrants) -> Snapshot {
    let subject = subject("subject-1");
    account.subjects.push(subject.clone());
    let link = Link {
        subject,
        user: account.user.id.clone(),
        connection: acme(),
        linked_at: now(),
        entry: LeafHash::from_bytes([0; 32]),
    };
    Snapshot {
        link: Some(link),
        by_email: vec![account.clone()],
        linked: Some(account),
        seats_taken: 1,
        ..Snapshot::default()
    }
}

/// The subject is not linked, and these accounts have the address.
pub(crate) fn same_address(accounts: Vec<UserWithGrants>) -> Snapshot {
    Snapshot {
        seats_taken: accounts.len() as u64,
        by_email: accounts,
        ..Snapshot::default()
    }
}

pub(crate) fn plan(connection: &ConnectionPolicy, facts: &Facts, snapshot: &Snapshot) -> Plan {
    decide(&policy(connection.clone()), &acme(), facts, snapshot, now())
}

#[track_caller]
pub(crate) fn admitted(
    connection: &ConnectionPolicy,
    facts: &Facts,
    snapshot: &Snapshot,
) -> Admission {
    match plan(connection, facts, snapshot) {
        Plan::Admit(admission) => admission,
        Plan::Queue(queued) => panic!("queued: {queued:?}"),
        Plan::Refuse(refusal) => panic!("refused: {}", refusal.reason()),
    }
}

/// The code of the refusal.
#[track_caller]
pub(crate) fn refused(
    connection: &ConnectionPolicy,
    facts: &Facts,
    snapshot: &Snapshot,
) -> &'static str {
    refusal(connection, facts, snapshot).code()
}

#[track_caller]
pub(crate) fn refusal(
    connection: &ConnectionPolicy,
    facts: &Facts,
    snapshot: &Snapshot,
) -> Refusal {
    match plan(connection, facts, snapshot) {
        Plan::Admit(admission) => panic!("admitted: {:?}", admission.reasons),
        Plan::Queue(queued) => panic!("queued: {queued:?}"),
        Plan::Refuse(refusal) => refusal,
    }
}

#[track_caller]
pub(crate) fn queued(connection: &ConnectionPolicy, facts: &Facts, snapshot: &Snapshot) -> Queued {
    match plan(connection, facts, snapshot) {
        Plan::Admit(admission) => panic!("admitted: {:?}", admission.reasons),
        Plan::Queue(queued) => queued,
        Plan::Refuse(refusal) => panic!("refused: {}", refusal.reason()),
    }
}
