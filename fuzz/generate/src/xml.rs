//! Small XML documents, one feature each.

use crate::Seed;

/// Well-formed documents, and some that only look so.
pub(crate) fn documents() -> Vec<Seed> {
    let documents: [(&str, &str); 25] = [
        ("empty-element", "<a/>"),
        ("end-tag", "<a ></a >"),
        ("text", "<a>one two</a>"),
        ("nested", "<a><b><c>1</c></b><b/>tail</a>"),
        (
            "declaration",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a/>\n",
        ),
        ("byte-order-mark", "\u{feff}<a/>"),
        ("comments", "<!--1--><a>x<!--2-->y</a><!--3-->"),
        ("cdata", "<a>1<![CDATA[<b>&amp;]]]]><![CDATA[>2]]></a>"),
        (
            "references",
            "<a b=\"&lt;&amp;&quot;\">&gt;&apos;&#13;&#x9;&#x1F600;</a>",
        ),
        ("white-space", "<a b=' x\ty\r\nz '>\r\n\t \r</a>"),
        ("characters", "<ä ö=\"ü\">\u{1F600}\u{85}\u{2028}</ä>"),
        ("attributes", "<a z='1' a=\"2\" m='\"'/>"),
        (
            "default-namespace",
            "<a xmlns=\"urn:1\"><b xmlns=\"\"><c xmlns=\"urn:2\"/></b></a>",
        ),
        (
            "prefixes",
            "<p:a xmlns:p=\"urn:1\" xmlns:q=\"urn:2\" q:x=\"1\" x=\"2\"><q:b p:x=\"3\"/></p:a>",
        ),
        (
            "rebound-prefix",
            "<p:a xmlns:p=\"urn:1\"><p:b xmlns:p=\"urn:2\"><p:c/></p:b><p:d/></p:a>",
        ),
        (
            "unused-prefixes",
            "<a xmlns:p=\"urn:1\" xmlns:q=\"urn:2\"><b type=\"p:t\"/></a>",
        ),
        (
            "xml-prefix",
            "<a xml:lang=\"en\" xml:space=\"preserve\" xml:id=\"i\"/>",
        ),
        ("ids", "<a ID=\"_1\"><b Id=\"_2\"/><c id=\"_3\"/></a>"),
        ("doctype", "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>"),
        ("instruction", "<?p i?><a><?q?></a>"),
        ("two-roots", "<a/><b/>"),
        ("unclosed", "<a><b></a>"),
        (
            "same-attribute",
            "<a xmlns:p=\"urn:1\" xmlns:q=\"urn:1\" p:x=\"1\" q:x=\"2\"/>",
        ),
        ("same-id", "<a ID=\"_1\"><b ID=\"_1\"/></a>"),
        ("section-end", "<a>]]></a>"),
    ];
    let deep = format!("{}{}", "<a>".repeat(65), "</a>".repeat(65));
    documents
        .into_iter()
        .map(|(name, document)| (name, document.as_bytes().to_vec()))
        .chain([("deep", deep.into_bytes())])
        .collect()
}
