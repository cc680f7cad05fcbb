//! One node at a time turns entries into leaves, in an order that skips none.

use std::sync::Arc;
use std::time::Duration;

use countersign_audit::record::Actor;
use countersign_audit::rotation::RotationOrder;
use countersign_audit::store::{EntryQuery, Integration, NodeId, StoredCheckpoint};
use countersign_audit::{AuditError, Correlation, Ed25519Signer, LedgerStore, SystemEntropy};
use countersign_core::{CorrelationId, Sha256Digest, StoreErrorKind, TenantId, Timestamp};
use countersign_provision::store::UserStore;

use crate::common::{Postgres, first_sign_in, ledger};

/// The server forgets the connections that hold a lock by name in this database.
const END_LOCKS: &str = "SELECT pg_terminate_backend(l.pid)
    FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND d.datname = current_database()";

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn what_commits_late_comes_later_and_is_never_skipped() {
    let postgres = Postgres::new();
    postgres.run(async {
        let store = postgres.node().await;
        let mut client = postgres.client().await;
        let late = first_sign_in("late");
        let early = first_sign_in("early");
        let transaction = client.transaction().await.unwrap();
        // Has drawn its number, and is not there yet.
        store.commit_in(&transaction, &late).await.unwrap();
        store.commit(&early).await.unwrap();
        let book = ledger(Arc::new(store.clone())).await;
        assert_eq!(book.integrate().await.unwrap(), 1);
        transaction.commit().await.unwrap();
        assert_eq!(book.integrate().await.unwrap(), 2);
        for (change, index) in [(early, 0), (late, 1)] {
            let query = EntryQuery::Leaf(change.entries[0].leaf());
            let found = store.entry(&query).await.unwrap().unwrap();
            assert_eq!(found.index, Some(index));
        }
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn what_commits_between_reading_and_integrating_does_not_hold_it_up() {
    let postgres = Postgres::new();
    postgres.run(async {
        let store = postgres.node().await;
        let mut client = postgres.client().await;
        let late = first_sign_in("late");
        let early = first_sign_in("early");
        let transaction = client.transaction().await.unwrap();
        store.commit_in(&transaction, &late).await.unwrap();
        store.commit(&early).await.unwrap();
        let pending = store.pending(9).await.unwrap();
        assert_eq!(pending.len(), 1);
        transaction.commit().await.unwrap();
        // Its number is smaller, so the outbox begins with another entry by now.
        let node = NodeId { level: 0, index: 0 };
        let hash = Sha256Digest::from_bytes(*pending[0].leaf().as_bytes());
        let integration = Integration {
            expected_size: 0,
            entries: vec![pending[0].id().clone()],
            nodes: vec![(node, hash)],
        };
        // Another node, which has not read the outbox, may not skip anything.
        let other = postgres.node().await;
        let refused = other.integrate(&integration).await.unwrap_err();
        assert!(refused.is_conflict());
        store.integrate(&integration).await.unwrap();
        let rest = store.pending(9).await.unwrap();
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].leaf(), late.entries[0].leaf());
    });
}

/// Entries that were added together are one row of the outbox and of the leaves.
#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn an_integration_may_end_within_what_was_added_together() {
    let postgres = Postgres::new();
    postgres.run(async {
        let store = postgres.node().await;
        let changes = ["ana", "ben", "cid", "dan"].map(first_sign_in);
        let entries = changes.map(|change| change.entries[0].clone());
        store.enqueue(&entries).await.unwrap();
        let integration = |size: u64, entries: &[countersign_core::Entry]| Integration {
            expected_size: size,
            entries: entries.iter().map(|entry| entry.id().clone()).collect(),
            nodes: Vec::new(),
        };
        let [one, two, three, four] = &entries;
        for skipping in [[two.clone(), three.clone()], [two.clone(), one.clone()]] {
            let refused = store.integrate(&integration(0, &skipping)).await;
            assert!(refused.unwrap_err().is_conflict());
        }
        assert_eq!(store.pending(1).await.unwrap(), entries[..1]);
        store
            .integrate(&integration(0, &entries[..1]))
            .await
            .unwrap();
        assert_eq!(store.pending(9).await.unwrap(), entries[1..]);
        store
            .integrate(&integration(1, &entries[1..3]))
            .await
            .unwrap();
        let is_at = async |entry: &countersign_core::Entry, index: Option<u64>| {
            let found = store.entry(&EntryQuery::Leaf(entry.leaf())).await;
            let found = found.unwrap().unwrap();
            assert_eq!((found.index, found.entry.id()), (index, entry.id()));
        };
        is_at(three, Some(2)).await;
        is_at(four, None).await;
        store
            .integrate(&integration(3, &entries[3..]))
            .await
            .unwrap();
        is_at(four, Some(3)).await;
        for (index, entry) in (0..).zip(&entries) {
            let found = store.entry(&EntryQuery::Index(index)).await.unwrap();
            assert_eq!(found.unwrap().entry.id(), entry.id());
        }
        assert!(store.entry(&EntryQuery::Index(4)).await.unwrap().is_none());
        let found = store.entries(1..3).await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|stored| (stored.index, stored.entry.id()))
            .collect();
        assert_eq!(found, [(Some(1), two.id()), (Some(2), three.id())]);
        assert_eq!(store.pending(9).await.unwrap(), []);
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn there_is_one_integrator_and_the_others_leave_it_the_work() {
    let postgres = Postgres::new();
    postgres.run(async {
        let (one, two) = (postgres.node().await, postgres.node().await);
        let integrator = Arc::new(one.integrator().await.unwrap().unwrap());
        assert!(two.integrator().await.unwrap().is_none());
        let head = ledger(integrator.clone()).await;
        let work = tokio::spawn(async move {
            for _ in 0..2 {
                integrator.wait_for_entries().await.unwrap();
                head.advance().await.unwrap();
            }
            integrator
        });
        let book = ledger(Arc::new(two.clone())).await;
        for user in ["ana", "ben"] {
            two.commit(&first_sign_in(user)).await.unwrap();
            book.advance().await.unwrap();
        }
        let integrator = work.await.unwrap();
        assert_eq!(integrator.size().await.unwrap(), 2);
        // It did all of it, since nobody took an epoch after it.
        drop(integrator);
        let next = two.become_integrator().await.unwrap();
        assert_eq!(next.epoch(), 2);
    });
}

/// The integrator can not sign what covers the record of the rotation: it has one key only.
#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn another_node_replaces_the_key_beside_the_integrator() {
    let postgres = Postgres::new();
    postgres.run(async {
        let (one, two) = (postgres.node().await, postgres.node().await);
        let integrator = Arc::new(one.integrator().await.unwrap().unwrap());
        let head = ledger(integrator.clone()).await;
        let epoch = integrator.epoch();
        let work = tokio::spawn(async move {
            loop {
                match head.advance().await {
                    Ok(_) | Err(AuditError::RotationUnfinished { .. }) => {}
                    Err(error) => return error,
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        two.commit(&first_sign_in("ana")).await.unwrap();
        let book = ledger(Arc::new(two.clone())).await;
        let (new, _) = Ed25519Signer::generate().unwrap();
        let tenant = TenantId::new("log").unwrap();
        let order = RotationOrder {
            walk: &mut Correlation::begin(tenant, CorrelationId::new("rotation").unwrap()),
            by: Actor::System,
            note: None,
            now: Timestamp::UNIX_EPOCH,
            entropy: &SystemEntropy::new(),
        };
        let rotated = book.rotate(Arc::new(new), order).await.unwrap();
        assert_eq!(rotated.checkpoint.checkpoint().size(), 2);
        for key in [book.verifier_key(), rotated.ledger.verifier_key()] {
            rotated
                .checkpoint
                .verify(std::slice::from_ref(key))
                .unwrap();
        }
        let told = work.await.unwrap();
        assert_eq!(told.code(), "audit.retired_key");
        // It made the leaves, and nobody took its lock.
        assert_eq!(integrator.size().await.unwrap(), 2);
        assert_eq!(integrator.epoch(), epoch);
    });
}

/// Of two checkpoints that expect the same one conflicts, whoever puts them.
#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn beside_the_integrator_a_checkpoint_is_compared_and_set() {
    let postgres = Postgres::new();
    postgres.run(async {
        let (one, two) = (postgres.node().await, postgres.node().await);
        let integrator = Arc::new(one.integrator().await.unwrap().unwrap());
        let head = ledger(integrator.clone()).await;
        two.commit(&first_sign_in("ana")).await.unwrap();
        head.advance().await.unwrap();
        let first = two.checkpoint().await.unwrap().unwrap();
        let with = |more: &[u8]| StoredCheckpoint {
            size: first.size,
            note: [&first.note, more].concat(),
        };
        // The integrator does nothing.
        two.put_checkpoint(Some(&first), &with(b"2")).await.unwrap();
        let put = [
            two.put_checkpoint(Some(&first), &with(b"3")).await,
            integrator.put_checkpoint(Some(&first), &with(b"4")).await,
        ];
        for put in put {
            assert_eq!(put.unwrap_err().kind(), StoreErrorKind::Conflict);
        }
        assert_eq!(two.checkpoint().await.unwrap(), Some(with(b"2")));
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn without_an_integrator_nodes_take_turns() {
    let postgres = Postgres::new();
    postgres.run(async {
        let mut nodes = Vec::new();
        for node in 0..4 {
            let store = postgres.node().await;
            nodes.push(tokio::spawn(async move {
                let book = ledger(Arc::new(store.clone())).await;
                for number in 0..8 {
                    let change = first_sign_in(&format!("user-{node}-{number}"));
                    store.commit(&change).await.unwrap();
                    book.advance().await.unwrap();
                }
            }));
        }
        for node in nodes {
            node.await.unwrap();
        }
        let store = postgres.node().await;
        assert_eq!(store.size().await.unwrap(), 32);
        assert_eq!(store.checkpoint().await.unwrap().unwrap().size, 32);
        let book = ledger(Arc::new(store)).await;
        let check = book.reader().verify_all(&[], &mut |_| ()).await.unwrap();
        assert_eq!(check.damage, []);
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_node_that_lost_the_lock_neither_writes_nor_signs() {
    let postgres = Postgres::new();
    postgres.run(async {
        let (one, two) = (postgres.node().await, postgres.node().await);
        let old = Arc::new(one.integrator().await.unwrap().unwrap());
        let book = ledger(old.clone()).await;
        one.commit(&first_sign_in("ana")).await.unwrap();
        book.advance().await.unwrap();
        let signed = old.checkpoint().await.unwrap().unwrap();
        let pending = one.pending(9).await.unwrap();
        assert_eq!(pending, []);
        one.commit(&first_sign_in("ben")).await.unwrap();
        // The server forgets the connection that holds the lock; the node knows nothing of it.
        postgres.sql(END_LOCKS);
        let new = two.become_integrator().await.unwrap();
        assert!(new.epoch() > old.epoch());
        let unavailable = |error: countersign_core::StoreError| {
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        };
        let pending = one.pending(9).await.unwrap();
        let integration = Integration {
            expected_size: 1,
            entries: vec![pending[0].id().clone()],
            nodes: Vec::new(),
        };
        unavailable(old.integrate(&integration).await.unwrap_err());
        let put = old.put_checkpoint(Some(&signed), &signed).await;
        unavailable(put.unwrap_err());
        unavailable(old.size().await.unwrap_err());
        unavailable(old.checkpoint().await.unwrap_err());
        unavailable(old.wait_for_entries().await.unwrap_err());
        book.advance().await.unwrap_err();
        assert_eq!(two.size().await.unwrap(), 1);
        // The new one goes on where the old one ended.
        let book = ledger(Arc::new(new)).await;
        book.advance().await.unwrap();
        assert_eq!(two.size().await.unwrap(), 2);
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_lost_lock_fences_the_integrator_from_a_node_without_one() {
    let postgres = Postgres::new();
    postgres.run(async {
        let (one, two) = (postgres.node().await, postgres.node().await);
        let old = one.integrator().await.unwrap().unwrap();
        two.commit(&first_sign_in("ana")).await.unwrap();
        postgres.sql(END_LOCKS);
        let book = ledger(Arc::new(two)).await;
        book.advance().await.unwrap();
        let lost = old.size().await.unwrap_err();
        assert_eq!(lost.kind(), StoreErrorKind::Unavailable);
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn the_integrator_is_woken_by_other_nodes() {
    let postgres = Postgres::new();
    postgres.run(async {
        let (one, two) = (postgres.node().await, postgres.node().await);
        let integrator = one.integrator().await.unwrap().unwrap();
        let waits = tokio::spawn(async move { integrator.wait_for_entries().await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waits.is_finished());
        two.commit(&first_sign_in("ana")).await.unwrap();
        waits.await.unwrap().unwrap();
    });
}
