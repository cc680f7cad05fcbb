//! Taking a raw query or form body apart, strictly.

use crate::rejection::{Quoted, Rejection, reject};

use super::encoding::percent_decode;

/// The raw values of `names` in `application/x-www-form-urlencoded` bytes, each as it arrived.
/// Parameters of other names are the host's own and are passed over.
///
/// A name that is there twice refuses, and so does one that is spelled in percent-encoding: the
/// reader in front of us may have taken the other.
pub(super) fn read<'a, const N: usize>(
    raw: &'a [u8],
    names: [&str; N],
) -> Result<[Option<&'a [u8]>; N], Rejection> {
    let mut values = [None; N];
    for piece in raw.split(|byte| *byte == b'&') {
        let mut halves = piece.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        let Some(decoded) = percent_decode(name) else {
            reject!(
                MalformedParameters,
                "a parameter's name is not in percent-encoding"
            );
        };
        let Some((wanted, found)) = names
            .iter()
            .zip(&mut values)
            .find(|(wanted, _)| wanted.as_bytes() == &*decoded)
        else {
            continue;
        };
        if found.is_some() {
            reject!(
                AmbiguousParameters,
                "the parameter {} is there more than once",
                Quoted(wanted)
            );
        }
        if wanted.as_bytes() != name {
            reject!(
                AmbiguousParameters,
                "the name of the parameter {} is spelled in percent-encoding",
                Quoted(wanted)
            );
        }
        *found = Some(value);
    }
    Ok(values)
}

/// The value of a parameter after percent-decoding, which must be UTF-8.
pub(super) fn text(name: &str, raw: &[u8]) -> Result<String, Rejection> {
    let bytes = decoded(name, raw)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(_) => reject!(MalformedParameters, "the value of {name} is not UTF-8"),
    }
}

/// The bytes of a parameter after percent-decoding.
pub(super) fn decoded(name: &str, raw: &[u8]) -> Result<Vec<u8>, Rejection> {
    match percent_decode(raw) {
        Some(bytes) => Ok(bytes.into_owned()),
        None => reject!(
            MalformedParameters,
            "the value of {name} is not in percent-encoding"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_code(raw: &str) -> &'static str {
        read(raw.as_bytes(), ["A", "RelayState"])
            .unwrap_err()
            .code()
    }

    #[test]
    fn values_are_the_bytes_that_arrived() {
        let raw = b"x=1&A=%2f%2F+&&y&RelayState=&a=2";
        let [a, relay_state] = read(raw, ["A", "RelayState"]).unwrap();
        assert_eq!(a, Some(&b"%2f%2F+"[..]));
        assert_eq!(relay_state, Some(&b""[..]));
        assert_eq!(read(b"", ["A"]).unwrap(), [None]);
        assert_eq!(read(b"A", ["A"]).unwrap(), [Some(&b""[..])]);
        assert_eq!(read(b"A=b=c", ["A"]).unwrap(), [Some(&b"b=c"[..])]);
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused() {
        for raw in ["A=1&A=1", "A=1&x=2&A=", "A=1&A", "RelayState=&RelayState="] {
            assert_eq!(read_code(raw), "saml.ambiguous_parameters", "{raw}");
        }
    }

    #[test]
    fn a_name_in_percent_encoding_is_refused() {
        for raw in ["%41=1", "A=1&%41=2", "%41=1&A=2", "Relay%53tate=x"] {
            assert_eq!(read_code(raw), "saml.ambiguous_parameters", "{raw}");
        }
    }

    #[test]
    fn a_broken_percent_encoding_is_refused() {
        for raw in ["%4=1", "%=1", "A%zz=1"] {
            assert_eq!(read_code(raw), "saml.malformed_parameters", "{raw}");
        }
        for raw in ["%", "%4", "%4g", "a%"] {
            let refused = decoded("A", raw.as_bytes()).unwrap_err();
            assert_eq!(refused.code(), "saml.malformed_parameters");
        }
        assert_eq!(
            text("A", b"%ff").unwrap_err().code(),
            "saml.malformed_parameters"
        );
        assert_eq!(text("A", b"%C3%a4+b").unwrap(), "ä b");
    }
}
