//! The public keys that a caller pinned, read from certificates once.
//!
//! A certificate is only the wrapping of a key here: no chain is built and no issuer is asked.
//! Trust comes from the caller having named exactly this certificate, as SAML metadata does
//! \[SAML-MetaIOP §2.5\]. Its validity dates are handed out for the caller to judge.
//!
//! ```
//! use countersign_dsig::key::{KeyFamily, VerificationKey};
//! # let der = countersign_testkit::keys::IDP_RSA_2048_CERTIFICATE;
//! let key = VerificationKey::from_certificate_der(der)?;
//! assert_eq!(key.family(), KeyFamily::Rsa { bits: 2048 });
//! # Ok::<(), countersign_dsig::key::KeyError>(())
//! ```

use std::sync::Arc;
use std::{fmt, slice};

use countersign_core::{Sha256Digest, Timestamp};
use ring::signature as ring_signature;
use thiserror::Error;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::base64;
use crate::signature::{SignatureError, SignaturePolicy, verify_detached};

/// The shortest RSA modulus that is accepted [NIST SP 800-131A §3].
const MIN_RSA_BITS: usize = 2048;
/// The shortest that the legacy policy accepts, and that ring verifies with at all.
const MIN_LEGACY_RSA_BITS: usize = 1024;
/// The longest that ring verifies with.
const MAX_RSA_BITS: usize = 8192;
/// The smallest public exponent: 2^16 + 1 [FIPS 186-5 §5.4, NIST SP 800-56B §6.2].
const MIN_RSA_EXPONENT: u64 = 65_537;

/// A public key can not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not base64.
    #[error("the certificate is not base64")]
    NotBase64,
    /// The bytes are not one X.509 certificate, or not one SubjectPublicKeyInfo, in DER.
    #[error("not an x.509 certificate or public key in der")]
    NotDer,
    /// The key is of a kind, a curve or a size that nothing here verifies with.
    #[error("an unsupported kind of public key")]
    Unsupported,
}

impl KeyError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotBase64 => "key.not_base64",
            Self::NotDer => "key.not_der",
            Self::Unsupported => "key.unsupported",
        }
    }
}

/// The kind of a public key, which alone decides what signatures it can verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyFamily {
    /// RSA with a modulus of so many bits.
    Rsa {
        /// The length of the modulus.
        bits: usize,
    },
    /// ECDSA on the curve P-256.
    P256,
    /// ECDSA on the curve P-384.
    P384,
    /// Ed25519.
    Ed25519,
}

/// When a certificate says that it is valid, both ends included \[RFC 5280 §4.1.2.5\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first instant.
    pub not_before: Timestamp,
    /// The last instant.
    pub not_after: Timestamp,
}

/// A public key, with the certificate that it came in, if it came in one.
#[derive(Clone)]
pub struct VerificationKey {
    family: KeyFamily,
    /// As ring reads it: RSAPublicKey in DER, an uncompressed point, or the 32 bytes of Ed25519.
    bytes: Vec<u8>,
    /// The RSA exponent is smaller than it should be.
    has_small_exponent: bool,
    /// As it was pinned: the certificate in DER, or the bare SubjectPublicKeyInfo.
    encoded: Arc<[u8]>,
    certificate_sha256: Option<Sha256Digest>,
    validity: Option<Validity>,
}

/// What a key says about a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// The algorithm is not one of this key's family.
    OtherFamily,
    /// The key is too weak to be asked.
    Weak,
    Invalid,
    Valid,
}

