//! Hashes and signatures: what is not named here can not run.

use countersign_core::Sha256Digest;
use der::asn1::{AnyRef, ObjectIdentifier};
use ring::digest;
use rustls_pki_types::SignatureVerificationAlgorithm;
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned};

use crate::error::{Broken, CmsError, Unsupported};
use crate::oid;

/// A hash that a time-stamp or a signature may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl DigestAlgorithm {
    /// Its name, such as `SHA-256`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Sha256 => oid::SHA_256,
            Self::Sha384 => oid::SHA_384,
            Self::Sha512 => oid::SHA_512,
        }
    }

    /// The hash of `data`.
    #[must_use]
    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, data).as_ref().to_vec()
    }

    /// The identifier without parameters, as they shall be written \[RFC 5754 §2\].
    pub(crate) fn identifier(self) -> AlgorithmIdentifierRef<'static> {
        AlgorithmIdentifierRef {
            oid: self.oid(),
            parameters: None,
        }
    }

    /// Reads an identifier; parameters are absent or NULL \[RFC 5754 §2\].
    pub(crate) fn read(identifier: AlgorithmIdentifierRef<'_>) -> Result<Self, CmsError> {
        let known = [Self::Sha256, Self::Sha384, Self::Sha512];
        known
            .into_iter()
            .find(|algorithm| algorithm.oid() == identifier.oid)
            .filter(|_| identifier.parameters.is_none_or(AnyRef::is_null))
            .ok_or_else(|| Unsupported::DigestAlgorithm.into())
    }
}

/// The SHA-256 that people compare and records keep.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    let digest = digest::digest(&digest::SHA256, bytes);
    // INVARIANT: SHA-256 has 32 bytes.
    Sha256Digest::from_bytes(digest.as_ref().try_into().unwrap_or([0; 32]))
}

/// RSA's parameters are NULL \[RFC 5754 §3.2\], those of ECDSA are absent \[RFC 5754 §3.3\].
fn family_of(
    identifier: AlgorithmIdentifierRef<'_>,
    digest: DigestAlgorithm,
) -> Option<Vec<&'static dyn SignatureVerificationAlgorithm>> {
    use DigestAlgorithm::{Sha256, Sha384, Sha512};
    let null = identifier.parameters.is_some_and(AnyRef::is_null);
    let absent = identifier.parameters.is_none();
    match (identifier.oid, digest) {
        (oid::RSA | oid::RSA_SHA_256, Sha256) if null => {
            Some(vec![webpki::ring::RSA_PKCS1_2048_8192_SHA256])
        }
        (oid::RSA | oid::RSA_SHA_384, Sha384) if null => {
            Some(vec![webpki::ring::RSA_PKCS1_2048_8192_SHA384])
        }
        (oid::RSA | oid::RSA_SHA_512, Sha512) if null => {
            Some(vec![webpki::ring::RSA_PKCS1_2048_8192_SHA512])
        }
        (oid::ECDSA_SHA_256, Sha256) if absent => Some(vec![
            webpki::ring::ECDSA_P256_SHA256,
            webpki::ring::ECDSA_P384_SHA256,
        ]),
        (oid::ECDSA_SHA_384, Sha384) if absent => Some(vec![
            webpki::ring::ECDSA_P256_SHA384,
            webpki::ring::ECDSA_P384_SHA384,
        ]),
        _ => None,
    }
}

/// Checks a signature over `message`, in the algorithm that its identifier and the key agree on.
pub(crate) fn verify_signature(
    identifier: AlgorithmIdentifierRef<'_>,
    digest: DigestAlgorithm,
    key: &SubjectPublicKeyInfoOwned,
    message: &[u8],
    signature: &[u8],
) -> Result<(), CmsError> {
    let family = family_of(identifier, digest).ok_or(Unsupported::SignatureAlgorithm)?;
    let algorithm = family
        .iter()
        .find(|algorithm| is_key_of(key, algorithm.public_key_alg_id().as_ref()))
        .ok_or(Unsupported::SignatureAlgorithm)?;
    let key = key.subject_public_key.as_bytes().unwrap_or_default();
    algorithm
        .verify_signature(key, message, signature)
        .map_err(|_| Broken::Signature.into())
}

/// Whether a key is of the kind whose identifier has these bytes inside.
fn is_key_of(key: &SubjectPublicKeyInfoOwned, inside: &[u8]) -> bool {
    let mut value = Vec::new();
    let written = der::EncodeValue::encode_value(&key.algorithm, &mut value);
    written.is_ok() && value == inside
}

/// What a key signs CMS with, and the identifier of that; `None` if it is neither RSA nor on
/// P-256.
pub(crate) fn signing_identifier(
    key: &SubjectPublicKeyInfoOwned,
) -> Option<AlgorithmIdentifierRef<'static>> {
    let rsa = AlgorithmIdentifierRef {
        oid: oid::RSA,
        parameters: Some(AnyRef::NULL),
    };
    let ecdsa = AlgorithmIdentifierRef {
        oid: oid::ECDSA_SHA_256,
        parameters: None,
    };
    let is = |algorithm: &dyn SignatureVerificationAlgorithm| {
        is_key_of(key, algorithm.public_key_alg_id().as_ref())
    };
    if is(webpki::ring::RSA_PKCS1_2048_8192_SHA256) {
        Some(rsa)
    } else if is(webpki::ring::ECDSA_P256_SHA256) {
        Some(ecdsa)
    } else {
        None
    }
}
