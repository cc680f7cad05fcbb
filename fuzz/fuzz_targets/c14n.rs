//! A canonical form is well-formed, and its own canonical form; the tree that is written beside it is
//! the one that a parse of it gives.
#![no_main]

use countersign_dsig::c14n::{Canonicalization, canonical_document, canonicalize};
use countersign_dsig::xml::{Document, Element, Limits};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    countersign_fuzz::mutate_xml(data, size, max_size, seed)
});

fuzz_target!(|input: &[u8]| {
    let Ok(document) = Document::parse(input, &Limits::default()) else {
        return;
    };
    let root = document.root();
    let inclusive = [
        Canonicalization::inclusive_1_0(),
        Canonicalization::inclusive_1_1().with_comments(),
    ];
    for method in inclusive {
        // An apex below the root inherits what it can not say again, so only the root's form is
        // its own.
        check(root, &method);
    }
    let listed = Canonicalization::exclusive().with_inclusive_prefixes("#default p q");
    let exclusive = [
        Canonicalization::exclusive(),
        Canonicalization::exclusive().with_comments(),
        listed.expect("a list of prefixes"),
    ];
    for method in exclusive {
        for element in std::iter::once(root).chain(root.children()) {
            check(element, &method);
        }
    }
    // As the enveloped-signature transform does.
    for omitted in root.children() {
        if let Ok(form) = canonical_document(root, &Canonicalization::exclusive(), Some(omitted)) {
            check_tree(&form);
        }
    }
});

fn check(element: Element<'_>, method: &Canonicalization) {
    let Ok(form) = canonical_document(element, method, None) else {
        return;
    };
    check_tree(&form);
    let root = form.root();
    assert_eq!(root.local_name(), element.local_name());
    assert_eq!(root.namespace(), element.namespace());
    assert_eq!(root.descendants().count(), element.descendants().count());
    let twice = canonicalize(root, method, None).expect("its own form");
    assert!(
        form.text().as_bytes() == twice,
        "{method:?}\n{}\n{}",
        form.text(),
        String::from_utf8_lossy(&twice)
    );
}

/// Nothing is read from the tree that stands not in the bytes.
fn check_tree(form: &Document<'_>) {
    let again = parsed(form.text().as_bytes());
    assert!(*form == again, "{}", form.text());
}

/// What was accepted once is accepted again; only the bounds that count bytes, namespace
/// declarations and, where they are inherited, attributes may be passed, because each can become
/// more.
fn parsed(form: &[u8]) -> Document<'_> {
    let mut limits = Limits::default();
    limits.max_bytes = usize::MAX;
    limits.max_attributes_per_element = usize::MAX;
    limits.max_namespaces_per_element = usize::MAX;
    limits.max_namespaces_in_scope = usize::MAX;
    limits.max_namespaces = usize::MAX;
    Document::parse(form, &limits).expect("a canonical form is well-formed")
}
