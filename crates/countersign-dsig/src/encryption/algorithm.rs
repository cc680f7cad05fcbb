//! The algorithms of XML Encryption that exist here \[XMLEnc §5\].
//!
//! What is absent can not run: there is no Triple DES, no RSA with PKCS#1 v1.5, no key wrapping
//! under a shared key and no key agreement.

use std::fmt;

use crate::algorithm::DigestAlgorithm;

/// The namespace of XML encryption 1.0 \[XMLEnc §1.3\].
pub const XMLENC_NAMESPACE: &str = "http://www.w3.org/2001/04/xmlenc#";
/// The namespace of what XML encryption 1.1 added \[XMLEnc §1.3\].
pub const XMLENC11_NAMESPACE: &str = "http://www.w3.org/2009/xmlenc11#";
/// What is encrypted is an element: the only type that SAML has \[SAML-Core §2.2.4\].
pub const ENCRYPTED_ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";

/// RSA-OAEP with MGF1 on SHA-1 \[XMLEnc §5.5.2\].
pub const RSA_OAEP_MGF1P: &str = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p";
/// RSA-OAEP that names its mask generation function \[XMLEnc §5.5.2\].
pub const RSA_OAEP: &str = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
/// RSA with PKCS#1 v1.5 padding, which is refused \[XMLEnc §5.5.1\].
pub(super) const RSA_1_5: &str = "http://www.w3.org/2001/04/xmlenc#rsa-1_5";
/// Triple DES, which is refused \[XMLEnc §5.2.1\].
pub(super) const TRIPLE_DES: &str = "http://www.w3.org/2001/04/xmlenc#tripledes-cbc";

/// What the content is encrypted with \[XMLEnc §5.2\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentCipher {
    /// AES-128 in GCM.
    Aes128Gcm,
    /// AES-192 in GCM: only with one of the features `rsa` and `aws-lc-rs`.
    Aes192Gcm,
    /// AES-256 in GCM.
    Aes256Gcm,
    /// AES-128 in CBC: only with one of the features `rsa` and `aws-lc-rs`.
    Aes128Cbc,
    /// AES-192 in CBC: only with one of the features `rsa` and `aws-lc-rs`.
    Aes192Cbc,
    /// AES-256 in CBC: only with one of the features `rsa` and `aws-lc-rs`.
    Aes256Cbc,
}

impl ContentCipher {
    /// Every cipher there is.
    pub const ALL: [Self; 6] = [
        Self::Aes128Gcm,
        Self::Aes192Gcm,
        Self::Aes256Gcm,
        Self::Aes128Cbc,
        Self::Aes192Cbc,
        Self::Aes256Cbc,
    ];

    /// Its identifier.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "http://www.w3.org/2009/xmlenc11#aes128-gcm",
            Self::Aes192Gcm => "http://www.w3.org/2009/xmlenc11#aes192-gcm",
            Self::Aes256Gcm => "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            Self::Aes128Cbc => "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
            Self::Aes192Cbc => "http://www.w3.org/2001/04/xmlenc#aes192-cbc",
            Self::Aes256Cbc => "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
        }
    }

    /// The cipher with this identifier.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.uri() == uri)
    }

    /// How long its key is.
    #[must_use]
    pub const fn key_len_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Cbc => 16,
            Self::Aes192Gcm | Self::Aes192Cbc => 24,
            Self::Aes256Gcm | Self::Aes256Cbc => 32,
        }
    }

    /// Whether a changed ciphertext is noticed. CBC notices nothing, which is why it is decrypted
    /// under a verified signature only.
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes192Gcm | Self::Aes256Gcm)
    }

    /// Whether this build can decrypt it. ring has two of the six; the features `rsa` and
    /// `aws-lc-rs` bring the others.
    #[must_use]
    pub const fn is_supported(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes256Gcm)
            || cfg!(any(feature = "rsa", feature = "aws-lc-rs"))
    }
}

/// RSAES-OAEP as an `EncryptionMethod` describes it \[XMLEnc §5.5.2, RFC 8017 §7.1\].
#[derive(Clone, PartialEq, Eq)]
pub struct RsaOaep {
    pub(super) digest: DigestAlgorithm,
    pub(super) mgf1_digest: DigestAlgorithm,
    pub(super) label: Vec<u8>,
}

impl RsaOaep {
    /// These parameters; the label is empty unless `OAEPparams` gives one.
    #[must_use]
    pub fn new(digest: DigestAlgorithm, mgf1_digest: DigestAlgorithm, label: &[u8]) -> Self {
        Self {
            digest,
            mgf1_digest,
            label: label.to_vec(),
        }
    }

    /// The hash function of the label.
    #[must_use]
    pub const fn digest(&self) -> DigestAlgorithm {
        self.digest
    }

    /// The hash function of the mask generation function MGF1. Many providers use SHA-1 here
    /// beside SHA-256 for the label; neither has to resist collisions.
    #[must_use]
    pub const fn mgf1_digest(&self) -> DigestAlgorithm {
        self.mgf1_digest
    }

    /// The label, `OAEPparams`; usually empty.
    #[must_use]
    pub fn label(&self) -> &[u8] {
        &self.label
    }
}

impl fmt::Debug for RsaOaep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaOaep")
            .field("digest", &self.digest)
            .field("mgf1_digest", &self.mgf1_digest)
            .field("label_bytes", &self.label.len())
            .finish()
    }
}

/// The hash function that a `DigestMethod` of OAEP names. SHA-384 has a second identifier in
/// \[XMLEnc §5.8.3\].
pub(super) fn oaep_digest(uri: &str) -> Option<DigestAlgorithm> {
    match uri {
        "http://www.w3.org/2001/04/xmlenc#sha384" => Some(DigestAlgorithm::Sha384),
        _ => DigestAlgorithm::from_uri(uri),
    }
}

/// The hash function of the MGF1 with this identifier \[XMLEnc §5.5.2\].
pub(super) fn mgf1_digest(uri: &str) -> Option<DigestAlgorithm> {
    match uri.strip_prefix(XMLENC11_NAMESPACE)? {
        "mgf1sha1" => Some(DigestAlgorithm::Sha1),
        "mgf1sha256" => Some(DigestAlgorithm::Sha256),
        "mgf1sha384" => Some(DigestAlgorithm::Sha384),
        "mgf1sha512" => Some(DigestAlgorithm::Sha512),
        _ => None,
    }
}
