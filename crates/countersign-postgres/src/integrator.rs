//! The one node that turns entries into leaves and signs.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_core::{Entry, LeafHash, Sha256Digest, StoreError};
use tokio::sync::Notify;
use tokio_postgres::Row;

use crate::batch::values;
use crate::failure::Failure;
use crate::ledger::{Fence, checkpoint};
use crate::rows::number;
use crate::session::{Line, Session};
use crate::store::{PostgresStore, query};

/// How long the integrator waits for a wake-up before it looks by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long a node waits before it asks again to become the integrator.
const TRY_AGAIN: Duration = Duration::from_millis(200);

/// The ledger's store on the node that is the integrator, for as long as it is.
///
/// It holds a lock of the server's for as long as its own connection lasts, and a number that the
/// next integrator makes stale. Losing the connection loses the lock, at a moment that this node
/// may not notice; so whatever it reads in order to sign, and whatever it writes to the tree,
/// compares the number. After that it answers with `Unavailable` only: drop it, and ask
/// [`PostgresStore::integrator`] again.
///
/// ```no_run
/// use std::sync::Arc;
/// use countersign_audit::ledger::Ledger;
/// use countersign_audit::signer::Signer;
/// use countersign_postgres::PostgresStore;
///
/// # async fn run(store: PostgresStore, signer: Arc<dyn Signer>) -> Result<(), Box<dyn std::error::Error>> {
/// loop {
///     let integrator = Arc::new(store.become_integrator().await?);
///     let ledger = Ledger::open(integrator.clone(), signer.clone(), "log.example/audit").await?;
///     while ledger.advance().await.is_ok() && integrator.wait_for_entries().await.is_ok() {}
/// }
/// # }
/// ```
///
/// Without one the ledger works as well: then each node that needs a leaf makes it, in turns. While
/// there is one, the others leave it the work and wait for the outcome.
#[derive(Debug)]
pub struct Integrator {
    store: PostgresStore,
    /// Holds the lock, and hears of new entries.
    session: Session,
    epoch: i64,
    woken: Arc<Notify>,
}

impl PostgresStore {
    /// Becomes the integrator, unless another node is.
    ///
    /// # Errors
    /// If the database can not be reached.
    pub async fn integrator(&self) -> Result<Option<Integrator>, StoreError> {
        self.try_integrator()
            .await
            .map_err(|failure| failure.into_store_error("become the integrator"))
    }

    /// Waits until no other node is the integrator, and becomes it.
    ///
    /// # Errors
    /// If the database can not be reached.
    pub async fn become_integrator(&self) -> Result<Integrator, StoreError> {
        loop {
            if let Some(integrator) = self.integrator().await? {
                return Ok(integrator);
            }
            let connector = self.pool.connector();
            // A statement that waited for the lock would hold a snapshot, and keep every table from
            // being cleaned meanwhile.
            let slept = connector.on_runtime(async { tokio::time::sleep(TRY_AGAIN).await });
            slept
                .await
                .map_err(|failure| failure.into_store_error("become the integrator"))?;
        }
    }

    async fn try_integrator(&self) -> Result<Option<Integrator>, Failure> {
        let woken = Arc::new(Notify::new());
        let connector = self.pool.connector();
        let session = connector
            .session_that_wakes(Some(Arc::clone(&woken)))
            .await?;
        let sql = "SELECT pg_try_advisory_lock(hashtextextended('countersign/integrator', 0))";
        let got = session.client().query_one(sql, &[]).await?;
        if !got.try_get::<_, bool>(0)? {
            return Ok(None);
        }
        // In a transaction of its own, and before anything else: from here on whoever was the
        // integrator is refused.
        let sql = "UPDATE countersign.tree SET epoch = epoch + 1 RETURNING epoch";
        let epoch = session.client().query_one(sql, &[]).await?.try_get(0)?;
        session
            .client()
            .batch_execute("LISTEN countersign_entries")
            .await?;
        Ok(Some(Integrator {
            store: self.clone(),
            session,
            epoch,
            woken,
        }))
    }
}

impl Integrator {
    /// Which one it is, in the order in which they came.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Waits until there is something in the outbox.
    ///
    /// # Errors
    /// `Unavailable` if the lock is lost.
    pub async fn wait_for_entries(&self) -> Result<(), StoreError> {
        self.try_wait()
            .await
            .map_err(|failure| failure.into_store_error("wait for entries"))
    }

    async fn try_wait(&self) -> Result<(), Failure> {
        loop {
            let sql = "SELECT EXISTS (SELECT FROM countersign.outbox)
                 FROM countersign.tree WHERE epoch = $1";
            let read = |row: &Row| Ok(row.try_get(0)?);
            let values = values![self.epoch];
            let found = query(Line::Ours(&self.session), sql, values, read).await?;
            match found.first() {
                Some(true) => return Ok(()),
                Some(false) => {}
                None => return Err(LOST),
            }
            let woken = Arc::clone(&self.woken);
            let connector = self.store.pool.connector();
            let _ = connector
                .on_runtime(async move { tokio::time::timeout(LOOK_AGAIN, woken.notified()).await })
                .await?;
        }
    }

    /// One row of the tree's, if this is still the integrator.
    async fn fenced<T>(
        &self,
        doing: &'static str,
        sql: &'static str,
        read: impl Fn(&Row) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let rows = self.store.read(doing, sql, values![self.epoch], read);
        rows.await?
            .pop()
            .ok_or_else(|| LOST.into_store_error(doing))
    }
}

const LOST: Failure = Failure::Unavailable("another integrator came after this one");

#[async_trait]
impl LedgerStore for Integrator {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.store.enqueue(entries).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store.pending(limit).await
    }

    async fn size(&self) -> Result<u64, StoreError> {
        let sql = "SELECT size FROM countersign.tree WHERE epoch = $1";
        let doing = "read the size of the tree";
        self.fenced(doing, sql, |row| number(row.try_get(0)?)).await
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        self.store
            .try_integrate(integration, Fence::Epoch(self.epoch))
            .await
            .map_err(|failure| failure.into_store_error("integrate entries"))
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        self.store.nodes(ids).await
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        self.store.entry(query).await
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        self.store.leaves(leaves).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        self.store.entries(range).await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let sql = "SELECT c.size, c.note FROM countersign.tree t
             LEFT JOIN countersign.checkpoint c ON true WHERE t.epoch = $1";
        self.fenced("read the checkpoint", sql, |row| {
            let is_there = row.try_get::<_, Option<i64>>(0)?.is_some();
            is_there.then(|| checkpoint(row, 0)).transpose()
        })
        .await
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        self.store
            .try_put_checkpoint(expected, checkpoint, Fence::Epoch(self.epoch))
            .await
            .map_err(|failure| failure.into_store_error("put a checkpoint"))
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        self.store.put_anchor(anchor, expected_tokens).await
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        self.store.anchor(covering).await
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        self.store.anchors().await
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        self.store.rotation().await
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        self.store.rotate(expected, entry).await
    }
}
