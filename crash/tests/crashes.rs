//! Kills, and what is left; and that a check that finds nothing could have.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs rounds as `cargo xtask crash` does.
fn crash(rounds: u32, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign-crash"))
        .args(["crash", "--json", "--rounds", &rounds.to_string()])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = FINDINGS.iter().any(|name| report[name] != 0);
    assert_eq!(output.status.success(), !found, "{report}");
    report
}

const FINDINGS: [&str; 5] = ["lost", "orphan_users", "orphan_records", "forks", "damaged"];

#[test]
fn nothing_acknowledged_is_lost_when_a_process_is_killed() {
    let report = crash(32, &["--seed", "1"]);
    for name in FINDINGS {
        assert_eq!(report[name], 0, "{name}: {report}");
    }
    assert_eq!(report["rounds"], 32);
    assert!(report["acknowledged"].as_u64().unwrap() > 100, "{report}");
    // Points at the ports, at the disk, and losses of power were among the ends.
    let ends = report["ends"].as_object().unwrap();
    assert!(ends.len() > 10, "{report}");
}

/// Two processes on one file, of which one is killed at a point while the other goes on.
#[test]
fn nothing_is_lost_when_one_of_two_processes_on_a_file_is_killed() {
    let report = crash(10, &["--seed", "2", "--nodes", "2"]);
    for name in FINDINGS {
        assert_eq!(report[name], 0, "{name}: {report}");
    }
    assert!(report["acknowledged"].as_u64().unwrap() > 30, "{report}");
}

#[test]
fn a_store_that_acknowledges_before_it_commits_is_found() {
    let report = crash(8, &["--defect", "acknowledges-first"]);
    assert_ne!(report["lost"], 0, "{report}");
}

#[test]
fn a_store_that_records_in_a_second_transaction_is_found() {
    let report = crash(8, &["--defect", "records-later"]);
    assert_ne!(report["orphan_users"], 0, "{report}");
    let report = crash(8, &["--defect", "records-before"]);
    assert_ne!(report["orphan_records"], 0, "{report}");
}

#[test]
fn a_store_that_forgets_the_outbox_is_found() {
    let report = crash(1, &["--defect", "forgets-the-outbox"]);
    assert_ne!(report["lost"], 0, "{report}");
    assert_ne!(report["orphan_users"], 0, "{report}");
}

/// A loss of power takes what was not synced: with a disk that only says that it has, the same
/// rounds lose what was acknowledged.
#[test]
fn a_disk_that_lies_about_a_sync_is_found() {
    let report = crash(12, &["--defect", "lying-disk"]);
    assert_ne!(report["lost"], 0, "{report}");
}

#[test]
fn a_store_that_was_set_back_is_found() {
    let report = crash(6, &["--defect", "goes-back"]);
    assert_ne!(report["forks"], 0, "{report}");
    assert_ne!(report["lost"], 0, "{report}");
}
