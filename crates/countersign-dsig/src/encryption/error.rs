//! Why something was not decrypted.

use thiserror::Error;

/// Something was not decrypted.
///
/// All variants but [`Failed`](Self::Failed) tell of what everybody can see, and are told before
/// any key is used. [`Failed`](Self::Failed) is one for everything after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecryptionError {
    /// The element does not stand in the tree that was said to cover it.
    #[error("the encrypted element is not part of what is covered")]
    NotCovered,
    /// `EncryptedData` or `EncryptedKey` is not as the specification says \[XMLEnc §3\], or refers
    /// to what is not there.
    #[error("the encrypted element holds what it should not, or not what it should")]
    Malformed,
    /// `Type` is not that of an element \[SAML-Core §2.2.4\].
    #[error("the encrypted content is not said to be an element")]
    ContentType,
    /// A `CipherReference`: ciphertext is never fetched \[XMLEnc §3.3.1\].
    #[error("the ciphertext is elsewhere")]
    CipherReference,
    /// There is no `EncryptedKey`.
    #[error("no encrypted key goes with the encrypted content")]
    NoEncryptedKey,
    /// There are more `EncryptedKey`s than recipients that anybody encrypts for.
    #[error("too many encrypted keys")]
    TooManyEncryptedKeys,
    /// Triple DES, whose blocks are too short (Sweet32).
    #[error("triple des is refused")]
    TripleDes,
    /// RSA with PKCS#1 v1.5 padding, which tells an attacker the plaintext (Bleichenbacher 1998).
    #[error("rsa with pkcs #1 v1.5 padding is refused")]
    RsaPkcs1,
    /// AES-CBC outside a verified signature, which tells an attacker the plaintext
    /// (Jager and Somorovsky 2011).
    #[error("aes-cbc is refused where no verified signature covers it")]
    UnsignedCbc,
    /// The content's encryption method is none that this build has.
    #[error("the content's encryption method is not supported")]
    UnsupportedCipher,
    /// No `EncryptedKey` has an encryption method that a key of ours can undo.
    #[error("the encrypted key's encryption method is not supported")]
    UnsupportedKeyTransport,
    /// No decryption key was given.
    #[error("no decryption key was given")]
    NoKeys,
    /// It could not be decrypted, or what came out is not one element. Which of the two, and why,
    /// is told to nobody.
    #[error("decryption failed")]
    Failed,
}

impl DecryptionError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotCovered => "xmlenc.not_covered",
            Self::Malformed => "xmlenc.malformed",
            Self::ContentType => "xmlenc.content_type",
            Self::CipherReference => "xmlenc.cipher_reference",
            Self::NoEncryptedKey => "xmlenc.no_encrypted_key",
            Self::TooManyEncryptedKeys => "xmlenc.too_many_encrypted_keys",
            Self::TripleDes => "xmlenc.triple_des",
            Self::RsaPkcs1 => "xmlenc.rsa_pkcs1",
            Self::UnsignedCbc => "xmlenc.unsigned_cbc",
            Self::UnsupportedCipher => "xmlenc.unsupported_cipher",
            Self::UnsupportedKeyTransport => "xmlenc.unsupported_key_transport",
            Self::NoKeys => "xmlenc.no_keys",
            Self::Failed => "xmlenc.failed",
        }
    }
}
