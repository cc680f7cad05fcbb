//! The JSON Schema of records, by an implementation that has not read our code.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use countersign_audit::email::EmailChallenged;
use countersign_audit::invitation::{InvitationIssued, InvitationUsed, InvitationWithdrawn};
use countersign_audit::token::TokenTerms;
use countersign_audit::{Correlation, Kind, Leaf, SystemEntropy, parse_record};
use countersign_core::{
    ConnectionId, CorrelationId, DocumentId, Door, Email, LeafHash, TenantId, UserId,
};
use countersign_testkit::providers;
use serde_json::{Value, json};
use support::{at, sha256};

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A record of each kind: those that the fuzz target begins with, and what no walk of theirs has.
fn samples() -> Vec<Value> {
    let mut samples: Vec<Vec<u8>> = std::fs::read_dir(repository().join("fuzz/seeds/record_parse"))
        .unwrap()
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();

    let mut walk = Correlation::begin(
        TenantId::new("acme").unwrap(),
        CorrelationId::new("walk-1").unwrap(),
    );
    let now = at("2026-03-01T09:30:00Z");
    let entropy = SystemEntropy::new();
    let email = Email::from_canonical("nurse@acme.example").unwrap();
    let connection = ConnectionId::new("acme-mail").unwrap();
    let token = TokenTerms {
        browser_sha256: None,
        expires_at: at("2026-03-01T09:45:00Z"),
        secret_sha256: sha256(b"secret"),
    };
    let challenged = EmailChallenged {
        connection: connection.clone(),
        token: token.clone(),
    };
    let challenged = walk.seal(challenged.draft(&email), now, &entropy).unwrap();
    let issued = InvitationIssued {
        document: DocumentId::new("contract-7").unwrap(),
        document_type: "nda/mutual".to_owned(),
        door: Some(Door::Saml),
        connection: None,
        multi_factor: true,
        token,
    };
    let issued = walk.seal(issued.draft(&email, None, None), now, &entropy);
    let issued = issued.unwrap();
    let assertion = Leaf::from_store(LeafHash::from_bytes([7; 32]));
    let user = UserId::new("user-1").unwrap();
    let used = InvitationUsed::draft(connection, user, issued.recorded(), assertion);
    let used = walk.seal(used, now, &entropy).unwrap();
    let withdrawn = InvitationWithdrawn::draft(issued.recorded(), None);
    let withdrawn = walk.seal(withdrawn, now, &entropy).unwrap();
    for entry in [
        challenged.entry(),
        issued.entry(),
        used.entry(),
        withdrawn.entry(),
    ] {
        samples.push(entry.bytes().to_vec());
    }
    let samples = samples.iter();
    samples
        .map(|bytes| serde_json::from_slice(bytes).unwrap())
        .collect()
}

fn sample(kind: Kind) -> Value {
    let mut samples = samples().into_iter();
    samples
        .find(|sample| sample["kind"] == kind.as_str())
        .unwrap()
}

fn canonical(record: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(record).unwrap()
}

/// What the committed schema has against each record; nothing if it takes it.
fn complaints(records: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records");
    let lines: Vec<Vec<u8>> = records.iter().map(canonical).collect();
    std::fs::write(&file, lines.join(&b'\n')).unwrap();
    let schema = repository().join("docs/spec/record.schema.json");
    let said = providers::check("jsonschema", &[&file, &schema]).unwrap();
    let said: Vec<String> = said.lines().map(str::to_owned).collect();
    assert_eq!(said.len(), records.len());
    said
}

