//! Encrypting and opening private parts (`docs/spec/record.md` §4.2).

use std::num::NonZeroU32;
use std::sync::Arc;

use countersign_core::{Entry, LeafHash, Private, StoreError, Timestamp, VaultKeyId, VaultOwner};
use ring::aead::NONCE_LEN;
use thiserror::Error;

use crate::aead::{decrypt, encrypt};
use crate::key_wrap::{DATA_KEY_BYTES, DataKey, KeyWrap, KeyWrapError};
use crate::private::{ParsePrivateError, PrivatePart};
use crate::seal::{Entropy, EntropyError};
use crate::vault_store::{StoredVaultKey, VaultStore};

/// Keeps private parts apart from every other use of a key \[record.md §4.2\].
const PRIVATE_DOMAIN: &[u8] = b"countersign/private/v1";

/// Keeps vault keys apart from everything else that a wrapping key wraps \[record.md §4.2\].
const KEY_DOMAIN: &[u8] = b"countersign/vault-key/v1";

/// Why a private part was not encrypted or opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// What is stored, or what was decrypted, is no private part.
    #[error("the private part of the record {leaf} can not be read")]
    Malformed {
        /// The record.
        leaf: LeafHash,
        /// That it is none.
        source: ParsePrivateError,
    },
    /// It is encrypted, and whoever reads it was given no vault.
    #[error("the private part of the record {leaf} is encrypted with the vault key `{key}`")]
    NoVault {
        /// The record.
        leaf: LeafHash,
        /// The key.
        key: VaultKeyId,
    },
    /// It was changed, cut off, or moved here from another record or key.
    #[error("the vault key `{key}` does not decrypt the private part of the record {leaf}")]
    NotDecrypted {
        /// The record.
        leaf: LeafHash,
        /// The key.
        key: VaultKeyId,
    },
    /// The host's wrapping key did not do what it was asked.
    #[error("a vault key can not be wrapped or unwrapped")]
    KeyWrap(#[from] KeyWrapError),
    /// The store failed; a conflict where a key was asked for an account that is erased.
    #[error("the vault's store failed")]
    Store(#[from] StoreError),
    /// There are no random bytes.
    #[error("the source of random bytes failed")]
    Entropy(#[from] EntropyError),
}

impl VaultError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "vault.malformed",
            Self::NoVault { .. } => "vault.none",
            Self::NotDecrypted { .. } => "vault.not_decrypted",
            Self::KeyWrap(error) => error.code(),
            Self::Store(_) => "vault.store",
            Self::Entropy(_) => "vault.entropy",
        }
    }
}

/// Whose the private parts of a walk's records are, and what they are encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filing {
    owner: VaultOwner,
    key: Option<VaultKey>,
}

/// A vault key that was unwrapped.
#[derive(Debug, Clone)]
struct VaultKey {
    id: VaultKeyId,
    key: DataKey,
}

/// An id is one key's.
impl PartialEq for VaultKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for VaultKey {}

impl Filing {
    /// In the clear: for hosts without a vault.
    #[must_use]
    pub fn in_the_clear(owner: VaultOwner) -> Self {
        Self { owner, key: None }
    }

    /// Whose the private parts are.
    #[must_use]
    pub fn owner(&self) -> &VaultOwner {
        &self.owner
    }

    /// The key that they are encrypted with; `None` if they are kept in the clear.
    #[must_use]
    pub fn key_id(&self) -> Option<&VaultKeyId> {
        self.key.as_ref().map(|key| &key.id)
    }

    /// The private part of the record `leaf`, with this content; nothing if it is too long to be
    /// encrypted.
    pub(crate) fn file(
        &self,
        leaf: LeafHash,
        filed_at: Timestamp,
        content: Vec<u8>,
        entropy: &dyn Entropy,
    ) -> Result<Option<Private>, EntropyError> {
        let bytes = match &self.key {
            None => content,
            Some(VaultKey { id, key }) => {
                let mut nonce = [0; NONCE_LEN];
                entropy.fill(&mut nonce)?;
                match encrypt(key, nonce, &associated_data(id, leaf), content) {
                    Some(bytes) => bytes,
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Private {
            owner: self.owner.clone(),
            filed_at,
            key_id: self.key_id().cloned(),
            bytes,
        }))
    }
}

/// What ties a private part to its key and its record.
fn associated_data(id: &VaultKeyId, leaf: LeafHash) -> Vec<u8> {
    [
        PRIVATE_DOMAIN,
        &[0],
        id.as_str().as_bytes(),
        &[0],
        leaf.as_bytes(),
    ]
    .concat()
}

/// What ties a wrapped key to its id.
fn key_associated_data(id: &VaultKeyId) -> Vec<u8> {
    [KEY_DOMAIN, &[0], id.as_str().as_bytes()].concat()
}

/// How far [`Vault::rewrap`] came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Rewrapped {
    /// Keys that the newest wrapping key has wrapped now.
    pub keys: u64,
    /// Keys that somebody else wrapped anew or erased at the same moment.
    pub skipped: u64,
}

/// The keys of private parts: one for each account, and one for each walk that no account is known
/// of, each wrapped by the host's key.
///
/// A key is unwrapped for one use and wiped after it; none is remembered between two calls. One
/// sign-in and one signature ask the host's key once each, however many records they write.
#[derive(Debug, Clone)]
pub struct Vault {
    store: Arc<dyn VaultStore>,
    wrap: Arc<dyn KeyWrap>,
}

