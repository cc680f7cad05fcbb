//! What a canonical `ds:SignedInfo` says [XMLDSig §4.4]: read strictly, by the few shapes that
//! canonical XML has, because a whole XML parser is more than a verifier needs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What of a SignedInfo counts here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SignedInfo<'a> {
    /// The signature algorithm's URI.
    pub(crate) signature_method: &'a str,
    /// The digest algorithm's URI.
    pub(crate) digest_method: &'a str,
    /// The digest of the one element that is referred to.
    pub(crate) digest: Vec<u8>,
}

impl<'a> SignedInfo<'a> {
    /// Reads the element that bytes consist of \[bundle.md §5.5\]; `None` for any other shape.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader {
            rest: std::str::from_utf8(bytes).ok()?,
            prefix: "",
        };
        let root = reader.start()?;
        let prefix = root.name.strip_suffix("SignedInfo")?;
        let declaration = match prefix.strip_suffix(':') {
            Some(prefix) => format!("xmlns:{prefix}"),
            None if prefix.is_empty() => "xmlns".to_owned(),
            None => return None,
        };
        // [XML-Names §6.1]: in canonical form, the outermost element declares what it uses.
        if root.attribute(&declaration)? != "http://www.w3.org/2000/09/xmldsig#" {
            return None;
        }
        reader.prefix = prefix;

        reader.open("CanonicalizationMethod")?;
        reader.skip_to_end_of("CanonicalizationMethod")?;
        let signature_method = reader.open("SignatureMethod")?.attribute("Algorithm")?;
        reader.skip_to_end_of("SignatureMethod")?;
        reader.open("Reference")?;
        if reader.is_next("Transforms") {
            reader.open("Transforms")?;
            reader.skip_to_end_of("Transforms")?;
        }
        let digest_method = reader.open("DigestMethod")?.attribute("Algorithm")?;
        reader.skip_to_end_of("DigestMethod")?;
        reader.open("DigestValue")?;
        let digest = reader.text();
        let digest: String = digest.split_ascii_whitespace().collect();
        reader.close("DigestValue")?;
        reader.close("Reference")?;
        reader.close("SignedInfo")?;
        if !reader.rest.is_empty() {
            return None;
        }
        Some(Self {
            signature_method,
            digest_method,
            digest: STANDARD.decode(digest).ok()?,
        })
    }
}

/// A start tag, whose attributes are `name="value"` with one space before each \[C14N §2.3\].
#[derive(Debug, Clone, Copy)]
struct StartTag<'a> {
    name: &'a str,
    attributes: &'a str,
}

impl<'a> StartTag<'a> {
    /// The value of an attribute. A URI in canonical form has no reference in it, unless for `&`,
    /// which none of the URIs that are compared here has.
    fn attribute(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.attributes;
        while let Some(attribute) = rest.strip_prefix(' ') {
            let (is, after) = attribute.split_once("=\"")?;
            let (value, after) = after.split_once('"')?;
            if is == name {
                return Some(value);
            }
            rest = after;
        }
        None
    }

    /// Whether it gives a prefix another meaning than the elements around it.
    fn redeclares(&self, prefix: &str) -> bool {
        let declared = match prefix.strip_suffix(':') {
            Some(prefix) => format!(" xmlns:{prefix}=\""),
            None => " xmlns=\"".to_owned(),
        };
        self.attributes.contains(&declared)
    }
}

struct Reader<'a> {
    rest: &'a str,
    /// The prefix of the namespace, with its colon.
    prefix: &'a str,
}

impl<'a> Reader<'a> {
    /// Skips white space between elements, which is all the text that may stand there.
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// Reads the next start tag; canonical XML has no empty-element tags \[C14N §1.1\].
    fn start(&mut self) -> Option<StartTag<'a>> {
        let (tag, rest) = self.rest.strip_prefix('<')?.split_once('>')?;
        // A `>` may stand in a value, and none of the values that belong here holds one.
        let is_cut = tag.matches('"').count() % 2 == 1;
        if tag.starts_with(['/', '!', '?']) || tag.ends_with('/') || is_cut {
            return None;
        }
        self.rest = rest;
        let (name, _) = tag.split_once(' ').unwrap_or((tag, ""));
        let attributes = tag.strip_prefix(name)?;
        Some(StartTag { name, attributes })
    }

    fn is_next(&mut self, local_name: &str) -> bool {
        self.space();
        let after = self
            .rest
            .strip_prefix('<')
            .and_then(|rest| rest.strip_prefix(self.prefix)?.strip_prefix(local_name));
        after.is_some_and(|after| after.starts_with([' ', '>']))
    }

    /// Reads the start tag of an element of the namespace.
    fn open(&mut self, local_name: &str) -> Option<StartTag<'a>> {
        if !self.is_next(local_name) {
            return None;
        }
        let tag = self.start()?;
        (!tag.redeclares(self.prefix)).then_some(tag)
    }

    fn close(&mut self, local_name: &str) -> Option<()> {
        self.space();
        self.rest = self
            .rest
            .strip_prefix("</")?
            .strip_prefix(self.prefix)?
            .strip_prefix(local_name)?
            .strip_prefix('>')?;
        Some(())
    }

    /// The text up to the next tag.
    fn text(&mut self) -> &'a str {
        let end = self.rest.find('<').unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        text
    }

    /// Skips what stands in the element that was just opened, whatever it is, and its end tag.
    fn skip_to_end_of(&mut self, local_name: &str) -> Option<()> {
        let mut open = 0_usize;
        loop {
            self.text();
            if self.rest.starts_with("</") {
                if open == 0 {
                    return self.close(local_name);
                }
                open = open.checked_sub(1)?;
                self.rest = self.rest.split_once('>')?.1;
            } else {
                self.start()?;
                open = open.checked_add(1)?;
            }
        }
    }
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
    fn algorithms_and_digest_are_read() {
        let expected = Some(SignedInfo {
            signature_method: "urn:rsa",
            digest_method: "urn:sha",
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
            GOOD.replace("<ds:Reference", "<!-- --><ds:Reference"),
            GOOD.replace("<ds:Reference", "<ds:Reference xmlns:ds=\"urn:other\""),
            GOOD.replace("<ds:DigestValue>", "<x:DigestValue>"),
            GOOD.replace("AQID", "!"),
            GOOD.replace("AQID", "AQ<!---->ID"),
            GOOD.replace("ds:DigestMethod", "ds:OtherMethod"),
            GOOD.replace(" Algorithm=\"urn:rsa\"", " Other=\"Algorithm=\""),
            GOOD.replace("URI=\"#a\"", "URI=\"#a>\""),
        ] {
            assert_eq!(SignedInfo::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
