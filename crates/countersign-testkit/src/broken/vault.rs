//! Vault stores that break one promise.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use countersign_audit::key_wrap::WrappedKey;
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_audit::vault_store::{StoredVaultKey, UnclaimedQuery, VaultStore};
use countersign_core::{
    ConnectionId, CorrelationId, Entry, LeafHash, Private, SessionId, Sha256Digest, StoreError,
    StoreErrorKind, TenantId, Timestamp, UserId, VaultKeyId, VaultOwner,
};
use countersign_provision::store::{
    Change, ConnectionState, ConsentRecord, SessionQuery, SessionRecord, Snapshot, SnapshotQuery,
    UserQuery, UserStore, UserWithGrants,
};

use super::{dawdle, defects};

defects! {
    /// What is wrong with a [`BrokenVault`].
    VaultDefect {
        /// It trims the bytes of a wrapped key.
        TrimsKeys: "a_key_comes_back_byte_for_byte",
        /// It puts a second key in the place of the first.
        ReplacesKeys: "an_owner_has_one_key",
        /// It looks whether there is a key, and puts one in a second step.
        LooksBeforeItPuts: "of_two_keys_at_once_one_is_put",
        /// It takes a walk for the account of the same name.
        MixesOwners: "owners_are_told_apart",
        /// It wraps a key anew whoever had wrapped it.
        IgnoresTheWrappingKey: "rewrapping_compares_and_sets",
        /// It finds keys of the newest wrapping key as well.
        FindsEveryKey: "keys_of_older_wrapping_keys_are_found",
        /// It takes any key for any private part.
        IgnoresTheKeyOfAnEntry: "a_private_part_needs_its_owners_key",
        /// It erases keys, and not what they encrypt.
        KeepsPrivateParts: "an_erasure_deletes_keys_and_private_parts",
        /// It erases what was filed under the same name by others.
        ErasesByName: "an_erasure_leaves_others_alone",
        /// It leaves sessions as they were.
        KeepsSessions: "an_erasure_forgets_how_somebody_signed_in",
        /// It erases first, and then commits.
        ErasesFirst: "a_change_that_conflicts_erases_nothing",
        /// It files for accounts that are erased.
        FilesForTheErased: "nothing_is_filed_for_who_is_erased",
        /// It leaves walks to themselves.
        DoesNotAdopt: "an_account_adopts_a_walk",
        /// It finds walks of any age.
        IgnoresTheAge: "walks_are_found_by_their_age",
        /// It scrubs too much.
        ScrubsEverything: "scrubbing_keeps_what_was_not_erased",
    }
}

/// A store of users, records and vault keys with one defect, over one that is right.
#[derive(Debug)]
pub struct BrokenVault<S> {
    inner: S,
    defect: VaultDefect,
    seen: Mutex<Seen>,
}

/// What a store that forgets too little, or too much, remembers.
#[derive(Debug, Default)]
struct Seen {
    private: HashMap<LeafHash, Private>,
    sessions: HashMap<SessionId, SessionRecord>,
    owners: Vec<VaultOwner>,
}