impl VerificationKey {
    /// Reads the key of one X.509 certificate in DER.
    ///
    /// # Errors
    /// See [`KeyError`]. Bytes after the certificate are refused, so that its SHA-256 names it.
    pub fn from_certificate_der(der: &[u8]) -> Result<Self, KeyError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| KeyError::NotDer)?;
        if !rest.is_empty() {
            return Err(KeyError::NotDer);
        }
        let validity = certificate.validity();
        Ok(Self {
            encoded: der.into(),
            certificate_sha256: Some(sha256(der)),
            validity: Some(Validity {
                not_before: timestamp(validity.not_before),
                not_after: timestamp(validity.not_after),
            }),
            ..Self::from_spki(certificate.public_key())?
        })
    }

    /// Reads a certificate as `ds:X509Certificate` holds it: base64, with or without white space
    /// \[XMLDSig §4.5.4\].
    ///
    /// # Errors
    /// As [`VerificationKey::from_certificate_der`], and [`KeyError::NotBase64`].
    pub fn from_certificate_base64(text: &str) -> Result<Self, KeyError> {
        Self::from_certificate_der(&base64::decode(text).ok_or(KeyError::NotBase64)?)
    }

    /// Reads a bare SubjectPublicKeyInfo in DER \[RFC 5280 §4.1.2.7\].
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        match SubjectPublicKeyInfo::from_der(der) {
            Ok(([], spki)) => Self::from_spki(&spki),
            _ => Err(KeyError::NotDer),
        }
    }

    fn from_spki(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self, KeyError> {
        let bytes = spki.subject_public_key.data.as_ref();
        let algorithm = &spki.algorithm.algorithm;
        let mut has_small_exponent = false;
        let family = if *algorithm == oid::OID_PKCS1_RSAENCRYPTION {
            let Ok(PublicKey::RSA(rsa)) = spki.parsed() else {
                return Err(KeyError::NotDer);
            };
            // An exponent that does not fit 64 bits is not small; ring refuses those over 33 bits.
            has_small_exponent = rsa
                .try_exponent()
                .is_ok_and(|exponent| exponent < MIN_RSA_EXPONENT);
            let bits = bit_len(rsa.modulus);
            if !(MIN_LEGACY_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
                return Err(KeyError::Unsupported);
            }
            KeyFamily::Rsa { bits }
        } else if *algorithm == oid::OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = spki
                .algorithm
                .parameters
                .as_ref()
                .and_then(|parameters| parameters.as_oid().ok())
                .ok_or(KeyError::Unsupported)?;
            // An uncompressed point: 4, x, y [RFC 5480 §2.2].
            match (bytes.first(), bytes.len()) {
                (Some(4), 65) if curve == oid::OID_EC_P256 => KeyFamily::P256,
                (Some(4), 97) if curve == oid::OID_NIST_EC_P384 => KeyFamily::P384,
                _ => return Err(KeyError::Unsupported),
            }
        } else if *algorithm == oid::OID_SIG_ED25519 && bytes.len() == 32 {
            KeyFamily::Ed25519
        } else {
            return Err(KeyError::Unsupported);
        };
        Ok(Self {
            family,
            bytes: bytes.to_vec(),
            has_small_exponent,
            encoded: spki.raw.into(),
            certificate_sha256: None,
            validity: None,
        })
    }

    /// What kind of key it is.
    #[must_use]
    pub const fn family(&self) -> KeyFamily {
        self.family
    }

    /// What was pinned: the certificate in DER; for a bare key its SubjectPublicKeyInfo in DER.
    #[must_use]
    pub const fn encoded(&self) -> &Arc<[u8]> {
        &self.encoded
    }

    /// The SHA-256 of the certificate's DER; `None` for a bare key.
    #[must_use]
    pub const fn certificate_sha256(&self) -> Option<Sha256Digest> {
        self.certificate_sha256
    }

    /// The certificate's validity; `None` for a bare key.
    #[must_use]
    pub const fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// Whether only the legacy policy may verify with it: RSA under 2048 bits, or with a public
    /// exponent under 65537.
    #[must_use]
    pub const fn is_weak(&self) -> bool {
        let is_short = match self.family {
            KeyFamily::Rsa { bits } => bits < MIN_RSA_BITS,
            KeyFamily::P256 | KeyFamily::P384 | KeyFamily::Ed25519 => false,
        };
        is_short || self.has_small_exponent
    }

    /// Verifies a signature over `message` with this key alone; with several keys there is
    /// [`verify_detached`].
    ///
    /// # Errors
    /// As [`verify_detached`].
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        policy: &SignaturePolicy,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        verify_detached(slice::from_ref(self), algorithm, policy, message, signature).map(drop)
    }

    /// Asks this key about a signature over `message`.
    pub(crate) fn check(
        &self,
        algorithm: SignatureAlgorithm,
        legacy: bool,
        message: &[u8],
        signature: &[u8],
    ) -> Verdict {
        use SignatureAlgorithm as A;
        let verifier: &dyn ring_signature::VerificationAlgorithm = match (self.family, algorithm) {
            (KeyFamily::Rsa { .. }, _) if self.is_weak() && !legacy => return Verdict::Weak,
            (KeyFamily::Rsa { .. }, A::RsaSha1) if legacy => {
                &ring_signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
            }
            (KeyFamily::Rsa { bits }, A::RsaSha256) if bits < MIN_RSA_BITS => {
                &ring_signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
            }
            (KeyFamily::Rsa { bits }, A::RsaSha512) if bits < MIN_RSA_BITS => {
                &ring_signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
            }
            (KeyFamily::Rsa { .. }, A::RsaSha256) => &ring_signature::RSA_PKCS1_2048_8192_SHA256,
            (KeyFamily::Rsa { .. }, A::RsaSha384) => &ring_signature::RSA_PKCS1_2048_8192_SHA384,
            (KeyFamily::Rsa { .. }, A::RsaSha512) => &ring_signature::RSA_PKCS1_2048_8192_SHA512,
            (KeyFamily::Rsa { .. }, A::RsaPssSha256) => &ring_signature::RSA_PSS_2048_8192_SHA256,
            (KeyFamily::Rsa { .. }, A::RsaPssSha384) => &ring_signature::RSA_PSS_2048_8192_SHA384,
            (KeyFamily::Rsa { .. }, A::RsaPssSha512) => &ring_signature::RSA_PSS_2048_8192_SHA512,
            (KeyFamily::P256, A::EcdsaSha256) => &ring_signature::ECDSA_P256_SHA256_FIXED,
            (KeyFamily::P384, A::EcdsaSha384) => &ring_signature::ECDSA_P384_SHA384_FIXED,
            (KeyFamily::Ed25519, A::Ed25519) => &ring_signature::ED25519,
            _ => return Verdict::OtherFamily,
        };
        match ring_signature::UnparsedPublicKey::new(verifier, &self.bytes)
            .verify(message, signature)
        {
            Ok(()) => Verdict::Valid,
            Err(_) => Verdict::Invalid,
        }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("family", &self.family)
            .field("certificate_sha256", &self.certificate_sha256)
            .finish_non_exhaustive()
    }
}

