//! Bundles: exported, accepted, and every way of tampering found and named.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

#[path = "../../countersign-audit/tests/support/mod.rs"]
mod support;
mod unpacked;

use std::io::Read as _;
use std::sync::Arc;

use countersign_audit::commitment::{Opening, Openings, Salt};
use countersign_audit::store::LedgerStore as _;
use countersign_audit::{
    Correlation, Ed25519Signer, Leaf, LedgerReader, SystemEntropy, VerifierKey, parse_record,
};
use countersign_core::{Entry, LeafHash, Private, Timestamp};
use countersign_evidence::{
    Claim, Disclosure, EvidenceError, Export, Report, Status, TrustPolicy, export, verify,
};
use pollster::block_on;
use proptest::prelude::*;
use support::{CountingEntropy, DOCUMENT, TestStore, Walk, WalkPlan, at, open, signer, store_with};
use unpacked::Unpacked;

const SIGNED: &str = "records/007-document.signed.json";
const GRANT: &str = "records/003-role.granted.json";

fn now() -> Timestamp {
    at("2026-03-05T12:00:00Z")
}

fn log_key() -> VerifierKey {
    VerifierKey::of_signer(support::ORIGIN, &*signer()).unwrap()
}

fn trust() -> TrustPolicy {
    TrustPolicy::new().log_key(log_key())
}

fn walk() -> Walk {
    Walk::new(WalkPlan::default(), &CountingEntropy::default())
}

/// A ledger with other people's records before and behind the walk, and what there is of it.
fn ledger_with(walk: &Walk) -> (Arc<TestStore>, LedgerReader) {
    let mut entries = support::plain_entries(0..5);
    entries.extend(walk.entries());
    entries.extend(support::plain_entries(5..9));
    let store = store_with(&entries);
    block_on(open(&store).unwrap().advance()).unwrap();
    let reader = LedgerReader::new(Arc::<TestStore>::clone(&store));
    (store, reader)
}

fn request(walk: &Walk) -> Export {
    Export::of(walk.signed.leaf())
        .disclose(Disclosure::fields(["printed_name", "email"]))
        .document("contract.txt", DOCUMENT.to_vec())
}

fn bundle() -> Vec<u8> {
    let walk = walk();
    let (_, reader) = ledger_with(&walk);
    block_on(export(&reader, &[log_key()], &request(&walk), None, now())).unwrap()
}

fn check(bundle: &[u8]) -> Report {
    verify(bundle, &trust(), now())
}

fn status(report: &Report, claim: Claim, subject: &str) -> Option<Status> {
    report
        .lines()
        .iter()
        .find(|line| line.claim == claim && line.subject == subject)
        .map(|line| line.status)
}

fn failed(report: &Report, claim: Claim, subject: &str) -> bool {
    report
        .failed()
        .any(|line| line.claim == claim && line.subject == subject)
}

/// Changes the members and packs them again as a writer would, manifest and all.
fn tampered(change: impl FnOnce(&mut Unpacked)) -> Report {
    let mut unpacked = Unpacked::read(&bundle());
    change(&mut unpacked);
    unpacked.write_manifest();
    let report = check(&unpacked.write());
    assert!(!report.accepted(), "{report}");
    assert!(
        !report.failed().any(|line| line.claim == Claim::Container),
        "{report}"
    );
    report
}

#[test]
fn an_exported_bundle_is_accepted_with_every_required_claim_proved() {
    let report = check(&bundle());
    assert!(report.accepted(), "{report}");
    for claim in Claim::REQUIRED {
        assert!(report.lines().iter().any(|line| line.claim == *claim));
    }
    assert_eq!(
        status(&report, Claim::Document, "documents/contract.txt"),
        Some(Status::Proved)
    );
    assert_eq!(
        status(&report, Claim::GrantLiveAtSigning, GRANT),
        Some(Status::Proved)
    );
    for claim in [
        Claim::Completeness,
        Claim::NotRevoked,
        Claim::SoleControl,
        Claim::QualifiedStatus,
    ] {
        assert_eq!(
            status(&report, claim, "container"),
            Some(Status::NotProved),
            "{claim:?}"
        );
    }
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    assert_eq!(bundle(), bundle());
}

