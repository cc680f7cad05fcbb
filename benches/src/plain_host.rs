//! The baseline that a host would write first: the same verifier, then its own tables and a log
//! whose rows are chained by their hashes, one SQLite transaction a sign-in.
//!
//! It knows one policy, which is in its code; its log can be rewritten by whoever can write the
//! file.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use countersign::saml::{Expect, IdentityProvider, Inbound, verify};
use countersign::{IdentityClaims, Timestamp};
use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
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
        let message = Inbound::Xml(response);
        let at = acme.time();
        let verified = verify(&acme.sp, &self.trusted, message, Expect::Unsolicited, at);
        // The table of what was seen is in the transaction below.
        let login = verified
            .expect("a response")
            .insecure_without_replay_check();
        let identity = login.into_identity();
        let signed = identity.evidence().signed().expect("a signature");
        let claims = identity.claims();
        let (user, session) = (self.id(), self.id());
        let roles: &[&str] = match attribute(claims, "department") {
            Some("ward") => &["signer", "viewer"],
            _ => &[],
        };
        let now = at.unix_millis();

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
        let expires = now.saturating_add(SESSION_MILLIS);
        add(
            "INSERT INTO seen (id, expires_at) VALUES (?1, ?2)",
            params![signed.assertion_id, expires],
        );
        add(
            "INSERT INTO users (id, subject, email, name, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                user,
                claims.name_id.value,
                attribute(claims, "email"),
                attribute(claims, "surname"),
                now
            ],
        );
        log(
            &transaction,
            at,
            "assertion.verified",
            &user,
            &json!({"issuer": claims.issuer, "response": String::from_utf8_lossy(response)}),
        );
        log(
            &transaction,
            at,
            "user.created",
            &user,
            &json!({"subject": claims.name_id.value, "email": attribute(claims, "email")}),
        );
        for role in roles {
            add(
                "INSERT INTO grants (user, role, granted_at) VALUES (?1, ?2, ?3)",
                params![user, role, now],
            );
            let what = json!({"role": role});
            log(&transaction, at, "role.granted", &user, &what);
        }
        add(
            "INSERT INTO sessions (id, user, opened_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
            params![session, user, now, expires],
        );
        let what = json!({"session": session, "expires_at": expires});
        log(&transaction, at, "session.opened", &user, &what);
        transaction.commit().expect("a working disk");
    }

    fn id(&self) -> String {
        let mut bits = [0; 16];
        self.random.fill(&mut bits).expect("random bytes");
        format!("{:032x}", u128::from_be_bytes(bits))
    }
}

/// The first value of an attribute.
fn attribute<'a>(claims: &'a IdentityClaims, name: &str) -> Option<&'a str> {
    let mut attributes = claims.attributes.iter();
    let attribute = attributes.find(|attribute| attribute.name == name)?;
    attribute.values.first()?.as_text()
}

/// Adds a row to the log.
fn log(db: &Transaction<'_>, at: Timestamp, kind: &str, user: &str, what: &Value) {
    let entry = json!({"at": at.unix_millis(), "kind": kind, "user": user, "what": what});
    sqlite_chain::add(db, entry.to_string().as_bytes());
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
