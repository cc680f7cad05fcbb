//! The memory store and the SQLite store are written apart from each other; on any sequence of
//! changes they give the same answers and hold the same.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use countersign::memory::MemoryStore;
use countersign_audit::leaf_hash;
use countersign_audit::store::LedgerStore;
use countersign_core::{
    ConnectionId, CorrelationId, Door, Email, Entry, EntryId, Grant, GrantId, GrantOwner, LeafHash,
    RoleName, SessionId, Sha256Digest, StoreError, StoreErrorKind, SubjectKey, TenantId, Timestamp,
    UserId,
};
use countersign_provision::store::{
    Change, KeepHolders, Link, PolicyEntry, SessionRecord, Snapshot, SnapshotQuery, UserQuery,
    UserStore, UserWithGrants, UserWrite,
};
use countersign_provision::user::{User, UserState};
use countersign_sqlite::SqliteStore;
use pollster::block_on;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// So few of each that they meet often.
const TENANTS: usize = 2;
const USERS: usize = 4;
const SUBJECTS: usize = 4;
const EMAILS: usize = 2;
const GRANTS: usize = 4;
const SESSIONS: usize = 3;
const ENTRIES: usize = 200;
const SPENDS: usize = 8;

fn tenant(number: usize) -> TenantId {
    TenantId::new(format!("tenant-{number}")).unwrap()
}

fn connection() -> ConnectionId {
    ConnectionId::new("idp").unwrap()
}

fn user_id(number: usize) -> UserId {
    UserId::new(format!("user-{number}")).unwrap()
}

fn email(number: usize) -> Email {
    Email::from_canonical(format!("email-{number}@acme.example")).unwrap()
}

fn subject(of: usize, number: usize) -> SubjectKey {
    let value = format!("subject-{number}");
    SubjectKey::from_stable_value(tenant(of), "https://idp.acme.example/", &value).unwrap()
}

fn session_id(number: usize) -> SessionId {
    SessionId::new(format!("session-{number}")).unwrap()
}

fn grant_id(number: usize) -> GrantId {
    GrantId::new(format!("grant-{number}")).unwrap()
}

fn role() -> RoleName {
    RoleName::new("signer").unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH.saturating_add(Duration::from_secs(seconds))
}

fn entry(number: usize) -> Entry {
    let bytes = format!("{{\"n\":{number}}}").into_bytes();
    let id = EntryId::new(format!("entry-{number}")).unwrap();
    Entry::from_parts(id, leaf_hash(&bytes), bytes, None)
}

/// An account with nothing but its id.
fn nobody(of: usize, number: usize) -> User {
    User {
        id: user_id(number),
        tenant: tenant(of),
        state: UserState::Active,
        state_since: at(1),
        state_entry: None,
        hold: None,
        email: None,
        email_verified_locally: false,
        given_name: None,
        family_name: None,
        display_name: None,
        account_id: None,
        permission_profile_id: None,
        created_at: at(1),
        last_sign_in_at: None,
        entry: None,
        version: 1,
    }
}

/// Mostly the tenant of the change, now and then another one.
fn near(of: usize) -> impl Strategy<Value = usize> {
    prop_oneof![30 => Just(of), 1 => 0..TENANTS]
}

fn user(of: usize) -> impl Strategy<Value = User> {
    let state = prop_oneof![
        3 => Just(UserState::Active),
        1 => Just(UserState::Stale),
        1 => Just(UserState::Suspended),
        2 => Just(UserState::Deprovisioned),
        1 => Just(UserState::Erased),
    ];
    (near(of), 0..USERS, state, option::of(0..EMAILS)).prop_map(|(of, number, state, mail)| User {
        state,
        email: mail.map(email),
        email_verified_locally: mail == Some(0),
        given_name: mail.map(|number| format!("Given {number}")),
        entry: mail.map(|number| entry(number).leaf()),
        ..nobody(of, number)
    })
}

