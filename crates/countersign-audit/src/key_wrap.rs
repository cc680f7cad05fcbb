//! The port to the host's wrapping key, and the data keys that it wraps.

use std::fmt;

use async_trait::async_trait;
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of a data key: AES-256.
pub const DATA_KEY_BYTES: usize = 32;

/// A key that private parts are encrypted with. Its bytes are wiped when it is dropped.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; DATA_KEY_BYTES]>);

impl DataKey {
    /// The key with these bytes, which have to be random.
    #[must_use]
    pub fn from_bytes(bytes: [u8; DATA_KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; DATA_KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").finish_non_exhaustive()
    }
}

/// A data key as it is stored: nobody reads it without the wrapping key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The name of the key that wrapped it.
    pub wrapped_by: String,
    /// What [`KeyWrap::wrap`] gave.
    pub bytes: Vec<u8>,
}

/// Why a key was not wrapped or unwrapped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyWrapError {
    /// The wrapping key refuses: another key has wrapped it, for something else, or it was changed.
    #[error("the wrapping key `{wrapped_by}` does not unwrap the key")]
    Refused {
        /// The name of the key that should have wrapped it.
        wrapped_by: String,
    },
    /// There is no wrapping key of this name.
    #[error("there is no wrapping key `{wrapped_by}`")]
    Unknown {
        /// The name.
        wrapped_by: String,
    },
    /// Whatever holds the wrapping key can not be asked now.
    #[error("the wrapping key can not be asked")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl KeyWrapError {
    /// It can not be asked now, because of this.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }

    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "key_wrap.refused",
            Self::Unknown { .. } => "key_wrap.unknown",
            Self::Unavailable(_) => "key_wrap.unavailable",
        }
    }
}

/// The host's wrapping key, in a hardware security module, a key management service, or (for tests
/// and small hosts) in memory: [`LocalKeyWrap`](crate::LocalKeyWrap).
///
/// # Contract
/// - `wrap` encrypts with authentication: what it gives is unwrapped by the same key with the same
///   associated data, and by nothing else.
/// - What was wrapped by an older wrapping key is unwrapped for as long as it is stored; when the
///   host rotates its key, [`Vault::rewrap`](crate::Vault::rewrap) moves everything to the new
///   one.
///
/// One sign-in that records personal data asks once, and so does one signature.
///
/// # Security
/// Whoever may call `unwrap` and reads the store reads every private part. Erasing does not need
/// it.
#[async_trait]
pub trait KeyWrap: Send + Sync + fmt::Debug {
    /// The name of the key that wraps now.
    fn key_name(&self) -> &str;

    /// Wraps a data key; nobody unwraps it with other associated data.
    ///
    /// # Errors
    /// If the wrapping key can not be asked.
    async fn wrap(&self, key: &DataKey, associated: &[u8]) -> Result<WrappedKey, KeyWrapError>;

    /// Unwraps a data key.
    ///
    /// # Errors
    /// [`KeyWrapError::Refused`] if it was not wrapped by the key that it names, with this
    /// associated data; [`KeyWrapError::Unknown`] if there is no such key;
    /// [`KeyWrapError::Unavailable`].
    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        associated: &[u8],
    ) -> Result<DataKey, KeyWrapError>;
}
