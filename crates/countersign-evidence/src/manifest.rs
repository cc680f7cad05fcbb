//! The manifest: the digest of every other member (`docs/spec/bundle.md` §3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::container::{MAX_MEMBERS, Member};
use crate::layout::{MANIFEST, MIMETYPE};

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" ",
    "xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n"
);
const TAIL: &str = "</asic:ASiCManifest>\n";
const BEFORE_NAME: &str = "<asic:DataObjectReference URI=\"";
const BEFORE_DIGEST: &str = concat!(
    "\"><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>",
    "<ds:DigestValue>"
);
const AFTER_DIGEST: &str = "</ds:DigestValue></asic:DataObjectReference>";

/// One line: a member and its digest in base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    pub(crate) name: &'a str,
    pub(crate) digest: String,
}

impl<'a> Reference<'a> {
    pub(crate) fn of(member: &Member<'a>) -> Self {
        Self {
            name: member.name,
            digest: STANDARD.encode(digest(&SHA256, member.data)),
        }
    }
}

/// Whether the manifest refers to a member.
pub(crate) fn is_listed(name: &str) -> bool {
    name != MIMETYPE && name != MANIFEST
}

/// Writes the manifest over the members that it refers to.
pub(crate) fn write<'a>(members: impl Iterator<Item = Member<'a>>) -> String {
    let mut text = HEAD.to_owned();
    for member in members.filter(|member| is_listed(member.name)) {
        let reference = Reference::of(&member);
        for part in [
            BEFORE_NAME,
            reference.name,
            BEFORE_DIGEST,
            &reference.digest,
            AFTER_DIGEST,
            "\n",
        ] {
            text.push_str(part);
        }
    }
    text.push_str(TAIL);
    text
}

/// Reads what [`write()`] wrote, and nothing else; it is never parsed as XML.
pub(crate) fn parse(bytes: &[u8]) -> Option<Vec<Reference<'_>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let lines = text.strip_prefix(HEAD)?.strip_suffix(TAIL)?;
    // [bundle.md §1]: there are no more members than that to refer to.
    if lines.split_terminator('\n').count() > MAX_MEMBERS {
        return None;
    }
    lines
        .split_terminator('\n')
        .map(|line| {
            let (name, digest) = line
                .strip_prefix(BEFORE_NAME)?
                .strip_suffix(AFTER_DIGEST)?
                .split_once(BEFORE_DIGEST)?;
            Some(Reference {
                name,
                digest: digest.to_owned(),
            })
        })
        .collect()
}
