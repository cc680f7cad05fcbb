//! `cargo xtask ci`: everything, briefly, ending with the tests.

use crate::workspace::{Failure, Workspace, say};
use crate::{bench, deps, differ, fuzz, lint, scale, test, vectors};

/// Long enough for each fuzz target to run its seeds and some thousand mutants.
const FUZZ_SECONDS: u32 = 10;

/// Runs each step even if one before it failed, so that one run tells all. The tests come last:
/// a run that passes ends with the closing lines of the test runner.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    type Step = fn(&Workspace) -> Result<(), Failure>;
    let steps: [(&str, Step); 8] = [
        ("lint", lint::run),
        ("deps", deps::run),
        ("vectors", vectors::check),
        ("fuzz", |workspace| {
            fuzz::run(workspace, &fuzz::Options::every(FUZZ_SECONDS))
        }),
        ("differ", |workspace| {
            differ::run(workspace, &differ::Options::brief())
        }),
        ("bench", |workspace| {
            bench::run(workspace, &bench::Options::brief())
        }),
        ("scale", |workspace| {
            scale::run(workspace, &scale::Options::brief("sqlite"))?;
            scale::run(workspace, &scale::Options::brief("postgres"))
        }),
        ("test", test::run),
    ];
    let mut failed = Vec::new();
    for (name, step) in steps {
        say(&format!("── {name}"));
        if let Err(Failure::Usage(message) | Failure::Task(message)) = step(workspace) {
            say(&format!("{name} FAILED: {message}"));
            failed.push(name);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::task(format!("failed: {}", failed.join(", "))))
    }
}
