//! The manifest: the digest of every other member (`docs/spec/bundle.md` §3).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Sha256Digest;

use crate::container::MAX_MEMBERS;
use crate::layout::{MANIFEST, MIMETYPE, SEAL};
use crate::members::Members;
use crate::report::{Claim, Lines};
use crate::sink::{Comparison, Sink};

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" ",
    "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n"
);
/// Where the seal is, if there is one [ETSI EN 319 162-1 §A.4].
const SIGNATURE: &str = concat!(
    "<asic:SigReference URI=\"META-INF/signature.p7s\" ",
    "MimeType=\"application/pkcs7-signature\"/>\n"
);
const TAIL: &str = "</asic:ASiCManifest>\n";
const BEFORE_NAME: &str = "<asic:DataObjectReference URI=\"";
const BEFORE_DIGEST: &str = concat!(
    "\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>",
    "<ds:DigestValue>"
);
const AFTER_DIGEST: &str = "</ds:DigestValue></asic:DataObjectReference>";

/// Whether the manifest refers to a member.
pub(crate) fn is_listed(name: &str) -> bool {
    name != MIMETYPE && name != MANIFEST && name != SEAL
}

/// Writes the manifest over the members that it refers to.
pub(crate) fn write<'a>(
    is_sealed: bool,
    members: impl Iterator<Item = (&'a str, Sha256Digest)>,
    sink: &mut impl Sink,
) {
    sink.put(HEAD.as_bytes());
    if is_sealed {
        sink.put(SIGNATURE.as_bytes());
    }
    // 32 bytes in base64 are 44 [RFC 4648 §4].
    let mut base64 = [0; 44];
    for (name, digest) in members.filter(|(name, _)| is_listed(name)) {
        let written = STANDARD.encode_slice(digest.as_bytes(), &mut base64);
        debug_assert_eq!(written, Ok(base64.len()));
        for part in [BEFORE_NAME, name, BEFORE_DIGEST] {
            sink.put(part.as_bytes());
        }
        sink.put(&base64);
        sink.put(AFTER_DIGEST.as_bytes());
        sink.put(b"\n");
    }
    sink.put(TAIL.as_bytes());
}

/// Compares the manifest with the one that a writer writes over these members.
pub(crate) fn check(members: &Members<'_>, lines: &mut Lines) {
    let Some(bytes) = members.data(MANIFEST) else {
        return;
    };
    let is_sealed = members.data(SEAL).is_some();
    let mut comparison = Comparison::with(bytes);
    write(is_sealed, members.listed(), &mut comparison);
    if comparison.is_same() {
        let count = members.listed().count();
        lines.proved(
            Claim::Manifest,
            MANIFEST,
            format!("the SHA-256 of all {count} files is right"),
        );
        return;
    }
    // Something differs: say which file, where that can be told.
    let Some((says_sealed, references)) = parse(bytes) else {
        lines.failed(Claim::Manifest, MANIFEST, "is not as a writer writes it");
        return;
    };
    let digests: BTreeMap<&str, Sha256Digest> = members.listed().collect();
    let listed: BTreeMap<&str, &str> = references.iter().copied().collect();
    for (name, digest) in &references {
        match digests.get(name) {
            None => lines.failed(Claim::Manifest, name, "is listed and missing"),
            Some(is) if STANDARD.encode(is.as_bytes()) != *digest => {
                lines.failed(Claim::Manifest, name, "has another SHA-256");
            }
            Some(_) => {}
        }
    }
    for name in digests.keys().filter(|name| !listed.contains_key(**name)) {
        lines.failed(Claim::Manifest, name, "is not listed");
    }
    match (says_sealed, is_sealed) {
        (true, false) => lines.failed(Claim::Manifest, SEAL, "is referred to and missing"),
        (false, true) => lines.failed(Claim::Manifest, SEAL, "is not referred to"),
        _ => {}
    }
    if !lines.has_failed(Claim::Manifest) {
        let why = "is not in the order of the members";
        lines.failed(Claim::Manifest, MANIFEST, why);
    }
}

/// Reads what [`write()`] wrote, and nothing else; it is never parsed as XML. Whether it refers to
/// a seal, and the members with their digests in base64.
fn parse(bytes: &[u8]) -> Option<(bool, Vec<(&str, &str)>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let lines = text.strip_prefix(HEAD)?.strip_suffix(TAIL)?;
    let (is_sealed, lines) = match lines.strip_prefix(SIGNATURE) {
        Some(lines) => (true, lines),
        None => (false, lines),
    };
    // [bundle.md §1]: there are no more members than that to refer to.
    if lines.split_terminator('\n').count() > MAX_MEMBERS {
        return None;
    }
    let references = lines.split_terminator('\n').map(|line| {
        line.strip_prefix(BEFORE_NAME)?
            .strip_suffix(AFTER_DIGEST)?
            .split_once(BEFORE_DIGEST)
    });
    Some((is_sealed, references.collect::<Option<_>>()?))
}
