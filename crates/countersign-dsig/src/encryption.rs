//! Decrypting XML \[XMLEnc\], to SAML's profile and nothing more.
//!
//! Decryption proves nothing: everybody can encrypt to a published key. So there are two ways in,
//! and what comes out of each is a type of its own:
//!
//! - [`decrypt`] takes what stands in a tree that a verified signature covers ([`Covered`]). The
//!   signature covers the ciphertext, so the plaintext is what its signer encrypted, and
//!   [`Decrypted`] can be read as what the signature covers can be.
//! - [`insecure_decrypt_unsigned`] takes what anybody may have written. [`UnprovedPlaintext`] has
//!   nothing to read: it can only be asked to
//!   [verify a signature](UnprovedPlaintext::verify_enveloped) that is inside.
//!
//! The order is what keeps a stranger from using the key as an oracle:
//!
//! 1. Everything that is there to be seen is read: structure, algorithms, how many keys. Triple
//!    DES and RSA with PKCS#1 v1.5 end here, AES-CBC where no signature covers it, and whatever no
//!    key of ours can undo. Ciphertext that is elsewhere is never fetched.
//! 2. Each `EncryptedKey` is tried with each of the keys that the caller gave; nothing in the
//!    message chooses one.
//! 3. The content is decrypted, under a useless key if none was found, and parsed by the parser
//!    that everything goes through: one element and nothing beside it.
//! 4. Whatever went wrong in the last two, the answer is [`DecryptionError::Failed`].
//!
//! | feature | brings |
//! |---|---|
//! | none | AES-128-GCM and AES-256-GCM through ring; the key behind a [`KeyUnwrap`] of the host |
//! | `rsa` | `RustCryptoKey`, for OAEP with every pair of hash functions; AES-192-GCM; AES-CBC |
//! | `aws-lc-rs` | `AwsLcKey`, for OAEP with one hash function; AES-192-GCM; AES-CBC |
//!
//! With both features the content is decrypted by AWS-LC.

mod algorithm;
#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
mod cipher;
mod error;
mod plaintext;
mod private_key;
mod profile;
#[cfg(feature = "rsa")]
mod rust_crypto;
mod unwrap;

use std::fmt;
use std::sync::Arc;

use countersign_core::Sha256Digest;

use crate::key::VerificationKey;
use crate::signature::{SignatureError, SignaturePolicy, SignedElement, verify_enveloped};
use crate::xml::{Document, Element, Limits};
use profile::Sealed;

pub use algorithm::{
    ContentCipher, ENCRYPTED_ELEMENT, RSA_OAEP, RSA_OAEP_MGF1P, RsaOaep, XMLENC_NAMESPACE,
    XMLENC11_NAMESPACE,
};
#[cfg(feature = "aws-lc-rs")]
pub use aws_lc::AwsLcKey;
pub use error::DecryptionError;
pub use private_key::DecryptionKeyError;
#[cfg(feature = "rsa")]
pub use rust_crypto::RustCryptoKey;
pub use unwrap::{ContentKey, KeyUnwrap, UnwrapFailed};

/// A tree that a verified signature covers: as it stands, or as its ciphertext.
#[derive(Debug, Clone, Copy)]
pub struct Covered<'a> {
    root: Element<'a>,
    certificate_sha256: Option<Sha256Digest>,
}

impl<'a> Covered<'a> {
    /// What was signed.
    #[must_use]
    pub fn signed(element: &'a SignedElement) -> Self {
        Self::vouched(element.root(), element.certificate_sha256())
    }

    /// What was signed while it was encrypted.
    #[must_use]
    pub fn decrypted(element: &'a Decrypted) -> Self {
        Self::vouched(element.root(), element.certificate_sha256)
    }

    /// What was parsed from bytes that a signature beside them covers, as in a query
    /// \[SAML-Bindings §3.4.4.1\], by the key of this certificate.
    ///
    /// # Security
    /// Whoever calls this vouches for it: that signature was verified, over all bytes of the
    /// document that `root` is the root of.
    #[must_use]
    pub fn vouched(root: Element<'a>, certificate_sha256: Option<Sha256Digest>) -> Self {
        Self {
            root,
            certificate_sha256,
        }
    }

    /// The element that everything in it belongs to.
    #[must_use]
    pub fn root(self) -> Element<'a> {
        self.root
    }

    /// The SHA-256 of the certificate whose key made the signature; `None` if that key was a bare
    /// one.
    #[must_use]
    pub const fn certificate_sha256(self) -> Option<Sha256Digest> {
        self.certificate_sha256
    }
}

/// An element that was decrypted where a verified signature covers the ciphertext.
///
/// Only [`decrypt`] makes one.
#[derive(Clone)]
pub struct Decrypted {
    document: Document<'static>,
    content_key: ContentKey,
    /// Of the signature that covers the ciphertext.
    certificate_sha256: Option<Sha256Digest>,
}

impl Decrypted {
    /// The element. Namespaces that it took from where it stood are declared in its own tag.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        self.document.root()
    }

    /// What whoever has the signed bytes needs to read the plaintext as well.
    #[must_use]
    pub fn content_key(&self) -> &ContentKey {
        &self.content_key
    }
}

impl fmt::Debug for Decrypted {
    /// Without the content, which was not for everybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypted")
            .field("local_name", &self.root().local_name())
            .finish_non_exhaustive()
    }
}

