//! A policy file of 5,000 rules, from its text to an indexed policy in which nothing is wrong, and
//! everything that is odd in it.
//!
//! The floor is the same text as a TOML table that nobody has looked at.

use std::fmt::Write as _;

use countersign::policy_file::PolicyFile;

use crate::measure::{Effort, Subject, times};
use crate::row::Row;

const RULES: u32 = 5_000;

const HEAD: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "entra-saml"
strategy = "jit"
domains = ["acme.example"]

[role.signer]
allow = ["sign nda/*", "view *"]
"#;

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let mut text = HEAD.to_owned();
    for number in 0..RULES {
        let _ = write!(
            text,
            r#"
[[rule]]
id = "rule-{number}"
all = [{{ attribute = "groups", eq = "{number:08x}-5d2c-4f7e-9a31-{number:012x}" }}]
grant = [{{ role = "signer", ttl = "24h" }}]
"#
        );
    }
    let floor = || toml::from_str::<toml::Table>(&text).expect("it is TOML");
    let ours = || {
        PolicyFile::lint_bytes("policy.toml", text.as_bytes()).expect("nothing is wrong with it")
    };
    times(
        "policy_load",
        "5000",
        effort,
        vec![
            Subject::new("floor", floor),
            Subject::new("countersign", ours),
        ],
    )
}
