//! The offline verifier.

use std::collections::{BTreeMap, BTreeSet};

use countersign_audit::commitment::Openings;
use countersign_audit::note::NoteError;
use countersign_audit::proof::LogProof;
use countersign_audit::{SignedCheckpoint, VerifierKey, leaf_hash, parse_record};
use countersign_core::{LeafHash, Sha256Digest, Timestamp};
use ring::digest::{SHA256, digest};

use crate::container::{self, Member};
use crate::layout::{
    CHECKPOINT, FIRST_MEMBERS, INSTRUCTIONS, INSTRUCTIONS_CONTENT, LOG_KEY, MANIFEST, MAX_RECORDS,
    MIMETYPE, MIMETYPE_CONTENT, is_document_name, opening_name, proof_name, record_name,
    stem_of_record,
};
use crate::links::{Chain, Item, check_agreement, check_linked};
use crate::manifest;
use crate::report::{CONTAINER, Claim, Lines, Report};
use crate::trail::Trail;

/// Whom a verifier trusts.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TrustPolicy {
    log_keys: Vec<VerifierKey>,
}

impl TrustPolicy {
    /// Trusts nobody: integrity is checked, and nothing is accepted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the log that has this key.
    #[must_use]
    pub fn log_key(mut self, key: VerifierKey) -> Self {
        self.log_keys.push(key);
        self
    }
}

/// Checks a bundle offline \[bundle.md §5\].
///
/// `now` is the time to check for: nothing in the bundle may be dated after it. The report says
/// of each link by what it is proved; a bundle is good if [`Report::accepted`] says so.
///
/// # Security
/// Any bytes may be given. Nothing is unpacked, nothing is written, no address in the bundle is
/// followed, and no key in it is trusted.
#[must_use]
pub fn verify(bundle: &[u8], trust: &TrustPolicy, now: Timestamp) -> Report {
    let mut lines = Lines::default();
    let members = container::read(bundle, &mut lines);
    let layout = Layout::of(&members, &mut lines);
    check_fixed_members(&members, &mut lines);
    check_manifest(&members, &mut lines);
    let checkpoint = check_checkpoint(&members, trust, &mut lines);
    let items = check_records(&members, &layout, checkpoint.as_ref(), &mut lines);
    check_linked(&items, &mut lines);
    let chain = Chain::resolve(&items);
    check_agreement(chain.as_ref(), &items, now, &mut lines);
    let document_file = check_document(&members, &layout, chain.as_ref(), &mut lines);
    let openings = check_openings(&members, &layout, &items, &mut lines);
    say_what_is_not_proved(&mut lines);
    let trail = chain
        .filter(|_| !lines.has_failed(Claim::Linked))
        .map(|chain| Trail::of(&chain, &items, &openings, document_file));
    Report::new(now, lines, trail)
}

fn content<'a>(members: &[Member<'a>], name: &str) -> Option<&'a [u8]> {
    members
        .iter()
        .find(|member| member.name == name)
        .map(|member| member.data)
}

fn sha256(bytes: &[u8]) -> Option<Sha256Digest> {
    let digest = digest(&SHA256, bytes);
    digest
        .as_ref()
        .try_into()
        .ok()
        .map(Sha256Digest::from_bytes)
}

/// What the names of the members say that is in the bundle \[bundle.md §2\].
struct Layout<'a> {
    /// `NNN-KIND` of each record, in order.
    stems: Vec<&'a str>,
    document: Option<&'a str>,
}

