//! What a canonical `ds:SignedInfo` says [XMLDSig §4.4], by the one shape that it has in SAML.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_dsig::algorithm::DSIG_NAMESPACE;
use countersign_dsig::xml::Element;

use crate::canonical_xml;

/// What of a SignedInfo counts here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignedInfo {
    /// The signature algorithm's URI.
    pub(crate) signature_method: String,
    /// What the reference refers to; empty if it does not say.
    pub(crate) reference: String,
    /// The digest algorithm's URI.
    pub(crate) digest_method: String,
    /// The digest of the one element that is referred to.
    pub(crate) digest: Vec<u8>,
}

impl SignedInfo {
    /// Reads the element that bytes consist of \[bundle.md §5.5\]; `None` for any other shape.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let document = canonical_xml::parse(bytes)?;
        let root = document.root();
        if !is(root, "SignedInfo") || root.has_text_beside_children() {
            return None;
        }
        let [_, signature_method, reference] = children(
            root,
            ["CanonicalizationMethod", "SignatureMethod", "Reference"],
        )?;
        if reference.has_text_beside_children() {
            return None;
        }
        let [_, digest_method, digest] =
            children(reference, ["Transforms", "DigestMethod", "DigestValue"]).or_else(|| {
                let [method, value] = children(reference, ["DigestMethod", "DigestValue"])?;
                Some([reference, method, value])
            })?;
        let algorithm = |method: Element<'_>| method.attribute("Algorithm").map(str::to_owned);
        let digest = digest.text().ok()?;
        let digest: String = digest.split_ascii_whitespace().collect();
        Some(Self {
            signature_method: algorithm(signature_method)?,
            reference: reference.attribute("URI").unwrap_or_default().to_owned(),
            digest_method: algorithm(digest_method)?,
            digest: STANDARD.decode(digest).ok()?,
        })
    }
}

fn is(element: Element<'_>, local_name: &str) -> bool {
    element.is(DSIG_NAMESPACE, local_name)
}

/// The children, if they are these and no others.
fn children<'d, const N: usize>(parent: Element<'d>, names: [&str; N]) -> Option<[Element<'d>; N]> {
    let children: Vec<_> = parent.children().collect();
    let children = <[Element<'d>; N]>::try_from(children).ok()?;
    let named = children
        .iter()
        .zip(names)
        .all(|(child, name)| is(*child, name));
    named.then_some(children)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = concat!(
        "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">",
        "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\">",
        "</ds:CanonicalizationMethod>",
        "<ds:SignatureMethod Algorithm=\"urn:rsa\"></ds:SignatureMethod>",
        "<ds:Reference URI=\"#a\"><ds:Transforms><ds:Transform Algorithm=\"urn:t\">",
        "<ec:InclusiveNamespaces xmlns:ec=\"urn:ec\" PrefixList=\"xs\"></ec:InclusiveNamespaces>",
        "</ds:Transform></ds:Transforms>",
        "<ds:DigestMethod Algorithm=\"urn:sha\"></ds:DigestMethod>",
        "<ds:DigestValue>AQID</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    );

    #[test]
    fn algorithms_reference_and_digest_are_read() {
        let expected = Some(SignedInfo {
            signature_method: "urn:rsa".to_owned(),
            reference: "#a".to_owned(),
            digest_method: "urn:sha".to_owned(),
            digest: vec![1, 2, 3],
        });
        assert_eq!(SignedInfo::parse(GOOD.as_bytes()), expected);
        let without_prefix = GOOD.replace("xmlns:ds=", "xmlns=").replace("ds:", "");
        assert_eq!(SignedInfo::parse(without_prefix.as_bytes()), expected);
        let spaced = GOOD.replace("><", ">\n  <").replace("AQID", "\nAQ\nID\n");
        let spaced = SignedInfo::parse(spaced.as_bytes());
        assert_eq!(spaced, expected);
    }

    #[test]
    fn any_other_shape_is_refused() {
        let (_, second) = GOOD.split_once("<ds:Reference").unwrap();
        let second = format!("<ds:Reference{second}");
        let second = second.strip_suffix("</ds:SignedInfo>").unwrap();
        for bad in [
            String::new(),
            "<ds:SignedInfo".to_owned(),
            GOOD.replace("2000/09", "2000/10"),
            GOOD.replace("ds:SignedInfo", "ds:Info"),
            GOOD.replace("</ds:SignedInfo>", &format!("{second}</ds:SignedInfo>")),
            GOOD.replace("</ds:SignedInfo>", "</ds:SignedInfo>\n"),
            format!("\n{GOOD}"),
            GOOD.replace("<ds:Reference", "text<ds:Reference"),
            GOOD.replace("<ds:Digest", "text<ds:Digest"),
            GOOD.replace("<ds:Reference", "<!-- --><ds:Reference"),
            GOOD.replace("<ds:Reference", "<ds:Reference xmlns:ds=\"urn:other\""),
            GOOD.replace("<ds:DigestValue>", "<x:DigestValue>"),
            GOOD.replace("AQID", "!"),
            GOOD.replace("AQID", "AQ<!---->ID"),
            GOOD.replace("ds:DigestMethod", "ds:OtherMethod"),
            GOOD.replace(" Algorithm=\"urn:rsa\"", " Other=\"Algorithm=\""),
        ] {
            assert_eq!(SignedInfo::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
