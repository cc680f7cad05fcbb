//! The commands that write: a review's answers, and a sweep, on a database that a host left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod run;

use std::fs;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::audit::Ed25519Signer;
use countersign::saml::{Expect, IdentityProvider, Inbound, ServiceProvider};
use countersign::{
    ConnectionId, Engine, ManualClock, PolicyFile, SignIn, TenantId, UserId, blocking,
};
use countersign_sqlite::SqliteStore;
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use run::{Run, countersign, countersign_with};
use serde_json::{Value, json};
use tempfile::TempDir;

/// So long ago that by any clock everything is due.
const LONG_AGO: &str = "2020-03-01T09:30:00.000Z";
const SP: &str = "https://sign.example/saml";
const ACS: &str = "https://sign.example/saml/acs";
const ORIGIN: &str = "sign.example/log";
const ISSUER: &str = "https://idp.acme.example";
const POLICY: &str = r#"
[connection.acme]
tenant = "acme"
issuer = "https://idp.acme.example"
preset = "okta"
strategy = "jit"
domains = ["acme.example"]

[role.signer]
allow = ["sign nda/*"]

[role.reader]
allow = ["view *"]

[[rule]]
id = "staff-sign-and-read"
all = [{ attribute = "groups", eq = "staff" }]
grant = [{ role = "signer" }, { role = "reader" }]

[lifecycle]
suspend_after = "180d"
"#;

/// What the host has told the database of its log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Its key, and a checkpoint.
    Everything,
    /// Its key.
    Key,
    Nothing,
}

/// The host's engine as it was long ago.
async fn engine(store: Arc<SqliteStore>, signer: Ed25519Signer, policy: &str) -> Engine {
    let idp = TestIdp::new(ISSUER);
    let built = Engine::builder(PolicyFile::parse("policy.toml", policy).unwrap())
        .connection(
            ConnectionId::new("acme").unwrap(),
            ServiceProvider::new(SP, ACS).unwrap(),
            IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap(),
        )
        .store(store)
        .log(ORIGIN, Arc::new(signer))
        .clock(Arc::new(ManualClock::new(LONG_AGO.parse().unwrap())))
        .build();
    built.await.unwrap()
}

async fn sign_in(engine: &Engine, person: &str) -> SignIn {
    let spec = ResponseSpec::new(SP, ACS, person, LONG_AGO.parse().unwrap())
        .with_name_id_format("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")
        .with_ids(
            &format!("_response-{person}").replace('@', "-"),
            &format!("_assertion-{person}").replace('@', "-"),
        )
        .with_attribute("groups", ["staff"]);
    let response = TestIdp::new(ISSUER).respond(&spec);
    let acme = ConnectionId::new("acme").unwrap();
    let ended = engine.sign_in(&acme, Inbound::Xml(&response), Expect::Unsolicited);
    ended.await.unwrap()
}

/// A host's database with two people in it, who have two roles each.
struct House {
    folder: TempDir,
    people: Vec<UserId>,
}

impl House {
    fn new() -> Self {
        Self::told(Told::Everything)
    }

