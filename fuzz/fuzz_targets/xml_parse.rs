//! The hardened tree never panics, and what it accepts, an independent parser accepts and reads
//! alike: names, namespaces, attributes and text.
#![no_main]

use countersign_dsig::xml::{Document, Limits};
use fuzz_shared::roxmltree;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    countersign_fuzz::mutate_xml(data, size, max_size, seed)
});

fuzz_target!(|input: &[u8]| {
    if let Ok(document) = Document::parse(input, &Limits::default()) {
        assert_eq!(roxmltree::compare(&document), Ok(()));
    }
});
