//! `docs/policy.md`: what it shows is what the files and the commands say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::path::PathBuf;
use std::process::Command;

use countersign_testkit::idp::{ResponseSpec, TestIdp};

const PAGE: &str = include_str!("../../../docs/policy.md");

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What the command says to a person, where they would run it: why it refuses comes first.
fn countersign(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let output = command.args(arguments).current_dir(root()).output();
    let output = output.unwrap();
    String::from_utf8([output.stderr, output.stdout].concat()).unwrap()
}

/// The blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = PAGE.split(fence.as_str()).skip(1);
    blocks
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect()
}

/// What is shown of an example is in it, word for word.
#[test]
fn every_excerpt_is_out_of_an_example_policy() {
    let excerpts = blocks("toml");
    assert_eq!(excerpts.len(), 4, "the four cases");
    for excerpt in excerpts {
        let (name, shown) = excerpt.split_once('\n').unwrap();
        let name = name.strip_prefix("# ").unwrap();
        let file = root().join("examples/policies").join(name);
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains(shown), "{name} has not:\n{shown}");
    }
}

/// A legal manager from outside comes through the enterprise's Entra.
fn sign_in() -> [(&'static str, Vec<u8>); 2] {
    let idp = TestIdp::new("https://sts.windows.net/00000000-0000-0000-0000-000000000000/");
    let claims = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims";
    let response = ResponseSpec::new(
        "https://sign.example/saml",
        "https://sign.example/saml/acs",
        "manager@tenant.example",
        "2026-03-01T09:00:00Z".parse().unwrap(),
    )
    .with_attribute(
        "http://schemas.microsoft.com/identity/claims/objectidentifier",
        ["8f2c1d3e-0000-4000-8000-000000000007"],
    )
    .with_attribute(&format!("{claims}/emailaddress"), ["manager@acme.example"])
    .with_attribute(
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
        ["11111111-1111-1111-1111-111111111111"],
    )
    .with_attribute("jobtitle", ["Manager"])
    .with_attribute("department", ["ext"]);
    [
        ("metadata.xml", idp.metadata().into_bytes()),
        ("response.xml", idp.respond(&response)),
    ]
}

/// The response that the page decides about is the test provider's, and made by these lines.
#[test]
fn the_sign_in_of_the_page_is_made_here() {
    for (name, made) in sign_in() {
        let path = root().join("examples/sign-in").join(name);
        if std::env::var_os("COUNTERSIGN_WRITE_DOCS").is_some() {
            std::fs::write(&path, &made).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), made, "{name}");
    }
}

/// Runs the commands that are shown, where a person would run them; with
/// `COUNTERSIGN_WRITE_DOCS=1` writes what they say into the page instead of comparing it.
#[test]
fn every_command_says_what_the_page_shows() {
    let mut page = PAGE.to_owned();
    for block in blocks("console") {
        let (line, shown) = block.split_once('\n').unwrap();
        let arguments = line.strip_prefix("$ countersign ").unwrap();
        let said = countersign(&arguments.split(' ').collect::<Vec<_>>());
        if std::env::var_os("COUNTERSIGN_WRITE_DOCS").is_some() {
            page = page.replace(block, &format!("{line}\n{said}"));
        } else {
            assert_eq!(
                said, shown,
                "{line}: write the page anew with COUNTERSIGN_WRITE_DOCS=1"
            );
        }
    }
    if page != PAGE {
        std::fs::write(root().join("docs/policy.md"), page).unwrap();
    }
}

#[test]
fn every_command_of_the_page_is_there() {
    let help = countersign(&["policy", "--help"]);
    let rows = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `countersign policy "));
    let named: Vec<&str> = rows
        .map(|row| row.split([' ', '`']).next().unwrap())
        .collect();
    assert!(named.len() >= 5, "{named:?}");
    for command in named {
        let is_it = |line: &str| line.trim_start().starts_with(&format!("{command} "));
        assert!(help.lines().any(is_it), "no command {command}");
    }
}

/// Each test that the page names is one.
#[test]
fn every_test_of_the_page_is_there() {
    let (_, table) = PAGE.split_once("## By construction").unwrap();
    let named = table.split('`').skip(1).step_by(2);
    let named = named.filter(|name| name.contains('_') && name.len() > 20);
    let sources: String = ["countersign", "countersign-provision", "countersign-roles"]
        .into_iter()
        .flat_map(|name| {
            let folder = root().join("crates").join(name);
            [folder.join("tests"), folder.join("src")]
        })
        .flat_map(sources)
        .collect();
    let mut seen = 0;
    for name in named {
        assert!(sources.contains(&format!("fn {name}()")), "no test {name}");
        seen += 1;
    }
    assert!(seen >= 10, "{seen} tests");
}

/// The Rust files in a folder and in those right below it.
fn sources(folder: PathBuf) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(sources(path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
    texts
}
