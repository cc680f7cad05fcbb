//! `cargo xtask test`: every test, with what the tests need.
//!
//! Plain `cargo test` needs Rust and a C compiler and lists what it leaves out as ignored: tests
//! that read fixtures (`tests/fixtures`) and tests that run other programs
//! (`tests/external.rs`). Here both run. What a test runs stands in its `#[ignore]` reason
//! (`runs openssl; …`), so this file needs no list of tests.

use std::collections::BTreeSet;

use crate::need::{self, Need, program, provider};
use crate::postgres_cluster::PostgresCluster;
use crate::workspace::{Failure, Workspace, say, step, succeeds};

/// Folder of fixtures beside the workspace, if nothing else is named.
const USUAL_FIXTURES: &str = "../shared/fixtures";

/// The test binaries that read fixtures, in every crate.
const FIXTURE_TESTS: &str = "fixtures";

/// Decryption is tested with both libraries. Plain `cargo test` leaves out AWS-LC, whose C takes a
/// minute or two to build; the other comes with the command. It also leaves out the schema of
/// records.
const FEATURES: [&str; 2] = [
    "--features",
    "countersign-cli/aws-lc-rs,countersign-audit/schema",
];

/// Installs the identity providers and checkers that Debian does not.
const PROVIDERS: &str = "crates/countersign-testkit/providers/providers.sh";

/// Everything that tests and tasks may run.
const NEEDS: &[Need] = &[
    program("bash", "bash"),
    program("cc", "gcc libc6-dev"),
    program("chromedriver", "chromium-driver"),
    program("chromium", "chromium"),
    program("curl", "curl"),
    Need {
        check: Some(POSTGRES_CHECK),
        ..program("initdb", "postgresql")
    },
    program("jq", "jq"),
    program("openssl", "openssl"),
    program("pdftotext", "poppler-utils"),
    Need {
        check: Some(POSTGRES_CHECK),
        ..program("pg_ctl", "postgresql")
    },
    program("python3", "python3"),
    program("samlsign", "opensaml-tools"),
    program("sha256sum", "coreutils"),
    program("unzip", "unzip"),
    Need {
        check: Some("command -v xmllint && ls /usr/share/xml/opensaml /usr/share/xml/xmltooling"),
        ..program(
            "xmllint",
            "libxml2-utils opensaml-schemas xmltooling-schemas",
        )
    },
    // `cargo xtask differ` compiles with it.
    program("xml2-config", "libxml2-dev"),
    program("xmlsec1", "xmlsec1"),
    provider("cryptography", PYTHON, PYTHON_CHECK),
    provider("jsonschema", PYTHON, PYTHON_CHECK),
    provider(
        "lasso",
        "openssl python3-lasso",
        "command -v openssl && /usr/bin/python3 -c 'import lasso'",
    ),
    provider("pysaml2", PYTHON, PYTHON_CHECK),
    provider(
        "samlp",
        "nodejs npm openssl",
        "command -v openssl && command -v node && command -v npm",
    ),
    provider("signxml", PYTHON, PYTHON_CHECK),
    provider(
        "simplesamlphp",
        "openssl php-cli php-curl php-mbstring php-xml",
        "command -v openssl && php -r 'new DOMDocument; curl_init(); mb_strlen(\"\");'",
    ),
    provider("xmlsec", PYTHON, PYTHON_CHECK),
];

/// Debian keeps the server's programs in a folder of their version, outside of `PATH`.
const POSTGRES_CHECK: &str = "ls /usr/lib/postgresql/*/bin/initdb || command -v initdb";

/// What the Python packages of `providers.sh` stand on.
const PYTHON: &str = "openssl python3-venv xmlsec1";
const PYTHON_CHECK: &str =
    "command -v openssl && command -v xmlsec1 && /usr/bin/python3 -m ensurepip --version";

