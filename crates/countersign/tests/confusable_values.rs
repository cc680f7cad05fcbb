//! Values of a policy that a reader takes for one another: lint says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use countersign::policy_file::{PolicyFile, Remark};

/// Warnings about look-alikes in a policy whose rules ask for these values.
fn warnings(conditions: &[&str]) -> Vec<Remark> {
    let mut text = String::from(
        r#"[connection.acme]
issuer = "https://idp.acme.example"
preset = "okta"
strategy = "jit"
domains = ["acme.example"]
[connection.acme.create]
require_group = "staff"
[connection.beta]
issuer = "https://idp.beta.example"
preset = "okta"
strategy = "jit"
domains = ["beta.example"]
[role.signer]
allow = ["sign nda/*"]
"#,
    );
    for (number, condition) in conditions.iter().enumerate() {
        text.push_str(&format!(
            "[[rule]]\nid = \"r{number}\"\nconnection = \"acme\"\nall = [{condition}]\ngrant = [{{ role = \"signer\", scope = [\"nda/{number}\"] }}]\n"
        ));
    }
    of(&text)
}

fn of(text: &str) -> Vec<Remark> {
    let (_, remarks) = PolicyFile::lint_bytes("p.toml", text.as_bytes()).unwrap();
    let is_one = |remark: &Remark| remark.finding.code == "lint.confusable_value";
    remarks.into_iter().filter(is_one).collect()
}

fn said(conditions: &[&str]) -> Vec<String> {
    let warnings = warnings(conditions);
    warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn values_of_one_attribute_that_look_alike_are_a_warning() {
    // The second begins with a Cyrillic letter.
    let conditions = [
        r#"{ attribute = "groups", eq = "Admins" }"#,
        "{ attribute = \"groups\", eq = \"\u{410}dmins\" }",
    ];
    assert_eq!(
        said(&conditions),
        [
            "23:8: warning: `\u{410}dmins` looks like `Admins` in rule `r0`, and is another value of `groups`: it has U+0410 where that has U+0041; write both as the provider sends it; if it sends both, rename one of them there"
        ]
    );
}

#[test]
fn values_that_look_alike_within_ascii_are_a_warning() {
    for (one, other) in [("IT-desk", "lT-desk"), ("modern", "modem"), ("D0", "DO")] {
        let [one, other] =
            [one, other].map(|value| format!("{{ attribute = \"team\", eq = \"{value}\" }}"));
        assert_eq!(warnings(&[&one, &other]).len(), 1, "{one} {other}");
    }
}

#[test]
fn values_that_differ_only_in_case_are_a_warning() {
    let conditions = [
        r#"{ attribute = "department", any_of = ["Sales", "Legal"] }"#,
        r#"{ attribute = "department", not = { eq = "sales" } }, { attribute = "site", eq = "x" }"#,
    ];
    assert_eq!(
        said(&conditions),
        [
            "23:8: warning: `sales` differs from `Sales` in rule `r0` in case or white space only, and is another value of `department`; write both as the provider sends it, unless it sends both"
        ]
    );
}

#[test]
fn values_that_differ_only_in_white_space_are_a_warning() {
    for other in [
        "WardManagers",
        "Ward  Managers",
        "Ward\u{a0}Managers",
        "ward managers ",
    ] {
        let other = format!("{{ attribute = \"groups\", eq = \"{other}\" }}");
        let warnings = warnings(&[r#"{ attribute = "groups", eq = "Ward Managers" }"#, &other]);
        assert_eq!(warnings.len(), 1, "{other}");
        let message = &warnings[0].finding.message;
        assert!(message.contains("white space only"), "{message}");
    }
}

#[test]
fn a_group_that_looks_like_the_required_one_is_a_warning() {
    assert_eq!(
        said(&[r#"{ attribute = "groups", eq = "Staff" }"#]),
        [
            "18:8: warning: `Staff` differs from `staff` in `require_group` of connection `acme` in case or white space only, and is another value of `groups`; write both as the provider sends it, unless it sends both"
        ]
    );
}

/// The same value twice, other attributes, values that are no look-alikes, and what only begins so.
#[test]
fn values_that_nobody_takes_for_one_another_are_none() {
    let none = said(&[
        r#"{ attribute = "groups", eq = "nurses" }"#,
        r#"{ attribute = "groups", any_of = ["nurses", "doctors"] }"#,
        r#"{ attribute = "team", eq = "Nurses" }"#,
        r#"{ attribute = "groups", prefix = "Nurses" }"#,
        r#"{ attribute = "groups", eq = "8f2c1d3e-0000-4000-8000-000000000001" }"#,
        r#"{ attribute = "groups", eq = "8f2c1d3e-0000-4000-8000-000000000007" }"#,
    ]);
    assert_eq!(none, [""; 0]);
}

/// What one provider calls something says nothing of what another does.
#[test]
fn values_of_different_connections_are_not_compared() {
    let rule = |id: &str, connection: &str, value: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nconnection = {connection}\nall = [{{ attribute = \"groups\", eq = \"{value}\" }}]\ngrant = [{{ role = \"signer\" }}]\n"
        )
    };
    let connection = |name: &str| {
        format!(
            "[connection.{name}]\nissuer = \"https://{name}.example\"\npreset = \"okta\"\nstrategy = \"jit\"\ndomains = [\"{name}.example\"]\n"
        )
    };
    let text = |second: &str| {
        let rules = rule("one", "\"acme\"", "Nurses") + &rule("two", second, "nurses");
        let head = connection("acme") + &connection("beta");
        format!("{head}[role.signer]\nallow = [\"sign *\"]\n{rules}")
    };
    assert_eq!(of(&text("\"beta\"")), []);
    assert_eq!(of(&text("[\"beta\", \"acme\"]")).len(), 1);
}
