//! Containers that two readers would read differently, or that would hurt who reads them: every
//! one is refused as a container, whatever its members are.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod unpacked;

use countersign_core::Timestamp;
use countersign_evidence::{Claim, Status, TrustPolicy, verify};
use unpacked::Unpacked;

/// A member as a ZIP file has it: what both headers say, and the content.
#[derive(Debug, Clone)]
struct Part {
    /// From `version needed` to `length of the extra field`: 26 bytes [APPNOTE 4.3.7].
    local: Vec<u8>,
    /// The same in the central directory, where it should be the same.
    central: Vec<u8>,
    /// What follows there: comment, disk, attributes: 10 bytes [APPNOTE 4.3.12].
    tail: [u8; 10],
    name: Vec<u8>,
    extra: Vec<u8>,
    data: Vec<u8>,
    /// Where the central directory says that it begins, if not where it does.
    offset: Option<u32>,
}

impl Part {
    fn new(name: &[u8], data: &[u8]) -> Self {
        let mut fields = vec![10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        fields.extend(crc32fast::hash(data).to_le_bytes());
        fields.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        fields.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        fields.extend([0, 0]);
        Self {
            local: fields.clone(),
            central: fields,
            tail: [0; 10],
            name: name.to_vec(),
            extra: Vec::new(),
            data: data.to_vec(),
            offset: None,
        }
    }

    /// Writes into a field of both headers.
    fn set(&mut self, at: usize, value: &[u8]) {
        self.local[at..at + value.len()].copy_from_slice(value);
        self.central[at..at + value.len()].copy_from_slice(value);
    }
}

const FLAGS: usize = 2;
const METHOD: usize = 4;
const CRC: usize = 10;
const STORED_SIZE: usize = 14;
const SIZE: usize = 18;
const EXTRA_LENGTH: usize = 24;

/// The file, and where its central directory begins.
fn written(parts: &[Part]) -> (Vec<u8>, usize) {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for part in parts {
        let offset = part
            .offset
            .unwrap_or_else(|| u32::try_from(file.len()).unwrap());
        file.extend(b"PK\x03\x04");
        file.extend(&part.local);
        file.extend(&part.name);
        file.extend(&part.extra);
        file.extend(&part.data);
        directory.extend(b"PK\x01\x02\x0a\x00");
        directory.extend(&part.central);
        directory.extend(part.tail);
        directory.extend(offset.to_le_bytes());
        directory.extend(&part.name);
        directory.extend(&part.extra);
    }
    let begins = file.len();
    file.extend(&directory);
    file.extend(end(parts.len(), directory.len(), begins));
    (file, begins)
}

fn write(parts: &[Part]) -> Vec<u8> {
    written(parts).0
}

/// The end record; counts wrap as the field does.
fn end(count: usize, size: usize, offset: usize) -> Vec<u8> {
    let count = (count & 0xFFFF) as u16;
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend(count.to_le_bytes());
    end.extend(count.to_le_bytes());
    end.extend(u32::try_from(size).unwrap().to_le_bytes());
    end.extend(u32::try_from(offset).unwrap().to_le_bytes());
    end.extend([0, 0]);
    end
}

fn parts() -> Vec<Part> {
    [
        (&b"mimetype"[..], &b"application/vnd.etsi.asic-e+zip"[..]),
        (b"checkpoint", b"a checkpoint"),
        (b"documents/contract.txt", b"a document"),
    ]
    .map(|(name, data)| Part::new(name, data))
    .to_vec()
}

fn claims(bundle: &[u8]) -> Vec<(Claim, Status)> {
    let report = verify(bundle, &TrustPolicy::new(), Timestamp::UNIX_EPOCH);
    assert!(!report.accepted());
    report
        .lines()
        .iter()
        .map(|line| (line.claim, line.status))
        .collect()
}

fn refuses(what: &str, bundle: &[u8]) {
    let claims = claims(bundle);
    assert!(
        claims.contains(&(Claim::Container, Status::Failed)),
        "{what}: {claims:?}"
    );
}

/// The same file with something done to one of its parts is refused, whichever it is.
fn refuses_each(what: &str, change: impl Fn(&mut Part)) {
    for number in 0..parts().len() {
        let mut parts = parts();
        change(&mut parts[number]);
        refuses(what, &write(&parts));
    }
}

#[test]
fn the_container_that_the_others_are_made_from_is_one() {
    let claims = claims(&write(&parts()));
    assert!(
        claims.contains(&(Claim::Container, Status::Proved)),
        "{claims:?}"
    );
    let members = parts()
        .into_iter()
        .map(|part| (String::from_utf8(part.name).unwrap(), part.data));
    let unpacked = Unpacked {
        members: members.collect(),
    };
    assert_eq!(unpacked.write(), write(&parts()));
}

#[test]
fn members_that_overlap_are_refused() {
    for (liar, at) in [(1, 0), (2, 0), (0, 30), (1, 4), (2, u32::MAX)] {
        let mut parts = parts();
        parts[liar].offset = Some(at);
        refuses("an offset into another member", &write(&parts));
    }
    // A whole member inside another's content: the directory finds it, who reads along does not.
    let hidden = write(&[Part::new(b"documents/contract.txt", b"another document")]);
    let mut parts = parts();
    let carrier = Part::new(b"checkpoint", &hidden);
    let inside = 30 + 8 + parts[0].data.len() + 30 + carrier.name.len();
    parts[1] = carrier;
    parts[2].offset = Some(u32::try_from(inside).unwrap());
    refuses("a member in a member", &write(&parts));
}

#[test]
fn a_directory_that_says_other_than_the_headers_is_refused() {
    for at in 0..26 {
        for bit in 0..8 {
            refuses_each("a central field", |part| part.central[at] ^= 1 << bit);
            refuses_each("a local field", |part| part.local[at] ^= 1 << bit);
        }
    }
    let whole = parts();
    let (file, begins) = written(&whole);
    let (bodies, directory) = (&file[..begins], &file[begins..file.len() - 22]);
    for kept in [&whole[..0], &whole[..2], &whole[1..]] {
        let (one, one_begins) = written(kept);
        let fewer = &one[one_begins..one.len() - 22];
        let end = end(kept.len(), fewer.len(), begins);
        refuses("fewer entries", &[bodies, fewer, &end].concat());
    }
    let twice = [
        bodies,
        directory,
        directory,
        &end(6, directory.len() * 2, begins),
    ]
    .concat();
    refuses("the directory twice", &twice);
    for count in [0, 1, 2, 4, 0xFFFF] {
        let end = end(count, directory.len(), begins);
        refuses("another count", &[bodies, directory, &end].concat());
    }
}

#[test]
fn members_in_another_order_than_the_directory_s_are_refused() {
    let (file, begins) = written(&parts());
    let mut turned = parts();
    let mut offset = 0;
    for part in &mut turned {
        part.offset = Some(offset);
        offset += 30 + u32::try_from(part.name.len() + part.data.len()).unwrap();
    }
    turned.reverse();
    let (other, other_begins) = written(&turned);
    assert_eq!(begins, other_begins);
    refuses(
        "another order",
        &[&file[..begins], &other[begins..]].concat(),
    );
}

#[test]
fn bytes_before_between_and_behind_are_refused() {
    let file = write(&parts());
    let mut seams = vec![file.len(), file.len() - 22];
    let mut at = 0;
    for part in parts() {
        let header = at + 30 + part.name.len();
        seams.extend([at, header]);
        at = header + part.data.len();
    }
    seams.push(at);
    for seam in seams {
        for filling in [&b"\0"[..], b"PK", b"#!/bin/sh\n", b"PK\x05\x06", &[0; 100]] {
            let bytes = [&file[..seam], filling, &file[seam..]].concat();
            refuses("bytes that belong to nobody", &bytes);
        }
    }
    // With every offset moved along, as an executable with an archive behind it has them.
    let mut moved = parts();
    let mut offset = 4;
    for part in &mut moved {
        part.offset = Some(offset);
        offset += 30 + u32::try_from(part.name.len() + part.data.len()).unwrap();
    }
    let (body, begins) = written(&moved);
    let directory = &body[begins..body.len() - 22];
    let end_record = end(3, directory.len(), begins + 4);
    let bytes = [b"stub", &body[..begins], directory, &end_record].concat();
    refuses("a file in front, offsets moved", &bytes);
}

#[test]
fn comments_are_refused() {
    let mut file = write(&parts());
    let length = file.len();
    file[length - 2] = 5;
    file.extend(b"hello");
    refuses("a comment of the archive", &file);
    refuses_each("a comment's length", |part| part.tail[0] = 1);
}

#[test]
fn names_that_occur_twice_are_refused() {
    for copy in 0..3 {
        let mut parts = parts();
        parts.push(parts[copy].clone());
        refuses("twice", &write(&parts));
        let mut parts = self::parts();
        parts.insert(copy, Part::new(&parts[copy].name.clone(), b"other"));
        refuses("twice with other contents", &write(&parts));
    }
}

/// \[APPNOTE §4.4.17\]: without a flag that nobody sets here, other characters are read in two ways.
#[test]
fn names_that_are_not_ascii_are_refused() {
    for name in ["documents/\u{202e}x", "documents/é"] {
        let mut parts = parts();
        parts.push(Part::new(name.as_bytes(), b"x"));
        refuses("not ASCII", &write(&parts));
    }
}

/// Names that a file system takes for the same, or for another place, are names of no member.
#[test]
fn names_that_are_dangerous_to_unpack_are_refused() {
    let names: [&[u8]; 22] = [
        b"MIMETYPE",
        b"Checkpoint",
        b"documents/CONTRACT.TXT/",
        b"documents/contract.txt\0",
        b"documents/contract.txt\0.exe",
        b"\0",
        b"",
        b"/etc/passwd",
        b"../x",
        b"documents/../../x",
        b"documents\\contract.txt",
        b"C:x",
        b"documents/",
        b"documents/.",
        b"documents/..",
        b"documents/ contract.txt",
        b"documents/contract.txt.",
        b"./checkpoint",
        b"documents//x",
        "documents/e\u{301}.txt".as_bytes(),
        "documents/\u{e9}.txt".as_bytes(),
        b"documents/\xff.txt",
    ];
    for name in names {
        for number in 0..=3 {
            let mut parts = parts();
            parts.insert(number, Part::new(name, b"x"));
            let claims = claims(&write(&parts));
            let refused = [Claim::Container, Claim::Members]
                .iter()
                .any(|claim| claims.contains(&(*claim, Status::Failed)));
            assert!(refused, "{:?}: {claims:?}", String::from_utf8_lossy(name));
        }
    }
}

#[test]
fn zip64_is_refused() {
    let long = [
        1, 0, 16, 0, 10, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0,
    ];
    refuses_each("sizes in an extra field", |part| {
        part.set(STORED_SIZE, &[0xFF; 4]);
        part.set(SIZE, &[0xFF; 4]);
        part.set(EXTRA_LENGTH, &[20, 0]);
        part.extra = long.to_vec();
    });
    let (file, begins) = written(&parts());
    let (before, end_record) = file.split_at(file.len() - 22);
    let mut end64 = b"PK\x06\x06".to_vec();
    end64.extend(44_u64.to_le_bytes());
    end64.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    end64.extend(3_u64.to_le_bytes());
    end64.extend(3_u64.to_le_bytes());
    end64.extend(((before.len() - begins) as u64).to_le_bytes());
    end64.extend((begins as u64).to_le_bytes());
    let mut locator = b"PK\x06\x07\0\0\0\0".to_vec();
    locator.extend((before.len() as u64).to_le_bytes());
    locator.extend([1, 0, 0, 0]);
    refuses(
        "an end record of 64 bits",
        &[before, &end64, &locator, end_record].concat(),
    );
    let marked = [
        before,
        &end64,
        &locator,
        b"PK\x05\x06\0\0\0\0",
        &[0xFF; 12],
        &[0, 0],
    ]
    .concat();
    refuses("an end record that points to one of 64 bits", &marked);
}

#[test]
fn sizes_that_are_not_there_are_refused() {
    for size in [11, 1 << 20, 1 << 28, (1 << 28) + 1, u32::MAX - 1, u32::MAX] {
        refuses_each("a size", |part| {
            part.set(STORED_SIZE, &size.to_le_bytes());
            part.set(SIZE, &size.to_le_bytes());
        });
        refuses_each("a size in one place", |part| {
            part.local[SIZE..SIZE + 4].copy_from_slice(&size.to_le_bytes());
        });
    }
    for length in [0_u16, 1, 400, u16::MAX] {
        refuses_each("a length of a name", |part| {
            part.set(22, &length.to_le_bytes())
        });
    }
}

#[test]
fn too_many_members_are_refused() {
    // 4,096 is what a bundle may have; 65,536 is where the count in the end record begins again.
    for count in [4_097, 65_535, 65_536, 65_537] {
        let parts: Vec<Part> = (0..count)
            .map(|number| Part::new(format!("x{number}").as_bytes(), b""))
            .collect();
        refuses("too many", &write(&parts));
    }
}

#[test]
fn compressed_members_are_refused() {
    // Ten bytes that would be a thousand: a stored block and a run [RFC 1951].
    let bomb = [
        0xED, 0xC0, 0x81, 0, 0, 0, 0, 0x80, 0xA0, 0xFC, 0xA9, 0x1F, 0x08, 0,
    ];
    for method in [8_u16, 9, 12, 14, 93, 95, 97, 99, 1, u16::MAX] {
        refuses_each("a method", |part| {
            part.set(METHOD, &method.to_le_bytes());
            part.data = bomb.to_vec();
            part.set(STORED_SIZE, &14_u32.to_le_bytes());
            part.set(SIZE, &0x3FFF_FFFF_u32.to_le_bytes());
        });
        refuses_each("a method alone", |part| {
            part.set(METHOD, &method.to_le_bytes())
        });
    }
}

#[test]
fn flags_are_refused() {
    // Encrypted, with a data descriptor, strongly encrypted, names in UTF-8, masked headers.
    for bit in 0..16 {
        refuses_each("a flag", |part| {
            part.set(FLAGS, &(1_u16 << bit).to_le_bytes())
        });
    }
    refuses_each("a data descriptor", |part| {
        part.set(FLAGS, &[8, 0]);
        let (crc, size) = (
            crc32fast::hash(&part.data),
            u32::try_from(part.data.len()).unwrap(),
        );
        part.local[CRC..CRC + 12].fill(0);
        part.data.extend(b"PK\x07\x08");
        for number in [crc, size, size] {
            part.data.extend(number.to_le_bytes());
        }
    });
}

#[test]
fn symbolic_links_and_other_attributes_are_refused() {
    // 0o120777 in the upper half: a link, if made by Unix [APPNOTE 4.4.15].
    refuses_each("a link", |part| {
        part.tail[6..].copy_from_slice(&(0o120_777_u32 << 16).to_le_bytes())
    });
    for at in 0..10 {
        for bit in 0..8 {
            refuses_each("an attribute", |part| part.tail[at] = 1 << bit);
        }
    }
    let file = write(&parts());
    let made_by = file
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap()
        + 4;
    for version in [0_u16, 20, 0x030A, 0x0314] {
        let mut file = file.clone();
        file[made_by..made_by + 2].copy_from_slice(&version.to_le_bytes());
        refuses("made by another", &file);
    }
}

#[test]
fn a_wrong_checksum_is_refused() {
    refuses_each("a checksum", |part| {
        let wrong = !crc32fast::hash(&part.data);
        part.set(CRC, &wrong.to_le_bytes());
    });
}

#[test]
fn extra_fields_are_refused() {
    refuses_each("a time in an extra field", |part| {
        part.set(EXTRA_LENGTH, &[9, 0]);
        part.extra = vec![0x55, 0x54, 5, 0, 1, 0, 0, 0, 0];
    });
}

#[test]
fn what_is_cut_short_is_refused() {
    let file = write(&parts());
    for length in 0..file.len() {
        refuses("cut short", &file[..length]);
    }
}