/// Sees to it that everything that the tests run is there: installs what is missing where that is
/// possible without asking (root on Debian), and otherwise names the line to run.
pub(crate) fn provide(workspace: &Workspace) -> Result<(), Failure> {
    let needs = needs(workspace)?;
    need::provide("the tests", &needs)?;
    let providers = needs.iter().filter(|need| need.is_provider);
    let providers: Vec<&str> = providers.map(|need| need.name).collect();
    if providers.is_empty() {
        return Ok(());
    }
    step(
        workspace
            .command("bash")
            .args([PROVIDERS, "install"])
            .args(providers),
    )
}

/// The same for the programs of another task, which `whom` names.
pub(crate) fn provide_named(whom: &str, names: &[&str]) -> Result<(), Failure> {
    let needs: Result<Vec<Need>, Failure> = names.iter().map(|name| need_of(name)).collect();
    need::provide(whom, &needs?)
}

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    provide(workspace)?;
    let fixtures = fixtures(workspace)?;
    // One for all tests: under nextest each of them is a process, and would start its own.
    let postgres = PostgresCluster::start();

    // What ring alone decrypts, and that the rest is refused by name: the run below has more.
    let alone = ["--package=countersign-dsig", "--test=encryption"];
    step(workspace.cargo(["test", "--locked"]).args(alone))?;

    // Doc tests first, so that the run ends with the closing lines of the test runner.
    step(
        workspace
            .cargo(["test", "--workspace", "--doc", "--locked"])
            .args(FEATURES),
    )?;

    let mut tests = if succeeds(&mut workspace.cargo(["nextest", "--version"])) {
        let mut command = workspace.cargo([
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "--no-fail-fast",
            "--run-ignored=all",
        ]);
        command.args(FEATURES);
        if fixtures.is_none() {
            command.arg(format!("--filterset=not binary(={FIXTURE_TESTS})"));
        }
        command
    } else {
        let mut command = workspace.cargo(["test", "--workspace", "--locked", "--no-fail-fast"]);
        command.args(FEATURES);
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
    tests.env("COUNTERSIGN_POSTGRES", postgres.url());
    step(&mut tests)?;
    drop(postgres);

    if fixtures.is_none() {
        say("");
        say("LEFT OUT: the tests that read real data. These did not run:");
        for file in workspace.files(&["*/tests/fixtures.rs", "*/tests/fixtures/main.rs"])? {
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

/// What building and the tests need.
fn needs(workspace: &Workspace) -> Result<Vec<Need>, Failure> {
    let mut names = BTreeSet::from(["cc".to_owned()]);
    for file in workspace.files(&["*/tests/external.rs", "*/tests/external/*.rs"])? {
        let path = workspace.path(&file);
        let source = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, error))?;
        names.extend(names_in(&source));
    }
    names.iter().map(|name| need_of(name)).collect()
}

/// What a source file's `#[ignore = "runs a and b; …"]` reasons name.
fn names_in(source: &str) -> BTreeSet<String> {
    source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("#[ignore = \"runs "))
        .filter_map(|line| line.split_once(';'))
        .flat_map(|(names, _)| names.split(" and ").flat_map(|part| part.split(", ")))
        .map(|name| name.trim().to_owned())
        .collect()
}

fn need_of(name: &str) -> Result<Need, Failure> {
    let known = NEEDS.iter().find(|need| need.name == name);
    known.copied().ok_or_else(|| {
        Failure::task(format!(
            "a test runs `{name}`; name its package in xtask/src/test.rs"
        ))
    })
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
        let names: Vec<String> = names_in(source).into_iter().collect();
        assert_eq!(names, ["openssl", "sha256sum", "xmlsec1"]);
    }

    #[test]
    fn a_program_without_a_known_package_is_named() {
        let Err(Failure::Task(message)) = need_of("no-such-program") else {
            panic!("must fail");
        };
        assert!(message.contains("`no-such-program`"), "{message}");
    }
}
