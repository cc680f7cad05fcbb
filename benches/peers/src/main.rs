//! Benchmarks with other implementations beside floor and countersign, in one run.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- [--brief]
//! ```
//!
//! writes one JSON object a row, as `countersign-benches` does; `cargo xtask bench` runs this in
//! its place. Each benchmark is a feature, because the peers of one take minutes to build; what
//! was built is what runs. The module `beside_…` of each asks its peers for the right answer
//! before anything is measured.
#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not run has to stop"
)]

#[cfg(feature = "policy_evaluate")]
mod beside_policy_evaluate;
#[cfg(feature = "policy_evaluate")]
mod jmespath_peer;

#[cfg(feature = "saml_verify")]
mod bergshamra_peer;
#[cfg(feature = "saml_verify")]
mod beside_saml_verify;
#[cfg(feature = "saml_verify")]
mod samael_peer;
#[cfg(feature = "saml_verify")]
mod saml_peer;

#[cfg(feature = "saml_verify")]
#[allow(dead_code, reason = "what the other benchmarks use of it")]
#[path = "../../src/acme.rs"]
mod acme;
#[allow(dead_code, reason = "what the other benchmarks use of it")]
#[path = "../../src/measure.rs"]
mod measure;
#[cfg(feature = "policy_evaluate")]
#[allow(dead_code, reason = "what runs it without peers")]
#[path = "../../src/policy_evaluate.rs"]
mod policy_evaluate;
#[allow(dead_code, reason = "what the other benchmarks use of it")]
#[path = "../../src/row.rs"]
mod row;
#[cfg(feature = "saml_verify")]
#[allow(dead_code, reason = "what runs it without peers")]
#[path = "../../src/saml_verify.rs"]
mod saml_verify;

use std::process::ExitCode;

use measure::Effort;
use row::Row;

/// A benchmark measures all of its cases.
type Bench = fn(Effort) -> Vec<Row>;

const BENCHES: &[Bench] = &[
    #[cfg(feature = "saml_verify")]
    beside_saml_verify::run,
    #[cfg(feature = "policy_evaluate")]
    beside_policy_evaluate::run,
];

fn main() -> ExitCode {
    let mut effort = Effort::FULL;
    for argument in std::env::args().skip(1) {
        if argument != "--brief" {
            eprintln!("`{argument}` is not known; there is --brief");
            return ExitCode::from(2);
        }
        effort = Effort::BRIEF;
    }
    for run in BENCHES {
        for row in run(effort) {
            println!("{}", row.json());
        }
    }
    ExitCode::SUCCESS
}
