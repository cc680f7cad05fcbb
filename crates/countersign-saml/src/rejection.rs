//! A refusal: its code for machines and one line for the log.

use std::fmt;

use crate::code::{Culprit, RejectCode};

/// Why a response was refused.
///
/// `Display` is one line for the log of an operator: lower case, what the message said in
/// backticks, cut to a readable length and with control characters escaped, never an attribute's
/// value. Show it to nobody at the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    code: RejectCode,
    message: String,
}

impl Rejection {
    pub(crate) fn new(code: RejectCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Why an assertion is refused that was accepted before: what the host says whose commit found
    /// that the key of [`Verified::admit_by_commit`](crate::Verified::admit_by_commit) was
    /// remembered already.
    #[must_use]
    pub fn replayed() -> Self {
        // [SAML-Profiles §4.1.4.5]: bearer assertions are not replayed.
        Self::new(RejectCode::Replayed, "the assertion was accepted before")
    }

    /// Why a response is refused that went stale between its verification and that commit.
    #[must_use]
    pub fn stale() -> Self {
        Self::new(
            RejectCode::Expired,
            "the response expired between its verification and its admission",
        )
    }

    /// The stable code, such as `saml.audience_mismatch`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code.as_str()
    }

    /// The code as a type.
    #[must_use]
    pub fn reject_code(&self) -> RejectCode {
        self.code
    }

    /// Whose fault it is.
    #[must_use]
    pub fn culprit(&self) -> Culprit {
        self.code.culprit()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Rejection {}

/// Longest piece of a message that a log line repeats, in characters: an entity id or a URL as
/// they are met in practice fits, a paragraph does not.
const MAX_QUOTED_CHARS: usize = 200;

/// Text from a message, fit for a log line: in backticks, escaped and cut.
///
/// What a stranger sends must not be able to forge a second log line or to move a terminal's
/// cursor.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        for c in self.0.chars().take(MAX_QUOTED_CHARS) {
            if countersign_core::text::is_hidden(c) || c == '`' {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        if self.0.chars().nth(MAX_QUOTED_CHARS).is_some() {
            f.write_str("…")?;
        }
        f.write_str("`")
    }
}

/// The text, or the word `nothing`.
pub(crate) struct QuotedOrNothing<'a>(pub(crate) Option<&'a str>);

impl fmt::Display for QuotedOrNothing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => Quoted(text).fmt(f),
            None => f.write_str("nothing"),
        }
    }
}

/// Leaves the function with a [`Rejection`]: a code, then a message as for [`format!`].
macro_rules! reject {
    ($code:ident, $($message:tt)+) => {
        return Err($crate::rejection::Rejection::new(
            $crate::code::RejectCode::$code,
            format!($($message)+),
        ))
    };
}
pub(crate) use reject;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_sent_stays_on_one_line_of_bounded_length() {
        assert_eq!(
            Quoted("https://idp.example").to_string(),
            "`https://idp.example`"
        );
        assert_eq!(
            Quoted("a\nb`\u{202E}").to_string(),
            "`a\\u{a}b\\u{60}\\u{202e}`"
        );
        let long = Quoted(&"x".repeat(5000)).to_string();
        assert_eq!(long.chars().count(), MAX_QUOTED_CHARS + 3);
        assert!(long.ends_with("…`"));
    }
}
