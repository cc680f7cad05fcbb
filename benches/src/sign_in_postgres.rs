//! The whole sign-ins of [`crate::sign_in_durable`] on PostgreSQL, with a connection for each of
//! the 64, on a server of this run's own; the thread that turns records into leaves has one of
//! them when it needs it.
//!
//! The floor is the server's own group commit: one row of the same bytes, an `INSERT` a
//! transaction, by as many connections. `postgres_chain` is [`crate::postgres_host`].

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use countersign_postgres::tokio_postgres::{Client, Config, NoTls};
use countersign_postgres::{Database, PostgresStore};
use countersign_testkit::postgres_cluster::PostgresCluster;
use pollster::block_on;
use tokio::runtime::{Builder, Runtime};

use crate::acme::Acme;
use crate::load::{Until, drive, folder};
use crate::measure::{Effort, Writers, rates};
use crate::postgres_host::PostgresHost;
use crate::row::Row;
use crate::sign_in_durable::{AT_ONCE, load, ours, responses, written};

/// How many sign-ins each does in a full turn, which is seconds here, too.
const EACH: usize = 32;

/// A server, and what drives the connections to it.
#[derive(Debug)]
pub(crate) struct Server {
    cluster: PostgresCluster,
    runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        let program = std::env::current_exe().expect("a program");
        let beside = program.parent().expect("a program is in a folder");
        let runtime = Builder::new_multi_thread().enable_all().build();
        Self {
            cluster: PostgresCluster::start_on(beside),
            runtime: runtime.expect("a runtime"),
        }
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Client {
        let config: Config = self.cluster.url().parse().expect("its URL");
        self.runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await.expect("a connection");
            tokio::spawn(connection);
            client
        })
    }

    /// Where it keeps its files.
    pub(crate) fn files(&self) -> PathBuf {
        self.cluster.data()
    }

    /// A store in its database, which is new.
    pub(crate) fn store(&self) -> PostgresStore {
        let most = NonZeroUsize::new(AT_ONCE).expect("some");
        self.runtime.block_on(async {
            let database = Database::at_url(&self.cluster.url()).expect("its URL");
            let database = database.with_connections(most);
            database.migrate().await.expect("a new database");
            database.open().await.expect("our schema")
        })
    }
}

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let acme = Acme::at_this_time();
    let written = written(&acme, &folder().path().join("one"));
    let server = Server::start();
    let table = "CREATE TABLE floor (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
         bytes bytea NOT NULL)";
    block_on(server.connect().batch_execute(table)).expect("a table");
    let store = server.store();
    let engine = acme.engine(Arc::new(store));
    let host = PostgresHost::create(&server, &acme);
    let persons = AtomicUsize::new(0);
    let loads = vec![
        Writers::new("floor", |turn| {
            drive(AT_ONCE, Until::Elapsed(turn), |_| {
                let client = server.connect();
                let insert = block_on(client.prepare("INSERT INTO floor (bytes) VALUES ($1)"));
                let insert = insert.expect("a statement");
                let bytes = written.clone();
                move || {
                    block_on(client.execute(&insert, &[&bytes])).expect("a new row");
                }
            })
        }),
        ours(&acme, &engine, &persons, EACH),
        Writers::new("postgres_chain", |turn| {
            let responses = responses(&acme, &persons, turn, EACH);
            load(responses, |response| host.sign_in(&acme, response))
        }),
    ];
    rates("sign_in_durable", "postgres", effort, loads)
}
