//! SHA-256 values. They are computed where there is cryptography, and carried here.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not 64 lower-case hexadecimal digits")]
pub struct ParseDigestError;

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 32 bytes; its text form is 64 lower-case hexadecimal digits, as `sha256sum` prints.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps the 32 bytes of the hash.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes of the hash.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(hex(&self.0, &mut [0; 64]))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(hex(&self.0, &mut [0; 64]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Digits).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        #[cfg(feature = "schema")]
        crate::schema::text_schema!($name, crate::schema::digest);

        impl FromStr for $name {
            type Err = ParseDigestError;
            fn from_str(text: &str) -> Result<Self, ParseDigestError> {
                parse_hex(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseDigestError;
            fn try_from(text: String) -> Result<Self, ParseDigestError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                digest.to_string()
            }
        }
    };
}

digest! {
    /// The SHA-256 of some bytes: a document, a certificate, a policy file, a signed element.
    Sha256Digest
}
digest! {
    /// The hash of one ledger leaf, SHA-256(0x00 ‖ entry) \[RFC 6962 §2.1\].
    LeafHash
}

/// Reads the text form, without a copy of it.
struct Digits;

impl Visitor<'_> for Digits {
    type Value = [u8; 32];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("64 lower-case hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; 32], E> {
        parse_hex(text).map_err(E::custom)
    }
}

/// Writes the text form into `digits`.
fn hex<'a>(bytes: &[u8; 32], digits: &'a mut [u8; 64]) -> &'a str {
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0x0F)]);
    }
    // INVARIANT: every digit is ASCII.
    std::str::from_utf8(digits).unwrap_or_default()
}

fn digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => nibble.wrapping_add(b'0'),
        _ => nibble.wrapping_sub(10).wrapping_add(b'a'),
    }
}

fn parse_hex(text: &str) -> Result<[u8; 32], ParseDigestError> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(ParseDigestError);
    }
    let mut bytes = [0_u8; 32];
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else {
            return Err(ParseDigestError);
        };
        let (high, low) = (nibble(high), nibble(low));
        seen |= high | low;
        *byte = (high << 4) | (low & 0x0F);
    }
    // Asked once: what is no digit has set bits that no nibble has.
    if seen > 0x0F {
        return Err(ParseDigestError);
    }
    Ok(bytes)
}

/// The value of a digit; [`NO_DIGIT`] for what is none.
fn nibble(digit: u8) -> u8 {
    NIBBLES.get(usize::from(digit)).copied().unwrap_or(NO_DIGIT)
}

const NO_DIGIT: u8 = 0xFF;

/// [`nibble`] of every byte.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [NO_DIGIT; 256];
    let mut rest: &mut [u8] = &mut nibbles;
    let mut byte = 0_u8;
    while let Some((nibble, after)) = rest.split_first_mut() {
        *nibble = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
            _ => NO_DIGIT,
        };
        byte = byte.wrapping_add(1);
        rest = after;
    }
    nibbles
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_lower_case_hex_and_nothing_else() {
        let digest = Sha256Digest::from_bytes([0xab; 32]);
        assert_eq!(digest.to_string(), "ab".repeat(32));
        assert_eq!("ab".repeat(32).parse(), Ok(digest));
        assert!("AB".repeat(32).parse::<Sha256Digest>().is_err());
        assert!("ab".repeat(31).parse::<Sha256Digest>().is_err());
        let digits = "ab".repeat(32);
        for place in 0..64 {
            for other in (0..=0x7F_u8).map(char::from) {
                let mut text = digits.clone();
                text.replace_range(place..=place, &other.to_string());
                let is_digit = matches!(other, '0'..='9' | 'a'..='f');
                let read = text.parse::<Sha256Digest>();
                assert_eq!(read.is_ok(), is_digit, "{text}");
                assert!(read.is_err() || read.unwrap().to_string() == text);
            }
        }
    }
}