impl<'a> Layout<'a> {
    /// Compares the members with those that there must be.
    fn of(members: &[Member<'a>], lines: &mut Lines) -> Self {
        let names: Vec<&'a str> = members.iter().map(|member| member.name).collect();
        let mut stems: Vec<&'a str> = Vec::new();
        for name in names.iter().filter(|name| name.starts_with("records/")) {
            let number = stems.len().saturating_add(1);
            match stem_of_record(name, number) {
                Some(stem) if number <= MAX_RECORDS => stems.push(stem),
                _ => lines.failed(
                    Claim::Members,
                    name,
                    format!("is not record number {number}, which is due here"),
                ),
            }
        }
        let document = names.iter().copied().find(|name| {
            name.strip_prefix("documents/")
                .is_some_and(is_document_name)
        });
        let layout = Self { stems, document };
        layout.compare(&names, lines);
        layout
    }

    fn compare(&self, names: &[&str], lines: &mut Lines) {
        let there: BTreeSet<&str> = names.iter().copied().collect();
        let mut due: Vec<String> = FIRST_MEMBERS.map(str::to_owned).to_vec();
        due.extend(self.stems.iter().map(|stem| record_name(stem)));
        due.extend(self.stems.iter().map(|stem| proof_name(stem)));
        let openings = self.stems.iter().map(|stem| opening_name(stem));
        due.extend(openings.filter(|name| there.contains(name.as_str())));
        due.extend(self.document.map(str::to_owned));

        let known: BTreeSet<&str> = due.iter().map(String::as_str).collect();
        for name in known.difference(&there) {
            lines.failed(Claim::Members, name, "is missing");
        }
        for name in there.difference(&known) {
            // Also what would lead out of the folder when unpacked, and a second document.
            lines.failed(Claim::Members, name, "does not belong in a bundle");
        }
        if known == there {
            match names.iter().zip(&due).find(|(is, due)| *is != due) {
                Some((name, due)) => {
                    lines.failed(Claim::Members, name, format!("stands where `{due}` is due"))
                }
                None if names.len() != due.len() => {
                    lines.failed(Claim::Members, CONTAINER, "has a member twice");
                }
                None => {}
            }
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

fn check_fixed_members(members: &[Member<'_>], lines: &mut Lines) {
    // [ETSI EN 319 162-1 §A.1]
    if content(members, MIMETYPE).is_some_and(|mimetype| mimetype != MIMETYPE_CONTENT) {
        lines.failed(
            Claim::Members,
            MIMETYPE,
            "is not that of an ASiC-E container",
        );
    }
    if let Some(text) = content(members, INSTRUCTIONS) {
        lines.check(
            Claim::Instructions,
            text == INSTRUCTIONS_CONTENT.as_bytes(),
            INSTRUCTIONS,
            "it is a published text",
            "is not a published text: do not follow it",
        );
    }
}

fn check_manifest(members: &[Member<'_>], lines: &mut Lines) {
    let Some(bytes) = content(members, MANIFEST) else {
        return;
    };
    let Some(references) = manifest::parse(bytes) else {
        lines.failed(Claim::Manifest, MANIFEST, "is not as a writer writes it");
        return;
    };
    let listed: BTreeSet<&str> = references.iter().map(|reference| reference.name).collect();
    let by_name: BTreeMap<&str, &Member<'_>> =
        members.iter().map(|member| (member.name, member)).collect();
    for reference in &references {
        match by_name.get(reference.name) {
            None => lines.failed(Claim::Manifest, reference.name, "is listed and missing"),
            Some(member) if manifest::Reference::of(member) != *reference => {
                lines.failed(Claim::Manifest, reference.name, "has another SHA-256");
            }
            Some(_) => {}
        }
    }
    for member in members {
        if manifest::is_listed(member.name) && !listed.contains(member.name) {
            lines.failed(Claim::Manifest, member.name, "is not listed");
        }
    }
    if !lines.has_failed(Claim::Manifest) {
        lines.check(
            Claim::Manifest,
            manifest::write(members.iter().copied()).as_bytes() == bytes,
            MANIFEST,
            format!("the SHA-256 of all {} files is right", references.len()),
            "is not in the order of the members",
        );
    }
}

fn check_checkpoint(
    members: &[Member<'_>],
    trust: &TrustPolicy,
    lines: &mut Lines,
) -> Option<SignedCheckpoint> {
    let claim = Claim::CheckpointSignature;
    let bytes = content(members, CHECKPOINT)?;
    let Ok(checkpoint) = SignedCheckpoint::parse(bytes) else {
        lines.failed(claim, CHECKPOINT, "is no signed checkpoint");
        return None;
    };
    let trusted = checkpoint.verify(&trust.log_keys);
    let has_signed = |key: &VerifierKey| {
        // Where it is the one that is trusted, its signature is checked already.
        (trusted.is_ok() && trust.log_keys.as_slice() == [key.clone()])
            || checkpoint.verify(std::slice::from_ref(key)).is_ok()
    };
    let enclosed = content(members, LOG_KEY)
        .and_then(|text| std::str::from_utf8(text).ok())
        .and_then(|text| text.strip_suffix('\n'))
        .and_then(|text| text.parse::<VerifierKey>().ok())
        .filter(has_signed);
    if enclosed.is_none() {
        lines.failed(claim, LOG_KEY, "is no key that has signed the checkpoint");
    }
    let head = checkpoint.checkpoint();
    match trusted {
        Ok(()) => lines.proved(
            claim,
            CHECKPOINT,
            format!(
                "signed by the trusted key of log `{}`, over {} leaves",
                head.origin(),
                head.size()
            ),
        ),
        Err(NoteError::NoTrustedSignature) if trust.log_keys.is_empty() => lines.not_proved(
            claim,
            CHECKPOINT,
            format!(
                "log key not trusted: no key was given for log `{}`",
                head.origin()
            ),
        ),
        Err(NoteError::NoTrustedSignature) => lines.failed(
            claim,
            CHECKPOINT,
            format!(
                "log `{}` is not signed by any key that was given",
                head.origin()
            ),
        ),
        Err(_) => lines.failed(claim, CHECKPOINT, "its signature does not verify"),
    }
    Some(checkpoint)
}

fn check_records(
    members: &[Member<'_>],
    layout: &Layout<'_>,
    checkpoint: Option<&SignedCheckpoint>,
    lines: &mut Lines,
) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for stem in &layout.stems {
        let file = record_name(stem);
        let Some(bytes) = content(members, &file) else {
            continue;
        };
        let leaf = leaf_hash(bytes);
        let index = check_inclusion(members, stem, leaf, checkpoint, lines);
        let record = match parse_record(bytes) {
            Ok(record) => record,
            Err(error) => {
                lines.failed(Claim::RecordForm, &file, error.to_string());
                continue;
            }
        };
        if !stem.ends_with(record.kind().as_str()) {
            lines.failed(Claim::RecordForm, &file, "is of another kind than its name");
            continue;
        }
        lines.proved(
            Claim::RecordForm,
            &file,
            "canonical, and all that its kind asks for",
        );
        let Some(index) = index else { continue };
        if items.last().is_some_and(|before| before.index >= index) {
            lines.failed(Claim::Members, &file, "is not in the order of the log");
        }
        items.push(Item {
            file,
            leaf,
            index,
            record,
        });
    }
    items
}

/// Checks one proof; the position of the leaf, if the file is a proof.
fn check_inclusion(
    members: &[Member<'_>],
    stem: &str,
    leaf: LeafHash,
    checkpoint: Option<&SignedCheckpoint>,
    lines: &mut Lines,
) -> Option<u64> {
    let file = proof_name(stem);
    let bytes = content(members, &file)?;
    let Ok(proof) = LogProof::parse(bytes) else {
        lines.failed(Claim::Inclusion, &file, "is no proof");
        return None;
    };
    if checkpoint != Some(proof.checkpoint()) {
        lines.failed(
            Claim::Inclusion,
            &file,
            "is not against this bundle's checkpoint",
        );
        return Some(proof.index());
    }
    match proof.verify(leaf) {
        Ok(()) => lines.proved(
            Claim::Inclusion,
            &record_name(stem),
            format!("leaf {} {leaf} is in the log", proof.index()),
        ),
        Err(error) => lines.failed(Claim::Inclusion, &file, error.to_string()),
    }
    Some(proof.index())
}

fn check_document<'a>(
    members: &[Member<'_>],
    layout: &Layout<'a>,
    chain: Option<&Chain<'_>>,
    lines: &mut Lines,
) -> Option<&'a str> {
    let Some(file) = layout.document else {
        lines.not_proved(
            Claim::Document,
            CONTAINER,
            "only the document's hash is here: compare it with the document",
        );
        return None;
    };
    let Some(chain) = chain else {
        lines.not_proved(Claim::Document, file, "the records are not linked");
        return None;
    };
    let signed = chain.signed.body.document_sha256;
    let is = content(members, file).and_then(sha256);
    lines.check(
        Claim::Document,
        is == Some(signed),
        file,
        format!("its sha256 {signed} is the one that was signed"),
        "is not the document that was signed",
    );
    Some(file)
}

fn check_openings(
    members: &[Member<'_>],
    layout: &Layout<'_>,
    items: &[Item],
    lines: &mut Lines,
) -> BTreeMap<LeafHash, Openings> {
    let mut disclosed = BTreeMap::new();
    for stem in &layout.stems {
        let file = opening_name(stem);
        let Some(bytes) = content(members, &file) else {
            continue;
        };
        let openings = match Openings::parse(bytes) {
            Ok(openings) if !openings.is_empty() => openings,
            _ => {
                lines.failed(Claim::Opening, &file, "holds no openings");
                continue;
            }
        };
        let record = record_name(stem);
        let Some(item) = items.iter().find(|item| item.file == record) else {
            lines.not_proved(Claim::Opening, &file, "its record can not be read");
            continue;
        };
        for (field, opening) in openings.iter() {
            let committed = item.record.commitments.get(field);
            let matches = opening
                .commit(field)
                .is_ok_and(|commitment| Some(&commitment) == committed);
            lines.check(
                Claim::Opening,
                matches,
                &file,
                format!("`{field}` is what the record commits to"),
                format!("`{field}` is not what the record commits to"),
            );
        }
        disclosed.insert(item.leaf, openings);
    }
    disclosed
}

fn say_what_is_not_proved(lines: &mut Lines) {
    for (claim, why) in [
        (
            Claim::Completeness,
            "a bundle can not show that nothing else was recorded",
        ),
        (
            Claim::NotRevoked,
            "a bundle can not show that the grant and the session were not revoked in between",
        ),
        (
            Claim::SoleControl,
            "that nobody else could use the signer's session is for the host to show",
        ),
        (
            Claim::QualifiedStatus,
            "no key or certificate here is claimed to be qualified",
        ),
        (
            Claim::TrustedTime,
            "the times are the log operator's own; no authority has stamped them",
        ),
    ] {
        lines.not_proved(claim, CONTAINER, why);
    }
}
