//! Edits of an XML message that know where its elements begin and end.
//!
//! A byte-wise mutant of a signed response is nearly always torn XML. Signature wrapping moves,
//! copies, wraps and forges whole elements, and so do these edits.

mod noise;
mod place;
mod spelling;
mod words;

pub use noise::edit_bytes;
pub use place::{Place, places, replace};

use memchr::memmem;

use place::{attributes, bytes, find, tag_name};
use spelling::{encode_character, encode_section, respell_tag};
use words::{ATTRIBUTES, NAMES, PIECES, REPLACED};

use crate::choices::Choices;

/// What edits are made with.
#[derive(Debug, Clone, Copy)]
pub struct Editor<'a> {
    /// The texts that a forgery replaces: the names of whom the messages are about.
    pub victims: &'a [&'a str],
    /// What a forgery puts in their place.
    pub attacker: &'a str,
    /// Another message, whose elements are put into the edited one; it may be empty.
    pub donor: &'a [u8],
}

impl Editor<'_> {
    /// Makes some edits, at least one and at most `most`.
    pub fn edits(&self, xml: &mut Vec<u8>, choices: &mut Choices<'_>, most: usize) {
        for _ in 0..most {
            self.edit(xml, choices);
            if !choices.go_on() {
                return;
            }
        }
    }

    /// Makes one edit.
    pub fn edit(&self, xml: &mut Vec<u8>, choices: &mut Choices<'_>) {
        let places = places(xml);
        let Some(place) = self.chosen(xml, &places, choices).cloned() else {
            edit_bytes(xml, choices);
            return;
        };
        match choices.below(18) {
            0 => replace(xml, place.whole(), b""),
            1 => self.copy(xml, &places, &place, choices),
            2 => relocate(xml, &places, &place, choices),
            3 => self.wrap_in_itself(xml, &place, choices),
            4 => wrap(xml, &place, choices.word(&NAMES)),
            5 => rename(xml, &place, choices.word(&NAMES)),
            6 => add_attribute(xml, &place, choices.word(&ATTRIBUTES)),
            7 => self.edit_attribute(xml, &place, choices),
            8 => self.edit_text(xml, &places, &place, choices),
            9 => {
                let piece = match choices.below(PIECES.len().saturating_add(1)) {
                    0 => self.attacker,
                    n => PIECES.get(n.saturating_sub(1)).copied().unwrap_or_default(),
                };
                let at = edge(&place, choices);
                replace(xml, at..at, piece.as_bytes());
            }
            10 => {
                let inside = place.whole();
                let at = inside.start.saturating_add(choices.below(inside.len()));
                let piece = choices.word(&PIECES);
                replace(xml, at..at, piece.as_bytes());
            }
            11 => self.splice(xml, &place, choices),
            12 => self.swap_with_namesake(xml, &places, &place, choices),
            13 => encode_character(xml, &place, choices),
            14 => encode_section(xml, &place),
            15 => respell_tag(xml, &place, choices),
            16 => replace_word(xml, &place, choices),
            _ => edit_bytes(xml, choices),
        }
    }

    /// Any element, or one that says whom the message is about: a few of many, and those that an
    /// attack has to move.
    fn chosen<'p>(
        &self,
        xml: &[u8],
        places: &'p [Place],
        choices: &mut Choices<'_>,
    ) -> Option<&'p Place> {
        if choices.below(2) == 1 {
            let named: Vec<usize> = self
                .victims
                .iter()
                .flat_map(|victim| memmem::find_iter(xml, victim))
                .collect();
            let says_who = |place: &&Place| named.iter().any(|name| place.whole().contains(name));
            let them: Vec<&Place> = places.iter().filter(says_who).collect();
            if let Some(place) = choices.among(&them) {
                return Some(place);
            }
        }
        choices.among(places)
    }

    /// A copy, forged or not: about the attacker, under the same ID, under another, or under the
    /// same in an attribute that some take for one.
    fn forged(&self, xml: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
        let how = choices.below(4);
        let mut copy = xml.to_vec();
        if how == 0 {
            return copy;
        }
        for victim in self.victims {
            copy = replaced_all(&copy, victim.as_bytes(), self.attacker.as_bytes());
        }
        match how {
            1 => copy,
            2 => replaced_all(&copy, b" ID=\"", b" ID=\"_evil"),
            _ => replaced_all(&copy, b" ID=", b" Id="),
        }
    }

    fn copy(&self, xml: &mut Vec<u8>, places: &[Place], from: &Place, choices: &mut Choices<'_>) {
        let copy = self.forged(bytes(xml, from.whole()), choices);
        if let Some(to) = choices.among(places) {
            let at = edge(to, choices);
            replace(xml, at..at, &copy);
        }
    }

    /// Puts an element into a forged copy of itself, before its content.
    fn wrap_in_itself(&self, xml: &mut Vec<u8>, place: &Place, choices: &mut Choices<'_>) {
        let original = bytes(xml, place.whole()).to_vec();
        let rest = place.start_tag.end..place.end_tag.end;
        let mut script = choices.clone();
        let start_tag = self.forged(bytes(xml, place.start_tag.clone()), &mut script);
        let rest = self.forged(bytes(xml, rest), choices);
        replace(xml, place.whole(), &[start_tag, original, rest].concat());
    }

    fn edit_attribute(&self, xml: &mut Vec<u8>, place: &Place, choices: &mut Choices<'_>) {
        let attributes = attributes(xml, &place.start_tag);
        let Some(attribute) = choices.among(&attributes).cloned() else {
            return;
        };
        match choices.below(6) {
            0 => replace(xml, attribute.whole, b""),
            1 => replace(xml, attribute.value, self.attacker.as_bytes()),
            2 => replace(xml, attribute.value, b""),
            3 => {
                let other = choices.among(&attributes).cloned();
                let other = other.map(|other| bytes(xml, other.value).to_vec());
                replace(xml, attribute.value, &other.unwrap_or_default());
            }
            4 => {
                // Twice the same, or the same before another prefix's.
                let copy = bytes(xml, attribute.whole.clone()).to_vec();
                let at = attribute.whole.end;
                replace(xml, at..at, &copy);
            }
            _ => {
                let at = attribute.value.start;
                let piece = choices.word(&[" ", "\n", "&#10;", "x", "_", "#", "&#120;", "\t"]);
                replace(xml, at..at, piece.as_bytes());
            }
        }
    }

    /// Puts the attacker, nothing, or another element's text in the place of an element's content.
    fn edit_text(
        &self,
        xml: &mut Vec<u8>,
        places: &[Place],
        place: &Place,
        choices: &mut Choices<'_>,
    ) {
        let by = match choices.below(4) {
            0 => self.attacker.as_bytes().to_vec(),
            1 => Vec::new(),
            2 => {
                let other = choices.among(places);
                other.map_or_else(Vec::new, |other| bytes(xml, other.inside()).to_vec())
            }
            _ => choices.word(&["true", "0", " ", "2.0", "_x"]).into(),
        };
        replace(xml, place.inside(), &by);
    }

    /// Puts an element of the donor beside, into or in the place of one of ours.
    fn splice(&self, xml: &mut Vec<u8>, place: &Place, choices: &mut Choices<'_>) {
        let donors = places(self.donor);
        let Some(donated) = choices.among(&donors) else {
            return;
        };
        let donated = self.forged(bytes(self.donor, donated.whole()), choices);
        let range = match choices.below(5) {
            4 => place.whole(),
            _ => {
                let at = edge(place, choices);
                at..at
            }
        };
        replace(xml, range, &donated);
    }

    /// Puts the donor's element of the same name in the place of ours; of its tags only, or of its
    /// content only, or all.
    fn swap_with_namesake(
        &self,
        xml: &mut Vec<u8>,
        ours: &[Place],
        place: &Place,
        choices: &mut Choices<'_>,
    ) {
        let name = tag_name(bytes(xml, place.start_tag.clone()));
        let donors = places(self.donor);
        let namesake = donors
            .iter()
            .find(|donor| tag_name(bytes(self.donor, donor.start_tag.clone())) == name);
        let (here, there) = match (namesake, choices.below(3)) {
            (Some(namesake), 0) => (place.whole(), namesake.whole()),
            (Some(namesake), 1) => (place.inside(), namesake.inside()),
            (Some(namesake), _) => (place.start_tag.clone(), namesake.start_tag.clone()),
            (None, _) => {
                // None there: a namesake of our own.
                let other = ours.iter().rev().find(|other| {
                    tag_name(bytes(xml, other.start_tag.clone())) == name && *other != place
                });
                if let Some(other) = other {
                    let copy = bytes(xml, other.whole()).to_vec();
                    replace(xml, place.whole(), &copy);
                }
                return;
            }
        };
        replace(xml, here, bytes(self.donor, there));
    }
}