    fn told(told: Told) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("store.db")).unwrap());
        let (signer, log_key) = Ed25519Signer::generate().unwrap();
        let mut people = Vec::new();
        let vkey = blocking::wait(async {
            let engine = engine(store.clone(), signer, POLICY).await;
            for person in ["matron@acme.example", "nurse@acme.example"] {
                match sign_in(&engine, person).await {
                    SignIn::Admitted(session) => people.push(session.user().clone()),
                    SignIn::Refused(refused) => panic!("{refused}"),
                }
            }
            let vkey = engine.ledger().verifier_key().to_string();
            if told == Told::Everything {
                let tenant = TenantId::new("acme").unwrap();
                engine.record_policy(&tenant, None, None).await.unwrap();
                engine.ledger().advance().await.unwrap();
            }
            if told != Told::Nothing {
                store.set_ledger_vkey(&vkey).await.unwrap();
            }
            vkey
        });
        let house = Self { folder, people };
        house.write("policy.toml", POLICY.as_bytes());
        house.write("log.key", &log_key);
        house.write("log.vkey", vkey.as_bytes());
        house
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    /// Every file of the folder, with its bytes.
    fn bytes(&self) -> Vec<(String, Vec<u8>)> {
        let files = fs::read_dir(self.folder.path()).unwrap();
        let mut files: Vec<_> = files
            .map(|file| {
                let file = file.unwrap();
                let name = file.file_name().into_string().unwrap();
                (name, fs::read(file.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    fn database(&self) -> Vec<u8> {
        fs::read(self.path("store.db")).unwrap()
    }

    fn administered(&self) -> Vec<String> {
        [
            ("--policy", self.path("policy.toml")),
            ("--database", self.path("store.db")),
            ("--log-key", self.path("log.key")),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }

    fn import_by(&self, by: &str, answers: &[u8], more: &[&str]) -> Run {
        let administered = self.administered();
        let mut arguments = vec!["--json", "account", "review", "import", "--by", by];
        arguments.extend(administered.iter().map(String::as_str));
        arguments.extend(more);
        arguments.push("-");
        countersign_with(&arguments, answers)
    }

    fn import(&self, answers: &[u8]) -> Run {
        self.import_by("administrator-1", answers, &[])
    }

    fn sweep(&self, more: &[&str]) -> Run {
        let administered = self.administered();
        let mut arguments = vec!["--json", "account", "sweep"];
        arguments.extend(administered.iter().map(String::as_str));
        arguments.extend(more);
        countersign(&arguments)
    }

    fn erase(&self, user: &UserId, by: &str) -> Run {
        let administered = self.administered();
        let mut arguments = vec!["--json", "account", "erase", user.as_str(), "--by", by];
        arguments.extend(administered.iter().map(String::as_str));
        countersign(&arguments)
    }

    /// The same house where everything is kept for a year, somebody unknown was turned away, and
    /// the last of the people has left.
    fn retaining() -> Self {
        let house = Self::new();
        // Nobody has used the accounts since: that is done with.
        house.sweep(&[]);
        let policy = format!("{POLICY}retain = \"365d\"\n");
        house.write("policy.toml", policy.as_bytes());
        let store = Arc::new(SqliteStore::open(house.path("store.db")).unwrap());
        let key = fs::read(house.path("log.key")).unwrap();
        let signer = Ed25519Signer::from_pkcs8(&key).unwrap();
        blocking::wait(async {
            let engine = engine(store, signer, &policy).await;
            let tenant = TenantId::new("acme").unwrap();
            engine.record_policy(&tenant, None, None).await.unwrap();
            let stranger = sign_in(&engine, "stranger@elsewhere.example").await;
            assert!(matches!(stranger, SignIn::Refused(_)));
            let by = UserId::new("administrator-1").unwrap();
            let gone = engine.deprovision(&tenant, &house.people[1], &by, None);
            gone.await.unwrap();
            engine.checkpoint().await.unwrap();
        });
        house
    }

    fn read(&self, command: &[&str]) -> Run {
        let (policy, database) = (self.path("policy.toml"), self.path("store.db"));
        countersign(&[command, &["--policy", &policy, &database]].concat())
    }

    fn report(&self) -> Value {
        let report = self.read(&["--json", "account", "report"]);
        assert_eq!(report.code, 0, "{report:?}");
        report.json()
    }

    /// The review's table, with a decision for each role of each person.
    fn answered(&self, decide: impl Fn(&UserId, &str) -> &'static str) -> Vec<u8> {
        let exported = self.read(&["account", "review", "export"]);
        assert_eq!(exported.code, 0, "{exported:?}");
        let mut lines = exported.stdout.lines();
        let mut table = format!("{}\n", lines.next().unwrap());
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let [user, .., _decision, _note] = cells.as_slice() else {
                panic!("{line}");
            };
            let role = cells[6];
            let decision = decide(&UserId::new(*user).unwrap(), role);
            let kept = line.strip_suffix(",,").unwrap();
            table.push_str(&format!("{kept},{decision},as the ward said\n"));
        }
        table.into_bytes()
    }

    fn assert_ledger_is_sound(&self) -> u64 {
        let key = self.path("log.vkey");
        let database = self.path("store.db");
        let check = countersign(&["--json", "ledger", "verify", "--log-key", &key, &database]);
        assert_eq!(check.code, 0, "{check:?}");
        assert_eq!(check.json()["pending"], 0, "{check:?}");
        check.json()["entries"].as_u64().unwrap()
    }
}

fn role_decides(_: &UserId, role: &str) -> &'static str {
    match role {
        "signer" => "revoke",
        _ => "certify",
    }
}

#[test]
fn a_review_goes_out_comes_back_and_the_report_shows_what_it_did() {
    let house = House::new();
    assert_eq!(house.report()["live_grants"], 4);
    let entries = house.assert_ledger_is_sound();
    let imported = house.import(&house.answered(role_decides));
    assert_eq!(imported.code, 0, "{imported:?}");
    let json = imported.json();
    assert_eq!(
        (&json["certified"], &json["revoked"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(json["checkpoint"]["origin"], ORIGIN);
    assert_eq!(house.report()["live_grants"], 2);
    // Four answers and two revocations.
    assert_eq!(house.assert_ledger_is_sound(), entries + 6);
}

#[test]
fn a_review_comes_back_as_json_too() {
    let house = House::new();
    let exported = house.read(&["--json", "account", "review", "export"]);
    let mut export = exported.json();
    for row in export["rows"].as_array_mut().unwrap() {
        if row["role"] == "signer" {
            row["decision"] = json!("revoke");
        }
    }
    let imported = house.import(export.to_string().as_bytes());
    assert_eq!(imported.code, 0, "{imported:?}");
    assert_eq!(imported.json()["revoked"], 2);
    assert_eq!(imported.json()["unanswered"], 2);
    let again = house.import(export["rows"].to_string().as_bytes());
    assert_eq!(again.json()["code"], "review.gone", "{again:?}");
}

#[test]
fn people_see_what_was_revoked_and_for_whom() {
    let house = House::new();
    let mut arguments = vec!["account", "review", "import", "--by", "administrator-1"];
    let administered = house.administered();
    arguments.extend(administered.iter().map(String::as_str));
    arguments.push("-");
    let imported = countersign_with(&arguments, &house.answered(role_decides));
    assert_eq!(imported.code, 0, "{imported:?}");
    for part in ["2 certified, 2 revoked", "role signer", ORIGIN] {
        assert!(imported.stdout.contains(part), "{part}: {imported:?}");
    }
    assert!(imported.stdout.contains(house.people[0].as_str()));
}

#[test]
fn an_answer_that_does_not_fit_refuses_its_account_with_the_line_and_no_other() {
    let house = House::new();
    let (first, answers) = (house.people[0].clone(), house.answered(role_decides));
    let one = house.answered(|user, role| match (*user == first, role) {
        (true, "signer") => "revoke",
        _ => "",
    });
    assert_eq!(house.import(&one).json()["revoked"], 1);
    // The first one's other answer still fits, and is not taken either.
    let refused = house.import(&answers);
    assert_eq!(refused.code, 1, "{refused:?}");
    let json = refused.json();
    assert_eq!(json["code"], "review.gone");
    let message = json["message"].as_str().unwrap();
    assert!(message.starts_with("line "), "{message}");
    assert_eq!(
        (&json["certified"], &json["revoked"]),
        (&json!(1), &json!(1))
    );
    let mut accounts = json["accounts"].as_array().unwrap().iter();
    let account = accounts
        .find(|account| account["user"] == json!(first))
        .unwrap();
    let line = account["refused"]["line"].as_u64().unwrap();
    let said = String::from_utf8(answers).unwrap();
    let said = said
        .lines()
        .nth(usize::try_from(line).unwrap() - 1)
        .unwrap();
    assert!(
        said.contains(first.as_str()) && said.contains("revoke"),
        "{said}"
    );
    house.assert_ledger_is_sound();
}

#[test]
fn nobody_answers_for_the_own_account() {
    let house = House::new();
    let by = house.people[0].as_str();
    let refused = house.import_by(by, &house.answered(|_, _| "certify"), &[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(refused.json()["code"], "review.own_access");
    assert_eq!(refused.json()["certified"], 2);
}

#[test]
fn a_file_that_is_no_review_is_not_read_and_nothing_is_written() {
    let house = House::new();
    let sound = String::from_utf8(house.answered(|_, _| "certify")).unwrap();
    let before = house.database();
    for broken in [
        "",
        "{",
        "user,role\nuser-1,signer\n",
        &sound.replacen("certify", "maybe", 1),
        &sound.replacen("2020-03-01", "yesterday", 1),
        // Somebody was shown less than what the hash is over.
        &sound.replacen("view *", "view nda/mutual", 1),
    ] {
        let refused = house.import(broken.as_bytes());
        assert_eq!(refused.code, 2, "{broken}: {refused:?}");
    }
    assert_eq!(house.report()["live_grants"], 4);
    assert!(house.database() == before, "the database was touched");
}

#[test]
fn a_review_under_another_policy_than_the_one_in_force_is_refused() {
    let house = House::new();
    let answers = house.answered(|_, _| "certify");
    house.write("policy.toml", POLICY.replace("180d", "200d").as_bytes());
    let refused = house.import(&answers);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(refused.json()["code"], "cli.policy_not_in_force");
    let swept = house.sweep(&[]);
    assert!(
        !swept.json()["policy_changed"]["before"].is_null(),
        "{swept:?}"
    );
}

#[test]
fn a_dry_run_says_what_a_sweep_then_does_and_writes_nothing() {
    let house = House::new();
    let before = house.bytes();
    let dry = house.sweep(&["--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(house.bytes() == before, "a dry run wrote");
    assert_eq!(dry.json()["moved"].as_array().unwrap().len(), 2, "{dry:?}");
    assert_eq!(dry.json()["moved"][0]["to"], "suspended");

    let entries = house.assert_ledger_is_sound();
    let swept = house.sweep(&[]);
    assert_eq!(swept.code, 0, "{swept:?}");
    assert_eq!(swept.json()["moved"], dry.json()["moved"]);
    assert_eq!(house.report()["accounts"]["suspended"], 2);
    assert!(house.assert_ledger_is_sound() > entries);

    let again = house.sweep(&[]);
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(again.json()["moved"], json!([]));
}

#[test]
fn an_account_is_erased_with_its_record_under_a_checkpoint() {
    let house = House::retaining();
    let [matron, nurse] = &house.people[..] else {
        panic!("{:?}", house.people);
    };
    let named = |house: &House| {
        let file = String::from_utf8_lossy(&house.database()).into_owned();
        file.contains("nurse@acme.example")
    };
    assert!(named(&house));
    let entries = house.assert_ledger_is_sound();

    let refused = house.erase(matron, "administrator-1");
    assert_eq!(refused.code, 1, "{refused:?}");
    let own = house.erase(nurse, nurse.as_str());
    assert_eq!(own.code, 1, "{own:?}");
    let unknown = house.erase(&UserId::new("nobody").unwrap(), "administrator-1");
    assert_eq!(unknown.json()["code"], "account.unknown", "{unknown:?}");
    assert!(named(&house));

    let erased = house.erase(nurse, "administrator-1");
    assert_eq!(erased.code, 0, "{erased:?}");
    let said = erased.json();
    assert_eq!(said["user"], nurse.as_str());
    assert_eq!(
        (&said["subjects"], &said["pending"]),
        (&json!(1), &json!(false))
    );
    assert!(said["erased"].as_array().unwrap().contains(&json!("email")));
    assert_eq!(said["checkpoint"]["size"], entries + 1);
    assert_eq!(house.assert_ledger_is_sound(), entries + 1);
    assert!(!named(&house), "a trace is left");
    assert_eq!(house.report()["accounts"]["erased"], 1);

    let again = house.erase(nurse, "administrator-1");
    assert_eq!(again.json()["entry"], said["entry"], "{again:?}");
    assert_eq!(house.assert_ledger_is_sound(), entries + 1);
}

#[test]
fn a_sweep_tells_what_it_erased_of_no_account_and_what_is_pending() {
    let house = House::retaining();
    // Only the stranger's walk is left to do after this.
    house.erase(&house.people[1], "administrator-1");
    let dry = house.sweep(&["--dry-run"]).json();
    assert_eq!(
        (&dry["unclaimed"], &dry["erasure_pending"]),
        (&json!(1), &json!(false))
    );
    let swept = house.sweep(&[]).json();
    assert_eq!(
        (&swept["unclaimed"], &swept["erasure_pending"]),
        (&json!(1), &json!(false))
    );
    assert_ne!(swept["checkpoint"], Value::Null);
    let again = house.sweep(&[]).json();
    assert_eq!(
        (&again["unclaimed"], &again["checkpoint"]),
        (&json!(0), &Value::Null)
    );

    let house = House::retaining();
    let administered = house.administered();
    let plain = ["account", "sweep"].into_iter().map(str::to_owned);
    let arguments: Vec<String> = plain.chain(administered).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let told = countersign(&arguments);
    assert!(told.stdout.contains("of no account"), "{told:?}");
    assert!(told.stdout.contains("1 walk"), "{told:?}");
}

#[test]
fn another_time_is_looked_at_and_never_written() {
    let house = House::new();
    let dry = house.sweep(&["--dry-run", "--at", "2020-04-01T00:00:00Z"]);
    assert_eq!(dry.json()["moved"], json!([]), "{dry:?}");
    let wrong = house.sweep(&["--at", "2020-04-01T00:00:00Z"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

#[test]
fn another_key_or_another_log_is_refused_and_nothing_is_written() {
    let house = House::new();
    let answers = house.answered(|_, _| "revoke");
    let before = house.database();
    let other = house.import_by(
        "administrator-1",
        &answers,
        &["--origin", "other.example/log"],
    );
    assert_eq!(other.code, 1, "{other:?}");
    let (_, key) = Ed25519Signer::generate().unwrap();
    house.write("log.key", &key);
    for run in [
        house.import(&answers),
        house.sweep(&[]),
        house.sweep(&["--dry-run"]),
    ] {
        assert_eq!(run.code, 1, "{run:?}");
        let code = run.json()["code"].as_str().unwrap().to_owned();
        assert_eq!(code, "ledger.checkpoint", "{run:?}");
    }
    assert!(house.database() == before, "it was written");
    house.assert_ledger_is_sound();
}

#[test]
fn another_key_than_the_database_names_is_refused_before_there_is_a_checkpoint() {
    let house = House::told(Told::Key);
    let (_, key) = Ed25519Signer::generate().unwrap();
    house.write("log.key", &key);
    let refused = house.sweep(&[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(refused.json()["code"], "cli.other_log_key");
    assert_eq!(house.report()["accounts"]["active"], 2);
}

#[test]
fn the_key_may_be_pem_and_has_to_be_a_private_one() {
    let house = House::new();
    let der = fs::read(house.path("log.key")).unwrap();
    let pem = STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----\n");
    house.write("log.key", pem.as_bytes());
    assert_eq!(house.sweep(&["--dry-run"]).code, 0);
    fs::copy(house.path("log.vkey"), house.path("log.key")).unwrap();
    let refused = house.sweep(&["--dry-run"]);
    assert_eq!(refused.code, 2, "{refused:?}");
}

#[test]
fn a_log_that_nobody_knows_gets_its_first_checkpoint_from_its_host() {
    let house = House::told(Told::Nothing);
    let unnamed = house.sweep(&[]);
    assert_eq!(unnamed.code, 2, "{unnamed:?}");
    assert!(unnamed.stdout.contains("--origin"), "{unnamed:?}");
    let swept = house.sweep(&["--origin", ORIGIN]);
    assert_eq!(swept.code, 0, "{swept:?}");
    assert_eq!(swept.json()["checkpoint"], Value::Null);
    assert_eq!(swept.json()["moved"].as_array().unwrap().len(), 2);
    let database = house.path("store.db");
    let check = countersign(&["--json", "ledger", "verify", &database]).json();
    assert_eq!(
        (&check["ok"], &check["checkpoint"]),
        (&json!(true), &Value::Null)
    );
}

/// Nobody has signed anything of it, so a key that was given proves nothing.
#[test]
fn a_ledger_without_a_checkpoint_is_not_accepted_by_a_key() {
    for told in [Told::Key, Told::Nothing] {
        let house = House::told(told);
        let (key, database) = (house.path("log.vkey"), house.path("store.db"));
        let check = countersign(&["--json", "ledger", "verify", "--log-key", &key, &database]);
        assert_eq!(
            (check.code, &check.json()["code"]),
            (1, &json!("ledger.no_checkpoint")),
            "{check:?}"
        );
    }
}

#[test]
fn what_is_no_database_of_ours_or_may_only_be_read_is_left_alone() {
    let house = House::new();
    let answers = house.answered(|_, _| "certify");
    let file = house.path("store.db");
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    let writable = permissions.clone();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    let before = house.bytes();
    for run in [house.sweep(&[]), house.import(&answers)] {
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stdout.contains("may only be read"), "{run:?}");
    }
    assert_eq!(house.sweep(&["--dry-run"]).code, 0);
    assert!(house.bytes() == before, "it was written");
    fs::set_permissions(&file, writable).unwrap();

    let mut foreign = fs::read(&file).unwrap();
    // The application's id [SQLite file format §1.3].
    foreign[68..72].copy_from_slice(b"else");
    for bytes in [foreign.as_slice(), b"no database"] {
        house.write("store.db", bytes);
        let before = house.bytes();
        for run in [
            house.sweep(&[]),
            house.sweep(&["--dry-run"]),
            house.import(&answers),
        ] {
            assert_eq!(run.code, 2, "{run:?}");
        }
        assert!(house.bytes() == before, "it was written");
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(house.sweep(&[]).code, 2);
    assert!(!fs::exists(&file).unwrap(), "it was created");
}
