//! The command line on real providers' responses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod run;

use countersign_testkit::fixtures;
use run::{Run, countersign};
use serde_json::Value;

/// Runs a command on one of the stored responses, with the clock and the names that it was made for.
fn on_response(command: &[&str], folder: &str, acs_url: &str, more: &[&str]) -> Run {
    let params: Value =
        serde_json::from_str(&fixtures::read_text(&format!("{folder}/params.json"))).unwrap();
    let metadata = fixtures::path(&format!("{folder}/metadata.xml"));
    let response = fixtures::path(&format!("{folder}/assertion.xml"));
    let mut arguments = vec!["--json"];
    arguments.extend_from_slice(command);
    arguments.extend_from_slice(&[
        "--idp-metadata",
        metadata.to_str().unwrap(),
        "--sp-entity-id",
        params["sp_entity_id"].as_str().unwrap(),
        "--acs-url",
        acs_url,
        "--at",
        params["now"].as_str().unwrap(),
    ]);
    arguments.extend_from_slice(more);
    arguments.push(response.to_str().unwrap());
    countersign(&arguments)
}

fn verify(folder: &str, acs_url: &str, more: &[&str]) -> Run {
    on_response(&["saml", "verify"], folder, acs_url, more)
}

const ASSERTIONS: &str = "saml/ssoready/assertions";
const BAD: &str = "saml/ssoready/bad-assertions";
const UNSOLICITED: &[&str] = &["--allow-unsolicited"];

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn entra_is_accepted_with_every_member_of_the_contract() {
    let run = verify(
        &format!("{ASSERTIONS}/adfs"),
        "http://localhost:8080/accounts/8155d0cc-d51b-461a-a062-821b6bd574b1/saml/acs",
        UNSOLICITED,
    );
    let json = run.json();
    assert_eq!((run.code, &json["ok"]), (0, &Value::Bool(true)), "{run:?}");
    let identity = &json["identity"];
    assert_eq!(
        identity["issuer"],
        "https://sts.windows.net/a9054a0f-2011-4e31-b3ac-fd8c354146ec/"
    );
    assert_eq!(
        identity["name_id"]["format"],
        "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
    );
    assert!(identity["name_id"]["name_qualifier"].is_null());
    assert!(identity["name_id"]["sp_name_qualifier"].is_null());
    assert_eq!(
        identity["session_index"],
        "_66b104aa-1f7a-402f-abe6-d131c8896400"
    );
    assert!(identity["session_not_on_or_after"].is_null());
    assert_eq!(identity["authn_instant"], "2023-11-16T18:57:36.659Z");
    assert_eq!(
        identity["authn_context"],
        "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
    );
    let attributes = identity["attributes"].as_array().unwrap();
    assert_eq!(attributes.len(), 9);
    let methods = &attributes[4];
    assert_eq!(
        methods["name"],
        "http://schemas.microsoft.com/claims/authnmethodsreferences"
    );
    assert!(methods["name_format"].is_null() && methods["friendly_name"].is_null());
    assert_eq!(methods["values"].as_array().unwrap().len(), 3);
    let evidence = &identity["evidence"];
    assert_eq!(evidence["signed_element"], "Assertion");
    assert_eq!(
        evidence["signature_algorithm"],
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    );
    assert_eq!(evidence["signed_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(evidence["certificate_sha256"].as_str().unwrap().len(), 64);
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn google_is_accepted() {
    let run = verify(
        &format!("{ASSERTIONS}/google"),
        "https://example.com/accounts/bfeb03a0-6022-4862-9bbf-5a4d7608db35/saml/acs",
        UNSOLICITED,
    );
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn keycloak_is_accepted_as_the_answer_to_its_request_and_not_unsolicited() {
    let folder = format!("{ASSERTIONS}/keycloak");
    let acs = "http://localhost:8080/v1/saml/saml_conn_7o6ylycayrere4h9kg76vqc0k/acs";
    let asked = verify(
        &folder,
        acs,
        &["--request-id", "saml_flow_95q1hli3z0vohj0d55l4j4yo1"],
    );
    assert_eq!(asked.code, 0, "{asked:?}");
    let other = verify(&folder, acs, &["--request-id", "another"]);
    assert_eq!(
        (other.code, &other.json()["code"]),
        (1, &Value::from("saml.in_response_to_mismatch")),
        "{other:?}"
    );
    let unsolicited = verify(&folder, acs, UNSOLICITED);
    assert_eq!(unsolicited.code, 1, "{unsolicited:?}");
    assert_eq!(unsolicited.json()["ok"], false);
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn okta_is_accepted_only_where_the_assertion_was_named() {
    let folder = format!("{ASSERTIONS}/okta");
    let refused = verify(&folder, "http://localhost:8080", UNSOLICITED);
    assert_eq!(
        (refused.code, &refused.json()["code"]),
        (1, &Value::from("saml.response_signature_invalid")),
        "{refused:?}"
    );
    let accepted = verify(
        &folder,
        "http://localhost:8080",
        &["--allow-unsolicited", "--signature", "assertion"],
    );
    assert_eq!(accepted.code, 0, "{accepted:?}");
    assert_eq!(
        accepted.json()["identity"]["evidence"]["signed_element"],
        "Assertion"
    );
    let response = verify(
        &folder,
        "http://localhost:8080",
        &["--allow-unsolicited", "--signature", "response"],
    );
    assert_eq!(response.code, 1, "{response:?}");
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn every_bad_assertion_is_refused_with_a_code() {
    let folder = fixtures::path(BAD);
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for more in [
            UNSOLICITED,
            &["--allow-unsolicited", "--signature", "assertion"],
        ] {
            let run = verify(&format!("{BAD}/{name}"), "http://localhost:8080", more);
            let json = run.json();
            assert_eq!(run.code, 1, "{name}: {run:?}");
            assert!(
                json["code"].as_str().unwrap().starts_with("saml."),
                "{name}: {run:?}"
            );
        }
        seen += 1;
    }
    assert_eq!(seen, 10);
}

// The example policies, on what real providers sent.

/// An example policy with what is the example organization's replaced by what is the provider's.
fn example(file: &str, replaced: &[(&str, &str)]) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/policies");
    let text = std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
    changed(text, replaced)
}

fn changed(mut text: String, replaced: &[(&str, &str)]) -> String {
    for (from, to) in replaced {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

/// What a policy would do with one of the stored responses.
fn decide(policy: &str, connection: &str, (folder, acs_url): (&str, &str), more: &[&str]) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), policy).unwrap();
    let policy = file.path().to_str().unwrap();
    let command = [
        "policy",
        "decide",
        "--policy",
        policy,
        "--connection",
        connection,
    ];
    let run = on_response(&command, &format!("{ASSERTIONS}/{folder}"), acs_url, more);
    assert!(run.code < 2, "{run:?}");
    run.json()
}

fn given(decided: &Value) -> Vec<&str> {
    let given = decided["plan"]["grants"]["give"].as_array();
    let given = given.unwrap_or_else(|| panic!("{decided}"));
    let roles = given.iter().map(|grant| grant["role"].as_str().unwrap());
    roles.collect()
}

fn reasons(decided: &Value) -> Vec<&str> {
    let reasons = decided["plan"]["reasons"].as_array().unwrap();
    let codes = reasons
        .iter()
        .map(|reason| reason["code"].as_str().unwrap());
    codes.collect()
}

const ENTRA: (&str, &str) = (
    "adfs",
    "http://localhost:8080/accounts/8155d0cc-d51b-461a-a062-821b6bd574b1/saml/acs",
);
const ENTRA_ISSUER: &str = "https://sts.windows.net/a9054a0f-2011-4e31-b3ac-fd8c354146ec/";
const GOOGLE: (&str, &str) = (
    "google",
    "https://example.com/accounts/bfeb03a0-6022-4862-9bbf-5a4d7608db35/saml/acs",
);

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn the_enterprises_policy_admits_a_real_entra_user_as_a_viewer() {
    let policy = example(
        "enterprise-entra.toml",
        &[
            (
                "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
                ENTRA_ISSUER,
            ),
            ("\"acme.example\"", "\"codomaindata.com\""),
        ],
    );
    let decided = decide(&policy, "acme", ENTRA, UNSOLICITED);
    assert_eq!(given(&decided), ["viewer"]);
    assert!(reasons(&decided).contains(&"provision.created"));
    // This tenant sends no groups: they are unknown, which is not the same as none.
    assert!(reasons(&decided).contains(&"provision.groups_incomplete"));
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn the_hospitals_policy_gives_a_real_keycloak_user_one_day() {
    let replaced = [
        (
            "https://idp.agency.example/realms/nurses",
            "http://localhost:8085/realms/master",
        ),
        ("agency.example", "ssoready.com"),
    ];
    let acs = "http://localhost:8080/v1/saml/saml_conn_7o6ylycayrere4h9kg76vqc0k/acs";
    let asked = ["--request-id", "saml_flow_95q1hli3z0vohj0d55l4j4yo1"];
    let hospital = example("hospital-contract-nurses.toml", &replaced);
    let decided = decide(&hospital, "agency", ("keycloak", acs), &asked);
    assert_eq!(decided["code"], "provision.required_group_missing");

    let hospital = changed(hospital, &[("\"contract-nurse\"", "\"view-profile\"")]);
    let decided = decide(&hospital, "agency", ("keycloak", acs), &asked);
    assert_eq!(given(&decided), ["onboarding-signer"]);
    assert_eq!(
        decided["plan"]["grants"]["give"][0]["expires_at"],
        "2024-05-21T21:10:42.468Z"
    );
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn the_universitys_policy_refuses_a_real_google_user_of_whose_groups_nothing_is_known() {
    let issuer = "https://accounts.google.com/o/saml2?idpid=";
    let replaced = [
        ("idpid=EXAMPLE", "idpid=C029op2ga"),
        ("university.example", "codomaindata.com"),
    ];
    let university = example("university-adjuncts.toml", &replaced);
    assert!(university.contains(issuer));
    let decided = decide(&university, "university", GOOGLE, UNSOLICITED);
    assert_eq!(decided["ok"], false);
    assert!(
        reasons(&decided)[0].starts_with("provision.required_group_"),
        "{decided}"
    );

    // Where nothing is asked of groups, the person gets in, with no role that needs one.
    let open = changed(university, &[("require_group = \"faculty\"", "")]);
    let decided = decide(&open, "university", GOOGLE, UNSOLICITED);
    assert_eq!(given(&decided), [""; 0]);
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn docusigns_policy_puts_a_real_entra_user_on_the_default_account() {
    let policy = example(
        "docusign.toml",
        &[
            ("https://idp.acme.example", ENTRA_ISSUER),
            ("\"acme.example\"", "\"codomaindata.com\""),
        ],
    );
    let decided = decide(&policy, "acme", ENTRA, UNSOLICITED);
    assert_eq!(given(&decided), ["signer"]);
    let user = &decided["plan"]["user"];
    assert_eq!(user["account_id"], "default-account");
    assert_eq!(user["permission_profile_id"], "default-profile");
    assert_eq!(user["email"], "ulysse.carion@codomaindata.com");
}

#[test]
#[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
fn the_starting_policy_for_okta_admits_a_real_okta_user() {
    let printed = countersign(&["--json", "policy", "preset", "okta"]).json();
    let policy = changed(
        printed["policy"].as_str().unwrap().to_owned(),
        &[
            (
                "http://www.okta.com/exk0000000000000000",
                "http://www.okta.com/exkdoocxa1VmjpXmX697",
            ),
            ("acme.example", "codomaindata.com"),
        ],
    );
    let asked = ["--allow-unsolicited", "--signature", "assertion"];
    let decided = decide(&policy, "acme", ("okta", "http://localhost:8080"), &asked);
    assert_eq!(given(&decided), ["viewer"]);
}
