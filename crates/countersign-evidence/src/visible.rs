//! Text from a bundle on its way to a terminal.

use std::fmt::{self, Write as _};

use countersign_core::text::is_hidden;

/// Prints a text without its control characters and bidirectional overrides, which could make
/// one thing look like another on a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visible<'a>(pub(crate) &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            f.write_char(if is_hidden(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_reaches_the_terminal() {
        assert_eq!(
            Visible("a\u{1b}[2Jb\u{202e}c\nd").to_string(),
            "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d"
        );
    }
}
