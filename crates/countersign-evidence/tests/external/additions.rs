//! What others add to the log's word, as the certificate page checks it: witnesses, time-stamp
//! authorities, sealers, identity providers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_testkit::authority::{CertificateAuthority, Fault, KeyKind, TimeStampAuthority};
use serde_json::{Value, json};

use super::bundles::{SEAL, stamp, vouched};
use super::desk::{Desk, all_start_with, forged, members, page, put};
use crate::bundle;
use crate::support::{at, sha256};

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_checks_what_witnesses_authorities_and_sealers_add() {
    let (unpacked, witness) = vouched();
    let desk = Desk::new();
    desk.open(unpacked.get("certificate.html"));
    assert_eq!(desk.state(), "holds", "{:#?}", desk.lines("checks"));
    for number in [1, 2] {
        let start = format!(
            "holds trusted_time: Time-stamp {number} is of this checkpoint: 1 March 2026, 09:45:00 UTC, by CN=Test Time"
        );
        let lines = desk.lines("checks");
        assert!(
            lines.iter().any(|line| line.starts_with(&start)),
            "{lines:#?}"
        );
    }
    let lines = desk.lines("keychecks");
    assert!(
        lines[0].starts_with("open cosignature: witness.example cosigned"),
        "{lines:#?}"
    );
    desk.browser.write("keys", &witness.to_string());
    desk.browser
        .wait("return document.querySelector('#keychecks .holds') !== null");
    let lines = desk.lines("keychecks");
    let seen = "holds key: A key that you gave: witness.example signed this checkpoint, on 1 March 2026, 09:40:00 UTC";
    assert_eq!(lines, [seen]);

    let lines = desk.compare(&[&desk.file("sealed.asice", &unpacked.write())]);
    let sealed = "holds manifest_signature: The manifest is signed: CAdES, by CN=Test Sealer";
    assert!(
        lines.iter().any(|line| line.starts_with(sealed)),
        "{lines:#?}"
    );
    assert!(all_start_with(&lines, "holds "), "{lines:#?}");

    let mut broken = unpacked.clone();
    let seal = broken.get_mut(SEAL);
    *seal.last_mut().unwrap() ^= 1;
    let lines = desk.compare(&[&desk.file("sealed.asice", &broken.write())]);
    assert!(
        lines[0].starts_with("fails manifest_signature: "),
        "{lines:#?}"
    );
    let mut other = unpacked;
    other.get_mut("VERIFY.md")[0] ^= 1;
    other.write_manifest();
    let lines = desk.compare(&[&desk.file("sealed.asice", &other.write())]);
    assert!(
        lines[0].starts_with("fails manifest_signature: "),
        "{lines:#?}"
    );
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_refuses_time_stamps_that_are_wrong() {
    let (unpacked, _) = vouched();
    let page = unpacked.get("certificate.html");
    let root = CertificateAuthority::new("Test Root");
    let authority = TimeStampAuthority::new(&root, "Test Time", at("2026-03-01T09:45:00Z"));
    let desk = Desk::new();
    for fault in [
        Fault::OtherImprint,
        Fault::UnknownImprint,
        Fault::OtherCertificate,
        Fault::NoReference,
        Fault::ChangedSignature,
        Fault::NoCertificate,
        Fault::TwoSigners,
        Fault::OtherContentType,
        Fault::NoContent,
    ] {
        authority.set_fault(Some(fault));
        let token = stamp(&authority, unpacked.get("checkpoint"));
        desk.open(&forged(page, |members| {
            members.remove("time/2.tst");
            put(members, "time/1.tst", &token);
        }));
        let lines = desk.lines("checks");
        assert!(
            !lines
                .iter()
                .any(|line| line.starts_with("holds trusted_time")),
            "{fault:?}: {lines:#?}"
        );
        assert_ne!(desk.state(), "holds", "{fault:?}");
    }
    // A token may say which certificate is its own as RFC 3161 did at first.
    authority.set_fault(Some(Fault::OldReference));
    let token = stamp(&authority, unpacked.get("checkpoint"));
    desk.open(&forged(page, |members| {
        members.remove("time/2.tst");
        put(members, "time/1.tst", &token);
    }));
    assert_eq!(desk.state(), "holds", "{:#?}", desk.lines("checks"));
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_checks_what_the_identity_provider_signed() {
    let provider = CertificateAuthority::new("Test Root").sealer("Test Provider", KeyKind::Rsa);
    let algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
    let signed = b"<Assertion>somebody</Assertion>".to_vec();
    let signed_info = format!(
        "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:CanonicalizationMethod \
         Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod><ds:SignatureMethod \
         Algorithm=\"{algorithm}\"></ds:SignatureMethod><ds:Reference URI=\"#_a\"><ds:DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue>{}\
         </ds:DigestValue></ds:Reference></ds:SignedInfo>",
        STANDARD.encode(sha256(&signed).as_bytes())
    )
    .into_bytes();
    let files = [
        ("signed.xml", signed.clone()),
        ("signed-info.xml", signed_info.clone()),
        ("signature.bin", provider.sign(&signed_info)),
        ("certificate.der", provider.certificate().to_vec()),
    ];
    // The record is one of other bytes, so that its own checks fail: only this one counts here.
    let page = page(&bundle());
    let name = "records/001-assertion.verified.json";
    let record = members(&page)
        .into_iter()
        .find(|(is, _)| is == name)
        .unwrap()
        .1;
    let mut record: Value = serde_json::from_slice(&record).unwrap();
    let blob = |data: &[u8]| json!({"media_type": "application/xml", "sha256": sha256(data)});
    record["blobs"] = files.iter().map(|(_, data)| blob(data)).collect();
    record["body"]["signed_sha256"] = json!(sha256(&files[0].1));
    record["body"]["certificate_sha256"] = json!(sha256(&files[3].1));
    record["body"]["signature_algorithm"] = json!(algorithm);

    let desk = Desk::new();
    let line = |record: &Value, files: &[(&str, Vec<u8>)]| {
        desk.open(&forged(&page, |members| {
            put(members, name, record.to_string().as_bytes());
            for (file, data) in files {
                put(members, &format!("assertions/001/{file}"), data);
            }
        }));
        let lines = desk.lines("checks");
        let mut found = lines
            .into_iter()
            .filter(|line| line.contains(" assertion_signature: "));
        found.next().unwrap()
    };
    let start = "holds assertion_signature: The signature from the sign-in verifies (record 1): RSASSA-PKCS1-v1_5 by the enclosed certificate of CN=Test Provider";
    assert!(line(&record, &files).starts_with(start));
    for place in 0..files.len() {
        let mut changed = files.clone();
        let last = changed[place].1.len() - 20;
        changed[place].1[last] ^= 1;
        assert!(line(&record, &changed).starts_with("fails "), "{place}");
        // As a forger would: the record names what is there.
        let mut record = record.clone();
        record["blobs"][place] = blob(&changed[place].1);
        record["body"]["signed_sha256"] = json!(sha256(&changed[0].1));
        record["body"]["certificate_sha256"] = json!(sha256(&changed[3].1));
        // What signs the certificate itself is not looked at here: trust is another's question.
        let expected = if place == 3 { "holds " } else { "fails " };
        assert!(line(&record, &changed).starts_with(expected), "{place}");
        assert!(place == 0 || line(&record, &files[..place]).starts_with("fails "));
    }
    record["body"]["signature_algorithm"] =
        json!("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512");
    assert!(line(&record, &files).starts_with("fails "));
}
