//! The store keeps the contract of every port.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use countersign_testkit::conformance;
use own_store::OwnStore;
use rusqlite::Connection;

/// A store over a database of the host's in which nobody is yet.
async fn store() -> OwnStore {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(include_str!("../host.sql")).unwrap();
    OwnStore::over(db).unwrap()
}

#[test]
fn it_is_a_user_store() {
    pollster::block_on(conformance::user_store(store)).assert_passed();
}

#[test]
fn it_is_a_ledger_store() {
    pollster::block_on(conformance::ledger_store(store)).assert_passed();
}

#[test]
fn it_is_a_replay_store() {
    pollster::block_on(conformance::replay_store(store)).assert_passed();
}

#[test]
fn it_is_a_vault() {
    pollster::block_on(conformance::vault(store)).assert_passed();
}
