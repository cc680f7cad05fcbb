//! A database for a test, and what it puts into it.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use countersign_audit::assertion::AssertionRejected;
use countersign_audit::{Correlation, Ed25519Signer, Ledger, LedgerStore, SystemEntropy};
use countersign_core::{
    ConnectionId, CorrelationId, Door, Sha256Digest, SubjectKey, TenantId, Timestamp, UserId,
};
use countersign_postgres::tokio_postgres::{self, Client, NoTls};
use countersign_postgres::{Database, PostgresStore};
use countersign_provision::store::{Change, Link, UserWrite};
use countersign_provision::user::{User, UserState};
use countersign_testkit::keys;
use countersign_testkit::postgres_cluster::{fresh_database, run_sql};
use tokio::runtime::{Builder, Runtime};

/// Deletes every row, as only a superuser can: without the triggers that forbid it. Much faster than
/// another schema.
const EMPTY: &str = "SET session_replication_role = replica;
    DO $$
    DECLARE
        t regclass;
    BEGIN
        FOR t IN SELECT oid FROM pg_class
            WHERE relnamespace = 'countersign'::regnamespace AND relkind = 'r'
                AND relname NOT IN ('migrations', 'tree')
        LOOP
            EXECUTE format('DELETE FROM %s', t);
        END LOOP;
    END
    $$;
    UPDATE countersign.tree SET size = 0, epoch = 0;";

/// A database, and a runtime to reach it from.
pub(crate) struct Postgres {
    /// As the superuser, who owns the schema.
    pub(crate) url: String,
    runtime: Runtime,
}

impl Postgres {
    /// With no schema yet.
    pub(crate) fn empty() -> Self {
        Self::at(fresh_database())
    }

    pub(crate) fn at(url: String) -> Self {
        Self {
            url,
            runtime: Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// With the newest schema.
    pub(crate) fn new() -> Self {
        let postgres = Self::empty();
        postgres.run(async { postgres.database().migrate().await.unwrap() });
        postgres
    }

    pub(crate) fn run<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    pub(crate) fn database(&self) -> Database {
        database(&self.url)
    }

    /// How an application reaches it that has no rights but those of its role.
    pub(crate) fn application_url(&self) -> String {
        let (_, rest) = self.url.split_once("///").unwrap();
        let (name, _) = rest.split_once('?').unwrap();
        let user = format!("app_{name}");
        run_sql(
            &self.url,
            &format!("CREATE ROLE {user} LOGIN IN ROLE countersign_application"),
        );
        self.url.replace("user=postgres", &format!("user={user}"))
    }

    /// Another node on it, as the owner of the schema.
    pub(crate) async fn node(&self) -> PostgresStore {
        self.database().open().await.unwrap()
    }

    /// A node on it with no rows in it.
    pub(crate) async fn emptied(&self, url: &str) -> PostgresStore {
        run_sql(&self.url, EMPTY);
        database(url).open().await.unwrap()
    }

    /// A connection of the host's own.
    pub(crate) async fn client(&self) -> Client {
        let connecting = tokio_postgres::connect(&self.url, NoTls);
        let (client, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Runs statements as the superuser.
    pub(crate) fn sql(&self, statements: &str) {
        run_sql(&self.url, statements);
    }
}

pub(crate) fn database(url: &str) -> Database {
    let database = Database::at_url(url).unwrap();
    database.with_connections(NonZeroUsize::new(8).unwrap())
}

pub(crate) async fn ledger(store: Arc<dyn LedgerStore>) -> Ledger {
    let signer = Ed25519Signer::from_pkcs8(keys::IDP_ED25519_PKCS8).unwrap();
    let ledger = Ledger::open(store, Arc::new(signer), "log.example/postgres");
    ledger.await.unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub(crate) fn user_id(user: &str) -> UserId {
    UserId::new(user).unwrap()
}

pub(crate) fn connection() -> ConnectionId {
    ConnectionId::new("acme-idp").unwrap()
}

pub(crate) fn subject(user: &str) -> SubjectKey {
    SubjectKey::from_stable_value(tenant(), "https://idp.acme.example/", user).unwrap()
}

/// An account, its link, and a record that names it (as its connection).
pub(crate) fn first_sign_in(user: &str) -> Change {
    let walk = CorrelationId::new("walk").unwrap();
    let sealed = Correlation::begin(tenant(), walk)
        .seal(
            AssertionRejected {
                door: Door::Saml,
                connection: ConnectionId::new(user).unwrap(),
                code: "saml.expired".to_owned(),
                received_sha256: Sha256Digest::from_bytes([0; 32]),
            }
            .draft(),
            Timestamp::UNIX_EPOCH,
            &SystemEntropy::new(),
        )
        .unwrap();
    let leaf = sealed.leaf().hash();
    let mut change = Change::new(tenant());
    change.users.push(UserWrite::Create(User {
        id: user_id(user),
        tenant: tenant(),
        state: UserState::Active,
        state_since: Timestamp::UNIX_EPOCH,
        state_entry: None,
        hold: None,
        email: None,
        email_verified_locally: false,
        given_name: None,
        family_name: None,
        display_name: None,
        account_id: None,
        permission_profile_id: None,
        created_at: Timestamp::UNIX_EPOCH,
        last_sign_in_at: None,
        entry: Some(leaf),
        version: 1,
    }));
    change.links.push(Link {
        subject: subject(user),
        user: user_id(user),
        connection: connection(),
        linked_at: Timestamp::UNIX_EPOCH,
        entry: leaf,
    });
    change.entries.push(sealed.entry().clone());
    change
}
