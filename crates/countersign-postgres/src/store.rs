//! The store, and how its database is reached.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use countersign_core::{Entry, StoreError};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Row, Socket};

use crate::batch::{Batch, Value};
use crate::connect::Connector;
use crate::failure::Failure;
use crate::outbox::Outbox;
use crate::schema::{self, SchemaVersion};
use crate::session::{Line, Pool};
use crate::transaction::HostRows;

/// Sessions of a store, unless the host says otherwise: enough to share the writes of the log,
/// and few enough for ten nodes on a server with PostgreSQL's usual hundred connections.
const USUAL_CONNECTIONS: usize = 8;

/// Why a database can not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL can not be read.
    #[error("the connection URL can not be read")]
    Url(#[source] tokio_postgres::Error),
    /// Called outside of a tokio runtime.
    #[error("there is no tokio runtime here to drive the connections")]
    NoRuntime,
    /// The database can not be reached, or did not answer.
    #[error("the database can not be reached: {0}")]
    Unreachable(#[source] StoreError),
    /// The database has no schema `countersign`.
    #[error("the database has no countersign schema; apply the migrations")]
    NoSchema,
    /// The schema is older than this version knows.
    #[error("the database has {0}; apply the migrations")]
    OlderSchema(SchemaVersion),
    /// The schema is newer than this version knows.
    #[error("the database has {0}")]
    NewerSchema(SchemaVersion),
    /// The database's encoding is another than UTF-8.
    #[error("the database does not keep texts as UTF-8")]
    Encoding,
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Unreachable(failure.into_store_error("open the database"))
    }
}

/// A database, and how to reach it.
///
/// ```no_run
/// use countersign_postgres::Database;
///
/// # async fn open() -> Result<(), countersign_postgres::OpenError> {
/// let owner = Database::at_url("postgresql://owner@db.example/app")?;
/// owner.migrate().await?;
/// let application = Database::at_url("postgresql://app@db.example/app")?;
/// let store = application.open().await?;
/// # Ok(())
/// # }
/// ```
///
/// The URL's connections are not encrypted: it is for a socket, a loopback or a tunnel. Everything
/// else passes its own TLS to [`Database::new`].
pub struct Database {
    connect: Box<dyn Fn(Handle) -> Connector + Send + Sync>,
    connections: usize,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// The database of a configuration, reached by the host's TLS, or by
    /// [`tokio_postgres::NoTls`].
    #[must_use]
    pub fn new<T>(config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        Self {
            connect: Box::new(move |runtime| Connector::new(config.clone(), tls.clone(), runtime)),
            connections: USUAL_CONNECTIONS,
        }
    }

    /// The database that a URL names, without TLS.
    ///
    /// # Errors
    /// [`OpenError::Url`].
    pub fn at_url(url: &str) -> Result<Self, OpenError> {
        let config: Config = url.parse().map_err(OpenError::Url)?;
        Ok(Self::new(config, NoTls))
    }

    /// The most connections that a store opens, beside the one of an integrator.
    #[must_use]
    pub fn with_connections(mut self, most: NonZeroUsize) -> Self {
        self.connections = most.get();
        self
    }

    /// Brings the schema to what this version knows, all of it or nothing; makes it where there is
    /// none. Several nodes may do it at once. The user has to be the owner of the schema.
    ///
    /// Whoever rather applies them by hand finds the same files in the crate's folder `migrations`.
    ///
    /// # Errors
    /// [`OpenError::NewerSchema`] if the database is ahead of this version; nothing is changed then.
    pub async fn migrate(&self) -> Result<(), OpenError> {
        let session = self.connector()?.session().await?;
        schema::migrate(session.client()).await
    }

    /// Opens the store. The runtime that this is called in drives its connections, for as long as
    /// the store is used; the store's own methods may be called from any executor.
    ///
    /// # Errors
    /// If the database is not there, or its schema is not the one that this version knows.
    pub async fn open(&self) -> Result<PostgresStore, OpenError> {
        let pool = Pool::new(self.connector()?, self.connections);
        let lease = pool.take().await?;
        schema::check(lease.session()?.client()).await?;
        drop(lease);
        Ok(PostgresStore {
            pool,
            outbox: Arc::default(),
            host_rows: None,
        })
    }

