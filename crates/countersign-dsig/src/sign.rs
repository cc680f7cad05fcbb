//! Signing an element the way SAML asks for it: enveloped, exclusive canonicalization, one
//! reference.
//!
//! For requests and metadata that a service provider signs, and for test identity providers.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaKeyPair,
};
use thiserror::Error;

use crate::algorithm::{
    DSIG_NAMESPACE, DigestAlgorithm, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N, SignatureAlgorithm,
};
use crate::base64;
use crate::c14n::{C14nError, Canonicalization, canonicalize};
use crate::signature::find_signature;
use crate::xml::{Document, Element, Limits, XmlError, is_ncname};

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

enum KeyPair {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A private key.
pub struct SigningKey(KeyPair);

impl SigningKey {
    /// Reads PKCS#8 in DER, unencrypted \[RFC 5208\]; the kind of key is found out.
    ///
    /// # Errors
    /// [`SignError::Key`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SignError> {
        let random = SystemRandom::new();
        let pair = if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            KeyPair::Rsa(Box::new(pair))
        } else if let Ok(pair) =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &random)
        {
            KeyPair::P256(pair)
        } else if let Ok(pair) =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der, &random)
        {
            KeyPair::P384(pair)
        } else if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            // OpenSSL writes version 1, without the public key.
            KeyPair::Ed25519(pair)
        } else {
            return Err(SignError::Key);
        };
        Ok(Self(pair))
    }

    /// The algorithm that it signs with unless told otherwise.
    #[must_use]
    pub const fn default_algorithm(&self) -> SignatureAlgorithm {
        match self.0 {
            KeyPair::Rsa(_) => SignatureAlgorithm::RsaSha256,
            KeyPair::P256(_) => SignatureAlgorithm::EcdsaSha256,
            KeyPair::P384(_) => SignatureAlgorithm::EcdsaSha384,
            KeyPair::Ed25519(_) => SignatureAlgorithm::Ed25519,
        }
    }

    /// Signs bytes.
    ///
    /// # Errors
    /// [`SignError::KeyMismatch`], [`SignError::InsecureAlgorithm`] or [`SignError::Failed`].
    pub fn sign(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, SignError> {
        use SignatureAlgorithm as A;
        let random = SystemRandom::new();
        let encoding: &dyn ring::signature::RsaEncoding = match (&self.0, algorithm) {
            (_, A::RsaSha1) => return Err(SignError::InsecureAlgorithm),
            (KeyPair::Rsa(_), A::RsaSha256) => &RSA_PKCS1_SHA256,
            (KeyPair::Rsa(_), A::RsaSha384) => &RSA_PKCS1_SHA384,
            (KeyPair::Rsa(_), A::RsaSha512) => &RSA_PKCS1_SHA512,
            (KeyPair::Rsa(_), A::RsaPssSha256) => &RSA_PSS_SHA256,
            (KeyPair::Rsa(_), A::RsaPssSha384) => &RSA_PSS_SHA384,
            (KeyPair::Rsa(_), A::RsaPssSha512) => &RSA_PSS_SHA512,
            (KeyPair::P256(pair), A::EcdsaSha256) | (KeyPair::P384(pair), A::EcdsaSha384) => {
                let signature = pair.sign(&random, message);
                return Ok(signature.map_err(|_| SignError::Failed)?.as_ref().to_vec());
            }
            (KeyPair::Ed25519(pair), A::Ed25519) => {
                return Ok(pair.sign(message).as_ref().to_vec());
            }
            _ => return Err(SignError::KeyMismatch),
        };
        let KeyPair::Rsa(pair) = &self.0 else {
            return Err(SignError::KeyMismatch);
        };
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(encoding, &random, message, &mut signature)
            .map_err(|_| SignError::Failed)?;
        Ok(signature)
    }
}

impl fmt::Debug for SigningKey {
    /// The kind of key only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.default_algorithm())
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
    if options.digest.is_legacy() {
        return Err(SignError::InsecureAlgorithm);
    }
    let document = Document::parse(xml, &Limits::default())?;
    let element = document
        .element_by_id(element_id)
        .filter(|_| is_ncname(element_id))
        .ok_or(SignError::NoSuchElement)?;
    if !matches!(find_signature(element), Ok(None)) {
        return Err(SignError::AlreadySigned);
    }
    let method = Canonicalization::exclusive().with_inclusive_prefixes(&options.prefix_list)?;
    let digest = options
        .digest
        .digest(&canonicalize(element, &method, None)?);
    let algorithm = options.algorithm.unwrap_or(key.default_algorithm());
    let template = Template {
        element_id,
        algorithm,
        digest_algorithm: options.digest,
        digest: base64::encode(digest.as_ref()),
        prefix_list: &options.prefix_list,
        certificate: options.certificate.as_deref(),
    };