#[test]
fn the_mimetype_stands_where_file_type_detectors_look() {
    let bundle = bundle();
    assert_eq!(&bundle[30..38], b"mimetype");
    assert_eq!(&bundle[38..69], b"application/vnd.etsi.asic-e+zip");
}

#[test]
fn another_zip_reader_sees_the_same_members() {
    let bundle = bundle();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bundle)).unwrap();
    let unpacked = Unpacked::read(&bundle);
    assert_eq!(archive.len(), unpacked.members.len());
    for (place, (name, data)) in unpacked.members.iter().enumerate() {
        let mut file = archive.by_index(place).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(
            (file.name().unwrap().as_ref(), &content),
            (name.as_str(), data)
        );
    }
}

#[test]
fn only_what_the_exporter_chose_is_disclosed() {
    let walk = walk();
    let (_, reader) = ledger_with(&walk);
    let export_with = |disclosure| {
        let request = Export::of(walk.signed.leaf()).disclose(disclosure);
        let bundle = block_on(export(&reader, &[log_key()], &request, None, now())).unwrap();
        assert!(check(&bundle).accepted());
        String::from_utf8_lossy(&bundle).into_owned()
    };
    let nothing = export_with(Disclosure::Nothing);
    assert!(!nothing.contains("Given Family") && !nothing.contains("nurse@acme.example"));
    assert!(!nothing.contains("openings/0"));
    let name = export_with(Disclosure::fields(["printed_name"]));
    assert!(name.contains("Given Family") && !name.contains("nurse@acme.example"));
    let everything = export_with(Disclosure::Everything);
    assert!(everything.contains("Given Family") && everything.contains("nurse@acme.example"));
}

#[test]
fn a_bundle_without_the_document_is_accepted_and_says_so() {
    let walk = walk();
    let (_, reader) = ledger_with(&walk);
    let request = Export::of(walk.signed.leaf());
    let report = check(&block_on(export(&reader, &[log_key()], &request, None, now())).unwrap());
    assert!(report.accepted(), "{report}");
    assert_eq!(
        status(&report, Claim::Document, "container"),
        Some(Status::NotProved)
    );
}

