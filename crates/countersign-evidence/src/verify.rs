//! The offline verifier.

use std::collections::{BTreeMap, BTreeSet};

use countersign_audit::commitment::Openings;
use countersign_audit::proof::LogProof;
use countersign_audit::{Kind, SignedCheckpoint, leaf_hash, parse_record};
use countersign_core::{LeafHash, Timestamp};

use crate::layout::{
    INSTRUCTIONS, INSTRUCTIONS_CONTENT, Layout, MIMETYPE, MIMETYPE_CONTENT, PAGE, opening_name,
    proof_name, record_name,
};
use crate::links::{Chain, Item, Records, check_agreement, check_linked};
use crate::members::Members;
use crate::report::{CONTAINER, Claim, Lines, Report};
use crate::sink::Comparison;
use crate::trail::Trail;
use crate::trust::TrustPolicy;
use crate::{assertion, certificate, container, erasure, head, manifest, person, said, seal};

/// Checks a bundle offline \[bundle.md §6\].
///
/// `now` is the time to check for: nothing in the bundle may be dated after it, and certificates
/// must be valid at it. The report says of each link by what it is proved; a bundle is good if
/// [`Report::accepted`] says so.
///
/// # Security
/// Any bytes may be given. Nothing is unpacked, nothing is written, no address in the bundle is
/// followed, and no key in it is trusted.
#[must_use]
pub fn verify(bundle: &[u8], trust: &TrustPolicy, now: Timestamp) -> Report {
    let mut lines = Lines::default();
    let members = Members::of(container::read(bundle, &mut lines));
    let layout = Layout::of(&members.names(), &mut lines);
    check_fixed_members(&members, &mut lines);
    manifest::check(&members, &mut lines);
    seal::check(&members, trust, now, &mut lines);
    check_page(&members, &mut lines);
    let checkpoint = head::check_checkpoint(&members, trust, &mut lines);
    head::check_witnesses(checkpoint.as_ref(), trust, &mut lines);
    let records = check_records(&members, &layout, checkpoint.as_ref(), &mut lines);
    let stamped_at = head::check_time(&members, &layout, &records, trust, now, &mut lines);
    check_linked(&records, &mut lines);
    let chains: Vec<_> = records
        .of_kind(Kind::DocumentSigned)
        .filter_map(|signed| Chain::resolve(&records, signed))
        .collect();
    check_agreement(&chains, &records, now, &mut lines);
    let openings = check_openings(&members, &layout, &records, &mut lines);
    let erased = erasure::check(&records, &openings, &mut lines);
    let signed = assertion::check(&members, &layout, &records, trust, &mut lines);
    let said = said::check(&records, &signed, &openings, trust, &mut lines);
    person::check(&records, &said, &openings, &mut lines);
    check_document(&members, &layout, &chains, &mut lines);
    check_attachments(&members, &layout, &chains, &mut lines);
    say_what_is_not_proved(&mut lines);
    let trail = if lines.has_failed(Claim::Linked) {
        None
    } else {
        Trail::of(&chains, &records, &openings, &erased, &layout, stamped_at)
    };
    Report::new(now, &trust.required(), lines, trail)
}

fn check_fixed_members(members: &Members<'_>, lines: &mut Lines) {
    // [ETSI EN 319 162-1 §A.1]
    if members
        .data(MIMETYPE)
        .is_some_and(|mimetype| mimetype != MIMETYPE_CONTENT)
    {
        let why = "is not that of an ASiC-E container";
        lines.failed(Claim::Members, MIMETYPE, why);
    }
    if members.data(INSTRUCTIONS).is_some() {
        lines.check(
            Claim::Instructions,
            members.behind(INSTRUCTIONS, INSTRUCTIONS_CONTENT) == Some(&[]),
            INSTRUCTIONS,
            "it is a published text",
            "is not a published text: do not follow it",
        );
    }
}

/// Compares the page with the one that a writer writes around these members.
fn check_page(members: &Members<'_>, lines: &mut Lines) {
    if members.data(PAGE).is_none() {
        return;
    }
    let is_published = members
        .behind(PAGE, certificate::before())
        .is_some_and(|behind| {
            let shown = members.iter().map(|member| (member.name, member.data));
            let mut comparison = Comparison::with(behind);
            certificate::write_behind(shown, &mut comparison);
            comparison.is_same()
        });
    lines.check(
        Claim::CertificatePage,
        is_published,
        PAGE,
        "it is the published page around these very files",
        "is not the published page around these files: do not believe what it shows",
    );
}

fn check_records(
    members: &Members<'_>,
    layout: &Layout<'_>,
    checkpoint: Option<&SignedCheckpoint>,
    lines: &mut Lines,
) -> Records {
    let mut items: Vec<Item> = Vec::with_capacity(layout.stems.len());
    for (number, stem) in (1..).zip(&layout.stems) {
        let file = record_name(stem);
        let Some(bytes) = members.data(&file) else {
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
            number,
            file,
            leaf,
            index,
            record,
        });
    }
    Records::of(items)
}

