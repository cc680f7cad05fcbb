//! The memory of what was accepted once.

use async_trait::async_trait;
use countersign_core::{OneTimeKey, ReplayKey, StoreError, Timestamp};
use countersign_saml::replay::{ReplayStore, Seen};

use crate::batch::{Batch, Value, values};
use crate::store::PostgresStore;

/// Remembers a key, and forgets a few that are past: more than it adds, so that the table shrinks
/// to what is still to be remembered, and few enough that no call waits for a large clean-up; none
/// that another call is about to forget.
macro_rules! remember {
    () => {
        "WITH past AS (
             SELECT key FROM countersign.replay WHERE expires_at < $4
                 ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED
         ), forgotten AS (
             DELETE FROM countersign.replay AS r USING past
                 WHERE r.key = past.key
         ), remembered AS (
             INSERT INTO countersign.replay AS r (issuer, id, expires_at) VALUES ($1, $2, $3)
                 ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at
                     WHERE r.expires_at < $4
                 RETURNING 1
         )
         "
    };
}

const REMEMBER: &str = concat!(remember!(), "SELECT FROM remembered");

const REMEMBER_OR_FAIL: &str = concat!(
    remember!(),
    "SELECT countersign.require(EXISTS (SELECT FROM remembered), 'it was seen before')"
);

fn values_of(key: &ReplayKey, expires: Timestamp, now: Timestamp) -> Vec<Value> {
    values![
        key.issuer.clone(),
        key.id.clone(),
        expires.unix_millis(),
        now.unix_millis(),
    ]
}

/// Remembers a key, or ends the transaction. Whoever comes with the same one waits here for the
/// outcome, and holds no other lock meanwhile.
pub(crate) fn remember(batch: &mut Batch, once: &OneTimeKey) {
    let values = values_of(&once.key, once.expires, once.now);
    batch.add(REMEMBER_OR_FAIL, values);
}

#[async_trait]
impl ReplayStore for PostgresStore {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        let values = values_of(key, expires, now);
        let doing = "remember an assertion";
        let rows = self.read(doing, REMEMBER, values, |_| Ok(())).await?;
        Ok(if rows.is_empty() {
            Seen::Before
        } else {
            Seen::First
        })
    }
}
