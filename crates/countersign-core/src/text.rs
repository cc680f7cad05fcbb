//! What a text has to be before it may become an identifier.

use thiserror::Error;

/// Longest identifier that is accepted, in bytes: SAML-Core §8.3 bounds identifiers at 1,024
/// characters for entity ids and 256 for persistent name identifiers; this is the larger one.
pub const MAX_IDENTIFIER_BYTES: usize = 1024;

/// Why a text can not become an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// Nothing, or white space only.
    #[error("is empty")]
    Empty,
    /// More bytes than the limit.
    #[error("is longer than {limit_bytes} bytes")]
    TooLong {
        /// The most bytes that are accepted.
        limit_bytes: usize,
    },
    /// A control character, a line or paragraph separator, or a bidirectional override.
    #[error("holds the control character U+{code_point:04X}")]
    ControlCharacter {
        /// The code point of the character.
        code_point: u32,
    },
    /// White space at the start or the end.
    #[error("starts or ends with white space")]
    SurroundingWhiteSpace,
    /// An e-mail address that is not one local part, `@`, and one domain.
    #[error("is not an e-mail address")]
    NotAnEmail,
}

/// Checks that `text` may be an identifier: not empty, at most [`MAX_IDENTIFIER_BYTES`], no
/// control characters, no surrounding white space.
///
/// # Errors
/// The first rule that `text` breaks.
pub fn check_identifier(text: &str) -> Result<(), TextError> {
    // Most identifiers are ASCII without white space: nothing below can be wrong with these.
    let is_graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_graphic && (1..=MAX_IDENTIFIER_BYTES).contains(&text.len()) {
        return Ok(());
    }
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    if text.len() > MAX_IDENTIFIER_BYTES {
        return Err(TextError::TooLong {
            limit_bytes: MAX_IDENTIFIER_BYTES,
        });
    }
    if let Some(found) = text.chars().find(|c| is_hidden(*c)) {
        return Err(TextError::ControlCharacter {
            code_point: u32::from(found),
        });
    }
    if text.trim() != text {
        return Err(TextError::SurroundingWhiteSpace);
    }
    Ok(())
}

/// Characters that a person does not see, or that change how the ones around them are seen.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

/// A stranger's text for a message to a person: in backticks, hidden characters spelled out, and
/// no longer than a line.
#[must_use]
pub fn quote(text: &str) -> String {
    /// Longer ones are cut.
    const MOST_CHARACTERS: usize = 80;
    let mut quoted = String::from("`");
    for c in text.chars().take(MOST_CHARACTERS) {
        if is_hidden(c) {
            quoted.extend(c.escape_unicode());
        } else {
            quoted.push(c);
        }
    }
    if text.chars().nth(MOST_CHARACTERS).is_some() {
        quoted.push('…');
    }
    quoted.push('`');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_visible_text_of_bounded_length() {
        assert_eq!(check_identifier("a"), Ok(()));
        assert_eq!(check_identifier("Ünïcode name"), Ok(()));
        assert_eq!(check_identifier(""), Err(TextError::Empty));
        assert_eq!(check_identifier(" \t"), Err(TextError::Empty));
        assert_eq!(
            check_identifier(" a"),
            Err(TextError::SurroundingWhiteSpace)
        );
        assert_eq!(
            check_identifier("a\u{202E}b"),
            Err(TextError::ControlCharacter { code_point: 0x202E })
        );
        assert_eq!(
            check_identifier("a\0"),
            Err(TextError::ControlCharacter { code_point: 0 })
        );
        assert_eq!(
            check_identifier(&"x".repeat(MAX_IDENTIFIER_BYTES + 1)),
            Err(TextError::TooLong {
                limit_bytes: MAX_IDENTIFIER_BYTES
            })
        );
    }
}
