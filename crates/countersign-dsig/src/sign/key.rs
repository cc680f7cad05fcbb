//! A private key in memory.

use std::fmt;

use async_trait::async_trait;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair,
};

use super::SignError;
use crate::algorithm::SignatureAlgorithm;
use crate::signer::{MessageSigner, SignerError};

enum KeyPair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A private key.
pub struct SigningKey {
    pair: KeyPair,
    /// INVARIANT: one of the pair's family.
    algorithm: SignatureAlgorithm,
}

impl SigningKey {
    /// Reads PKCS#8 in DER, unencrypted \[RFC 5208\]; the kind of key is found out.
    ///
    /// # Errors
    /// [`SignError::Key`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SignError> {
        let random = SystemRandom::new();
        let (pair, algorithm) = if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            (KeyPair::Rsa(Box::new(pair)), SignatureAlgorithm::RsaSha256)
        } else if let Ok(pair) =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
        {
            (KeyPair::P256(pair), SignatureAlgorithm::EcdsaSha256)
        } else if let Ok(pair) =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der, &random)
        {
            (KeyPair::P384(pair), SignatureAlgorithm::EcdsaSha384)
        } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            // OpenSSL writes version 1, without the public key.
            (KeyPair::Ed25519(pair), SignatureAlgorithm::Ed25519)
        } else {
            return Err(SignError::Key);
        };
        Ok(Self { pair, algorithm })
    }

    /// Signs with this algorithm unless told otherwise; without it an RSA key uses PKCS#1 v1.5 with
    /// SHA-256.
    ///
    /// # Errors
    /// [`SignError::KeyMismatch`] or [`SignError::InsecureAlgorithm`].
    pub fn with_algorithm(self, algorithm: SignatureAlgorithm) -> Result<Self, SignError> {
        use SignatureAlgorithm as A;
        match (&self.pair, algorithm) {
            (_, A::RsaSha1) => Err(SignError::InsecureAlgorithm),
            (
                KeyPair::Rsa(_),
                A::RsaSha256
                | A::RsaSha384
                | A::RsaSha512
                | A::RsaPssSha256
                | A::RsaPssSha384
                | A::RsaPssSha512,
            )
            | (KeyPair::P256(_), A::EcdsaSha256)
            | (KeyPair::P384(_), A::EcdsaSha384)
            | (KeyPair::Ed25519(_), A::Ed25519) => Ok(Self { algorithm, ..self }),
            _ => Err(SignError::KeyMismatch),
        }
    }

    /// The algorithm that it signs with unless told otherwise.
    #[must_use]
    pub const fn default_algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Signs bytes.
    ///
    /// # Errors
    /// [`SignError::KeyMismatch`], [`SignError::InsecureAlgorithm`] or [`SignError::Failed`].
    pub fn sign(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        use SignatureAlgorithm as A;
        let random = SystemRandom::new();
        let encoding: &dyn ring::signature::RsaEncoding = match (&self.pair, algorithm) {
            (_, A::RsaSha1) => return Err(SignError::InsecureAlgorithm),
            (KeyPair::Rsa(_), A::RsaSha256) => &RSA_PKCS1_SHA256,
            (KeyPair::Rsa(_), A::RsaSha384) => &RSA_PKCS1_SHA384,
            (KeyPair::Rsa(_), A::RsaSha512) => &RSA_PKCS1_SHA512,
            (KeyPair::Rsa(_), A::RsaPssSha256) => &RSA_PSS_SHA256,
            (KeyPair::Rsa(_), A::RsaPssSha384) => &RSA_PSS_SHA384,
            (KeyPair::Rsa(_), A::RsaPssSha512) => &RSA_PSS_SHA512,
            (KeyPair::P256(pair), A::EcdsaSha256) | (KeyPair::P384(pair), A::EcdsaSha384) => {
                let signature = pair.sign(&random, message);
                return Ok(signature.map_err(|_| SignError::Failed)?.as_ref().to_vec());
            }
            (KeyPair::Ed25519(pair), A::Ed25519) => {
                return Ok(pair.sign(message).as_ref().to_vec());
            }
            _ => return Err(SignError::KeyMismatch),
        };
        let KeyPair::Rsa(pair) = &self.pair else {
            return Err(SignError::KeyMismatch);
        };
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(encoding, &random, message, &mut signature)
            .map_err(|_| SignError::Failed)?;
        Ok(signature)
    }
}

impl fmt::Debug for SigningKey {
    /// The kind of key only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.default_algorithm())
    }
}

#[async_trait]
impl MessageSigner for SigningKey {
    /// The [default algorithm](SigningKey::default_algorithm) of the key.
    fn algorithm(&self) -> SignatureAlgorithm {
        self.default_algorithm()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        Self::sign(self, self.default_algorithm(), message).map_err(SignerError::new)
    }
}
