//! What a policy says when it is asked: lint, who could reach a role, why somebody got what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod run;

use countersign_testkit::idp::{ResponseSpec, TestIdp};
use serde_json::json;
use tempfile::TempDir;

use crate::run::{Run, countersign, countersign_with};

const ISSUER: &str = "https://idp.example";

const POLICY: &str = r#"
[connection.acme]
issuer = "https://idp.example"
preset = "okta"
strategy = "jit"
domains = ["acme.example"]

[connection.acme.create]
mode = "approve"
require_group = "staff"
seats = 3

[connection.staff]
tenant = "staff"
issuer = "https://staff.example"
preset = "okta"
strategy = "pre_provisioned_only"
domains = ["staff.example"]

[connection.visitors]
door = "email"
strategy = "self_register"
domains = "any"

[connection.visitors.create]
require_invitation = true
seats = 1

[role.signer]
allow = ["sign nda/*"]

[role.auditor]
allow = ["view *"]
privileged = true

[[rule]]
id = "nurses-sign"
note = "Nurses sign for a day."
connection = ["acme", "staff"]
all = [{ attribute = "groups", eq = "nurses" }]
grant = [{ role = "signer", ttl = "24h" }]

[[rule]]
id = "everybody-but-guests"
connection = "acme"
all = [{ attribute = "department", not = { eq = "guest" } }]
grant = [{ role = "signer", scope = ["nda/short"] }]
"#;

/// A folder with a policy.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("policy.toml", POLICY);
        desk
    }

    /// Writes a file, and gives its path.
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Asks about a line of a corpus.
    fn explain(&self, facts: &str, more: &[&str]) -> Run {
        let policy = self.path("policy.toml");
        let arguments = ["policy", "explain", "--policy", &policy, "--facts", facts];
        countersign(&[&arguments, more].concat())
    }

    /// Asks about a response.
    fn explain_response(&self, department: &str, more: &[&str]) -> Run {
        let idp = TestIdp::new(ISSUER);
        let policy = self.path("policy.toml");
        let metadata = self.write("metadata.xml", idp.metadata());
        let response = ResponseSpec::new(
            "https://sign.example/saml",
            "https://sign.example/saml/acs",
            "nurse@acme.example",
            "2026-03-01T09:00:00Z".parse().unwrap(),
        )
        .with_attribute("email", ["nurse@acme.example"])
        .with_attribute("groups", ["nurses", "staff"])
        .with_attribute("department", [department]);
        let response = self.write("response.xml", idp.respond(&response));
        let arguments = [
            "policy",
            "explain",
            "--policy",
            &policy,
            "--connection",
            "acme",
            "--idp-metadata",
            &metadata,
            "--sp-entity-id",
            "https://sign.example/saml",
            "--acs-url",
            "https://sign.example/saml/acs",
            "--allow-unsolicited",
            "--at",
            "2026-03-01T09:00:00Z",
            &response,
        ];
        countersign(&[&arguments, more].concat())
    }
}

/// A sign-in of the past, by somebody in these groups; with an account that has this role, if one
/// is named.
fn line(who: &str, groups: &[&str], held: Option<&str>) -> String {
    let mut line = json!({
        "v": 1,
        "connection": "acme",
        "at": "2026-03-01T09:30:00Z",
        "facts": {
            "subject": { "tenant": "default", "issuer": ISSUER, "subject": who },
            "email": { "address": format!("{who}@acme.example"), "verified_by_idp": true },
            "groups": { "complete": groups },
            "attributes": { "department": ["guest"] },
        },
    });
    if let Some(role) = held {
        line["grants"] = json!([{
            "role": role,
            "owner": { "by": "jit", "connection": "acme" },
            "rule": "nurses-sign",
            "first_given_at": "2026-03-01T00:00:00Z",
            "granted_at": "2026-03-01T00:00:00Z",
            "expires_at": "2026-03-02T00:00:00Z",
        }]);
    }
    line.to_string()
}

/// No colours, and nothing that moves a cursor.
fn assert_plain(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let is_plain = |c: char| c == '\n' || !countersign::text::is_hidden(c);
        assert!(text.chars().all(is_plain), "{run:?}");
    }
}

