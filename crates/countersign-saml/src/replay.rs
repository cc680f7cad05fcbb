//! The port that sees to it that nothing is accepted twice.

use std::fmt;

use async_trait::async_trait;
pub use countersign_core::{OneTimeKey, ReplayKey};
use countersign_core::{StoreError, Timestamp};

/// Whether a key was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Seen {
    /// Never seen before; it is remembered now.
    First,
    /// Seen before: a replay.
    Before,
}

/// Remembers what was accepted until it would be refused for its age anyway.
///
/// # Contract
/// [`insert_once`](Self::insert_once) is atomic: of any number of calls with the same key, on
/// any number of nodes, exactly one answers [`Seen::First`], and what it remembers is durable
/// before it answers. A key may be forgotten once `now` of a later call is past its `expires`.
#[async_trait]
pub trait ReplayStore: Send + Sync + fmt::Debug {
    /// Remembers `key` until `expires`, and tells whether it was new.
    ///
    /// # Errors
    /// If the store fails; then the message must be refused.
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError>;
}

macro_rules! forward {
    ($pointer:ty) => {
        #[async_trait]
        impl<S: ReplayStore + ?Sized> ReplayStore for $pointer {
            async fn insert_once(
                &self,
                key: &ReplayKey,
                expires: Timestamp,
                now: Timestamp,
            ) -> Result<Seen, StoreError> {
                (**self).insert_once(key, expires, now).await
            }
        }
    };
}
forward!(std::sync::Arc<S>);
forward!(Box<S>);
