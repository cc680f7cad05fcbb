//! The ports' contracts.

use countersign_testkit::conformance;

use crate::common::Postgres;

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn postgres_is_a_user_store() {
    let postgres = Postgres::new();
    postgres
        .run(conformance::user_store(|| postgres.store()))
        .assert_passed();
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn postgres_is_a_ledger_store() {
    let postgres = Postgres::new();
    postgres
        .run(conformance::ledger_store(|| postgres.store()))
        .assert_passed();
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn postgres_is_a_replay_store() {
    let postgres = Postgres::new();
    postgres
        .run(conformance::replay_store(|| postgres.store()))
        .assert_passed();
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn postgres_is_a_vault() {
    let postgres = Postgres::new();
    postgres
        .run(conformance::vault(|| postgres.store()))
        .assert_passed();
}
