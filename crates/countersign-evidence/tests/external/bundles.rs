//! Bundles with all that there can be in one.

use std::sync::Arc;

use countersign_audit::ceremony::{DocumentPresented, DocumentSigned, Grounds, IntentConfirmed};
use countersign_audit::consent::{AccessDemonstrated, ConsentGiven};
use countersign_audit::cosignature::{WitnessKey, cosign};
use countersign_audit::lifecycle::SubjectErased;
use countersign_audit::record::{Actor, Blob};
use countersign_audit::{Ed25519Signer, LedgerReader, SignedCheckpoint, VerifierKey};
use countersign_cms::{DigestAlgorithm, cades, timestamp};
use countersign_core::{CeremonyId, ConsentId, DocumentId, Entry, UserId};
use countersign_evidence::{Disclosure, Export, export};
use countersign_testkit::authority::{CertificateAuthority, KeyKind, TimeStampAuthority};
use pollster::block_on;

use crate::support::{
    self, CountingEntropy, DOCUMENT, TestStore, Walk, WalkPlan, at, open, sha256, signer,
    store_with,
};
use crate::unpacked::Unpacked;

const MANIFEST: &str = "META-INF/ASiCManifest.xml";
pub(crate) const SEAL: &str = "META-INF/signature.p7s";

/// What was shown with the document.
pub(crate) const ANNEX: &[u8] = b"Whom to ask.\n";

/// The bundle of a document that two people signed: a nurse, who was erased later, and a doctor, who
/// had agreed to electronic records and was shown an annex.
pub(crate) fn two_signers() -> Vec<u8> {
    two_signers_told(true)
}

/// The same, where the doctor's disclosure told of the right to paper or did not.
pub(crate) fn two_signers_told(paper_right: bool) -> Vec<u8> {
    let entropy = CountingEntropy::default();
    let nurse = Walk::new(WalkPlan::default(), &entropy);
    let plan = WalkPlan {
        name: "doctor",
        ..WalkPlan::default()
    };
    let mut doctor = Walk::new(plan, &entropy);
    let mut entries: Vec<Entry> = nurse.entries().iter().map(without_private_part).collect();
    entries.extend(doctor.entries().into_iter().take(4));

    let walk = &mut doctor.correlation;
    let consent = ConsentGiven {
        access_demonstrated: AccessDemonstrated {
            method: "opened_sample_pdf".to_owned(),
            sha256: None,
        },
        consent: ConsentId::new("consent-1").unwrap(),
        disclosure_sha256: sha256(b"disclosure"),
        disclosure_version: "2026-01".to_owned(),
        paper_right,
        scope: vec!["nda/*".parse().unwrap()],
        withdrawal: "Write to records@acme.example.".to_owned(),
    };
    let session = doctor.session.recorded();
    let consent = consent.draft(session);
    let consent = walk
        .seal(consent, at("2026-03-01T09:45:00Z"), &entropy)
        .unwrap();
    let presented = DocumentPresented {
        ceremony: CeremonyId::new("ceremony-2").unwrap(),
        document: DocumentId::new("contract-1").unwrap(),
        document_type: "nda/mutual".to_owned(),
        media_type: "text/plain".to_owned(),
        sha256: sha256(DOCUMENT),
        attachments: vec![Blob {
            media_type: "text/plain".to_owned(),
            sha256: sha256(ANNEX),
        }],
    };
    let presented = presented.draft(session);
    let presented = walk
        .seal(presented, at("2026-03-01T09:46:00Z"), &entropy)
        .unwrap();
    let words = "I have read this document and sign it.";
    let intent = IntentConfirmed::draft(presented.recorded(), "approval", words, None);
    let intent = walk
        .seal(intent, at("2026-03-01T09:47:00Z"), &entropy)
        .unwrap();
    let grounds = Grounds {
        presented: presented.recorded(),
        intent: intent.recorded(),
        session,
        grant: doctor.grant.recorded(),
        consent: Some(consent.recorded()),
    };
    let signed = DocumentSigned::draft(grounds, "Second Signer").unwrap();
    let signed = walk
        .seal(signed, at("2026-03-01T09:48:00Z"), &entropy)
        .unwrap();
    entries.extend(
        [
            consent.entry(),
            presented.entry(),
            intent.entry(),
            signed.entry(),
        ]
        .map(Clone::clone),
    );

    let erased = SubjectErased {
        erased: vec!["email".to_owned()],
        subjects: 1,
        deprovisioned_at: at("2026-03-02T09:00:00Z"),
        keys: Vec::new(),
    };
    let user = UserId::new("user-nurse").unwrap();
    let erased = erased.draft(user, None, Actor::System, None);
    let erased = walk
        .seal(erased, at("2026-03-03T09:00:00Z"), &entropy)
        .unwrap();
    entries.push(erased.entry().clone());

    let store = store_with(&entries);
    block_on(open(&store).unwrap().advance()).unwrap();
    let key = VerifierKey::of_signer(support::ORIGIN, &*signer()).unwrap();
    let request = Export::of(nurse.signed.leaf())
        .and(signed.leaf())
        .erasure(erased.leaf())
        .disclose(Disclosure::Everything)
        .document("contract.txt", DOCUMENT.to_vec())
        .attachment("annex.txt", ANNEX.to_vec());
    let reader = LedgerReader::new(Arc::<TestStore>::clone(&store));
    let now = at("2026-03-05T12:00:00Z");
    block_on(export(&reader, &[key], &request, None, now)).unwrap()
}

