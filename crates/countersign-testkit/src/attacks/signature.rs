//! Writing signatures, right ones and wrong ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::c14n::{Canonicalization, canonicalize};
use countersign_dsig::xml::{Document, Limits};

use super::tree::DSIG;

pub(crate) const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub(super) const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
pub(crate) const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
pub(super) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

/// A `Signature` that is being written. `SignedInfo` is written in its canonical form, so that
/// what is signed is what is sent.
#[derive(Debug, Clone)]
pub(super) struct Template {
    /// The `Algorithm` of `CanonicalizationMethod`.
    pub(super) canonicalization: String,
    /// The `Algorithm` of `SignatureMethod`.
    pub(super) method: String,
    /// What is within `SignatureMethod`.
    pub(super) parameters: String,
    /// All `Reference` elements.
    pub(super) references: String,
    /// The `KeyInfo` element, or what stands in its place.
    pub(super) key_info: String,
}

impl Template {
    /// A signature over the element `id` with this digest, to the profile.
    pub(super) fn honest(id: &str, digest: &[u8]) -> Self {
        Self::over(reference(&format!("#{id}"), digest))
    }

    pub(super) fn over(references: String) -> Self {
        Self {
            canonicalization: EXCLUSIVE.to_owned(),
            method: RSA_SHA256.to_owned(),
            parameters: String::new(),
            references,
            key_info: String::new(),
        }
    }

    fn signed_info_as(&self, start_tag: &str) -> String {
        format!(
            concat!(
                "<{}>",
                "<ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod>",
                "<ds:SignatureMethod Algorithm=\"{}\">{}</ds:SignatureMethod>",
                "{}</ds:SignedInfo>"
            ),
            start_tag, self.canonicalization, self.method, self.parameters, self.references
        )
    }

    /// `SignedInfo` as it stands in the `Signature`.
    pub(super) fn signed_info(&self) -> String {
        self.signed_info_as("ds:SignedInfo")
    }

    /// The whole signature, its value made from the canonical form of `SignedInfo`.
    pub(super) fn signed_with(&self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let canonical = self.signed_info_as(&format!("ds:SignedInfo xmlns:ds=\"{DSIG}\""));
        self.with_value(&STANDARD.encode(sign(canonical.as_bytes())))
    }

    /// The whole signature with this text as its value.
    pub(super) fn with_value(&self, value: &str) -> String {
        format!(
            "<ds:Signature xmlns:ds=\"{DSIG}\">{}<ds:SignatureValue>{value}</ds:SignatureValue>{}</ds:Signature>",
            self.signed_info(),
            self.key_info
        )
    }
}

/// The two transforms of the profile.
pub(super) fn honest_transforms() -> String {
    transforms(&[ENVELOPED, EXCLUSIVE])
}

pub(super) fn transforms(algorithms: &[&str]) -> String {
    algorithms
        .iter()
        .map(|algorithm| transform(algorithm, ""))
        .collect()
}

pub(super) fn transform(algorithm: &str, content: &str) -> String {
    format!("<ds:Transform Algorithm=\"{algorithm}\">{content}</ds:Transform>")
}

/// A reference to the profile.
pub(super) fn reference(uri: &str, digest: &[u8]) -> String {
    let uri = format!(" URI=\"{uri}\"");
    reference_with(&uri, &honest_transforms(), SHA256, &STANDARD.encode(digest))
}

pub(super) fn reference_with(
    uri_attribute: &str,
    transforms: &str,
    digest_method: &str,
    digest: &str,
) -> String {
    format!(
        concat!(
            "<ds:Reference{}><ds:Transforms>{}</ds:Transforms>",
            "<ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod>",
            "<ds:DigestValue>{}</ds:DigestValue></ds:Reference>"
        ),
        uri_attribute, transforms, digest_method, digest
    )
}

/// A `KeyInfo` with certificates.
pub(super) fn key_info(certificates: &[&[u8]]) -> String {
    let certificates: String = certificates
        .iter()
        .map(|der| {
            let text = STANDARD.encode(der);
            format!("<ds:X509Certificate>{text}</ds:X509Certificate>")
        })
        .collect();
    format!("<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>")
}

/// The digest of the canonical form of an unsigned element that stands on its own, with the
/// algorithm of this identifier; `None` if there is no such form or algorithm.
pub(super) fn digest_of(element: &str, prefixes: &str, algorithm: &str) -> Option<Vec<u8>> {
    let document = Document::parse(element.as_bytes(), &Limits::default()).ok()?;
    let method = Canonicalization::exclusive()
        .with_inclusive_prefixes(prefixes)
        .ok()?;
    let canonical = canonicalize(document.root(), &method, None).ok()?;
    hash(&canonical, algorithm)
}

/// A digest by the identifier of its algorithm.
pub(crate) fn hash(bytes: &[u8], algorithm: &str) -> Option<Vec<u8>> {
    use ring::digest;
    let algorithm = match algorithm {
        SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        SHA256 => &digest::SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => &digest::SHA384,
        "http://www.w3.org/2001/04/xmlenc#sha512" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, bytes).as_ref().to_vec())
}
