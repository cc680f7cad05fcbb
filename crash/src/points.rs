//! A store with named points that a process can die at, and with defects that must be found.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign::audit::key_wrap::WrappedKey;
use countersign::audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign::audit::vault_store::{StoredVaultKey, UnclaimedQuery, VaultStore};
use countersign::builder::Store;
use countersign::provision::store::{
    Change, ConnectionState, ConsentRecord, SessionQuery, SessionRecord, Snapshot, SnapshotQuery,
    UserQuery, UserStore, UserWithGrants,
};
use countersign::saml::replay::{ReplayKey, ReplayStore, Seen};
use countersign::{
    ConnectionId, CorrelationId, Entry, LeafHash, SessionId, Sha256Digest, StoreError, TenantId,
    Timestamp, UserId, VaultKeyId, VaultOwner,
};
use rustix::process::{Signal, getpid, kill_process};

use crate::Failure;

/// The points at the ports, each before a call or, with `-done`, between its commit and its
/// acknowledgement. `integrate-done` is between integrating and signing the checkpoint; `replay` is
/// where the end of a ceremony is remembered, before its signature is committed. (An assertion is
/// remembered by `commit`.)
pub(crate) const POINTS: [&str; 14] = [
    "commit",
    "commit-done",
    "integrate",
    "integrate-done",
    "checkpoint",
    "checkpoint-done",
    "rotate",
    "rotate-done",
    "vault-key",
    "vault-key-done",
    "replay",
    "replay-done",
    "vacuum",
    "vacuum-done",
];

/// Dies at the n-th passage of a point.
#[derive(Debug)]
pub(crate) struct Fuse {
    point: String,
    left: AtomicU64,
}

impl FromStr for Fuse {
    type Err = Failure;

    /// `POINT:N`
    fn from_str(text: &str) -> Result<Self, Failure> {
        let (point, number) = text.split_once(':').ok_or("a point is NAME:N")?;
        Ok(Self {
            point: point.to_owned(),
            left: AtomicU64::new(number.parse()?),
        })
    }
}

/// As if somebody had killed us from outside, here and now.
pub(crate) fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        std::thread::park();
    }
}

/// What is wrong with a store that must not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// It acknowledges a commit, and makes it a little later.
    AcknowledgesFirst,
    /// It commits the account, and its records in a second transaction.
    RecordsLater,
    /// It commits the records, and the account in a second transaction.
    RecordsBefore,
    /// It commits the account, and forgets the records.
    ForgetsTheOutbox,
}

impl FromStr for Defect {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        Ok(match text {
            "acknowledges-first" => Self::AcknowledgesFirst,
            "records-later" => Self::RecordsLater,
            "records-before" => Self::RecordsBefore,
            "forgets-the-outbox" => Self::ForgetsTheOutbox,
            _ => return Err(format!("`{text}` is no defect").into()),
        })
    }
}

/// A store that is watched.
pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Store>,
    /// The same, or what spoils it.
    pub(crate) users: Arc<dyn UserStore>,
    /// The same, or what a node has that is the integrator.
    pub(crate) ledger: Arc<dyn LedgerStore>,
    pub(crate) fuse: Option<Arc<Fuse>>,
    pub(crate) defect: Option<Defect>,
    /// What `disk.c` sees being removed around a vacuum begins with this.
    pub(crate) marks: PathBuf,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watched({:?})", self.inner)
    }
}

impl Watched {
    fn pass(&self, point: &str) {
        if let Some(fuse) = &self.fuse
            && fuse.point == point
            && fuse.left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            die();
        }
    }

    fn mark(&self, what: &str) {
        let _ = std::fs::remove_file(self.marks.with_extension(what));
    }

    async fn commit_wrongly(&self, defect: Defect, change: &Change) -> Result<(), StoreError> {
        let mut change = change.clone();
        let entries = match defect {
            Defect::AcknowledgesFirst => Vec::new(),
            _ => std::mem::take(&mut change.entries),
        };
        match defect {
            Defect::AcknowledgesFirst => {
                let store = Arc::clone(&self.inner);
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(5));
                    let _ = countersign::blocking::wait(store.commit(&change));
                });
                Ok(())
            }
            Defect::RecordsLater => {
                self.inner.commit(&change).await?;
                self.pass("between");
                self.inner.enqueue(&entries).await
            }
            Defect::RecordsBefore => {
                self.inner.enqueue(&entries).await?;
                self.pass("between");
                self.inner.commit(&change).await
            }
            Defect::ForgetsTheOutbox => self.inner.commit(&change).await,
        }
    }
}

