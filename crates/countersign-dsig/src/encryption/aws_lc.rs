//! Feature `aws-lc-rs`: AWS-LC.

use std::fmt;

use aws_lc_rs::aead::{AES_192_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use zeroize::Zeroizing;

use super::cipher::{BLOCK_BYTES, GCM_IV_BYTES};
use super::private_key::{MIN_RSA_BITS, pkcs8_from_pem};
use super::{ContentCipher, ContentKey, DecryptionKeyError, KeyUnwrap, RsaOaep, UnwrapFailed};
use crate::algorithm::DigestAlgorithm;

/// An RSA key in memory, used by AWS-LC, whose arithmetic is in constant time.
///
/// It undoes OAEP with one hash function for both label and mask, or SHA-1 for both, and not with
/// SHA-256 beside MGF1 on SHA-1, which some providers use: see
/// `RustCryptoKey`.
#[derive(Clone)]
pub struct AwsLcKey(std::sync::Arc<OaepPrivateDecryptingKey>);

impl AwsLcKey {
    /// The key in PKCS#8, DER.
    ///
    /// # Errors
    /// See [`DecryptionKeyError`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, DecryptionKeyError> {
        let key = match PrivateDecryptingKey::from_pkcs8(der) {
            Ok(key) => key,
            // AWS-LC itself refuses what is short, and calls it so.
            Err(error) if error.description_() == "TooSmall" => {
                return Err(DecryptionKeyError::TooWeak);
            }
            Err(_) => return Err(DecryptionKeyError::NotPkcs8),
        };
        if key.key_size_bits() < MIN_RSA_BITS {
            return Err(DecryptionKeyError::TooWeak);
        }
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| DecryptionKeyError::NotPkcs8)?;
        Ok(Self(std::sync::Arc::new(key)))
    }

    /// The key in PKCS#8, PEM: between `-----BEGIN PRIVATE KEY-----` and its end.
    ///
    /// # Errors
    /// See [`DecryptionKeyError`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, DecryptionKeyError> {
        Self::from_pkcs8(&pkcs8_from_pem(pem)?)
    }
}

impl KeyUnwrap for AwsLcKey {
    fn supports(&self, method: &RsaOaep) -> bool {
        oaep(method).is_some()
    }

    fn unwrap_key(&self, method: &RsaOaep, wrapped: &[u8]) -> Result<ContentKey, UnwrapFailed> {
        let algorithm = oaep(method).ok_or(UnwrapFailed)?;
        let mut plaintext = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let label = Some(method.label()).filter(|label| !label.is_empty());
        let key = self.0.decrypt(algorithm, wrapped, &mut plaintext, label);
        key.map(|key| ContentKey::new(key.to_vec()))
            .map_err(|_| UnwrapFailed)
    }
}

impl fmt::Debug for AwsLcKey {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsLcKey")
            .field("bits", &self.0.key_size_bits())
            .finish_non_exhaustive()
    }
}

fn oaep(method: &RsaOaep) -> Option<&'static OaepAlgorithm> {
    if method.digest() != method.mgf1_digest() {
        return None;
    }
    Some(match method.digest() {
        DigestAlgorithm::Sha1 => &OAEP_SHA1_MGF1SHA1,
        DigestAlgorithm::Sha256 => &OAEP_SHA256_MGF1SHA256,
        DigestAlgorithm::Sha384 => &OAEP_SHA384_MGF1SHA384,
        DigestAlgorithm::Sha512 => &OAEP_SHA512_MGF1SHA512,
    })
}

/// Decrypts in place what precedes the tag; the tag is lost.
pub(super) fn open_aes_192_gcm(
    key: &[u8],
    iv: [u8; GCM_IV_BYTES],
    sealed: &mut [u8],
) -> Option<()> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_192_GCM, key).ok()?);
    let nonce = Nonce::assume_unique_for_key(iv);
    key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
    Some(())
}

/// Decrypts in place, padding included.
pub(super) fn open_cbc(
    cipher: ContentCipher,
    key: &[u8],
    iv: [u8; BLOCK_BYTES],
    blocks: &mut [u8],
) -> Option<()> {
    let algorithm = match cipher {
        ContentCipher::Aes128Cbc => &AES_128,
        ContentCipher::Aes192Cbc => &AES_192,
        ContentCipher::Aes256Cbc => &AES_256,
        _ => return None,
    };
    let key = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let iv = DecryptionContext::Iv128(FixedLength::from(iv));
    key.decrypt(blocks, iv).ok()?;
    Some(())
}
