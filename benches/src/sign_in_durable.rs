//! Whole sign-ins, 64 at once, each of somebody who was never seen before: verified, matched,
//! given an account, roles and a session, recorded, all of it durable. While they sign in, one
//! thread turns records into leaves; a turn ends when the last record is a leaf under a signed
//! checkpoint, so that no work is left out of the count.
//!
//! The floor is one row of as many bytes as the records of such a sign-in and their private parts
//! have, in one SQLite table by group commit: the very bytes of one, made before the first turn,
//! some 12 KB, half of it the signed assertion and what it is verified by.
//!
//! `sqlite_chain` is [`crate::plain_host`].

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::audit::LedgerStore;
use countersign::saml::{Expect, Inbound};
use countersign::{Engine, SignIn};
use countersign_sqlite::SqliteStore;
use pollster::block_on;

use crate::acme::Acme;
use crate::group_commit::GroupCommit;
use crate::load::{Until, drive, folder, integrating};
use crate::measure::{Effort, Load, Writers, now, rates};
use crate::plain_host::PlainHost;
use crate::row::Row;

pub(crate) const AT_ONCE: usize = 64;

/// How many sign-ins each of them does in a full turn: seconds of work, next to which it does not
/// count that all verify at first and none at the end.
const EACH: usize = 128;

/// How many groups a person is in.
const GROUPS: usize = 3;

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let acme = Acme::at_this_time();
    let folder = folder();
    let written = written(&acme, &folder.path().join("one"));
    let floor = GroupCommit::to_sqlite(&folder.path().join("floor"));
    let store = SqliteStore::open(folder.path().join("countersign")).expect("a new store");
    let engine = acme.engine(Arc::new(store));
    let host = PlainHost::create(&folder.path().join("chain"), &acme);
    let persons = AtomicUsize::new(0);
    let loads = vec![
        Writers::new("floor", |turn| {
            drive(AT_ONCE, Until::Elapsed(turn), |_| {
                let client = floor.client();
                let written = &written;
                move || client.append(written.clone())
            })
        }),
        ours(&acme, &engine, &persons, EACH),
        Writers::new("sqlite_chain", |turn| {
            let responses = responses(&acme, &persons, turn, EACH);
            load(responses, |response| host.sign_in(&acme, response))
        }),
    ];
    rates("sign_in_durable", "sqlite", effort, loads)
}

/// Sign-ins through the engine, until the last of their records is a leaf under a checkpoint.
pub(crate) fn ours<'a>(
    acme: &'a Acme,
    engine: &'a Engine,
    persons: &'a AtomicUsize,
    each: usize,
) -> Writers<'a> {
    Writers::new("countersign", move |turn| {
        let responses = responses(acme, persons, turn, each);
        integrating(&engine.ledger(), || {
            let start = now();
            let load = load(responses, |response| sign_in(acme, engine, response));
            block_on(engine.checkpoint()).expect("a sound ledger");
            Load::new(load.waits_ms, start.elapsed().as_secs_f64())
        })
    })
}

/// The bytes of the records of one sign-in and of their private parts: what they are compressed to,
/// where a store does that, is theirs, too.
pub(crate) fn written(acme: &Acme, path: &Path) -> Vec<u8> {
    let store = Arc::new(SqliteStore::open(path).expect("a new store"));
    let engine = acme.engine(store.clone());
    block_on(engine.checkpoint()).expect("a new ledger");
    let before = block_on(store.size()).expect("a size");
    sign_in(acme, &engine, &acme.response("person", GROUPS));
    block_on(engine.checkpoint()).expect("a sound ledger");
    let entries = block_on(store.entries(before..u64::MAX)).expect("the entries");
    let bytes = entries.iter().map(|stored| {
        let private = stored.entry.private();
        let private = private.map_or(&[][..], |private| &private.bytes);
        [stored.entry.bytes(), private].concat()
    });
    bytes.collect::<Vec<_>>().concat()
}

/// As many as all of them take in a full turn, or few for a brief one.
///
/// Signing a response takes longer than verifying it, so they are made before the clock starts:
/// a turn is a number of sign-ins and not a time.
pub(crate) fn responses(
    acme: &Acme,
    persons: &AtomicUsize,
    turn: Duration,
    each: usize,
) -> Vec<Vec<u8>> {
    let each = match turn {
        turn if turn < Duration::from_secs(1) => 2,
        _ => each,
    };
    let made = Mutex::new(Vec::new());
    drive(AT_ONCE, Until::Calls(each), |_| {
        || {
            let person = persons.fetch_add(1, Ordering::Relaxed);
            let response = acme.response(&format!("person-{person}"), GROUPS);
            made.lock().expect("nobody panicked").push(response);
        }
    });
    made.into_inner().expect("nobody panicked")
}

pub(crate) fn load(responses: Vec<Vec<u8>>, sign_in: impl Fn(&[u8]) + Sync) -> Load {
    let each = responses.len() / AT_ONCE;
    let responses = Mutex::new(responses);
    drive(AT_ONCE, Until::Calls(each), |_| {
        || {
            let next = responses.lock().expect("nobody panicked").pop();
            sign_in(&next.expect("one for each call"));
        }
    })
}

pub(crate) fn sign_in(acme: &Acme, engine: &Engine, response: &[u8]) {
    let message = Inbound::Xml(response);
    let outcome = block_on(engine.sign_in(&acme.connection, message, Expect::Unsolicited));
    assert!(
        matches!(outcome, Ok(SignIn::Admitted(_))),
        "nobody is refused: {outcome:?}"
    );
}