/// Checks one proof; the position of the leaf, if the file is a proof.
fn check_inclusion(
    members: &Members<'_>,
    stem: &str,
    leaf: LeafHash,
    checkpoint: Option<&SignedCheckpoint>,
    lines: &mut Lines,
) -> Option<u64> {
    let file = proof_name(stem);
    let bytes = members.data(&file)?;
    let proof = match checkpoint {
        Some(checkpoint) => LogProof::parse_beside(bytes, checkpoint),
        None => LogProof::parse(bytes),
    };
    let Ok(proof) = proof else {
        lines.failed(Claim::Inclusion, &file, "is no proof");
        return None;
    };
    if checkpoint != Some(proof.checkpoint()) {
        let why = "is not against this bundle's checkpoint";
        lines.failed(Claim::Inclusion, &file, why);
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

fn check_document(
    members: &Members<'_>,
    layout: &Layout<'_>,
    chains: &[Chain<'_>],
    lines: &mut Lines,
) {
    let claim = Claim::Document;
    let Some(file) = layout.document else {
        let why = "only the document's hash is here: compare it with the document";
        lines.not_proved(claim, CONTAINER, why);
        return;
    };
    if chains.is_empty() {
        lines.not_proved(claim, file, "the records are not linked");
        return;
    }
    let is = members.sha256(file);
    // [bundle.md §5.6]
    let other = chains
        .iter()
        .find(|chain| is != Some(chain.signed.body.document_sha256));
    match (other, is) {
        (None, Some(sha256)) => {
            let by = format!("its sha256 {sha256} is the one that was signed");
            lines.proved(claim, file, by);
        }
        _ => lines.failed(claim, file, "is not the document that was signed"),
    }
}

fn check_attachments(
    members: &Members<'_>,
    layout: &Layout<'_>,
    chains: &[Chain<'_>],
    lines: &mut Lines,
) {
    let claim = Claim::Attachment;
    // Who was shown what: the records of the presentations, by hash.
    let mut shown: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for chain in chains {
        for attachment in &chain.presented.body.attachments {
            let files = shown.entry(attachment.sha256).or_default();
            files.push(&chain.presented.item.file);
        }
    }
    let mut enclosed = Vec::new();
    for file in &layout.attachments {
        let Some(sha256) = members.sha256(file) else {
            continue;
        };
        enclosed.push(sha256);
        // [bundle.md §5.7]
        match shown.get(&sha256) {
            Some(records) => {
                let by = format!("it was shown with the document: {}", records.join(", "));
                lines.proved(claim, file, by);
            }
            None if chains.is_empty() => {
                lines.not_proved(claim, file, "the records are not linked");
            }
            None => lines.failed(claim, file, "was not shown with the document"),
        }
    }
    for (sha256, records) in shown {
        if let (Some(record), false) = (records.first(), enclosed.contains(&sha256)) {
            let why = format!("an attachment with sha256 {sha256} is not here");
            lines.not_proved(claim, record, why);
        }
    }
}

fn check_openings(
    members: &Members<'_>,
    layout: &Layout<'_>,
    records: &Records,
    lines: &mut Lines,
) -> BTreeMap<LeafHash, Openings> {
    let mut disclosed = BTreeMap::new();
    for (number, stem) in (1..).zip(&layout.stems) {
        let file = opening_name(stem);
        let Some(bytes) = members.data(&file) else {
            continue;
        };
        let mut openings = match Openings::parse(bytes) {
            Ok(openings) if !openings.is_empty() => openings,
            _ => {
                lines.failed(Claim::Opening, &file, "holds no openings");
                continue;
            }
        };
        let Some(item) = records.number(number) else {
            lines.not_proved(Claim::Opening, &file, "its record can not be read");
            continue;
        };
        let mut wrong = BTreeSet::new();
        for (field, opening) in openings.iter() {
            let committed = item.record.commitments.get(field);
            let matches = opening
                .commit(field)
                .is_ok_and(|commitment| Some(&commitment) == committed);
            if !matches {
                wrong.insert(field.to_owned());
            }
            lines.check(
                Claim::Opening,
                matches,
                &file,
                format!("`{field}` is what the record commits to"),
                format!("`{field}` is not what the record commits to"),
            );
        }
        // What does not match discloses nothing.
        openings.retain(|field| !wrong.contains(field));
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
            "a bundle can not show that grant, session and consent were not taken back in between",
        ),
        (
            Claim::SoleControl,
            "that nobody else could use the signer's session is for the host to show",
        ),
        (
            Claim::QualifiedStatus,
            "no key or certificate here is claimed to be qualified",
        ),
    ] {
        lines.not_proved(claim, CONTAINER, why);
    }
}