#[test]
fn lint_says_what_is_odd_and_where_and_what_to_do() {
    let desk = Desk::new();
    let policy = desk.path("policy.toml");
    let run = countersign(&["policy", "lint", &policy]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_plain(&run);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "no errors in 2 rules, 2 warnings, 1 note");
    let rule = POLICY.lines().position(|line| line.contains("-guests"));
    let rule = rule.unwrap() + 1;
    let told = format!(
        "  {policy}:{rule}:6  rule `everybody-but-guests` gives roles to whoever is not something, so to everybody that nobody thought of; add a condition on what the people for whom it is meant are"
    );
    assert!(lines.contains(&told.as_str()), "{told}\n{}", run.stdout);

    let json = countersign(&["--json", "policy", "lint", &policy]).json();
    assert_eq!(json["ok"], true);
    let findings = json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 3, "{json}");
    let finding = findings
        .iter()
        .find(|finding| finding["code"] == "lint.only_negative")
        .unwrap();
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["rule"], "everybody-but-guests");
    assert_eq!(finding["line"], rule);
    assert!(finding["fix"].as_str().unwrap().starts_with("add a "));
}

#[test]
fn lint_refuses_a_policy_with_errors_and_names_each() {
    let desk = Desk::new();
    let policy = desk.write(
        "bad.toml",
        POLICY
            .replace("\"signer\", ttl", "\"singer\", ttl")
            .replace("seats = 3", "seets = 3"),
    );
    let run = countersign(&["policy", "lint", &policy]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(
        lines[0].starts_with("refused: policy_file.invalid: "),
        "{run:?}"
    );
    assert!(
        lines[0].contains("unknown key `seets`, did you mean `seats`?"),
        "{run:?}"
    );
    assert!(
        run.stdout
            .contains("unknown role `singer`, did you mean `signer`?"),
        "{run:?}"
    );
    let json = countersign(&["--json", "policy", "lint", &policy]).json();
    assert_eq!(json["ok"], false);
    assert_eq!(json["problems"].as_array().unwrap().len(), 2, "{json}");
    let none = countersign(&["policy", "lint", &desk.path("none.toml")]);
    assert_eq!((none.code, none.stdout.as_str()), (2, ""), "{none:?}");
}

#[test]
fn lint_makes_hidden_characters_visible() {
    let desk = Desk::new();
    let odd = desk.write("odd\u{202e}\u{1b}[31m.toml", POLICY);
    let run = countersign(&["policy", "lint", &odd]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_plain(&run);
    assert!(
        run.stdout.contains("odd\\u{202e}\\u{1b}[31m.toml:"),
        "{run:?}"
    );
    let hidden = POLICY.replace("\"nurses\"", "\"nur\u{200b}ses\"");
    let run = countersign_with(&["policy", "lint", "-"], hidden.as_bytes());
    assert_eq!(run.code, 1, "{run:?}");
    assert_plain(&run);
    assert!(
        run.stdout.contains("holds characters that nobody sees"),
        "{run:?}"
    );
}

#[test]
fn who_can_says_the_ways_to_a_role_and_whether_an_account_is_made_on_them() {
    let desk = Desk::new();
    let policy = desk.path("policy.toml");
    let run = countersign(&["policy", "who-can", "--policy", &policy, "signer"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_plain(&run);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "signer can be reached in 3 ways",
            "",
            "through acme",
            "  accounts  jit, by the provider; new ones are made, for members of the group staff, up to 3 seats, and wait for an approval",
            "  nurses-sign for 1d                 in the group `nurses`",
            "  everybody-but-guests on nda/short  `department` was sent and `department` is not `guest`, or was not sent",
            "",
            "through staff",
            "  accounts  pre_provisioned_only, by the provider; no new ones are made",
            "  nurses-sign for 1d  in the group `nurses`",
            "",
            "through visitors",
            "  accounts  self_register, by a mailed link; new ones are made, for invited people only, up to 1 seat",
            "  no way",
        ]
    );
}

#[test]
fn who_can_says_the_same_as_json() {
    let desk = Desk::new();
    let policy = desk.path("policy.toml");
    let ask = |more: &[&str]| {
        let arguments = ["--json", "policy", "who-can", "--policy", &policy];
        countersign(&[&arguments, more].concat())
    };
    let json = ask(&["signer"]).json();
    assert_eq!(json["by_hand_only"], false);
    let accounts: Vec<_> = (0..3)
        .map(|number| json["connections"][number]["accounts"].clone())
        .collect();
    assert_eq!(
        accounts,
        [
            json!({
                "door": "saml", "strategy": "jit", "new": "approve", "awaits_approval": true,
                "require_group": "staff", "require_invitation": false, "seats": 3,
            }),
            json!({
                "door": "saml", "strategy": "pre_provisioned_only", "new": "deny",
                "awaits_approval": false, "require_group": null, "require_invitation": false,
                "seats": null,
            }),
            json!({
                "door": "email", "strategy": "self_register", "new": "allow",
                "awaits_approval": false, "require_group": null, "require_invitation": true,
                "seats": 1,
            }),
        ]
    );
    let path = &json["connections"][0]["paths"][0];
    assert_eq!(path["by"][0]["rule"], "nurses-sign");
    assert_eq!(path["by"][0]["ttl_seconds"], 86_400);
    assert_eq!(path["needs"][0]["attribute"], "groups");
    assert_eq!(path["needs"][0]["values"], json!(["nurses"]));

    let only = ask(&["signer", "--connection", "staff"]).json();
    assert_eq!(only["connections"].as_array().unwrap().len(), 1);
    let nobody = ask(&["auditor"]).json();
    assert_eq!(nobody["by_hand_only"], true);
}

#[test]
fn who_can_says_that_only_an_administrator_gives_a_role() {
    let desk = Desk::new();
    let policy = desk.path("policy.toml");
    let run = countersign(&["policy", "who-can", "--policy", &policy, "auditor"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout
            .starts_with("nobody gets auditor by signing in; only an administrator can give it\n"),
        "{run:?}"
    );
}

#[test]
fn who_can_names_what_the_policy_does_not_have() {
    let desk = Desk::new();
    let policy = desk.path("policy.toml");
    for (arguments, why) in [
        (
            vec!["singer"],
            "unknown role `singer`, did you mean `signer`?",
        ),
        (
            vec!["signer", "--connection", "acne"],
            "the policy has no connection `acne`",
        ),
    ] {
        let question = ["policy", "who-can", "--policy", policy.as_str()];
        let run = countersign(&[&question, arguments.as_slice()].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(why), "{run:?}");
    }
}

#[test]
fn who_can_makes_hidden_characters_visible() {
    let desk = Desk::new();
    let odd = POLICY.replace("\"staff\"\nseats", "\"st\\u202eaff\"\nseats");
    let policy = desk.write("odd.toml", odd);
    let run = countersign(&["policy", "who-can", "--policy", &policy, "signer"]);
    assert_plain(&run);
    let told = format!("{}{}", run.stdout, run.stderr);
    assert!(told.contains("st\\u{202e}aff"), "{run:?}");
}

#[test]
fn an_admitted_response_is_explained() {
    let desk = Desk::new();
    desk.write("policy.toml", POLICY.replace("\"approve\"", "\"allow\""));
    let run = desk.explain_response("guest", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_plain(&run);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "admit through acme, all groups told");
    assert_eq!(lines[2], "because");
    for told in [
        "  given  signer  by rule nurses-sign  until 2026-03-02T09:00:00.000Z",
        "  nurses-sign  Nurses sign for a day.",
    ] {
        assert!(lines.contains(&told), "{told}\n{}", run.stdout);
    }
    assert!(
        run.stdout
            .contains("\nrules that did not match\n  everybody-but-guests  it is not so that "),
        "{run:?}"
    );
    let json = desk.explain_response("guest", &["--json"]).json();
    assert_eq!(json["explanation"]["outcome"], "admit");
    assert_eq!(json["explanation"]["roles"][0]["outcome"], "given");
    assert_eq!(json["explanation"]["rules"][0]["verdict"], "matched");
}

#[test]
fn a_response_that_waits_for_approval_is_explained_with_the_reason_first() {
    let desk = Desk::new();
    let run = desk.explain_response("guest", &[]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("refused: provision."), "{run:?}");
    assert_eq!(lines[1], "queue through acme, all groups told");
    let json = desk.explain_response("guest", &["--json"]).json();
    assert_eq!(json["ok"], false);
    assert_eq!(json["explanation"]["outcome"], "queue");
}

#[test]
fn an_admitted_sign_in_of_the_past_is_explained_by_what_the_account_had() {
    let desk = Desk::new();
    let facts = desk.write("past", line("nurse", &["nurses"], Some("signer")));
    let run = desk.explain(&facts, &[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    assert_plain(&run);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], "admit through acme, all groups told");
    assert!(
        lines.contains(&"  kept  signer  by rule nurses-sign  until 2026-03-02T00:00:00.000Z"),
        "{}",
        run.stdout
    );

    // The same account, of somebody who has left the group.
    let facts = desk.write("past", line("nurse", &["staff"], Some("signer")));
    let run = desk.explain(&facts, &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let told = "  taken  signer  by rule nurses-sign  its rule does not match any more\n";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    let json = desk.explain(&facts, &["--json"]).json();
    let role = &json["explanation"]["roles"][0];
    assert_eq!(role["outcome"], "taken");
    assert_eq!(role["because"]["text"], "its rule does not match any more");
}

#[test]
fn a_refused_sign_in_of_the_past_is_explained_with_the_reason_first() {
    let desk = Desk::new();
    let facts = desk.write("past", line("nurse", &["nurses"], None));
    let run = desk.explain(&facts, &[]);
    assert_eq!((run.code, run.stderr.as_str()), (1, ""), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines[..2],
        [
            "refused: provision.required_group_missing: the person is not known to be in the group that a new account needs",
            "refuse through acme, all groups told",
        ]
    );
    assert!(lines.contains(&"rules that matched"), "{run:?}");
    let json = desk.explain(&facts, &["--json"]).json();
    assert_eq!(json["ok"], false);
    assert_eq!(json["code"], "provision.required_group_missing");
    assert_eq!(json["explanation"]["outcome"], "refuse");
    // Whom it is about is the asker's to know.
    let said = format!("{}{json}", run.stdout);
    assert!(!said.contains("nurse@acme.example"), "{said}");
}

#[test]
fn of_several_sign_ins_one_has_to_be_named() {
    let desk = Desk::new();
    let lines = [
        line("one", &["nurses"], Some("signer")),
        line("two", &["staff"], None),
    ];
    let facts = desk.write("past", lines.join("\n"));
    let run = desk.explain(&facts, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(
        run.stderr
            .contains("holds several sign-ins; say which with `--line`"),
        "{run:?}"
    );
    assert_eq!(desk.explain(&facts, &["--line", "1"]).code, 0);
    let second = desk.explain(&facts, &["--line", "2", "--json"]);
    assert_eq!(second.code, 1, "{second:?}");
    assert_eq!(second.json()["explanation"]["outcome"], "queue");
    for number in ["0", "3"] {
        let run = desk.explain(&facts, &["--line", number]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        let why = format!("holds no line {number}; it ends with line 2");
        assert!(run.stderr.contains(&why), "{run:?}");
    }
    let empty = desk.explain(&desk.write("empty", ""), &[]);
    assert_eq!(empty.code, 2, "{empty:?}");
    assert!(empty.stderr.contains("holds no sign-in"), "{empty:?}");
}

#[test]
fn a_sign_in_of_the_past_is_read_from_standard_input_too() {
    let desk = Desk::new();
    let policy = desk.path("policy.toml");
    let run = countersign_with(
        &["policy", "explain", "--policy", &policy, "--facts", "-"],
        line("nurse", &["nurses"], Some("signer")).as_bytes(),
    );
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_line_that_is_no_sign_in_is_not_explained_and_shows_no_hidden_characters() {
    let desk = Desk::new();
    let odd = line("nurse", &[], None).replacen("\"v\"", "\"\\u001b[31m\":1,\"v\"", 1);
    let run = desk.explain(&desk.write("past", odd), &[]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    assert_plain(&run);
    assert!(run.stderr.contains("past: line 1, column "), "{run:?}");
    assert!(run.stderr.contains("\\u{1b}[31m"), "{run:?}");
}

#[test]
fn a_connection_that_is_gone_refuses_a_sign_in_of_the_past() {
    let desk = Desk::new();
    let gone = line("nurse", &["nurses"], None).replace("\"acme\"", "\"gone\"");
    let run = desk.explain(&desk.write("past", gone), &["--json"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(run.json()["explanation"]["outcome"], "refuse");
}

#[test]
fn a_response_and_a_sign_in_of_the_past_are_not_asked_about_at_once() {
    let desk = Desk::new();
    let facts = desk.write("past", line("nurse", &["nurses"], None));
    let both = desk.explain_response("guest", &["--facts", &facts]);
    assert_eq!((both.code, both.stdout.as_str()), (2, ""), "{both:?}");
    assert!(both.stderr.contains("--facts"), "{both:?}");
    let policy = desk.path("policy.toml");
    let neither = countersign(&["policy", "explain", "--policy", &policy]);
    assert_eq!(neither.code, 2, "{neither:?}");
    assert!(neither.stderr.contains("--facts <FILE>"), "{neither:?}");
    let alone = desk.explain_response("guest", &["--line", "1"]);
    assert_eq!(alone.code, 2, "{alone:?}");
}