    fn connector(&self) -> Result<Connector, OpenError> {
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        Ok((self.connect)(runtime))
    }
}

/// Users, links, grants, sessions, replay, outbox and ledger in one database, for any number of
/// nodes at once. A clone is the same store.
///
/// # Contract
/// An `Ok` is given after the server has committed: what it acknowledges survives a crash of the
/// process, of the server and of the machine, as far as `fsync` is on and the disk keeps its word.
/// An error of kind `Unavailable` may mean that the answer to a commit was lost.
///
/// # Cancellation
/// A call that is dropped is committed as a whole or not at all.
///
/// # Security
/// The tables hold personal data in the clear. Connect as a user that has no other rights than
/// those of `countersign_application` (see `migrations/0004_least_privilege.sql`).
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pub(crate) pool: Arc<Pool>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) host_rows: Option<Arc<dyn HostRows>>,
}

impl PostgresStore {
    /// The verifier key that the ledger's owner said it signs checkpoints with, in the text form
    /// of C2SP `signed-note`.
    ///
    /// # Errors
    /// If the store can not be read.
    ///
    /// # Security
    /// Whoever can write to the database can write this: it tells which key to expect from a
    /// database that is trusted already, and proves nothing about one that is not.
    pub async fn ledger_vkey(&self) -> Result<Option<String>, StoreError> {
        let sql = "SELECT vkey FROM countersign.ledger_key";
        let rows = self.read("read the ledger's key", sql, Vec::new(), |row| {
            Ok(row.try_get(0)?)
        });
        Ok(rows.await?.pop())
    }

    /// Stores the verifier key that checkpoints are signed with from now on.
    ///
    /// # Errors
    /// If the store can not be written.
    pub async fn set_ledger_vkey(&self, vkey: &str) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.add(
            "INSERT INTO countersign.ledger_key (only_row, vkey) VALUES (0, $1)
                 ON CONFLICT (only_row) DO UPDATE SET vkey = excluded.vkey",
            crate::batch::values![vkey.to_owned()],
        );
        self.write("store the ledger's key", &batch).await.map(drop)
    }

    /// Reads by one statement, which is one consistent snapshot.
    pub(crate) async fn read<T>(
        &self,
        doing: &'static str,
        sql: &'static str,
        values: Vec<Value>,
        read: impl Fn(&Row) -> Result<T, Failure>,
    ) -> Result<Vec<T>, StoreError> {
        let work = async {
            let mut lease = self.pool.take().await?;
            let rows = query(Line::Ours(lease.session()?), sql, values, read).await;
            if rows.as_ref().is_err_and(Failure::spoils_the_session) {
                lease.close();
            }
            rows
        };
        work.await
            .map_err(|failure| failure.into_store_error(doing))
    }

    /// Writes by one transaction.
    pub(crate) async fn write(
        &self,
        doing: &'static str,
        batch: &Batch,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        self.try_write(batch)
            .await
            .map_err(|failure| failure.into_store_error(doing))
    }

    pub(crate) async fn try_write(&self, batch: &Batch) -> Result<Vec<Vec<Row>>, Failure> {
        let lease = self.pool.take().await?;
        batch.commit(lease).await
    }

    /// Tells the integrator that there is something to do.
    pub(crate) fn committed(&self, entries: &[Entry]) {
        if !entries.is_empty() {
            self.outbox.wake_integrator(&self.pool);
        }
    }
}

/// Every row of one statement.
pub(crate) async fn query<T>(
    line: Line<'_>,
    sql: &'static str,
    values: Vec<Value>,
    read: impl Fn(&Row) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut batch = Batch::default();
    batch.add(sql, values);
    let rows = batch.run(line).await?;
    rows.iter().flatten().map(read).collect()
}
