//! A bundle with everything in it, and each part of it taken from somewhere else.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod everything;
#[path = "../../countersign-audit/tests/support/mod.rs"]
mod support;
mod unpacked;

use countersign_audit::Ed25519Signer;
use countersign_audit::cosignature::{WitnessKey, WitnessPolicy};
use countersign_cms::TrustAnchor;
use countersign_core::Timestamp;
use countersign_evidence::{
    Claim, Disclosure, EvidenceError, Export, Report, Status, TrustPolicy, export, unpack, verify,
};
use countersign_testkit::authority::CertificateAuthority;
use countersign_testkit::keys::{IDP_P256_CERTIFICATE, OTHER_RSA_2048_CERTIFICATE};
use everything::{Everything, log_key, now};
use pollster::block_on;
use support::DOCUMENT;
use unpacked::Unpacked;

const SEAL: &str = "META-INF/signature.p7s";

fn check(all: &Everything, bundle: &[u8]) -> Report {
    verify(bundle, &all.trust(), now())
}

fn failed(report: &Report, claim: Claim, subject: &str) -> bool {
    report
        .failed()
        .any(|line| line.claim == claim && line.subject == subject)
}

fn has(report: &Report, claim: Claim, status: Status) -> bool {
    report
        .lines()
        .iter()
        .any(|line| line.claim == claim && line.status == status)
}

/// Changes members, and writes page, manifest and container again, as a forger without the
/// sealing key would.
fn forged(all: &Everything, change: impl FnOnce(&mut Unpacked)) -> Report {
    let mut unpacked = Unpacked::read(&all.bundle());
    change(&mut unpacked);
    unpacked.write_manifest();
    let report = check(all, &unpacked.write());
    assert!(!report.accepted(), "{report}");
    report
}

#[test]
fn everything_is_proved_by_whom_it_is_trusted_to() {
    let all = Everything::new();
    let report = check(&all, &all.bundle());
    assert!(report.accepted(), "{report}");
    for claim in Claim::ALL {
        let never = [
            Claim::Completeness,
            Claim::NotRevoked,
            Claim::SoleControl,
            Claim::QualifiedStatus,
        ];
        assert_ne!(
            has(&report, *claim, Status::Proved),
            never.contains(claim),
            "{claim}\n{report}"
        );
    }
    let trail = report.trail().unwrap();
    assert_eq!(trail.signers.len(), 2);
    assert_eq!(trail.stamped_at, Some(support::at("2026-03-01T09:40:00Z")));
    let nurse = &trail.signers[0];
    assert_eq!(
        nurse.consent.as_ref().unwrap().disclosure_version,
        "2026-01"
    );
    assert_eq!(
        nurse.authentication.as_ref().unwrap().issuer,
        "https://idp.example/saml"
    );
}

#[test]
fn a_claim_is_not_proved_without_whom_it_is_trusted_to() {
    let all = Everything::new();
    let bundle = all.bundle();
    let report = verify(&bundle, &TrustPolicy::new().log_key(log_key()), now());
    assert!(report.accepted(), "{report}");
    for claim in [
        Claim::ManifestSignature,
        Claim::Witnessed,
        Claim::TrustedTime,
        Claim::AssertionSignature,
    ] {
        assert!(!has(&report, claim, Status::Proved), "{claim}\n{report}");
        let strict = TrustPolicy::new().log_key(log_key()).require(claim);
        let report = verify(&bundle, &strict, now());
        assert!(!report.accepted());
        assert_eq!(report.missing(), [claim]);
    }
}

#[test]
fn a_bundle_that_lacks_what_is_trusted_is_refused() {
    let all = Everything::new();
    let [nurse, _] = &all.walks;
    let bare = Export::of(nurse.signed.leaf());
    let bare = block_on(export(&all.reader, &[log_key()], &bare, None, now())).unwrap();
    let log = || TrustPolicy::new().log_key(log_key());
    assert!(verify(&bare, &log(), now()).accepted());
    let (stranger, _) = Ed25519Signer::generate().unwrap();
    let stranger = WitnessKey::of_signer("witness.test", &stranger).unwrap();
    let other = CertificateAuthority::new("Other");
    let other = || TrustAnchor::from_certificate(other.certificate()).unwrap();
    for (trust, missing) in [
        (
            log().sealer(all.root()),
            &[Claim::ManifestSignature] as &[Claim],
        ),
        (log().time_authority(other()), &[Claim::TrustedTime]),
        (
            log().witnesses(WitnessPolicy::new(1, vec![stranger]).unwrap()),
            &[Claim::Witnessed],
        ),
        (
            log().identity_provider(IDP_P256_CERTIFICATE),
            &[
                Claim::AssertionSignature,
                Claim::AssertionContent,
                Claim::SamePerson,
            ],
        ),
        (log().require(Claim::Document), &[Claim::Document]),
    ] {
        let report = verify(&bare, &trust, now());
        assert!(!report.accepted(), "{missing:?}\n{report}");
        assert_eq!(report.missing(), missing, "{report}");
        assert_eq!(report.failed().count(), 0, "{report}");
    }
}

