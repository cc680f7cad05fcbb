//! Signing an element the way SAML asks for it: enveloped, exclusive canonicalization, one
//! reference.
//!
//! For requests and metadata that a service provider signs, and for test identity providers. With
//! a [`SigningKey`] in memory there is [`sign_enveloped`]; with a key that lives elsewhere, behind
//! the port [`MessageSigner`], there is [`sign_enveloped_with`]. Both prepare the same bytes.

mod key;
mod unsigned;

use thiserror::Error;

use self::unsigned::Unsigned;
use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::c14n::C14nError;
use crate::signer::{MessageSigner, SignerError};
use crate::xml::XmlError;

pub use self::key::SigningKey;

/// An element was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The private key is not PKCS#8 in DER of RSA (2048 to 4096 bits), P-256, P-384 or Ed25519.
    #[error("not a supported private key in pkcs#8")]
    Key,
    /// The algorithm is not one of the key's family.
    #[error("the key can not sign with this algorithm")]
    KeyMismatch,
    /// SHA-1 is verified on demand, never written.
    #[error("an algorithm that is not secure any more")]
    InsecureAlgorithm,
    /// The ID is no `NCName`, or no element has it.
    #[error("no element has this id")]
    NoSuchElement,
    /// The element has a signature already.
    #[error("the element is signed already")]
    AlreadySigned,
    /// The document is refused.
    #[error("the document can not be parsed")]
    Xml(#[source] XmlError),
    /// The element or the list of inclusive prefixes is refused.
    #[error("the element can not be canonicalized")]
    Canonicalization(#[source] C14nError),
    /// The system has no random bytes, or the key is inconsistent.
    #[error("signing failed")]
    Failed,
}

impl SignError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Key => "sign.key",
            Self::KeyMismatch => "sign.key_mismatch",
            Self::InsecureAlgorithm => "sign.insecure_algorithm",
            Self::NoSuchElement => "sign.no_such_element",
            Self::AlreadySigned => "sign.already_signed",
            Self::Xml(error) => error.code(),
            Self::Canonicalization(error) => error.code(),
            Self::Failed => "sign.failed",
        }
    }
}

impl From<XmlError> for SignError {
    fn from(error: XmlError) -> Self {
        Self::Xml(error)
    }
}

impl From<C14nError> for SignError {
    fn from(error: C14nError) -> Self {
        Self::Canonicalization(error)
    }
}

/// An element was not signed by a [`MessageSigner`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignWithError {
    /// There is nothing that could be signed.
    #[error("{0}")]
    Element(SignError),
    /// The signer failed.
    #[error("the signing backend failed")]
    Signer(#[source] SignerError),
}

impl SignWithError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Element(error) => error.code(),
            Self::Signer(_) => "sign.signer",
        }
    }
}

impl From<SignError> for SignWithError {
    fn from(error: SignError) -> Self {
        Self::Element(error)
    }
}

impl From<SignerError> for SignWithError {
    fn from(error: SignerError) -> Self {
        Self::Signer(error)
    }
}

/// How to sign; by default with the key's own algorithm, SHA-256, and no certificate.
#[derive(Debug, Clone)]
pub struct SigningOptions {
    algorithm: Option<SignatureAlgorithm>,
    digest: DigestAlgorithm,
    certificate: Option<Vec<u8>>,
    prefix_list: String,
}

impl Default for SigningOptions {
    fn default() -> Self {
        Self {
            algorithm: None,
            digest: DigestAlgorithm::Sha256,
            certificate: None,
            prefix_list: String::new(),
        }
    }
}

