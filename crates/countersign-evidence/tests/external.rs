//! The commands of `VERIFY.md`, run as they stand there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

mod everything;
mod forge;
#[path = "../../countersign-audit/tests/support/mod.rs"]
mod support;
mod unpacked;

#[path = "external/browser.rs"]
mod browser;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use browser::bundles::two_signers_told;
use countersign_audit::{LedgerReader, VerifierKey};
use countersign_evidence::{Disclosure, Export, export};
use countersign_testkit::keys::{IDP_P256_CERTIFICATE, IDP_RSA_2048_CERTIFICATE};
use everything::Everything;
use pollster::block_on;
use support::{CountingEntropy, DOCUMENT, TestStore, Walk, WalkPlan, open, signer, store_with};
use unpacked::Unpacked;

fn bundle() -> Vec<u8> {
    let walk = Walk::new(WalkPlan::default(), &CountingEntropy::default());
    let mut entries = support::plain_entries(0..5);
    entries.extend(walk.entries());
    entries.extend(support::plain_entries(5..9));
    let store = store_with(&entries);
    block_on(open(&store).unwrap().advance()).unwrap();
    let key = VerifierKey::of_signer(support::ORIGIN, &*signer()).unwrap();
    let request = Export::of(walk.signed.leaf())
        .disclose(Disclosure::Everything)
        .document("contract.txt", DOCUMENT.to_vec());
    let reader = LedgerReader::new(Arc::<TestStore>::clone(&store));
    block_on(export(
        &reader,
        &[key],
        &request,
        None,
        support::at("2026-03-05T12:00:00Z"),
    ))
    .unwrap()
}

fn unpack(unpacked: &Unpacked, folder: &Path) {
    for (name, data) in &unpacked.members {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, data).unwrap();
    }
}

/// Every command block of a bundle's `VERIFY.md`, to be run in one shell.
fn commands(unpacked: &Unpacked) -> String {
    let instructions = String::from_utf8(unpacked.get("VERIFY.md").clone()).unwrap();
    instructions
        .split("```bash\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

fn run_instructions(unpacked: &Unpacked) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    unpack(unpacked, folder.path());
    bash(folder.path(), &commands(unpacked))
}

/// The same with whom a reader trusts, named as the instructions ask for it.
fn run_trusting(all: &Everything, unpacked: &Unpacked) -> Vec<String> {
    let (folder, trust) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    unpack(unpacked, folder.path());
    let write = |name: &str, data: &[u8]| {
        let path = trust.path().join(name);
        std::fs::write(&path, data).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let roots = write("roots.pem", all.roots.pem().as_bytes());
    let log = write(
        "log.vkey",
        format!("{}\n", everything::log_key()).as_bytes(),
    );
    let witnesses = write("witnesses", format!("{}\n", all.witness).as_bytes());
    // A provider that changes its key has two for a while.
    let next = write("next.der", IDP_P256_CERTIFICATE);
    let provider = write("provider.der", IDP_RSA_2048_CERTIFICATE);
    let audience = everything::AUDIENCE;
    let named = format!(
        "log={log} witnesses={witnesses} time_roots={roots} seal_roots={roots} \
         provider='{next}\n{provider}' audience={audience}\n"
    );
    bash(folder.path(), &(named + &commands(unpacked)))
}

fn bash(folder: &Path, script: &str) -> Vec<String> {
    let output = Command::new("bash")
        .arg("-c")
        .arg(script)
        .current_dir(folder)
        .output()
        .expect("bash is needed, with openssl 3, sha256sum, base64, od, sed and jq");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "", "the commands complain");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn wrong(lines: &[String]) -> Vec<&str> {
    let wrong = lines.iter().filter(|line| line.starts_with("WRONG"));
    wrong.map(String::as_str).collect()
}

#[test]
#[ignore = "runs bash, openssl, sha256sum and jq; cargo xtask test runs it"]
fn the_instructions_find_a_bundle_right() {
    let unpacked = Unpacked::read(&bundle());
    let lines = run_instructions(&unpacked);
    assert_eq!(wrong(&lines), Vec::<&str>::new(), "{lines:#?}");
    for expected in [
        "open the checkpoint is signed by log.vkey, but is that the log's key?",
        "open nobody has sealed it",
        "open no authority has stamped it",
        "ok records/001-assertion.verified.json",
        "ok records/007-document.signed.json",
        "ok records/007-document.signed.json live at signing",
        "open records/007-document.signed.json names no consent",
        "ok documents/contract.txt was signed",
        "ok certificate.html shows these files",
        "ok openings/007-document.signed.json printed_name \"Given Family\"",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}\n{lines:#?}"
        );
    }
    let causes = lines.iter().filter(|line| line.contains(" from "));
    assert_eq!(causes.count(), 10, "{lines:#?}");
    // Every file but the two that the manifest leaves out is checked against it.
    for (name, _) in &unpacked.members[2..] {
        let line = format!("ok {name}");
        assert!(lines.contains(&line), "{line}\n{lines:#?}");
    }
}

#[test]
#[ignore = "runs bash, openssl, sha256sum and jq; cargo xtask test runs it"]
fn the_instructions_say_whether_a_consent_was_told_of_paper() {
    let consent = |told| {
        let lines = run_instructions(&Unpacked::read(&two_signers_told(told)));
        assert_eq!(wrong(&lines), Vec::<&str>::new(), "{lines:#?}");
        let mut lines = lines
            .into_iter()
            .filter(|line| line.contains("with consent"));
        let line = lines.next().unwrap();
        assert_eq!(lines.next(), None);
        line
    };
    let told = consent(true);
    assert!(told.starts_with("ok "), "{told}");
    assert!(!told.contains("paper"), "{told}");
    let untold = consent(false);
    assert!(untold.starts_with("open "), "{untold}");
    let why = ", not told of the right to paper";
    assert!(untold.ends_with(why), "{untold}");
}

#[test]
#[ignore = "runs bash, openssl, sha256sum and jq; cargo xtask test runs it"]
fn the_instructions_find_each_changed_part() {
    let stranger = {
        let (signer, _) = countersign_audit::Ed25519Signer::generate().unwrap();
        VerifierKey::of_signer(support::ORIGIN, &signer).unwrap()
    };
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Unpacked));
    let changes: [Change<'_>; 6] = [
        ("WRONG records/003-role.granted.json", &|unpacked| {
            unpacked.replace("records/003-role.granted.json", "sign nda/*", "sign hr/x*");
        }),
        ("WRONG documents/contract.txt was not signed", &|unpacked| {
            unpacked.get_mut("documents/contract.txt")[0] ^= 1;
        }),
        ("WRONG openings/007-document.signed.json", &|unpacked| {
            unpacked.replace("openings/007-document.signed.json", "Given", "Other");
        }),
        ("WRONG log.vkey", &|unpacked| {
            unpacked.replace("checkpoint", "\n16\n", "\n17\n");
        }),
        ("WRONG log.vkey", &|unpacked| {
            *unpacked.get_mut("log.vkey") = format!("{stranger}\n").into_bytes();
        }),
        ("WRONG records/003-role.granted.json", &|unpacked| {
            let proof = "proofs/003-role.granted.tlog-proof";
            unpacked.replace(proof, "index 7\n", "index 6\n");
        }),
    ];
    for (expected, change) in changes {
        let mut unpacked = Unpacked::read(&bundle());
        change(&mut unpacked);
        // As a forger would: the manifest is right again, so that the part's own check counts.
        unpacked.write_manifest();
        let lines = run_instructions(&unpacked);
        assert!(wrong(&lines).contains(&expected), "{expected}\n{lines:#?}");
    }
}

