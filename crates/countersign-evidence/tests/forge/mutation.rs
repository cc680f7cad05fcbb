//! Changes to bundles: by an accident, by a forger without keys, and by the log's own operator.

use serde_json::{Map, Value};

use super::random::Random;
use super::story::{Story, time};
use super::{Authorities, Plan, finish};
use crate::unpacked::Unpacked;

/// A bundle, and what it was made of.
pub struct Sample {
    pub plan: Plan,
    pub story: Story,
    pub unpacked: Unpacked,
    pub bytes: Vec<u8>,
}

impl Sample {
    pub fn new(plan: Plan, by: &Authorities) -> Self {
        let story = plan.story(&by.provider);
        let unpacked = plan.bundle(&story, by);
        let bytes = unpacked.write();
        Self {
            plan,
            story,
            unpacked,
            bytes,
        }
    }
}

/// A changed bundle, and what was done to it.
pub struct Mutant {
    pub what: String,
    pub bytes: Vec<u8>,
}

fn mutant(what: impl Into<String>, bytes: Vec<u8>) -> Mutant {
    Mutant {
        what: what.into(),
        bytes,
    }
}

/// What can happen to a file that nobody understands.
pub fn raw(sample: &Sample, random: &mut Random) -> Mutant {
    let mut bytes = sample.bytes.clone();
    if random.chance(4) {
        return header_field(bytes, random);
    }
    let what = damage(&mut bytes, random);
    mutant(format!("file: {what}"), bytes)
}

/// Changes, inserts, deletes or moves bytes.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) -> String {
    if bytes.is_empty() {
        bytes.push(0);
        return "a byte where none was".to_owned();
    }
    let at = random.below(bytes.len());
    match random.below(8) {
        0 | 1 => {
            bytes[at] ^= 1 << random.below(8);
            format!("bit at {at}")
        }
        2 => {
            let new = random.bytes::<1>()[0];
            bytes[at] = if bytes[at] == new { !new } else { new };
            format!("byte at {at}")
        }
        3 => {
            bytes.insert(at, random.bytes::<1>()[0]);
            format!("a byte more at {at}")
        }
        4 => {
            bytes.remove(at);
            format!("a byte less at {at}")
        }
        5 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        6 => {
            bytes.push(random.bytes::<1>()[0]);
            "a byte behind".to_owned()
        }
        _ => {
            let end = (at + 1 + random.below(40)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
            format!("{at}..{end} twice")
        }
    }
}

/// Writes a number that means something into a field of some header.
fn header_field(mut bytes: Vec<u8>, random: &mut Random) -> Mutant {
    const WORTH: [u32; 9] = [0, 1, 8, 20, 45, 0xFFFF, 0x0800, 0xFFFF_FFFF, 0x8000_0000];
    let signature = *random.pick(&[&b"PK\x03\x04"[..], b"PK\x01\x02", b"PK\x05\x06"]);
    let places: Vec<usize> = (0..bytes.len() - 4)
        .filter(|at| bytes[*at..].starts_with(signature))
        .collect();
    let header = *random.pick(&places);
    let field = header + 4 + random.below(20);
    let width = if random.chance(2) { 2 } else { 4 };
    let value = random.pick(&WORTH).to_le_bytes();
    let field = field.min(bytes.len() - width);
    let end = field + width;
    let old = bytes[field..end].to_vec();
    bytes[field..end].copy_from_slice(&value[..end - field]);
    if bytes[field..end] == old {
        bytes[field] ^= 0x10;
    }
    mutant(format!("file: header field at {field}"), bytes)
}

/// What somebody does who knows what a container is.
pub fn members(sample: &Sample, other: &Sample, random: &mut Random, by: &Authorities) -> Mutant {
    let mut unpacked = sample.unpacked.clone();
    let what = if random.chance(2) {
        content(&mut unpacked, other, random)
    } else {
        arrangement(&mut unpacked, other, random)
    };
    let how = match random.below(3) {
        0 => "packed again",
        1 => {
            rewrite(&mut unpacked);
            "manifest and page made again"
        }
        _ => {
            if has_page(&unpacked) {
                finish(&mut unpacked, by);
            }
            "manifest, page and seal made again"
        }
    };
    mutant(format!("{what}; {how}"), unpacked.write())
}

fn has_page(unpacked: &Unpacked) -> bool {
    let count = |name: &str| unpacked.members.iter().filter(|(is, _)| is == name).count();
    count("certificate.html") > 0
        && count("META-INF/ASiCManifest.xml") > 0
        && count("checkpoint") > 0
}

fn rewrite(unpacked: &mut Unpacked) {
    if has_page(unpacked) {
        unpacked.write_page();
        unpacked.write_manifest();
    }
}

