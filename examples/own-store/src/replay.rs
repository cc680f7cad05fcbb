//! The port that lets nothing in twice.

use async_trait::async_trait;
use countersign::saml::replay::{ReplayKey, ReplayStore, Seen};
use countersign::{StoreError, Timestamp};

use crate::sql::run;
use crate::store::OwnStore;

#[async_trait]
impl ReplayStore for OwnStore {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        self.write("remember an assertion", |db| {
            let forget = "DELETE FROM cs_replay WHERE expires_at < ?1";
            run(db, forget, [now.unix_millis()])?;
            // The primary key decides, and not a look before.
            let remember = "INSERT INTO cs_replay (issuer, id, expires_at) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING";
            match run(db, remember, (&key.issuer, &key.id, expires.unix_millis()))? {
                0 => Ok(Seen::Before),
                _ => Ok(Seen::First),
            }
        })
    }
}
