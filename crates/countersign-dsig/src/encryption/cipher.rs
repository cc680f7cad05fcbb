//! Decrypting the content \[XMLEnc §5.2\]: octets in, octets or nothing out.

use ring::aead;
use zeroize::Zeroizing;

use super::ContentCipher;

#[cfg(feature = "aws-lc-rs")]
use super::aws_lc as backend;
#[cfg(all(feature = "rsa", not(feature = "aws-lc-rs")))]
use super::rust_crypto as backend;

/// Bytes of the initialization vector in GCM \[XMLEnc §5.2.4\].
pub(super) const GCM_IV_BYTES: usize = 12;
/// Bytes of the authentication tag in GCM; never less than all of it \[XMLEnc §5.2.4\].
const GCM_TAG_BYTES: usize = 16;
/// Bytes of a block of AES, and so of the initialization vector in CBC \[XMLEnc §5.2.2\].
pub(super) const BLOCK_BYTES: usize = 16;

/// The content, or nothing; for CBC without its padding.
///
/// `ciphertext` starts with the initialization vector and, for GCM, ends with the tag.
pub(super) fn open(
    cipher: ContentCipher,
    key: &[u8],
    ciphertext: Vec<u8>,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(ciphertext);
    if cipher.is_authenticated() {
        let (iv, sealed) = bytes.split_first_chunk_mut::<GCM_IV_BYTES>()?;
        // A tag that was cut off is not checked in part: what is there is taken as the whole tag.
        let content = sealed.len().checked_sub(GCM_TAG_BYTES)?;
        open_gcm(cipher, key, *iv, sealed)?;
        bytes.truncate(GCM_IV_BYTES.saturating_add(content));
        bytes.drain(..GCM_IV_BYTES);
    } else {
        let (iv, blocks) = bytes.split_first_chunk_mut::<BLOCK_BYTES>()?;
        if blocks.is_empty() || !blocks.len().is_multiple_of(BLOCK_BYTES) {
            return None;
        }
        open_cbc(cipher, key, *iv, blocks)?;
        let content = blocks.len().checked_sub(padding_bytes(blocks)?)?;
        bytes.truncate(BLOCK_BYTES.saturating_add(content));
        bytes.drain(..BLOCK_BYTES);
    }
    Some(bytes)
}

/// How much of the last block is padding: its last octet says so, from 1 to the block's length;
/// the others have no meaning \[XMLEnc §5.2\].
fn padding_bytes(blocks: &[u8]) -> Option<usize> {
    let padding = usize::from(*blocks.last()?);
    (1..=BLOCK_BYTES).contains(&padding).then_some(padding)
}

/// Decrypts in place; the tag stays where it was.
fn open_gcm(
    cipher: ContentCipher,
    key: &[u8],
    iv: [u8; GCM_IV_BYTES],
    sealed: &mut [u8],
) -> Option<()> {
    let algorithm = match cipher {
        ContentCipher::Aes128Gcm => &aead::AES_128_GCM,
        ContentCipher::Aes256Gcm => &aead::AES_256_GCM,
        #[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
        ContentCipher::Aes192Gcm => return backend::open_aes_192_gcm(key, iv, sealed),
        _ => return None,
    };
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).ok()?);
    let nonce = aead::Nonce::assume_unique_for_key(iv);
    key.open_in_place(nonce, aead::Aad::empty(), sealed).ok()?;
    Some(())
}

/// Decrypts in place, padding included.
#[cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
fn open_cbc(
    cipher: ContentCipher,
    key: &[u8],
    iv: [u8; BLOCK_BYTES],
    blocks: &mut [u8],
) -> Option<()> {
    backend::open_cbc(cipher, key, iv, blocks)
}

/// ring has no CBC; reading the method has refused it already.
#[cfg(not(any(feature = "rsa", feature = "aws-lc-rs")))]
fn open_cbc(
    _cipher: ContentCipher,
    _key: &[u8],
    _iv: [u8; BLOCK_BYTES],
    _blocks: &mut [u8],
) -> Option<()> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_octet_of_a_padding_has_a_meaning() {
        for (last, expected) in [
            (0, None),
            (1, Some(1)),
            (16, Some(16)),
            (17, None),
            (255, None),
        ] {
            let mut block = [0xAA; BLOCK_BYTES];
            block[BLOCK_BYTES - 1] = last;
            assert_eq!(padding_bytes(&block), expected);
        }
        assert_eq!(padding_bytes(&[]), None);
    }

    #[test]
    fn what_is_too_short_for_its_cipher_is_nothing() {
        for cipher in ContentCipher::ALL {
            let key = vec![0; cipher.key_len_bytes()];
            for len in 0..28 {
                assert!(
                    open(cipher, &key, vec![0; len]).is_none(),
                    "{cipher:?} {len}"
                );
            }
        }
    }

    /// Two independent implementations, one answer.
    #[cfg(all(feature = "rsa", feature = "aws-lc-rs"))]
    mod agreement {
        use proptest::prelude::*;

        use super::*;
        use crate::encryption::{aws_lc, rust_crypto};

        proptest! {
            #[test]
            fn the_backends_decrypt_alike(
                key in proptest::collection::vec(any::<u8>(), 32),
                iv in any::<[u8; BLOCK_BYTES]>(),
                bytes in proptest::collection::vec(any::<u8>(), 0..200),
            ) {
                for cipher in ContentCipher::ALL {
                    let key = &key[..cipher.key_len_bytes()];
                    if cipher.is_authenticated() {
                        let iv = std::array::from_fn(|at| iv[at]);
                        let (mut one, mut two) = (bytes.clone(), bytes.clone());
                        let opened = rust_crypto::open_aes_192_gcm(key, iv, &mut one);
                        prop_assert_eq!(opened, aws_lc::open_aes_192_gcm(key, iv, &mut two));
                    } else {
                        let blocks = bytes.chunks_exact(BLOCK_BYTES);
                        let mut one = blocks.flatten().copied().collect::<Vec<_>>();
                        let mut two = one.clone();
                        prop_assert!(rust_crypto::open_cbc(cipher, key, iv, &mut one).is_some());
                        prop_assert!(aws_lc::open_cbc(cipher, key, iv, &mut two).is_some());
                        prop_assert_eq!(one, two);
                    }
                }
            }
        }
    }
}
