//! Character references and the predefined entities; there are no others without a DTD.

use super::chars::is_char;
use super::error::XmlErrorKind;

/// What stands between `&` and `;`: a character reference \[XML §4.1\] or one of the five
/// predefined entities \[XML §4.6\].
pub(super) fn resolve(name: &str) -> Result<char, XmlErrorKind> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "amp" => Ok('&'),
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "apos" => Ok('\''),
            "quot" => Ok('"'),
            _ => Err(XmlErrorKind::UnknownEntity),
        };
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // `from_str_radix` would take a sign.
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(XmlErrorKind::BadCharacterReference);
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|c| is_char(*c))
        .ok_or(XmlErrorKind::BadCharacterReference)
}
