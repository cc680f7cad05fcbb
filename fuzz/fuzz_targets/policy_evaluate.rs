//! The input's bytes are choices, out of which a policy, an account's grants and a person are
//! made: the compiled rules match, and give and take roles, as a plain reading of the
//! documentation does.
#![no_main]

use fuzz_shared::choices::Choices;
use libfuzzer_sys::fuzz_target;

use crate::reference::case::Case;
use crate::reference::comparison::compare;

#[path = "../../crates/countersign-roles/tests/reference/mod.rs"]
mod reference;

fuzz_target!(|input: &[u8]| {
    compare(&Case::of(&mut Choices::from_bytes(input)));
});