/// Other names, another order, more or fewer members.
fn arrangement(unpacked: &mut Unpacked, other: &Sample, random: &mut Random) -> String {
    const NAMES: [&str; 18] = [
        "../x",
        "/x",
        "documents/../x",
        "documents/a/b",
        "documents/.x",
        "documents/x.",
        "attachments/A.txt",
        "attachments/ANNEX.TXT",
        "records/001-x.json",
        "time/01.tst",
        "time/9.tst",
        "META-INF/manifest.xml",
        "META-INF/signature.p7s",
        "x",
        "documents/a\0b",
        "Checkpoint",
        "openings/001-assertion.verified.json",
        "assertions/001/signed.xml",
    ];
    let members = &mut unpacked.members;
    let at = random.below(members.len());
    let name = members[at].0.clone();
    match random.below(7) {
        0 => {
            members.remove(at);
            format!("`{name}` removed")
        }
        1 => {
            let copy = members[at].clone();
            members.insert(random.below(members.len() + 1), copy);
            format!("`{name}` twice")
        }
        2 => {
            let to = random.below(members.len());
            members.swap(at, to);
            format!("`{name}` and member {to} swapped")
        }
        3 => {
            let new = *random.pick(&NAMES);
            members[at].0 = new.to_owned();
            format!("`{name}` renamed `{new}`")
        }
        4 => {
            let new = *random.pick(&NAMES);
            members.insert(at, (new.to_owned(), b"x".to_vec()));
            format!("`{new}` put in before `{name}`")
        }
        5 => {
            let (new, data) = random.pick(&other.unpacked.members).clone();
            members.insert(at, (new.clone(), data));
            format!("another's `{new}` put in before `{name}`")
        }
        _ => {
            let to = random.below(members.len());
            let (left, right) = (members[at].1.clone(), members[to].1.clone());
            (members[at].1, members[to].1) = (right, left);
            format!("contents of `{name}` and member {to} swapped")
        }
    }
}

/// Another content of one member.
fn content(unpacked: &mut Unpacked, other: &Sample, random: &mut Random) -> String {
    let at = random.below(unpacked.members.len());
    let (name, data) = &mut unpacked.members[at];
    let what = match random.below(4) {
        0 => damage(data, random),
        1 if name.ends_with(".json") => match serde_json::from_slice::<Value>(data) {
            Ok(mut value) => {
                let what = edit(&mut value, random);
                *data = value.to_string().into_bytes();
                what
            }
            Err(_) => damage(data, random),
        },
        2 => match other.unpacked.members.iter().find(|(is, _)| is == name) {
            Some((_, theirs)) => {
                data.clone_from(theirs);
                "another's".to_owned()
            }
            None => damage(data, random),
        },
        _ if name == "checkpoint" => lines(data, other, random),
        _ if name.ends_with(".tst") || name.ends_with(".p7s") || name.ends_with(".der") => {
            der(data, random)
        }
        _ => damage(data, random),
    };
    format!("`{name}`: {what}")
}

/// Drops, repeats, swaps or adds lines of a note, in the proofs too if the page is made again.
fn lines(data: &mut Vec<u8>, other: &Sample, random: &mut Random) -> String {
    let mut all: Vec<String> = String::from_utf8_lossy(data)
        .lines()
        .map(str::to_owned)
        .collect();
    let at = random.below(all.len());
    let what = match random.below(4) {
        0 => {
            all.remove(at);
            format!("line {at} dropped")
        }
        1 => {
            all.push(all[at].clone());
            format!("line {at} again")
        }
        2 => {
            let to = random.below(all.len());
            all.swap(at, to);
            format!("lines {at} and {to} swapped")
        }
        _ => {
            let theirs = String::from_utf8_lossy(other.unpacked.get("checkpoint")).into_owned();
            let theirs: Vec<&str> = theirs.lines().collect();
            all.push((*random.pick(&theirs)).to_owned());
            "another's line behind".to_owned()
        }
    };
    *data = (all.join("\n") + "\n").into_bytes();
    what
}

/// Changes where DER has meaning: tags, lengths, small numbers.
fn der(data: &mut [u8], random: &mut Random) -> String {
    let marks = [
        0x30, 0x31, 0x02, 0x04, 0x05, 0x06, 0xA0, 0xA1, 0x18, 0x17, 0x0C, 0x13,
    ];
    let places: Vec<usize> = (0..data.len().saturating_sub(2))
        .filter(|at| marks.contains(&data[*at]))
        .collect();
    if places.is_empty() {
        return "nothing".to_owned();
    }
    let at = *random.pick(&places);
    let offset = random.below(3);
    data[at + offset] = match random.below(4) {
        0 => data[at + offset].wrapping_add(1),
        1 => data[at + offset].wrapping_sub(1),
        2 => *random.pick(&marks),
        _ => 0x80,
    };
    format!("DER at {at} + {offset}")
}

