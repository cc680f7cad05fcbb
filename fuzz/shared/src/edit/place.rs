//! Where elements and attributes stand in a message, and putting other text there.

use std::ops::Range;

use memchr::memmem;

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

pub(super) fn find(xml: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let found = memmem::find(xml.get(from..)?, what)?;
    Some(from.saturating_add(found))
}

/// Puts `by` in the place of a range; a range that is none changes nothing.
pub fn replace(xml: &mut Vec<u8>, range: Range<usize>, by: &[u8]) {
    if range.start <= range.end && range.end <= xml.len() {
        xml.splice(range, by.iter().copied());
    }
}

pub(super) fn bytes(xml: &[u8], range: Range<usize>) -> &[u8] {
    xml.get(range).unwrap_or_default()
}

pub(super) fn tag_name(tag: &[u8]) -> &[u8] {
    let name = tag.get(1..).unwrap_or_default();
    let end = name
        .iter()
        .position(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'/' | b'>'));
    name.get(..end.unwrap_or(name.len())).unwrap_or_default()
}

/// Where an attribute stands.
#[derive(Debug, Clone)]
pub(super) struct AttributePlace {
    /// With the white space before it.
    pub(super) whole: Range<usize>,
    /// What stands between its quotes.
    pub(super) value: Range<usize>,
}

/// The attributes of a start tag, namespace declarations among them.
pub(super) fn attributes(xml: &[u8], tag: &Range<usize>) -> Vec<AttributePlace> {
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
