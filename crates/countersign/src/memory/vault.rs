//! The vault's part of the memory store.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use async_trait::async_trait;
use countersign_audit::key_wrap::WrappedKey;
use countersign_audit::vault_store::{StoredVaultKey, UnclaimedQuery, VaultStore};
use countersign_core::{CorrelationId, Entry, StoreError, Timestamp, VaultKeyId, VaultOwner};

use super::{MemoryStore, conflict};

/// The keys by id.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(BTreeMap<VaultKeyId, StoredVaultKey>);

impl Keys {
    /// The keys of an owner, the oldest first.
    fn of(&self, owner: &VaultOwner) -> Vec<StoredVaultKey> {
        let keys = self.0.values().filter(|key| key.owner == *owner);
        let mut keys: Vec<_> = keys.cloned().collect();
        keys.sort_by_key(|key| key.made_at);
        keys
    }

    /// Whether an entry may be added: its private part is of nobody who is erased, and names no
    /// key but its owner's.
    pub(super) fn allow(&self, entry: &Entry, erased: impl Fn(&VaultOwner) -> bool) -> bool {
        entry.private().is_none_or(|private| {
            let key = private.key_id.as_ref().map(|id| self.0.get(id));
            let fits = key.is_none_or(|key| key.is_some_and(|key| key.owner == private.owner));
            fits && !erased(&private.owner)
        })
    }

    pub(super) fn adopt(&mut self, walk: &VaultOwner, account: &VaultOwner) {
        for key in self.0.values_mut().filter(|key| key.owner == *walk) {
            key.owner.clone_from(account);
        }
    }

    pub(super) fn erase(&mut self, owner: &VaultOwner) {
        self.0.retain(|_, key| key.owner != *owner);
    }
}

#[async_trait]
impl VaultStore for MemoryStore {
    async fn vault_key(&self, id: &VaultKeyId) -> Result<Option<StoredVaultKey>, StoreError> {
        Ok(self.lock("read a vault key")?.vault.0.get(id).cloned())
    }

    async fn vault_keys_of(&self, owner: &VaultOwner) -> Result<Vec<StoredVaultKey>, StoreError> {
        Ok(self.lock("read vault keys")?.vault.of(owner))
    }

    async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError> {
        let doing = "store a vault key";
        let mut shared = self.lock(doing)?;
        if shared.users.is_erased(&key.owner) {
            return Err(conflict(doing, "the account is erased"));
        }
        if shared.vault.0.contains_key(&key.id) || !shared.vault.of(&key.owner).is_empty() {
            return Err(conflict(doing, "the owner has a key, or the id is taken"));
        }
        shared.vault.0.insert(key.id.clone(), key.clone());
        Ok(())
    }

    async fn rewrap_vault_key(
        &self,
        id: &VaultKeyId,
        wrapped_by: &str,
        anew: &WrappedKey,
    ) -> Result<(), StoreError> {
        let doing = "wrap a vault key anew";
        let mut shared = self.lock(doing)?;
        match shared.vault.0.get_mut(id) {
            Some(key) if key.wrapped.wrapped_by == wrapped_by => {
                key.wrapped = anew.clone();
                Ok(())
            }
            _ => Err(conflict(doing, "the key is not wrapped by that key")),
        }
    }

    async fn vault_keys_not_wrapped_by(
        &self,
        wrapped_by: &str,
        limit: NonZeroU32,
    ) -> Result<Vec<StoredVaultKey>, StoreError> {
        let shared = self.lock("read vault keys")?;
        let keys = shared.vault.0.values();
        let old = keys.filter(|key| key.wrapped.wrapped_by != wrapped_by);
        Ok(old.take(most(limit)).cloned().collect())
    }

    async fn unclaimed_walks(
        &self,
        query: &UnclaimedQuery,
    ) -> Result<Vec<CorrelationId>, StoreError> {
        let shared = self.lock("read unclaimed walks")?;
        let keys = shared.vault.0.values().map(|key| (&key.owner, key.made_at));
        let filed = shared.ledger.filed();
        let mut last: BTreeMap<&CorrelationId, Timestamp> = BTreeMap::new();
        for (owner, at) in keys.chain(filed) {
            if let VaultOwner::Walk(tenant, walk) = owner
                && *tenant == query.tenant
            {
                let last = last.entry(walk).or_insert(at);
                *last = at.max(*last);
            }
        }
        let old = last.into_iter().filter(|(_, at)| *at < query.filed_before);
        let old = old.take(most(query.limit));
        Ok(old.map(|(walk, _)| walk.clone()).collect())
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        // There are no files.
        self.lock("scrub").map(drop)
    }
}

fn most(limit: NonZeroU32) -> usize {
    usize::try_from(limit.get()).unwrap_or(usize::MAX)
}
