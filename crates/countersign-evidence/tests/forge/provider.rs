//! An identity provider that signs, by XML-DSig alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};

use super::log::sha256;

/// How the provider signs; the key is bare.
#[derive(Debug)]
pub enum Provider {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// What stands before a point of P-256 in its `SubjectPublicKeyInfo` [RFC 5480 §2].
const P256_INFO: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A,
    0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The same for Ed25519 [RFC 8410 §4].
const ED25519_INFO: [u8; 12] = [
    0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
];

impl Provider {
    pub fn ecdsa() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        Self::Ecdsa(EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).unwrap())
    }

    pub fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[77; 32]).unwrap())
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ecdsa(_) => "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            Self::Ed25519(_) => "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
        }
    }

    /// Its key, as a verifier is given it.
    pub fn key(&self) -> Vec<u8> {
        match self {
            Self::Ecdsa(pair) => [&P256_INFO[..], pair.public_key().as_ref()].concat(),
            Self::Ed25519(pair) => [&ED25519_INFO[..], pair.public_key().as_ref()].concat(),
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).unwrap();
                signature.as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// `signed.xml`, `signed-info.xml`, `signature.bin`, `certificate.der` of an element that this
    /// provider signs; the signature refers to the ID `id`.
    pub fn signed(&self, element: &str, id: &str) -> [Vec<u8>; 4] {
        let digest = STANDARD.encode(sha256(element.as_bytes()));
        let algorithm = self.algorithm();
        let info = format!(
            "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"{algorithm}\"></ds:SignatureMethod><ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        );
        let signature = self.sign(info.as_bytes());
        [
            element.as_bytes().to_vec(),
            info.into_bytes(),
            signature,
            self.key(),
        ]
    }
}
