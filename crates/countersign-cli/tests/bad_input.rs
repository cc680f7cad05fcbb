//! Bad input to every command: one clear line, the right exit code, no panic, nothing written.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod run;

use std::path::{Path, PathBuf};

use run::{Run, countersign, countersign_with};
use tempfile::TempDir;

/// A folder of bad files, and what is in it.
struct Bad {
    folder: TempDir,
}

impl Bad {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        write("empty", b"");
        write("deep", &b"<a>".repeat(100 * 1024 * 1024 / 3));
        write(
            "truncated",
            b"<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"a",
        );
        write("binary", &(0..=255).cycle().take(4096).collect::<Vec<u8>>());
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What lies in the folder: no command may add to it, or change what is there.
    fn listing(&self) -> Vec<(PathBuf, u64)> {
        let mut listing: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.path(), entry.metadata().unwrap().len())
            })
            .collect();
        listing.sort();
        listing
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// One clear line for people, and the same refusal as JSON.
fn assert_says_one_line(arguments: &[&str], expected_code: i32) -> Run {
    let people = countersign(arguments);
    assert_eq!(people.code, expected_code, "{arguments:?}: {people:?}");
    let said = if expected_code == 2 {
        &people.stderr
    } else {
        assert_eq!(people.stderr, "", "{arguments:?}");
        &people.stdout
    };
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 1, "{arguments:?}: {people:?}");
    assert!(lines[0].len() < 500, "{arguments:?}: {people:?}");

    let with_json: Vec<&str> = [&["--json"], arguments].concat();
    let machine = countersign(&with_json);
    assert_eq!(machine.code, expected_code, "{arguments:?}: {machine:?}");
    let json = machine.json();
    assert_eq!(json["ok"], false, "{arguments:?}");
    assert!(json["code"].is_string(), "{arguments:?}: {machine:?}");
    let message = json["message"].as_str().unwrap();
    assert!(!message.is_empty() && !message.contains('\n'), "{message}");
    machine
}

fn metadata(folder: &Path) -> PathBuf {
    let path = folder.join("metadata.xml");
    std::fs::write(
        &path,
        countersign_testkit::idp::TestIdp::new("https://idp.example").metadata(),
    )
    .unwrap();
    path
}

fn saml_verify<'a>(metadata: &'a str, response: &'a str) -> Vec<&'a str> {
    vec![
        "saml",
        "verify",
        "--idp-metadata",
        metadata,
        "--sp-entity-id",
        "https://sp.example",
        "--acs-url",
        "https://sp.example/acs",
        "--allow-unsolicited",
        response,
    ]
}

#[test]
fn a_response_that_is_no_response_is_refused() {
    let bad = Bad::new();
    let metadata = metadata(bad.folder.path());
    let before = bad.listing();
    for name in ["empty", "deep", "truncated", "binary"] {
        let response = bad.path(name);
        let run = assert_says_one_line(&saml_verify(text(&metadata), text(&response)), 1);
        let code = run.json()["code"].as_str().unwrap().to_owned();
        assert!(code.starts_with("saml."), "{name}: {code}");
        assert_says_one_line(&["saml", "inspect", text(&response)], 1);
        assert_says_one_line(&["saml", "inspect", "--base64", text(&response)], 1);
    }
    assert_eq!(bad.listing(), before);
}

#[test]
fn a_response_that_can_not_be_read_is_wrong_usage() {
    let bad = Bad::new();
    let metadata = metadata(bad.folder.path());
    for name in ["folder", "missing"] {
        let response = bad.path(name);
        assert_says_one_line(&saml_verify(text(&metadata), text(&response)), 2);
        assert_says_one_line(&["saml", "inspect", text(&response)], 2);
    }
}

#[test]
fn metadata_that_is_no_metadata_is_unreadable() {
    let bad = Bad::new();
    let response = bad.path("truncated");
    for name in ["empty", "deep", "truncated", "binary", "folder", "missing"] {
        let metadata = bad.path(name);
        assert_says_one_line(&saml_verify(text(&metadata), text(&response)), 2);
    }
}

/// The part of a file that fits must not pass for the whole.
#[test]
fn what_is_too_long_to_be_read_whole_is_refused() {
    let bad = Bad::new();
    let folder = bad.folder.path();
    let metadata = metadata(folder);
    let padded = |name: &str, bytes: &[u8], len: usize| {
        let mut bytes = bytes.to_vec();
        bytes.resize(len, b' ');
        bytes.extend_from_slice(b"<and more");
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let long_certificate = padded(
        "long-certificate",
        countersign_testkit::keys::IDP_RSA_2048_CERTIFICATE,
        (64 << 10) + 1,
    );
    let run = assert_says_one_line(
        &[
            "saml",
            "metadata",
            "show",
            "--signed-by",
            text(&long_certificate),
            text(&metadata),
        ],
        2,
    );
    let message = run.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("larger than"), "{message}");

    // Base64 of `<a/>`, so that the code tells whether anything was decoded.
    let long_response = padded("long-response", b"PGEvPg==", (2 << 20) + 1);
    let mut arguments = saml_verify(text(&metadata), text(&long_response));
    arguments.push("--base64");
    let run = assert_says_one_line(&arguments, 1);
    assert_eq!(run.json()["code"], "saml.too_large");
}