#[async_trait]
impl UserStore for Watched {
    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
        self.users.snapshot(query).await
    }

    async fn user(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<UserWithGrants>, StoreError> {
        self.users.user(tenant, user).await
    }

    async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError> {
        self.users.users(query).await
    }

    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError> {
        self.users.is_spent(tenant, entry).await
    }

    async fn policy_entry(&self, tenant: &TenantId) -> Result<Option<LeafHash>, StoreError> {
        self.users.policy_entry(tenant).await
    }

    async fn session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.users.session(tenant, session).await
    }

    async fn open_sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRecord>, StoreError> {
        self.users.open_sessions(query).await
    }

    async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, StoreError> {
        self.users.consents(tenant, user).await
    }

    async fn commit(&self, change: &Change) -> Result<(), StoreError> {
        self.pass("commit");
        match self.defect {
            None => self.users.commit(change).await?,
            Some(defect) => self.commit_wrongly(defect, change).await?,
        }
        self.pass("commit-done");
        Ok(())
    }

    async fn set_connection(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        enabled: bool,
    ) -> Result<ConnectionState, StoreError> {
        self.users.set_connection(tenant, connection, enabled).await
    }
}

#[async_trait]
impl LedgerStore for Watched {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.ledger.enqueue(entries).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.ledger.pending(limit).await
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.ledger.size().await
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        self.pass("integrate");
        self.ledger.integrate(integration).await?;
        self.pass("integrate-done");
        Ok(())
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        self.ledger.nodes(ids).await
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        self.ledger.entry(query).await
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        self.ledger.leaves(leaves).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        self.ledger.entries(range).await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.ledger.checkpoint().await
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        self.pass("checkpoint");
        self.ledger.put_checkpoint(expected, checkpoint).await?;
        self.pass("checkpoint-done");
        Ok(())
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        self.ledger.put_anchor(anchor, expected_tokens).await
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        self.ledger.anchor(covering).await
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        self.ledger.anchors().await
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        self.ledger.rotation().await
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        self.pass("rotate");
        self.ledger.rotate(expected, entry).await?;
        self.pass("rotate-done");
        Ok(())
    }
}

#[async_trait]
impl VaultStore for Watched {
    async fn vault_key(&self, id: &VaultKeyId) -> Result<Option<StoredVaultKey>, StoreError> {
        self.inner.vault_key(id).await
    }

    async fn vault_keys_of(&self, owner: &VaultOwner) -> Result<Vec<StoredVaultKey>, StoreError> {
        self.inner.vault_keys_of(owner).await
    }

    async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError> {
        self.pass("vault-key");
        self.inner.put_vault_key(key).await?;
        self.pass("vault-key-done");
        Ok(())
    }

    async fn rewrap_vault_key(
        &self,
        id: &VaultKeyId,
        wrapped_by: &str,
        anew: &WrappedKey,
    ) -> Result<(), StoreError> {
        self.inner.rewrap_vault_key(id, wrapped_by, anew).await
    }

    async fn vault_keys_not_wrapped_by(
        &self,
        wrapped_by: &str,
        limit: NonZeroU32,
    ) -> Result<Vec<StoredVaultKey>, StoreError> {
        self.inner
            .vault_keys_not_wrapped_by(wrapped_by, limit)
            .await
    }

    async fn unclaimed_walks(
        &self,
        query: &UnclaimedQuery,
    ) -> Result<Vec<CorrelationId>, StoreError> {
        self.inner.unclaimed_walks(query).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.pass("vacuum");
        self.mark("vacuum-begins");
        let scrubbed = self.inner.scrub().await;
        self.mark("vacuum-ends");
        scrubbed?;
        self.pass("vacuum-done");
        Ok(())
    }
}

#[async_trait]
impl ReplayStore for Watched {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        self.pass("replay");
        let seen = self.inner.insert_once(key, expires, now).await?;
        self.pass("replay-done");
        Ok(seen)
    }
}
