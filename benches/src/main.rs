//! The benchmarks: each beside its floor, in one run.
//!
//! ```text
//! cargo run --release -p countersign-benches -- [NAME] [--brief]
//! ```
//!
//! writes one JSON object a row to standard output; `cargo xtask bench` makes a table and plots
//! of them. A *floor* is the least work that any implementation has to do. [`measure`] alternates
//! between the subjects, [`row`] is what comes out; every other module is a benchmark or the
//! floor of one.
#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not run has to stop"
)]

mod acme;
mod bundle_verify;
mod group_commit;
mod inclusion_proof;
mod ledger_append;
mod load;
mod measure;
mod policy_evaluate;
mod policy_load;
mod row;
mod saml_verify;
mod sign_in_durable;
mod sqlite_chain;

use std::process::ExitCode;

use measure::Effort;
use row::Row;

/// A benchmark measures all of its cases.
type Bench = fn(Effort) -> Vec<Row>;

const BENCHES: [(&str, Bench); 7] = [
    ("saml_verify", saml_verify::run),
    ("policy_evaluate", policy_evaluate::run),
    ("policy_load", policy_load::run),
    ("ledger_append", ledger_append::run),
    ("sign_in_durable", sign_in_durable::run),
    ("bundle_verify", bundle_verify::run),
    ("inclusion_proof", inclusion_proof::run),
];

fn main() -> ExitCode {
    let mut effort = Effort::FULL;
    let mut chosen = None;
    for argument in std::env::args().skip(1) {
        if argument == "--brief" {
            effort = Effort::BRIEF;
        } else {
            chosen = Some(argument);
        }
    }
    if let Some(name) = &chosen
        && !BENCHES.iter().any(|(bench, _)| bench == name)
    {
        let names: Vec<&str> = BENCHES.iter().map(|&(name, _)| name).collect();
        eprintln!(
            "`{name}` is not a benchmark; there are {}",
            names.join(", ")
        );
        return ExitCode::from(2);
    }
    for (name, run) in BENCHES {
        if chosen.as_deref().is_none_or(|chosen| chosen == name) {
            for row in run(effort) {
                println!("{}", row.json());
            }
        }
    }
    ExitCode::SUCCESS
}
