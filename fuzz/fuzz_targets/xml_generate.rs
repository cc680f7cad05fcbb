//! The input's bytes are choices, out of which a document is made: it is accepted, another parser
//! reads it alike, and its canonical forms are what canonical forms are.
//!
//! So each mutant is well-formed, where mutants of text are mostly refused.
#![no_main]

use countersign_dsig::xml::{Document, Limits};
use fuzz_shared::choices::Choices;
use fuzz_shared::document::document;
use fuzz_shared::roxmltree;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let generated = document(&mut Choices::from_bytes(input));
    let parsed = Document::parse(generated.xml.as_bytes(), &Limits::default());
    let parsed = parsed.expect("it is well-formed");
    assert_eq!(
        parsed.root().descendants().count() + 1,
        generated.elements,
        "{}",
        generated.xml
    );
    assert_eq!(roxmltree::compare(&parsed), Ok(()));
    countersign_fuzz::forms::check(&parsed, &generated.prefix_list);
});
