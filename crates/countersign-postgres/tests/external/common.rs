//! A database for a test.

use std::future::Future;
use std::num::NonZeroUsize;

use countersign_postgres::{Database, PostgresStore};
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
    pub(crate) url: String,
    runtime: Runtime,
}

impl Postgres {
    /// With no schema yet.
    pub(crate) fn empty() -> Self {
        Self {
            url: fresh_database(),
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
        let database = Database::at_url(&self.url).unwrap();
        database.with_connections(NonZeroUsize::new(8).unwrap())
    }

    /// Another node on it.
    pub(crate) async fn node(&self) -> PostgresStore {
        self.database().open().await.unwrap()
    }

    /// The same with no rows in it.
    pub(crate) async fn store(&self) -> PostgresStore {
        run_sql(&self.url, EMPTY);
        self.node().await
    }
}