/// Another value somewhere inside.
pub fn edit(value: &mut Value, random: &mut Random) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            if random.chance(8) {
                return edit_members(members, random);
            }
            let names: Vec<String> = members.keys().cloned().collect();
            let name = random.pick(&names).clone();
            format!("{name}.{}", edit(&mut members[&name], random))
        }
        Value::Array(items) if !items.is_empty() => {
            let at = random.below(items.len());
            match random.below(6) {
                0 => {
                    items.remove(at);
                    format!("[{at}] removed")
                }
                1 => {
                    items.push(items[at].clone());
                    format!("[{at}] again")
                }
                2 => {
                    let to = random.below(items.len());
                    items.swap(at, to);
                    format!("[{at}] and [{to}] swapped")
                }
                _ => format!("[{at}]{}", edit(&mut items[at], random)),
            }
        }
        other => {
            let old = other.to_string();
            *other = another(other, random);
            format!(" {old} -> {other}")
        }
    }
}

fn edit_members(members: &mut Map<String, Value>, random: &mut Random) -> String {
    let names: Vec<String> = members.keys().cloned().collect();
    let name = random.pick(&names).clone();
    match random.below(3) {
        0 => {
            members.remove(&name);
            format!("{name} removed")
        }
        1 => {
            members.insert(format!("{name}2"), members[&name].clone());
            format!("{name} under another name too")
        }
        _ => {
            members.insert(name.clone(), Value::Null);
            format!("{name} -> null")
        }
    }
}

/// A value of the same kind that is another, or of another kind.
fn another(value: &Value, random: &mut Random) -> Value {
    const TEXTS: [&str; 16] = [
        "",
        " ",
        "x",
        "*",
        "sign *",
        "view *",
        "saml",
        "email",
        "nda/other",
        "\u{202e}x",
        "x\n",
        "2026-13-01T00:00:00.000Z",
        "2026-02-29T00:00:00.000Z",
        "2026-03-01T09:30:00Z",
        "9999-12-31T23:59:59.999Z",
        "urn:countersign:door:email",
    ];
    match value {
        Value::String(text) => match random.below(5) {
            0 => (*random.pick(&TEXTS)).into(),
            1 => Value::Null,
            2 if text.contains('T') && text.ends_with('Z') => {
                time(super::story::START + random.number() % 100_000_000).into()
            }
            3 if text.starts_with('@') => format!("@{}", random.below(12)).into(),
            _ => {
                let mut chars: Vec<char> = text.chars().collect();
                let new = *random.pick(&['0', 'a', 'f', 'F', 'z', ' ', '\u{7f}', 'é', '1', '-']);
                if chars.is_empty() || random.chance(4) {
                    chars.push(new);
                } else {
                    let at = random.below(chars.len());
                    chars[at] = new;
                }
                chars.into_iter().collect::<String>().into()
            }
        },
        Value::Bool(is) if random.chance(2) => (!is).into(),
        Value::Number(_) => match random.below(4) {
            0 => Value::from(0),
            1 => Value::from(random.number()),
            2 => Value::from(-1),
            _ => Value::from(2),
        },
        Value::Null => (*random.pick(&TEXTS)).into(),
        Value::Object(_) if random.chance(2) => serde_json::json!({"x": "y"}),
        Value::Array(_) if random.chance(2) => serde_json::json!(["x"]),
        _ => Value::Null,
    }
}

/// What the log's operator can do: any record, with every hash, proof and signature right.
pub fn operator(sample: &Sample, random: &mut Random, by: &Authorities) -> Mutant {
    let mut story = sample.story.clone();
    let at = random.below(story.records.len());
    let kind = story.records[at].kind().to_owned();
    let what = match random.below(8) {
        0 => {
            let shift = i64::try_from(random.below(200_000_000)).unwrap() - 100_000_000;
            story.records[at].dated(shift);
            format!("dated {shift} ms later")
        }
        1 => {
            story.remove(at);
            "left out".to_owned()
        }
        2 => {
            let parents = story.records[at].value["parents"].as_array_mut();
            let old = parents.unwrap();
            let new = format!("@{}", random.below(sample.story.records.len()));
            match old.len() {
                0 => old.push(new.clone().into()),
                count => old[random.below(count)] = new.clone().into(),
            }
            format!("a parent is {new}")
        }
        3 => {
            let to = random.below(story.records.len());
            let name = *random.pick(&["subject_ref", "tenant", "correlation", "kind"]);
            let value = story.records[to].value[name].clone();
            story.records[at].value[name] = if random.chance(2) {
                value
            } else {
                "other".into()
            };
            format!("`{name}` of {to}, or another")
        }
        _ => {
            let name = if random.chance(4) { "" } else { "body" };
            let value = &mut story.records[at].value;
            let part = if name.is_empty() {
                value
            } else {
                &mut value[name]
            };
            edit(part, random)
        }
    };
    let mut plan = sample.plan.clone();
    if random.chance(10) {
        plan.swap = Some((random.below(12), random.below(12)));
    }
    let unpacked = plan.bundle(&story, by);
    mutant(
        format!("operator: {at} {kind}: {what}; {:?}", plan.swap),
        unpacked.write(),
    )
}