#[test]
fn nothing_that_is_printed_moves_the_cursor() {
    let run = countersign(&["saml", "inspect", "no\u{1b}[31m\u{9b}such file"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(
        !run.stderr.trim_end().chars().any(char::is_control),
        "{run:?}"
    );
    let response = "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ID=\"a\u{9b}\u{202e}b\"/>";
    let run = countersign_with(&["--json", "saml", "inspect", "-"], response.as_bytes());
    assert!(!run.stdout.contains(['\u{9b}', '\u{202e}']), "{run:?}");
    assert_eq!(run.json()["response"]["id"], "a\u{9b}\u{202e}b");
}

#[test]
fn standard_input_is_read_where_a_dash_stands() {
    let run = countersign_with(&["--json", "saml", "inspect", "-"], b"<a/>");
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.json()["code"].as_str().unwrap().starts_with("saml."));
}

#[test]
fn a_policy_that_is_no_policy_is_refused() {
    let bad = Bad::new();
    std::fs::write(
        bad.path("typing-error"),
        "[connection.acme]\nissuer = \"https://idp.example\"\npreset = \"okta\"\nstrategi = \"jit\"\ndomains = [\"acme.example\"]\n",
    )
    .unwrap();
    let before = bad.listing();
    for name in ["empty", "deep", "truncated", "binary", "typing-error"] {
        let path = bad.path(name);
        let run = assert_says_one_line(&["policy", "check", text(&path)], 1);
        let message = run.json()["message"].as_str().unwrap().to_owned();
        if name == "typing-error" {
            assert!(message.contains(":4:"), "{message}");
            assert!(message.contains("strategi"), "{message}");
            assert!(message.contains("strategy"), "{message}");
        }
    }
    for name in ["folder", "missing"] {
        assert_says_one_line(&["policy", "check", text(&bad.path(name))], 2);
    }
    assert_eq!(bad.listing(), before);
}

#[test]
fn a_decision_needs_a_policy_and_a_connection_that_are_there() {
    let bad = Bad::new();
    let metadata = metadata(bad.folder.path());
    let response = bad.path("truncated");
    for name in ["empty", "truncated", "binary", "folder", "missing"] {
        let policy = bad.path(name);
        let mut arguments = saml_verify(text(&metadata), text(&response));
        arguments[0] = "policy";
        arguments[1] = "decide";
        arguments.extend(["--policy", text(&policy), "--connection", "acme"]);
        assert_says_one_line(&arguments, 2);
    }
}

#[test]
fn a_database_that_is_no_database_is_unreadable_and_left_alone() {
    let bad = Bad::new();
    let before = bad.listing();
    for name in ["empty", "deep", "truncated", "binary", "folder", "missing"] {
        assert_says_one_line(&["ledger", "verify", text(&bad.path(name))], 2);
        assert_says_one_line(&["store", "check", text(&bad.path(name))], 2);
        let copy = bad.path("copy");
        assert_says_one_line(&["store", "backup", text(&bad.path(name)), text(&copy)], 2);
    }
    assert_eq!(bad.listing(), before);
}

#[test]
fn a_bundle_that_is_no_bundle_is_refused() {
    let bad = Bad::new();
    let before = bad.listing();
    for name in ["empty", "deep", "truncated", "binary"] {
        let bundle = bad.path(name);
        assert_says_one_line(&["evidence", "verify", text(&bundle)], 1);
        assert_says_one_line(&["evidence", "show", text(&bundle)], 1);
    }
    for name in ["folder", "missing"] {
        let bundle = bad.path(name);
        assert_says_one_line(&["evidence", "verify", text(&bundle)], 2);
        assert_says_one_line(&["evidence", "show", text(&bundle)], 2);
    }
    assert_eq!(bad.listing(), before);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [
        &[][..],
        &["saml"],
        &["saml", "verify"],
        &["policy", "decide", "x"],
        &["evidence", "verify"],
        &["no-such-command"],
    ] {
        let run = countersign(arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {run:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
    let both = countersign(&[
        "saml",
        "verify",
        "--idp-metadata",
        "x",
        "--sp-entity-id",
        "x",
        "--acs-url",
        "x",
        "--request-id",
        "x",
        "--allow-unsolicited",
        "x",
    ]);
    assert_eq!(both.code, 2, "{both:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_verdict_that_can_not_be_written_is_not_a_success() {
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["saml", "inspect", "-"])
        .stdin(std::process::Stdio::null())
        .stdout(std::fs::File::create("/dev/full").unwrap())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(2));
}
