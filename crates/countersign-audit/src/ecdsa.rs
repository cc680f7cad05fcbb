//! An ECDSA key on the curve P-256 in memory.

use std::fmt;

use async_trait::async_trait;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

use crate::signer::{KeyError, SignatureAlgorithm, Signer, SignerError};
use crate::spki;

const NO_KEY: KeyError = KeyError(SignatureAlgorithm::EcdsaP256Sha256);

/// Signs with ECDSA on P-256 with SHA-256 \[FIPS 186-5 §6\] by a key that is kept in memory,
/// through ring.
pub struct EcdsaP256Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl EcdsaP256Signer {
    /// Takes a key as PKCS#8 in DER, with its public key \[RFC 5958, RFC 5915\]: what
    /// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER` writes.
    ///
    /// # Errors
    /// If the bytes are no such key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random)
            .map_err(|_| NO_KEY)?;
        Ok(Self { key, random })
    }

    /// Makes a new key, and returns it also as PKCS#8 in DER, to be kept.
    ///
    /// # Errors
    /// If there are no random bytes.
    pub fn generate() -> Result<(Self, Vec<u8>), KeyError> {
        let random = SystemRandom::new();
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
            .map_err(|_| NO_KEY)?;
        Ok((Self::from_pkcs8(der.as_ref())?, der.as_ref().to_vec()))
    }
}

impl fmt::Debug for EcdsaP256Signer {
    /// Hides the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EcdsaP256Signer(…)")
    }
}

#[async_trait]
impl Signer for EcdsaP256Signer {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::EcdsaP256Sha256
    }

    fn public_key(&self) -> Vec<u8> {
        spki::of_p256(self.key.public_key().as_ref())
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature = self.key.sign(&self.random, message);
        let signature = signature.map_err(|_| SignerError::new("there are no random bytes"))?;
        Ok(signature.as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::BadSignature;

    #[test]
    fn a_generated_key_comes_back_from_its_pkcs8() {
        let (signer, der) = EcdsaP256Signer::generate().unwrap();
        let again = EcdsaP256Signer::from_pkcs8(&der).unwrap();
        assert_eq!(signer.public_key(), again.public_key());
    }

    #[test]
    fn what_it_signs_verifies_by_its_public_key_and_by_no_other() {
        let (signer, _) = EcdsaP256Signer::generate().unwrap();
        let (other, _) = EcdsaP256Signer::generate().unwrap();
        let signature = pollster::block_on(signer.sign(b"message")).unwrap();
        let verify = |signer: &EcdsaP256Signer, message: &[u8]| {
            let algorithm = signer.algorithm();
            algorithm.verify(&signer.public_key(), message, &signature)
        };
        assert_eq!(verify(&signer, b"message"), Ok(()));
        assert_eq!(verify(&signer, b"other"), Err(BadSignature));
        assert_eq!(verify(&other, b"message"), Err(BadSignature));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let keys = [
            &b""[..],
            &[0x30; 48],
            countersign_testkit::keys::IDP_P384_PKCS8,
            countersign_testkit::keys::IDP_ED25519_PKCS8,
        ];
        for der in keys {
            assert_eq!(EcdsaP256Signer::from_pkcs8(der).err(), Some(NO_KEY));
        }
    }

    #[test]
    fn debug_hides_the_key() {
        let (signer, _) = EcdsaP256Signer::generate().unwrap();
        assert_eq!(format!("{signer:?}"), "EcdsaP256Signer(…)");
    }
}
