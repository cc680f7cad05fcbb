//! DER, written by hand \[X.690\].

use countersign_core::Timestamp;

/// A value with its tag and length \[X.690 §8.1, §10.1\].
#[must_use]
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let length = value.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut written = vec![tag];
    match (digits.as_slice(), u8::try_from(digits.len())) {
        ([], _) => written.push(0),
        ([short @ 0..=127], _) => written.push(*short),
        (digits, Ok(count)) => {
            written.push(0x80 | count);
            written.extend_from_slice(digits);
        }
        // INVARIANT: a usize has 8 bytes at most.
        (_, Err(_)) => {}
    }
    written.extend_from_slice(&value);
    written
}

/// `SEQUENCE`
#[must_use]
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

/// `SET OF`, sorted \[X.690 §11.6\].
#[must_use]
pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    let mut parts = parts.to_vec();
    parts.sort_unstable();
    tlv(0x31, &parts)
}

/// `[number] EXPLICIT`, or `IMPLICIT` of something constructed.
#[must_use]
pub fn context(number: u8, parts: &[&[u8]]) -> Vec<u8> {
    tlv(0xa0 | number, parts)
}

/// `INTEGER`, not negative, from its bytes in big-endian order.
#[must_use]
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    match digits.first() {
        Some(0..=127) => tlv(0x02, &[&digits]),
        _ => tlv(0x02, &[&[0], &digits]),
    }
}

/// `OCTET STRING`
#[must_use]
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(0x04, &[bytes])
}

/// `BIT STRING` of whole bytes.
#[must_use]
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes])
}

/// `NULL`
#[must_use]
pub fn null() -> Vec<u8> {
    tlv(0x05, &[])
}

/// `OBJECT IDENTIFIER` from its text, such as `1.2.3.4` \[X.690 §8.19\].
///
/// # Panics
/// If the text is no identifier.
#[must_use]
pub fn oid(text: &str) -> Vec<u8> {
    let arcs: Option<Vec<u64>> = text.split('.').map(|arc| arc.parse().ok()).collect();
    let Some([first, second, rest @ ..]) = arcs.as_deref() else {
        #[allow(clippy::panic, reason = "tests fail by panicking")]
        {
            panic!("`{text}` is no object identifier");
        }
    };
    let first = first.saturating_mul(40).saturating_add(*second);
    let value: Vec<u8> = std::iter::once(first)
        .chain(rest.iter().copied())
        .flat_map(base_128)
        .collect();
    tlv(0x06, &[&value])
}

fn base_128(mut arc: u64) -> Vec<u8> {
    let mut digits = Vec::new();
    loop {
        let more = if digits.is_empty() { 0 } else { 0x80 };
        digits.insert(0, u8::try_from(arc & 0x7f).unwrap_or(0) | more);
        arc >>= 7;
        if arc == 0 {
            return digits;
        }
    }
}

/// `GeneralizedTime`, with a fraction if it has milliseconds.
#[must_use]
pub fn time(at: Timestamp) -> Vec<u8> {
    // `2026-03-01T09:30:00.120Z`
    let text: String = at
        .to_string()
        .chars()
        .filter(|digit| !matches!(digit, '-' | ':' | 'T' | 'Z'))
        .collect();
    let text = text.trim_end_matches('0');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let dot = if fraction.is_empty() { "" } else { "." };
    let text = format!("{whole}{dot}{fraction}Z");
    tlv(0x18, &[text.as_bytes()])
}

/// `UTCTime` until 2049, `GeneralizedTime` from then on, to the second \[RFC 5280 §4.1.2.5\].
#[must_use]
pub fn certificate_time(at: Timestamp) -> Vec<u8> {
    let text: String = at
        .to_string()
        .chars()
        .take_while(|digit| *digit != '.')
        .filter(char::is_ascii_digit)
        .collect();
    let text = format!("{text}Z");
    match text.get(..4).and_then(|year| year.parse::<u16>().ok()) {
        Some(1950..=2049) => tlv(0x17, &[text.as_bytes().get(2..).unwrap_or_default()]),
        _ => tlv(0x18, &[text.as_bytes()]),
    }
}

/// `AlgorithmIdentifier` \[RFC 5280 §4.1.1.2\].
#[must_use]
pub fn algorithm(identifier: &str, parameters: &[u8]) -> Vec<u8> {
    sequence(&[&oid(identifier), parameters])
}

/// Splits what stands in a value into its elements; each with its tag.
///
/// # Panics
/// If it does not consist of such.
#[must_use]
#[allow(clippy::panic, clippy::expect_used, reason = "tests fail by panicking")]
pub fn elements(mut value: &[u8]) -> Vec<(u8, &[u8])> {
    let mut elements = Vec::new();
    while let [tag, first, rest @ ..] = value {
        let (length, rest) = match *first {
            short @ 0..=127 => (usize::from(short), rest),
            long => {
                let count = usize::from(long & 0x7f);
                let (digits, rest) = rest.split_at_checked(count).expect("a length");
                let length = digits
                    .iter()
                    .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
                (length, rest)
            }
        };
        let (inside, rest) = rest.split_at_checked(length).expect("a value");
        elements.push((*tag, inside));
        value = rest;
    }
    assert!(value.is_empty(), "half an element");
    elements
}