#[test]
#[ignore = "runs jsonschema; cargo xtask test runs it"]
fn the_schema_takes_a_record_of_each_kind() {
    let samples = samples();
    let kinds: BTreeSet<&str> = samples
        .iter()
        .map(|s| s["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, Kind::ALL.iter().map(|kind| kind.as_str()).collect());
    for (sample, complaint) in samples.iter().zip(complaints(&samples)) {
        assert_eq!(complaint, "", "{sample}");
    }
}

/// One for each rule that a schema can say; each is refused at the place that is wrong.
#[test]
#[ignore = "runs jsonschema; cargo xtask test runs it"]
fn the_schema_refuses_what_the_specification_does() {
    let signed = sample(Kind::DocumentSigned);
    let changed = |path: &str, value: Value| {
        let mut record = signed.clone();
        *record.pointer_mut(path).unwrap() = value;
        record
    };
    let mut missing = signed.clone();
    missing["body"].as_object_mut().unwrap().remove("meaning");
    let mut without_prev = signed.clone();
    without_prev.as_object_mut().unwrap().remove("prev");
    let mut extra = signed.clone();
    extra["body"]["note"] = json!("x");
    let mut extra_beside = signed.clone();
    extra_beside["note"] = json!("x");
    let mut bad_field = signed.clone();
    bad_field["commitments"]["Printed-Name"] = bad_field["parents"][0].clone();
    let mut subject = sample(Kind::PolicyChanged);
    subject["subject_ref"] = json!("user-1");
    let mut fraction = sample(Kind::CheckpointAnchored);
    fraction["body"]["size"] = json!(1.5);
    let mut unsafe_size = fraction.clone();
    unsafe_size["body"]["size"] = json!(1_u64 << 53);
    let mut mixed = sample(Kind::AssertionVerified);
    mixed["body"]["door"] = json!("email");
    let hash = signed["parents"][0].as_str().unwrap();
    let parents = |count: usize| changed("/parents", vec![json!(hash); count].into());
    let wrong = [
        (missing, "$.body: 'meaning' is a required property"),
        (without_prev, "$: 'prev' is a required property"),
        (extra, "$.body: Additional properties"),
        (extra_beside, "$: Additional properties"),
        (bad_field, "$.commitments: "),
        (subject, "$.subject_ref: 'user-1' is not of type 'null'"),
        (changed("/subject_ref", Value::Null), "$.subject_ref: "),
        (fraction, "$.body.size: 1.5 is not of type 'integer'"),
        (unsafe_size, "$.body.size: 9007199254740992 is greater"),
        (mixed, "$."),
        (changed("/kind", json!("document.presented")), "$."),
        (changed("/kind", json!("document.unknown")), "$.kind: "),
        (changed("/v", json!(2)), "$.v: 1 was expected"),
        (parents(2), "$.parents: "),
        (parents(5), "$.parents: "),
        (
            changed("/parents/0", json!(hash.to_uppercase())),
            "$.parents[0]: ",
        ),
        (
            changed("/parents/0", json!(format!("{hash}\n"))),
            "$.parents[0]: ",
        ),
        (changed("/at", json!("2026-01-01T00:00:08Z")), "$.at: "),
        (changed("/at", json!("2026-13-01T00:00:08.000Z")), "$.at: "),
        (
            changed("/at", json!("2026-01-01T00:00:08.000+00:00")),
            "$.at: ",
        ),
        (changed("/tenant", json!(" acme")), "$.tenant: "),
        (changed("/tenant", json!("acme\n")), "$.tenant: "),
        (changed("/tenant", json!("ac\u{202E}me")), "$.tenant: "),
        (
            changed("/id", json!("019b76da-c740-4f0f-8f0f-0f0f0f0f0f0f")),
            "$.id: ",
        ),
    ];
    let records: Vec<Value> = wrong.iter().map(|(record, _)| record.clone()).collect();
    for ((record, place), complaint) in wrong.iter().zip(complaints(&records)) {
        assert!(complaint.starts_with(place), "{complaint}: {record}");
        assert!(parse_record(&canonical(record)).is_err(), "{record}");
    }
}

/// Every pointer to a value within.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    let mut each = |key: &str, value: &Value| {
        let place = format!("{at}/{key}");
        places(value, &place, into);
        into.push(place);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| each(key, value)),
        Value::Array(items) => (0..).zip(items).for_each(|(i, value): (u32, _)| {
            each(&i.to_string(), value);
        }),
        _ => {}
    }
}

/// Of thousands of records with one thing changed, the schema refuses those that the reader does.
#[test]
#[ignore = "runs jsonschema; cargo xtask test runs it"]
fn the_schema_and_the_reader_agree() {
    let mut changed = Vec::new();
    for sample in samples() {
        let mut paths = Vec::new();
        places(&sample, "", &mut paths);
        for path in &paths {
            for value in [
                json!(null),
                json!(7),
                json!(1.5),
                json!("x"),
                json!(""),
                json!([]),
                json!({}),
            ] {
                let mut record = sample.clone();
                *record.pointer_mut(path).unwrap() = value;
                changed.push(record);
            }
            let (parent, key) = path.rsplit_once('/').unwrap();
            let mut record = sample.clone();
            match record.pointer_mut(parent).unwrap() {
                Value::Object(members) => {
                    members.remove(key);
                }
                Value::Array(items) => {
                    items.remove(key.parse().unwrap());
                }
                _ => unreachable!(),
            }
            changed.push(record);
            let mut record = sample.clone();
            if let Some(Value::Object(members)) = record.pointer_mut(path) {
                members.insert("x".to_owned(), Value::Null);
                changed.push(record);
            }
        }
        for kind in Kind::ALL {
            let mut record = sample.clone();
            record["kind"] = kind.as_str().into();
            changed.push(record);
        }
    }
    let mut taken = 0;
    for (record, complaint) in changed.iter().zip(complaints(&changed)) {
        let read = parse_record(&canonical(record));
        assert_eq!(
            read.is_ok(),
            complaint.is_empty(),
            "{read:?}, {complaint}: {record}"
        );
        taken += u32::from(read.is_ok());
    }
    // Both verdicts are among them.
    assert!(
        taken > 500 && changed.len() > 5000,
        "{taken} of {}",
        changed.len()
    );
}
