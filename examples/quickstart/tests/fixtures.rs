//! The main job on real providers' responses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::process::{Command, Output};

use countersign_testkit::fixtures;

const ASSERTIONS: &str = "saml/ssoready/assertions";

/// The value of a text member of a flat JSON object.
fn member(json: &str, name: &str) -> String {
    let after = json.split(&format!("\"{name}\": \"")).nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

fn quickstart(provider: &str, acs_url: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| fixtures::path(&format!("{ASSERTIONS}/{provider}/{name}"));
    let params = fixtures::read_text(&format!("{ASSERTIONS}/{provider}/params.json"));
    Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .arg("--out")
        .arg(folder.path())
        .arg("--response")
        .arg(path("assertion.xml"))
        .arg("--idp-metadata")
        .arg(path("metadata.xml"))
        .args(["--sp-entity-id", &member(&params, "sp_entity_id")])
        .args(["--acs-url", acs_url])
        .args(["--at", &member(&params, "now")])
        .args(more)
        .output()
        .unwrap()
}

fn assert_verified(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("\naccepted, "), "{text}");
    assert!(
        text.contains("\nopen      completeness  not_revoked  qualified_status  sole_control\n"),
        "{text}"
    );
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn entra_walks_through() {
    let acs = "http://localhost:8080/accounts/8155d0cc-d51b-461a-a062-821b6bd574b1/saml/acs";
    assert_verified(&quickstart("adfs", acs, &[]));
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn google_walks_through() {
    let acs = "https://example.com/accounts/bfeb03a0-6022-4862-9bbf-5a4d7608db35/saml/acs";
    assert_verified(&quickstart("google", acs, &[]));
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn keycloak_walks_through() {
    let acs = "http://localhost:8080/v1/saml/saml_conn_7o6ylycayrere4h9kg76vqc0k/acs";
    assert_verified(&quickstart("keycloak", acs, &[]));
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn okta_walks_through_only_where_the_assertion_was_named() {
    let acs = "http://localhost:8080";
    let refused = quickstart("okta", acs, &[]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8_lossy(&refused.stdout);
    assert!(
        text.starts_with("refused: saml.response_signature_invalid: "),
        "{text}"
    );
    assert_verified(&quickstart("okta", acs, &["--signature", "assertion"]));
}