fn user_write(of: usize) -> impl Strategy<Value = UserWrite> {
    let version = 1..4_u64;
    prop_oneof![
        3 => user(of).prop_map(UserWrite::Create),
        3 => (user(of), version.clone()).prop_map(|(user, expected_version)| UserWrite::Update {
            user,
            expected_version,
        }),
        1 => (0..USERS, version).prop_map(|(user, version)| UserWrite::Expect {
            user: user_id(user),
            version,
        }),
    ]
}

fn link(of: usize) -> impl Strategy<Value = Link> {
    (near(of), 0..SUBJECTS, 0..USERS).prop_map(|(of, number, user)| Link {
        subject: subject(of, number),
        user: user_id(user),
        connection: connection(),
        linked_at: at(2),
        entry: entry(number).leaf(),
    })
}

fn grant() -> impl Strategy<Value = Grant> {
    let owner = prop_oneof![
        Just(GrantOwner::Manual),
        Just(GrantOwner::Jit(connection())),
        Just(GrantOwner::Default(connection())),
    ];
    (0..GRANTS, 0..USERS, owner, option::of(0..9_u64)).prop_map(|(id, user, owner, expires)| {
        Grant {
            id: grant_id(id),
            user: user_id(user),
            role: role(),
            owner,
            rule: None,
            policy_hash: Sha256Digest::from_bytes([3; 32]),
            first_given_at: at(2),
            granted_at: at(3),
            expires_at: expires.map(at),
            scope: Vec::new(),
            entry: entry(id).leaf(),
        }
    })
}

fn session(of: usize) -> impl Strategy<Value = SessionRecord> {
    (near(of), 0..SESSIONS, 0..USERS).prop_map(|(of, id, user)| SessionRecord {
        id: session_id(id),
        tenant: tenant(of),
        user: user_id(user),
        connection: connection(),
        door: Door::Saml,
        authn_context: None,
        authn_instant: None,
        opened_at: at(4),
        expires_at: at(1804),
        session_index: None,
        correlation: CorrelationId::new("walk").unwrap(),
        entry: entry(id).leaf(),
        closed_at: None,
    })
}

fn change() -> impl Strategy<Value = Change> {
    (0..TENANTS).prop_flat_map(|of| {
        let limits = (
            option::weighted(0.1, 0..2_u64),
            option::weighted(0.2, 0..5_u64),
            prop::bool::weighted(0.2),
            option::weighted(0.3, 0..9_u64),
            option::weighted(0.2, (option::of(0..2_usize), 0..2_usize)),
        );
        let accounts = (
            vec(user_write(of), 0..3),
            vec((near(of), 0..SUBJECTS), 0..2),
            vec(link(of), 0..2),
        );
        let grants = (vec(grant(), 0..2), vec(0..GRANTS, 0..2));
        let sessions = (vec(session(of), 0..2), vec((0..SESSIONS, 5..9_u64), 0..2));
        let entries = (vec(0..ENTRIES, 0..3), vec(0..SPENDS, 0..2));
        (limits, accounts, grants, sessions, entries).prop_map(
            move |(limits, accounts, grants, sessions, entries)| {
                let mut change = Change::new(tenant(of));
                change.connection = limits.0.map(|epoch| (connection(), epoch));
                change.seat_cap = limits.1;
                change.unique_email = limits.2;
                change.users = accounts.0;
                let removed = accounts.1.into_iter();
                change.remove_links = removed.map(|(of, number)| subject(of, number)).collect();
                change.links = accounts.2;
                change.put_grants = grants.0;
                change.remove_grants = grants.1.into_iter().map(grant_id).collect();
                change.open_sessions = sessions.0;
                let closed = sessions.1.into_iter();
                change.close_sessions = closed
                    .map(|(id, when)| (session_id(id), at(when)))
                    .collect();
                change.keep_holders = limits.3.map(|now| KeepHolders {
                    roles: BTreeSet::from([role()]),
                    now: at(now),
                });
                change.policy = limits.4.map(|(before, after)| PolicyEntry {
                    expected: before.map(|number| entry(number).leaf()),
                    entry: entry(after).leaf(),
                });
                change.entries = entries.0.into_iter().map(entry).collect();
                let spent = entries.1.into_iter();
                change.spend = spent.map(|number| entry(number).leaf()).collect();
                change
            },
        )
    })
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Box<Change>),
    SetConnection(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => change().prop_map(|change| Step::Commit(Box::new(change))),
        1 => (0..TENANTS, any::<bool>()).prop_map(|(of, on)| Step::SetConnection(of, on)),
    ]
}

