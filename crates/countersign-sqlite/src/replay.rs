//! The memory of what was accepted once.

use async_trait::async_trait;
use countersign_core::{OneTimeKey, ReplayKey, StoreError, Timestamp};
use countersign_saml::replay::{ReplayStore, Seen};
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
        let once = OneTimeKey {
            key: key.clone(),
            expires,
            now,
        };
        self.write("remember an assertion", move |db| remember(db, &once))
            .await
    }
}

/// Remembers a key, and forgets some of those that are past. A key that was seen before changes
/// nothing.
pub(crate) fn remember(db: &Connection, once: &OneTimeKey) -> Result<Seen, Failure> {
    let mut remember = db.prepare_cached(
        "INSERT INTO replay (issuer, id, expires_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (issuer, id) DO UPDATE SET expires_at = excluded.expires_at
             WHERE expires_at < ?4",
    )?;
    let (key, now) = (&once.key, once.now.unix_millis());
    match remember.execute((&key.issuer, &key.id, once.expires.unix_millis(), now))? {
        0 => Ok(Seen::Before),
        _ => {
            forget(db, now)?;
            Ok(Seen::First)
        }
    }
}

/// Whether a key is remembered at `now`.
pub(crate) fn is_seen(db: &Connection, key: &ReplayKey, now: Timestamp) -> Result<bool, Failure> {
    let mut select = db.prepare_cached(
        "SELECT 1 FROM replay WHERE issuer = ?1 AND id = ?2 AND expires_at >= ?3",
    )?;
    Ok(select.exists((&key.issuer, &key.id, now.unix_millis()))?)
}

/// Forgets some of what has expired.
fn forget(db: &Connection, now: i64) -> Result<(), Failure> {
    // Most of the time there is nothing, which this tells for less than a deletion of nothing.
    let mut expired = db.prepare_cached("SELECT 1 FROM replay WHERE expires_at < ?1 LIMIT 1")?;
    if !expired.exists([now])? {
        return Ok(());
    }
    let mut forget = db.prepare_cached(
        "DELETE FROM replay WHERE (issuer, id) IN
             (SELECT issuer, id FROM replay WHERE expires_at < ?1
                  ORDER BY expires_at LIMIT ?2)",
    )?;
    forget.execute((now, FORGET_AT_MOST))?;
    Ok(())
}
