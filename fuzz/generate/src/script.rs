//! Bytes that stand for choices: of what a document or a policy is made of, and of how a message
//! is edited.

use crate::Seed;

/// Scripts of every byte in some orders, the same for every target that reads choices.
pub(crate) fn scripts() -> Vec<Seed> {
    let counted = |step: u8| (0..=u8::MAX).map(move |n| n.wrapping_mul(step));
    vec![
        ("ones", vec![1; 64]),
        ("counted", counted(1).collect()),
        ("counted-by-7", counted(7).collect()),
        ("counted-by-31", counted(31).collect()),
        ("counted-back", counted(1).rev().collect()),
        ("high", vec![u8::MAX; 64]),
    ]
}
