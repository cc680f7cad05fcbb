//! The port to the host's signing keys.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use thiserror::Error;

use crate::spki;

/// A signature algorithm that a [`Signer`] may offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// Ed25519 \[RFC 8032\]: what checkpoints are signed with.
    Ed25519,
    /// ECDSA on the curve P-256 with SHA-256 \[FIPS 186-5 §6\]; the signature is a DER
    /// `ECDSA-Sig-Value` \[RFC 5480, appendix A\].
    EcdsaP256Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 \[RFC 8017 §8.2\], of at least 2048 bits.
    RsaPkcs1Sha256,
}

impl SignatureAlgorithm {
    /// The algorithm's name, as people write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256Sha256 => "ECDSA P-256 with SHA-256",
            Self::RsaPkcs1Sha256 => "RSA PKCS#1 v1.5 with SHA-256",
        }
    }

    /// Checks a signature over the message itself; the key is in the form that
    /// [`Signer::public_key`] gives.
    ///
    /// # Errors
    /// If the key is not one of this algorithm, or the signature does not verify by it.
    pub fn verify(
        self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let (algorithm, key): (&dyn VerificationAlgorithm, _) = match self {
            Self::Ed25519 => (&ED25519, Some(public_key)),
            Self::EcdsaP256Sha256 => (&ECDSA_P256_SHA256_ASN1, spki::p256_point(public_key)),
            Self::RsaPkcs1Sha256 => (&RSA_PKCS1_2048_8192_SHA256, spki::rsa_key(public_key)),
        };
        UnparsedPublicKey::new(algorithm, key.ok_or(BadSignature)?)
            .verify(message, signature)
            .map_err(|_| BadSignature)
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature does not verify by the key")]
pub struct BadSignature;

/// A private key can not be read, or not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there is no key for {0} in PKCS#8 form")]
pub struct KeyError(pub(crate) SignatureAlgorithm);

/// A signing backend failed, or did what it should not.
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
///
/// # Contract
/// - `algorithm` and `public_key` are known from the start, answer at once, and never change: a
///   host that gives its key another version makes another signer of it.
/// - `sign` is given the message, never a digest. A backend whose interface wants a digest makes
///   it itself, for ECDSA and RSA with SHA-256; Ed25519 has none.
/// - Every call is answered for itself: the future may be dropped at any time, and the next call
///   must not be given the answer to the one before.
/// - A time limit is the backend's: whoever calls waits for it.
///
/// # Security
/// A signature that comes back is verified by `public_key` before anything is done with it, so a
/// backend that answers with another key, for another message, or with noise is refused and
/// nothing is stored.
///
/// # Example
/// What stands behind the port may be another process, a device or a service. This one asks a
/// program that holds the key, as a host asks its HSM; `tests/signers.rs` of this crate has it in
/// full, with all that can go wrong.
/// ```
/// use async_trait::async_trait;
/// use countersign_audit::signer::{SignatureAlgorithm, Signer, SignerError};
/// # use std::sync::Mutex;
/// # #[derive(Debug)] struct Connection;
/// # impl Connection {
/// #     fn ask(&mut self, _: &[u8]) -> std::io::Result<Vec<u8>> { Ok(Vec::new()) }
/// # }
///
/// #[derive(Debug)]
/// struct KeyService {
///     connection: Mutex<Connection>,
///     public_key: Vec<u8>,
/// }
///
/// #[async_trait]
/// impl Signer for KeyService {
///     fn algorithm(&self) -> SignatureAlgorithm {
///         SignatureAlgorithm::Ed25519
///     }
///
///     fn public_key(&self) -> Vec<u8> {
///         self.public_key.clone()
///     }
///
///     async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
///         let mut connection = self.connection.lock().map_err(|_| SignerError::new("poisoned"))?;
///         connection.ask(message).map_err(SignerError::new)
///     }
/// }
/// ```
#[async_trait]
pub trait Signer: Send + Sync + fmt::Debug {
    /// The algorithm.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// The public key: for Ed25519 its 32 bytes \[RFC 8032 §5.1.5\], otherwise the DER of its
    /// `SubjectPublicKeyInfo` \[RFC 5280 §4.1.2.7\].
    fn public_key(&self) -> Vec<u8>;

    /// Signs the message itself, not a hash of it.
    ///
    /// # Errors
    /// If the backend fails; nothing was signed then.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

/// Signs, and believes the backend only what verifies.
///
/// # Errors
/// If the backend fails, or what it answers is no signature of the message by the key that it
/// names.
pub async fn sign_verified(signer: &dyn Signer, message: &[u8]) -> Result<Vec<u8>, SignerError> {
    let signature = signer.sign(message).await?;
    signer
        .algorithm()
        .verify(&signer.public_key(), message, &signature)
        .map_err(SignerError::new)?;
    Ok(signature)
}
