//! What holds for the canonical forms of any document.

use countersign_dsig::c14n::{Canonicalization, canonical_document, canonicalize};
use countersign_dsig::xml::{Document, Element, Limits};

/// Asserts that each canonical form of the root and of its children is well-formed and its own
/// canonical form, and that the tree written beside it is the one that a parse of it gives.
pub fn check(document: &Document<'_>, prefix_list: &str) {
    let root = document.root();
    let inclusive = [
        Canonicalization::inclusive_1_0(),
        Canonicalization::inclusive_1_1().with_comments(),
    ];
    for method in inclusive {
        // An apex below the root inherits what it can not say again, so only the root's form is
        // its own.
        check_form(root, &method);
    }
    let listed = Canonicalization::exclusive().with_inclusive_prefixes(prefix_list);
    let exclusive = [
        Canonicalization::exclusive(),
        Canonicalization::exclusive().with_comments(),
        listed.expect("a list of prefixes"),
    ];
    for method in exclusive {
        for element in std::iter::once(root).chain(root.children()) {
            check_form(element, &method);
        }
    }
    // As the enveloped-signature transform does.
    for omitted in root.children() {
        if let Ok(form) = canonical_document(root, &Canonicalization::exclusive(), Some(omitted)) {
            check_tree(&form);
        }
    }
}

fn check_form(element: Element<'_>, method: &Canonicalization) {
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
