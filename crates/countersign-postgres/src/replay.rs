//! The memory of what was accepted once.

use async_trait::async_trait;
use countersign_core::{ReplayKey, StoreError, Timestamp};
use countersign_saml::replay::{ReplayStore, Seen};
use tokio_postgres::Row;

use crate::batch::values;
use crate::composite::{Composite, composite};
use crate::store::PostgresStore;

/// A key with when it is past, as `countersign.remember` takes it.
pub(crate) fn row(key: &ReplayKey, expires: Timestamp) -> Composite {
    composite! {
        issuer: key.issuer.clone(),
        id: key.id.clone(),
        expires_at: expires.unix_millis(),
    }
}

#[async_trait]
impl ReplayStore for PostgresStore {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        let values = values![row(key, expires), now.unix_millis()];
        let sql = "SELECT countersign.remember($1, $2)";
        let read = |row: &Row| Ok(row.try_get(0)?);
        let mut rows = self
            .read("remember an assertion", sql, values, read)
            .await?;
        Ok(if rows.pop().unwrap_or(false) {
            Seen::First
        } else {
            Seen::Before
        })
    }
}