#[test]
#[ignore = "runs bash and python3; cargo xtask test runs it"]
fn a_zip_reader_finds_nothing_to_complain_about() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bundle.asice"), bundle()).unwrap();
    let python = "import zipfile; z = zipfile.ZipFile('bundle.asice'); print(z.testzip(), len(z.namelist()))";
    let lines = bash(folder.path(), &format!("python3 -c \"{python}\""));
    let members = Unpacked::read(&bundle()).members.len();
    assert_eq!(lines, [format!("None {members}")]);
}

#[test]
#[ignore = "runs bash, openssl, sha256sum and jq; cargo xtask test runs it"]
fn the_instructions_never_run_what_is_written_in_a_bundle() {
    // Bash evaluates `x[$(command)]` where it expects a number.
    let command = "x[$(touch ran)]";
    let mut unpacked = Unpacked::read(&bundle());
    unpacked.replace("checkpoint", "\n16\n", &format!("\n{command}\n"));
    let proof = "proofs/003-role.granted.tlog-proof";
    unpacked.replace(proof, "index 7\n", &format!("index {command}\n"));
    let folder = tempfile::tempdir().unwrap();
    unpack(&unpacked, folder.path());
    let script = format!("( {}\n) 2> errors", commands(&unpacked));
    let lines = bash(folder.path(), &script);
    assert!(!folder.path().join("ran").exists());
    assert!(wrong(&lines).contains(&"WRONG log.vkey"));
}