/// An element that was decrypted while nothing proves who encrypted it.
///
/// It can not be read; only what a signature in it covers can be.
pub struct UnprovedPlaintext(Document<'static>);

impl UnprovedPlaintext {
    /// Verifies the enveloped signature of the element, as
    /// [`verify_enveloped`] does.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn verify_enveloped(
        &self,
        keys: &[VerificationKey],
        policy: &SignaturePolicy,
    ) -> Result<SignedElement, SignatureError> {
        verify_enveloped(self.0.root(), keys, policy)
    }
}

impl fmt::Debug for UnprovedPlaintext {
    /// Without the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnprovedPlaintext").finish_non_exhaustive()
    }
}

/// Decrypts the element in `holder`, which stands in what a verified signature covers.
///
/// `holder` holds one `EncryptedData` and, beside it, any `EncryptedKey`s that are not in its
/// `KeyInfo` \[SAML-Core §2.2.4\]: an `EncryptedAssertion`, an `EncryptedID`, an
/// `EncryptedAttribute`. All `keys` are tried, so that a key can be replaced while messages to the
/// old one still come.
///
/// # Errors
/// See [`DecryptionError`].
///
/// # Security
/// Whoever can sign learns from the answer whether it could be decrypted, which with AES-CBC tells
/// the plaintext. So ask before, not after, whether the key of
/// [`Covered::certificate_sha256`] is still trusted.
pub fn decrypt(
    covered: Covered<'_>,
    holder: Element<'_>,
    keys: &[Arc<dyn KeyUnwrap>],
    limits: &Limits,
) -> Result<Decrypted, DecryptionError> {
    if !std::ptr::eq(covered.root().document(), holder.document()) {
        return Err(DecryptionError::NotCovered);
    }
    let (document, content_key) = open(profile::read(holder)?, keys, limits)?;
    Ok(Decrypted {
        document,
        content_key,
        certificate_sha256: covered.certificate_sha256,
    })
}

/// Decrypts the element in `holder`, which stands in what a verified signature covers, with the
/// key of its content instead of one that unwraps it: as somebody reads evidence who was given the
/// signed bytes and [`Decrypted::content_key`].
///
/// # Errors
/// See [`DecryptionError`]; a key of another length is [`DecryptionError::Failed`].
pub fn decrypt_with_content_key(
    covered: Covered<'_>,
    holder: Element<'_>,
    key: ContentKey,
    limits: &Limits,
) -> Result<Decrypted, DecryptionError> {
    if !std::ptr::eq(covered.root().document(), holder.document()) {
        return Err(DecryptionError::NotCovered);
    }
    let sealed = profile::read(holder)?;
    if key.as_bytes().len() != sealed.cipher.key_len_bytes() {
        return Err(DecryptionError::Failed);
    }
    let document = cipher::open(sealed.cipher, key.as_bytes(), sealed.ciphertext)
        .and_then(|plaintext| plaintext::parse(&plaintext, sealed.data, limits))
        .ok_or(DecryptionError::Failed)?;
    Ok(Decrypted {
        document,
        content_key: key,
        certificate_sha256: covered.certificate_sha256,
    })
}

/// Decrypts the element in `holder`, which nobody has signed.
///
/// # Errors
/// See [`DecryptionError`]; AES-CBC is one.
///
/// # Security
/// Strangers choose what is decrypted, and learn whether it could be. That tells nothing with
/// RSA-OAEP and AES-GCM as long as the key's arithmetic takes the same time for all of it
/// (`AwsLcKey`); with others it would tell the plaintext.
pub fn insecure_decrypt_unsigned(
    holder: Element<'_>,
    keys: &[Arc<dyn KeyUnwrap>],
    limits: &Limits,
) -> Result<UnprovedPlaintext, DecryptionError> {
    let sealed = profile::read(holder)?;
    if !sealed.cipher.is_authenticated() {
        return Err(DecryptionError::UnsignedCbc);
    }
    let (document, _) = open(sealed, keys, limits)?;
    Ok(UnprovedPlaintext(document))
}

/// From here on every failure is the same failure.
fn open(
    sealed: Sealed<'_>,
    keys: &[Arc<dyn KeyUnwrap>],
    limits: &Limits,
) -> Result<(Document<'static>, ContentKey), DecryptionError> {
    if keys.is_empty() {
        return Err(DecryptionError::NoKeys);
    }
    let mut pairs = sealed
        .keys
        .iter()
        .flat_map(|wrapped| keys.iter().map(move |key| (wrapped, key)))
        .filter(|(wrapped, key)| key.supports(&wrapped.method))
        .peekable();
    if pairs.peek().is_none() {
        return Err(DecryptionError::UnsupportedKeyTransport);
    }
    let key_len = sealed.cipher.key_len_bytes();
    let unwrapped = pairs
        .filter_map(|(wrapped, key)| key.unwrap_key(&wrapped.method, &wrapped.bytes).ok())
        .find(|key| key.as_bytes().len() == key_len);
    // The content takes its time whether a key was found or not; what a useless key makes of it is
    // thrown away.
    let found = unwrapped.is_some();
    let content_key = unwrapped.unwrap_or_else(|| ContentKey::new(vec![0; key_len]));
    let plaintext = cipher::open(sealed.cipher, content_key.as_bytes(), sealed.ciphertext);
    let document = plaintext
        .filter(|_| found)
        .and_then(|plaintext| plaintext::parse(&plaintext, sealed.data, limits))
        .ok_or(DecryptionError::Failed)?;
    Ok((document, content_key))
}
