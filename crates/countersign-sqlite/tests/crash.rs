//! A process that is killed under load loses nothing that it acknowledged, and leaves no account
//! without its entry and no entry without its account.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use countersign_audit::assertion::AssertionRejected;
use countersign_audit::store::{EntryQuery, LedgerStore};
use countersign_audit::{Correlation, Ed25519Signer, Ledger, Recorded, SystemEntropy};
use countersign_core::{
    ConnectionId, CorrelationId, Door, Sha256Digest, SubjectKey, Timestamp, UserId,
};
use countersign_provision::store::{Change, Link, SnapshotQuery, UserStore};
use countersign_sqlite::SqliteStore;
use countersign_testkit::keys;
use pollster::block_on;

use crate::common::{create, tenant};

const ROUNDS: usize = 10;
const WRITERS: usize = 8;
/// Tells the test's own binary that it is the process to be killed: the file, and the round.
const FILE: &str = "COUNTERSIGN_CRASH_FILE";
const ROUND: &str = "COUNTERSIGN_CRASH_ROUND";

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    if let (Ok(file), Ok(round)) = (std::env::var(FILE), std::env::var(ROUND)) {
        commit_until_killed(Path::new(&file), &round);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crash.db");
    let mut acknowledged = BTreeSet::new();
    let mut signed = 0;
    for round in 0..ROUNDS {
        // Killed earlier or later in its work, in each round at another point of it.
        let heard = kill_after(&file, round, 1 + round * 7);
        acknowledged.extend(heard.users);
        signed = signed.max(heard.signed);
        check(&file, &acknowledged, signed);
    }
}

/// What the process said before it died.
struct Heard {
    users: Vec<String>,
    signed: u64,
}

fn kill_after(file: &Path, round: usize, acknowledgements: usize) -> Heard {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("nothing_acknowledged_is_lost_when_the_process_is_killed")
        .env(FILE, file)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut heard = Heard {
        users: Vec::new(),
        signed: 0,
    };
    let mut alive = true;
    for line in output.lines() {
        let line = line.unwrap();
        match line.split_once(' ') {
            Some(("acknowledged", user)) => heard.users.push(user.to_owned()),
            Some(("signed", size)) => heard.signed = heard.signed.max(size.parse().unwrap()),
            _ => {}
        }
        // What it had said by then is still in the pipe, and counts.
        if alive && heard.users.len() >= acknowledgements {
            alive = false;
            child.kill().unwrap();
        }
    }
    assert!(!alive, "the process ended by itself");
    assert!(!child.wait().unwrap().success());
    heard
}

fn open(file: &Path) -> (Arc<SqliteStore>, Ledger) {
    let store = Arc::new(SqliteStore::open(file).unwrap());
    let signer = Ed25519Signer::from_pkcs8(keys::IDP_ED25519_PKCS8).unwrap();
    let ledger = Ledger::open(store.clone(), Arc::new(signer), "log.example/crash");
    (store, block_on(ledger).unwrap())
}

/// Signs people in on some threads and integrates on another, until somebody kills it.
fn commit_until_killed(file: &Path, round: &str) -> ! {
    let (store, ledger) = open(file);
    for writer in 0..WRITERS {
        let (store, round) = (Arc::clone(&store), round.to_owned());
        std::thread::spawn(move || {
            for number in 0_u64.. {
                let user = format!("user-{round}-{writer}-{number}");
                block_on(store.commit(&first_sign_in(&user))).unwrap();
                say(&format!("acknowledged {user}"));
            }
        });
    }
    loop {
        let checkpoint = block_on(ledger.advance()).unwrap();
        say(&format!("signed {}", checkpoint.checkpoint().size()));
    }
}

fn say(line: &str) {
    // In one piece, and on a line of its own whatever the test harness has printed.
    let line = format!("\n{line}\n");
    if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
        // Nobody is left to kill it.
        std::process::exit(1);
    }
}

fn connection() -> ConnectionId {
    ConnectionId::new("acme-idp").unwrap()
}

fn subject(user: &str) -> SubjectKey {
    SubjectKey::from_stable_value(tenant(), "https://idp.acme.example/", user).unwrap()
}

/// An account, its link, and a record that names it (as its connection).
fn first_sign_in(user: &str) -> Change {
    let walk = CorrelationId::new("crash").unwrap();
    let sealed = Correlation::begin(tenant(), walk)
        .seal(
            AssertionRejected {
                door: Door::Saml,
                connection: ConnectionId::new(user).unwrap(),
                code: "saml.expired".to_owned(),
                received_sha256: Sha256Digest::from_bytes([0; 32]),
            }
            .draft(),
            Timestamp::UNIX_EPOCH,
            &SystemEntropy::new(),
        )
        .unwrap();
    let leaf = sealed.leaf().hash();
    let mut change = create(user, Some(leaf));
    change.links.push(Link {
        subject: subject(user),
        user: UserId::new(user).unwrap(),
        connection: connection(),
        linked_at: Timestamp::UNIX_EPOCH,
        entry: leaf,
    });
    change.entries.push(sealed.entry().clone());
    change
}

fn check(file: &Path, acknowledged: &BTreeSet<String>, signed: u64) {
    let (store, ledger) = open(file);
    for user in acknowledged {
        let id = UserId::new(user.as_str()).unwrap();
        let found = block_on(store.user(&tenant(), &id)).unwrap();
        let entry = found.and_then(|found| found.user.entry);
        let Some(leaf) = entry else {
            panic!("`{user}` was acknowledged and is lost");
        };
        let entry = block_on(store.entry(&EntryQuery::Leaf(leaf))).unwrap();
        assert!(entry.is_some(), "`{user}` has no entry");
    }
    // Every entry has its account, and there are no more accounts than entries.
    let size = block_on(ledger.integrate()).unwrap();
    let entries = block_on(store.entries(0..size)).unwrap();
    let mut query = SnapshotQuery {
        tenant: tenant(),
        connection: connection(),
        subject: subject("nobody"),
        email: None,
        guarded_roles: BTreeSet::new(),
        now: Timestamp::UNIX_EPOCH,
    };
    for stored in &entries {
        let record = Recorded::<AssertionRejected>::parse(stored.entry.bytes()).unwrap();
        let user = record.body().connection.as_str();
        query.subject = subject(user);
        let snapshot = block_on(store.snapshot(&query)).unwrap();
        let linked = snapshot.linked.and_then(|linked| linked.user.entry);
        assert_eq!(linked, Some(stored.entry.leaf()), "`{user}` has no account");
    }
    let accounts = block_on(store.snapshot(&query)).unwrap().seats_taken;
    assert_eq!(accounts, size, "accounts, and entries");
    // The tree goes on from what was signed; its nodes are the hashes of what is below them.
    let last = block_on(store.checkpoint()).unwrap();
    assert!(last.map_or(0, |last| last.size) >= signed);
    block_on(ledger.advance()).unwrap();
    let check = block_on(ledger.reader().verify_all(&[], &mut |_| ())).unwrap();
    assert_eq!(check.damage, []);
}
