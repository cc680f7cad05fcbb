//! From an older schema forward, with what is in it.

use countersign_audit::LedgerStore;
use countersign_postgres::OpenError;
use countersign_provision::store::UserStore;

use crate::common::{Postgres, database, first_sign_in, ledger, tenant, user_id};

/// All but the last.
const OLDER: [&str; 3] = [
    include_str!("../../migrations/0001_accounts_and_replay.sql"),
    include_str!("../../migrations/0002_ledger.sql"),
    include_str!("../../migrations/0003_snapshot_and_commit.sql"),
];

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_database_of_an_older_schema_comes_forward_with_its_data() {
    let postgres = Postgres::empty();
    for migration in OLDER {
        postgres.sql(migration);
    }
    postgres.run(async {
        let older = postgres.database().open().await.unwrap_err();
        assert!(matches!(older, OpenError::OlderSchema(version) if version.found() == 3));
        // What an older version would have written: nothing in the tables has changed since.
        postgres.sql("INSERT INTO countersign.migrations (number) VALUES (4)");
        let store = postgres.node().await;
        store.commit(&first_sign_in("ana")).await.unwrap();
        let book = ledger(std::sync::Arc::new(store.clone())).await;
        book.advance().await.unwrap();
        store.commit(&first_sign_in("ben")).await.unwrap();
        postgres.sql("DELETE FROM countersign.migrations WHERE number = 4");

        postgres.database().migrate().await.unwrap();
        let url = postgres.application_url();
        let store = database(&url).open().await.unwrap();
        for user in ["ana", "ben"] {
            let found = store.user(&tenant(), &user_id(user)).await.unwrap();
            assert!(found.is_some(), "{user}");
        }
        assert_eq!(store.size().await.unwrap(), 1);
        let book = ledger(std::sync::Arc::new(store)).await;
        assert_eq!(book.integrate().await.unwrap(), 2);
        let check = book.reader().verify_all(&[], &mut |_| ()).await.unwrap();
        assert_eq!(check.damage, []);
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_database_without_a_schema_is_told_apart() {
    let postgres = Postgres::empty();
    postgres.run(async {
        let none = postgres.database().open().await.unwrap_err();
        assert!(matches!(none, OpenError::NoSchema));
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_newer_schema_is_neither_opened_nor_migrated() {
    let postgres = Postgres::new();
    postgres.sql("INSERT INTO countersign.migrations (number) VALUES (99)");
    postgres.run(async {
        for outcome in [
            postgres.database().open().await.map(drop),
            postgres.database().migrate().await,
        ] {
            let newer = outcome.unwrap_err();
            assert!(matches!(newer, OpenError::NewerSchema(version) if version.found() == 99));
        }
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn many_nodes_may_migrate_at_once() {
    let postgres = Postgres::empty();
    postgres.run(async {
        let mut nodes = Vec::new();
        for _ in 0..8 {
            let database = postgres.database();
            nodes.push(tokio::spawn(async move { database.migrate().await }));
        }
        for node in nodes {
            node.await.unwrap().unwrap();
        }
        postgres.node().await;
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn another_encoding_than_utf_8_is_refused() {
    let postgres = Postgres::empty();
    postgres.sql("CREATE DATABASE latin_1 TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'");
    let (_, query) = postgres.url.split_once('?').unwrap();
    let url = format!("postgresql:///latin_1?{query}");
    postgres.run(async {
        for outcome in [
            database(&url).open().await.map(drop),
            database(&url).migrate().await,
        ] {
            assert!(matches!(outcome.unwrap_err(), OpenError::Encoding));
        }
    });
    postgres.sql("DROP DATABASE latin_1 WITH (FORCE)");
}
