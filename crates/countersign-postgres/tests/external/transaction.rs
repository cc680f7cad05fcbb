//! Our change and the host's rows in one transaction.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use async_trait::async_trait;
use countersign_core::{
    ConnectionId, OneTimeKey, ReplayKey, StoreError, StoreErrorKind, Timestamp,
};
use countersign_postgres::tokio_postgres::{IsolationLevel, Transaction};
use countersign_postgres::{HostRows, store_error};
use countersign_provision::store::{Change, UserQuery, UserStore, UserWrite};

use crate::common::{Postgres, first_sign_in, tenant, user_id};

const PATIENTS: &str = "CREATE TABLE patients (id text PRIMARY KEY)";

async fn patients(postgres: &Postgres) -> i64 {
    let client = postgres.client().await;
    let row = client.query_one("SELECT count(*) FROM patients", &[]).await;
    row.unwrap().get(0)
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_change_and_the_hosts_row_are_committed_or_rolled_back_together() {
    let postgres = Postgres::new();
    postgres.sql(PATIENTS);
    postgres.run(async {
        let store = postgres.node().await;
        let mut client = postgres.client().await;
        for (user, commits) in [("ana", true), ("ben", false)] {
            let transaction = client.transaction().await.unwrap();
            let insert = "INSERT INTO patients VALUES ($1)";
            transaction.execute(insert, &[&user]).await.unwrap();
            let change = first_sign_in(user);
            store.commit_in(&transaction, &change).await.unwrap();
            // Nobody sees a half of it.
            assert_eq!(store.user(&tenant(), &user_id(user)).await.unwrap(), None);
            if commits {
                transaction.commit().await.unwrap();
            } else {
                transaction.rollback().await.unwrap();
            }
            let found = store.user(&tenant(), &user_id(user)).await.unwrap();
            assert_eq!(found.is_some(), commits, "{user}");
            assert_eq!(patients(&postgres).await, 1);
        }
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_host_that_overlooks_a_conflict_commits_nothing() {
    let postgres = Postgres::new();
    postgres.sql(PATIENTS);
    postgres.run(async {
        let store = postgres.node().await;
        store.commit(&first_sign_in("ana")).await.unwrap();
        let mut stale = first_sign_in("cleo");
        stale.users.push(UserWrite::Expect {
            user: user_id("ana"),
            version: 7,
        });
        let mut foreign = first_sign_in("dora");
        foreign.tenant = countersign_core::TenantId::new("globex").unwrap();
        let mut client = postgres.client().await;
        for (change, kind) in [
            // A key that is taken, a version that is not expected, and what no store carries out.
            (first_sign_in("ana"), StoreErrorKind::Conflict),
            (stale, StoreErrorKind::Conflict),
            (foreign, StoreErrorKind::Other),
        ] {
            let transaction = client.transaction().await.unwrap();
            let insert = "INSERT INTO patients VALUES ('overlooked')";
            transaction.batch_execute(insert).await.unwrap();
            let refused = store.commit_in(&transaction, &change).await.unwrap_err();
            assert_eq!(refused.kind(), kind);
            let _ = transaction.commit().await;
            assert_eq!(patients(&postgres).await, 0);
        }
        for user in ["cleo", "dora"] {
            assert_eq!(store.user(&tenant(), &user_id(user)).await.unwrap(), None);
        }
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn within_a_savepoint_the_host_may_go_on_after_a_conflict() {
    let postgres = Postgres::new();
    postgres.sql(PATIENTS);
    postgres.run(async {
        let store = postgres.node().await;
        store.commit(&first_sign_in("ana")).await.unwrap();
        let mut client = postgres.client().await;
        let mut transaction = client.transaction().await.unwrap();
        let insert = "INSERT INTO patients VALUES ('ben')";
        transaction.batch_execute(insert).await.unwrap();
        let savepoint = transaction.transaction().await.unwrap();
        let again = first_sign_in("ana");
        let refused = store.commit_in(&savepoint, &again).await.unwrap_err();
        assert!(refused.is_conflict());
        savepoint.rollback().await.unwrap();
        let change = first_sign_in("ben");
        store.commit_in(&transaction, &change).await.unwrap();
        transaction.commit().await.unwrap();
        let ben = store.user(&tenant(), &user_id("ben")).await.unwrap();
        assert!(ben.is_some());
        assert_eq!(patients(&postgres).await, 1);
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_transaction_that_does_not_see_what_others_commit_is_refused() {
    let postgres = Postgres::new();
    postgres.run(async {
        let store = postgres.node().await;
        let mut client = postgres.client().await;
        for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
            let transaction = client.build_transaction().isolation_level(level).start();
            let transaction = transaction.await.unwrap();
            let change = first_sign_in("ana");
            let refused = store.commit_in(&transaction, &change).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Other);
            let cause = std::error::Error::source(&refused).unwrap().to_string();
            assert!(cause.contains("has to be READ COMMITTED"), "{cause}");
        }
    });
}

/// Keeps a table of the host's own.
#[derive(Debug)]
struct Patients;

#[async_trait]
impl HostRows for Patients {
    async fn write(
        &self,
        transaction: &Transaction<'_>,
        change: &Change,
    ) -> Result<(), StoreError> {
        for write in &change.users {
            if let UserWrite::Create(user) = write {
                let insert = "INSERT INTO patients VALUES ($1)";
                let id = user.id.as_str();
                let inserted = transaction.execute(insert, &[&id]).await;
                match inserted {
                    Err(_) if id == "overlooked" => {}
                    inserted => inserted
                        .map(drop)
                        .map_err(|error| store_error("write a patient", error))?,
                }
            }
        }
        Ok(())
    }
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn the_hosts_rows_go_along_with_each_change() {
    let postgres = Postgres::new();
    postgres.sql(PATIENTS);
    postgres.sql("INSERT INTO patients VALUES ('ben'), ('overlooked')");
    postgres.run(async {
        let store = postgres.node().await.along_with(Patients);
        store.commit(&first_sign_in("ana")).await.unwrap();
        assert_eq!(patients(&postgres).await, 3);
        // The host's own key is taken: the account is not made either.
        let refused = store.commit(&first_sign_in("ben")).await.unwrap_err();
        assert!(refused.is_conflict());
        // Nor if the host forgets to say so.
        store
            .commit(&first_sign_in("overlooked"))
            .await
            .unwrap_err();
        for (user, is_there) in [("ana", true), ("ben", false), ("overlooked", false)] {
            let found = store.user(&tenant(), &user_id(user)).await.unwrap();
            assert_eq!(found.is_some(), is_there, "{user}");
        }
        // The connections are as good as new.
        store.commit(&first_sign_in("eve")).await.unwrap();
    });
}

/// More of them than a count in parts of any fixed number would have parts.
#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn of_many_new_people_at_once_nobody_waits_for_the_commit_of_another() {
    const PEOPLE: usize = 64;
    let postgres = Postgres::new();
    postgres.run(async {
        let store = postgres.node().await;
        let mut clients = Vec::new();
        for _ in 0..PEOPLE {
            let client = postgres.client().await;
            let impatient = "SET lock_timeout = '10s'";
            client.batch_execute(impatient).await.unwrap();
            clients.push(client);
        }
        let mut open = Vec::new();
        for (number, client) in clients.iter_mut().enumerate() {
            let transaction = client.transaction().await.unwrap();
            let mut change = first_sign_in(&format!("person-{number}"));
            change.seat_cap = Some(1_000_000);
            change.connection = Some((ConnectionId::new("acme").unwrap(), 0));
            change.once = Some(OneTimeKey {
                key: ReplayKey {
                    issuer: "https://idp.acme.example".to_owned(),
                    id: format!("_assertion-{number}"),
                },
                expires: Timestamp::MAX,
                now: Timestamp::UNIX_EPOCH,
            });
            store.commit_in(&transaction, &change).await.unwrap();
            open.push(transaction);
        }
        for transaction in open {
            transaction.commit().await.unwrap();
        }
        let rows = store.users(&everybody()).await.unwrap();
        assert_eq!(rows.len(), PEOPLE);
        let sum = "SELECT sum(taken)::bigint FROM countersign.seats";
        let client = postgres.client().await;
        let seats: i64 = client.query_one(sum, &[]).await.unwrap().get(0);
        assert_eq!(seats, i64::try_from(PEOPLE).unwrap());
    });
}

fn everybody() -> UserQuery {
    UserQuery {
        tenant: tenant(),
        states: BTreeSet::new(),
        after: None,
        limit: NonZeroU32::MAX,
    }
}
