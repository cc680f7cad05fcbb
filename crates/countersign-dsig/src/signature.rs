//! Verifying the enveloped signature of an element, to SAML's profile and nothing more.
//!
//! The order is what keeps a stranger's bytes from steering the verifier:
//!
//! 1. The keys are those that the caller pinned. `KeyInfo` is never read.
//! 2. The one `Signature` is a direct child of the element that the caller asks about. Its
//!    `SignedInfo` is canonicalized.
//! 3. `SignatureValue` is verified over those canonical bytes.
//! 4. Only then is the `Reference` read, from the tree over those same bytes.
//! 5. Its URI has to lead back, by node identity, to the very element that the caller asked about.
//! 6. The element is canonicalized without the signature, and its digest compared.
//! 7. What comes out is the digest's preimage, a [`SignedElement`], with the tree over it. Claims
//!    are read from it.
//!
//! Both times the tree is that of [`canonical_document`]: written together with the bytes, it
//! points into nothing else, and is what a parse of the bytes would give.
//!
//! So wrapping an element, moving one, or adding another with the same name changes nothing: the
//! caller never gets an element of the document back, only bytes that were signed and their tree.
//!
//! ```
//! use countersign_dsig::key::VerificationKey;
//! use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped};
//! use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
//! use countersign_dsig::xml::{Document, Limits};
//! # use countersign_testkit::keys;
//! # let (pkcs8, certificate) = (keys::IDP_P256_PKCS8, keys::IDP_P256_CERTIFICATE);
//!
//! let xml = br#"<a ID="_1"><b>signed</b></a>"#;
//! let signed = sign_enveloped(
//!     xml,
//!     "_1",
//!     &SigningKey::from_pkcs8(pkcs8)?,
//!     &SigningOptions::default(),
//! )?;
//!
//! let document = Document::parse(&signed, &Limits::default())?;
//! let pinned = [VerificationKey::from_certificate_der(certificate)?];
//! let element = verify_enveloped(document.root(), &pinned, &SignaturePolicy::default())?;
//! assert_eq!(element.canonical_bytes(), xml);
//! assert_eq!(element.root().children().count(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod policy;
mod profile;

use std::sync::Arc;

use countersign_core::Sha256Digest;

use crate::algorithm::{DSIG_NAMESPACE, DigestAlgorithm, SignatureAlgorithm};
use crate::c14n::canonical_document;
use crate::key::{Verdict, VerificationKey, sha256, sha256_of};
use crate::xml::{Document, Element};

pub use error::SignatureError;
pub use policy::SignaturePolicy;

/// The `Signature` that is a direct child of `parent`; `None` if there is none.
///
/// # Errors
/// [`SignatureError::SeveralSignatures`] if there are two.
pub fn find_signature(parent: Element<'_>) -> Result<Option<Element<'_>>, SignatureError> {
    parent
        .child(DSIG_NAMESPACE, "Signature")
        .map_err(|_| SignatureError::SeveralSignatures)
}

/// Verifies the enveloped signature of `signed` and gives the bytes that it covers.
///
/// Every key of `keys` is tried whose kind fits the signature's algorithm, in their order.
///
/// # Errors
/// See [`SignatureError`]; a missing signature is an error too. Nothing about the content of
/// `signed` can be learned from an error.
///
/// # Security
/// Neither the element nor its document is verified by this, only the bytes in the result. Read
/// claims from those, which is from [`SignedElement::root`].
pub fn verify_enveloped(
    signed: Element<'_>,
    keys: &[VerificationKey],
    policy: &SignaturePolicy,
) -> Result<SignedElement, SignatureError> {
    if keys.is_empty() {
        return Err(SignatureError::NoKeys);
    }
    let signature = find_signature(signed)?.ok_or(SignatureError::Missing)?;
    let parts = profile::read_signature(signature)?;
    let methods = profile::read_methods(parts.signed_info, policy)?;
    let signed_info = canonical_document(parts.signed_info, &methods.canonicalization, None)?;
    let message = signed_info.text().as_bytes();
    let key = check_value(keys, methods.algorithm, policy, message, &parts.value)?;

    // From here on SignedInfo is what the key's holder wrote.
    if profile::read_methods(signed_info.root(), policy)? != methods {
        return Err(SignatureError::SignedInfoContent);
    }
    let reference = profile::read_reference(signed_info.root(), policy)?;
    // By node identity, not by name: the element with this ID is the signature's parent
    // [SAML-Core §5.4.2].
    if signed.document().element_by_id(&reference.id) != Some(signed) {
        return Err(SignatureError::ReferenceTarget);
    }
    let document = canonical_document(signed, &reference.canonicalization, Some(signature))?;
    let bytes = document.text().as_bytes();
    let digest = reference.digest_algorithm.digest(bytes);
    if digest.as_ref() != reference.digest_value.as_slice() {
        return Err(SignatureError::DigestMismatch);
    }
    let sha256 = match reference.digest_algorithm {
        DigestAlgorithm::Sha256 => sha256_of(digest),
        _ => sha256(bytes),
    };
    Ok(SignedElement {
        document,
        sha256,
        signed_info: signed_info.into_bytes(),
        value: parts.value,
        key: Arc::clone(key.encoded()),
        certificate_sha256: key.certificate_sha256(),
        algorithm: methods.algorithm,
    })
}

/// Verifies a signature over bytes that stand beside it, as in the query of a redirect
/// \[SAML-Bindings §3.4.4.1\], and gives the key that made it. The same algorithms and keys are
/// accepted as for an enveloped signature.
///
/// # Errors
/// [`SignatureError::NoKeys`], [`SignatureError::InsecureAlgorithm`],
/// [`SignatureError::KeyMismatch`], [`SignatureError::WeakKey`] or
/// [`SignatureError::SignatureInvalid`].
pub fn verify_detached<'k>(
    keys: &'k [VerificationKey],
    algorithm: SignatureAlgorithm,
    policy: &SignaturePolicy,
    message: &[u8],
    value: &[u8],
) -> Result<&'k VerificationKey, SignatureError> {
    if keys.is_empty() {
        return Err(SignatureError::NoKeys);
    }
    if algorithm.is_legacy() && !policy.accepts_legacy() {
        return Err(SignatureError::InsecureAlgorithm);
    }
    check_value(keys, algorithm, policy, message, value)
}