#[test]
fn the_trail_tells_who_when_by_which_rule_and_because_of_what() {
    let report = check(&bundle());
    let trail = report.trail().unwrap();
    assert_eq!(
        trail.signers[0].printed_name.as_deref(),
        Some("Given Family")
    );
    assert_eq!(trail.signers[0].signed_at, at("2026-03-01T09:33:00Z"));
    assert_eq!(
        trail.document.file.as_deref(),
        Some("documents/contract.txt")
    );
    let grant = &trail.steps[2];
    assert_eq!(grant.rule.as_deref(), Some("contractors"));
    assert_eq!(grant.caused_by, [2, 1]);
    assert_eq!(trail.steps[6].caused_by, [6, 4, 3]);
    let text = trail.to_string();
    for part in [
        "Given Family",
        "rule contractors",
        "because of 6 and 4 and 3",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_report_comes_back_from_its_json() {
    let report = check(&bundle());
    let json = serde_json::to_string(&report).unwrap();
    assert!(json.contains("\"grant_live_at_signing\""));
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

// What is not exported.

fn refusal(reader: &LedgerReader, request: &Export) -> EvidenceError {
    block_on(export(reader, &[log_key()], request, None, now())).unwrap_err()
}

#[test]
fn a_signature_that_no_checkpoint_covers_is_not_exported() {
    let walk = walk();
    let store = store_with(&walk.entries());
    let reader = LedgerReader::new(Arc::<TestStore>::clone(&store));
    let error = refusal(&reader, &request(&walk));
    assert!(matches!(error, EvidenceError::NotCheckpointed(_)));
    let ledger = open(&store).unwrap();
    block_on(ledger.checkpoint()).unwrap();
    block_on(ledger.integrate()).unwrap();
    let error = refusal(&reader, &request(&walk));
    assert!(matches!(error, EvidenceError::NotCheckpointed(_)));
}

#[test]
fn a_signature_that_is_not_in_the_ledger_is_not_exported() {
    let (_, reader) = ledger_with(&walk());
    let unknown = LeafHash::from_bytes([5; 32]);
    let error = refusal(&reader, &Export::of(Leaf::from_store(unknown)));
    assert!(matches!(error, EvidenceError::MissingRecord(leaf) if leaf == unknown));
}

#[test]
fn an_entry_that_is_no_signature_is_not_exported() {
    let walk = walk();
    let (_, reader) = ledger_with(&walk);
    let session = Leaf::from_store(walk.session.leaf().hash());
    let error = refusal(&reader, &Export::of(session));
    let EvidenceError::NotAcceptable(report) = error else {
        panic!("{error:?}");
    };
    assert!(failed(&report, Claim::Linked, "container"), "{report}");
}

#[test]
fn a_leaf_that_is_no_record_is_not_exported() {
    let walk = walk();
    let (store, reader) = ledger_with(&walk);
    store.change(|tables| {
        for entry in &mut tables.leaves {
            *entry = Entry::from_parts(entry.id().clone(), entry.leaf(), b"{}".to_vec(), None);
        }
    });
    let error = refusal(&reader, &Export::of(walk.signed.leaf()));
    assert!(matches!(error, EvidenceError::NotARecord { .. }));
}

#[test]
fn another_document_than_the_signed_one_is_not_exported() {
    let walk = walk();
    let (_, reader) = ledger_with(&walk);
    let request = Export::of(walk.signed.leaf()).document("contract.txt", b"other".to_vec());
    let error = refusal(&reader, &request);
    let EvidenceError::NotAcceptable(report) = error else {
        panic!("{error:?}");
    };
    assert!(failed(&report, Claim::Document, "documents/contract.txt"));
}

#[test]
fn a_document_name_that_leads_elsewhere_is_not_exported() {
    let walk = walk();
    let (_, reader) = ledger_with(&walk);
    let request = Export::of(walk.signed.leaf()).document("../contract.txt", DOCUMENT.to_vec());
    assert!(matches!(
        refusal(&reader, &request),
        EvidenceError::FileName
    ));
}

/// The private part of the signature.
fn private(walk: &Walk) -> Private {
    walk.signed.entry().private().unwrap().clone()
}

#[test]
fn openings_that_were_changed_in_the_store_are_not_exported() {
    let walk = walk();
    for (bytes, garbled) in [
        (b"{".to_vec(), true),
        (
            String::from_utf8(private(&walk).bytes)
                .unwrap()
                .replace("Given", "Other")
                .into_bytes(),
            false,
        ),
    ] {
        let (store, reader) = ledger_with(&walk);
        store.change(|tables| {
            let leaf = walk.signed.leaf().hash();
            let entry = tables.leaves.iter_mut().find(|e| e.leaf() == leaf).unwrap();
            *entry = Entry::from_parts(
                entry.id().clone(),
                leaf,
                entry.bytes().to_vec(),
                Some(Private {
                    bytes: bytes.clone(),
                    ..private(&walk)
                }),
            );
        });
        let error = refusal(&reader, &request(&walk));
        if garbled {
            assert_eq!(error.code(), "vault.malformed");
        } else {
            assert!(matches!(error, EvidenceError::NotAcceptable(_)));
        }
    }
}

#[test]
fn a_bundle_is_not_exported_under_a_key_that_did_not_sign_the_log() {
    let walk = walk();
    let (_, reader) = ledger_with(&walk);
    let (stranger, _) = Ed25519Signer::generate().unwrap();
    let key = VerifierKey::of_signer(support::ORIGIN, &stranger).unwrap();
    let error = block_on(export(&reader, &[key], &request(&walk), None, now())).unwrap_err();
    assert!(matches!(error, EvidenceError::LogKey));
}

// Trust.

#[test]
fn without_a_log_key_nothing_is_accepted_and_everything_else_is_checked() {
    let report = verify(&bundle(), &TrustPolicy::new(), now());
    assert!(!report.accepted());
    assert_eq!(report.failed().count(), 0, "{report}");
    let line = report
        .lines()
        .iter()
        .find(|line| line.claim == Claim::CheckpointSignature)
        .unwrap();
    assert_eq!(line.status, Status::NotProved);
    assert!(line.by.contains("log key not trusted"));
}

#[test]
fn a_bundle_of_another_log_is_refused() {
    let (stranger, _) = Ed25519Signer::generate().unwrap();
    for name in [support::ORIGIN, "log.example/other"] {
        let key = VerifierKey::of_signer(name, &stranger).unwrap();
        let report = verify(&bundle(), &TrustPolicy::new().log_key(key), now());
        assert!(failed(&report, Claim::CheckpointSignature, "checkpoint"));
        assert!(!report.accepted());
    }
}

#[test]
fn a_bundle_from_the_future_is_refused() {
    let early = verify(&bundle(), &trust(), at("2026-03-01T09:20:00Z"));
    assert!(failed(&early, Claim::TimeOrder, SIGNED), "{early}");
    assert!(!early.accepted());
    let skewed = verify(&bundle(), &trust(), at("2026-03-01T09:28:30Z"));
    assert!(skewed.accepted(), "{skewed}");
}

// Tampering, with the container written again as a writer would.

#[test]
fn a_missing_member_is_named() {
    let names: Vec<_> = Unpacked::read(&bundle())
        .members
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    for name in names {
        let mut unpacked = Unpacked::read(&bundle());
        unpacked.remove(&name);
        let report = check(&unpacked.write());
        assert!(!report.accepted(), "{name}");
        // Openings and the document may be left out; but then the manifest must say so.
        assert!(
            report.failed().any(|line| line.subject == name),
            "{name}\n{report}"
        );
    }
}

#[test]
fn a_missing_record_is_refused_even_if_the_manifest_leaves_it_out_too() {
    let report = tampered(|unpacked| {
        unpacked.remove(GRANT);
        unpacked.remove("proofs/003-role.granted.tlog-proof");
    });
    assert!(failed(
        &report,
        Claim::Members,
        "records/004-session.opened.json"
    ));
    assert!(failed(&report, Claim::Linked, SIGNED) || report.trail().is_none());
}

#[test]
fn an_extra_member_is_named() {
    for name in [
        "extra.txt",
        "documents/second.txt",
        "records/008-document.signed.json",
        "META-INF/signature.p7s",
    ] {
        let report = tampered(|unpacked| unpacked.members.push((name.to_owned(), b"x".to_vec())));
        assert!(report.failed().any(|line| line.subject == name), "{report}");
    }
}

#[test]
fn a_member_that_leads_out_of_the_folder_is_named() {
    for name in [
        "../evil",
        "/etc/evil",
        "documents/../evil",
        "documents\\evil",
        "documents/",
    ] {
        let report = tampered(|unpacked| unpacked.members.push((name.to_owned(), b"x".to_vec())));
        assert!(failed(&report, Claim::Members, name), "{name}\n{report}");
    }
}

#[test]
fn a_member_that_is_there_twice_is_named() {
    let mut unpacked = Unpacked::read(&bundle());
    let copy = unpacked.get(SIGNED).clone();
    unpacked.members.push((SIGNED.to_owned(), copy));
    let report = check(&unpacked.write());
    assert!(failed(&report, Claim::Container, SIGNED), "{report}");
    assert!(!report.accepted());
}

#[test]
fn members_in_another_order_are_named() {
    let count = Unpacked::read(&bundle()).members.len();
    for place in 1..count {
        let report = tampered(|unpacked| unpacked.members.swap(place - 1, place));
        assert!(
            report.failed().any(|line| line.claim == Claim::Members),
            "{place}\n{report}"
        );
    }
}

#[test]
fn a_manifest_that_was_not_adapted_names_the_changed_file() {
    let mut unpacked = Unpacked::read(&bundle());
    unpacked.get_mut("documents/contract.txt")[0] ^= 1;
    let report = check(&unpacked.write());
    assert!(failed(&report, Claim::Manifest, "documents/contract.txt"));
    assert!(failed(&report, Claim::Document, "documents/contract.txt"));
}

#[test]
fn a_manifest_in_another_form_is_refused() {
    for (from, to) in [
        ("?>\n<asic", "?>\n\n<asic"),
        ("URI=\"checkpoint\"", "URI='checkpoint'"),
        ("</asic:ASiCManifest>\n", "</asic:ASiCManifest>"),
    ] {
        let mut unpacked = Unpacked::read(&bundle());
        unpacked.replace("META-INF/ASiCManifest.xml", from, to);
        let report = check(&unpacked.write());
        assert!(
            failed(&report, Claim::Manifest, "META-INF/ASiCManifest.xml"),
            "{report}"
        );
    }
}

#[test]
fn a_record_that_was_changed_is_not_in_the_log() {
    let report = tampered(|unpacked| unpacked.replace(GRANT, "sign nda/*", "sign hr/x*"));
    assert!(failed(
        &report,
        Claim::Inclusion,
        "proofs/003-role.granted.tlog-proof"
    ));
    assert!(failed(&report, Claim::Linked, SIGNED), "{report}");
}

#[test]
fn a_record_under_the_name_of_another_kind_is_refused() {
    let report = tampered(|unpacked| {
        unpacked.rename(GRANT, "records/003-role.revoked.json");
        unpacked.rename(
            "proofs/003-role.granted.tlog-proof",
            "proofs/003-role.revoked.tlog-proof",
        );
    });
    assert!(failed(
        &report,
        Claim::RecordForm,
        "records/003-role.revoked.json"
    ));
}

#[test]
fn bytes_that_are_no_record_are_refused() {
    let report = tampered(|unpacked| *unpacked.get_mut(GRANT) = b"{}".to_vec());
    assert!(failed(&report, Claim::RecordForm, GRANT));
}

#[test]
fn a_proof_of_another_record_or_checkpoint_is_refused() {
    let proof = "proofs/003-role.granted.tlog-proof";
    let report = tampered(|unpacked| unpacked.replace(proof, "index 7\n", "index 6\n"));
    assert!(failed(&report, Claim::Inclusion, proof), "{report}");
    let report = tampered(|unpacked| unpacked.replace(proof, "\n16\n", "\n17\n"));
    assert!(failed(&report, Claim::Inclusion, proof), "{report}");
    let report = tampered(|unpacked| *unpacked.get_mut(proof) = b"x".to_vec());
    assert!(failed(&report, Claim::Inclusion, proof), "{report}");
}

#[test]
fn a_checkpoint_that_was_changed_is_refused() {
    let report = tampered(|unpacked| unpacked.replace("checkpoint", "\n16\n", "\n17\n"));
    assert!(failed(&report, Claim::CheckpointSignature, "checkpoint"));
    let report = tampered(|unpacked| *unpacked.get_mut("checkpoint") = b"x".to_vec());
    assert!(failed(&report, Claim::CheckpointSignature, "checkpoint"));
}

#[test]
fn another_key_in_the_bundle_is_refused() {
    let (stranger, _) = Ed25519Signer::generate().unwrap();
    let key = VerifierKey::of_signer(support::ORIGIN, &stranger).unwrap();
    let report = tampered(|unpacked| {
        *unpacked.get_mut("log.vkey") = format!("{key}\n").into_bytes();
    });
    assert!(failed(&report, Claim::CheckpointSignature, "log.vkey"));
    let report = tampered(|unpacked| *unpacked.get_mut("log.vkey") = b"x".to_vec());
    assert!(failed(&report, Claim::CheckpointSignature, "log.vkey"));
}

#[test]
fn other_instructions_are_refused() {
    let report = tampered(|unpacked| unpacked.replace("VERIFY.md", "openssl", "curl"));
    assert!(failed(&report, Claim::Instructions, "VERIFY.md"));
}

#[test]
fn another_mimetype_is_refused() {
    let report = tampered(|unpacked| *unpacked.get_mut("mimetype") = b"text/plain".to_vec());
    assert!(failed(&report, Claim::Members, "mimetype"));
}

#[test]
fn an_opening_of_another_value_is_refused() {
    let file = "openings/007-document.signed.json";
    let report = tampered(|unpacked| unpacked.replace(file, "Given Family", "Other Person"));
    assert!(failed(&report, Claim::Opening, file));
    let report = tampered(|unpacked| {
        let mut openings = Openings::default();
        let opening = Opening::new(Salt::from_bytes([1; 32]), "x".into());
        openings.insert("invented", opening);
        *unpacked.get_mut(file) = openings.to_bytes().unwrap();
    });
    assert!(failed(&report, Claim::Opening, file));
    for nothing in ["{}", "x"] {
        let report = tampered(|unpacked| *unpacked.get_mut(file) = nothing.as_bytes().to_vec());
        assert!(failed(&report, Claim::Opening, file));
    }
}

// A log operator who writes what a writer refuses to seal: the verifier finds it.

/// Signs a ledger whose records were rewritten by `forge`, hash by hash, and packs the evidence.
fn forged(forge: impl Fn(&str) -> String) -> Report {
    let mut renamed: Vec<(LeafHash, LeafHash)> = Vec::new();
    let mut entries = Vec::new();
    for entry in walk().entries() {
        let mut text = forge(std::str::from_utf8(entry.bytes()).unwrap());
        for (old, new) in &renamed {
            text = text.replace(&old.to_string(), &new.to_string());
        }
        let bytes = text.into_bytes();
        parse_record(&bytes).unwrap();
        let leaf = countersign_audit::leaf_hash(&bytes);
        renamed.push((entry.leaf(), leaf));
        entries.push(Entry::from_parts(entry.id().clone(), leaf, bytes, None));
    }
    let signature = Leaf::from_store(entries.last().unwrap().leaf());
    let store = store_with(&entries);
    support::integrate_carelessly(&store);
    block_on(open(&store).unwrap().checkpoint()).unwrap();
    let error = refusal(&LedgerReader::new(store), &Export::of(signature));
    let EvidenceError::NotAcceptable(report) = error else {
        panic!("{error:?}");
    };
    assert!(
        !report.failed().any(|line| line.claim == Claim::Inclusion),
        "{report}"
    );
    *report
}

#[test]
fn a_signature_after_the_grants_end_is_found_offline() {
    let report = forged(|record| {
        record
            .replace(
                "\"expires_at\":\"2026-03-02T09:30:00.000Z\"",
                "\"expires_at\":\"2026-03-01T09:32:30.000Z\"",
            )
            .replace(
                "\"grant_expires_at\":\"2026-03-02T09:30:00.000Z\"",
                "\"grant_expires_at\":\"2026-03-01T09:32:30.000Z\"",
            )
    });
    assert!(
        failed(&report, Claim::GrantLiveAtSigning, GRANT),
        "{report}"
    );
}

#[test]
fn a_signature_that_names_another_end_of_the_grant_is_found_offline() {
    let report = forged(|record| {
        record.replace(
            "\"grant_expires_at\":\"2026-03-02T09:30:00.000Z\"",
            "\"grant_expires_at\":null",
        )
    });
    assert!(
        failed(&report, Claim::GrantLiveAtSigning, GRANT),
        "{report}"
    );
}

#[test]
fn a_signature_after_the_sessions_end_is_found_offline() {
    let report =
        forged(|record| record.replace("2026-03-01T10:00:00.000Z", "2026-03-01T09:32:30.000Z"));
    let session = "records/004-session.opened.json";
    assert!(
        failed(&report, Claim::SessionLiveAtSigning, session),
        "{report}"
    );
}

#[test]
fn a_signature_that_the_grant_does_not_cover_is_found_offline() {
    for (from, to) in [
        ("sign nda/*", "sign hr/*"),
        (
            "\"grant\":\"grant-1\",\"grant_",
            "\"grant\":\"grant-2\",\"grant_",
        ),
        (
            "\"role\":\"signer\",\"session",
            "\"role\":\"admin\",\"session",
        ),
    ] {
        let report = forged(|record| record.replace(from, to));
        assert!(
            failed(&report, Claim::GrantCoversDocument, GRANT),
            "{report}"
        );
    }
}

#[test]
fn a_signature_of_another_document_than_was_shown_is_found_offline() {
    let shown = support::sha256(DOCUMENT).to_string();
    let other = support::sha256(b"other").to_string();
    let report = forged(|record| {
        record.replace(
            &format!("\"document_sha256\":\"{shown}\",\"document_type\""),
            &format!("\"document_sha256\":\"{other}\",\"document_type\""),
        )
    });
    assert!(failed(&report, Claim::SameDocument, SIGNED), "{report}");
    let report = forged(|record| {
        record.replace(
            "\"meaning\":\"approval\",\"role\"",
            "\"meaning\":\"review\",\"role\"",
        )
    });
    assert!(failed(&report, Claim::SameDocument, SIGNED), "{report}");
}

#[test]
fn a_grant_of_another_account_is_found_offline() {
    let report = forged(|record| {
        if record.contains("role.granted") {
            record.replace("user-nurse", "user-doctor")
        } else {
            record.to_owned()
        }
    });
    assert!(failed(&report, Claim::SameAccount, GRANT), "{report}");
}

#[test]
fn a_record_of_another_tenant_is_found_offline() {
    let report = forged(|record| {
        if record.contains("session.opened") {
            record.replace("\"tenant\":\"acme\"", "\"tenant\":\"other\"")
        } else {
            record.to_owned()
        }
    });
    let session = "records/004-session.opened.json";
    assert!(failed(&report, Claim::Linked, session), "{report}");
}

#[test]
fn a_cause_of_a_wrong_kind_is_found_offline() {
    let walk = walk();
    let (session, grant) = (walk.session.leaf().hash(), walk.grant.leaf().hash());
    let report = forged(|record| {
        record.replace(
            &format!("\"{session}\",\"{grant}\"]"),
            &format!("\"{grant}\",\"{session}\"]"),
        )
    });
    assert!(failed(&report, Claim::Linked, SIGNED), "{report}");
}

#[test]
fn a_record_that_the_signature_does_not_lead_to_is_refused() {
    let walk = walk();
    let mut correlation = Correlation::resume(walk.session.recorded());
    let closed = countersign_audit::session::SessionClosed {
        session: walk.session.recorded().body().session.clone(),
        reason: "signed_out".to_owned(),
    };
    let user = walk.session.recorded().subject_ref().unwrap().clone();
    let closed = correlation
        .seal(
            closed.draft(user, walk.session.leaf(), walk.session.recorded().at()),
            at("2026-03-01T09:50:00Z"),
            &SystemEntropy::new(),
        )
        .unwrap();
    let (store, reader) = ledger_with(&walk);
    block_on(store.enqueue(std::slice::from_ref(closed.entry()))).unwrap();
    let checkpoint = block_on(open(&store).unwrap().advance()).unwrap();
    let mut unpacked = Unpacked::read(
        &block_on(export(&reader, &[log_key()], &request(&walk), None, now())).unwrap(),
    );
    let proof = block_on(reader.log_proof(16, &checkpoint)).unwrap();
    unpacked.insert_after(
        SIGNED,
        "records/008-session.closed.json",
        closed.entry().bytes().to_vec(),
    );
    unpacked.insert_after(
        "proofs/007-document.signed.tlog-proof",
        "proofs/008-session.closed.tlog-proof",
        proof.to_bytes(),
    );
    unpacked.write_manifest();
    let report = check(&unpacked.write());
    assert!(!report.accepted());
    assert!(failed(
        &report,
        Claim::Linked,
        "records/008-session.closed.json"
    ));
}

// Any bytes at all.

#[test]
fn every_single_changed_byte_is_found_and_its_file_named() {
    let bundle = bundle();
    let unpacked = Unpacked::read(&bundle);
    let mut owner = vec!["container".to_owned(); bundle.len()];
    for (name, range) in unpacked.ranges() {
        owner[range].fill(name);
    }
    let check_place = |place: usize| {
        let mut changed = bundle.clone();
        // Another bit at each place: all bits of all bytes would take minutes.
        changed[place] ^= 1 << (place % 8);
        let report = check(&changed);
        assert!(!report.accepted(), "byte {place}");
        let name = &owner[place];
        assert!(
            report.failed().any(|line| line.subject == *name),
            "byte {place} of {name}\n{report}"
        );
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            // Every byte takes minutes; another stride than any structure has gets to all parts.
            let places = (first..bundle.len()).step_by(threads.saturating_mul(53));
            scope.spawn(|| places.for_each(check_place));
        }
    });
}

#[test]
fn a_truncated_or_longer_bundle_is_refused() {
    let bundle = bundle();
    for length in (0..bundle.len()).step_by(7) {
        assert!(!check(&bundle[..length]).accepted(), "{length}");
    }
    let mut longer = bundle.clone();
    longer.push(0);
    assert!(!check(&longer).accepted());
    let mut shifted = vec![0];
    shifted.extend_from_slice(&bundle);
    assert!(!check(&shifted).accepted());
}

#[test]
fn a_compressed_or_encrypted_member_is_refused() {
    // General purpose flags at 6, method at 8 of the first local header [APPNOTE 4.3.7].
    for place in [6, 8] {
        let mut bundle = bundle();
        bundle[place] |= 1;
        let report = check(&bundle);
        assert!(failed(&report, Claim::Container, "container"), "{report}");
    }
}

#[test]
fn a_container_with_too_many_members_is_refused() {
    let mut unpacked = Unpacked::read(&bundle());
    for n in 0..4096 {
        unpacked
            .members
            .push((format!("documents/{n}"), Vec::new()));
    }
    let report = check(&unpacked.write());
    assert!(failed(&report, Claim::Container, "container"), "{report}");
}

#[test]
fn what_is_no_container_is_refused() {
    for bytes in [&b""[..], b"PK", b"PK\x05\x06", b"<a/>", &[0; 4096]] {
        let report = check(bytes);
        assert!(!report.accepted());
        assert!(failed(&report, Claim::Container, "container"));
    }
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    let name = "documents/\u{1b}[2J\u{202e}x";
    let mut unpacked = Unpacked::read(&bundle());
    unpacked.members.push((name.to_owned(), Vec::new()));
    unpacked.write_manifest();
    let report = check(&unpacked.write());
    assert!(!report.accepted(), "{report}");
    let text = report.to_string();
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_answered_and_not_accepted(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(!check(&bytes).accepted());
    }

    #[test]
    fn any_splice_of_a_bundle_is_not_accepted(
        cut in any::<prop::sample::Index>(),
        length in 0_usize..40,
        with in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let good = bundle();
        let start = cut.index(good.len());
        let end = (start + length).min(good.len());
        let mut changed = good.clone();
        changed.splice(start..end, with);
        if changed != good {
            prop_assert!(!check(&changed).accepted());
        }
    }
}