/// What is left of an entry when its account is erased.
fn without_private_part(entry: &Entry) -> Entry {
    Entry::from_parts(
        entry.id().clone(),
        entry.leaf(),
        entry.bytes().to_vec(),
        None,
    )
}

/// A bundle with all that others can add to the log's word, and the key of its witness.
pub(crate) fn vouched() -> (Unpacked, WitnessKey) {
    let mut unpacked = Unpacked::read(&crate::bundle());
    let (signer, _) = Ed25519Signer::generate().unwrap();
    let witness = WitnessKey::of_signer("witness.example", &signer).unwrap();
    let checkpoint = SignedCheckpoint::parse(unpacked.get("checkpoint")).unwrap();
    let seen_at = at("2026-03-01T09:40:00Z");
    let line = block_on(cosign(&checkpoint, &witness, &signer, seen_at)).unwrap();
    for (name, data) in &mut unpacked.members {
        if name == "checkpoint" || name.starts_with("proofs/") {
            data.extend_from_slice(line.as_bytes());
        }
    }
    let root = CertificateAuthority::new("Test Root");
    let authority = TimeStampAuthority::new(&root, "Test Time", at("2026-03-01T09:45:00Z"));
    let mut covered = unpacked.get("checkpoint").clone();
    for (after, name) in [("log.vkey", "time/1.tst"), ("time/1.tst", "time/2.tst")] {
        let token = stamp(&authority, &covered);
        covered.extend_from_slice(&token);
        unpacked.insert_after(after, name, token);
    }
    let sealer = root.sealer("Test Sealer", KeyKind::Rsa);
    unpacked.insert_after(MANIFEST, SEAL, Vec::new());
    unpacked.write_manifest();
    let manifest = unpacked.get(MANIFEST);
    let unsigned = cades::prepare(manifest, &sealer.chain(), seen_at).unwrap();
    let signature = sealer.sign(unsigned.to_be_signed());
    *unpacked.get_mut(SEAL) = unsigned.finish(&signature).unwrap();
    (unpacked, witness)
}

/// The token that an authority answers with, right or wrong.
pub(crate) fn stamp(authority: &TimeStampAuthority, data: &[u8]) -> Vec<u8> {
    let imprint = timestamp::Imprint::of(DigestAlgorithm::Sha256, data);
    let answer = authority.answer(&timestamp::request(&imprint, [7; 16]));
    // TimeStampResp ::= SEQUENCE { status, timeStampToken } [RFC 3161 §2.4.2]
    let parts = content(&answer);
    parts[whole(parts)..].to_vec()
}

/// The length of the DER element that bytes begin with, and of what it has before its content.
fn lengths(der: &[u8]) -> (usize, usize) {
    match der[1] {
        length @ 0..0x80 => (usize::from(length) + 2, 2),
        long => {
            let head = usize::from(long & 0x7f) + 2;
            let length = der[2..head]
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (head + length, head)
        }
    }
}

fn whole(der: &[u8]) -> usize {
    lengths(der).0
}

fn content(der: &[u8]) -> &[u8] {
    &der[lengths(der).1..whole(der)]
}
