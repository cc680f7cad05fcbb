//! The hardened tree never panics, and what it accepts, an independent parser accepts and reads
//! alike: names, attributes and text.
#![no_main]

use countersign_dsig::xml::{Document, Element, Limits};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    countersign_fuzz::mutate_xml(data, size, max_size, seed)
});

fuzz_target!(|input: &[u8]| {
    let Ok(document) = Document::parse(input, &Limits::default()) else {
        return;
    };
    let text = std::str::from_utf8(input).expect("only UTF-8 is accepted");
    // The other mixes up a line end and a reference to one that follows it [XML §2.11].
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let oracle = match roxmltree::Document::parse(&text) {
        Ok(oracle) => oracle,
        // The other loses the prefix that needs no declaration in some scopes
        // [XML-Names §3].
        Err(roxmltree::Error::UnknownNamespace(prefix, _)) if prefix == "xml" => return,
        Err(error) => panic!("only well-formed XML is accepted: {error}"),
    };
    let ours = std::iter::once(document.root()).chain(document.root().descendants());
    let theirs = oracle.root_element().descendants();
    let mut theirs = theirs.filter(roxmltree::Node::is_element);
    for element in ours {
        let other = theirs.next().expect("no element is made up");
        compare(element, other);
    }
    assert!(theirs.next().is_none(), "no element is lost");
});

fn compare(element: Element<'_>, other: roxmltree::Node<'_, '_>) {
    assert_eq!(element.local_name(), other.tag_name().name());
    // An undeclared default namespace is an empty one to the other.
    let namespace = other.tag_name().namespace().filter(|uri| !uri.is_empty());
    assert_eq!(element.namespace(), namespace);
    assert_eq!(element.attributes().len(), other.attributes().len());
    for (attribute, other) in element.attributes().zip(other.attributes()) {
        assert_eq!(attribute.local_name(), other.name());
        assert_eq!(attribute.namespace(), other.namespace());
        assert_eq!(attribute.value(), other.value());
    }
    if let Ok(text) = element.text() {
        let theirs: String = other.children().filter_map(text_of).collect();
        assert_eq!(text, theirs);
    } else {
        assert!(element.has_child_elements());
    }
}

fn text_of<'a>(node: roxmltree::Node<'a, '_>) -> Option<&'a str> {
    node.is_text().then(|| node.text()).flatten()
}
