//! From bytes to the text that tokens are read from.

use std::borrow::Cow;

use super::chars::forbidden_char;
use super::error::{XmlError, XmlErrorKind};
use super::limits::Limits;

/// U+FEFF in UTF-8 \[XML §4.3.3\].
const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// Checks size, encoding and characters, and normalizes line ends \[XML §2.11\].
pub(super) fn read<'i>(input: &'i [u8], limits: &Limits) -> Result<Cow<'i, str>, XmlError> {
    // The second bound keeps every offset in 32 bits, whatever the limits say.
    if input.len() > limits.max_bytes || u32::try_from(input.len()).is_err() {
        return Err(XmlErrorKind::TooLarge.at(0));
    }
    let text = std::str::from_utf8(input)
        .map_err(|error| XmlErrorKind::NotUtf8.at(error.valid_up_to()))?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    // quick-xml would silently take another one off.
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(XmlErrorKind::ContentOutsideRoot.at(0));
    }
    if let Some(at) = forbidden_char(text) {
        return Err(XmlErrorKind::ForbiddenCharacter.at(at));
    }
    Ok(normalize_line_ends(text))
}

/// CRLF and CR become LF \[XML §2.11\].
fn normalize_line_ends(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut normalized = String::with_capacity(text.len());
    let mut lines = text.split('\r');
    normalized.push_str(lines.next().unwrap_or_default());
    for line in lines {
        normalized.push('\n');
        normalized.push_str(line.strip_prefix('\n').unwrap_or(line));
    }
    Cow::Owned(normalized)
}
