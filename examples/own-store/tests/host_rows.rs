//! The host's table is the truth about users, and the host's programs know nothing of us.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::process::Command;

use countersign::blocking::wait;
use countersign::provision::store::{
    Change, Snapshot, SnapshotQuery, UserStore, UserWithGrants, UserWrite,
};
use countersign::provision::user::{User, UserState};
use countersign::{
    ConnectionId, Email, Grant, GrantId, GrantOwner, LeafHash, RoleName, Sha256Digest, StoreError,
    SubjectKey, TenantId, Timestamp, UserId,
};
use own_store::OwnStore;
use rusqlite::Connection;
use tempfile::TempDir;

/// The host's database, with a connection of a program of the host's.
struct Host {
    store: OwnStore,
    personnel: Connection,
    _folder: TempDir,
}

impl Host {
    /// A host that has employed a clerk before it ever heard of us.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.db");
        let personnel = Connection::open(&path).unwrap();
        personnel
            .execute_batch(include_str!("../host.sql"))
            .unwrap();
        let host = "INSERT INTO users (company, email_address, email_checked, display_name,
                 created_on, locale)
             VALUES ('acme', 'Clerk@Acme.Example', 1, 'Clerk', '2009-04-01', 'fr')";
        personnel.execute_batch(host).unwrap();
        Self {
            store: OwnStore::over(Connection::open(&path).unwrap()).unwrap(),
            personnel,
            _folder: folder,
        }
    }

    /// What a program of the host's does.
    fn does(&self, sql: &str) {
        self.personnel.execute_batch(sql).unwrap();
    }

    fn snapshot(&self, address: &str) -> Snapshot {
        let query = SnapshotQuery {
            tenant: tenant(),
            connection: ConnectionId::new("provider").unwrap(),
            subject: SubjectKey::from_stable_value(tenant(), "https://idp.example", "x").unwrap(),
            email: Some(Email::from_canonical(address).unwrap()),
            guarded_roles: [signer()].into(),
            seats: true,
            once: None,
            now: Timestamp::UNIX_EPOCH,
        };
        wait(self.store.snapshot(&query)).unwrap()
    }

    fn clerk(&self) -> UserWithGrants {
        let clerk = UserId::new("host-1").unwrap();
        wait(self.store.user(&tenant(), &clerk)).unwrap().unwrap()
    }

    fn update(&self, user: &User) -> Result<(), StoreError> {
        let mut change = Change::new(tenant());
        change.users.push(UserWrite::Update {
            user: user.clone(),
            expected_version: user.version,
        });
        wait(self.store.commit(&change))
    }

    /// One column of the clerk's row.
    fn column<T: rusqlite::types::FromSql>(&self, name: &str) -> T {
        let sql = format!("SELECT {name} FROM users WHERE user_no = 1");
        self.personnel
            .query_row(&sql, [], |row| row.get(0))
            .unwrap()
    }

    fn roles(&self) -> Vec<String> {
        let sql = "SELECT role_code || ' by ' || given_by || coalesce(' until ' || valid_until, '')
                 FROM user_roles ORDER BY 1";
        let mut select = self.personnel.prepare(sql).unwrap();
        let roles = select.query_map([], |row| row.get(0)).unwrap();
        roles.map(Result::unwrap).collect()
    }
}

fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

fn signer() -> RoleName {
    RoleName::new("signer").unwrap()
}

fn grant(id: &str, expires_at: Option<Timestamp>) -> Grant {
    Grant {
        id: GrantId::new(id).unwrap(),
        user: UserId::new("host-1").unwrap(),
        role: signer(),
        owner: GrantOwner::Manual,
        rule: None,
        policy_hash: Sha256Digest::from_bytes([1; 32]),
        first_given_at: Timestamp::UNIX_EPOCH,
        granted_at: Timestamp::UNIX_EPOCH,
        expires_at,
        scope: Vec::new(),
        entry: LeafHash::from_bytes([2; 32]),
    }
}

#[test]
fn who_was_there_before_us_is_found_by_the_canonical_address() {
    let host = Host::new();
    let found = host.snapshot("clerk@acme.example");
    assert_eq!(found.seats_taken, 1);
    let clerk = &found.by_email[0].user;
    assert_eq!(clerk.display_name.as_deref(), Some("Clerk"));
    assert!(clerk.email_verified_locally);
    assert_eq!(clerk.state, UserState::Active);
    assert_eq!(clerk.created_at.to_string(), "2009-04-01T00:00:00.000Z");
}

#[test]
fn whom_the_host_adds_later_is_an_account() {
    let host = Host::new();
    host.does(
        "INSERT INTO users (company, email_address, display_name, created_on, locale)
             VALUES ('acme', 'porter@acme.example', 'Porter', 'long ago', 'en')",
    );
    let found = host.snapshot("porter@acme.example");
    assert_eq!(found.by_email[0].user.version, 1);
    assert_eq!(found.seats_taken, 2);
}

