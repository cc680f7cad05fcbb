//! Canonicalization: one octet sequence for all spellings of the same element.
//!
//! [`canonicalize`] writes exclusive canonical XML 1.0 \[EXC-C14N\], which is what SAML signs with,
//! and, for hosts that name it, inclusive canonical XML 1.0 and 1.1 \[C14N, C14N11\]. The input is
//! always one element with everything in it, less at most one element: the signature that the
//! enveloped-signature transform takes out \[XMLDSig §6.6.4\].
//!
//! ```
//! use countersign_dsig::c14n::{Canonicalization, canonicalize};
//! use countersign_dsig::xml::{Document, Limits};
//!
//! let xml = br#"<a xmlns:q="urn:q" xmlns:p="urn:p"><p:b  y='2' x="1" /><!-- gone --></a>"#;
//! let document = Document::parse(xml, &Limits::default())?;
//! let bytes = canonicalize(document.root(), &Canonicalization::exclusive(), None)?;
//! assert_eq!(bytes, br#"<a><p:b xmlns:p="urn:p" x="1" y="2"></p:b></a>"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod method;
mod writer;

use thiserror::Error;

use crate::xml::{Document, Element, Limits};

pub use method::Canonicalization;

/// An element can not be canonicalized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum C14nError {
    /// A namespace URI without a scheme is in scope \[C14N §1.3\].
    #[error("a relative namespace uri")]
    RelativeNamespace,
    /// The canonical form would be many times as long as the document: namespaces declared once
    /// and rendered again in thousands of places.
    #[error("the canonical form is too large")]
    TooLarge,
    /// The element to leave out is the whole input.
    #[error("nothing is left to canonicalize")]
    NothingLeft,
    /// An ancestor has `xml:base`, which C14N 1.1 would join with others \[C14N11 §2.4\].
    #[error("an inherited `xml:base`")]
    InheritedBase,
    /// The `PrefixList` is too long or holds what is no prefix \[EXC-C14N §3\].
    #[error("a bad list of inclusive namespace prefixes")]
    BadPrefixList,
}

impl C14nError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RelativeNamespace => "c14n.relative_namespace",
            Self::TooLarge => "c14n.too_large",
            Self::NothingLeft => "c14n.nothing_left",
            Self::InheritedBase => "c14n.inherited_base",
            Self::BadPrefixList => "c14n.bad_prefix_list",
        }
    }
}

/// The canonical form of `element` and everything in it, without `omit`.
///
/// The result starts with the element's start tag, so it is never empty.
///
/// # Errors
/// See [`C14nError`]; nothing partial is ever returned.
///
/// # Security
/// The length of the result is bounded by a multiple of the document's.
pub fn canonicalize(
    element: Element<'_>,
    method: &Canonicalization,
    omit: Option<Element<'_>>,
) -> Result<Vec<u8>, C14nError> {
    canonical_document(element, method, omit).map(Document::into_bytes)
}

/// As [`canonicalize`], with the tree over those very bytes: what [`Document::parse`] would make
/// of them, without reading them again.
///
/// The tree is written in the same pass as the bytes and points into them alone. It is equal to
/// that of a parse in every record; a build with debug assertions compares them each time.
///
/// # Errors
/// See [`C14nError`]; nothing partial is ever returned.
///
/// # Security
/// The result is within the [`Limits`] that `element`'s own document kept, but for these: it may be
/// longer, up to the bound of [`canonicalize`]; one element may declare as many namespaces as were
/// in scope; and by an inclusive method the outermost may have the attributes of the `xml`
/// namespace that stood above it.
pub fn canonical_document(
    element: Element<'_>,
    method: &Canonicalization,
    omit: Option<Element<'_>>,
) -> Result<Document<'static>, C14nError> {
    if omit == Some(element) {
        return Err(C14nError::NothingLeft);
    }
    let document = writer::write(element, method, omit)?;
    debug_assert!(
        Document::parse(document.text().as_bytes(), &Limits::NONE).as_ref() == Ok(&document),
        "a canonical form and its tree disagree"
    );
    Ok(document)
}

#[cfg(test)]
mod tests;
