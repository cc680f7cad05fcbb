//! What the application's role, and even the owner, can not do.

use countersign_audit::VaultStore;
use countersign_core::{CorrelationId, StoreErrorKind, VaultOwner};
use countersign_postgres::tokio_postgres;
use countersign_provision::store::{Change, UserStore, UserWrite};
use countersign_provision::user::UserState;
use countersign_testkit::postgres_cluster::run_sql;

use crate::common::{Postgres, database, first_sign_in, ledger, tenant, user_id};

/// What nobody may change, with a column of it.
const KEPT: [(&str, &str); 6] = [
    ("entries", "bytes"),
    ("leaves", "position"),
    ("nodes", "hash"),
    ("anchors", "note"),
    ("anchor_tokens", "token"),
    ("outbox", "number"),
];

/// Statements that take something back.
fn forbidden() -> Vec<String> {
    let mut all = Vec::new();
    for (table, column) in KEPT {
        all.push(format!(
            "UPDATE countersign.{table} SET {column} = {column}"
        ));
        all.push(format!("DELETE FROM countersign.{table}"));
        all.push(format!("TRUNCATE countersign.{table} CASCADE"));
    }
    for table in ["tree", "checkpoint", "rotation"] {
        all.push(format!("DELETE FROM countersign.{table}"));
        all.push(format!("TRUNCATE countersign.{table}"));
    }
    all.extend(
        [
            "UPDATE countersign.tree SET size = size - 1",
            "UPDATE countersign.tree SET epoch = epoch - 1",
            "UPDATE countersign.checkpoint SET size = size - 1",
            // A leaf beyond the end, and one that is there already.
            "INSERT INTO countersign.leaves (position, number)
                 SELECT 7, max(number) FROM countersign.outbox",
            "INSERT INTO countersign.leaves (position, number)
                 SELECT 1, number FROM countersign.leaves",
        ]
        .map(str::to_owned),
    );
    all
}

async fn refusals(postgres: &Postgres, url: &str) -> Vec<(String, Option<String>)> {
    let connecting = tokio_postgres::connect(url, tokio_postgres::NoTls);
    let (client, connection) = connecting.await.unwrap();
    tokio::spawn(connection);
    let store = postgres.node().await;
    for user in ["ana", "ben"] {
        store.commit(&first_sign_in(user)).await.unwrap();
        if user == "ana" {
            ledger(std::sync::Arc::new(store.clone()))
                .await
                .advance()
                .await
                .unwrap();
        }
    }
    // So that each statement has a row to change.
    postgres.sql(
        "INSERT INTO countersign.anchors VALUES (1, 'note');
         INSERT INTO countersign.anchor_tokens VALUES (1, 0, 'token');
         INSERT INTO countersign.rotation SELECT 0, leaf FROM countersign.entries LIMIT 1;
         UPDATE countersign.tree SET epoch = epoch + 1",
    );
    let mut outcomes = Vec::new();
    for statement in forbidden() {
        let outcome = client.batch_execute(&statement).await;
        let code = outcome.err().map(|error| {
            let code = error.code().map(|code| code.code().to_owned());
            code.unwrap_or_default()
        });
        outcomes.push((statement, code));
    }
    outcomes
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn the_applications_role_takes_nothing_back() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    for (statement, code) in postgres.run(refusals(&postgres, &url)) {
        // No right to it, or a trigger, or a key.
        let code = code.unwrap_or_else(|| panic!("`{statement}` was carried out"));
        assert!(
            ["42501", "CS001", "CS002", "23505"].contains(&code.as_str()),
            "`{statement}`: {code}"
        );
        let is_plain = statement.starts_with("DELETE") || statement.starts_with("TRUNCATE");
        assert!(!is_plain || code == "42501", "`{statement}`: {code}");
    }
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn not_even_the_owner_does_by_mistake() {
    let postgres = Postgres::new();
    for (statement, code) in postgres.run(refusals(&postgres, &postgres.url)) {
        let code = code.unwrap_or_else(|| panic!("`{statement}` was carried out"));
        assert!(
            ["CS001", "CS002", "23505", "0A000"].contains(&code.as_str()),
            "`{statement}`: {code}"
        );
    }
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_user_without_the_role_reads_nothing() {
    let postgres = Postgres::new();
    postgres.sql("CREATE ROLE somebody_else LOGIN");
    let url = postgres.url.replace("user=postgres", "user=somebody_else");
    postgres.run(async {
        database(&url).open().await.unwrap_err();
    });
    postgres.sql("DROP ROLE somebody_else");
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn what_was_erased_leaves_the_tables_files() {
    let postgres = Postgres::new();
    let url = postgres.application_url();
    postgres.run(async {
        let application = database(&url).open().await.unwrap();
        let mut change = first_sign_in("ana");
        if let UserWrite::Create(user) = &mut change.users[0] {
            user.display_name = Some("a name that nobody else has".to_owned());
        }
        application.commit(&change).await.unwrap();
        let found = application.user(&tenant(), &user_id("ana")).await.unwrap();
        let mut user = found.unwrap().user;
        user.display_name = None;
        user.state = UserState::Erased;
        let mut change = Change::new(tenant());
        change.users.push(UserWrite::Update {
            user,
            expected_version: 1,
        });
        change
            .erase
            .push(VaultOwner::Account(tenant(), user_id("ana")));
        application.commit(&change).await.unwrap();
        let is_in_files = || async {
            // What pages hold beside their rows, as somebody with the disk would read it.
            run_sql(&postgres.url, "CHECKPOINT");
            let client = postgres.client().await;
            let sql = "SELECT position('a name that nobody else has'::bytea IN
                 pg_read_binary_file(pg_relation_filepath('countersign.users'))) > 0";
            client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0)
        };
        assert!(is_in_files().await);
        // Before PostgreSQL 17 only the owner can.
        let version = postgres.client().await;
        let version = version.query_one("SHOW server_version_num", &[]).await;
        let version: i32 = version.unwrap().get::<_, &str>(0).parse().unwrap();
        let by_application = application.scrub().await;
        assert_eq!(by_application.is_ok(), version >= 170_000);
        // A reader of what was before holds it back, and it says so.
        let owner = postgres.node().await;
        let reader = postgres.client().await;
        let read = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM countersign.spent";
        reader.batch_execute(read).await.unwrap();
        owner.commit(&first_sign_in("ben")).await.unwrap();
        let mut change = Change::new(tenant());
        let walk = CorrelationId::new("walk").unwrap();
        change.erase.push(VaultOwner::Walk(tenant(), walk));
        owner.commit(&change).await.unwrap();
        let held_back = owner.scrub().await.unwrap_err();
        assert_eq!(held_back.kind(), StoreErrorKind::Unavailable);
        reader.batch_execute("COMMIT").await.unwrap();
        owner.scrub().await.unwrap();
        assert!(!is_in_files().await);
        // Nothing is left to do, for whomever.
        application.scrub().await.unwrap();
    });
}
