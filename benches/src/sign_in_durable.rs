//! Whole sign-ins, 64 at once, each of somebody who was never seen before: verified, matched,
//! given an account, roles and a session, recorded, all of it durable.
//!
//! The floor is a row of 4 KB, about what such a sign-in writes, in one SQLite table by group
//! commit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::saml::{Expect, Inbound};
use countersign::{Engine, SignIn};
use countersign_sqlite::SqliteStore;
use pollster::block_on;

use crate::acme::Acme;
use crate::group_commit::GroupCommit;
use crate::load::{Until, drive, folder};
use crate::measure::{Effort, Load, Writers, now, rates};
use crate::row::Row;

const AT_ONCE: usize = 64;

/// Bytes that a sign-in writes, about.
const WRITTEN: usize = 4_096;

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let acme = Acme::new();
    let folder = folder();
    let floor = GroupCommit::to_sqlite(&folder.path().join("floor"));
    let store = SqliteStore::open(folder.path().join("countersign")).expect("a new store");
    let engine = acme.engine(Arc::new(store));
    let persons = AtomicUsize::new(0);
    let loads = vec![
        Writers::new("floor", |turn| {
            drive(AT_ONCE, Until::Elapsed(turn), |_| {
                let client = floor.client();
                move || client.append(vec![b'x'; WRITTEN])
            })
        }),
        Writers::new("countersign", |turn| load(&acme, &engine, &persons, turn)),
    ];
    rates("sign_in_durable", "sqlite", effort, loads)
}

/// Signing a response takes longer than verifying it, so they are made before the clock starts:
/// a turn is a number of sign-ins and not a time. It ends when all records are in the ledger
/// under a signed checkpoint.
fn load(acme: &Acme, engine: &Engine, persons: &AtomicUsize, turn: Duration) -> Load {
    let each = match turn {
        turn if turn < Duration::from_secs(1) => 2,
        _ => 30,
    };
    let mut responses = Vec::new();
    for _ in 0..AT_ONCE.saturating_mul(each) {
        let person = persons.fetch_add(1, Ordering::Relaxed);
        responses.push(acme.response(&format!("person-{person}"), 3));
    }
    let responses = Mutex::new(responses);
    let start = now();
    let load = drive(AT_ONCE, Until::Calls(each), |_| {
        || {
            let next = responses.lock().expect("nobody panicked").pop();
            let response = next.expect("one for each call");
            let message = Inbound::Xml(&response);
            let outcome = block_on(engine.sign_in(&acme.connection, message, Expect::Unsolicited));
            assert!(
                matches!(outcome, Ok(SignIn::Admitted(_))),
                "nobody is refused: {outcome:?}"
            );
        }
    });
    block_on(engine.checkpoint()).expect("a sound ledger");
    Load::new(load.waits_ms, start.elapsed().as_secs_f64())
}