/// The SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    sha256_of(DigestAlgorithm::Sha256.digest(bytes))
}

/// INVARIANT: `digest` is one of SHA-256, so its 32 bytes fill the array.
pub(crate) fn sha256_of(digest: ring::digest::Digest) -> Sha256Digest {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    Sha256Digest::from_bytes(bytes)
}

fn timestamp(at: ASN1Time) -> Timestamp {
    Timestamp::from_unix_millis(at.timestamp().saturating_mul(1000))
}

/// The length of a big-endian number without its leading zeros.
fn bit_len(bytes: &[u8]) -> usize {
    let mut significant = bytes.iter().skip_while(|byte| **byte == 0);
    let Some(first) = significant.next() else {
        return 0;
    };
    let first_bits = 8_u32.saturating_sub(first.leading_zeros());
    significant
        .count()
        .saturating_mul(8)
        .saturating_add(first_bits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_testkit::keys;

    #[test]
    fn each_family_is_read_from_its_certificate() {
        for (der, family) in [
            (
                keys::IDP_RSA_2048_CERTIFICATE,
                KeyFamily::Rsa { bits: 2048 },
            ),
            (
                keys::WEAK_RSA_1024_CERTIFICATE,
                KeyFamily::Rsa { bits: 1024 },
            ),
            (keys::IDP_P256_CERTIFICATE, KeyFamily::P256),
            (keys::IDP_P384_CERTIFICATE, KeyFamily::P384),
            (keys::IDP_ED25519_CERTIFICATE, KeyFamily::Ed25519),
        ] {
            let key = VerificationKey::from_certificate_der(der).unwrap();
            assert_eq!(key.family(), family);
            assert_eq!(key.certificate_sha256(), Some(sha256(der)));
            assert_eq!(&**key.encoded(), der);
            let validity = key.validity().unwrap();
            assert_eq!(validity.not_before.to_string(), "2020-01-01T00:00:00.000Z");
            assert_eq!(validity.not_after.to_string(), "2120-01-01T00:00:00.000Z");

            let (_, certificate) = X509Certificate::from_der(der).unwrap();
            let bare = VerificationKey::from_spki_der(certificate.public_key().raw).unwrap();
            assert_eq!(bare.family(), family);
            assert_eq!(bare.bytes, key.bytes);
            assert_eq!(bare.certificate_sha256(), None);
            assert_eq!(&**bare.encoded(), certificate.public_key().raw);
            assert_eq!(bare.validity(), None);
        }
    }

    #[test]
    fn only_short_rsa_is_weak() {
        let weak = VerificationKey::from_certificate_der(keys::WEAK_RSA_1024_CERTIFICATE).unwrap();
        assert!(weak.is_weak());
        for der in [
            keys::IDP_RSA_2048_CERTIFICATE,
            keys::IDP_P256_CERTIFICATE,
            keys::IDP_ED25519_CERTIFICATE,
        ] {
            assert!(
                !VerificationKey::from_certificate_der(der)
                    .unwrap()
                    .is_weak()
            );
        }
    }

    #[test]
    fn base64_certificates_may_be_wrapped() {
        let text = base64::encode(keys::IDP_RSA_2048_CERTIFICATE);
        let (first, rest) = text.split_at(64);
        let wrapped = format!("\n  {first}\r\n\t{rest} ");
        let key = VerificationKey::from_certificate_base64(&wrapped).unwrap();
        assert_eq!(
            key.certificate_sha256(),
            Some(sha256(keys::IDP_RSA_2048_CERTIFICATE))
        );
        assert_eq!(
            VerificationKey::from_certificate_base64("-----BEGIN CERTIFICATE-----").unwrap_err(),
            KeyError::NotBase64
        );
    }

    #[test]
    fn bytes_after_a_certificate_are_refused() {
        let mut der = keys::IDP_RSA_2048_CERTIFICATE.to_vec();
        der.push(0);
        assert_eq!(
            VerificationKey::from_certificate_der(&der).unwrap_err(),
            KeyError::NotDer
        );
        let (_, certificate) = X509Certificate::from_der(keys::IDP_P256_CERTIFICATE).unwrap();
        let mut spki = certificate.public_key().raw.to_vec();
        spki.push(0);
        assert_eq!(
            VerificationKey::from_spki_der(&spki).unwrap_err(),
            KeyError::NotDer
        );
    }

    #[test]
    fn broken_certificates_are_refused() {
        for der in [
            &b""[..],
            b"\x30\x00",
            b"<a/>",
            &keys::IDP_P256_CERTIFICATE[..300],
        ] {
            assert_eq!(
                VerificationKey::from_certificate_der(der).unwrap_err(),
                KeyError::NotDer
            );
        }
    }

    /// The curve of a P-256 key renamed: no such key is left.
    #[test]
    fn unknown_curves_and_algorithms_are_refused() {
        let (_, certificate) = X509Certificate::from_der(keys::IDP_P256_CERTIFICATE).unwrap();
        let spki = certificate.public_key().raw;
        let curve = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
        let at = spki.windows(8).position(|window| window == curve).unwrap();
        let mut other = spki.to_vec();
        other[at + 7] = 0x01;
        assert_eq!(
            VerificationKey::from_spki_der(&other).unwrap_err(),
            KeyError::Unsupported
        );
        let mut compressed = spki.to_vec();
        let point = compressed.len() - 65;
        compressed[point] = 2;
        assert_eq!(
            VerificationKey::from_spki_der(&compressed).unwrap_err(),
            KeyError::Unsupported
        );
    }

    #[test]
    fn bit_lengths_ignore_leading_zeros() {
        assert_eq!(bit_len(&[]), 0);
        assert_eq!(bit_len(&[0, 0]), 0);
        assert_eq!(bit_len(&[0, 1, 0]), 9);
        assert_eq!(bit_len(&[0x80]), 8);
    }
}
