//! Certificates and private keys in files, as PEM or DER.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::audit::Ed25519Signer;
use countersign::dsig::encryption::DecryptionKeyError;
use countersign::dsig::sign::SigningKey;
use countersign::saml::{KeyUnwrap, VerificationKey};

use crate::input::{Unreadable, read_whole};

/// A certificate or a key of 16,384 bits has less.
const LIMIT_BYTES: usize = 64 << 10;

/// A certificate, read and checked.
pub(crate) struct Certificate {
    /// Its DER.
    pub(crate) der: Vec<u8>,
    /// Its key.
    pub(crate) key: VerificationKey,
}

/// Reads the one certificate of a file.
pub(crate) fn certificate(path: &Path) -> Result<Certificate, Unreadable> {
    let der = der(path, "CERTIFICATE")?;
    match VerificationKey::from_certificate_der(&der) {
        Ok(key) => Ok(Certificate { der, key }),
        Err(error) => Err(Unreadable::new(path.display(), error)),
    }
}

/// Reads a private key: PKCS#8, not encrypted.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey, Unreadable> {
    SigningKey::from_pkcs8(&der(path, "PRIVATE KEY")?)
        .map_err(|error| Unreadable::new(path.display(), error))
}

/// Reads a log's private key: Ed25519, PKCS#8, not encrypted.
pub(crate) fn log_signer(path: &Path) -> Result<Ed25519Signer, Unreadable> {
    Ed25519Signer::from_pkcs8(&der(path, "PRIVATE KEY")?)
        .map_err(|error| Unreadable::new(path.display(), error))
}

/// Reads a private key that decrypts: RSA, PKCS#8, not encrypted. One object for each backend of
/// this build, AWS-LC first; each says itself what it can undo.
pub(crate) fn decryption_keys(path: &Path) -> Result<Vec<Arc<dyn KeyUnwrap>>, Unreadable> {
    let der = der(path, "PRIVATE KEY")?;
    type Read = fn(&[u8]) -> Result<Arc<dyn KeyUnwrap>, DecryptionKeyError>;
    let backends: &[Read] = &[
        #[cfg(feature = "aws-lc-rs")]
        |der| Ok(Arc::new(countersign::saml::AwsLcKey::from_pkcs8(der)?)),
        #[cfg(feature = "rsa")]
        |der| Ok(Arc::new(countersign::saml::RustCryptoKey::from_pkcs8(der)?)),
    ];
    if backends.is_empty() {
        return Err(Unreadable::new(
            path.display(),
            "this build decrypts nothing: it has neither of the features rsa and aws-lc-rs",
        ));
    }
    let keys = backends.iter().map(|backend| backend(&der));
    keys.collect::<Result<_, _>>()
        .map_err(|error| Unreadable::new(path.display(), error))
}

/// The bytes of a DER file, or of the one block of this label in a PEM file [RFC 7468 §2].
fn der(path: &Path, label: &str) -> Result<Vec<u8>, Unreadable> {
    let bytes = read_whole(path, LIMIT_BYTES)?;
    // DER of both starts with a SEQUENCE [X.690 §8.9.1], which no text does.
    if bytes.first() == Some(&0x30) {
        return Ok(bytes);
    }
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let block = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.split_once(&begin))
        .and_then(|(_, rest)| rest.split_once(&end))
        // Of two, it would be a guess which one is meant.
        .filter(|(_, rest)| !rest.contains(&begin))
        .and_then(|(block, _)| {
            let digits: String = block.split_ascii_whitespace().collect();
            STANDARD.decode(digits).ok()
        });
    block.ok_or_else(|| Unreadable::new(path.display(), format_args!("holds no single {label}")))
}
