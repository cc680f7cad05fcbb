//! The numbered migrations, and how far a database has come.

use std::fmt;

use tokio_postgres::Client;

use crate::failure::Failure;
use crate::store::OpenError;

/// Each is applied once, in this order, and is never edited after a release; it says so itself in
/// `countersign.migrations`.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_accounts_and_replay.sql"),
    include_str!("../migrations/0002_ledger.sql"),
    include_str!("../migrations/0003_snapshot_and_commit.sql"),
    include_str!("../migrations/0004_least_privilege.sql"),
];

/// How far the schema of a database has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaVersion {
    found: i32,
    known: i32,
}

impl SchemaVersion {
    /// The newest migration that was applied.
    #[must_use]
    pub fn found(&self) -> i32 {
        self.found
    }

    /// The newest migration that this version knows.
    #[must_use]
    pub fn known(&self) -> i32 {
        self.known
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "schema {}, and this version knows {}",
            self.found, self.known
        )
    }
}

fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// The newest migration that was applied; `None` if there is no schema yet.
async fn version(client: &Client) -> Result<Option<i32>, OpenError> {
    let there = client
        .query_one(
            "SELECT to_regclass('countersign.migrations') IS NOT NULL,
                 current_setting('server_encoding') = 'UTF8'",
            &[],
        )
        .await
        .map_err(Failure::from)?;
    if !there.try_get::<_, bool>(1).map_err(Failure::from)? {
        return Err(OpenError::Encoding);
    }
    if !there.try_get::<_, bool>(0).map_err(Failure::from)? {
        return Ok(None);
    }
    let newest = client
        .query_one("SELECT max(number) FROM countersign.migrations", &[])
        .await
        .map_err(Failure::from)?;
    Ok(newest.try_get(0).map_err(Failure::from)?)
}

/// Applies what is missing.
pub(crate) async fn migrate(client: &Client) -> Result<(), OpenError> {
    let result = migrate_in_transaction(client).await;
    if result.is_err() {
        // The session is dropped in any case, and with it the transaction.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    result
}

async fn migrate_in_transaction(client: &Client) -> Result<(), OpenError> {
    client
        .batch_execute(
            "BEGIN;
             SELECT pg_advisory_xact_lock(hashtextextended('countersign/migrations', 0))",
        )
        .await
        .map_err(Failure::from)?;
    let found = version(client).await?.unwrap_or(0);
    if found > known() {
        return Err(OpenError::NewerSchema(SchemaVersion {
            found,
            known: known(),
        }));
    }
    for migration in MIGRATIONS
        .iter()
        .skip(usize::try_from(found).unwrap_or(usize::MAX))
    {
        client
            .batch_execute(migration)
            .await
            .map_err(Failure::from)?;
    }
    client
        .batch_execute("COMMIT")
        .await
        .map_err(Failure::from)?;
    Ok(())
}

/// Checks that the database has the newest schema, without touching it.
pub(crate) async fn check(client: &Client) -> Result<(), OpenError> {
    let found = version(client).await?.ok_or(OpenError::NoSchema)?;
    let version = SchemaVersion {
        found,
        known: known(),
    };
    match found.cmp(&known()) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err(OpenError::OlderSchema(version)),
        std::cmp::Ordering::Greater => Err(OpenError::NewerSchema(version)),
    }
}
