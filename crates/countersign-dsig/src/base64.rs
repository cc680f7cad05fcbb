//! Base64 as it stands in XML: `xs:base64Binary` \[XMLSchema-2 §3.2.16, RFC 4648\].

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

use crate::xml::is_space;

/// Decodes after taking out XML white space and nothing else: padding has to be canonical, the
/// unused bits zero, the alphabet the standard one. So every value has one spelling but for white
/// space.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(is_space) {
        let compact: Vec<u8> = text.bytes().filter(|byte| !is_space(*byte)).collect();
        STANDARD.decode(compact).ok()
    } else {
        STANDARD.decode(text).ok()
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_all_that_is_forgiven() {
        assert_eq!(decode(" Y2\r\n9\tw eQ == "), Some(b"copy".to_vec()));
        assert_eq!(decode(&encode(b"\xFB\xFF")), Some(b"\xFB\xFF".to_vec()));
        for lax in [
            "Y29weQ",
            "Y29weQ=",
            "Y29weQ===",
            "Y29weR==",
            "Y2 9weQ=\u{A0}=",
            "Y29weQ==Y29weQ==",
            "-_8=",
            "Y29weQ==\u{B}",
            "=",
            "Y",
        ] {
            assert_eq!(decode(lax), None, "{lax:?}");
        }
    }
}