impl<S: VaultStore + UserStore + LedgerStore> BrokenVault<S> {
    /// Spoils a store that is right.
    pub fn new(inner: S, defect: VaultDefect) -> Self {
        Self {
            inner,
            defect,
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> Result<MutexGuard<'_, Seen>, StoreError> {
        let poisoned = |_| StoreError::new(StoreErrorKind::Other, "lock what was seen");
        self.seen.lock().map_err(poisoned)
    }

    fn spoil_key(&self, mut key: StoredVaultKey) -> StoredVaultKey {
        if self.defect == VaultDefect::TrimsKeys {
            key.wrapped.bytes.pop();
        }
        key
    }

    /// The same entries, whose private parts name no key, or that have none.
    fn spoil_entries(&self, entries: &[Entry], strip: bool) -> Vec<Entry> {
        let spoil = |entry: &Entry| {
            let private = entry.private().filter(|_| !strip).map(|private| Private {
                key_id: match self.defect {
                    VaultDefect::IgnoresTheKeyOfAnEntry => None,
                    _ => private.key_id.clone(),
                },
                ..private.clone()
            });
            let (id, bytes) = (entry.id().clone(), entry.bytes().to_vec());
            Entry::from_parts(id, entry.leaf(), bytes, private)
        };
        entries.iter().map(spoil).collect()
    }

    fn see(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut seen = self.seen()?;
        for entry in entries {
            if let Some(private) = entry.private() {
                seen.private.insert(entry.leaf(), private.clone());
            }
        }
        Ok(())
    }

    fn spoil_stored(&self, stored: StoredEntry) -> Result<StoredEntry, StoreError> {
        let entry = &stored.entry;
        if self.defect != VaultDefect::KeepsPrivateParts || entry.private().is_some() {
            return Ok(stored);
        }
        let private = self.seen()?.private.get(&entry.leaf()).cloned();
        let (id, bytes) = (entry.id().clone(), entry.bytes().to_vec());
        Ok(StoredEntry {
            index: stored.index,
            entry: Entry::from_parts(id, entry.leaf(), bytes, private),
        })
    }
}

#[async_trait]
impl<S: VaultStore + UserStore + LedgerStore> VaultStore for BrokenVault<S> {
    async fn vault_key(&self, id: &VaultKeyId) -> Result<Option<StoredVaultKey>, StoreError> {
        let key = self.inner.vault_key(id).await?;
        Ok(key.map(|key| self.spoil_key(key)))
    }

    async fn vault_keys_of(&self, owner: &VaultOwner) -> Result<Vec<StoredVaultKey>, StoreError> {
        let mut keys = self.inner.vault_keys_of(owner).await?;
        if let (VaultDefect::MixesOwners, VaultOwner::Walk(tenant, walk)) = (self.defect, owner)
            && let Ok(user) = UserId::new(walk.as_str())
        {
            let account = VaultOwner::Account(tenant.clone(), user);
            keys.extend(self.inner.vault_keys_of(&account).await?);
        }
        Ok(keys.into_iter().map(|key| self.spoil_key(key)).collect())
    }

    async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError> {
        self.seen()?.owners.push(key.owner.clone());
        let is_first = self.inner.vault_keys_of(&key.owner).await?.is_empty();
        if self.defect == VaultDefect::LooksBeforeItPuts {
            dawdle();
        }
        match self.inner.put_vault_key(key).await {
            Err(error) if error.is_conflict() => match self.defect {
                VaultDefect::ReplacesKeys => Ok(()),
                VaultDefect::LooksBeforeItPuts if is_first => Ok(()),
                _ => Err(error),
            },
            put => put,
        }
    }

    async fn rewrap_vault_key(
        &self,
        id: &VaultKeyId,
        wrapped_by: &str,
        anew: &WrappedKey,
    ) -> Result<(), StoreError> {
        let stored = self.inner.vault_key(id).await?;
        let wrapped_by = match (self.defect, &stored) {
            (VaultDefect::IgnoresTheWrappingKey, Some(stored)) => &stored.wrapped.wrapped_by,
            _ => wrapped_by,
        };
        self.inner.rewrap_vault_key(id, wrapped_by, anew).await
    }

    async fn vault_keys_not_wrapped_by(
        &self,
        wrapped_by: &str,
        limit: NonZeroU32,
    ) -> Result<Vec<StoredVaultKey>, StoreError> {
        let wrapped_by = match self.defect {
            VaultDefect::FindsEveryKey => "nobody",
            _ => wrapped_by,
        };
        self.inner
            .vault_keys_not_wrapped_by(wrapped_by, limit)
            .await
    }

