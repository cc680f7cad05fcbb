//! Percent-encoding and Base64, both ways.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rejection::{Rejection, reject};

/// Text for the value of a parameter: everything but the unreserved characters is encoded
/// \[RFC 3986 §2.3\], with upper-case digits \[SAML-Bindings §3.4.4.1\].
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The bytes that `application/x-www-form-urlencoded` bytes stand for; `None` if a `%` is not
/// followed by two digits.
pub(super) fn percent_decode(encoded: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(encoded));
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter().copied();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                high << 4 | low
            }
            other => other,
        });
    }
    Some(Cow::Owned(decoded))
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

/// Base64 without line breaks.
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Base64 with canonical padding. Line breaks and the white space around them are taken out first,
/// because senders wrap lines \[RFC 2045 §6.8\]; any other character outside the alphabet refuses.
pub(crate) fn decode_base64(text: &[u8], max_bytes: usize) -> Result<Vec<u8>, Rejection> {
    let digits = || {
        let is_digit = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        text.iter().copied().filter(is_digit)
    };
    // Four characters for three bytes, the last of which may be padding. Counted before anything of
    // that size is made.
    let length = (digits().count() / 4).saturating_mul(3);
    if length > max_bytes.saturating_add(2) {
        reject!(TooLarge, "the message is larger than {max_bytes} bytes");
    }
    decode_base64_strictly(&digits().collect::<Vec<_>>())
}

/// Base64 with canonical padding and nothing but its alphabet, as in a query, where white space
/// has no place \[SAML-Bindings §3.4.4.1\].
pub(super) fn decode_base64_strictly(text: &[u8]) -> Result<Vec<u8>, Rejection> {
    match STANDARD.decode(text) {
        Ok(bytes) => Ok(bytes),
        Err(error) => reject!(MalformedBase64, "a value is not base64: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone() {
        let text = "https://a.example/?x=1&y=ä+~-._ %";
        let encoded = percent_encode(text);
        assert_eq!(
            encoded,
            "https%3A%2F%2Fa.example%2F%3Fx%3D1%26y%3D%C3%A4%2B~-._%20%25"
        );
        assert_eq!(percent_decode(encoded.as_bytes()).unwrap(), text.as_bytes());
        assert_eq!(percent_decode(b"%2f%2F+").unwrap(), &b"// "[..]);
    }
}