fn take<S: UserStore>(store: &S, step: &Step) -> Result<(), StoreErrorKind> {
    let answer: Result<(), StoreError> = match step {
        Step::Commit(change) => block_on(store.commit(change)),
        Step::SetConnection(of, enabled) => {
            let (tenant, connection) = (tenant(*of), connection());
            block_on(store.set_connection(&tenant, &connection, *enabled)).map(drop)
        }
    };
    answer.map_err(|error| error.kind())
}

/// Everything that can be read of a store.
type Held = (
    Vec<Snapshot>,
    Vec<Option<UserWithGrants>>,
    Vec<Option<SessionRecord>>,
    Vec<Vec<UserId>>,
    Vec<bool>,
    Vec<Option<LeafHash>>,
    Vec<EntryId>,
);

fn held<S: UserStore + LedgerStore>(store: &S) -> Held {
    let in_order = |mut user: UserWithGrants| {
        user.grants.sort_by(|a, b| a.id.cmp(&b.id));
        user
    };
    let (mut snapshots, mut users, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut pages, mut spent, mut policies) = (Vec::new(), Vec::new(), Vec::new());
    for of in 0..TENANTS {
        for number in 0..SUBJECTS {
            let query = SnapshotQuery {
                tenant: tenant(of),
                connection: connection(),
                subject: subject(of, number),
                email: Some(email(number % EMAILS)),
                guarded_roles: BTreeSet::from([role()]),
                seats: true,
                once: None,
                now: at(5),
            };
            let mut snapshot = block_on(store.snapshot(&query)).unwrap();
            snapshot.linked = snapshot.linked.map(in_order);
            snapshot.by_email = snapshot.by_email.into_iter().map(in_order).collect();
            snapshots.push(snapshot);
        }
        for number in 0..USERS {
            let user = block_on(store.user(&tenant(of), &user_id(number))).unwrap();
            users.push(user.map(in_order));
        }
        for (after, limit) in [(None, 1), (None, 9), (Some(1), 2)] {
            let query = UserQuery {
                tenant: tenant(of),
                states: BTreeSet::from([UserState::Active, UserState::Erased]),
                after: after.map(user_id),
                limit: NonZeroU32::new(limit).unwrap(),
            };
            let page = block_on(store.users(&query)).unwrap();
            pages.push(page.into_iter().map(|found| found.user.id).collect());
        }
        policies.push(block_on(store.policy_entry(&tenant(of))).unwrap());
        for number in 0..SPENDS {
            let leaf = entry(number).leaf();
            spent.push(block_on(store.is_spent(&tenant(of), leaf)).unwrap());
        }
        for number in 0..SESSIONS {
            sessions.push(block_on(store.session(&tenant(of), &session_id(number))).unwrap());
        }
    }
    let pending = block_on(store.pending(usize::MAX)).unwrap();
    let pending = pending
        .into_iter()
        .map(|entry| entry.id().clone())
        .collect();
    (snapshots, users, sessions, pages, spent, policies, pending)
}

proptest! {
    // Each case syncs to the disk some ten times.
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_agree_on_every_sequence_of_changes(steps in vec(step(), 1..24)) {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(folder.path().join("store.db")).unwrap();
        let memory = MemoryStore::new();
        // Somebody is there already, or else most changes would have nobody to change.
        let somebody = (0..TENANTS).flat_map(|of| (0..USERS).skip(1).map(move |id| nobody(of, id)));
        for user in somebody {
            let mut change = Change::new(user.tenant.clone());
            change.users.push(UserWrite::Create(user));
            let step = Step::Commit(Box::new(change));
            prop_assert_eq!((take(&memory, &step), take(&sqlite, &step)), (Ok(()), Ok(())));
        }
        for step in &steps {
            prop_assert_eq!(take(&memory, step), take(&sqlite, step), "{:?}", step);
        }
        prop_assert_eq!(held(&memory), held(&sqlite));
    }
}
