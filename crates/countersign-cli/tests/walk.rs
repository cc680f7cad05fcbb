//! The command line on what a whole walk leaves behind: a response, a policy, a database, a
//! bundle.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod run;

use std::path::PathBuf;
use std::sync::Arc;

use countersign::audit::Ed25519Signer;
use countersign::evidence::{Disclosure, Export};
use countersign::saml::{Expect, IdentityProvider, Inbound, ServiceProvider};
use countersign::{
    ConnectionId, Document, DocumentId, Engine, Intent, ManualClock, PolicyFile, SignIn, Timestamp,
    blocking,
};
use countersign_sqlite::SqliteStore;
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use run::{Run, countersign};
use serde_json::Value;
use tempfile::TempDir;

const NOW: &str = "2026-03-01T09:30:00.000Z";
const SP: &str = "https://sign.example/saml";
const ACS: &str = "https://sign.example/saml/acs";
/// The key of a log that has nothing to do with it.
const OTHER_LOG: &str =
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
const POLICY: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "okta"
strategy = "jit"
domains = ["acme.example"]

[role.signer]
allow = ["sign nda/*"]

[[rule]]
id = "contractors-sign"
all = [{ attribute = "groups", eq = "contractor" }]
grant = [{ role = "signer", ttl = "24h" }]
"#;

/// A folder with everything that one signature leaves behind.
struct Walked {
    folder: TempDir,
}

impl Walked {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = NOW.parse().unwrap();
        let idp = TestIdp::new("https://idp.acme.example");
        let spec = ResponseSpec::new(SP, ACS, "signer@acme.example", now)
            .with_name_id_format("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")
            .with_attribute("groups", ["contractor"]);
        let response = idp.respond(&spec);
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        write("policy.toml", POLICY.as_bytes());
        write("metadata.xml", idp.metadata().as_bytes());
        write("response.xml", &response);

        let store = Arc::new(SqliteStore::open(folder.path().join("store.db")).unwrap());
        let (signer, _) = Ed25519Signer::generate().unwrap();
        let acme = ConnectionId::new("acme").unwrap();
        blocking::wait(async {
            let engine = Engine::builder(PolicyFile::parse("policy.toml", POLICY).unwrap())
                .connection(
                    acme.clone(),
                    ServiceProvider::new(SP, ACS).unwrap(),
                    IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap(),
                )
                .store(store.clone())
                .log("sign.example/log", Arc::new(signer))
                .clock(Arc::new(ManualClock::new(now)))
                .build()
                .await
                .unwrap();
            let log_key = engine.ledger().verifier_key().to_string();
            store.set_ledger_vkey(&log_key).await.unwrap();
            write("log.vkey", log_key.as_bytes());
            let SignIn::Admitted(session) = engine
                .sign_in(&acme, Inbound::Xml(&response), Expect::Unsolicited)
                .await
                .unwrap()
            else {
                panic!("refused");
            };
            let id = DocumentId::new("nda-1").unwrap();
            let document = Document::new(id, "nda/mutual", "text/plain", b"agreed");
            let presented = engine.present(&session, &document).await.unwrap();
            let confirmed = engine
                .confirm(presented, &Intent::approval())
                .await
                .unwrap();
            let signature = engine.sign(confirmed, "Contract Signer").await.unwrap();
            let request = Export::of(signature.leaf())
                .disclose(Disclosure::Everything)
                .document("nda.txt", b"agreed".to_vec());
            write("nda.asice", &engine.export(&request).await.unwrap());
        });
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    fn bundle(&self, command: &str, more: &[&str]) -> Run {
        let bundle = self.path("nda.asice");
        let arguments = [&["--json", "evidence", command, &bundle], more].concat();
        countersign(&arguments)
    }

    fn decide(&self, more: &[&str]) -> Run {
        let (policy, metadata, response) = (
            self.path("policy.toml"),
            self.path("metadata.xml"),
            self.path("response.xml"),
        );
        let arguments = [
            &[
                "--json",
                "policy",
                "decide",
                "--policy",
                &policy,
                "--connection",
                "acme",
                "--idp-metadata",
                &metadata,
                "--sp-entity-id",
                SP,
                "--acs-url",
                ACS,
                "--allow-unsolicited",
                "--at",
                NOW,
                &response,
            ],
            more,
        ]
        .concat();
        countersign(&arguments)
    }
}

