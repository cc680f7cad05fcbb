//! A canonical form is well-formed, and its own canonical form; the tree that is written beside it is
//! the one that a parse of it gives.
#![no_main]

use countersign_dsig::xml::{Document, Limits};
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    countersign_fuzz::mutate_xml(data, size, max_size, seed)
});

fuzz_target!(|input: &[u8]| {
    if let Ok(document) = Document::parse(input, &Limits::default()) {
        countersign_fuzz::forms::check(&document, "#default p q");
    }
});
