//! Edits of an XML message that know where its elements begin and end.
//!
//! A byte-wise mutant of a signed response is nearly always torn XML. Signature wrapping moves,
//! copies, wraps and forges whole elements, and so do these edits.

use std::ops::Range;

use memchr::memmem;

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

/// Where an element stands: its start tag, its end tag. Those of `<a/>` are one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From `<` to `>`.
    pub start_tag: Range<usize>,
    /// From `<` to `>`; empty, behind the start tag, if there is none.
    pub end_tag: Range<usize>,
}

impl Place {
    /// The whole element.
    #[must_use]
    pub fn whole(&self) -> Range<usize> {
        self.start_tag.start..self.end_tag.end
    }

    /// What stands between its tags.
    #[must_use]
    pub fn inside(&self) -> Range<usize> {
        self.start_tag.end..self.end_tag.start
    }

    /// In front of it, at the start and at the end of its content, behind it.
    #[must_use]
    pub fn edges(&self) -> [usize; 4] {
        let Self { start_tag, end_tag } = self;
        [start_tag.start, start_tag.end, end_tag.start, end_tag.end]
    }
}

/// The elements of a message in document order, as far as tags can be paired: one that was edited
/// before may be no XML any more.
#[must_use]
pub fn places(xml: &[u8]) -> Vec<Place> {
    let (mut places, mut open) = (Vec::<Place>::new(), Vec::new());
    let mut at = 0;
    while let Some(start) = find(xml, at, b"<") {
        let rest = xml.get(start..).unwrap_or_default();
        let skipped: Option<&[u8]> = if rest.starts_with(b"<!--") {
            Some(b"-->")
        } else if rest.starts_with(b"<![CDATA[") {
            Some(b"]]>")
        } else if rest.starts_with(b"<?") {
            Some(b"?>")
        } else {
            None
        };
        if let Some(end) = skipped {
            at = find(xml, start, end).map_or(xml.len(), |found| found.saturating_add(end.len()));
            continue;
        }
        let end = tag_end(xml, start);
        let tag = start..end;
        if rest.starts_with(b"</") {
            let opened = open.pop().and_then(|index: usize| places.get_mut(index));
            if let Some(place) = opened {
                place.end_tag = tag;
            }
        } else if !rest.starts_with(b"<!") {
            let is_empty = xml.get(tag.clone()).is_some_and(|tag| tag.ends_with(b"/>"));
            if !is_empty {
                open.push(places.len());
            }
            places.push(Place {
                start_tag: tag,
                end_tag: end..end,
            });
        }
        at = end;
    }
    places
}

