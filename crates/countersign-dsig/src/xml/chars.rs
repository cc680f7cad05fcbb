//! The character classes of XML 1.0 (fifth edition) and Namespaces in XML 1.0.

/// White space: the production `S` \[XML §2.3\].
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The production `Char` \[XML §2.2\].
pub(super) const fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Where the first character outside of `Char` stands \[XML §2.2\].
///
/// A `str` holds no surrogates, so only the C0 controls, U+FFFE and U+FFFF are left to find.
pub(super) fn forbidden_char(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    // Without a branch for each byte the compiler looks at many bytes at once.
    let any_control = bytes
        .iter()
        .fold(false, |found, byte| found | is_control(*byte));
    if any_control {
        return bytes.iter().position(|byte| is_control(*byte));
    }
    // U+FFFE and U+FFFF are EF BF BE and EF BF BF.
    memchr::memchr_iter(0xEF, bytes).find(|at| {
        bytes.get(*at..).is_some_and(|rest| {
            rest.starts_with(b"\xEF\xBF\xBE") || rest.starts_with(b"\xEF\xBF\xBF")
        })
    })
}

/// `NameStartChar` without the colon \[XML §2.3, XML-Names §3\].
const fn is_ncname_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` without the colon \[XML §2.3, XML-Names §3\].
const fn is_ncname_char(c: char) -> bool {
    is_ncname_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

const fn is_ascii_ncname_start(byte: u8) -> bool {
    byte.is_ascii() && is_ncname_start(byte as char)
}

/// `NameChar` without the colon, of ASCII. Names are half of a document's bytes, so this is a
/// table.
static IS_ASCII_NCNAME_CHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        #[allow(
            clippy::indexing_slicing,
            clippy::arithmetic_side_effects,
            reason = "evaluated by the compiler, which would refuse to go on"
        )]
        {
            table[byte as usize] = is_ncname_char(byte as char);
            byte += 1;
        }
    }
    table
};

fn is_ascii_ncname_char(byte: u8) -> bool {
    IS_ASCII_NCNAME_CHAR
        .get(usize::from(byte))
        .is_some_and(|is_name| *is_name)
}

/// How many bytes at the start of `text` are an `NCName`; 0 if it starts with none.
#[inline]
pub(super) fn ncname_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ascii = bytes
        .iter()
        .position(|byte| !is_ascii_ncname_char(*byte))
        .unwrap_or(bytes.len());
    if bytes.get(ascii).is_some_and(|byte| *byte >= 0x80) {
        return text
            .char_indices()
            .find(|(at, c)| {
                !if *at == 0 {
                    is_ncname_start(*c)
                } else {
                    is_ncname_char(*c)
                }
            })
            .map_or(text.len(), |(at, _)| at);
    }
    match bytes.first() {
        Some(first) if is_ascii_ncname_start(*first) => ascii,
        _ => 0,
    }
}

/// Whether the whole of `text` is an `NCName`, as every `xs:ID` has to be \[XML-Names §3\].
#[must_use]
pub fn is_ncname(text: &str) -> bool {
    !text.is_empty() && ncname_len(text) == text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_fifth_edition() {
        for good in [
            "a",
            "_",
            "_a-b.c1",
            "é",
            "aé",
            "a\u{B7}",
            "\u{10000}",
            "漢字",
        ] {
            assert!(is_ncname(good), "{good}");
        }
        for bad in [
            "",
            "1a",
            "-a",
            ".a",
            "a:b",
            ":a",
            "a b",
            "\u{B7}a",
            "×",
            "a×",
            "\u{F0000}",
            "a/",
        ] {
            assert!(!is_ncname(bad), "{bad}");
        }
        assert_eq!(ncname_len("ab:c"), 2);
        assert_eq!(ncname_len("aé=c"), 3);
        assert_eq!(ncname_len("é=c"), 2);
    }

    proptest! {
        #[test]
        fn the_fast_search_finds_what_the_production_forbids(text in any::<String>()) {
            let expected = text.char_indices().find(|(_, c)| !is_char(*c)).map(|(at, _)| at);
            let found = forbidden_char(&text);
            prop_assert_eq!(found.is_some(), expected.is_some());
        }
    }

    #[test]
    fn finds_each_forbidden_character() {
        for bad in ["\0", "a\u{8}", "\u{B}", "\u{1F}b", "\u{FFFE}", "a\u{FFFF}b"] {
            assert!(forbidden_char(bad).is_some(), "{bad:?}");
        }
        assert_eq!(forbidden_char("\t\n\r \u{7F}\u{FFFD}\u{FB00}"), None);
    }
}
