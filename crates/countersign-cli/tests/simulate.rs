//! A new policy on sign-ins of the past, from the command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod run;

use std::path::Path;

use crate::run::{Run, countersign, countersign_with};

const OLD: &str = r#"
[connection.acme]
tenant = "acme"
issuer = "https://idp.example"
preset = "okta"
strategy = "jit"
domains = ["acme.example"]

[role.signer]
allow = ["sign nda/*"]

[role.viewer]
allow = ["view *"]

[[rule]]
id = "nurses-sign"
all = [{ attribute = "groups", eq = "nurses" }]
grant = [{ role = "signer" }]

[[rule]]
id = "doctors-view"
all = [{ attribute = "groups", eq = "doctors" }]
grant = [{ role = "viewer" }]
"#;

fn line(who: &str, group: &str) -> String {
    format!(
        r#"{{"v":1,"connection":"acme","at":"2026-03-01T09:30:00Z","facts":{{"subject":{{"tenant":"acme","issuer":"https://idp.example","subject":"{who}"}},"email":{{"address":"{who}@acme.example","verified_by_idp":true}},"groups":{{"complete":["{group}"]}}}}}}"#
    )
}

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        desk.write("old.toml", OLD);
        desk.write(
            "new.toml",
            &OLD.replace("eq = \"nurses\"", "eq = \"staff\""),
        );
        let lines: Vec<_> = (0..10)
            .map(|n| line(&format!("p{n}"), if n == 7 { "nurses" } else { "doctors" }))
            .collect();
        desk.write("corpus.jsonl", &lines.join("\n"));
        desk
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn path(&self, name: &str) -> String {
        Path::join(self.folder.path(), name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn simulate(&self, more: &[&str]) -> Run {
        let (old, new, corpus) = (
            self.path("old.toml"),
            self.path("new.toml"),
            self.path("corpus.jsonl"),
        );
        let arguments = [
            &[
                "policy", "simulate", "--old", &old, "--new", &new, "--corpus", &corpus,
            ],
            more,
        ];
        countersign(&arguments.concat())
    }
}

#[test]
fn who_loses_what_is_told_with_its_reason() {
    let desk = Desk::new();
    let run = desk.simulate(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    let first = run.stdout.lines().next().unwrap();
    assert_eq!(
        first,
        "1 person loses a role or access, of 10 people in 10 sign-ins"
    );
    for told in [
        "  lose a role               1  10.0%\n",
        "  p7@acme.example  acme  signer  rule `nurses-sign` does not match\n",
        "1 rule of the new policy that matched nobody\n  nurses-sign\n",
    ] {
        assert!(run.stdout.contains(told), "{told}: {}", run.stdout);
    }
    let json = desk.simulate(&["--json"]).json();
    assert_eq!(json["simulation"]["losing"], 1);
    assert_eq!(
        json["simulation"]["affected"][0]["lost"]["signer"]["cause"],
        "rule_does_not_match"
    );
    assert_eq!(json["simulation"]["never_matched"][0], "nurses-sign");
}

#[test]
fn more_than_a_limit_refuses_the_policy() {
    let desk = Desk::new();
    let allowed = desk.simulate(&["--max-losing", "10%"]);
    assert_eq!(allowed.code, 0, "{allowed:?}");
    let refused = desk.simulate(&["--max-losing", "5%", "--limit", "signer=50%"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let mut lines = refused.stdout.lines();
    assert_eq!(
        lines.next().unwrap(),
        "refused: simulate.losing: too many people lose a role: 1 of 10, more than 5%"
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("also: simulate.losing_role: "),
        "{refused:?}"
    );
    let json = desk
        .simulate(&["--json", "--max-losing-each-role", "0%"])
        .json();
    assert_eq!(json["code"], "simulate.losing_role");
    for bad in ["5", "101%", "x%"] {
        assert_eq!(desk.simulate(&["--max-losing", bad]).code, 2, "{bad}");
    }
    assert_eq!(desk.simulate(&["--limit", "signer"]).code, 2);
    assert_eq!(desk.simulate(&["--limit", "ghost=5%"]).code, 1);
}

#[test]
fn a_role_that_allows_less_or_more_counts_as_lost_or_gained() {
    let desk = Desk::new();
    desk.write("new.toml", &OLD.replace("[\"view *\"]", "[]"));
    let run = desk.simulate(&["--max-losing", "5%"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("the role allows less"), "{run:?}");
    assert_eq!(desk.simulate(&["--max-gaining", "viewer=0%"]).code, 0);

    desk.write("new.toml", &OLD.replace("sign nda/*", "sign *"));
    assert_eq!(desk.simulate(&["--max-losing", "0%"]).code, 0);
    let run = desk.simulate(&["--max-gaining", "signer=0%"]);
    assert_eq!(run.code, 1, "{run:?}");

    // The same in another order is the same.
    let two = OLD.replace("[\"view *\"]", "[\"view *\", \"print *\"]");
    desk.write("old.toml", &two);
    desk.write(
        "new.toml",
        &OLD.replace("[\"view *\"]", "[\"print *\", \"view *\"]"),
    );
    assert_eq!(
        desk.simulate(&["--max-losing", "0%", "--max-gaining", "viewer=0%"])
            .code,
        0
    );
}

#[test]
fn of_two_limits_for_one_role_the_stricter_counts() {
    let desk = Desk::new();
    for limits in [["signer=5%", "signer=100%"], ["signer=100%", "signer=5%"]] {
        let [one, other] = limits;
        let run = desk.simulate(&["--limit", one, "--limit", other]);
        assert_eq!(run.code, 1, "{run:?}");
    }
}

#[test]
fn a_line_that_is_no_sign_in_is_named_and_nothing_is_reported() {
    let desk = Desk::new();
    desk.write("corpus.jsonl", &format!("{}\n{{}}\n", line("p", "nurses")));
    let run = desk.simulate(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(
        run.stderr.contains("corpus.jsonl: line 2, column 2: "),
        "{run:?}"
    );
    desk.write("corpus.jsonl", "");
    assert_eq!(desk.simulate(&[]).code, 0);
    assert_eq!(desk.simulate(&["--max-losing", "5%"]).code, 1);
    assert_eq!(
        desk.simulate(&["--database", &desk.path("none.db")]).code,
        2
    );
}

#[test]
fn a_corpus_is_read_from_standard_input_too() {
    let desk = Desk::new();
    let (old, new) = (desk.path("old.toml"), desk.path("new.toml"));
    let run = countersign_with(
        &[
            "--json", "policy", "simulate", "--old", &old, "--new", &new, "--corpus", "-",
        ],
        line("p", "nurses").as_bytes(),
    );
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.json()["simulation"]["people"], 1);
}

#[test]
fn what_differs_between_two_policies_is_told_with_the_way_it_goes() {
    let desk = Desk::new();
    let (old, new) = (desk.path("old.toml"), desk.path("new.toml"));
    let run = countersign(&["policy", "diff", &old, &new]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout
            .contains("look  nurses-sign  all  groups eq `nurses` becomes groups eq `staff`\n"),
        "{}",
        run.stdout
    );
    let json = countersign(&["--json", "policy", "diff", &old, &new]).json();
    assert_eq!(json["differences"][0]["access"], "unclear");
    let same = countersign(&["--json", "policy", "diff", &old, &old]).json();
    assert_eq!(same["same"], true);
    desk.write("bad.toml", "[");
    assert_eq!(
        countersign(&["policy", "diff", &old, &desk.path("bad.toml")]).code,
        2
    );
}
