//! The keys of authorities and of those whom they certify.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair,
};

use super::der;
use crate::keys;

/// The kinds of key that can be certified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA, 2,048 bits: one of [`keys`], which everybody knows. Signs PKCS#1 v1.5 with SHA-256.
    Rsa,
    /// The same, signing with SHA-384.
    RsaSha384,
    /// The same, signing with SHA-512.
    RsaSha512,
    /// A new key on P-256, signing with SHA-256.
    #[default]
    P256,
    /// A new key on P-384, signing with SHA-384.
    P384,
    /// RSA with 1,024 bits, which nobody shall accept.
    WeakRsa,
}

/// A key with what goes with it.
#[derive(Debug)]
pub(super) struct Key {
    kind: KeyKind,
    pub(super) pkcs8: Vec<u8>,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
    /// ring makes no signature with so short a key.
    Weak(Box<rsa::RsaPrivateKey>),
}

/// `DigestInfo` of SHA-256 up to the hash \[RFC 8017 §9.2\].
const SHA_256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

#[allow(clippy::expect_used, reason = "tests fail by panicking")]
impl Key {
    pub(super) fn new(kind: KeyKind) -> Self {
        let random = SystemRandom::new();
        let curve = match kind {
            KeyKind::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
            _ => &ECDSA_P256_SHA256_ASN1_SIGNING,
        };
        let (pkcs8, pair) = match kind {
            KeyKind::P256 | KeyKind::P384 => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(curve, &random).expect("random bytes");
                let pkcs8 = pkcs8.as_ref().to_vec();
                let pair = EcdsaKeyPair::from_pkcs8(curve, &pkcs8, &random).expect("its own key");
                (pkcs8, Pair::Ecdsa(Box::new(pair)))
            }
            KeyKind::Rsa | KeyKind::RsaSha384 | KeyKind::RsaSha512 => {
                let pkcs8 = keys::OTHER_RSA_2048_PKCS8.to_vec();
                let pair = RsaKeyPair::from_pkcs8(&pkcs8).expect("a committed key");
                (pkcs8, Pair::Rsa(Box::new(pair)))
            }
            KeyKind::WeakRsa => {
                use rsa::pkcs8::DecodePrivateKey;
                let pkcs8 = keys::WEAK_RSA_1024_PKCS8.to_vec();
                let key = rsa::RsaPrivateKey::from_pkcs8_der(&pkcs8).expect("a committed key");
                (pkcs8, Pair::Weak(Box::new(key)))
            }
        };
        Self { kind, pkcs8, pair }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).expect("random bytes");
                signature.as_ref().to_vec()
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let padding: &dyn ring::signature::RsaEncoding = match self.kind {
                    KeyKind::RsaSha384 => &RSA_PKCS1_SHA384,
                    KeyKind::RsaSha512 => &RSA_PKCS1_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                pair.sign(padding, &random, message, &mut signature)
                    .expect("room for it");
                signature
            }
            Pair::Weak(key) => {
                use sha2::Digest;
                let digest = sha2::Sha256::digest(message);
                let padding = rsa::Pkcs1v15Sign {
                    hash_len: Some(digest.len()),
                    prefix: SHA_256_PREFIX.into(),
                };
                key.sign(padding, &digest).expect("room for it")
            }
        }
    }

    /// `SubjectPublicKeyInfo` \[RFC 5280 §4.1.2.7\].
    pub(super) fn public(&self) -> Vec<u8> {
        let rsa = |key: &[u8]| {
            let algorithm = der::algorithm("1.2.840.113549.1.1.1", &der::null());
            der::sequence(&[&algorithm, &der::bits(key)])
        };
        match &self.pair {
            Pair::Rsa(pair) => rsa(pair.public_key().as_ref()),
            Pair::Weak(key) => {
                use rsa::traits::PublicKeyParts;
                let modulus = der::integer(&key.n().to_bytes_be());
                let exponent = der::integer(&key.e().to_bytes_be());
                rsa(&der::sequence(&[&modulus, &exponent]))
            }
            Pair::Ecdsa(pair) => {
                let curve = match self.kind {
                    KeyKind::P384 => "1.3.132.0.34",
                    _ => "1.2.840.10045.3.1.7",
                };
                let algorithm = der::algorithm("1.2.840.10045.2.1", &der::oid(curve));
                der::sequence(&[&algorithm, &der::bits(pair.public_key().as_ref())])
            }
        }
    }

    /// The identifier of its signatures \[RFC 5754 §3\].
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match self.kind {
            KeyKind::Rsa | KeyKind::WeakRsa => {
                der::algorithm("1.2.840.113549.1.1.11", &der::null())
            }
            KeyKind::RsaSha384 => der::algorithm("1.2.840.113549.1.1.12", &der::null()),
            KeyKind::RsaSha512 => der::algorithm("1.2.840.113549.1.1.13", &der::null()),
            KeyKind::P256 => der::algorithm("1.2.840.10045.4.3.2", &[]),
            KeyKind::P384 => der::algorithm("1.2.840.10045.4.3.3", &[]),
        }
    }

    /// The hash of its signatures, and its identifier.
    pub(super) fn digest(&self) -> (&'static ring::digest::Algorithm, &'static str) {
        match self.kind {
            KeyKind::Rsa | KeyKind::WeakRsa | KeyKind::P256 => {
                (&ring::digest::SHA256, "2.16.840.1.101.3.4.2.1")
            }
            KeyKind::RsaSha384 | KeyKind::P384 => (&ring::digest::SHA384, "2.16.840.1.101.3.4.2.2"),
            KeyKind::RsaSha512 => (&ring::digest::SHA512, "2.16.840.1.101.3.4.2.3"),
        }
    }
}