/// Finds the key that made the signature; else the error of the key that came nearest.
fn check_value<'k>(
    keys: &'k [VerificationKey],
    algorithm: SignatureAlgorithm,
    policy: &SignaturePolicy,
    message: &[u8],
    value: &[u8],
) -> Result<&'k VerificationKey, SignatureError> {
    let mut nearest = Verdict::OtherFamily;
    for key in keys {
        let verdict = key.check(algorithm, policy.accepts_legacy(), message, value);
        if verdict == Verdict::Valid {
            return Ok(key);
        }
        nearest = nearest.max(verdict);
    }
    Err(match nearest {
        Verdict::OtherFamily => SignatureError::KeyMismatch,
        Verdict::Weak => SignatureError::WeakKey,
        Verdict::Invalid | Verdict::Valid => SignatureError::SignatureInvalid,
    })
}

/// What a verified signature covers: the canonical form of one element, without the signature.
///
/// Only [`verify_enveloped`] makes one. INVARIANT: `document` is the one whose text was digested;
/// nothing puts another in its place.
#[derive(Clone)]
pub struct SignedElement {
    document: Document<'static>,
    sha256: Sha256Digest,
    signed_info: Vec<u8>,
    value: Vec<u8>,
    key: Arc<[u8]>,
    certificate_sha256: Option<Sha256Digest>,
    algorithm: SignatureAlgorithm,
}

impl SignedElement {
    /// The bytes whose digest was signed.
    #[must_use]
    pub fn canonical_bytes(&self) -> &[u8] {
        self.document.text().as_bytes()
    }

    /// The element that those bytes are: all that it says was signed.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        self.document.root()
    }

    /// The same, as a value.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.document.into_bytes()
    }

    /// The SHA-256 of the bytes, whatever the signature digested them with.
    #[must_use]
    pub const fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// The canonical `SignedInfo`: exactly the bytes that the signature was verified over. They
    /// hold the digest of [`SignedElement::canonical_bytes`] \[XMLDSig §3.2.2\].
    #[must_use]
    pub fn signed_info(&self) -> &[u8] {
        &self.signed_info
    }

    /// The decoded `SignatureValue`; of ECDSA r and s side by side \[RFC 9231 §2.3.6\].
    #[must_use]
    pub fn signature_value(&self) -> &[u8] {
        &self.value
    }

    /// The pinned key that verified it, as [`VerificationKey::encoded`] has it.
    #[must_use]
    pub fn verified_by(&self) -> &[u8] {
        &self.key
    }

    /// The local name of the element.
    #[must_use]
    pub fn local_name(&self) -> &str {
        self.root().local_name()
    }

    /// The SHA-256 of the certificate whose key verified it; `None` if that key was a bare one.
    #[must_use]
    pub const fn certificate_sha256(&self) -> Option<Sha256Digest> {
        self.certificate_sha256
    }

    /// The identifier of the signature algorithm.
    #[must_use]
    pub const fn signature_algorithm(&self) -> &'static str {
        self.algorithm.uri()
    }
}

impl std::fmt::Debug for SignedElement {
    /// Without the bytes: they are personal data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedElement")
            .field("local_name", &self.local_name())
            .field("sha256", &self.sha256)
            .field("certificate_sha256", &self.certificate_sha256)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
