//! Feature `rsa`: the RustCrypto crates.

use std::fmt;

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AesGcm, KeyInit, Nonce, Tag};
use cbc::cipher::{BlockCipher, BlockDecryptMut, KeyIvInit};
use rsa::pkcs8::DecodePrivateKey;
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts;
use rsa::{Oaep, RsaPrivateKey};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::cipher::{BLOCK_BYTES, GCM_IV_BYTES};
use super::private_key::{MIN_RSA_BITS, pkcs8_from_pem};
use super::{ContentCipher, ContentKey, DecryptionKeyError, KeyUnwrap, RsaOaep, UnwrapFailed};
use crate::algorithm::DigestAlgorithm;

/// An RSA key in memory, used by the `rsa` crate with blinding. It undoes OAEP with every pair of
/// hash functions.
///
/// # Security
/// RUSTSEC-2023-0071: that crate's arithmetic is not in constant time, and no release of it is.
/// Blinding takes from the attacker the control over the numbers whose time is measured; it is no
/// proof. Where responses come over a network and the machine has a C compiler, prefer
/// `AwsLcKey`. As content is decrypted under a verified signature only, a
/// stranger can not choose what this key is asked to undo, unless the host said so by name.
#[derive(Clone)]
pub struct RustCryptoKey(RsaPrivateKey);

impl RustCryptoKey {
    /// The key in PKCS#8, DER.
    ///
    /// # Errors
    /// See [`DecryptionKeyError`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, DecryptionKeyError> {
        let key = RsaPrivateKey::from_pkcs8_der(der).map_err(|_| DecryptionKeyError::NotPkcs8)?;
        if key.n().bits() < MIN_RSA_BITS {
            return Err(DecryptionKeyError::TooWeak);
        }
        Ok(Self(key))
    }

    /// The key in PKCS#8, PEM: between `-----BEGIN PRIVATE KEY-----` and its end.
    ///
    /// # Errors
    /// See [`DecryptionKeyError`].
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, DecryptionKeyError> {
        Self::from_pkcs8(&pkcs8_from_pem(pem)?)
    }
}

impl KeyUnwrap for RustCryptoKey {
    fn supports(&self, _method: &RsaOaep) -> bool {
        true
    }

    fn unwrap_key(&self, method: &RsaOaep, wrapped: &[u8]) -> Result<ContentKey, UnwrapFailed> {
        // The crate takes labels as text only. Fed to the hash function beforehand, the octets of
        // a label are what it is computed over.
        let mut digest = hash(method.digest());
        digest.update(method.label());
        let padding = Oaep {
            digest,
            mgf_digest: hash(method.mgf1_digest()),
            label: None,
        };
        let key = self.0.decrypt_blinded(&mut OsRng, padding, wrapped);
        key.map(ContentKey::new).map_err(|_| UnwrapFailed)
    }
}

impl fmt::Debug for RustCryptoKey {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RustCryptoKey")
            .field("bits", &self.0.n().bits())
            .finish_non_exhaustive()
    }
}

fn hash(algorithm: DigestAlgorithm) -> Box<dyn sha2::digest::DynDigest + Send + Sync> {
    match algorithm {
        DigestAlgorithm::Sha1 => Box::new(Sha1::new()),
        DigestAlgorithm::Sha256 => Box::new(Sha256::new()),
        DigestAlgorithm::Sha384 => Box::new(Sha384::new()),
        DigestAlgorithm::Sha512 => Box::new(Sha512::new()),
    }
}

/// Decrypts in place what precedes the tag; the tag stays.
#[cfg_attr(
    all(feature = "aws-lc-rs", not(test)),
    allow(dead_code, reason = "with both features the content is left to AWS-LC")
)]
pub(super) fn open_aes_192_gcm(
    key: &[u8],
    iv: [u8; GCM_IV_BYTES],
    sealed: &mut [u8],
) -> Option<()> {
    let cipher = AesGcm::<Aes192, U12>::new_from_slice(key).ok()?;
    let (content, tag) = sealed.split_last_chunk_mut::<16>()?;
    let (nonce, tag) = (Nonce::<U12>::from(iv), Tag::from(*tag));
    cipher
        .decrypt_in_place_detached(&nonce, b"", content, &tag)
        .ok()
}

/// Decrypts in place, padding included.
#[cfg_attr(
    all(feature = "aws-lc-rs", not(test)),
    allow(dead_code, reason = "with both features the content is left to AWS-LC")
)]
pub(super) fn open_cbc(
    cipher: ContentCipher,
    key: &[u8],
    iv: [u8; BLOCK_BYTES],
    blocks: &mut [u8],
) -> Option<()> {
    match cipher {
        ContentCipher::Aes128Cbc => open_cbc_with::<Aes128>(key, iv, blocks),
        ContentCipher::Aes192Cbc => open_cbc_with::<Aes192>(key, iv, blocks),
        ContentCipher::Aes256Cbc => open_cbc_with::<Aes256>(key, iv, blocks),
        _ => None,
    }
}

fn open_cbc_with<C>(key: &[u8], iv: [u8; BLOCK_BYTES], blocks: &mut [u8]) -> Option<()>
where
    C: BlockDecryptMut + BlockCipher,
    cbc::Decryptor<C>: KeyIvInit,
{
    let mut decryptor = cbc::Decryptor::<C>::new_from_slices(key, &iv).ok()?;
    // INVARIANT: a block of AES has 16 bytes, and so has each chunk.
    for block in blocks.chunks_exact_mut(BLOCK_BYTES) {
        decryptor.decrypt_block_mut(block.into());
    }
    Some(())
}
