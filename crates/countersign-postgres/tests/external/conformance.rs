//! The ports' contracts, kept with the rights of the application's role: all but the vault's, whose
//! `scrub` rewrites tables.

use countersign_testkit::conformance;

use crate::common::Postgres;

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn postgres_is_a_user_store() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    postgres
        .run(conformance::user_store(|| postgres.emptied(&url)))
        .assert_passed();
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn postgres_is_a_ledger_store() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    postgres
        .run(conformance::ledger_store(|| postgres.emptied(&url)))
        .assert_passed();
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn postgres_is_a_replay_store() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    postgres
        .run(conformance::replay_store(|| postgres.emptied(&url)))
        .assert_passed();
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn postgres_is_a_vault() {
    let postgres = Postgres::new();
    postgres
        .run(conformance::vault(|| postgres.emptied(&postgres.url)))
        .assert_passed();
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn the_integrator_is_a_ledger_store() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    let make = || async {
        let node = postgres.emptied(&url).await;
        // The one of the check before lets go when its connection is closed.
        node.become_integrator().await.unwrap()
    };
    postgres
        .run(conformance::ledger_store(make))
        .assert_passed();
}
