//! A canonical form is well-formed, and its own canonical form.
#![no_main]

use countersign_dsig::c14n::{Canonicalization, canonicalize};
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
        if let Ok(form) = canonicalize(root, &Canonicalization::exclusive(), Some(omitted)) {
            parsed(&form);
        }
    }
});

fn check(element: Element<'_>, method: &Canonicalization) {
    let Ok(form) = canonicalize(element, method, None) else {
        return;
    };
    let again = parsed(&form);
    let root = again.root();
    assert_eq!(root.local_name(), element.local_name());
    assert_eq!(root.namespace(), element.namespace());
    assert_eq!(root.descendants().count(), element.descendants().count());
    let twice = canonicalize(root, method, None).expect("its own form");
    assert!(
        form == twice,
        "{method:?}\n{}\n{}",
        String::from_utf8_lossy(&form),
        String::from_utf8_lossy(&twice)
    );
}

/// What was accepted once is accepted again; only the bounds that count namespace declarations
/// and bytes may be passed, because both can become more.
fn parsed(form: &[u8]) -> Document<'_> {
    let mut limits = Limits::default();
    limits.max_bytes = usize::MAX;
    limits.max_namespaces_per_element = usize::MAX;
    limits.max_namespaces_in_scope = usize::MAX;
    limits.max_namespaces = usize::MAX;
    Document::parse(form, &limits).expect("a canonical form is well-formed")
}
