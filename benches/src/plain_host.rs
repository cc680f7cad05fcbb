//! The baseline that a host would write first: the same verifier, then its own tables and a log
//! whose rows are chained by their hashes, one SQLite transaction a sign-in.
//!
//! It knows one policy, which is in its code; its log can be rewritten by whoever can write the
//! file.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use countersign::IdentityClaims;
use countersign::saml::{Expect, IdentityProvider, Inbound, verify};
use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::{Connection, TransactionBehavior, params};
use serde_json::{Value, json};

use crate::acme::Acme;
use crate::sqlite_chain;

/// How long a session lasts, in milliseconds.
const SESSION_MILLIS: i64 = 8 * 3_600 * 1_000;

const SCHEMA: &str = "
    CREATE TABLE seen (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT;
    CREATE TABLE users (
        id TEXT PRIMARY KEY, subject TEXT NOT NULL UNIQUE, email TEXT, name TEXT,
        created_at INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX users_by_email ON users (email);
    CREATE TABLE grants (
        user TEXT NOT NULL REFERENCES users (id), role TEXT NOT NULL, granted_at INTEGER NOT NULL,
        PRIMARY KEY (user, role)
    ) STRICT;
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES users (id),
        opened_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_user ON sessions (user);
";

/// The host.
#[derive(Debug)]
pub(crate) struct PlainHost {
    connection: Mutex<Connection>,
    trusted: IdentityProvider,
    random: SystemRandom,
}

impl PlainHost {
    pub(crate) fn create(path: &Path, acme: &Acme) -> Self {
        let connection = sqlite_chain::create(path);
        connection.execute_batch(SCHEMA).expect("new tables");
        connection.set_prepared_statement_cache_capacity(64);
        connection
            .pragma_update(None, "foreign_keys", true)
            .expect("a pragma");
        Self {
            connection: Mutex::new(connection),
            trusted: acme.trusted(),
            random: SystemRandom::new(),
        }
    }

    /// Returns when the sign-in of somebody who was never seen is durable.
    pub(crate) fn sign_in(&self, acme: &Acme, response: &[u8]) {
        let rows = SignedIn::verify(acme, &self.trusted, &self.random, response);
        // Whoever can not write waits here: SQLite lets one at a time.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .expect("the only writer");
        let add = |sql: &str, row: &[&dyn rusqlite::ToSql]| {
            let insert = transaction.prepare_cached(sql);
            insert
                .and_then(|mut insert| insert.execute(row))
                .expect("a new row");
        };
        let SignedIn {
            user, now, expires, ..
        } = &rows;
        add(
            "INSERT INTO seen (id, expires_at) VALUES (?1, ?2)",
            params![rows.assertion, expires],
        );
        add(
            "INSERT INTO users (id, subject, email, name, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![user, rows.subject, rows.email, rows.name, now],
        );
        for role in &rows.roles {
            add(
                "INSERT INTO grants (user, role, granted_at) VALUES (?1, ?2, ?3)",
                params![user, role, now],
            );
        }
        add(
            "INSERT INTO sessions (id, user, opened_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
            params![rows.session, user, now, expires],
        );
        for entry in &rows.log {
            sqlite_chain::add(&transaction, entry);
        }
        transaction.commit().expect("a working disk");
    }
}

/// What one sign-in writes.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) assertion: String,
    pub(crate) user: String,
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) session: String,
    pub(crate) now: i64,
    pub(crate) expires: i64,
    /// Rows of the log, in order.
    pub(crate) log: Vec<Vec<u8>>,
}

impl SignedIn {
    /// Verifies a response about somebody who was never seen, and decides.
    pub(crate) fn verify(
        acme: &Acme,
        trusted: &IdentityProvider,
        random: &SystemRandom,
        response: &[u8],
    ) -> Self {
        let message = Inbound::Xml(response);
        let at = acme.time();
        let verified = verify(&acme.sp, trusted, message, Expect::Unsolicited, at);
        // The table of what was seen is in the transaction that follows.
        let login = verified
            .expect("a response")
            .insecure_without_replay_check();
        let identity = login.into_identity();
        let signed = identity.evidence().signed().expect("a signature");
        let claims = identity.claims();
        let now = at.unix_millis();
        let expires = now.saturating_add(SESSION_MILLIS);
        let (user, session) = (id(random), id(random));
        let (subject, email) = (&claims.name_id.value, attribute(claims, "email"));
        let roles = match attribute(claims, "department") {
            Some("ward") => vec!["signer", "viewer"],
            _ => Vec::new(),
        };
        let entry = |kind: &str, what: Value| {
            let entry = json!({"at": now, "kind": kind, "user": user, "what": what});
            entry.to_string().into_bytes()
        };
        let raw = String::from_utf8_lossy(response);
        let mut log = vec![
            entry(
                "assertion.verified",
                json!({"issuer": claims.issuer, "response": raw}),
            ),
            entry("user.created", json!({"subject": subject, "email": email})),
        ];
        log.extend(
            roles
                .iter()
                .map(|role| entry("role.granted", json!({"role": role}))),
        );
        let opened = json!({"session": session, "expires_at": expires});
        log.push(entry("session.opened", opened));
        Self {
            assertion: signed.assertion_id.to_string(),
            subject: subject.to_string(),
            email: email.map(str::to_owned),
            name: attribute(claims, "surname").map(str::to_owned),
            user,
            roles,
            session,
            now,
            expires,
            log,
        }
    }
}

fn id(random: &SystemRandom) -> String {
    let mut bits = [0; 16];
    random.fill(&mut bits).expect("random bytes");
    format!("{:032x}", u128::from_be_bytes(bits))
}

/// The first value of an attribute.
fn attribute<'a>(claims: &'a IdentityClaims, name: &str) -> Option<&'a str> {
    let mut attributes = claims.attributes.iter();
    let attribute = attributes.find(|attribute| attribute.name == name)?;
    attribute.values.first()?.as_text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_is_an_account_two_roles_a_session_and_five_rows_of_the_log() {
        let (acme, folder) = (Acme::new(), crate::load::folder());
        let host = PlainHost::create(&folder.path().join("host"), &acme);
        for person in ["one", "two"] {
            host.sign_in(&acme, &acme.response(person, 3));
        }
        let connection = host.connection.lock().unwrap();
        let count = |table: &str| -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        let tables = ["seen", "users", "grants", "sessions", "chain"];
        assert_eq!(tables.map(count), [2, 2, 4, 2, 10]);
    }
}
