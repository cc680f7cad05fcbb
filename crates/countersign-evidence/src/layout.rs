//! Which members a bundle has, and in which order (`docs/spec/bundle.md` §2).

use std::collections::BTreeSet;

use countersign_audit::Kind;

use crate::report::{CONTAINER, Claim, Lines};

/// First member; marks the file's type at a fixed place [ETSI EN 319 162-1 §A.1].
pub(crate) const MIMETYPE: &str = "mimetype";
/// What `mimetype` holds.
pub(crate) const MIMETYPE_CONTENT: &[u8] = b"application/vnd.etsi.asic-e+zip";
/// The manifest.
pub(crate) const MANIFEST: &str = "META-INF/ASiCManifest.xml";
/// The seal over the manifest.
pub(crate) const SEAL: &str = "META-INF/signature.p7s";
/// Instructions for people.
pub(crate) const INSTRUCTIONS: &str = "VERIFY.md";
/// What `VERIFY.md` holds. An older text that was published stays accepted: list it beside.
pub(crate) const INSTRUCTIONS_CONTENT: &str = include_str!("VERIFY.md");
/// The certificate of completion for people.
pub(crate) const PAGE: &str = "certificate.html";
/// The checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The log's key, as information.
pub(crate) const LOG_KEY: &str = "log.vkey";

/// Most records: their number has three digits \[bundle.md §2\].
pub(crate) const MAX_RECORDS: usize = 999;
/// Most time-stamp tokens \[bundle.md §2\].
pub(crate) const MAX_TOKENS: usize = 99;
/// Longest name of a document or an attachment \[bundle.md §2\].
const MAX_FILE_NAME_BYTES: usize = 128;

/// What an assertion leaves, in the order of the container and of its record's `blobs`.
pub(crate) const ASSERTION_FILES: [&str; 4] = [
    "signed.xml",
    "signed-info.xml",
    "signature.bin",
    "certificate.der",
];

/// `NNN-KIND`, counted from 1.
pub(crate) fn stem(number: usize, kind: Kind) -> String {
    format!("{number:03}-{kind}")
}

pub(crate) fn token_name(number: usize) -> String {
    format!("time/{number}.tst")
}

pub(crate) fn record_name(stem: &str) -> String {
    ["records/", stem, ".json"].concat()
}

pub(crate) fn proof_name(stem: &str) -> String {
    ["proofs/", stem, ".tlog-proof"].concat()
}

pub(crate) fn opening_name(stem: &str) -> String {
    ["openings/", stem, ".json"].concat()
}

pub(crate) fn assertion_name(number: usize, file: &str) -> String {
    format!("assertions/{number:03}/{file}")
}

pub(crate) fn document_name(name: &str) -> String {
    ["documents/", name].concat()
}

pub(crate) fn attachment_name(name: &str) -> String {
    ["attachments/", name].concat()
}

