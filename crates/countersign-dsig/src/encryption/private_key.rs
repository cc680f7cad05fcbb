//! What the keys in memory have in common.

use thiserror::Error;
#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
use zeroize::Zeroizing;

/// Shortest RSA key that decrypts here: what \[NIST SP 800-131A\] allows for key transport.
#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
pub(super) const MIN_RSA_BITS: usize = 2048;

/// A private key can not be used for decryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecryptionKeyError {
    /// There is no `PRIVATE KEY` block of PEM. Keys under a password are `ENCRYPTED PRIVATE KEY`,
    /// keys in PKCS#1 `RSA PRIVATE KEY`; `openssl pkcs8 -topk8 -nocrypt` makes of them what is
    /// read here.
    #[error("there is no block `PRIVATE KEY` of PEM")]
    NotPem,
    /// It is not an RSA key in PKCS#8.
    #[error("not an rsa key in pkcs #8")]
    NotPkcs8,
    /// It has fewer than 2048 bits.
    #[error("the key is too short")]
    TooWeak,
}

impl DecryptionKeyError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotPem => "decryption_key.not_pem",
            Self::NotPkcs8 => "decryption_key.not_pkcs8",
            Self::TooWeak => "decryption_key.too_weak",
        }
    }
}

/// The first `PRIVATE KEY` block \[RFC 7468 §10\].
#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
pub(super) fn pkcs8_from_pem(pem: &str) -> Result<Zeroizing<Vec<u8>>, DecryptionKeyError> {
    let block = pem
        .split_once("-----BEGIN PRIVATE KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PRIVATE KEY-----"))
        .map(|(block, _)| block)
        .ok_or(DecryptionKeyError::NotPem)?;
    crate::base64::decode(block)
        .map(Zeroizing::new)
        .ok_or(DecryptionKeyError::NotPem)
}
