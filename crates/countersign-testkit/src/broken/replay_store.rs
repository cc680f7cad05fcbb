//! Memories that accept something twice, or refuse what is new.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::{StoreError, StoreErrorKind, Timestamp};
use countersign_saml::replay::{ReplayKey, ReplayStore, Seen};

use super::{dawdle, defects};

defects! {
    /// What is wrong with a [`BrokenReplayStore`].
    ReplayDefect {
        /// It remembers nothing.
        RemembersNothing: "a_key_is_seen_first_once",
        /// It knows keys by their id alone.
        IgnoresTheIssuer: "keys_are_told_apart_by_every_byte",
        /// It knows keys without regard to case.
        FoldsCase: "keys_are_told_apart_by_every_byte",
        /// It joins issuer and id with nothing between them.
        JoinsTheParts: "keys_are_told_apart_by_every_byte",
        /// It knows keys by what fits into its index.
        CutsLongKeys: "a_long_key_is_remembered",
        /// It looks whether a key is there, and adds it in a second step.
        LooksBeforeItInserts: "one_of_many_at_once_is_the_first",
        /// It answers that it has seen whatever comes while it is busy.
        RefusesInARush: "different_keys_at_once_are_all_first",
        /// It forgets a key at the instant that it expires, when it is still accepted.
        ForgetsAnInstantTooSoon: "a_key_is_remembered_until_it_expires",
        /// It remembers a key until what its last replay said.
        LetsAReplayShortenTheMemory: "a_replay_does_not_shorten_the_memory",
        /// It forgets all keys with the first that expires.
        ForgetsAllWithTheFirst: "forgetting_one_key_keeps_the_others",
        /// It takes what was inserted later than now for never inserted.
        TrustsEveryClock: "a_clock_that_goes_back_forgets_nothing",
    }
}

/// When each key expires, and when it came.
type Memory = HashMap<ReplayKey, (Timestamp, Timestamp)>;

/// A replay store with one defect, over one that is right.
#[derive(Debug)]
pub struct BrokenReplayStore<S> {
    inner: S,
    defect: ReplayDefect,
    seen: Mutex<Memory>,
    busy: AtomicUsize,
}

impl<S> BrokenReplayStore<S> {
    /// Spoils a store that is right.
    pub fn new(inner: S, defect: ReplayDefect) -> Self {
        Self {
            inner,
            defect,
            seen: Mutex::default(),
            busy: AtomicUsize::new(0),
        }
    }

    fn seen(&self) -> Result<MutexGuard<'_, Memory>, StoreError> {
        let poisoned = |_| StoreError::new(StoreErrorKind::Other, "lock the memory");
        self.seen.lock().map_err(poisoned)
    }
}

#[async_trait]
impl<S: ReplayStore> ReplayStore for BrokenReplayStore<S> {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        let mut key = key.clone();
        let mut until = expires;
        match self.defect {
            ReplayDefect::RemembersNothing => return Ok(Seen::First),
            ReplayDefect::IgnoresTheIssuer => key.issuer.clear(),
            ReplayDefect::FoldsCase => key.id = key.id.to_lowercase(),
            ReplayDefect::JoinsTheParts => {
                key.id.insert_str(0, &key.issuer);
                key.issuer.clear();
            }
            ReplayDefect::CutsLongKeys => key.id = key.id.chars().take(255).collect(),
            ReplayDefect::LooksBeforeItInserts => {
                let is_new = !self.seen()?.contains_key(&key);
                dawdle();
                self.seen()?.insert(key, (expires, now));
                return Ok(if is_new { Seen::First } else { Seen::Before });
            }
            ReplayDefect::RefusesInARush => {
                let others = self.busy.fetch_add(1, Ordering::SeqCst);
                dawdle();
                let answer = self.inner.insert_once(&key, expires, now).await;
                self.busy.fetch_sub(1, Ordering::SeqCst);
                return if others > 0 { Ok(Seen::Before) } else { answer };
            }
            ReplayDefect::ForgetsAnInstantTooSoon => {
                until = expires.saturating_sub(Duration::from_millis(1));
            }
            ReplayDefect::LetsAReplayShortenTheMemory => {
                let before = self.seen()?.insert(key, (expires, now));
                let is_before = before.is_some_and(|(until, _)| now <= until);
                return Ok(if is_before { Seen::Before } else { Seen::First });
            }
            ReplayDefect::ForgetsAllWithTheFirst => {
                let mut seen = self.seen()?;
                if seen.values().any(|(until, _)| *until < now) {
                    seen.clear();
                }
                let before = seen.insert(key, (expires, now));
                return Ok(before.map_or(Seen::First, |_| Seen::Before));
            }
            ReplayDefect::TrustsEveryClock => {
                let before = self.seen()?.insert(key, (expires, now));
                let is_before = before.is_some_and(|(until, since)| since <= now && now <= until);
                return Ok(if is_before { Seen::Before } else { Seen::First });
            }
        }
        self.inner.insert_once(&key, until, now).await
    }
}
