//! The memory of what was accepted once.

use async_trait::async_trait;
use countersign_core::{StoreError, Timestamp};
use countersign_saml::replay::{ReplayKey, ReplayStore, Seen};

use crate::batch::values;
use crate::store::PostgresStore;

/// Remembers a key, and forgets a few that are past: more than it adds, so that the table shrinks
/// to what is still to be remembered, and few enough that no call waits for a large clean-up; none
/// that another call is about to forget.
const REMEMBER: &str = "WITH past AS (
        SELECT key FROM countersign.replay WHERE expires_at < $4
            ORDER BY expires_at LIMIT 16 FOR UPDATE SKIP LOCKED
    ), forgotten AS (
        DELETE FROM countersign.replay AS r USING past
            WHERE r.key = past.key
    )
    INSERT INTO countersign.replay (issuer, id, expires_at) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO NOTHING
        RETURNING true";

#[async_trait]
impl ReplayStore for PostgresStore {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        let values = values![
            key.issuer.clone(),
            key.id.clone(),
            expires.unix_millis(),
            now.unix_millis(),
        ];
        let doing = "remember an assertion";
        let rows = self.read(doing, REMEMBER, values, |_| Ok(())).await?;
        Ok(if rows.is_empty() {
            Seen::Before
        } else {
            Seen::First
        })
    }
}