impl Vault {
    /// The vault whose keys are in `store`, wrapped by `wrap`.
    #[must_use]
    pub fn new(store: Arc<dyn VaultStore>, wrap: Arc<dyn KeyWrap>) -> Self {
        Self { store, wrap }
    }

    /// What to file private parts of `owner` with. Its key is made, and stored durably, if there is
    /// none.
    ///
    /// # Errors
    /// [`VaultError::KeyWrap`]; [`VaultError::Store`], a conflict if the account is erased.
    pub async fn filing(
        &self,
        owner: VaultOwner,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Filing, VaultError> {
        if let Some(key) = self.first_key(&owner).await? {
            return Ok(self.with(owner, key));
        }
        let mut bytes = [0; DATA_KEY_BYTES];
        entropy.fill(&mut bytes)?;
        let key = VaultKey {
            id: key_id(entropy)?,
            key: DataKey::from_bytes(bytes),
        };
        zeroize::Zeroize::zeroize(&mut bytes);
        let stored = StoredVaultKey {
            wrapped: self
                .wrap
                .wrap(&key.key, &key_associated_data(&key.id))
                .await?,
            id: key.id.clone(),
            owner: owner.clone(),
            made_at: now,
        };
        match self.store.put_vault_key(&stored).await {
            Ok(()) => Ok(self.with(owner, key)),
            // Somebody else was faster.
            Err(conflict) if conflict.is_conflict() => match self.first_key(&owner).await? {
                Some(key) => Ok(self.with(owner, key)),
                None => Err(conflict.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    fn with(&self, owner: VaultOwner, key: VaultKey) -> Filing {
        Filing {
            owner,
            key: Some(key),
        }
    }

    async fn first_key(&self, owner: &VaultOwner) -> Result<Option<VaultKey>, VaultError> {
        let keys = self.store.vault_keys_of(owner).await?;
        match keys.into_iter().next() {
            Some(stored) => Ok(Some(self.unwrap(stored).await?)),
            None => Ok(None),
        }
    }

    async fn unwrap(&self, stored: StoredVaultKey) -> Result<VaultKey, VaultError> {
        let associated = key_associated_data(&stored.id);
        let key = self.wrap.unwrap(&stored.wrapped, &associated).await?;
        Ok(VaultKey { id: stored.id, key })
    }

    /// Opens the private part of an entry; `None` if it has none, or none any more: its key is
    /// erased.
    ///
    /// # Errors
    /// [`VaultError::NotDecrypted`], [`VaultError::Malformed`], [`VaultError::KeyWrap`], or if the
    /// store fails.
    pub async fn open(&self, entry: &Entry) -> Result<Option<PrivatePart>, VaultError> {
        let (leaf, Some(private)) = (entry.leaf(), entry.private()) else {
            return Ok(None);
        };
        let Some(id) = &private.key_id else {
            return in_the_clear(leaf, &private.bytes).map(Some);
        };
        let Some(stored) = self.store.vault_key(id).await? else {
            return Ok(None);
        };
        let VaultKey { id, key } = self.unwrap(stored).await?;
        let content = decrypt(&key, &associated_data(&id, leaf), &private.bytes);
        let content = content.ok_or(VaultError::NotDecrypted { leaf, key: id })?;
        in_the_clear(leaf, &content).map(Some)
    }

    /// Wraps keys anew that an older wrapping key has wrapped, at most `limit`; none are left when
    /// it has done none and skipped none.
    ///
    /// It may be stopped and begun again at any time, and run beside sign-ins and erasures.
    ///
    /// # Errors
    /// [`VaultError::KeyWrap`], or if the store fails; what was done until then stays done.
    pub async fn rewrap(&self, limit: NonZeroU32) -> Result<Rewrapped, VaultError> {
        let current = self.wrap.key_name();
        let old = self.store.vault_keys_not_wrapped_by(current, limit).await?;
        let mut done = Rewrapped::default();
        for stored in old {
            let wrapped_by = stored.wrapped.wrapped_by.clone();
            let VaultKey { id, key } = self.unwrap(stored).await?;
            let anew = self.wrap.wrap(&key, &key_associated_data(&id)).await?;
            match self.store.rewrap_vault_key(&id, &wrapped_by, &anew).await {
                Ok(()) => done.keys = done.keys.saturating_add(1),
                Err(error) if error.is_conflict() => {
                    done.skipped = done.skipped.saturating_add(1);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }
}

/// Reads the content of a private part.
pub(crate) fn in_the_clear(leaf: LeafHash, content: &[u8]) -> Result<PrivatePart, VaultError> {
    PrivatePart::parse(content).map_err(|source| VaultError::Malformed { leaf, source })
}

/// A random id \[RFC 9562 §5.4\]: it says nothing of whose the key is, or of when it was made.
fn key_id(entropy: &dyn Entropy) -> Result<VaultKeyId, VaultError> {
    let mut random = [0; 16];
    entropy.fill(&mut random)?;
    let uuid = uuid::Builder::from_random_bytes(random).into_uuid();
    VaultKeyId::new(uuid.hyphenated().to_string()).map_err(|_| EntropyError.into())
}
