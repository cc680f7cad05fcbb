//! A store that keeps everything in memory: for tests, demonstrations and short-lived tools.

mod ledger;
mod seen;
mod users;
mod vault;

use std::sync::{Arc, Mutex, MutexGuard};

use countersign_core::{StoreError, StoreErrorKind};

use self::seen::Seen;

/// Users, ledger, vault keys and replay memory behind one mutex.
///
/// It keeps every part of the ports' contracts but durability: **nothing survives the process**,
/// so an `Ok` promises less here than anywhere else. Use `countersign-sqlite` for anything whose
/// evidence somebody may ask for. Look-ups by e-mail address and the count of seats walk over
/// all users of the tenant.
///
/// Clones share what they hold.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    users: users::Users,
    ledger: ledger::Ledger,
    vault: vault::Keys,
    seen: Seen,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A thread that panicked may have left half a change behind, so nothing is read after it.
    fn lock(&self, doing: &'static str) -> Result<MutexGuard<'_, Shared>, StoreError> {
        self.shared
            .lock()
            .map_err(|_| StoreError::new(StoreErrorKind::Other, doing))
    }
}

/// What a change expected and did not find.
fn conflict(doing: &'static str, reason: &'static str) -> StoreError {
    StoreError::conflict(doing).caused_by(reason)
}