#[test]
fn too_few_witnesses_are_too_few() {
    let all = Everything::new();
    let (stranger, _) = Ed25519Signer::generate().unwrap();
    let stranger = WitnessKey::of_signer("witness.test", &stranger).unwrap();
    let two = WitnessPolicy::new(2, vec![all.witness.clone(), stranger]).unwrap();
    let report = verify(&all.bundle(), &all.trust().witnesses(two), now());
    assert!(!report.accepted());
    assert_eq!(report.missing(), [Claim::Witnessed]);
}

#[test]
fn a_checkpoint_by_a_retired_key_counts_up_to_its_last_size() {
    let all = Everything::new();
    let bundle = all.bundle();
    let size = bundle_size(&bundle);
    let good = TrustPolicy::new().retired_log_key(log_key(), size);
    assert!(verify(&bundle, &good, now()).accepted());
    let stolen = TrustPolicy::new().retired_log_key(log_key(), size - 1);
    let report = verify(&bundle, &stolen, now());
    assert!(failed(&report, Claim::CheckpointSignature, "checkpoint"));
    assert!(
        report.to_string().contains("its key was retired at"),
        "{report}"
    );
}

fn bundle_size(bundle: &[u8]) -> u64 {
    let unpacked = Unpacked::read(bundle);
    let checkpoint = std::str::from_utf8(unpacked.get("checkpoint"))
        .unwrap()
        .to_owned();
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

#[test]
fn another_bundles_seal_is_refused() {
    let all = Everything::new();
    let [nurse, _] = &all.walks;
    let other = Unpacked::read(&all.export(&Export::of(nurse.signed.leaf())));
    let report = forged(&all, |unpacked| {
        *unpacked.get_mut(SEAL) = other.get(SEAL).clone();
    });
    assert!(failed(&report, Claim::ManifestSignature, SEAL), "{report}");
}

#[test]
fn a_seal_that_was_taken_off_is_missed_by_whom_it_is_asked() {
    let all = Everything::new();
    let report = forged(&all, |unpacked| unpacked.remove(SEAL));
    assert_eq!(report.missing(), [Claim::ManifestSignature], "{report}");
}

#[test]
fn a_manifest_that_refers_to_no_seal_is_refused() {
    let all = Everything::new();
    let mut unpacked = Unpacked::read(&all.bundle());
    unpacked.remove(SEAL);
    let report = check(&all, &unpacked.write());
    assert!(failed(&report, Claim::Manifest, SEAL), "{report}");
}

#[test]
fn a_bundle_that_was_changed_after_it_was_sealed_is_refused() {
    let all = Everything::new();
    let report = forged(&all, |unpacked| unpacked.remove("attachments/prices.txt"));
    assert!(failed(&report, Claim::ManifestSignature, SEAL), "{report}");
}

#[test]
fn a_time_stamp_of_another_checkpoint_is_refused() {
    let (all, other) = (Everything::new(), Everything::new());
    let other = Unpacked::read(&other.bundle());
    let report = forged(&all, |unpacked| {
        *unpacked.get_mut("time/1.tst") = other.get("time/1.tst").clone();
    });
    assert!(
        failed(&report, Claim::TrustedTime, "time/1.tst"),
        "{report}"
    );
}

#[test]
fn time_stamps_in_another_order_are_refused() {
    let all = Everything::new();
    let report = forged(&all, |unpacked| {
        let second = unpacked.get("time/2.tst").clone();
        let first = std::mem::replace(unpacked.get_mut("time/1.tst"), second);
        *unpacked.get_mut("time/2.tst") = first;
    });
    assert!(
        failed(&report, Claim::TrustedTime, "time/1.tst"),
        "{report}"
    );
}

#[test]
fn a_time_stamp_that_is_missing_is_named() {
    let all = Everything::new();
    let report = forged(&all, |unpacked| unpacked.remove("time/1.tst"));
    assert!(failed(&report, Claim::Members, "time/2.tst"), "{report}");
}

#[test]
fn records_that_are_dated_after_the_time_stamp_are_refused() {
    let all = Everything::new();
    let checkpoint = Unpacked::read(&all.bundle()).get("checkpoint").clone();
    let early = countersign_testkit::authority::TimeStampAuthority::new(
        &all.roots,
        "Early",
        support::at("2026-03-01T09:20:00Z"),
    );
    let imprint = countersign_cms::timestamp::Imprint::of(
        countersign_cms::DigestAlgorithm::Sha256,
        &checkpoint,
    );
    let asked = countersign_cms::timestamp::request(&imprint, [1; 16]);
    let token = countersign_cms::timestamp::read_response(&early.answer(&asked), &asked).unwrap();
    let report = forged(&all, |unpacked| {
        *unpacked.get_mut("time/1.tst") = token;
        unpacked.remove("time/2.tst");
    });
    assert!(
        report.failed().any(|line| line.claim == Claim::TrustedTime),
        "{report}"
    );
}

#[test]
fn another_assertion_than_the_record_is_about_is_refused() {
    let all = Everything::new();
    let number = |stem: &str| format!("assertions/{stem}");
    let (nurse, doctor) = (number("001"), number("009"));
    for file in ["signed.xml", "signed-info.xml", "signature.bin"] {
        let name = format!("{nurse}/{file}");
        let report = forged(&all, |unpacked| {
            let others = unpacked.get(&format!("{doctor}/{file}")).clone();
            *unpacked.get_mut(&name) = others;
        });
        assert!(
            failed(&report, Claim::AssertionSignature, &name),
            "{report}"
        );
    }
    let name = format!("{nurse}/certificate.der");
    let report = forged(&all, |unpacked| {
        *unpacked.get_mut(&name) = OTHER_RSA_2048_CERTIFICATE.to_vec();
    });
    assert!(
        failed(&report, Claim::AssertionSignature, &name),
        "{report}"
    );
}

#[test]
fn an_assertion_with_a_file_missing_or_of_another_record_is_named() {
    let all = Everything::new();
    let name = "assertions/001/signature.bin";
    let report = forged(&all, |unpacked| unpacked.remove(name));
    assert!(failed(&report, Claim::Members, name), "{report}");
    let report = forged(&all, |unpacked| {
        for file in [
            "signed.xml",
            "signed-info.xml",
            "signature.bin",
            "certificate.der",
        ] {
            unpacked.rename(
                &format!("assertions/001/{file}"),
                &format!("assertions/002/{file}"),
            );
        }
    });
    assert!(
        failed(&report, Claim::Members, "assertions/002/signed.xml"),
        "{report}"
    );
}

#[test]
fn an_attachment_that_was_not_shown_is_refused() {
    let all = Everything::new();
    let name = "attachments/prices.txt";
    let report = forged(&all, |unpacked| unpacked.get_mut(name)[0] ^= 1);
    assert!(failed(&report, Claim::Attachment, name), "{report}");
    let request = all
        .request()
        .attachment("other.txt", b"never shown".to_vec());
    let error = block_on(export(&all.reader, &[log_key()], &request, None, now())).unwrap_err();
    assert!(matches!(error, EvidenceError::NotAcceptable(_)));
}

#[test]
fn attachments_whose_names_differ_in_case_alone_are_refused() {
    let all = Everything::new();
    let report = forged(&all, |unpacked| {
        let data = unpacked.get("attachments/prices.txt").clone();
        let place = unpacked.members.len() - 1;
        unpacked
            .members
            .insert(place, ("attachments/Prices.txt".to_owned(), data));
    });
    assert!(
        failed(&report, Claim::Members, "attachments/prices.txt"),
        "{report}"
    );
}

#[test]
fn signatures_of_different_documents_are_no_bundle() {
    let all = Everything::new();
    let [nurse, doctor] = &all.walks;
    // The doctor's signature is of the same document; the nurse's is made one of another.
    let request = Export::of(nurse.signed.leaf()).and(doctor.signed.leaf());
    let bundle = Unpacked::read(&all.export(&request));
    let shown = support::sha256(DOCUMENT).to_string();
    let other = support::sha256(b"other").to_string();
    let mut changed = bundle;
    for (name, data) in &mut changed.members {
        if name.starts_with("records/00") && name.contains("-document.signed") {
            let text = String::from_utf8(data.clone()).unwrap();
            *data = text.replace(&shown, &other).into_bytes();
        }
    }
    changed.write_manifest();
    let report = check(&all, &changed.write());
    assert!(
        has(&report, Claim::SameDocument, Status::Failed),
        "{report}"
    );
}

#[test]
fn a_page_that_shows_other_files_is_refused() {
    let all = Everything::new();
    let mut unpacked = Unpacked::read(&all.bundle());
    unpacked.replace("certificate.html", "<title>", "<title>Better ");
    let report = check(&all, &unpacked.write());
    assert!(
        failed(&report, Claim::CertificatePage, "certificate.html"),
        "{report}"
    );
}

#[test]
fn a_seal_from_the_future_is_refused() {
    let all = Everything::new();
    let report = verify(
        &all.bundle(),
        &all.trust(),
        support::at("2026-03-04T10:00:00Z"),
    );
    assert!(failed(&report, Claim::ManifestSignature, SEAL), "{report}");
}

#[test]
fn only_a_whole_bundle_is_unpacked() {
    let all = Everything::new();
    let bundle = all.bundle();
    let files = unpack(&bundle).unwrap();
    assert_eq!(files.len(), Unpacked::read(&bundle).members.len());
    let mut unpacked = Unpacked::read(&bundle);
    unpacked.members.push(("../evil".to_owned(), Vec::new()));
    let report = unpack(&unpacked.write())
        .map(|files| files.len())
        .unwrap_err();
    assert!(failed(&report, Claim::Members, "../evil"), "{report}");
}

#[test]
fn what_the_exporter_keeps_back_stays_back() {
    let all = Everything::new();
    let [nurse, _] = &all.walks;
    let request = Export::of(nurse.signed.leaf()).disclose(Disclosure::Nothing);
    let text = String::from_utf8_lossy(&all.export(&request)).into_owned();
    assert!(!text.contains("acme.example") && !text.contains("assertions/001"));
    assert!(
        verify(text.as_bytes(), &all.trust(), Timestamp::MAX)
            .trail()
            .is_none()
    );
}

#[test]
fn an_erased_signer_is_told_of_with_the_date_and_no_other() {
    let all = Everything::new();
    let [nurse, _] = &all.walks;
    let erased = all.erase(nurse);
    let trust = TrustPolicy::new().log_key(log_key());
    let request = all.request().erasure(erased);
    let report = verify(&all.export(&request), &trust, now());
    assert!(report.accepted(), "{report}");
    let openings = |status| {
        let lines = report.lines().iter();
        let lines = lines.filter(move |l| l.claim == Claim::Opening && l.status == status);
        lines.collect::<Vec<_>>()
    };
    let files: Vec<_> = openings(Status::Erased)
        .iter()
        .map(|line| line.subject.as_str())
        .collect();
    let expected = [
        "records/001-assertion.verified.json",
        "records/002-user.provisioned.json",
        "records/008-document.signed.json",
    ];
    assert_eq!(files, expected);
    for line in openings(Status::Erased) {
        let by = "erased on 2026-03-05T11:00:00.000Z: records/017-subject.erased.json";
        assert_eq!(line.by, by);
    }
    assert!(!openings(Status::Proved).is_empty(), "the doctor's");

    // Without the record nothing is erased: it is not disclosed.
    let report = verify(&all.export(&all.request()), &all.trust(), now());
    assert!(!has(&report, Claim::Opening, Status::Erased), "{report}");
}

#[test]
fn an_erasure_of_somebody_else_is_refused() {
    let all = Everything::new();
    let [nurse, doctor] = &all.walks;
    let request = Export::of(doctor.signed.leaf()).erasure(all.erase(nurse));
    let error = block_on(export(&all.reader, &[log_key()], &request, None, now())).unwrap_err();
    let EvidenceError::NotAcceptable(report) = error else {
        panic!("{error}");
    };
    let erasure = "records/009-subject.erased.json";
    assert!(failed(&report, Claim::Linked, erasure), "{report}");
}
