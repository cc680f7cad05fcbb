//! The main job, as the README's first command runs it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::process::{Command, Output};

fn quickstart(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn it_ends_with_a_verified_bundle_and_can_be_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    for run in 1..=2 {
        let output = quickstart(&["--out", out]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "run {run}: {text}");
        assert!(text.contains("\naccepted, "), "run {run}: {text}");
        assert!(
            text.contains("signed    by Contract Nurse"),
            "run {run}: {text}"
        );
        assert!(
            text.contains(
                "\nopen      completeness  not_revoked  qualified_status  sole_control\n"
            ),
            "run {run}: {text}"
        );
        for claim in ["assertion_signature", "manifest_signature", "consent"] {
            assert!(text.contains(claim), "run {run}: {text}");
        }
        for claim in ["trusted_time", "witnessed", "opening"] {
            assert!(text.contains(claim), "run {run}: {text}");
        }
        assert!(folder.path().join("nda-1.asice").is_file());
    }
}

#[test]
fn it_names_the_fresh_folder_that_it_makes() {
    let output = quickstart(&["--at", "2026-03-01T09:30:00Z"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let bundle = text
        .lines()
        .find_map(|line| line.strip_prefix("bundle    "))
        .unwrap();
    assert!(std::path::Path::new(bundle).is_file());
    std::fs::remove_dir_all(std::path::Path::new(bundle).parent().unwrap()).unwrap();
}

#[test]
fn a_response_that_can_not_be_read_is_one_clear_line() {
    let output = quickstart(&[
        "--response",
        "no-such-file",
        "--idp-metadata",
        "no-such-file",
        "--sp-entity-id",
        "https://sp.example",
        "--acs-url",
        "https://sp.example/acs",
    ]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("quickstart: no-such-file: "), "{text}");
}
