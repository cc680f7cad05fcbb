//! `cargo xtask crash`: processes killed in the middle of their work, and what is left.
//!
//! The package `countersign-crash` does it, and reads the arguments. A bounded version is among
//! the tests of that package.

use crate::test;
use crate::workspace::{Failure, Workspace, step};

/// What it compiles the disk with that fails on purpose.
const NEEDS: [&str; 1] = ["cc"];
/// What it starts a server with.
pub(crate) const SERVER_NEEDS: [&str; 2] = ["initdb", "pg_ctl"];

pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    test::provide_named("the crash tests", &NEEDS)?;
    if arguments.contains(&"postgres") {
        test::provide_named("the crash tests", &SERVER_NEEDS)?;
    }
    let mut crash = workspace.cargo(["run", "--quiet", "--locked", "--release"]);
    let task = match arguments.contains(&"--races") {
        true => "races",
        false => "crash",
    };
    crash.args(["--package", "countersign-crash", "--", task]);
    step(crash.args(arguments.iter().filter(|argument| **argument != "--races")))
}
