//! Why a signature was not accepted.

use thiserror::Error;

use crate::c14n::C14nError;

/// A signature was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The caller pinned no key: nothing could ever verify.
    #[error("no key to verify with was given")]
    NoKeys,
    /// The element has no signature of its own.
    #[error("the element is not signed")]
    Missing,
    /// The element has more than one signature.
    #[error("the element has several signatures")]
    SeveralSignatures,
    /// `Signature` holds anything but `SignedInfo`, `SignatureValue` and, last, perhaps `KeyInfo`,
    /// each once \[XMLDSig §4.2; SAML-Core §5.4.2, which has no use for `Object`\].
    #[error("the signature holds what it should not")]
    SignatureContent,
    /// `SignedInfo` holds anything but its two methods and references, or something in it holds
    /// what it should not \[XMLDSig §4.4\].
    #[error("the signed info holds what it should not")]
    SignedInfoContent,
    /// There is no `Reference`, or more than one \[SAML-Core §5.4.2\].
    #[error("the signature has not exactly one reference")]
    ReferenceCount,
    /// A comment in `SignedInfo` or `SignatureValue`. Canonicalization would drop it; parsers
    /// differ in what text they read around it (CVE-2025-29775).
    #[error("a comment in the signature")]
    Comment,
    /// `SignatureValue` or `DigestValue` is not canonical base64.
    #[error("a value in the signature is not base64")]
    Base64,
    /// The canonicalization method is none that the policy accepts.
    #[error("an unsupported canonicalization method")]
    CanonicalizationMethod,
    /// The signature method is none that exists here.
    #[error("an unsupported signature method")]
    SignatureMethod,
    /// The digest method is none that exists here.
    #[error("an unsupported digest method")]
    DigestMethod,
    /// The algorithm exists here, but only under
    /// [`insecure_legacy_algorithms`](super::SignaturePolicy::insecure_legacy_algorithms).
    #[error("an algorithm that is not secure any more")]
    InsecureAlgorithm,
    /// The transforms are not enveloped-signature and exclusive canonicalization, in this order
    /// \[SAML-Core §5.4.4\].
    #[error("unsupported transforms")]
    Transforms,
    /// The reference's URI is not `#` and an ID \[SAML-Core §5.4.2\].
    #[error("the reference does not name an element of the document")]
    ReferenceUri,
    /// The reference leads to another element than the one that was asked about, or to none.
    #[error("the signature covers another element")]
    ReferenceTarget,
    /// No key is of the kind that the algorithm needs.
    #[error("no key fits the signature's algorithm")]
    KeyMismatch,
    /// The keys that fit are too weak.
    #[error("the key is too weak")]
    WeakKey,
    /// No key made this signature.
    #[error("the signature does not verify")]
    SignatureInvalid,
    /// The signature is genuine, the element was changed.
    #[error("the digest does not match")]
    DigestMismatch,
    /// The element or `SignedInfo` can not be canonicalized.
    #[error("the signed element can not be canonicalized")]
    Canonicalization(#[source] C14nError),
}

impl SignatureError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoKeys => "dsig.no_keys",
            Self::Missing => "dsig.missing",
            Self::SeveralSignatures => "dsig.several_signatures",
            Self::SignatureContent => "dsig.signature_content",
            Self::SignedInfoContent => "dsig.signed_info_content",
            Self::ReferenceCount => "dsig.reference_count",
            Self::Comment => "dsig.comment",
            Self::Base64 => "dsig.base64",
            Self::CanonicalizationMethod => "dsig.canonicalization_method",
            Self::SignatureMethod => "dsig.signature_method",
            Self::DigestMethod => "dsig.digest_method",
            Self::InsecureAlgorithm => "dsig.insecure_algorithm",
            Self::Transforms => "dsig.transforms",
            Self::ReferenceUri => "dsig.reference_uri",
            Self::ReferenceTarget => "dsig.reference_target",
            Self::KeyMismatch => "dsig.key_mismatch",
            Self::WeakKey => "dsig.weak_key",
            Self::SignatureInvalid => "dsig.signature_invalid",
            Self::DigestMismatch => "dsig.digest_mismatch",
            Self::Canonicalization(error) => error.code(),
        }
    }
}

impl From<C14nError> for SignatureError {
    fn from(error: C14nError) -> Self {
        Self::Canonicalization(error)
    }
}
