//! The port to the host's signing keys.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

/// A signature algorithm that a [`Signer`] may offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// Ed25519 \[RFC 8032\]: what checkpoints are signed with.
    Ed25519,
}

/// A signing backend failed.
#[derive(Debug)]
pub struct SignerError {
    source: Box<dyn Error + Send + Sync>,
}

impl SignerError {
    /// Wraps what the backend said.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

impl fmt::Display for SignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signing backend failed")
    }
}

impl Error for SignerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// A key that signs, in memory, in an HSM or behind a network.
#[async_trait]
pub trait Signer: Send + Sync + fmt::Debug {
    /// The algorithm.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// The public key: for Ed25519 its 32 bytes \[RFC 8032 §5.1.5\].
    fn public_key(&self) -> Vec<u8>;

    /// Signs the message itself, not a hash of it.
    ///
    /// # Errors
    /// If the backend fails; nothing was signed then.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}
