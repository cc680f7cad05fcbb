//! An RSA key in memory.

use std::fmt;

use async_trait::async_trait;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

use crate::signer::{KeyError, SignatureAlgorithm, Signer, SignerError};
use crate::spki;

const NO_KEY: KeyError = KeyError(SignatureAlgorithm::RsaPkcs1Sha256);

/// Bytes of a modulus of 2048 bits, the shortest that is secure \[NIST SP 800-131A §3\].
const SHORTEST_MODULUS_BYTES: usize = 256;

/// Signs with RSASSA-PKCS1-v1_5 and SHA-256 \[RFC 8017 §8.2\] by a key of 2048 to 4096 bits that
/// is kept in memory, through ring.
pub struct RsaSigner(RsaKeyPair);

impl RsaSigner {
    /// Takes a key as PKCS#8 in DER \[RFC 5958\]: what
    /// `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -outform DER` writes.
    ///
    /// # Errors
    /// If the bytes are no such key, or one of fewer than 2048 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let key = RsaKeyPair::from_pkcs8(der).map_err(|_| NO_KEY)?;
        let PublicKeyComponents { n, .. } = PublicKeyComponents::<Vec<u8>>::from(key.public_key());
        let is_long = match n.len() {
            SHORTEST_MODULUS_BYTES => n.first().is_some_and(|first| *first >= 0x80),
            length => length > SHORTEST_MODULUS_BYTES,
        };
        if is_long { Ok(Self(key)) } else { Err(NO_KEY) }
    }
}

impl fmt::Debug for RsaSigner {
    /// Hides the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaSigner(…)")
    }
}

#[async_trait]
impl Signer for RsaSigner {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RsaPkcs1Sha256
    }

    fn public_key(&self) -> Vec<u8> {
        spki::of_rsa(self.0.public_key().as_ref())
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        // The random bytes are against timing; they do not change the signature.
        let random = SystemRandom::new();
        self.0
            .sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
            .map_err(|_| SignerError::new("there are no random bytes"))?;
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use countersign_testkit::keys;

    use super::*;
    use crate::signer::BadSignature;

    #[test]
    fn what_it_signs_verifies_by_its_public_key_and_by_no_other() {
        let signer = RsaSigner::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap();
        let other = RsaSigner::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).unwrap();
        let signature = pollster::block_on(signer.sign(b"message")).unwrap();
        let verify = |signer: &RsaSigner, message: &[u8]| {
            let algorithm = signer.algorithm();
            algorithm.verify(&signer.public_key(), message, &signature)
        };
        assert_eq!(verify(&signer, b"message"), Ok(()));
        assert_eq!(verify(&signer, b"other"), Err(BadSignature));
        assert_eq!(verify(&other, b"message"), Err(BadSignature));
    }

    #[test]
    fn the_public_key_is_the_one_in_the_certificate() {
        let signer = RsaSigner::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap();
        let (certificate, info) = (keys::IDP_RSA_2048_CERTIFICATE, signer.public_key());
        assert!(certificate.windows(info.len()).any(|part| part == info));
    }

    #[test]
    fn an_rsa_key_of_fewer_than_2048_bits_is_refused() {
        let weak = RsaSigner::from_pkcs8(keys::WEAK_RSA_1024_PKCS8);
        assert_eq!(weak.err(), Some(NO_KEY));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for der in [&b""[..], &[0x30; 48], keys::IDP_P256_PKCS8] {
            assert_eq!(RsaSigner::from_pkcs8(der).err(), Some(NO_KEY));
        }
    }

    #[test]
    fn debug_hides_the_key() {
        let signer = RsaSigner::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap();
        assert_eq!(format!("{signer:?}"), "RsaSigner(…)");
    }
}