#[test]
fn a_bundle_is_accepted_with_its_logs_key_and_with_no_other() {
    let walked = Walked::new();
    let key = walked.path("log.vkey");
    let accepted = walked.bundle("verify", &["--log-key", &key]);
    assert_eq!(accepted.code, 0, "{accepted:?}");
    assert_eq!(accepted.json()["ok"], true);

    let text = std::fs::read_to_string(&key).unwrap();
    assert_eq!(walked.bundle("verify", &["--log-key", &text]).code, 0);

    for (more, code) in [
        (&[][..], "evidence.log_not_trusted"),
        (&["--log-key", OTHER_LOG], "evidence.checkpoint_signature"),
    ] {
        let refused = walked.bundle("verify", more);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert_eq!(refused.json()["code"], code, "{refused:?}");
    }
    assert_eq!(walked.bundle("verify", &["--log-key", "nonsense"]).code, 2);
}

#[test]
fn a_bundle_is_shown_to_people_as_a_trail() {
    let walked = Walked::new();
    let shown = countersign(&["evidence", "show", &walked.path("nda.asice")]);
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.stdout.starts_with("UNVERIFIED"), "{shown:?}");
    for part in [
        "nda-1",
        "Contract Signer",
        "contractors-sign",
        "assertion.verified",
        "document.signed",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {shown:?}");
    }
    let json = walked.bundle("show", &[]).json();
    assert_eq!(json["verified"], false);
    assert_eq!(
        json["trail"]["signers"][0]["printed_name"],
        "Contract Signer"
    );
}

#[test]
fn a_changed_byte_is_found_and_its_file_named() {
    let walked = Walked::new();
    let key = walked.path("log.vkey");
    let path = walked.path("nda.asice");
    let mut bytes = std::fs::read(&path).unwrap();
    let document = b"agreed";
    let at = bytes
        .windows(document.len())
        .position(|window| window == document)
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let refused = walked.bundle("verify", &["--log-key", &key]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("documents/nda.txt"), "{refused:?}");
}

#[test]
fn a_bundle_without_a_member_is_refused_in_one_line_or_with_its_trail() {
    let walked = Walked::new();
    let path = walked.path("nda.asice");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    for command in ["verify", "show"] {
        let refused = walked.bundle(command, &[]);
        assert_eq!(refused.code, 1, "{refused:?}");
        let code = refused.json()["code"].as_str().unwrap().to_owned();
        assert!(code.starts_with("evidence."), "{refused:?}");
    }
}

#[test]
fn a_ledger_is_computed_again_and_nothing_is_written() {
    let walked = Walked::new();
    let database = walked.path("store.db");
    let before = std::fs::read(&database).unwrap();
    let key = walked.path("log.vkey");
    let given = countersign(&["--json", "ledger", "verify", "--log-key", &key, &database]);
    assert_eq!(given.code, 0, "{given:?}");
    let json = given.json();
    assert_eq!(json["entries"], 7);
    assert_eq!(json["checkpoint"]["origin"], "sign.example/log");
    assert_eq!(json["checkpoint_signature"], "by the key that was given");
    let named = countersign(&["--json", "ledger", "verify", &database]);
    assert_eq!(
        named.json()["checkpoint_signature"],
        "by the key that the database names"
    );
    assert_eq!(std::fs::read(&database).unwrap(), before);

    let refused = countersign(&[
        "--json",
        "ledger",
        "verify",
        "--log-key",
        OTHER_LOG,
        &database,
    ]);
    assert_eq!(
        (refused.code, &refused.json()["code"]),
        (1, &Value::from("ledger.checkpoint")),
        "{refused:?}"
    );
}

