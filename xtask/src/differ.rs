//! `cargo xtask differ`: our trees and canonical forms beside those of libxml2, xmlsec1 and
//! roxmltree, on generated documents.
//!
//! The comparison is the package `fuzz-differ`; this provides the other programs and compiles the
//! one that asks libxml2.

use crate::test;
use crate::workspace::{Failure, Workspace, output, step};

/// What the comparison runs: a compiler, libxml2 with its headers, xmlsec1.
const NEEDS: [&str; 3] = ["cc", "xml2-config", "xmlsec1"];

/// The program that asks libxml2.
const SOURCE: &str = "fuzz/differ/libxml2.c";

/// Where that goes, and what differs; beside what git ignores already.
const FOLDER: &str = "target/differ";

/// How much is compared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    documents: u64,
    /// In each direction.
    signatures: u64,
    seed: u64,
}

impl Options {
    const FULL: Self = Self {
        documents: 1_000_000,
        signatures: 2_000,
        seed: 1,
    };

    /// Some seconds' worth.
    pub(crate) fn brief() -> Self {
        Self {
            documents: 20_000,
            signatures: 100,
            ..Self::FULL
        }
    }

    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self::FULL;
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            let option = match argument {
                "--documents" => &mut options.documents,
                "--signatures" => &mut options.signatures,
                "--seed" => &mut options.seed,
                _ => return Err(Failure::usage(format!("differ does not take `{argument}`"))),
            };
            *option = rest
                .next()
                .and_then(|number| number.parse().ok())
                .ok_or_else(|| Failure::usage(format!("{argument} wants a whole number")))?;
        }
        Ok(options)
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    test::provide_named("the comparisons", &NEEDS)?;
    let folder = workspace.path(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
    let flags = output(
        workspace
            .command("xml2-config")
            .args(["--cflags", "--libs"]),
    )?;
    let libxml2 = format!("{FOLDER}/libxml2");
    let mut compile = workspace.command("cc");
    compile.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]);
    compile.args(["-o", &libxml2, SOURCE]);
    compile.args(flags.split_whitespace());
    step(&mut compile)?;

    let package = [
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "fuzz-differ",
    ];
    let mut differ = workspace.cargo(["run"]);
    differ.args(package).args(["--", &libxml2]);
    for number in [options.documents, options.signatures, options.seed] {
        differ.arg(number.to_string());
    }
    differ.arg(format!("{FOLDER}/findings"));
    step(&mut differ)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let options = Options::parse(&["--seed", "7", "--documents", "3"]).unwrap();
        let expected = Options {
            documents: 3,
            seed: 7,
            ..Options::FULL
        };
        assert_eq!(options, expected);
        assert_eq!(Options::parse(&[]).unwrap(), Options::FULL);
        for wrong in [&["--documents"][..], &["--documents", "many"], &["7"]] {
            assert!(
                matches!(Options::parse(wrong), Err(Failure::Usage(_))),
                "{wrong:?}"
            );
        }
    }
}
