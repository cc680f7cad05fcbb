//! Elements in canonical form, which is how a bundle holds what was signed in XML.

use countersign_dsig::c14n::{Canonicalization, canonicalize};
use countersign_dsig::xml::{Document, Limits};

/// Somewhat more than what a sign-in reads: a canonical form declares in one tag what stood in
/// several, and is longer than what was received. How many bytes there may be is the container's
/// to say.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_bytes = usize::MAX;
    limits.max_elements = 1 << 20;
    limits.max_attributes_per_element = 64;
    limits.max_namespaces_per_element = 128;
    limits
}

/// The tree of bytes that are one element in canonical form; nothing for any others.
///
/// So there is no comment, no processing instruction, no CDATA section, no document type and no
/// entity of somebody's own in them, and nothing stands before or behind the element: each text has
/// one spelling, and whoever reads it by eye or by any tool reads the same.
pub(crate) fn parse(bytes: &[u8]) -> Option<Document<'_>> {
    let document = Document::parse(bytes, &limits()).ok()?;
    // What exclusive canonicalization wrote [EXC-C14N] is its own inclusive form, too [C14N]: each
    // namespace that it declares is declared where it is new.
    let form = Canonicalization::inclusive_1_0();
    let canonical = canonicalize(document.root(), &form, None).ok()?;
    (canonical == bytes).then_some(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_any_other_way_is_refused() {
        let good =
            "<a xmlns=\"urn:a\" b=\"1\" c=\"&lt;2&gt;\">x &lt; y<p:d xmlns:p=\"urn:p\"></p:d></a>";
        let good = good.replace("&gt;\"", ">\"");
        assert!(parse(good.as_bytes()).is_some());
        for bad in [
            good.replace("></p:d>", "/>"),
            good.replace('"', "'"),
            good.replace(" b=\"1\" c=", " c=\"1\" b="),
            good.replace("x &lt;", "<!-- -->x &lt;"),
            good.replace("x &lt; y", "<![CDATA[x < y]]>"),
            good.replace("x &lt;", "<?x ?>x &lt;"),
            good.replace("x &lt;", "&#x78; &lt;"),
            good.replace("xmlns:p=\"urn:p\"", "xmlns=\"urn:a\" xmlns:p=\"urn:p\""),
            good.replace("xmlns=\"urn:a\" b", "b"),
            good.replace("xmlns=\"urn:a\"", "xmlns=\"a\""),
            format!("\n{good}"),
            format!("{good}\n"),
            format!("<?xml version=\"1.0\"?>{good}"),
            format!("<!DOCTYPE a>{good}"),
            good.replace("</a>", ""),
        ] {
            let is_still_good = bad == good.replace("xmlns=\"urn:a\" b", "b");
            assert_eq!(parse(bad.as_bytes()).is_some(), is_still_good, "{bad}");
        }
    }
}