#[test]
#[ignore = "runs bash, openssl, sha256sum and jq; cargo xtask test runs it"]
fn the_instructions_prove_everything_to_somebody_who_names_whom_to_trust() {
    let all = Everything::new();
    let unpacked = Unpacked::read(&all.bundle());
    let lines = run_trusting(&all, &unpacked);
    let not_ok: Vec<_> = lines
        .iter()
        .filter(|line| !line.starts_with("ok ") && !line.starts_with("{\"signed\""))
        .collect();
    assert_eq!(not_ok, Vec::<&String>::new(), "{lines:#?}");
    for expected in [
        "ok META-INF/signature.p7s",
        "ok checkpoint",
        "ok witness witness.example",
        "ok assertions/001",
        "ok assertions/001/signed.xml names the person in openings/001-assertion.verified.json",
        "ok records/004-session.opened.json is about the person of records/002-user.provisioned.json",
        "ok attachments/prices.txt was shown",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}\n{lines:#?}"
        );
    }
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(count("ok time/1.tst Mar  1 09:40:00 2026"), 1, "{lines:#?}");
    assert_eq!(count("{\"signed\""), 2, "{lines:#?}");
}

#[test]
#[ignore = "runs bash, openssl, sha256sum and jq; cargo xtask test runs it"]
fn the_instructions_find_each_part_that_is_another_bundles() {
    let (all, other) = (
        Everything::new(),
        Unpacked::read(&Everything::new().bundle()),
    );
    for (name, expected) in [
        ("META-INF/signature.p7s", "WRONG META-INF/signature.p7s"),
        ("time/1.tst", "WRONG time/1.tst"),
        ("time/2.tst", "WRONG time/2.tst"),
        ("checkpoint", "WRONG records/001-assertion.verified.json"),
    ] {
        let mut unpacked = Unpacked::read(&all.bundle());
        *unpacked.get_mut(name) = other.get(name).clone();
        unpacked.write_manifest();
        let lines = run_trusting(&all, &unpacked);
        assert!(wrong(&lines).contains(&expected), "{expected}\n{lines:#?}");
    }
    for (name, from, to, expected) in [
        (
            "assertions/001/signed.xml",
            "nurse",
            "nurze",
            "WRONG assertions/001 is not what the record is about",
        ),
        (
            "attachments/prices.txt",
            "Price",
            "Prize",
            "WRONG attachments/prices.txt was not shown",
        ),
        (
            "certificate.html",
            "\"checkpoint\":\"",
            "\"checkpoint\":\"AAAA",
            "WRONG certificate.html shows these files",
        ),
        // The right files, in a page that says something else.
        (
            "certificate.html",
            "Certificate of completion</h1>",
            "All of it is proved</h1>",
            "WRONG certificate.html shows these files",
        ),
        (
            "certificate.html",
            "{\"checkpoint\":\"",
            "{\"records/999-document.signed.json\":\"e30=\",\"checkpoint\":\"",
            "WRONG certificate.html shows these files",
        ),
        (
            "certificate.html",
            "}</script>",
            "}</script><p>All of it is proved.</p>{}</script>",
            "WRONG certificate.html shows these files",
        ),
        ("VERIFY.md", "openssl", "openzzl", "WRONG VERIFY.md"),
    ] {
        let mut unpacked = Unpacked::read(&all.bundle());
        let right = unpacked.clone();
        unpacked.replace(name, from, to);
        // The reader follows the right instructions.
        let changed = std::mem::replace(
            unpacked.get_mut("VERIFY.md"),
            right.get("VERIFY.md").clone(),
        );
        let lines = if name == "VERIFY.md" {
            let folder = tempfile::tempdir().unwrap();
            *unpacked.get_mut("VERIFY.md") = changed;
            unpack(&unpacked, folder.path());
            bash(folder.path(), &commands(&right))
        } else {
            run_trusting(&all, &unpacked)
        };
        assert!(wrong(&lines).contains(&expected), "{expected}\n{lines:#?}");
    }
    let mut unpacked = Unpacked::read(&all.bundle());
    unpacked
        .members
        .push(("smuggled.txt".to_owned(), Vec::new()));
    let lines = run_trusting(&all, &unpacked);
    let smuggled = "WRONG a file is not in the manifest: smuggled.txt";
    assert!(wrong(&lines).contains(&smuggled), "{lines:#?}");
}

#[test]
#[ignore = "runs bash, openssl, sha256sum and jq; cargo xtask test runs it"]
fn the_instructions_tell_of_an_erasure() {
    let all = Everything::new();
    let [nurse, _] = &all.walks;
    let request = all.request().erasure(all.erase(nurse));
    let lines = run_trusting(&all, &Unpacked::read(&all.export(&request)));
    assert_eq!(wrong(&lines), Vec::<&str>::new(), "{lines:#?}");
    let expected = "ok records/017-subject.erased.json: the rest was erased at [\"2026-03-05T11:00:00.000Z\",\"user-nurse\"]";
    assert!(lines.iter().any(|line| line == expected), "{lines:#?}");
    let nurse_is_named = lines.iter().any(|line| line.contains("nurse@"));
    assert!(!nurse_is_named, "{lines:#?}");
}
