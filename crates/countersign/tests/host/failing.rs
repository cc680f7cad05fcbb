//! A store, one of whose calls fails: before it did its work, or after it.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Mutex;

use async_trait::async_trait;
use countersign::audit::key_wrap::WrappedKey;
use countersign::audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign::audit::vault_store::{StoredVaultKey, UnclaimedQuery, VaultStore};
use countersign::audit::{DataKey, KeyWrap, KeyWrapError, LocalKeyWrap};
use countersign::memory::MemoryStore;
use countersign::provision::store::{
    Change, ConnectionState, ConsentRecord, SessionQuery, SessionRecord, Snapshot, SnapshotQuery,
    UserQuery, UserStore, UserWithGrants,
};
use countersign::saml::replay::{ReplayKey, ReplayStore, Seen};
use countersign::{
    ConnectionId, CorrelationId, Entry, LeafHash, SessionId, Sha256Digest, StoreError,
    StoreErrorKind, TenantId, Timestamp, UserId, VaultKeyId, VaultOwner,
};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    /// It did nothing, and whether it did is unknown: the connection was lost.
    Before,
    /// It did nothing, for a good reason: the disk is full.
    Refused,
    /// It did its work, and nobody heard of it: the connection was lost.
    After,
}

impl Fails {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::Refused, Self::After];

    fn error(self) -> StoreError {
        let kind = match self {
            Self::Before | Self::After => StoreErrorKind::Unavailable,
            Self::Refused => StoreErrorKind::Other,
        };
        StoreError::new(kind, "a test's failure")
    }
}

/// A store in memory and a wrapping key, one of whose calls fails.
pub(crate) struct Failing {
    store: MemoryStore,
    wrap: LocalKeyWrap,
    /// How many calls go well before one fails, and how it does.
    plan: Mutex<Option<(usize, Fails)>>,
}

impl Failing {
    pub(crate) fn new() -> Self {
        Self {
            store: MemoryStore::new(),
            wrap: LocalKeyWrap::new("host-key-1", [1; 32]),
            plan: Mutex::new(None),
        }
    }

    /// The call after so many others fails.
    pub(crate) fn plan(&self, calls_before: usize, fails: Fails) {
        *self.plan.lock().unwrap() = Some((calls_before, fails));
    }

    /// From now on everything goes well. Returns whether a call has failed.
    pub(crate) fn heal(&self) -> bool {
        self.plan.lock().unwrap().take().is_none()
    }

    /// What becomes of this call.
    fn due(&self) -> Option<Fails> {
        let mut plan = self.plan.lock().unwrap();
        match plan.take()? {
            (0, fails) => Some(fails),
            (more, fails) => {
                *plan = Some((more - 1, fails));
                None
            }
        }
    }
}

impl fmt::Debug for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Failing")
    }
}

/// A port, each of whose methods may fail.
macro_rules! may_fail {
    ($port:ident: $($method:ident($($name:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl $port for Failing {
            $(async fn $method(&self, $($name: $type),*) -> Result<$answer, StoreError> {
                let due = self.due();
                if let Some(fails @ (Fails::Before | Fails::Refused)) = due {
                    return Err(fails.error());
                }
                let answer = $port::$method(&self.store, $($name),*).await;
                due.map_or(answer, |fails| Err(fails.error()))
            })*
        }
    };
}

may_fail! { UserStore:
    snapshot(query: &SnapshotQuery) -> Snapshot;
    user(tenant: &TenantId, user: &UserId) -> Option<UserWithGrants>;
    users(query: &UserQuery) -> Vec<UserWithGrants>;
    is_spent(tenant: &TenantId, entry: LeafHash) -> bool;
    policy_entry(tenant: &TenantId) -> Option<LeafHash>;
    session(tenant: &TenantId, session: &SessionId) -> Option<SessionRecord>;
    open_sessions(query: &SessionQuery) -> Vec<SessionRecord>;
    consents(tenant: &TenantId, user: &UserId) -> Vec<ConsentRecord>;
    commit(change: &Change) -> ();
    set_connection(tenant: &TenantId, connection: &ConnectionId, enabled: bool) -> ConnectionState;
}

may_fail! { LedgerStore:
    enqueue(entries: &[Entry]) -> ();
    pending(limit: usize) -> Vec<Entry>;
    size() -> u64;
    integrate(integration: &Integration) -> ();
    nodes(ids: &[NodeId]) -> Vec<Option<Sha256Digest>>;
    entry(query: &EntryQuery) -> Option<StoredEntry>;
    leaves(leaves: &[LeafHash]) -> Vec<Option<StoredEntry>>;
    entries(range: Range<u64>) -> Vec<StoredEntry>;
    checkpoint() -> Option<StoredCheckpoint>;
    put_checkpoint(expected: Option<&StoredCheckpoint>, checkpoint: &StoredCheckpoint) -> ();
    put_anchor(anchor: &Anchor, expected_tokens: usize) -> ();
    anchor(covering: u64) -> Option<Anchor>;
    anchors() -> Vec<u64>;
    rotation() -> Option<LeafHash>;
    rotate(expected: Option<LeafHash>, entry: &Entry) -> ();
}

may_fail! { ReplayStore:
    insert_once(key: &ReplayKey, expires: Timestamp, now: Timestamp) -> Seen;
}

may_fail! { VaultStore:
    vault_key(id: &VaultKeyId) -> Option<StoredVaultKey>;
    vault_keys_of(owner: &VaultOwner) -> Vec<StoredVaultKey>;
    put_vault_key(key: &StoredVaultKey) -> ();
    rewrap_vault_key(id: &VaultKeyId, wrapped_by: &str, anew: &WrappedKey) -> ();
    vault_keys_not_wrapped_by(wrapped_by: &str, limit: NonZeroU32) -> Vec<StoredVaultKey>;
    unclaimed_walks(query: &UnclaimedQuery) -> Vec<CorrelationId>;
    scrub() -> ();
}

/// A key's service fails as any port does; what it did for nobody does not matter.
#[async_trait]
impl KeyWrap for Failing {
    fn key_name(&self) -> &str {
        self.wrap.key_name()
    }

    async fn wrap(&self, key: &DataKey, associated: &[u8]) -> Result<WrappedKey, KeyWrapError> {
        match self.due() {
            Some(fails) => Err(KeyWrapError::unavailable(fails.error())),
            None => self.wrap.wrap(key, associated).await,
        }
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        associated: &[u8],
    ) -> Result<DataKey, KeyWrapError> {
        match self.due() {
            Some(fails) => Err(KeyWrapError::unavailable(fails.error())),
            None => self.wrap.unwrap(wrapped, associated).await,
        }
    }
}