#[test]
fn who_was_switched_off_meanwhile_is_not_written_by_an_old_decision() {
    let host = Host::new();
    let decided_by = host.clerk().user;
    host.does("UPDATE users SET is_active = 0");
    assert!(host.update(&decided_by).unwrap_err().is_conflict());
    let seen = host.clerk().user;
    assert_eq!(seen.state, UserState::Suspended);
    assert!(seen.state_since > decided_by.state_since);
    host.does("UPDATE users SET is_active = 1");
    assert_eq!(host.clerk().user.state, UserState::Active);
}

#[test]
fn who_was_removed_takes_no_seat_and_can_come_back() {
    let host = Host::new();
    host.does("UPDATE users SET removed_on = '2026-01-01', is_active = 0");
    assert_eq!(host.clerk().user.state, UserState::Deprovisioned);
    assert_eq!(host.snapshot("clerk@acme.example").seats_taken, 0);
    host.does("UPDATE users SET removed_on = NULL, is_active = 1");
    assert_eq!(host.clerk().user.state, UserState::Active);
}

#[test]
fn who_is_erased_stays_erased() {
    let host = Host::new();
    let mut clerk = host.clerk().user;
    clerk.state = UserState::Erased;
    clerk.email = None;
    clerk.display_name = None;
    host.update(&clerk).unwrap();
    assert_eq!(host.column::<Option<String>>("email_address"), None);
    assert_eq!(host.column::<String>("display_name"), "(no name)");
    host.does("UPDATE users SET removed_on = NULL, is_active = 1");
    assert_eq!(host.clerk().user.state, UserState::Erased);
}

#[test]
fn our_states_are_the_hosts_in_its_own_way() {
    let host = Host::new();
    for (state, is_active, is_removed) in [
        (UserState::Suspended, false, false),
        (UserState::Stale, true, false),
        (UserState::PendingApproval, false, false),
        (UserState::Deprovisioned, false, true),
        (UserState::Active, true, false),
    ] {
        let mut clerk = host.clerk().user;
        clerk.state = state;
        host.update(&clerk).unwrap();
        assert_eq!(host.column::<bool>("is_active"), is_active, "{state:?}");
        assert_eq!(host.column::<bool>("removed_on IS NOT NULL"), is_removed);
        assert_eq!(host.clerk().user.state, state);
    }
}

#[test]
fn what_did_not_change_stays_as_it_was_typed() {
    let host = Host::new();
    let mut clerk = host.clerk().user;
    clerk.last_sign_in_at = Some(Timestamp::UNIX_EPOCH);
    host.update(&clerk).unwrap();
    assert_eq!(host.column::<String>("email_address"), "Clerk@Acme.Example");
    assert_eq!(host.column::<String>("locale"), "fr");
    host.does("UPDATE users SET email_address = 'no address', display_name = 'The clerk'");
    let seen = host.clerk().user;
    assert_eq!(seen.email, None);
    assert!(!seen.email_verified_locally);
    assert_eq!(seen.display_name.as_deref(), Some("The clerk"));
    host.update(&seen).unwrap();
    assert_eq!(host.column::<String>("email_address"), "no address");
}

#[test]
fn roles_are_where_the_host_looks_for_them_and_those_of_others_stay() {
    let host = Host::new();
    host.does("INSERT INTO user_roles (user_no, role_code, given_by) VALUES (1, 'pay', 'hr')");
    let ends = |millis| Some(Timestamp::from_unix_millis(millis));
    let mut change = Change::new(tenant());
    change.put_grants = vec![grant("a", ends(1_000)), grant("b", ends(2_000))];
    wait(host.store.commit(&change)).unwrap();
    assert_eq!(
        host.roles(),
        [
            "pay by hr",
            "signer by countersign until 1970-01-01T00:00:02.000Z"
        ]
    );
    assert_eq!(host.snapshot("x@acme.example").holders[&signer()].len(), 1);
    change.put_grants = vec![grant("a", None)];
    wait(host.store.commit(&change)).unwrap();
    assert_eq!(host.roles(), ["pay by hr", "signer by countersign"]);
    change.put_grants.clear();
    change.remove_grants = vec![GrantId::new("a").unwrap(), GrantId::new("b").unwrap()];
    wait(host.store.commit(&change)).unwrap();
    assert_eq!(host.roles(), ["pay by hr"]);
}

#[test]
fn the_database_keeps_who_has_an_account() {
    let host = Host::new();
    let refused = |sql| host.personnel.execute_batch(sql).unwrap_err().to_string();
    assert!(refused("DELETE FROM users").contains("removed_on"));
    assert!(refused("UPDATE users SET company = 'other'").contains("one company"));
}

#[test]
fn the_walk_ends_where_it_should() {
    let walk = Command::new(env!("CARGO_BIN_EXE_own-store"))
        .output()
        .unwrap();
    let text = String::from_utf8(walk.stdout).unwrap();
    assert!(walk.status.success(), "{text}");
    let (before, after) = text.split_once("after both have signed").unwrap();
    assert!(!before.contains("signer by countersign"), "{text}");
    assert_eq!(after.matches("signer by countersign").count(), 2, "{text}");
    assert!(after.contains("Clerk@Acme.Example"), "{text}");
    assert!(after.contains("can not sign again"), "{text}");
}