/// Behind the `>` that ends the tag: none between quotes does.
fn tag_end(xml: &[u8], start: usize) -> usize {
    let mut quote = None;
    for (offset, &byte) in xml.iter().enumerate().skip(start) {
        match (quote, byte) {
            (None, b'>') => return offset.saturating_add(1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    xml.len()
}

fn find(xml: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let found = memmem::find(xml.get(from..)?, what)?;
    Some(from.saturating_add(found))
}

/// Puts `by` in the place of a range; a range that is none changes nothing.
pub fn replace(xml: &mut Vec<u8>, range: Range<usize>, by: &[u8]) {
    if range.start <= range.end && range.end <= xml.len() {
        xml.splice(range, by.iter().copied());
    }
}

const NAMES: [&str; 14] = [
    "saml:Advice",
    "saml:Assertion",
    "saml:AttributeValue",
    "saml:Conditions",
    "saml:EncryptedAssertion",
    "saml:NameID",
    "saml:Subject",
    "saml:SubjectConfirmationData",
    "samlp:Extensions",
    "samlp:Response",
    "samlp:StatusDetail",
    "ds:Object",
    "ds:Signature",
    "ds:SignedInfo",
];

const ATTRIBUTES: [&str; 19] = [
    " ID=\"_x\"",
    " Id=\"_x\"",
    " xml:id=\"_x\"",
    " xmlns=\"\"",
    " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:saml=\"urn:x\"",
    " xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:protocol\"",
    " xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:ds=\"urn:x\"",
    " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"",
    " xmlns:x=\"urn:x\"",
    " xml:lang=\"en\"",
    " xml:base=\"https://evil.example/\"",
    " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:nil=\"true\"",
    " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:type=\"i:x\"",
    " InResponseTo=\"_request-1\"",
    " Version=\"2.0\"",
    " Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"",
];

const PIECES: [&str; 16] = [
    "<!-- -->",
    "<!---->",
    "<![CDATA[]]>",
    "<![CDATA[x]]>",
    "<?x y?>",
    "<!DOCTYPE x>",
    "&#65;",
    "&#13;",
    "&amp;",
    "\r\n",
    " ",
    "\t",
    "x",
    "<x/>",
    "<x xmlns=\"urn:x\"/>",
    "</x>",
];

const REPLACED: [(&str, &str); 16] = [
    (" ID=", " Id="),
    (" ID=", " xml:id="),
    (" ID=\"", " ID=\"_evil"),
    ("URI=\"#", "URI=\"#_evil"),
    ("URI=\"#", "URI=\""),
    ("samlp:", "saml:"),
    ("saml:", "samlp:"),
    ("xmlns:saml=", "xmlns:x="),
    ("xmlns:ds=", "xmlns:dsig="),
    ("xml-exc-c14n#", "xml-exc-c14n#WithComments"),
    (
        "http://www.w3.org/2001/10/xml-exc-c14n#",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    ),
    ("#enveloped-signature", "#base64"),
    (
        "2001/04/xmldsig-more#rsa-sha256",
        "2000/09/xmldsig#rsa-sha1",
    ),
    ("2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1"),
    (
        "2001/04/xmldsig-more#rsa-sha256",
        "2007/05/xmldsig-more#rsa-pss",
    ),
    ("status:Success", "status:Requester"),
];

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

fn bytes(xml: &[u8], range: Range<usize>) -> &[u8] {
    xml.get(range).unwrap_or_default()
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

fn tag_name(tag: &[u8]) -> &[u8] {
    let name = tag.get(1..).unwrap_or_default();
    let end = name
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'>'));
    name.get(..end.unwrap_or(name.len())).unwrap_or_default()
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

/// Where an attribute stands.
#[derive(Debug, Clone)]
struct AttributePlace {
    /// With the white space before it.
    whole: Range<usize>,
    /// What stands between its quotes.
    value: Range<usize>,
}

/// The attributes of a start tag, namespace declarations among them.
fn attributes(xml: &[u8], tag: &Range<usize>) -> Vec<AttributePlace> {
    let mut found = Vec::new();
    let text = bytes(xml, tag.clone());
    let mut start = tag_name(text).len().saturating_add(1);
    while let Some(open) = text
        .iter()
        .skip(start)
        .position(|byte| matches!(byte, b'"' | b'\''))
        .map(|at| start.saturating_add(at))
    {
        let value = open.saturating_add(1);
        let quote = text.get(open..value).unwrap_or_default();
        let Some(close) = find(text, value, quote) else {
            break;
        };
        let offset = |at: usize| tag.start.saturating_add(at);
        let end = close.saturating_add(1);
        found.push(AttributePlace {
            whole: offset(start)..offset(end),
            value: offset(value)..offset(close),
        });
        start = end;
    }
    found
}

/// Writes a character as a reference to it: the same to every reader, where references may stand.
fn encode_character(xml: &mut Vec<u8>, place: &Place, choices: &mut Choices<'_>) {
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
fn encode_section(xml: &mut Vec<u8>, place: &Place) {
    let inside = bytes(xml, place.inside());
    let section = [b"<![CDATA[", inside, b"]]>"].concat();
    replace(xml, place.inside(), &section);
}

/// Writes a tag in another way that says the same: white space, order and quotes of attributes,
/// an empty element in two tags.
fn respell_tag(xml: &mut Vec<u8>, place: &Place, choices: &mut Choices<'_>) {
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

#[cfg(test)]
mod tests {
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
