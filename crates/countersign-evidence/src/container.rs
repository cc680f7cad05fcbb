//! The ZIP container: written in one way only, so that every byte of it is checked
//! (`docs/spec/bundle.md` §1).

use std::collections::BTreeSet;

use crate::known::Parts;
use crate::report::{CONTAINER, Claim, Lines};
use crate::sink::{Comparison, Sink};

/// Largest bundle \[bundle.md §1\]: bounds what a reader holds, and keeps offsets in 32 bits.
pub(crate) const MAX_BUNDLE_BYTES: usize = 256 << 20;

/// Most members \[bundle.md §1\]: three files for each of 999 records, and the few others.
pub(crate) const MAX_MEMBERS: usize = 4096;

const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
const END_SIGNATURE: u32 = 0x0605_4b50;
/// Version 1.0: a stored file [APPNOTE §4.4.3].
const VERSION: u16 = 10;
/// 1980-01-01, the first day that the format can write [APPNOTE §4.4.6].
const DATE: u16 = 0x0021;
/// Length of a local header without name and data [APPNOTE §4.3.7].
const LOCAL_HEADER_BYTES: usize = 30;

/// One member, as it stands in the container.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) name: &'a str,
    pub(crate) data: &'a [u8],
    /// The same bytes, taken apart for hashing.
    pub(crate) parts: Parts<'a>,
    /// The CRC-32 in its local header, which need not be that of `data`.
    crc: u32,
}

impl<'a> Member<'a> {
    pub(crate) fn new(name: &'a str, data: &'a [u8]) -> Self {
        let parts = Parts::of(name, data);
        Self {
            name,
            data,
            parts,
            crc: parts.crc32(),
        }
    }
}

/// Writes a container; `None` if it would be too large, and then not all of it is written.
pub(crate) fn write(members: &[Member<'_>], sink: &mut impl Sink) -> Option<()> {
    if members.len() > MAX_MEMBERS {
        return None;
    }
    let mut offset = 0_usize;
    let mut header = Vec::new();
    let mut central = Vec::new();
    for member in members {
        let local_offset = u32::try_from(offset).ok()?;
        let size = u32::try_from(member.data.len()).ok()?;
        let name_len = u16::try_from(member.name.len()).ok()?;
        header.clear();
        put32(&mut header, &[LOCAL_SIGNATURE]);
        // What a local header and its copy in the central directory share [APPNOTE §4.3.7, §4.3.12].
        let shared = header.len();
        put16(&mut header, &[VERSION, 0, 0, 0, DATE]);
        put32(&mut header, &[member.crc, size, size]);
        put16(&mut header, &[name_len, 0]);

        put32(&mut central, &[CENTRAL_SIGNATURE]);
        put16(&mut central, &[VERSION]);
        central.extend_from_slice(header.get(shared..)?);
        // Comment length, disk, internal attributes; external attributes, offset.
        put16(&mut central, &[0, 0, 0]);
        put32(&mut central, &[0, local_offset]);
        central.extend_from_slice(member.name.as_bytes());

        header.extend_from_slice(member.name.as_bytes());
        sink.put(&header);
        sink.put(member.data);
        offset = offset
            .checked_add(header.len())?
            .checked_add(member.data.len())?;
        if offset.saturating_add(central.len()) > MAX_BUNDLE_BYTES {
            return None;
        }
    }
    let count = u16::try_from(members.len()).ok()?;
    let central_offset = u32::try_from(offset).ok()?;
    let central_len = u32::try_from(central.len()).ok()?;
    put32(&mut central, &[END_SIGNATURE]);
    put16(&mut central, &[0, 0, count, count]);
    put32(&mut central, &[central_len, central_offset]);
    put16(&mut central, &[0]);
    sink.put(&central);
    Some(())
}

fn put16(bytes: &mut Vec<u8>, values: &[u16]) {
    for value in values {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}

fn put32(bytes: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}

/// Reads the members of a container, and says what is wrong with it.
///
/// Only names, sizes and CRCs are taken from the file; all else is compared with what a writer
/// would have written. Damage does not end the reading where members can still be told apart.
pub(crate) fn read<'a>(bytes: &'a [u8], lines: &mut Lines) -> Vec<Member<'a>> {
    // [bundle.md §1]
    if bytes.len() > MAX_BUNDLE_BYTES {
        lines.failed(Claim::Container, CONTAINER, "is larger than 256 MiB");
        return Vec::new();
    }
    let mut members = Vec::new();
    let mut rest = bytes;
    while let Some((member, after)) = read_member(rest) {
        if members.len() == MAX_MEMBERS {
            lines.failed(Claim::Container, CONTAINER, "has more than 4096 members");
            return Vec::new();
        }
        members.push(member);
        rest = after;
    }
    let mut sound = true;
    if members.is_empty() {
        lines.failed(Claim::Container, CONTAINER, "is no container of members");
        return members;
    }
    for member in &members {
        if member.crc != member.parts.crc32() {
            sound = false;
            lines.failed(
                Claim::Container,
                member.name,
                "its bytes do not have its CRC-32",
            );
        }
    }
    let mut names = BTreeSet::new();
    for member in &members {
        // [bundle.md §1]: with other characters, readers differ on what the name is.
        if !member.name.is_ascii() {
            sound = false;
            let why = "its name is not written in ASCII";
            lines.failed(Claim::Container, member.name, why);
        }
        // Two members of one name let two readers see different files.
        if !names.insert(member.name) {
            sound = false;
            lines.failed(Claim::Container, member.name, "is there twice");
        }
    }
    let mut comparison = Comparison::with(bytes);
    let is_written = write(&members, &mut comparison).is_some();
    if !is_written || !comparison.is_same() {
        sound = false;
        let at = comparison.same_bytes();
        lines.failed(
            Claim::Container,
            CONTAINER,
            format!("from byte {at} on it is not as a writer writes it"),
        );
    }
    if sound {
        lines.proved(
            Claim::Container,
            CONTAINER,
            format!(
                "written again from its {} members it is the same, byte for byte",
                members.len()
            ),
        );
    }
    members
}

/// Reads one local header with its name and data; `None` where there is none.
fn read_member(bytes: &[u8]) -> Option<(Member<'_>, &[u8])> {
    let (header, rest) = bytes.split_at_checked(LOCAL_HEADER_BYTES)?;
    if u32_at(header, 0)? != LOCAL_SIGNATURE {
        return None;
    }
    // [APPNOTE §4.3.7]: CRC at 14, compressed size at 18, length of the name at 26.
    let crc = u32_at(header, 14)?;
    let size = usize::try_from(u32_at(header, 18)?).ok()?;
    let name_len = usize::from(u16_at(header, 26)?);
    let (name, rest) = rest.split_at_checked(name_len)?;
    let (data, rest) = rest.split_at_checked(size)?;
    let name = std::str::from_utf8(name).ok()?;
    let parts = Parts::of(name, data);
    Some((
        Member {
            name,
            data,
            parts,
            crc,
        },
        rest,
    ))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|chunk| u32::from_le_bytes(*chunk))
}
