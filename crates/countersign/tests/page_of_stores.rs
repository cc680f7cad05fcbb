//! `docs/stores.md` tells of every method of every port, and its example is one that runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

const PAGE: &str = include_str!("../../../docs/stores.md");

/// The ports, and the files that they stand in.
const PORTS: [(&str, &str); 4] = [
    (
        "UserStore",
        include_str!("../../countersign-provision/src/store.rs"),
    ),
    (
        "LedgerStore",
        include_str!("../../countersign-audit/src/store.rs"),
    ),
    (
        "ReplayStore",
        include_str!("../../countersign-saml/src/replay.rs"),
    ),
    (
        "VaultStore",
        include_str!("../../countersign-audit/src/vault_store.rs"),
    ),
];

/// The names of a trait's methods, in order.
fn methods(port: &str, source: &'static str) -> Vec<&'static str> {
    let (_, rest) = source.split_once(&format!("pub trait {port}:")).unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    let methods = body.split("async fn ").skip(1);
    methods
        .filter_map(|method| method.split('(').next())
        .collect()
}

/// The names in the first column of a port's table, in order.
fn told(port: &str) -> Vec<&'static str> {
    let (_, rest) = PAGE.split_once(&format!("### `{port}`\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let section = section.split("\n### ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn the_page_tells_of_every_method_of_every_port() {
    for (port, source) in PORTS {
        let methods = methods(port, source);
        assert!(!methods.is_empty(), "{port}");
        assert_eq!(told(port), methods, "{port}");
    }
}

#[test]
fn the_example_is_one_that_runs() {
    let (_, rest) = PAGE.split_once("```rust\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let tests = include_str!("conformance.rs");
    for line in example.lines().filter(|line| !line.is_empty()) {
        assert!(tests.contains(line), "{line}");
    }
}