impl SigningOptions {
    /// Signs with this algorithm.
    #[must_use]
    pub const fn algorithm(mut self, algorithm: SignatureAlgorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Digests the element with this hash function.
    #[must_use]
    pub const fn digest(mut self, digest: DigestAlgorithm) -> Self {
        self.digest = digest;
        self
    }

    /// Puts this certificate (DER) into `KeyInfo`. No verifier of ours reads it.
    #[must_use]
    pub fn certificate_der(mut self, der: &[u8]) -> Self {
        self.certificate = Some(der.to_vec());
        self
    }

    /// Keeps these prefixes although no name uses them, such as `xs` for the values of `xsi:type`
    /// \[EXC-C14N §3\].
    #[must_use]
    pub fn inclusive_prefixes(mut self, prefix_list: &str) -> Self {
        self.prefix_list = prefix_list
            .split_ascii_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        self
    }
}

/// Signs the element whose ID is `element_id` and gives the document with the signature in it:
/// right after the first child named `Issuer`, where SAML's schema wants it, else as first child.
///
/// # Errors
/// See [`SignError`].
pub fn sign_enveloped(
    xml: &[u8],
    element_id: &str,
    key: &SigningKey,
    options: &SigningOptions,
) -> Result<Vec<u8>, SignError> {
    let algorithm = options.algorithm.unwrap_or(key.default_algorithm());
    let unsigned = Unsigned::prepare(xml, element_id, algorithm, options)?;
    let value = key.sign(algorithm, unsigned.signed_info())?;
    Ok(unsigned.complete(&value))
}

/// The same with a key that lives elsewhere. The signer's algorithm is used.
///
/// # Errors
/// See [`SignWithError`]; [`SignError::KeyMismatch`] if the options name another algorithm than
/// the signer's.
///
/// # Cancellation
/// Nothing is lost if the future is dropped; the signer may have signed in vain.
///
/// ```
/// use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped_with};
/// use countersign_dsig::signer::MessageSigner;
/// # let pkcs8 = countersign_testkit::keys::OTHER_RSA_2048_PKCS8;
/// # pollster::block_on(async {
///
/// let signer: &dyn MessageSigner = &SigningKey::from_pkcs8(pkcs8)?;
/// let xml = br#"<a ID="_1"/>"#;
/// let signed = sign_enveloped_with(xml, "_1", signer, &SigningOptions::default()).await?;
/// assert!(signed.starts_with(br#"<a ID="_1"><ds:Signature "#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub async fn sign_enveloped_with(
    xml: &[u8],
    element_id: &str,
    signer: &dyn MessageSigner,
    options: &SigningOptions,
) -> Result<Vec<u8>, SignWithError> {
    let algorithm = signer.algorithm();
    if options.algorithm.is_some_and(|named| named != algorithm) {
        return Err(SignError::KeyMismatch.into());
    }
    let unsigned = Unsigned::prepare(xml, element_id, algorithm, options)?;
    let value = signer.sign(unsigned.signed_info()).await?;
    Ok(unsigned.complete(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::VerificationKey;
    use crate::signature::{SignaturePolicy, verify_enveloped};
    use crate::xml::{Document, Limits};
    use async_trait::async_trait;
    use countersign_testkit::keys;

    const XML: &[u8] = b"<p:r xmlns:p='urn:p' xmlns:xs='urn:xs' ID='_r'>\r\n<Issuer>i</Issuer><a ID='_a' t='xs:x'/></p:r>";

    fn idp() -> SigningKey {
        SigningKey::from_pkcs8(keys::IDP_P256_PKCS8).unwrap()
    }

    /// Signs `id`, verifies it and gives the canonical bytes that were signed.
    #[track_caller]
    fn signed(pkcs8: &[u8], certificate: &[u8], id: &str, options: &SigningOptions) -> String {
        let key = SigningKey::from_pkcs8(pkcs8).unwrap();
        let xml = sign_enveloped(XML, id, &key, options).unwrap();
        let document = Document::parse(&xml, &Limits::default()).unwrap();
        let pinned = [VerificationKey::from_certificate_der(certificate).unwrap()];
        let element = document.element_by_id(id).unwrap();
        let signed = verify_enveloped(element, &pinned, &SignaturePolicy::default()).unwrap();
        let algorithm = options.algorithm.unwrap_or(key.default_algorithm());
        assert_eq!(signed.signature_algorithm(), algorithm.uri());
        String::from_utf8(signed.into_bytes()).unwrap()
    }

    #[test]
    fn every_algorithm_signs_what_verification_accepts() {
        use SignatureAlgorithm as A;
        let rsa = (keys::IDP_RSA_2048_PKCS8, keys::IDP_RSA_2048_CERTIFICATE);
        let p256 = (keys::IDP_P256_PKCS8, keys::IDP_P256_CERTIFICATE);
        let p384 = (keys::IDP_P384_PKCS8, keys::IDP_P384_CERTIFICATE);
        let ed25519 = (keys::IDP_ED25519_PKCS8, keys::IDP_ED25519_CERTIFICATE);
        for ((pkcs8, certificate), algorithm) in [
            (rsa, A::RsaSha256),
            (rsa, A::RsaSha384),
            (rsa, A::RsaSha512),
            (rsa, A::RsaPssSha256),
            (rsa, A::RsaPssSha384),
            (rsa, A::RsaPssSha512),
            (p256, A::EcdsaSha256),
            (p384, A::EcdsaSha384),
            (ed25519, A::Ed25519),
        ] {
            for digest in [
                DigestAlgorithm::Sha256,
                DigestAlgorithm::Sha384,
                DigestAlgorithm::Sha512,
            ] {
                let options = SigningOptions::default()
                    .algorithm(algorithm)
                    .digest(digest)
                    .certificate_der(certificate);
                signed(pkcs8, certificate, "_r", &options);
            }
        }
    }

    #[test]
    fn the_signature_stands_right_after_the_issuer_or_first() {
        let xml = sign_enveloped(XML, "_r", &idp(), &SigningOptions::default()).unwrap();
        let text = String::from_utf8(xml.clone()).unwrap();
        assert!(text.contains("</Issuer><ds:Signature "), "{text}");
        let both = sign_enveloped(&xml, "_a", &idp(), &SigningOptions::default()).unwrap();
        let text = String::from_utf8(both).unwrap();
        assert!(
            text.contains("<a ID='_a' t='xs:x'><ds:Signature "),
            "{text}"
        );
        assert!(text.contains("</ds:Signature></a></p:r>"), "{text}");
    }

    #[test]
    fn listed_prefixes_are_signed() {
        let options = SigningOptions::default().inclusive_prefixes(" xs\n#default ");
        let bytes = signed(
            keys::IDP_P256_PKCS8,
            keys::IDP_P256_CERTIFICATE,
            "_a",
            &options,
        );
        assert_eq!(bytes, "<a xmlns:xs=\"urn:xs\" ID=\"_a\" t=\"xs:x\"></a>");
        let options = SigningOptions::default().inclusive_prefixes("\"/>");
        assert_eq!(
            sign_enveloped(XML, "_a", &idp(), &options)
                .unwrap_err()
                .code(),
            "c14n.bad_prefix_list"
        );
    }

    #[test]
    fn what_can_not_be_signed_is_an_error() {
        let sign = |xml: &[u8], id: &str, options: &SigningOptions| {
            sign_enveloped(xml, id, &idp(), options).unwrap_err()
        };
        let options = SigningOptions::default();
        assert_eq!(sign(XML, "_x", &options), SignError::NoSuchElement);
        assert_eq!(
            sign(b"<a ID='1 2'/>", "1 2", &options),
            SignError::NoSuchElement
        );
        assert_eq!(
            sign(b"<a ID='_a'>", "_a", &options).code(),
            "xml.unclosed_element"
        );
        let once = sign_enveloped(XML, "_a", &idp(), &options).unwrap();
        assert_eq!(sign(&once, "_a", &options), SignError::AlreadySigned);
        assert_eq!(
            sign(
                XML,
                "_a",
                &options.clone().algorithm(SignatureAlgorithm::RsaSha256)
            ),
            SignError::KeyMismatch
        );
        assert_eq!(
            sign(
                XML,
                "_a",
                &options.clone().algorithm(SignatureAlgorithm::RsaSha1)
            ),
            SignError::InsecureAlgorithm
        );
        assert_eq!(
            sign(XML, "_a", &options.digest(DigestAlgorithm::Sha1)),
            SignError::InsecureAlgorithm
        );
    }

    /// ring signs with nothing under 2048 bits.
    #[test]
    fn weak_and_broken_private_keys_are_refused() {
        for der in [
            &b""[..],
            b"\x30\x00",
            keys::WEAK_RSA_1024_PKCS8,
            keys::IDP_P256_CERTIFICATE,
        ] {
            assert_eq!(SigningKey::from_pkcs8(der).unwrap_err(), SignError::Key);
        }
    }

    /// A key far away: it signs, or the line is down.
    #[derive(Debug)]
    struct Remote {
        key: Option<SigningKey>,
    }

    #[async_trait]
    impl MessageSigner for Remote {
        fn algorithm(&self) -> SignatureAlgorithm {
            SignatureAlgorithm::EcdsaSha256
        }

        async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
            match &self.key {
                Some(key) => MessageSigner::sign(key, message).await,
                None => Err(SignerError::new("the line is down")),
            }
        }
    }

    #[test]
    fn a_remote_key_signs_the_same_bytes() {
        let remote = Remote { key: Some(idp()) };
        for id in ["_r", "_a"] {
            let options = SigningOptions::default().inclusive_prefixes("xs");
            let xml = pollster::block_on(sign_enveloped_with(XML, id, &remote, &options)).unwrap();
            let local = sign_enveloped(XML, id, &idp(), &options).unwrap();
            // ECDSA is random, so only the lengths of the values agree.
            let at = |xml: &[u8]| {
                let text = String::from_utf8(xml.to_vec()).unwrap();
                text.split("SignatureValue>")
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let (remote, local) = (at(&xml), at(&local));
            assert_eq!((&remote[0], &remote[2]), (&local[0], &local[2]));
            let document = Document::parse(&xml, &Limits::default()).unwrap();
            let pinned =
                [VerificationKey::from_certificate_der(keys::IDP_P256_CERTIFICATE).unwrap()];
            let element = document.element_by_id(id).unwrap();
            verify_enveloped(element, &pinned, &SignaturePolicy::default()).unwrap();
        }
    }

    #[test]
    fn a_remote_key_that_fails_signs_nothing() {
        let sign = |key: Option<SigningKey>, options: &SigningOptions| {
            let remote: Box<dyn MessageSigner> = Box::new(Remote { key });
            let signed = sign_enveloped_with(XML, "_a", &remote, options);
            pollster::block_on(signed).unwrap_err().code()
        };
        assert_eq!(sign(None, &SigningOptions::default()), "sign.signer");
        let other = SigningOptions::default().algorithm(SignatureAlgorithm::Ed25519);
        assert_eq!(sign(Some(idp()), &other), "sign.key_mismatch");
    }

    #[test]
    fn a_key_is_bound_to_an_algorithm_of_its_family() {
        let rsa = || SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap();
        let pss = rsa()
            .with_algorithm(SignatureAlgorithm::RsaPssSha256)
            .unwrap();
        assert_eq!(
            MessageSigner::algorithm(&pss),
            SignatureAlgorithm::RsaPssSha256
        );
        for (algorithm, error) in [
            (SignatureAlgorithm::RsaSha1, SignError::InsecureAlgorithm),
            (SignatureAlgorithm::EcdsaSha256, SignError::KeyMismatch),
        ] {
            assert_eq!(rsa().with_algorithm(algorithm).unwrap_err(), error);
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        assert_eq!(format!("{:?}", idp()), "SigningKey(EcdsaSha256)");
    }
}
