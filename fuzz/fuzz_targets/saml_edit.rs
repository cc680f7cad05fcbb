//! The input's bytes are a script of edits: elements of a signed response are moved, copied,
//! wrapped, renamed, forged, exchanged with those of another, and spelt otherwise. The outcome is
//! refused, or it says what was signed.
//!
//! So each mutant is near to XML, where mutants of text are mostly torn.
#![no_main]

use countersign_fuzz::sign_in::{self, ATTACKER, PEOPLE, SIGNED};
use fuzz_shared::choices::Choices;
use fuzz_shared::edit::Editor;
use libfuzzer_sys::fuzz_target;

/// More edits only move away from what is accepted.
const MOST_EDITS: usize = 6;

fuzz_target!(|script: &[u8]| {
    let mut choices = Choices::from_bytes(script);
    let messages = SIGNED.split_last().map_or(&[][..], |(_, as_xml)| as_xml);
    let mut message = choices
        .among(messages)
        .map_or(Vec::new(), |one| one.to_vec());
    let editor = Editor {
        victims: &PEOPLE,
        attacker: ATTACKER,
        donor: choices.among(messages).copied().unwrap_or_default(),
    };
    editor.edits(&mut message, &mut choices, MOST_EDITS);
    sign_in::check(&message);
});
