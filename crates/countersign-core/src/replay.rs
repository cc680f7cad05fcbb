//! What may be seen once.

use crate::time::Timestamp;

/// What may be seen once: the kind of thing, who issued it, and its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplayKey {
    /// The identity provider's entity id, or a name of the host's for things of its own.
    pub issuer: String,
    /// `ID` of the assertion, or of the thing.
    pub id: String,
}

/// A key that nobody has remembered yet: whatever its thing leads to is to be written in one
/// commit together with it.
///
/// # Security
/// Dropped, its thing can be shown again. So it is for whoever writes everything in one commit;
/// everybody else has a `ReplayStore` remember the key first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "what proved something can be shown again before its key is remembered"]
pub struct OneTimeKey {
    /// What is remembered.
    pub key: ReplayKey,
    /// From this instant on the thing is refused for its age. The key may be forgotten once `now`
    /// of a later one is past it.
    pub expires: Timestamp,
    /// When the thing was shown.
    pub now: Timestamp,
}
