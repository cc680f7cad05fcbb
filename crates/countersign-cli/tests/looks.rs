//! What the output looks like to whatever is no terminal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod run;

use crate::run::{countersign, countersign_with};

const POLICY: &str = r#"
[connection.acme]
tenant = "acme"
issuer = "https://idp.example"
preset = "entra-saml"
strategy = "jit"
domains = ["acme.example"]

[role.signer]
allow = ["sign nda/*", "view *"]

[role.manager]
allow = ["approve *"]
privileged = true

[[rule]]
id = "contractor"
all = [{ attribute = "department", eq = "ext" }]
grant = [{ role = "signer", ttl = "24h" }]
"#;

#[test]
fn a_pipe_gets_aligned_columns_without_colours() {
    let run = countersign_with(&["policy", "check", "-"], POLICY.as_bytes());
    assert_eq!(run.code, 0, "{run:?}");
    let lines: Vec<_> = run.stdout.lines().skip(2).collect();
    assert_eq!(
        lines,
        [
            "  rules    1",
            "",
            "connections",
            "  acme  jit  1 rule  https://idp.example",
            "",
            "roles",
            "  manager  privileged  approve *",
            "  signer               sign nda/*, view *",
        ]
    );
}

#[test]
fn a_refusal_gives_its_reason_before_what_there_is_more_to_say() {
    let policy = POLICY.replace("strategy", "strategi").replace("ttl", "tll");
    let run = countersign_with(&["policy", "check", "-"], policy.as_bytes());
    assert_eq!(run.code, 1, "{run:?}");
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("refused: "), "{run:?}");
    assert!(lines.len() > 1, "{run:?}");
    assert!(!run.stdout.contains('\u{1b}'), "{run:?}");
}

#[test]
fn json_is_the_same_however_it_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    std::fs::write(&path, POLICY).unwrap();
    let path = path.to_str().unwrap();
    let run = countersign(&["--json", "policy", "check", path]);
    assert_eq!(run.json()["rules"], 1, "{run:?}");
    let all = countersign(&["--json", "--all", "policy", "check", path]);
    assert_eq!(run.stdout, all.stdout);
}
