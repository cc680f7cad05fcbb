//! Many who do the same at once; `COUNTERSIGN_RACE_ROUNDS` says how often.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::process::Command;

use serde_json::Value;

fn race(store: &str, rounds: &str, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign-crash"))
        .args(["races", "--json", "--store", store, "--rounds", rounds])
        .args(arguments)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.success(), report["wrong"] == 0, "{report}");
    report
}

fn rounds(bounded: &str) -> String {
    std::env::var("COUNTERSIGN_RACE_ROUNDS").unwrap_or_else(|_| bounded.to_owned())
}

#[test]
fn every_history_of_a_race_in_memory_is_an_allowed_one() {
    let report = race("memory", &rounds("16"), &[]);
    assert_eq!(report["wrong"], 0, "{report}");
}

#[test]
fn every_history_of_a_race_in_sqlite_is_an_allowed_one() {
    let report = race("sqlite", &rounds("4"), &[]);
    assert_eq!(report["wrong"], 0, "{report}");
}

#[test]
fn a_store_that_looks_before_it_writes_is_found() {
    for defect in ["looks-before-it-seats", "looks-before-it-updates"] {
        let report = race("memory", "4", &["--defect", defect]);
        assert_ne!(report["wrong"], 0, "{defect}: {report}");
    }
}
