//! Edits after which a message says the same in other words.

use super::place::{AttributePlace, Place, attributes, bytes, replace, tag_name};
use crate::choices::Choices;

/// Writes a character as a reference to it: the same to every reader, where references may stand.
pub(super) fn encode_character(xml: &mut Vec<u8>, place: &Place, choices: &mut Choices<'_>) {
    let inside = if choices.below(2) == 0 {
        place.inside()
    } else {
        place.start_tag.clone()
    };
    let at = inside.start.saturating_add(choices.below(inside.len()));
    let Some(byte) = xml.get(at).copied().filter(u8::is_ascii) else {
        return;
    };
    let reference = match choices.below(3) {
        0 => format!("&#{byte};"),
        1 => format!("&#x{byte:x};"),
        _ => format!("&#x000{byte:X};"),
    };
    replace(xml, at..at.saturating_add(1), reference.as_bytes());
}

/// Writes an element's content as a CDATA section: the same to every reader if it is plain text.
pub(super) fn encode_section(xml: &mut Vec<u8>, place: &Place) {
    let inside = bytes(xml, place.inside());
    let section = [b"<![CDATA[", inside, b"]]>"].concat();
    replace(xml, place.inside(), &section);
}

/// Writes a tag in another way that says the same: white space, order and quotes of attributes,
/// an empty element in two tags.
pub(super) fn respell_tag(xml: &mut Vec<u8>, place: &Place, choices: &mut Choices<'_>) {
    let attributes = attributes(xml, &place.start_tag);
    let attribute = choices.among(&attributes).cloned();
    match (choices.below(4), attribute) {
        (0, Some(attribute)) => {
            let at = attribute.whole.start;
            let space = choices.word(&["\n", "\r\n", "\t", "  "]);
            replace(xml, at..at, space.as_bytes());
        }
        (1, Some(attribute)) => {
            // To the front; what stood in front moves back.
            let moved = bytes(xml, attribute.whole.clone()).to_vec();
            let first = attributes.first().map_or(0, |first| first.whole.start);
            replace(xml, attribute.whole, b"");
            replace(xml, first..first, &moved);
        }
        (2, Some(attribute)) => {
            if !bytes(xml, attribute.value.clone()).contains(&b'\'') {
                let AttributePlace { value, .. } = attribute;
                replace(xml, value.end..value.end.saturating_add(1), b"'");
                replace(xml, value.start.saturating_sub(1)..value.start, b"'");
            }
        }
        _ if place.end_tag.is_empty() => {
            let tag = bytes(xml, place.start_tag.clone());
            let name = tag_name(tag);
            let open = tag.strip_suffix(b"/>").unwrap_or(tag);
            let respelt = [open, b"></", name, b" >"].concat();
            replace(xml, place.start_tag.clone(), &respelt);
        }
        _ => {
            let at = place.end_tag.end.saturating_sub(1);
            replace(xml, at..at, b" ");
        }
    }
}
