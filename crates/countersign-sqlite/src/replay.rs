//! The memory of what was accepted once.

use async_trait::async_trait;
use countersign_core::{StoreError, Timestamp};
use countersign_saml::replay::{ReplayKey, ReplayStore, Seen};
use rusqlite::Connection;

use crate::failure::Failure;
use crate::store::SqliteStore;

/// Most keys that one call forgets: more than it adds, so that the table shrinks to what is
/// still to be remembered, and few enough that no call waits for a large clean-up.
const FORGET_AT_MOST: i64 = 16;

#[async_trait]
impl ReplayStore for SqliteStore {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        let key = key.clone();
        self.write("remember an assertion", move |db| {
            forget(db, now)?;
            let mut remember = db.prepare_cached(
                "INSERT INTO replay (issuer, id, expires_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT (issuer, id) DO NOTHING",
            )?;
            match remember.execute((&key.issuer, &key.id, expires.unix_millis()))? {
                0 => Ok(Seen::Before),
                _ => Ok(Seen::First),
            }
        })
        .await
    }
}

/// Forgets some of what has expired.
fn forget(db: &Connection, now: Timestamp) -> Result<(), Failure> {
    // Most of the time there is nothing, which this tells for less than a deletion of nothing.
    let mut expired = db.prepare_cached("SELECT 1 FROM replay WHERE expires_at < ?1 LIMIT 1")?;
    if !expired.exists([now.unix_millis()])? {
        return Ok(());
    }
    let mut forget = db.prepare_cached(
        "DELETE FROM replay WHERE (issuer, id) IN
             (SELECT issuer, id FROM replay WHERE expires_at < ?1
                  ORDER BY expires_at LIMIT ?2)",
    )?;
    forget.execute((now.unix_millis(), FORGET_AT_MOST))?;
    Ok(())
}
