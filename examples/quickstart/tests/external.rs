//! The bundle of the quickstart, checked by the commands of its own `VERIFY.md`, as it prints
//! them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A run of the quickstart, and the commands that it prints for who does without us.
fn walk() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .arg("--out")
        .arg(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let (_, rest) = text.split_once("\nwithout us, ").unwrap();
    let (_, commands) = rest.split_once('\n').unwrap();
    (folder, commands.to_owned())
}

/// Runs commands whose temporary files go into `folder`.
fn bash(folder: &Path, commands: &str) -> Vec<String> {
    let output = Command::new("bash")
        .args(["-c", commands])
        .env("TMPDIR", folder)
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "", "the commands complain");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Runs the printed commands over the bundle after one byte of one of its files was changed.
fn bash_after_a_change(out: &Path, commands: &str, file: &str) -> Vec<String> {
    let unpacked = tempfile::tempdir().unwrap();
    let bundle = out.canonicalize().unwrap().join("nda-1.asice");
    let bundle = bundle.to_str().unwrap();
    let folder = unpacked.path().to_str().unwrap();
    bash(out, &format!("unzip -q {bundle} -d {folder}"));
    let path = unpacked.path().join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let unpack = format!("cd \"$(mktemp -d)\" && unzip -q {bundle} ");
    assert!(commands.contains(&unpack), "{commands}");
    bash(out, &commands.replace(&unpack, &format!("cd {folder} ")))
}

#[test]
#[ignore = "runs bash, openssl, sha256sum, jq and unzip; cargo xtask test runs it"]
fn its_own_instructions_prove_the_bundle() {
    let (folder, commands) = walk();
    let lines = bash(folder.path(), &commands);
    let not_ok = lines.iter().filter(|line| !line.starts_with("ok "));
    let not_ok: Vec<_> = not_ok.collect();
    assert_eq!(not_ok.len(), 1, "{not_ok:#?}");
    assert!(not_ok[0].starts_with("{\"signed\":"), "{not_ok:#?}");
    for expected in [
        // `openssl cms -verify`
        "ok META-INF/signature.p7s",
        // Ed25519, of the log and of the witness
        "ok checkpoint",
        "ok witness quickstart.example/witness",
        // `openssl dgst -verify`, with the identity provider's certificate
        "ok assertions/001",
        "ok records/008-document.signed.json",
        "ok records/008-document.signed.json live at signing",
        "ok documents/nda.txt was signed",
        "ok openings/008-document.signed.json printed_name \"Contract Nurse\"",
        "ok certificate.html shows these files",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}\n{lines:#?}"
        );
    }
    // Its digest is right, and so is its signature.
    let checkpoint = lines.iter().filter(|line| *line == "ok checkpoint");
    assert_eq!(checkpoint.count(), 2, "{lines:#?}");
    // `openssl ts -verify`: the line has the time.
    let stamped = lines.iter().find(|line| line.starts_with("ok time/1.tst "));
    assert!(stamped.unwrap().ends_with(" GMT"), "{lines:#?}");
}

#[test]
#[ignore = "runs bash, openssl, sha256sum, jq and unzip; cargo xtask test runs it"]
fn its_own_instructions_find_a_changed_byte() {
    let (folder, commands) = walk();
    for (file, expected) in [
        ("META-INF/signature.p7s", "WRONG META-INF/signature.p7s"),
        ("META-INF/ASiCManifest.xml", "WRONG META-INF/signature.p7s"),
        ("time/1.tst", "WRONG time/1.tst"),
        ("checkpoint", "WRONG checkpoint"),
        (
            "documents/nda.txt",
            "WRONG documents/nda.txt was not signed",
        ),
        (
            "assertions/001/signature.bin",
            "WRONG assertions/001 is not what the record is about",
        ),
    ] {
        let lines = bash_after_a_change(folder.path(), &commands, file);
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected}\n{lines:#?}"
        );
    }
}