    async fn unclaimed_walks(
        &self,
        query: &UnclaimedQuery,
    ) -> Result<Vec<CorrelationId>, StoreError> {
        let mut query = query.clone();
        if self.defect == VaultDefect::IgnoresTheAge {
            query.filed_before = Timestamp::MAX;
        }
        self.inner.unclaimed_walks(&query).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        if self.defect == VaultDefect::ScrubsEverything {
            let owners = self.seen()?.owners.clone();
            for owner in owners {
                let mut change = Change::new(owner.tenant().clone());
                change.erase.push(owner);
                self.inner.commit(&change).await?;
            }
        }
        self.inner.scrub().await
    }
}

#[async_trait]
impl<S: VaultStore + UserStore + LedgerStore> UserStore for BrokenVault<S> {
    async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, StoreError> {
        self.inner.consents(tenant, user).await
    }

    async fn commit(&self, change: &Change) -> Result<(), StoreError> {
        let mut spoilt = change.clone();
        spoilt.entries = self.spoil_entries(&change.entries, false);
        match self.defect {
            VaultDefect::DoesNotAdopt => spoilt.adopt.clear(),
            VaultDefect::ErasesByName => {
                let walks = change.erase.iter().filter_map(|owner| match owner {
                    VaultOwner::Account(tenant, user) => {
                        let walk = CorrelationId::new(user.as_str()).ok()?;
                        Some(VaultOwner::Walk(tenant.clone(), walk))
                    }
                    VaultOwner::Walk(..) => None,
                });
                spoilt.erase.extend(walks.collect::<Vec<_>>());
            }
            VaultDefect::ErasesFirst if !change.erase.is_empty() => {
                let mut first = Change::new(change.tenant.clone());
                first.erase.clone_from(&change.erase);
                self.inner.commit(&first).await?;
            }
            _ => {}
        }
        let mut committed = self.inner.commit(&spoilt).await;
        if self.defect == VaultDefect::FilesForTheErased
            && committed.as_ref().is_err_and(StoreError::is_conflict)
        {
            spoilt.entries = self.spoil_entries(&change.entries, true);
            committed = self.inner.commit(&spoilt).await;
        }
        committed?;
        self.see(&change.entries)?;
        let sessions = change.open_sessions.iter();
        let sessions = sessions.map(|session| (session.id.clone(), session.clone()));
        self.seen()?.sessions.extend(sessions);
        Ok(())
    }

    async fn session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        if self.defect == VaultDefect::KeepsSessions {
            return Ok(self.seen()?.sessions.get(session).cloned());
        }
        self.inner.session(tenant, session).await
    }

    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
        self.inner.snapshot(query).await
    }

    async fn user(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<UserWithGrants>, StoreError> {
        self.inner.user(tenant, user).await
    }

    async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError> {
        self.inner.users(query).await
    }

    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError> {
        self.inner.is_spent(tenant, entry).await
    }

    async fn policy_entry(&self, tenant: &TenantId) -> Result<Option<LeafHash>, StoreError> {
        self.inner.policy_entry(tenant).await
    }

    async fn open_sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRecord>, StoreError> {
        self.inner.open_sessions(query).await
    }

    async fn set_connection(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        enabled: bool,
    ) -> Result<ConnectionState, StoreError> {
        self.inner.set_connection(tenant, connection, enabled).await
    }
}

#[async_trait]
impl<S: VaultStore + UserStore + LedgerStore> LedgerStore for BrokenVault<S> {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.inner
            .enqueue(&self.spoil_entries(entries, false))
            .await?;
        self.see(entries)
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        let stored = self.inner.entry(query).await?;
        stored.map(|stored| self.spoil_stored(stored)).transpose()
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        self.inner.leaves(leaves).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.pending(limit).await
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.inner.size().await
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        self.inner.integrate(integration).await
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        self.inner.nodes(ids).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        self.inner.entries(range).await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.inner.checkpoint().await
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        self.inner.put_checkpoint(expected, checkpoint).await
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        self.inner.put_anchor(anchor, expected_tokens).await
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        self.inner.anchor(covering).await
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        self.inner.anchors().await
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        self.inner.rotation().await
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        self.inner.rotate(expected, entry).await
    }
}
