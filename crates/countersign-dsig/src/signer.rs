//! The port to the key that signs our own messages.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::algorithm::SignatureAlgorithm;

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

/// A private key that signs SAML messages (requests, logout, metadata), in memory, in an HSM or
/// behind a network. [`SigningKey`](crate::sign::SigningKey) is the one in memory.
///
/// It is another port than the audit ledger's `Signer`: peers pin this key in our metadata, and
/// verifiers of the ledger pin the other. One key must never do both.
#[async_trait]
pub trait MessageSigner: Send + Sync + fmt::Debug {
    /// The algorithm of every signature that it makes.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// Signs the message itself, not a hash of it. What comes out is what XML signatures carry:
    /// for ECDSA r and s after each other, each as long as the curve's order \[XMLDSig §6.4.3\],
    /// not the DER that most HSMs answer with.
    ///
    /// # Errors
    /// If the backend fails; nothing was signed then.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

#[async_trait]
impl<T: MessageSigner + ?Sized> MessageSigner for Arc<T> {
    fn algorithm(&self) -> SignatureAlgorithm {
        (**self).algorithm()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        (**self).sign(message).await
    }
}

#[async_trait]
impl<T: MessageSigner + ?Sized> MessageSigner for Box<T> {
    fn algorithm(&self) -> SignatureAlgorithm {
        (**self).algorithm()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        (**self).sign(message).await
    }
}
