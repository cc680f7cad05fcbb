//! What [`crate::plain_host`] is to SQLite, to PostgreSQL: the host's own tables and a log whose
//! rows are chained by their hashes, one transaction a sign-in. Nobody can chain to a row that may
//! still be undone, so whoever adds to the log holds its last hash until the commit.

use std::sync::{Mutex, PoisonError};

use countersign::saml::IdentityProvider;
use countersign_postgres::tokio_postgres::types::ToSql;
use countersign_postgres::tokio_postgres::{Client, Error};
use pollster::block_on;
use ring::digest::{Context, SHA256};
use ring::rand::SystemRandom;

use crate::acme::Acme;
use crate::plain_host::SignedIn;
use crate::sign_in_durable::AT_ONCE;
use crate::sign_in_postgres::Server;

const SCHEMA: &str = "
    CREATE SCHEMA host;
    CREATE TABLE host.seen (id text PRIMARY KEY, expires_at bigint NOT NULL);
    CREATE TABLE host.users (
        id text PRIMARY KEY, subject text NOT NULL UNIQUE, email text UNIQUE, name text,
        created_at bigint NOT NULL
    );
    CREATE TABLE host.grants (
        user_id text NOT NULL REFERENCES host.users (id), role text NOT NULL,
        granted_at bigint NOT NULL,
        PRIMARY KEY (user_id, role)
    );
    CREATE TABLE host.sessions (
        id text PRIMARY KEY, user_id text NOT NULL REFERENCES host.users (id),
        opened_at bigint NOT NULL, expires_at bigint NOT NULL
    );
    CREATE INDEX sessions_by_user ON host.sessions (user_id);
    CREATE TABLE host.chain (
        position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        entry bytea NOT NULL, hash bytea NOT NULL
    );
    CREATE TABLE host.head (hash bytea NOT NULL);
    INSERT INTO host.head (hash) VALUES ('');
";

const SEEN: &str = "INSERT INTO host.seen (id, expires_at) VALUES ($1, $2)";
const USER: &str = "INSERT INTO host.users (id, subject, email, name, created_at)
    VALUES ($1, $2, $3, $4, $5)";
const GRANT: &str = "INSERT INTO host.grants (user_id, role, granted_at) VALUES ($1, $2, $3)";
const SESSION: &str = "INSERT INTO host.sessions (id, user_id, opened_at, expires_at)
    VALUES ($1, $2, $3, $4)";
const HEAD: &str = "SELECT hash FROM host.head FOR UPDATE";
const CHAIN: &str = "INSERT INTO host.chain (entry, hash) VALUES ($1, $2)";
const MOVE: &str = "UPDATE host.head SET hash = $1";

/// The host, with as many connections as there are people at once.
#[derive(Debug)]
pub(crate) struct PostgresHost {
    connections: Mutex<Vec<Connection>>,
    trusted: IdentityProvider,
    random: SystemRandom,
}

/// A connection with its statements.
#[derive(Debug)]
struct Connection {
    client: Client,
    statements: [countersign_postgres::tokio_postgres::Statement; 7],
}

impl Connection {
    fn open(server: &Server) -> Self {
        let client = server.connect();
        let prepare = |sql| block_on(client.prepare(sql)).expect("a statement");
        Self {
            statements: [SEEN, USER, GRANT, SESSION, HEAD, CHAIN, MOVE].map(prepare),
            client,
        }
    }

    async fn write(&mut self, rows: &SignedIn) -> Result<(), Error> {
        let transaction = self.client.transaction().await?;
        let [seen, user, grant, session, head, chain, move_on] = &self.statements;
        let (id, now, expires) = (&rows.user, &rows.now, &rows.expires);
        transaction
            .execute(seen, &[&rows.assertion, expires])
            .await?;
        let values: [&(dyn ToSql + Sync); 5] = [id, &rows.subject, &rows.email, &rows.name, now];
        transaction.execute(user, &values).await?;
        for role in &rows.roles {
            transaction.execute(grant, &[id, role, now]).await?;
        }
        transaction
            .execute(session, &[&rows.session, id, now, expires])
            .await?;
        let mut last: Vec<u8> = transaction.query_one(head, &[]).await?.try_get(0)?;
        for entry in &rows.log {
            let mut hash = Context::new(&SHA256);
            hash.update(&last);
            hash.update(entry);
            last = hash.finish().as_ref().to_vec();
            transaction.execute(chain, &[entry, &last]).await?;
        }
        transaction.execute(move_on, &[&last]).await?;
        transaction.commit().await
    }
}

impl PostgresHost {
    pub(crate) fn create(server: &Server, acme: &Acme) -> Self {
        block_on(server.connect().batch_execute(SCHEMA)).expect("new tables");
        let connections = (0..AT_ONCE).map(|_| Connection::open(server)).collect();
        Self {
            connections: Mutex::new(connections),
            trusted: acme.trusted(),
            random: SystemRandom::new(),
        }
    }

    /// Returns when the sign-in of somebody who was never seen is durable.
    pub(crate) fn sign_in(&self, acme: &Acme, response: &[u8]) {
        let rows = SignedIn::verify(acme, &self.trusted, &self.random, response);
        let connections = || {
            self.connections
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let mut connection = connections().pop().expect("one for each");
        block_on(connection.write(&rows)).expect("new rows");
        connections().push(connection);
    }
}