/// Whether a document or an attachment may have this file name: nothing that leads out of the
/// folder, and nothing that one system reads otherwise than another.
pub(crate) fn is_file_name(name: &str) -> bool {
    (1..=MAX_FILE_NAME_BYTES).contains(&name.len())
        && !name.starts_with('.')
        && !name.ends_with('.')
        && name
            .bytes()
            .all(|b| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

/// The `NNN-KIND` of a record's member, if `name` is one for that number.
fn stem_of_record(name: &str, number: usize) -> Option<&str> {
    let stem = name.strip_prefix("records/")?.strip_suffix(".json")?;
    let (digits, kind) = stem.split_once('-')?;
    if !is_number(digits, number) {
        return None;
    }
    Kind::ALL
        .iter()
        .any(|known| known.as_str() == kind)
        .then_some(stem)
}

/// The number of the record that a member in `assertions/` is about.
fn number_of_assertion(name: &str) -> Option<usize> {
    let (digits, _) = name.strip_prefix("assertions/")?.split_once('/')?;
    let number = digits.parse().ok()?;
    is_number(digits, number).then_some(number)
}

/// Whether these are the three digits of a number.
fn is_number(digits: &str, number: usize) -> bool {
    digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse() == Ok(number)
}

/// What the names of the members say that is in the bundle \[bundle.md §2\].
#[derive(Debug, Default)]
pub(crate) struct Layout<'a> {
    pub(crate) is_sealed: bool,
    /// The time-stamp tokens, in order.
    pub(crate) tokens: Vec<&'a str>,
    /// `NNN-KIND` of each record, in order.
    pub(crate) stems: Vec<&'a str>,
    /// The numbers of the records whose assertion is there.
    pub(crate) assertions: BTreeSet<usize>,
    pub(crate) document: Option<&'a str>,
    /// The attachments, in order.
    pub(crate) attachments: BTreeSet<&'a str>,
}

impl<'a> Layout<'a> {
    /// Compares the members with those that there must be.
    pub(crate) fn of(names: &[&'a str], lines: &mut Lines) -> Self {
        let mut layout = Self::default();
        for name in names.iter().copied() {
            layout.take(name, lines);
        }
        // Whose record it is can be said only now that all of them are known.
        let stems = &layout.stems;
        layout.assertions.retain(|number| {
            let stem = number.checked_sub(1).and_then(|place| stems.get(place));
            stem.is_some_and(|stem| stem.ends_with(Kind::AssertionVerified.as_str()))
        });
        layout.check_case(lines);
        layout.compare(names, lines);
        layout
    }

    fn take(&mut self, name: &'a str, lines: &mut Lines) {
        if name == SEAL {
            self.is_sealed = true;
        } else if name.starts_with("time/") {
            let number = self.tokens.len().saturating_add(1);
            if number <= MAX_TOKENS && name == token_name(number) {
                self.tokens.push(name);
            } else {
                let why = format!("is not time-stamp number {number}, which is due here");
                lines.failed(Claim::Members, name, why);
            }
        } else if name.starts_with("records/") {
            let number = self.stems.len().saturating_add(1);
            match stem_of_record(name, number) {
                Some(stem) if number <= MAX_RECORDS => self.stems.push(stem),
                _ => {
                    let why = format!("is not record number {number}, which is due here");
                    lines.failed(Claim::Members, name, why);
                }
            }
        } else if let Some(number) = number_of_assertion(name) {
            self.assertions.insert(number);
        } else if let Some(file) = name.strip_prefix("documents/") {
            if is_file_name(file) {
                self.document.get_or_insert(name);
            }
        } else if let Some(file) = name.strip_prefix("attachments/")
            && is_file_name(file)
        {
            self.attachments.insert(name);
        }
    }

    /// [bundle.md §2]: some systems would unpack one of two such files over the other.
    fn check_case(&self, lines: &mut Lines) {
        let mut seen = BTreeSet::new();
        for name in &self.attachments {
            if !seen.insert(name.to_ascii_lowercase()) {
                let why = "has the name of another attachment but for case";
                lines.failed(Claim::Members, name, why);
            }
        }
    }

    /// Every name that is due, in order; of openings, those that are there.
    fn due(&self, names: &[&str]) -> Vec<String> {
        let openings = names.iter().filter(|name| name.starts_with("openings/"));
        let there: BTreeSet<&str> = openings.copied().collect();
        let mut due = vec![MIMETYPE.to_owned(), MANIFEST.to_owned()];
        due.extend(self.is_sealed.then(|| SEAL.to_owned()));
        due.extend([INSTRUCTIONS, PAGE, CHECKPOINT, LOG_KEY].map(str::to_owned));
        due.extend(self.tokens.iter().copied().map(str::to_owned));
        due.extend(self.stems.iter().map(|stem| record_name(stem)));
        due.extend(self.stems.iter().map(|stem| proof_name(stem)));
        let openings = self.stems.iter().map(|stem| opening_name(stem));
        due.extend(openings.filter(|name| there.contains(name.as_str())));
        for number in &self.assertions {
            due.extend(ASSERTION_FILES.map(|file| assertion_name(*number, file)));
        }
        due.extend(self.document.map(str::to_owned));
        due.extend(self.attachments.iter().copied().map(str::to_owned));
        due
    }

    fn compare(&self, names: &[&str], lines: &mut Lines) {
        let due = self.due(names);
        if !names.iter().eq(&due) {
            compare_sets(names, &due, lines);
        }
        if !lines.has_failed(Claim::Members) {
            lines.proved(
                Claim::Members,
                CONTAINER,
                format!("all {} members are there, in order", names.len()),
            );
        }
    }
}

/// Says which of the names that are not those that are due make the difference.
fn compare_sets(names: &[&str], due: &[String], lines: &mut Lines) {
    let there: BTreeSet<&str> = names.iter().copied().collect();
    let known: BTreeSet<&str> = due.iter().map(String::as_str).collect();
    for name in known.difference(&there) {
        lines.failed(Claim::Members, name, "is missing");
    }
    for name in there.difference(&known) {
        // Also what would lead out of the folder when unpacked, and a second document.
        lines.failed(Claim::Members, name, "does not belong in a bundle");
    }
    if known == there {
        match names.iter().zip(due).find(|(is, due)| *is != due) {
            Some((name, due)) => {
                lines.failed(Claim::Members, name, format!("stands where `{due}` is due"));
            }
            None if names.len() != due.len() => {
                lines.failed(Claim::Members, CONTAINER, "has a member twice");
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_stays_in_its_folder() {
        assert!(is_file_name("contract-1_final.pdf"));
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "trailing.",
            "../x",
            "a/b",
            "a\\b",
            "a b",
            "ü.pdf",
            "a\0",
            "C:x",
            &"x".repeat(129),
        ] {
            assert!(!is_file_name(bad), "{bad}");
        }
    }
}
