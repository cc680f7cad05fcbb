//! What the suites put into a store.

#![allow(
    clippy::expect_used,
    reason = "the texts are fixed, and valid wherever the suites are tested"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::{
    ConnectionId, CorrelationId, DocumentPattern, Door, Email, Entry, EntryId, Grant, GrantId,
    GrantOwner, LeafHash, Private, RoleName, SessionId, Sha256Digest, SubjectKey, TenantId,
    Timestamp, UserId, VaultOwner,
};
use countersign_provision::store::{Change, Link, SessionRecord, SnapshotQuery, UserWrite};
use countersign_provision::user::{User, UserState};
use ring::digest;

const VALID: &str = "a sample is valid";

/// Seconds after an arbitrary instant.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000).saturating_add(Duration::from_secs(seconds))
}

pub(super) fn tenant() -> TenantId {
    tenant_named("acme")
}

pub(super) fn tenant_named(name: &str) -> TenantId {
    TenantId::new(name).expect(VALID)
}

pub(super) fn user_id(id: &str) -> UserId {
    UserId::new(id).expect(VALID)
}

pub(super) fn grant_id(id: &str) -> GrantId {
    GrantId::new(id).expect(VALID)
}

pub(super) fn session_id(id: &str) -> SessionId {
    SessionId::new(id).expect(VALID)
}

pub(super) fn connection() -> ConnectionId {
    connection_named("acme-idp")
}

pub(super) fn connection_named(name: &str) -> ConnectionId {
    ConnectionId::new(name).expect(VALID)
}

pub(super) fn email(local_part: &str) -> Email {
    Email::from_canonical(format!("{local_part}@acme.example")).expect(VALID)
}

pub(super) fn role(name: &str) -> RoleName {
    RoleName::new(name).expect(VALID)
}

/// A text of so many bytes that nothing makes shorter: an index whose rows are short refuses it.
pub(super) fn long_text(name: &str, bytes: usize) -> String {
    let mut text = name.to_owned();
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&hash(format!("{name} {number}").as_bytes()).to_string());
    }
    text.truncate(bytes);
    text
}

/// Which document types, as a policy writes it.
pub(super) fn pattern(text: &str) -> DocumentPattern {
    text.parse().expect(VALID)
}

pub(super) fn subject(value: &str) -> SubjectKey {
    subject_of(tenant(), value)
}

pub(super) fn subject_of(tenant: TenantId, value: &str) -> SubjectKey {
    SubjectKey::from_stable_value(tenant, "https://idp.acme.example/", value).expect(VALID)
}

pub(super) fn query(subject: SubjectKey) -> SnapshotQuery {
    SnapshotQuery {
        tenant: subject.tenant().clone(),
        connection: connection(),
        subject,
        email: None,
        guarded_roles: BTreeSet::new(),
        seats: true,
        once: None,
        now: at(0),
    }
}

/// An active account of [`tenant`] with nothing but its id.
pub(super) fn user(id: &str) -> User {
    User {
        id: user_id(id),
        tenant: tenant(),
        state: UserState::Active,
        state_since: at(0),
        state_entry: None,
        hold: None,
        email: None,
        email_verified_locally: false,
        given_name: None,
        family_name: None,
        display_name: None,
        account_id: None,
        permission_profile_id: None,
        created_at: at(0),
        last_sign_in_at: None,
        entry: None,
        version: 1,
    }
}

pub(super) fn user_with_email(id: &str, local_part: &str) -> User {
    User {
        email: Some(email(local_part)),
        ..user(id)
    }
}

pub(super) fn link(subject: SubjectKey, user: &str) -> Link {
    Link {
        subject,
        user: user_id(user),
        connection: connection(),
        linked_at: at(1),
        entry: hash(b"link"),
    }
}

pub(super) fn grant(id: &str, user: &str) -> Grant {
    Grant {
        id: grant_id(id),
        user: user_id(user),
        role: role("signer"),
        owner: GrantOwner::Manual,
        rule: None,
        policy_hash: Sha256Digest::from_bytes([7; 32]),
        first_given_at: at(2),
        granted_at: at(2),
        expires_at: None,
        scope: Vec::new(),
        entry: hash(b"grant"),
    }
}

pub(super) fn session(id: &str, user: &str) -> SessionRecord {
    SessionRecord {
        id: session_id(id),
        tenant: tenant(),
        user: user_id(user),
        connection: connection(),
        door: Door::Saml,
        authn_context: None,
        authn_instant: None,
        opened_at: at(3),
        expires_at: at(1803),
        session_index: None,
        correlation: CorrelationId::new("walk").expect(VALID),
        entry: hash(b"session"),
        closed_at: None,
    }
}

/// RFC 6962 leaf hash, so that a store that does check it finds it right.
fn hash(bytes: &[u8]) -> LeafHash {
    let leaf = [&[0], bytes].concat();
    let digest = digest::digest(&digest::SHA256, &leaf);
    LeafHash::from_bytes(digest.as_ref().try_into().expect(VALID))
}

pub(super) fn entry_id(number: usize) -> EntryId {
    EntryId::new(format!("019b7700-0000-7000-8000-{number:012x}")).expect(VALID)
}

/// The entry of that number, and no other.
pub(super) fn entry(number: usize) -> Entry {
    entry_of(number, format!("{{\"n\":{number}}}").into_bytes())
}

pub(super) fn entry_of(number: usize, bytes: Vec<u8>) -> Entry {
    Entry::from_parts(entry_id(number), hash(&bytes), bytes, None)
}

/// A private part in the clear that belongs to no account.
pub(super) fn private_of_walk(bytes: &[u8]) -> Private {
    Private {
        owner: VaultOwner::Walk(tenant(), CorrelationId::new("walk").expect(VALID)),
        filed_at: at(3),
        key_id: None,
        bytes: bytes.to_vec(),
    }
}

/// The number of an entry's id.
pub(super) fn number_of(id: &EntryId) -> usize {
    let digits = id.as_str().rsplit('-').next().unwrap_or_default();
    usize::from_str_radix(digits, 16).unwrap_or(usize::MAX)
}

pub(super) fn change() -> Change {
    Change::new(tenant())
}

pub(super) fn create(user: User) -> Change {
    let mut change = Change::new(user.tenant.clone());
    change.users.push(UserWrite::Create(user));
    change
}

pub(super) fn update(user: User, expected_version: u64) -> Change {
    let mut change = Change::new(user.tenant.clone());
    change.users.push(UserWrite::Update {
        user,
        expected_version,
    });
    change
}

/// What a first sign-in commits: account, link, grant, session and their entry, all told apart
/// by the number.
pub(super) fn first_sign_in(number: usize) -> Change {
    let id = format!("user-{number}");
    let mut change = create(user(&id));
    change.links.push(link(subject(&id), &id));
    change
        .put_grants
        .push(grant(&format!("grant-{number}"), &id));
    change
        .open_sessions
        .push(session(&format!("session-{number}"), &id));
    change.entries.push(entry(number));
    change
}
