//! The same on PostgreSQL: several nodes on one database, of which one is killed, or the server
//! under all of them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::process::{Command, Stdio};

use serde_json::Value;

fn run(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign-crash"))
        .args(arguments)
        .args(["--json", "--store", "postgres"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn nothing_acknowledged_is_lost_when_a_node_or_the_server_is_killed() {
    let report = run(&["crash", "--nodes", "2", "--rounds", "8", "--seed", "3"]);
    for name in ["lost", "orphan_users", "orphan_records", "forks", "damaged"] {
        assert_eq!(report[name], 0, "{name}: {report}");
    }
    assert!(report["acknowledged"].as_u64().unwrap() > 10, "{report}");
    // Each of them once, and after it every node has had an answer again.
    assert_eq!(report["ends"]["server:immediate"], 1, "{report}");
    assert_eq!(report["ends"]["server:postmaster"], 1, "{report}");
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn every_history_of_a_race_in_postgres_is_an_allowed_one() {
    let report = run(&["races", "--rounds", "2"]);
    assert_eq!(report["wrong"], 0, "{report}");
}
