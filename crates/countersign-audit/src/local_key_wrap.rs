//! A wrapping key in memory.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use ring::aead::NONCE_LEN;

use crate::aead::{decrypt, encrypt};
use crate::key_wrap::{DATA_KEY_BYTES, DataKey, KeyWrap, KeyWrapError, WrappedKey};
use crate::seal::{Entropy as _, SystemEntropy};

/// Wraps with AES-256-GCM by a key of 32 bytes that the process knows: for tests, and for hosts
/// that have no better place than their own configuration.
///
/// # Security
/// It is as safe as the process and wherever the bytes come from. A copy of the database is worth
/// nothing without the key, and that is all.
#[derive(Clone)]
pub struct LocalKeyWrap {
    name: String,
    keys: BTreeMap<String, DataKey>,
}

impl LocalKeyWrap {
    /// Wraps with this key under this name.
    #[must_use]
    pub fn new(name: impl Into<String>, key: [u8; DATA_KEY_BYTES]) -> Self {
        let name = name.into();
        let keys = BTreeMap::from([(name.clone(), DataKey::from_bytes(key))]);
        Self { name, keys }
    }

    /// Unwraps also what an older key has wrapped, until everything is wrapped anew.
    #[must_use]
    pub fn retired(mut self, name: impl Into<String>, key: [u8; DATA_KEY_BYTES]) -> Self {
        let key = DataKey::from_bytes(key);
        self.keys.entry(name.into()).or_insert(key);
        self
    }

    fn key(&self, name: &str) -> Result<&DataKey, KeyWrapError> {
        self.keys.get(name).ok_or_else(|| KeyWrapError::Unknown {
            wrapped_by: name.to_owned(),
        })
    }
}

impl fmt::Debug for LocalKeyWrap {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKeyWrap")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyWrap for LocalKeyWrap {
    fn key_name(&self) -> &str {
        &self.name
    }

    async fn wrap(&self, key: &DataKey, associated: &[u8]) -> Result<WrappedKey, KeyWrapError> {
        let mut nonce = [0; NONCE_LEN];
        let random = SystemEntropy::new().fill(&mut nonce);
        random.map_err(KeyWrapError::unavailable)?;
        let wrapping = self.key(&self.name)?;
        let bytes = encrypt(wrapping, nonce, associated, key.as_bytes().to_vec());
        Ok(WrappedKey {
            wrapped_by: self.name.clone(),
            bytes: bytes.ok_or_else(|| refused(&self.name))?,
        })
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        associated: &[u8],
    ) -> Result<DataKey, KeyWrapError> {
        let wrapping = self.key(&wrapped.wrapped_by)?;
        let key = decrypt(wrapping, associated, &wrapped.bytes).map(zeroize::Zeroizing::new);
        key.and_then(|key| Some(DataKey::from_bytes(key.as_slice().try_into().ok()?)))
            .ok_or_else(|| refused(&wrapped.wrapped_by))
    }
}

fn refused(wrapped_by: &str) -> KeyWrapError {
    KeyWrapError::Refused {
        wrapped_by: wrapped_by.to_owned(),
    }
}
