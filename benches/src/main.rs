//! The benchmarks: each beside its floor, in one run.
//!
//! ```text
//! cargo run --release -p countersign-benches -- [NAME | GROUP] [--brief]
//! cargo run --release -p countersign-benches -- scale [--store sqlite | postgres] [--users N] [--entries N]
//! ```
//!
//! writes one JSON object a row to standard output; `cargo xtask bench` makes a table and plots
//! of them. A *floor* is the least work that any implementation has to do. [`measure`] alternates
//! between the subjects, [`row`] is what comes out; [`mod@scale`] fills
//! a store until it is large; every other module is a benchmark or the floor of one.
#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not run has to stop"
)]

mod acme;
mod bundle_signatures;
mod bundle_verify;
mod group_commit;
mod inclusion_proof;
mod ledger_append;
mod load;
mod measure;
mod plain_host;
mod policy_evaluate;
mod policy_load;
mod postgres_host;
mod row;
mod saml_verify;
mod scale;
mod sign_in_durable;
mod sign_in_postgres;
mod sqlite_chain;

use std::process::ExitCode;

use measure::Effort;
use row::Row;

/// A benchmark measures all of its cases.
type Bench = fn(Effort) -> Vec<Row>;

/// Benchmarks that are asked for by one name.
const GROUPS: [(&str, &[&str]); 1] = [(
    "stores",
    &["ledger_append", "sign_in_durable", "inclusion_proof"],
)];

const BENCHES: [(&str, Bench); 8] = [
    ("saml_verify", saml_verify::run),
    ("policy_evaluate", policy_evaluate::run),
    ("policy_load", policy_load::run),
    ("ledger_append", ledger_append::run),
    ("sign_in_durable", sign_in_durable::run),
    ("sign_in_durable", sign_in_postgres::run),
    ("bundle_verify", bundle_verify::run),
    ("inclusion_proof", inclusion_proof::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("scale", arguments)) = arguments.split_first().map(|(name, rest)| (&**name, rest))
    {
        return match scale::Options::parse(arguments) {
            Ok(options) => {
                scale::run(&options, &mut |row| println!("{row}"));
                ExitCode::SUCCESS
            }
            Err(message) => {
                eprintln!("{message}");
                ExitCode::from(2)
            }
        };
    }
    let mut effort = Effort::FULL;
    let mut chosen = None;
    for argument in arguments {
        if argument == "--brief" {
            effort = Effort::BRIEF;
        } else {
            chosen = Some(argument);
        }
    }
    let chosen = chosen.as_deref();
    if let Some(name) = chosen
        && !BENCHES.iter().any(|(bench, _)| is_chosen(name, bench))
    {
        let names = BENCHES.iter().map(|&(name, _)| name);
        let names: Vec<&str> = names.chain(GROUPS.map(|(name, _)| name)).collect();
        eprintln!(
            "`{name}` is not a benchmark; there are {}",
            names.join(", ")
        );
        return ExitCode::from(2);
    }
    for (name, run) in BENCHES {
        if chosen.is_none_or(|chosen| is_chosen(chosen, name)) {
            for row in run(effort) {
                println!("{}", row.json());
            }
        }
    }
    ExitCode::SUCCESS
}

/// Whether it is the benchmark that was asked for, or of the group that was.
fn is_chosen(asked: &str, bench: &str) -> bool {
    let group = GROUPS.iter().find(|(name, _)| *name == asked);
    group.map_or(asked == bench, |(_, benches)| benches.contains(&bench))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_group_is_made_of_benchmarks_and_has_a_name_of_its_own() {
        for (group, members) in GROUPS {
            let is_bench = |name: &str| BENCHES.iter().any(|(bench, _)| *bench == name);
            assert!(!is_bench(group));
            assert!(members.iter().all(|member| is_bench(member)));
            // One of several cases in rooms of their own stands there once for each.
            let names = BENCHES.iter().map(|(name, _)| *name);
            let chosen: BTreeSet<&str> = names.filter(|name| is_chosen(group, name)).collect();
            assert_eq!(chosen, members.iter().copied().collect());
        }
    }
}
