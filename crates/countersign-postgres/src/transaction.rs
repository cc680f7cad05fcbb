//! A change beside the host's own rows, in one transaction.

use std::fmt;

use async_trait::async_trait;
use countersign_core::StoreError;
use countersign_provision::store::Change;
use tokio_postgres::Transaction;

use crate::batch::{Batch, values};
use crate::commit;
use crate::failure::Failure;
use crate::session::Line;
use crate::store::PostgresStore;

/// What the host writes along with each change that a store commits: rows of its own tables, in the
/// same transaction. Given to a store by [`PostgresStore::along_with`], it is how an engine's
/// sign-ins reach the host's tables.
///
/// # Contract
/// It writes by `transaction` and by nothing else, and leaves it open. It may be called again for a
/// change that was rolled back.
#[async_trait]
pub trait HostRows: Send + Sync + fmt::Debug {
    /// Writes the host's rows that belong to the change, which is in the transaction already.
    ///
    /// # Errors
    /// Whatever it is, the change is rolled back, and the error is what the caller of the commit
    /// gets; [`store_error`] makes one of the client's.
    async fn write(&self, transaction: &Transaction<'_>, change: &Change)
    -> Result<(), StoreError>;
}

/// The port's error for one of the client's: a conflict where reading and deciding again may help,
/// `Unavailable` where it is unknown what was written. It quotes no value.
#[must_use]
pub fn store_error(doing: &'static str, error: tokio_postgres::Error) -> StoreError {
    Failure::from(error).into_store_error(doing)
}

impl PostgresStore {
    /// Writes a change in the host's transaction, which the host commits. It has to be
    /// `READ COMMITTED`, PostgreSQL's default: what a change checks, it reads after it has locked.
    ///
    /// What was written is durable, and entries reach the ledger, once the host has committed.
    ///
    /// ```no_run
    /// use countersign_postgres::PostgresStore;
    /// use countersign_postgres::tokio_postgres::Client;
    /// use countersign_provision::store::Change;
    ///
    /// # async fn enrol(store: &PostgresStore, client: &mut Client, change: &Change) -> Result<(), Box<dyn std::error::Error>> {
    /// let transaction = client.transaction().await?;
    /// transaction.execute("INSERT INTO patients (file) VALUES ($1)", &[&"F-17"]).await?;
    /// store.commit_in(&transaction, change).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`UserStore::commit`](countersign_provision::store::UserStore::commit). After any error
    /// PostgreSQL refuses everything more in the transaction, and turns its commit into a rollback:
    /// nothing of it can be committed by mistake. To go on after a conflict, call it within a
    /// savepoint.
    ///
    /// # Cancellation
    /// A call that is dropped leaves the transaction to be rolled back, or with all of the change in
    /// it.
    pub async fn commit_in(
        &self,
        transaction: &Transaction<'_>,
        change: &Change,
    ) -> Result<(), StoreError> {
        let doing = "commit a change in the host's transaction";
        let written = write_in(transaction, change).await;
        written.map_err(|failure| failure.into_store_error(doing))
    }

    /// Has every change that this store commits written together with rows of the host's.
    #[must_use]
    pub fn along_with(mut self, rows: impl HostRows + 'static) -> Self {
        self.host_rows = Some(std::sync::Arc::new(rows));
        self
    }

    /// One transaction of ours for the change and the host's rows.
    pub(crate) async fn commit_along_with(
        &self,
        rows: &dyn HostRows,
        change: &Change,
    ) -> Result<(), StoreError> {
        let doing = "commit a change";
        let failed = |failure: Failure| failure.into_store_error(doing);
        let mut lease = self.pool.take().await.map_err(failed)?;
        let transaction = lease.session_mut().map_err(failed)?.client_mut();
        let transaction = transaction.transaction().await;
        let transaction = transaction.map_err(|error| store_error(doing, error))?;
        write_in(&transaction, change).await.map_err(failed)?;
        // The host's statements mean the host's names, and may read whole tables; ours look nowhere
        // but in ours, and up by an index.
        let hosts_settings = transaction
            .batch_execute("SET LOCAL search_path TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT");
        hosts_settings
            .await
            .map_err(|error| store_error(doing, error))?;
        rows.write(&transaction, change).await?;
        // A host that overlooked an error of its own must not make us say that all is written.
        let alive = transaction.batch_execute("SELECT").await;
        alive.map_err(|error| store_error(doing, error))?;
        let committed = transaction.commit().await;
        committed.map_err(|error| store_error(doing, error))
    }
}

async fn write_in(transaction: &Transaction<'_>, change: &Change) -> Result<(), Failure> {
    let line = Line::Hosts(transaction.client());
    let statements = match commit::statements(change) {
        Ok(statements) => statements,
        Err(failure) => {
            // What is refused before it is sent ends the transaction all the same.
            let mut end = Batch::default();
            end.add(
                "SELECT countersign.require(false, 'the change is refused')",
                Vec::new(),
            );
            let _ = end.run(line).await;
            return Err(failure);
        }
    };
    let mut batch = Batch::default();
    batch.add(
        "SELECT countersign.require(
             current_setting('transaction_isolation') = 'read committed',
             'the transaction has to be READ COMMITTED', 'CS002')",
        Vec::new(),
    );
    batch.add(
        "SELECT set_config('synchronous_commit', 'on', true)
             WHERE current_setting('synchronous_commit') = 'off'",
        values![],
    );
    batch.append(statements);
    batch.run(line).await.map(drop)
}