    // The signature is put in without its value first: SignedInfo is canonicalized where it will
    // stand.
    let (head, tail) = around_signature(element);
    let (signature_head, signature_tail) = template.around_value();
    let unsigned = [&*head, &*signature_head, &*signature_tail, &*tail].concat();
    let unsigned = Document::parse(unsigned.as_bytes(), &Limits::default())?;
    let signed_info = unsigned
        .element_by_id(element_id)
        .and_then(|element| find_signature(element).ok().flatten())
        .and_then(|signature| signature.child(DSIG_NAMESPACE, "SignedInfo").ok().flatten())
        .ok_or(SignError::Failed)?;
    let signed_info = canonicalize(signed_info, &Canonicalization::exclusive(), None)?;
    let value = base64::encode(&key.sign(algorithm, &signed_info)?);
    Ok(
        [&*head, &*signature_head, &*value, &*signature_tail, &*tail]
            .concat()
            .into_bytes(),
    )
}

/// The document's text before and after the place of the signature.
fn around_signature(element: Element<'_>) -> (String, String) {
    let text = element.document().text();
    let split = |at: usize| text.split_at_checked(at).unwrap_or((text, ""));
    let (span, inner) = (element.span(), element.inner());
    if inner.start() == span.end() {
        // `<a/>` becomes `<a></a>`.
        let (head, tail) = split(span.end());
        let head = head.strip_suffix("/>").unwrap_or(head);
        return (
            format!("{head}>"),
            format!("</{}>{tail}", element.qualified_name()),
        );
    }
    let issuer = element
        .children()
        .find(|child| child.local_name() == "Issuer");
    let (head, tail) = split(issuer.map_or(inner.start(), |issuer| issuer.span().end()));
    (head.to_owned(), tail.to_owned())
}

/// What goes into a `Signature`. Every text here is base64, a URI of ours or an NCName, so none
/// needs escaping.
struct Template<'a> {
    element_id: &'a str,
    algorithm: SignatureAlgorithm,
    digest_algorithm: DigestAlgorithm,
    digest: String,
    prefix_list: &'a str,
    certificate: Option<&'a [u8]>,
}

impl Template<'_> {
    /// The `Signature` before and after the text of `SignatureValue`.
    fn around_value(&self) -> (String, String) {
        let inclusive = if self.prefix_list.is_empty() {
            String::new()
        } else {
            format!(
                r#"<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE_C14N}" PrefixList="{}"/>"#,
                self.prefix_list
            )
        };
        let key_info = match self.certificate {
            None => String::new(),
            Some(der) => format!(
                "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>",
                base64::encode(der)
            ),
        };
        let head = format!(
            concat!(
                r#"<ds:Signature xmlns:ds="{dsig}"><ds:SignedInfo>"#,
                r#"<ds:CanonicalizationMethod Algorithm="{c14n}"/>"#,
                r#"<ds:SignatureMethod Algorithm="{algorithm}"/>"#,
                r##"<ds:Reference URI="#{id}"><ds:Transforms>"##,
                r#"<ds:Transform Algorithm="{enveloped}"/>"#,
                r#"<ds:Transform Algorithm="{c14n}">{inclusive}</ds:Transform>"#,
                r#"</ds:Transforms><ds:DigestMethod Algorithm="{digest_algorithm}"/>"#,
                r#"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"#,
                r#"<ds:SignatureValue>"#,
            ),
            dsig = DSIG_NAMESPACE,
            c14n = EXCLUSIVE_C14N,
            algorithm = self.algorithm.uri(),
            id = self.element_id,
            enveloped = ENVELOPED_SIGNATURE,
            inclusive = inclusive,
            digest_algorithm = self.digest_algorithm.uri(),
            digest = self.digest,
        );
        (
            head,
            format!("</ds:SignatureValue>{key_info}</ds:Signature>"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::VerificationKey;
    use crate::signature::{SignaturePolicy, verify_enveloped};
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

    #[test]
    fn debug_output_shows_no_key() {
        assert_eq!(format!("{:?}", idp()), "SigningKey(EcdsaSha256)");
    }
}