#[test]
fn a_database_is_checked_and_copied_and_left_as_it_was() {
    let walked = Walked::new();
    let (database, copy) = (walked.path("store.db"), walked.path("copy.db"));
    let before = std::fs::read(&database).unwrap();
    let checked = countersign(&["--json", "store", "check", &database]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert_eq!(checked.json()["findings"], serde_json::json!([]));
    let copied = countersign(&["--json", "store", "backup", &database, &copy]);
    assert_eq!(copied.code, 0, "{copied:?}");
    assert_eq!(std::fs::read(&database).unwrap(), before);
    let verified = countersign(&["--json", "ledger", "verify", &copy]);
    assert_eq!(verified.json()["entries"], 7, "{verified:?}");
    let again = countersign(&["--json", "store", "backup", &database, &copy]);
    assert_eq!(
        (again.code, &again.json()["code"]),
        (1, &Value::from("backup.exists"))
    );

    let mut torn = before;
    let page = usize::from(u16::from_be_bytes([torn[16], torn[17]]));
    torn[3 * page..][..8].fill(0xee);
    std::fs::write(&database, &torn).unwrap();
    let found = countersign(&["--json", "store", "check", &database]);
    assert_eq!(
        (found.code, &found.json()["code"]),
        (1, &Value::from("sqlite.corrupt")),
        "{found:?}"
    );
}

#[test]
fn a_changed_entry_is_found_and_located() {
    let walked = Walked::new();
    let database = walked.path("store.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let written = b"\"meaning\":\"approval\"";
    let mut changed = 0;
    for at in 0..bytes.len() - written.len() {
        if bytes[at..].starts_with(written) {
            bytes[at + 11] = b'A';
            changed += 1;
        }
    }
    assert!(changed > 0);
    std::fs::write(&database, &bytes).unwrap();
    let refused = countersign(&["--json", "ledger", "verify", &database]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let json = refused.json();
    assert_eq!(json["code"], "ledger.changed_entry", "{refused:?}");
    assert!(
        json["message"].as_str().unwrap().contains("leaf 5"),
        "{refused:?}"
    );
}

#[test]
fn a_decision_tells_what_would_be_done_and_why() {
    let walked = Walked::new();
    let new = walked.decide(&[]);
    assert_eq!(new.code, 0, "{new:?}");
    let plan = &new.json()["plan"];
    assert_eq!(plan["outcome"], "admit");
    assert_eq!(plan["action"], "create");
    assert_eq!(plan["user"]["email"], "signer@acme.example");
    assert_eq!(plan["grants"]["give"][0]["role"], "signer");
    assert_eq!(plan["grants"]["give"][0]["rule"], "contractors-sign");
    assert!(!plan["reasons"].as_array().unwrap().is_empty());

    let database = walked.path("store.db");
    let known = walked.decide(&["--database", &database]);
    assert_eq!(known.code, 0, "{known:?}");
    let plan = &known.json()["plan"];
    assert_eq!(plan["matched_by"], "subject");
    assert_eq!(plan["grants"]["keep"][0]["role"], "signer");
}

#[test]
fn a_policy_that_refuses_is_a_refusal_with_its_reason() {
    let walked = Walked::new();
    let policy = POLICY.replace("acme.example\"]", "other.example\"]");
    std::fs::write(walked.path("policy.toml"), policy).unwrap();
    let refused = walked.decide(&[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let json = refused.json();
    assert!(
        json["code"].as_str().unwrap().starts_with("provision."),
        "{refused:?}"
    );
    assert_eq!(json["plan"]["outcome"], "refuse");
}

#[test]
fn responses_become_a_corpus_that_a_new_policy_is_tried_on() {
    let walked = Walked::new();
    let (policy, metadata, response) = (
        walked.path("policy.toml"),
        walked.path("metadata.xml"),
        walked.path("response.xml"),
    );
    let facts = |more: &[&str]| {
        let arguments = [
            &[
                "policy",
                "facts",
                "--policy",
                &policy,
                "--connection",
                "acme",
                "--idp-metadata",
                &metadata,
                "--sp-entity-id",
                SP,
                "--acs-url",
                ACS,
                "--allow-unsolicited",
                "--at",
                NOW,
            ],
            more,
        ];
        countersign(&arguments.concat())
    };
    let lines = facts(&[&response, &response]);
    assert_eq!(lines.code, 0, "{lines:?}");
    assert_eq!(lines.stdout.lines().count(), 2, "{lines:?}");
    let corpus = walked.path("corpus.jsonl");
    std::fs::write(&corpus, &lines.stdout).unwrap();
    // One that is refused leaves no lines of the others.
    let refused = facts(&[&response, &metadata]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stdout.contains("metadata.xml: "), "{refused:?}");

    let new = walked.path("new.toml");
    std::fs::write(&new, POLICY.replace("contractors-sign", "others-sign")).unwrap();
    let simulate = |more: &[&str]| {
        let arguments = [
            &[
                "--json", "policy", "simulate", "--old", &policy, "--new", &new, "--corpus",
                &corpus,
            ],
            more,
        ];
        let run = countersign(&arguments.concat());
        assert_eq!(run.code, 0, "{run:?}");
        run.json()["simulation"].clone()
    };
    // Who is not known yet gets the role by either rule.
    let unknown = simulate(&[]);
    assert_eq!(
        (&unknown["people"], &unknown["sign_ins"]),
        (&1.into(), &2.into())
    );
    assert_eq!(unknown["affected"], Value::Array(Vec::new()));
    assert_eq!(unknown["rules"]["others-sign"]["matched_after"], 2);
    // The account that is there holds it by the old one, and by the new one from another instant.
    let known = simulate(&["--database", &walked.path("store.db")]);
    assert_eq!(known["losing"], 0, "{known}");
    assert_eq!(known["changed"], 0, "{known}");
}

#[test]
fn a_report_tells_what_the_next_sweep_would_do() {
    let walked = Walked::new();
    let policy = format!("{POLICY}\n[lifecycle]\nsuspend_after = \"30d\"\n");
    let file = walked.path("edited.toml");
    std::fs::write(&file, policy).unwrap();
    let database = walked.path("store.db");
    let at = "2026-05-01T00:00:00Z";
    let arguments = [
        "account", "report", "--policy", &file, "--at", at, &database,
    ];
    let run = countersign(&[&["--json"][..], &arguments].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let report = run.json();
    assert_eq!(report["accounts"]["active"], 1);
    assert_eq!(report["unused"][0]["due"], "suspended");
    assert_eq!(report["unmatched_rules"], serde_json::json!([]));
    let run = countersign(&arguments);
    assert!(run.stdout.starts_with("1 account of default\n"), "{run:?}");
    assert!(
        run.stdout.contains("the next sweep makes it suspended"),
        "{run:?}"
    );

    let since = ["--since", NOW, "--at", NOW];
    let run = countersign(&[&["--json"][..], &arguments[..4], &since, &[&database]].concat());
    let report = run.json();
    assert_eq!(report["new"][0]["role"], "signer");
    assert_eq!(report["drifted"][0]["role"], "signer");
}

#[test]
fn an_export_for_a_review_can_be_read_back() {
    let walked = Walked::new();
    let (policy, database) = (walked.path("policy.toml"), walked.path("store.db"));
    let arguments = [
        "account", "review", "export", "--policy", &policy, "--at", NOW, &database,
    ];
    let run = countersign(&arguments);
    assert_eq!(run.code, 0, "{run:?}");
    let rows = countersign::review::file::from_csv(run.stdout.as_bytes()).unwrap();
    assert_eq!(rows.len(), 1);
    let (line, row) = &rows[0];
    assert_eq!((*line, row.role.as_str()), (2, "signer"));
    assert_eq!(row.owner, "jit:acme");
    let run = countersign(&[&["--json"][..], &arguments].concat());
    let json = run.json();
    let bytes = serde_json::to_vec(&json["rows"]).unwrap();
    let again = countersign::review::file::from_json(&bytes).unwrap();
    assert_eq!(&again[0].1, row);
}

#[test]
fn a_ledger_is_published_and_checked_from_its_files_alone() {
    let walked = Walked::new();
    let (database, key) = (walked.path("store.db"), walked.path("log.vkey"));
    let folder = walked.path("published");
    for (before, files) in [(0, 3), (7, 0)] {
        let published = countersign(&["--json", "ledger", "export", &database, &folder]);
        assert_eq!(published.code, 0, "{published:?}");
        let json = published.json();
        assert_eq!(
            (&json["entries"], &json["entries_before"]),
            (&7.into(), &before.into())
        );
        assert_eq!(json["files_written"], files);
    }
    let verify = || {
        countersign(&[
            "--json",
            "ledger",
            "verify",
            "--tiles",
            &folder,
            "--log-key",
            &key,
        ])
    };
    let sound = verify();
    assert_eq!(
        (sound.code, &sound.json()["entries"]),
        (0, &7.into()),
        "{sound:?}"
    );
    let bundle = std::path::Path::new(&folder).join("tile/entries/000.p/7");
    let mut changed = std::fs::read(&bundle).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&bundle, changed).unwrap();
    let damaged = verify().json();
    assert_eq!(
        damaged["affected"],
        serde_json::json!([{ "start": 6, "end": 7 }])
    );
    assert_eq!(
        damaged["proved"],
        serde_json::json!([{ "start": 0, "end": 6 }])
    );
    let unnamed = countersign(&["ledger", "verify", "--tiles", &folder]);
    assert_eq!(unnamed.code, 2, "a folder names no key: {unnamed:?}");
}
