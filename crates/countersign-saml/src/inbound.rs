//! How a message arrives.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rejection::{Rejection, reject};

/// A message as it came in.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Inbound<'a> {
    /// The `SAMLResponse` value of a form: base64, after the form's own decoding
    /// \[SAML-Bindings §3.5.4\].
    Post(&'a [u8]),
    /// The XML itself.
    Xml(&'a [u8]),
}

impl<'a> Inbound<'a> {
    /// The bytes as they were received, for logs and records.
    #[must_use]
    pub fn as_received(self) -> &'a [u8] {
        match self {
            Self::Post(bytes) | Self::Xml(bytes) => bytes,
        }
    }

    /// The XML, which is at most `max_bytes` long.
    pub(crate) fn decode(self, max_bytes: usize) -> Result<Cow<'a, [u8]>, Rejection> {
        let xml = match self {
            Self::Xml(xml) => Cow::Borrowed(xml),
            Self::Post(form_value) => Cow::Owned(decode_base64(form_value, max_bytes)?),
        };
        check_length(xml.len(), max_bytes)?;
        Ok(xml)
    }
}

/// Base64 with canonical padding. Line breaks and the white space around them are taken out first,
/// because senders wrap lines \[RFC 2045 §6.8\]; any other character outside the alphabet refuses.
fn decode_base64(form_value: &[u8], max_bytes: usize) -> Result<Vec<u8>, Rejection> {
    let digits = || {
        let is_digit = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        form_value.iter().copied().filter(is_digit)
    };
    // Four characters for three bytes, the last of which may be padding. Counted before anything of
    // that size is made.
    check_length(
        (digits().count() / 4).saturating_mul(3),
        max_bytes.saturating_add(2),
    )?;
    match STANDARD.decode(digits().collect::<Vec<_>>()) {
        Ok(xml) => Ok(xml),
        Err(error) => reject!(MalformedBase64, "the form value is not base64: {error}"),
    }
}

fn check_length(length: usize, max_bytes: usize) -> Result<(), Rejection> {
    if length > max_bytes {
        reject!(TooLarge, "the message is larger than {max_bytes} bytes");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(form_value: &[u8]) -> Result<Vec<u8>, &'static str> {
        Inbound::Post(form_value)
            .decode(16)
            .map(Cow::into_owned)
            .map_err(|rejection| rejection.code())
    }

    #[test]
    fn wrapped_lines_are_base64_and_nothing_else_is_forgiven() {
        assert_eq!(decode(b"PGEv\r\nPg==\n"), Ok(b"<a/>".to_vec()));
        for lax in [
            &b"PGEvPg="[..],
            b"PGEvPg",
            b"PGEvPh==",
            b"PGEv_g==",
            b"PGEvPg==\0",
            b"PGEv.Pg==",
            b"PGEvPg==PGEvPg==",
        ] {
            assert_eq!(decode(lax), Err("saml.malformed_base64"), "{lax:?}");
        }
    }

    #[test]
    fn a_message_is_never_larger_than_the_limit() {
        assert_eq!(
            decode(STANDARD.encode([b'x'; 16]).as_bytes()),
            Ok(vec![b'x'; 16])
        );
        assert_eq!(
            decode(STANDARD.encode([b'x'; 17]).as_bytes()),
            Err("saml.too_large")
        );
        assert_eq!(decode(&[b'A'; 1000]), Err("saml.too_large"));
        assert_eq!(
            Inbound::Xml(&[b'x'; 17]).decode(16).unwrap_err().code(),
            "saml.too_large"
        );
    }
}
