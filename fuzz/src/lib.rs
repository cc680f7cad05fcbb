//! What the fuzz targets share.
//!
//! | module | what it holds |
//! |---|---|
//! | [`forms`] | what holds for the canonical forms of any document |
//! | [`sign_in`] | a provider, all that it ever signed, and what is accepted of it |

pub mod forms;
pub mod sign_in;

use fuzz_shared::choices::Choices;
use fuzz_shared::edit::Editor;
use libfuzzer_sys::fuzzer_mutate;

/// Mutates `data[..size]` in place and returns its new size: whole elements, bytes, or both.
pub fn mutate_xml(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut choices = Choices::from_seed(seed.into());
    if choices.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut mutant = data.get(..size).unwrap_or_default().to_vec();
    let editor = Editor {
        victims: &[],
        attacker: sign_in::ATTACKER,
        donor: b"",
    };
    editor.edit(&mut mutant, &mut choices);
    if mutant.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    let size = mutant.len();
    if let Some(place) = data.get_mut(..size) {
        place.copy_from_slice(&mutant);
    }
    if choices.below(4) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    size
}
