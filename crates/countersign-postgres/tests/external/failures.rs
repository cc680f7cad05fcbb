//! What becomes of calls when the server, the connection or another node dies.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use countersign_audit::LedgerStore;
use countersign_audit::Recorded;
use countersign_audit::assertion::AssertionRejected;
use countersign_core::{StoreErrorKind, Timestamp};
use countersign_postgres::{OpenError, PostgresStore};
use countersign_provision::store::{SnapshotQuery, UserStore};
use countersign_testkit::postgres_cluster::PostgresCluster;

use crate::common::{
    Postgres, connection, database, first_sign_in, ledger, subject, tenant, user_id,
};

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_server_that_is_not_there_is_unavailable() {
    let postgres = Postgres::empty();
    postgres.run(async {
        let nowhere = "postgresql:///x?host=/nonexistent&user=nobody";
        let unreachable = database(nowhere).open().await.unwrap_err();
        let OpenError::Unreachable(error) = unreachable else {
            panic!("{unreachable:?}");
        };
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_connection_that_is_lost_is_unavailable_and_replaced() {
    let postgres = Postgres::new();
    postgres.run(async {
        let store = postgres.node().await;
        store.commit(&first_sign_in("ana")).await.unwrap();
        // Somebody holds the account, so that a commit waits in its middle.
        let client = postgres.client().await;
        let hold = "BEGIN; SELECT FROM countersign.users FOR UPDATE";
        client.batch_execute(hold).await.unwrap();
        let waiting = {
            let store = store.clone();
            let mut change = first_sign_in("ben");
            change
                .users
                .push(countersign_provision::store::UserWrite::Expect {
                    user: user_id("ana"),
                    version: 1,
                });
            tokio::spawn(async move { store.commit(&change).await })
        };
        let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while client.query(ended, &[]).await.unwrap().is_empty() {}
        let lost = waiting.await.unwrap().unwrap_err();
        assert_eq!(lost.kind(), StoreErrorKind::Unavailable);
        client.batch_execute("COMMIT").await.unwrap();
        let ben = store.user(&tenant(), &user_id("ben")).await.unwrap();
        assert_eq!(ben, None);
        store.commit(&first_sign_in("ben")).await.unwrap();
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn a_call_that_is_dropped_leaves_a_whole_change_or_none() {
    let postgres = Postgres::new();
    postgres.run(async {
        let store = postgres.node().await;
        for number in 0_u32..64 {
            let user = format!("user-{number}");
            let change = first_sign_in(&user);
            // Dropped after it was polled a few times.
            let mut commit = store.commit(&change);
            for _ in 0..number {
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                if commit.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_micros(50)).await;
            }
            drop(commit);
        }
        // The connections are as good as new, and whatever is there is whole.
        store.commit(&first_sign_in("last")).await.unwrap();
        check(store, &BTreeSet::from(["last".to_owned()]), 0).await;
    });
}

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let cluster = PostgresCluster::start();
    let postgres = Postgres::at(cluster.url());
    postgres.run(async {
        postgres.database().migrate().await.unwrap();
        let store = postgres.node().await;
        let mut acknowledged = BTreeSet::new();
        for round in 0..3 {
            let writers: Vec<_> = (0..8)
                .map(|writer| {
                    let store = store.clone();
                    tokio::spawn(async move {
                        let mut acknowledged = Vec::new();
                        for number in 0.. {
                            let user = format!("user-{round}-{writer}-{number}");
                            match store.commit(&first_sign_in(&user)).await {
                                Ok(()) => acknowledged.push(user),
                                Err(error) => {
                                    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
                                    break;
                                }
                            }
                        }
                        acknowledged
                    })
                })
                .collect();
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            cluster.kill();
            for writer in writers {
                acknowledged.extend(writer.await.unwrap());
            }
            cluster.start_server();
            // The same store goes on.
            check(store.clone(), &acknowledged, 0).await;
        }
        assert!(!acknowledged.is_empty());
    });
}

const NODES: usize = 3;
const ROUNDS: usize = 6;
/// Tells the test's own binary that it is a node: the database, and its name.
const URL: &str = "COUNTERSIGN_POSTGRES_NODE";
const NAME: &str = "COUNTERSIGN_POSTGRES_NODE_NAME";

#[test]
#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]
fn nothing_acknowledged_is_lost_when_nodes_are_killed() {
    if let (Ok(url), Ok(name)) = (std::env::var(URL), std::env::var(NAME)) {
        Postgres::at(url.clone()).run(be_a_node(&url, &name));
    }
    let postgres = Postgres::new();
    let mut acknowledged = BTreeSet::new();
    let mut signed = 0;
    let mut nodes: Vec<Node> = (0..NODES)
        .map(|node| Node::start(&postgres.url, &format!("first-{node}")))
        .collect();
    for round in 0..ROUNDS {
        // Each in turn, earlier or later in its work: one of them is the integrator.
        let node = &mut nodes[round % NODES];
        let heard = node.kill_after(5 + round * 7, 0);
        acknowledged.extend(heard.users);
        signed = signed.max(heard.signed);
        *node = Node::start(&postgres.url, &format!("next-{round}"));
    }
    for (node, mut last) in nodes.into_iter().enumerate() {
        // Whoever is left in the end is the integrator.
        let least = if node + 1 == NODES { signed + 1 } else { 0 };
        let heard = last.kill_after(1, least);
        acknowledged.extend(heard.users);
        signed = signed.max(heard.signed);
    }
    assert!(signed > 0);
    postgres.run(async {
        check(postgres.node().await, &acknowledged, signed).await;
    });
}

/// Signs people in, and integrates whenever it is the integrator, until somebody kills it.
async fn be_a_node(url: &str, name: &str) -> ! {
    let store = database(url).open().await.unwrap();
    for writer in 0..4 {
        let (store, name) = (store.clone(), name.to_owned());
        tokio::spawn(async move {
            for number in 0_u64.. {
                let user = format!("user-{name}-{writer}-{number}");
                store.commit(&first_sign_in(&user)).await.unwrap();
                say(&format!("acknowledged {user}"));
            }
        });
    }
    let integrator = Arc::new(store.become_integrator().await.unwrap());
    let ledger = ledger(integrator.clone()).await;
    loop {
        integrator.wait_for_entries().await.unwrap();
        let checkpoint = ledger.advance().await.unwrap();
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

/// A process on the database.
struct Node {
    child: Child,
}

/// What it said before it died.
#[derive(Default)]
struct Heard {
    users: Vec<String>,
    signed: u64,
}

impl Node {
    fn start(url: &str, name: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--include-ignored"])
            .arg("failures::nothing_acknowledged_is_lost_when_nodes_are_killed")
            .env(URL, url)
            .env(NAME, name)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Kills it once it has acknowledged and signed so much.
    fn kill_after(&mut self, acknowledgements: usize, size: u64) -> Heard {
        let output = BufReader::new(self.child.stdout.take().unwrap());
        let mut heard = Heard::default();
        let mut alive = true;
        for line in output.lines() {
            let line = line.unwrap();
            match line.split_once(' ') {
                Some(("acknowledged", user)) => heard.users.push(user.to_owned()),
                Some(("signed", size)) => heard.signed = heard.signed.max(size.parse().unwrap()),
                _ => {}
            }
            // What it had said by then is still in the pipe, and counts.
            if alive && heard.users.len() >= acknowledgements && heard.signed >= size {
                alive = false;
                self.child.kill().unwrap();
            }
        }
        assert!(!alive, "the node ended by itself");
        assert!(!self.child.wait().unwrap().success());
        heard
    }
}

/// Nothing of what was acknowledged is lost; every entry has its account and every account its
/// entry; the tree goes on from what was signed, and is whole.
async fn check(store: PostgresStore, acknowledged: &BTreeSet<String>, signed: u64) {
    for user in acknowledged {
        let found = store.user(&tenant(), &user_id(user)).await.unwrap();
        assert!(found.is_some(), "`{user}` was acknowledged and is lost");
    }
    let ledger = ledger(Arc::new(store.clone())).await;
    let size = ledger.integrate().await.unwrap();
    let mut query = SnapshotQuery {
        tenant: tenant(),
        connection: connection(),
        subject: subject("nobody"),
        email: None,
        guarded_roles: BTreeSet::new(),
        seats: true,
        once: None,
        now: Timestamp::UNIX_EPOCH,
    };
    let entries = store.entries(0..size).await.unwrap();
    assert_eq!(u64::try_from(entries.len()).unwrap(), size);
    let mut recorded = BTreeSet::new();
    for stored in &entries {
        let record = Recorded::<AssertionRejected>::parse(stored.entry.bytes()).unwrap();
        let user = record.body().connection.as_str().to_owned();
        query.subject = subject(&user);
        let snapshot = store.snapshot(&query).await.unwrap();
        let linked = snapshot.linked.and_then(|linked| linked.user.entry);
        assert_eq!(linked, Some(stored.entry.leaf()), "`{user}` has no account");
        assert!(recorded.insert(user.clone()), "`{user}` has two leaves");
    }
    let accounts = store.snapshot(&query).await.unwrap().seats_taken;
    assert_eq!(accounts, size, "accounts, and entries");
    assert!(acknowledged.is_subset(&recorded));
    let last = store.checkpoint().await.unwrap();
    assert!(last.map_or(0, |last| last.size) >= signed);
    ledger.advance().await.unwrap();
    let check = ledger.reader().verify_all(&[], &mut |_| ()).await.unwrap();
    assert_eq!(check.damage, []);
}
