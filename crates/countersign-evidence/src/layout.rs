//! Which members a bundle has, and in which order (`docs/spec/bundle.md` §2).

use countersign_audit::Kind;

/// First member; marks the file's type at a fixed place [ETSI EN 319 162-1 §A.1].
pub(crate) const MIMETYPE: &str = "mimetype";
/// What `mimetype` holds.
pub(crate) const MIMETYPE_CONTENT: &[u8] = b"application/vnd.etsi.asic-e+zip";
/// The manifest.
pub(crate) const MANIFEST: &str = "META-INF/ASiCManifest.xml";
/// Instructions for people.
pub(crate) const INSTRUCTIONS: &str = "VERIFY.md";
/// What `VERIFY.md` holds. An older text that was published stays accepted: list it beside.
pub(crate) const INSTRUCTIONS_CONTENT: &str = include_str!("VERIFY.md");
/// The checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The log's key, as information.
pub(crate) const LOG_KEY: &str = "log.vkey";
/// The members that every bundle begins with, in order.
pub(crate) const FIRST_MEMBERS: [&str; 5] = [MIMETYPE, MANIFEST, INSTRUCTIONS, CHECKPOINT, LOG_KEY];

/// Most records: their number has three digits \[bundle.md §2\].
pub(crate) const MAX_RECORDS: usize = 999;
/// Longest name of a document \[bundle.md §2\].
const MAX_DOCUMENT_NAME_BYTES: usize = 128;

/// `NNN-KIND`, counted from 1.
pub(crate) fn stem(number: usize, kind: Kind) -> String {
    format!("{number:03}-{kind}")
}

pub(crate) fn record_name(stem: &str) -> String {
    format!("records/{stem}.json")
}

pub(crate) fn proof_name(stem: &str) -> String {
    format!("proofs/{stem}.tlog-proof")
}

pub(crate) fn opening_name(stem: &str) -> String {
    format!("openings/{stem}.json")
}

pub(crate) fn document_name(name: &str) -> String {
    format!("documents/{name}")
}

/// Whether a document may have this file name: nothing that leads out of the folder, and
/// nothing that one system reads otherwise than another.
pub(crate) fn is_document_name(name: &str) -> bool {
    (1..=MAX_DOCUMENT_NAME_BYTES).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| matches!(b, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
}

/// The `NNN-KIND` of a record's member, if `name` is one for that number.
pub(crate) fn stem_of_record(name: &str, number: usize) -> Option<&str> {
    let stem = name.strip_prefix("records/")?.strip_suffix(".json")?;
    let kind = stem.strip_prefix(&format!("{number:03}-"))?;
    Kind::ALL
        .iter()
        .any(|known| known.as_str() == kind)
        .then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_name_stays_in_its_folder() {
        assert!(is_document_name("contract-1_final.pdf"));
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "../x",
            "a/b",
            "a\\b",
            "a b",
            "ü.pdf",
            "a\0",
            "C:x",
            &"x".repeat(129),
        ] {
            assert!(!is_document_name(bad), "{bad}");
        }
    }
}
