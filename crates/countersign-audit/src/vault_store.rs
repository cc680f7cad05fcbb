//! The port to where wrapped keys live, beside the private parts that they encrypt.

use std::fmt;
use std::num::NonZeroU32;

use async_trait::async_trait;
use countersign_core::{CorrelationId, StoreError, TenantId, Timestamp, VaultKeyId, VaultOwner};

use crate::key_wrap::WrappedKey;

/// A vault key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVaultKey {
    /// Its id, which records name.
    pub id: VaultKeyId,
    /// Whose it is: it is erased with everything else of its owner.
    pub owner: VaultOwner,
    /// When it was made.
    pub made_at: Timestamp,
    /// The key, wrapped.
    pub wrapped: WrappedKey,
}

/// Which walks are old enough to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnclaimedQuery {
    /// The tenant to look in, and no other.
    pub tenant: TenantId,
    /// Nothing of the walk was filed, and no key made, at this instant or later.
    pub filed_before: Timestamp,
    /// The most walks of the answer.
    pub limit: NonZeroU32,
}

/// Where wrapped keys live: in the store of the records, whose private parts they encrypt.
///
/// # Contract
/// - What a method acknowledges with `Ok` is durable.
/// - An owner has at most one key that was put for it; by adoption it may come to own more.
/// - Nothing is filed for an account that is erased: a key is not put, and whatever writes an entry
///   whose private part it owns conflicts. So does an entry whose private part names a key that is
///   not there, or another owner's. Without that a sign-in that races with an erasure would
///   leave behind what was to be erased.
/// - `Change::adopt` gives everything of a walk to an account, and `Change::erase` deletes all
///   private parts and keys of an owner, in the transaction of the change.
/// - After [`scrub`](Self::scrub) what was erased is not in any of the store's files.
///
/// `countersign_testkit::conformance::vault` checks all of it on any implementation, but for the
/// files, which it does not know.
#[async_trait]
pub trait VaultStore: Send + Sync + fmt::Debug {
    /// Reads a key.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn vault_key(&self, id: &VaultKeyId) -> Result<Option<StoredVaultKey>, StoreError>;

    /// Reads the keys of an owner, the oldest first, by id where two are as old.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn vault_keys_of(&self, owner: &VaultOwner) -> Result<Vec<StoredVaultKey>, StoreError>;

    /// Stores a new key, before anything is encrypted with it.
    ///
    /// # Errors
    /// `Conflict` if the id is there already, the owner has a key, or is an erased account.
    async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError>;

    /// Puts the same key, wrapped anew, in the place of what one wrapping key had wrapped.
    ///
    /// # Errors
    /// `Conflict` unless the key is there and was wrapped by `wrapped_by`.
    async fn rewrap_vault_key(
        &self,
        id: &VaultKeyId,
        wrapped_by: &str,
        anew: &WrappedKey,
    ) -> Result<(), StoreError>;

    /// Keys that are wrapped by any other wrapping key than this one, by id.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn vault_keys_not_wrapped_by(
        &self,
        wrapped_by: &str,
        limit: NonZeroU32,
    ) -> Result<Vec<StoredVaultKey>, StoreError>;

    /// Walks that own private parts or keys, all of them old.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn unclaimed_walks(
        &self,
        query: &UnclaimedQuery,
    ) -> Result<Vec<CorrelationId>, StoreError>;

    /// Sees to it that nothing of what was erased until now is left in the store's files: in free
    /// pages, in a log, in what a page holds beside its rows. Does nothing if nothing was erased
    /// since the last time.
    ///
    /// # Errors
    /// `Unavailable` if somebody holds it back, such as a reader of what was before; the next call
    /// tries again.
    async fn scrub(&self) -> Result<(), StoreError>;
}

macro_rules! forward {
    ($pointer:ty) => {
        #[async_trait]
        impl<S: VaultStore + ?Sized> VaultStore for $pointer {
            async fn vault_key(
                &self,
                id: &VaultKeyId,
            ) -> Result<Option<StoredVaultKey>, StoreError> {
                (**self).vault_key(id).await
            }
            async fn vault_keys_of(
                &self,
                owner: &VaultOwner,
            ) -> Result<Vec<StoredVaultKey>, StoreError> {
                (**self).vault_keys_of(owner).await
            }
            async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError> {
                (**self).put_vault_key(key).await
            }
            async fn rewrap_vault_key(
                &self,
                id: &VaultKeyId,
                wrapped_by: &str,
                anew: &WrappedKey,
            ) -> Result<(), StoreError> {
                (**self).rewrap_vault_key(id, wrapped_by, anew).await
            }
            async fn vault_keys_not_wrapped_by(
                &self,
                wrapped_by: &str,
                limit: NonZeroU32,
            ) -> Result<Vec<StoredVaultKey>, StoreError> {
                (**self).vault_keys_not_wrapped_by(wrapped_by, limit).await
            }
            async fn unclaimed_walks(
                &self,
                query: &UnclaimedQuery,
            ) -> Result<Vec<CorrelationId>, StoreError> {
                (**self).unclaimed_walks(query).await
            }
            async fn scrub(&self) -> Result<(), StoreError> {
                (**self).scrub().await
            }
        }
    };
}
forward!(std::sync::Arc<S>);
forward!(Box<S>);
