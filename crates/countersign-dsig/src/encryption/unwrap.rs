//! The port to whoever holds the decryption key.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use super::RsaOaep;

/// Undoes the encryption of a content key with the private key of a service provider: the port to
/// a key in memory, in an HSM or in a KMS.
///
/// `RustCryptoKey` (feature `rsa`) and `AwsLcKey`
/// (feature `aws-lc-rs`) hold the key in memory.
///
/// Synchronous, because verifying a response is: one call takes a millisecond or two. An HSM on
/// the same machine may block the thread for that long. A host whose key is behind a network calls
/// `verify` on a thread that may block (`tokio::task::spawn_blocking`) and, in here, waits for its
/// own runtime (`Handle::block_on`).
///
/// # Security
/// An implementation never tells how a failure came about, neither by its result nor by its time
/// if it can help it: with RSA, whether the padding was wrong and where is what an attacker wants
/// to know. Do not log the wrapped bytes beside the outcome.
pub trait KeyUnwrap: fmt::Debug + Send + Sync {
    /// Whether it can undo RSA-OAEP with these parameters. Asked before anything is decrypted, so
    /// that a method that can not be undone is refused by its name.
    fn supports(&self, method: &RsaOaep) -> bool;

    /// The content key that `wrapped` holds. Its length is checked by the caller.
    ///
    /// # Errors
    /// [`UnwrapFailed`] for every reason there is.
    fn unwrap_key(&self, method: &RsaOaep, wrapped: &[u8]) -> Result<ContentKey, UnwrapFailed>;
}

/// A content key was not unwrapped. It says no more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the key was not unwrapped")]
pub struct UnwrapFailed;

/// The key that the content of one `EncryptedData` is encrypted with. Wiped when it is dropped.
#[derive(Clone)]
pub struct ContentKey(Zeroizing<Vec<u8>>);

impl ContentKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ContentKey {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentKey").finish_non_exhaustive()
    }
}
