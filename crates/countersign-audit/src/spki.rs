//! `SubjectPublicKeyInfo` of the keys that sign here \[RFC 5280 §4.1.2.7\].
//!
//! Each kind of key has one fixed algorithm identifier, so what is written and read is that, and
//! the key behind it.

/// `SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING }` up to the 65 bytes of an
/// uncompressed point \[RFC 5480 §2\].
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// `SEQUENCE { rsaEncryption, NULL }` \[RFC 3279 §2.3.1\].
const RSA_ALGORITHM: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The key info of an uncompressed point on P-256.
pub(crate) fn of_p256(point: &[u8]) -> Vec<u8> {
    [&P256_HEAD, point].concat()
}

/// The point in a key info of P-256.
pub(crate) fn p256_point(info: &[u8]) -> Option<&[u8]> {
    info.strip_prefix(&P256_HEAD)
}

/// The key info of an `RSAPublicKey` \[RFC 8017, appendix A.1.1\].
pub(crate) fn of_rsa(key: &[u8]) -> Vec<u8> {
    let bits = element(BIT_STRING, &[&[0], key].concat());
    element(SEQUENCE, &[&RSA_ALGORITHM, bits.as_slice()].concat())
}

/// The `RSAPublicKey` in a key info of RSA.
pub(crate) fn rsa_key(info: &[u8]) -> Option<&[u8]> {
    let after = info.windows(RSA_ALGORITHM.len());
    // The algorithm follows the header of the outer sequence, which has at most five bytes.
    let start = after.take(6).position(|window| window == RSA_ALGORITHM)?;
    let bits = info.get(start.checked_add(RSA_ALGORITHM.len())?..)?;
    // The key begins behind the header of the bit string; what was written once is what is read.
    (0..bits.len().min(7))
        .filter_map(|head| bits.get(head..))
        .find(|key| of_rsa(key) == info)
}

/// Tag, length and contents \[X.690 §8.1.3, §10.1\].
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = contents.len().to_be_bytes();
    let zeroes = length.iter().take_while(|byte| **byte == 0).count();
    let significant = length.get(zeroes..).unwrap_or_default();
    match significant {
        [] => bytes.push(0),
        [short] if *short < 0x80 => bytes.push(*short),
        long => {
            // At most eight bytes, so the count fits in the low bits.
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(0x7f));
            bytes.extend_from_slice(long);
        }
    }
    bytes.extend_from_slice(contents);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rsa_key_comes_back_from_its_info() {
        for length in [1, 100, 140, 256, 270, 1100] {
            let key = vec![0x5a; length];
            assert_eq!(rsa_key(&of_rsa(&key)), Some(key.as_slice()), "{length}");
        }
    }

    #[test]
    fn what_is_no_key_info_is_refused() {
        let info = of_rsa(&[0x5a; 270]);
        for place in 0..info.len().saturating_sub(270) {
            let mut changed = info.clone();
            changed[place] ^= 1;
            assert_eq!(rsa_key(&changed), None, "{place}");
        }
        assert_eq!(rsa_key(&[]), None);
        assert_eq!(rsa_key(&info[..20]), None);
        assert_eq!(p256_point(&info), None);
        assert_eq!(rsa_key(&of_p256(&[4; 65])), None);
    }
}
