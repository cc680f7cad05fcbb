//! An element with everything of its signature but the value.

use super::{SignError, SigningOptions};
use crate::algorithm::{
    DSIG_NAMESPACE, DigestAlgorithm, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N, SignatureAlgorithm,
};
use crate::base64;
use crate::c14n::{Canonicalization, canonicalize};
use crate::signature::find_signature;
use crate::xml::{Document, Element, Limits, is_ncname};

/// A document that lacks one signature value. Whoever makes the value, in memory or far away,
/// signs [`Unsigned::signed_info`].
pub(super) struct Unsigned {
    signed_info: Vec<u8>,
    before: String,
    after: String,
}

impl Unsigned {
    /// Digests the element and puts its signature in, without a value.
    pub(super) fn prepare(
        xml: &[u8],
        element_id: &str,
        algorithm: SignatureAlgorithm,
        options: &SigningOptions,
    ) -> Result<Self, SignError> {
        if options.digest.is_legacy() || algorithm.is_legacy() {
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
        let template = Template {
            element_id,
            algorithm,
            digest_algorithm: options.digest,
            digest: base64::encode(digest.as_ref()),
            prefix_list: &options.prefix_list,
            certificate: options.certificate.as_deref(),
        };

        // The signature is put in without its value first: SignedInfo is canonicalized where it
        // will stand.
        let (head, tail) = around_signature(element);
        let (signature_head, signature_tail) = template.around_value();
        let (before, after) = (head + &signature_head, signature_tail + &tail);
        let unsigned = [&*before, &*after].concat();
        let unsigned = Document::parse(unsigned.as_bytes(), &Limits::default())?;
        let signed_info = unsigned
            .element_by_id(element_id)
            .and_then(|element| find_signature(element).ok().flatten())
            .and_then(|signature| signature.child(DSIG_NAMESPACE, "SignedInfo").ok().flatten())
            .ok_or(SignError::Failed)?;
        Ok(Self {
            signed_info: canonicalize(signed_info, &Canonicalization::exclusive(), None)?,
            before,
            after,
        })
    }

    /// What has to be signed.
    pub(super) fn signed_info(&self) -> &[u8] {
        &self.signed_info
    }

    /// The document with the signature's value in it.
    pub(super) fn complete(self, value: &[u8]) -> Vec<u8> {
        [&*self.before, &*base64::encode(value), &*self.after]
            .concat()
            .into_bytes()
    }
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
