//! `cargo xtask test`: every test, with what the tests need.
//!
//! Plain `cargo test` needs Rust and a C compiler and lists what it leaves out as ignored: tests
//! that read fixtures (`tests/fixtures.rs`) and tests that run other programs
//! (`tests/external.rs`). Here both run. What a test runs stands in its `#[ignore]` reason
//! (`runs openssl; …`), so this file needs no list of tests.

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::{Failure, Workspace, installed, output, say, step, succeeds};

/// Folder of fixtures beside the workspace, if nothing else is named.
const USUAL_FIXTURES: &str = "../shared/fixtures";

/// The test binaries that read fixtures, in every crate.
const FIXTURE_TESTS: &str = "fixtures";

/// Programs that tests may run, and the Debian package of each.
const PACKAGES: [(&str, &str); 7] = [
    ("bash", "bash"),
    ("cc", "gcc libc6-dev"),
    ("jq", "jq"),
    ("openssl", "openssl"),
    ("sha256sum", "coreutils"),
    ("xmlsec1", "xmlsec1"),
    ("python3", "python3"),
];

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    provide(&needed_programs(workspace)?)?;
    let fixtures = fixtures(workspace)?;

    // Doc tests first, so that the run ends with the closing lines of the test runner.
    step(&mut workspace.cargo(["test", "--workspace", "--doc", "--locked"]))?;

    let mut tests = if succeeds(&mut workspace.cargo(["nextest", "--version"])) {
        let mut command = workspace.cargo([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--run-ignored=all",
        ]);
        if fixtures.is_none() {
            command.arg(format!("--filterset=not binary(={FIXTURE_TESTS})"));
        }
        command
    } else {
        let mut command = workspace.cargo(["test", "--workspace", "--locked", "--no-fail-fast"]);
        if fixtures.is_some() {
            command.arg("--tests");
        } else {
            command.args(["--lib", "--bins"]);
            for name in other_tests(workspace)? {
                command.args(["--test", &name]);
            }
        }
        command.args(["--", "--include-ignored"]);
        command
    };
    match &fixtures {
        Some(folder) => {
            tests.env("COUNTERSIGN_FIXTURES", folder);
        }
        None => {
            tests.env_remove("COUNTERSIGN_FIXTURES");
        }
    }
    step(&mut tests)?;

    if fixtures.is_none() {
        say("");
        say("LEFT OUT: the tests that read real data. These did not run:");
        for file in workspace.files(&["*/tests/fixtures.rs"])? {
            say(&format!("  {file}"));
        }
        say("Set COUNTERSIGN_FIXTURES to their folder to run them.");
    }
    Ok(())
}

/// The folder of fixtures, as it was named, or `None` if none was named and there is none.
fn fixtures(workspace: &Workspace) -> Result<Option<String>, Failure> {
    match std::env::var("COUNTERSIGN_FIXTURES") {
        Ok(folder) if workspace.path(&folder).is_dir() => Ok(Some(folder)),
        Ok(folder) => Err(Failure::task(format!(
            "COUNTERSIGN_FIXTURES is `{folder}`, but {} is no folder",
            workspace.path(&folder).display()
        ))),
        Err(std::env::VarError::NotPresent) => {
            let there = workspace.path(USUAL_FIXTURES).is_dir();
            Ok(there.then(|| USUAL_FIXTURES.to_owned()))
        }
        Err(error) => Err(Failure::task(format!("COUNTERSIGN_FIXTURES: {error}"))),
    }
}

/// The programs that building and the tests need.
fn needed_programs(workspace: &Workspace) -> Result<BTreeSet<String>, Failure> {
    let mut programs = BTreeSet::from(["cc".to_owned()]);
    for file in workspace.files(&["*/tests/external.rs"])? {
        let path = workspace.path(&file);
        let source = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, error))?;
        programs.extend(programs_of(&source));
    }
    Ok(programs)
}

/// The programs that a source file's `#[ignore = "runs a and b; …"]` reasons name.
fn programs_of(source: &str) -> BTreeSet<String> {
    source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("#[ignore = \"runs "))
        .filter_map(|line| line.split_once(';'))
        .flat_map(|(programs, _)| programs.split(" and ").flat_map(|part| part.split(", ")))
        .map(|program| program.trim().to_owned())
        .collect()
}

/// Sees to it that every program is there: installs what is missing where that is possible
/// without asking (root on Debian), and otherwise names the line to run.
fn provide(programs: &BTreeSet<String>) -> Result<(), Failure> {
    let missing = |programs: &BTreeSet<String>| -> Vec<String> {
        let absent = programs.iter().filter(|program| !installed(program));
        absent.cloned().collect()
    };
    let absent = missing(programs);
    if absent.is_empty() {
        return Ok(());
    }
    let mut packages = Vec::new();
    for program in &absent {
        match PACKAGES.iter().find(|(name, _)| name == program) {
            Some((_, package)) => packages.extend(package.split(' ')),
            None => {
                return Err(Failure::task(format!(
                    "a test runs `{program}`, which is not installed; \
                     name its package in xtask/src/test.rs"
                )));
            }
        }
    }
    let line = format!("apt-get install -y {}", packages.join(" "));
    if !(Path::new("/etc/debian_version").exists() && is_root()) {
        return Err(Failure::task(format!(
            "the tests need {}; on Debian or Ubuntu run: sudo {line}",
            absent.join(", ")
        )));
    }
    let mut apt = std::process::Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "--no-install-recommends"])
        .args(&packages);
    if step(&mut apt).is_err() {
        // The lists may be older than the packages they name.
        step(std::process::Command::new("apt-get").arg("update"))?;
        step(&mut apt)?;
    }
    let absent = missing(programs);
    if absent.is_empty() {
        Ok(())
    } else {
        Err(Failure::task(format!(
            "`{line}` did not bring {}",
            absent.join(", ")
        )))
    }
}

fn is_root() -> bool {
    output(std::process::Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Every integration test of the workspace that reads no fixtures.
fn other_tests(workspace: &Workspace) -> Result<BTreeSet<String>, Failure> {
    let packages = workspace.packages()?;
    let targets = packages
        .iter()
        .filter_map(|package| package.get("targets")?.as_array())
        .flatten();
    Ok(targets
        .filter(|target| {
            target
                .pointer("/kind/0")
                .is_some_and(|kind| kind.as_str() == Some("test"))
        })
        .filter_map(|target| target.get("name")?.as_str())
        .filter(|name| *name != FIXTURE_TESTS)
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ignore_reason_names_the_programs() {
        let source = r#"
            #[test]
            #[ignore = "runs openssl; cargo xtask test runs it"]
            fn a() {}
            #[ignore = "runs openssl, xmlsec1 and sha256sum; cargo xtask test runs it"]
            fn b() {}
            #[ignore = "reads COUNTERSIGN_FIXTURES; cargo xtask test runs it"]
            fn c() {}
        "#;
        let programs: Vec<String> = programs_of(source).into_iter().collect();
        assert_eq!(programs, ["openssl", "sha256sum", "xmlsec1"]);
    }

    #[test]
    fn a_missing_program_without_a_known_package_is_named() {
        let unknown = BTreeSet::from(["no-such-program".to_owned()]);
        let Err(Failure::Task(message)) = provide(&unknown) else {
            panic!("must fail");
        };
        assert!(message.contains("`no-such-program`"), "{message}");
    }
}
