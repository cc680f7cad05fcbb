//! What the fuzz targets share: mutations that know where an XML element begins and ends.
//!
//! A byte-wise mutant of a signed response is nearly always torn XML. Signature wrapping moves,
//! copies and deletes whole elements, so half of the mutants do that.

use std::ops::Range;

use libfuzzer_sys::fuzzer_mutate;

/// Mutates `data[..size]` in place and returns its new size: whole elements, bytes, or both.
pub fn mutate_xml(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut draw = Draw(seed);
    if draw.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let original = data.get(..size).unwrap_or_default();
    let Some(mutant) = splice(original, &mut draw).filter(|mutant| mutant.len() <= max_size) else {
        return fuzzer_mutate(data, size, max_size);
    };
    let size = mutant.len();
    if let Some(place) = data.get_mut(..size) {
        place.copy_from_slice(&mutant);
    }
    if draw.below(4) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    size
}

/// A small generator of numbers: what happens depends on the seed alone (xorshift32).
struct Draw(u32);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.max(1);
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit.max(1)
    }
}

/// Deletes, repeats, moves or copies an element, or splits a text with a comment.
fn splice(xml: &[u8], draw: &mut Draw) -> Option<Vec<u8>> {
    let elements = elements(xml);
    let one = elements.get(draw.below(elements.len()))?.clone();
    let other = elements.get(draw.below(elements.len()))?.clone();
    let copied = xml.get(one.clone())?;
    match draw.below(5) {
        0 => replaced(xml, one, b""),
        1 => replaced(xml, one.end..one.end, copied),
        2 => replaced(xml, other.start..other.start, copied),
        3 => {
            // Into the other, before its first child or text.
            let inside = xml
                .get(other.clone())?
                .iter()
                .position(|&byte| byte == b'>')?;
            let inside = other.start + inside + 1;
            replaced(xml, inside..inside, copied)
        }
        _ => {
            let inside = one.start + draw.below(one.len());
            replaced(xml, inside..inside, b"<!---->")
        }
    }
}

fn replaced(xml: &[u8], range: Range<usize>, by: &[u8]) -> Option<Vec<u8>> {
    Some([xml.get(..range.start)?, by, xml.get(range.end..)?].concat())
}

/// Where each element begins and ends, roughly: comments and CDATA are not looked into.
fn elements(xml: &[u8]) -> Vec<Range<usize>> {
    let mut open = Vec::new();
    let mut found = Vec::new();
    let mut position = 0;
    while let Some(start) = from(xml, position, b'<') {
        let Some(end) = from(xml, start, b'>').map(|end| end + 1) else {
            break;
        };
        match (xml.get(start + 1), xml.get(end - 2)) {
            (Some(b'!' | b'?'), _) => {}
            (Some(b'/'), _) => {
                if let Some(start) = open.pop() {
                    found.push(start..end);
                }
            }
            (_, Some(b'/')) => found.push(start..end),
            _ => open.push(start),
        }
        position = end;
    }
    found
}

fn from(xml: &[u8], position: usize, byte: u8) -> Option<usize> {
    let found = xml.get(position..)?.iter().position(|&other| other == byte);
    found.map(|found| position + found)
}