fn edge(place: &Place, choices: &mut Choices<'_>) -> usize {
    choices.among(&place.edges()).copied().unwrap_or_default()
}

fn replaced_all(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for found in memmem::find_iter(text, from) {
        out.extend_from_slice(bytes(text, at..found));
        out.extend_from_slice(to);
        at = found.saturating_add(from.len());
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out
}

/// Puts another word in the place of one that matters: the first in the message, or the first from
/// this element on.
fn replace_word(xml: &mut Vec<u8>, place: &Place, choices: &mut Choices<'_>) {
    let start = match choices.below(2) {
        0 => 0,
        _ => place.start_tag.start,
    };
    if let Some((from, to)) = choices.among(&REPLACED)
        && let Some(at) = find(xml, start, from.as_bytes())
    {
        replace(xml, at..at.saturating_add(from.len()), to.as_bytes());
    }
}

/// Moves an element to an edge of another that is not in it.
fn relocate(xml: &mut Vec<u8>, places: &[Place], place: &Place, choices: &mut Choices<'_>) {
    let from = place.whole();
    let Some(to) = choices.among(places) else {
        return;
    };
    let to = edge(to, choices);
    let moved = bytes(xml, from.clone()).to_vec();
    if to <= from.start {
        replace(xml, from, b"");
        replace(xml, to..to, &moved);
    } else if to >= from.end {
        replace(xml, to..to, &moved);
        replace(xml, from, b"");
    }
}

fn wrap(xml: &mut Vec<u8>, place: &Place, name: &str) {
    let dsig = "http://www.w3.org/2000/09/xmldsig#";
    let whole = bytes(xml, place.whole());
    let head = format!("<{name} xmlns:ds=\"{dsig}\">");
    let tail = format!("</{name}>");
    let wrapped = [head.as_bytes(), whole, tail.as_bytes()].concat();
    replace(xml, place.whole(), &wrapped);
}

fn rename(xml: &mut Vec<u8>, place: &Place, name: &str) {
    let old = tag_name(bytes(xml, place.start_tag.clone())).len();
    let Place { start_tag, end_tag } = place;
    if !end_tag.is_empty() {
        let inside = end_tag.start.saturating_add(2)..end_tag.end.saturating_sub(1);
        replace(xml, inside, name.as_bytes());
    }
    let start = start_tag.start.saturating_add(1);
    replace(xml, start..start.saturating_add(old), name.as_bytes());
}

fn add_attribute(xml: &mut Vec<u8>, place: &Place, attribute: &str) {
    let name = tag_name(bytes(xml, place.start_tag.clone())).len();
    let at = place.start_tag.start.saturating_add(1).saturating_add(name);
    replace(xml, at..at, attribute.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    const XML: &[u8] = b"<?xml?><a x='>' y=\"1\"><!-- <b> --><b/><![CDATA[<c>]]><c>t</c ></a>";

    fn text(range: Range<usize>) -> String {
        String::from_utf8_lossy(bytes(XML, range)).into_owned()
    }

    #[test]
    fn elements_are_found_and_nothing_else() {
        let places = places(XML);
        let found: Vec<_> = places.iter().map(|place| text(place.whole())).collect();
        assert_eq!(found.len(), 3);
        assert!(
            found
                .first()
                .is_some_and(|a| a.starts_with("<a ") && a.ends_with("</a>"))
        );
        assert_eq!(found.get(1..).unwrap_or_default(), ["<b/>", "<c>t</c >"]);
        let attributes = attributes(XML, &places.first().unwrap().start_tag);
        let values: Vec<_> = attributes
            .iter()
            .map(|attribute| (text(attribute.whole.clone()), text(attribute.value.clone())))
            .collect();
        let expected = [(" x='>'", ">"), (" y=\"1\"", "1")];
        assert_eq!(
            values,
            expected.map(|(whole, value)| (whole.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn respelling_keeps_what_a_document_says() {
        let canonical = |xml: &[u8]| {
            use countersign_dsig::c14n::{Canonicalization, canonicalize};
            use countersign_dsig::xml::{Document, Limits};
            let document = Document::parse(xml, &Limits::default()).unwrap();
            canonicalize(document.root(), &Canonicalization::exclusive(), None).unwrap()
        };
        let xml = b"<a x='1' y=\"2\"><b/><c>t</c></a>".to_vec();
        let mut spellings = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut respelt = xml.clone();
            let mut choices = Choices::from_seed(seed);
            for _ in 0..3 {
                let places = places(&respelt);
                let place = choices.among(&places).unwrap().clone();
                respell_tag(&mut respelt, &place, &mut choices);
            }
            assert_eq!(canonical(&respelt), canonical(&xml), "{respelt:?}");
            spellings.insert(respelt);
        }
        assert!(spellings.len() > 50, "{}", spellings.len());
    }

    #[test]
    fn a_forged_copy_beside_the_original_is_among_the_edits() {
        let editor = Editor {
            victims: &["nurse"],
            attacker: "attacker",
            donor: b"",
        };
        let xml = b"<r><a ID=\"_1\">nurse</a></r>";
        let made = |expected: &[u8]| {
            (0..20_000).any(|seed| {
                let mut edited = xml.to_vec();
                editor.edit(&mut edited, &mut Choices::from_seed(seed));
                edited == expected
            })
        };
        assert!(made(
            b"<r><a ID=\"_evil_1\">attacker</a><a ID=\"_1\">nurse</a></r>"
        ));
        assert!(made(
            b"<r><a Id=\"_1\"><a ID=\"_1\">nurse</a>attacker</a></r>"
        ));
        assert!(made(b"<r></r>"));
    }

    #[test]
    fn no_edit_panics_on_what_is_no_xml() {
        let editor = Editor {
            victims: &["x"],
            attacker: "y",
            donor: b"</a><b",
        };
        for seed in 0..20_000 {
            let mut choices = Choices::from_seed(seed);
            let mut torn = XML.to_vec();
            torn.truncate(choices.below(XML.len()));
            editor.edits(&mut torn, &mut choices, 4);
        }
    }
}
