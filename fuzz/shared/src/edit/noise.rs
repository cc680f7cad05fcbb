//! Edits that know nothing of XML.

use super::place::{bytes, replace};
use crate::choices::Choices;

/// Changes single bytes: nothing is known of what they mean.
pub fn edit_bytes(xml: &mut Vec<u8>, choices: &mut Choices<'_>) {
    const TOKENS: [&[u8]; 26] = [
        b"<",
        b">",
        b"&",
        b"\"",
        b"'",
        b"/",
        b"=",
        b":",
        b";",
        b"#",
        b"]]>",
        b"--",
        b"-->",
        b"<!--",
        b"<?",
        b"&#0;",
        b"&#xD800;",
        b"&#xFFFE;",
        b"&lt",
        b"\0",
        b"\x01",
        b"\x7f",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xef\xbf\xbe",
        b" xmlns:p=\"\"",
    ];
    let at = choices.below(xml.len().saturating_add(1));
    let length = 1_usize.saturating_add(choices.below(8));
    let end = at.saturating_add(length).min(xml.len());
    match choices.below(6) {
        0 => replace(xml, at..end, b""),
        1 => {
            let copy = bytes(xml, at..end).to_vec();
            let to = choices.below(xml.len());
            replace(xml, to..to, &copy);
        }
        2 => {
            let flipped = 1_u8.rotate_left(u32::try_from(choices.below(8)).unwrap_or(0));
            if let Some(byte) = xml.get_mut(at) {
                *byte ^= flipped;
            }
        }
        3 => {
            let byte = u8::try_from(choices.below(256)).unwrap_or(0);
            replace(xml, at..at.saturating_add(1), &[byte]);
        }
        4 => {
            let byte = u8::try_from(choices.below(256)).unwrap_or(0);
            replace(xml, at..at, &[byte]);
        }
        _ => {
            let token = choices.among(&TOKENS).copied().unwrap_or_default();
            replace(xml, at..at, token);
        }
    }
}
