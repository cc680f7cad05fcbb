//! The memory of what was accepted once.

use std::collections::HashMap;

use async_trait::async_trait;
use countersign_core::{OneTimeKey, ReplayKey, StoreError, Timestamp};
use countersign_saml::replay::{self, ReplayStore};

use super::MemoryStore;

/// Keys, each with the instant that it is remembered until.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<ReplayKey, Timestamp>);

impl Seen {
    /// Whether the key is remembered at `now`.
    pub(super) fn has(&self, key: &ReplayKey, now: Timestamp) -> bool {
        self.0.get(key).is_some_and(|expires| now <= *expires)
    }

    /// Remembers a key, and forgets those that are past.
    pub(super) fn remember(&mut self, once: &OneTimeKey) {
        self.0.retain(|_, expires| once.now <= *expires);
        self.0.insert(once.key.clone(), once.expires);
    }
}

#[async_trait]
impl ReplayStore for MemoryStore {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<replay::Seen, StoreError> {
        let mut shared = self.lock("remember an assertion")?;
        if shared.seen.has(key, now) {
            return Ok(replay::Seen::Before);
        }
        shared.seen.remember(&OneTimeKey {
            key: key.clone(),
            expires,
            now,
        });
        Ok(replay::Seen::First)
    }
}
