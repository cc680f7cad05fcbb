//! An Ed25519 key in memory.

use std::fmt;

use async_trait::async_trait;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::signer::{KeyError, SignatureAlgorithm, Signer, SignerError};

const NO_KEY: KeyError = KeyError(SignatureAlgorithm::Ed25519);

/// Signs with an Ed25519 key \[RFC 8032\] that is kept in memory, through ring.
pub struct Ed25519Signer(Ed25519KeyPair);

impl Ed25519Signer {
    /// Takes a key as PKCS#8 in DER, with or without its public key \[RFC 5958, RFC 8410\]:
    /// what `openssl genpkey -algorithm ED25519 -outform DER` writes.
    ///
    /// # Errors
    /// If the bytes are no such key.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map(Self)
            .map_err(|_| NO_KEY)
    }

    /// Makes a new key, and returns it also as PKCS#8 in DER, to be kept.
    ///
    /// # Errors
    /// If there are no random bytes.
    pub fn generate() -> Result<(Self, Vec<u8>), KeyError> {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| NO_KEY)?;
        Ok((Self::from_pkcs8(der.as_ref())?, der.as_ref().to_vec()))
    }
}

impl fmt::Debug for Ed25519Signer {
    /// Hides the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Signer(…)")
    }
}

#[async_trait]
impl Signer for Ed25519Signer {
    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::Ed25519
    }

    fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_comes_back_from_its_pkcs8() {
        let (signer, der) = Ed25519Signer::generate().unwrap();
        let again = Ed25519Signer::from_pkcs8(&der).unwrap();
        assert_eq!(signer.public_key(), again.public_key());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(Ed25519Signer::from_pkcs8(b"").err(), Some(NO_KEY));
        assert_eq!(Ed25519Signer::from_pkcs8(&[0x30; 48]).err(), Some(NO_KEY));
    }

    #[test]
    fn debug_hides_the_key() {
        let (signer, _) = Ed25519Signer::generate().unwrap();
        assert_eq!(format!("{signer:?}"), "Ed25519Signer(…)");
    }
}
