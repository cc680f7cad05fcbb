//! Everything that CI does, runnable by hand: `cargo xtask <task>`.
//!
//! | module | task |
//! |---|---|
//! | [`mod@test`] | every test, with what the tests need |
//! | [`lint`] | format, clippy, rustdoc, cargo-deny |
//! | [`deps`] | the arrows between the crates, what must never be pulled in, and [`licences`] |
//! | [`fuzz`] | the fuzz targets, from their seeds and kept corpus |
//! | [`differ`] | our trees and canonical forms beside those of other libraries |
//! | [`mod@bench`] | the benchmarks; their table and plots |
//! | [`scale`] | what a store takes as it grows |
//! | [`crash`] | processes killed in the middle of their work, and what is left |
//! | [`vectors`] | the committed generators, run again |
//! | [`ci`] | all of these in turn |
//!
//! [`workspace`] knows the folder and runs programs in it; [`need`] installs what they need; [`plot`]
//! draws bars, and [`lines`] what grows; [`postgres_cluster`] is the server of the tests.

mod bench;
mod ci;
mod crash;
mod deps;
mod differ;
mod fuzz;
mod licences;
mod lines;
mod lint;
mod need;
mod plot;
#[path = "../../crates/countersign-testkit/src/postgres_cluster.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the harness of the tests, which needs the standard library alone; here it is only started"
)]
mod postgres_cluster;
mod scale;
mod test;
mod vectors;
mod workspace;

use std::process::ExitCode;

use workspace::{Failure, Workspace};

const USAGE: &str = "\
usage: cargo xtask <task>

  test                          every test and doc test; installs or names what they need
  provide                       what they need, without running them
  lint                          rustfmt, clippy, rustdoc, and cargo-deny where it is installed
  deps                          the dependency arrows of DESIGN.md, and the licences of deny.toml
  fuzz [TARGET] [--seconds N]   each fuzz target, or one, for N seconds (120)
  fuzz --minimize [TARGET]      keep the smallest inputs that reach all that was reached
  differ [--documents N] [--signatures N] [--seed N]
                                compare trees and canonical forms of N generated documents
                                (1,000,000) with those of libxml2 and roxmltree, and check N
                                signatures (2,000) with xmlsec1 in each direction
  bench [NAME] [--brief] [--json] [--without-peers]
                                each benchmark, or one, or those of all `stores`; without --brief
                                and --json the table and plots in docs/benchmarks are written anew;
                                saml_verify and policy_evaluate have other implementations beside
                                ours, unless they are to be left out
  bench scale [--store sqlite|postgres] [--users N] [--entries N] [--minutes N]
              [--brief] [--json] [--from FILE]
                                fill a store (1,000,000 and 10,000,000) in three steps, and measure
                                sign-ins, proofs, memory and disk at each, the last when the minutes
                                are over; takes up to 20 GB of disk. With --from the rows are those
                                that the benchmark has printed before
  crash [--store sqlite|postgres] [--nodes N] [--rounds N] [--seed N] [--json]
                                kill a process under load N times (1,000), by chance and at named
                                points, or the server, and look after each kill for what was lost
  crash --races [--store memory|sqlite|postgres] [--rounds N] [--json]
                                let many sign in at the same moment, where two orders differ
  vectors [--check]             run the committed generators; --check fails if a file changed
  ci                            lint, deps, vectors; fuzz, differ and bench briefly; then test

COUNTERSIGN_FIXTURES names the folder of real data that the `fixtures` tests read, absolute or
relative to the workspace; if it is not set, ../shared/fixtures serves if it is there.
";

/// A task from its name and arguments.
fn run(arguments: &[&str]) -> Result<(), Failure> {
    let workspace = Workspace::find();
    match arguments {
        ["test"] => test::run(&workspace),
        ["provide"] => test::provide(&workspace),
        ["lint"] => lint::run(&workspace),
        ["deps"] => deps::run(&workspace),
        ["fuzz", rest @ ..] => fuzz::run(&workspace, &fuzz::Options::parse(rest)?),
        ["differ", rest @ ..] => differ::run(&workspace, &differ::Options::parse(rest)?),
        ["bench", "scale", rest @ ..] => scale::run(&workspace, &scale::Options::parse(rest)?),
        ["bench", rest @ ..] => bench::run(&workspace, &bench::Options::parse(rest)?),
        ["crash", rest @ ..] => crash::run(&workspace, rest),
        ["vectors"] => vectors::run(&workspace),
        ["vectors", "--check"] => vectors::check(&workspace),
        ["ci"] => ci::run(&workspace),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        [] => Err(Failure::usage("which task?")),
        other => Err(Failure::usage(format!(
            "`{}` is not a task",
            other.join(" ")
        ))),
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("xtask: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Task(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
