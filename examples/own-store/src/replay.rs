//! The port that lets nothing in twice.

use async_trait::async_trait;
use countersign::saml::replay::{OneTimeKey, ReplayKey, ReplayStore, Seen};
use countersign::{StoreError, Timestamp};
use rusqlite::Connection;

use crate::failure::Failure;
use crate::sql::{exists, run};
use crate::store::OwnStore;

#[async_trait]
impl ReplayStore for OwnStore {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        let key = key.clone();
        let once = OneTimeKey { key, expires, now };
        self.write("remember an assertion", |db| remember(db, &once))
    }
}

/// Remembers a key, by itself or in the transaction of a `Change`.
pub(crate) fn remember(db: &Connection, once: &OneTimeKey) -> Result<Seen, Failure> {
    let forget = "DELETE FROM cs_replay WHERE expires_at < ?1";
    run(db, forget, [once.now.unix_millis()])?;
    // The primary key decides, and not a look before.
    let remember = "INSERT INTO cs_replay (issuer, id, expires_at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING";
    let (key, expires) = (&once.key, once.expires.unix_millis());
    match run(db, remember, (&key.issuer, &key.id, expires))? {
        0 => Ok(Seen::Before),
        _ => Ok(Seen::First),
    }
}

pub(crate) fn is_seen(db: &Connection, key: &ReplayKey, now: Timestamp) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM cs_replay WHERE issuer = ?1 AND id = ?2 AND expires_at >= ?3";
    exists(db, sql, (&key.issuer, &key.id, now.unix_millis()))
}
