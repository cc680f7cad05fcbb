//! What a node remembers of the outbox, and how it tells the integrator of new entries.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_audit::store::Integration;
use countersign_core::EntryId;

use crate::session::Pool;

/// How long entries are gathered before the integrator is woken once for all of them.
const GATHER: Duration = Duration::from_millis(10);

/// A node's view of the outbox.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    read: Mutex<Option<Read>>,
    is_waking: AtomicBool,
}

/// What the outbox began with, when the tree had a size.
#[derive(Debug)]
struct Read {
    size: u64,
    ids: Vec<EntryId>,
}

impl Outbox {
    pub(crate) fn was_read(&self, size: u64, ids: Vec<EntryId>) {
        *self.lock() = Some(Read { size, ids });
    }

    /// Whether the outbox began with these entries after the tree had got this size.
    ///
    /// A transaction that had drawn a smaller number may have committed since. It comes after
    /// them: as long as nothing was integrated, what began the outbox then may still be
    /// integrated, because whatever those entries rest on was read together with them.
    pub(crate) fn began_with(&self, integration: &Integration) -> bool {
        self.lock().as_ref().is_some_and(|read| {
            read.size == integration.expected_size && read.ids.starts_with(&integration.entries)
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Read>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the integrator, soon and once for all that is committed until then.
    ///
    /// Not in the transactions themselves: PostgreSQL lets only one transaction at a time commit
    /// that notifies anybody, so that no two of them could share a write of the log. A wake-up that
    /// is lost costs little, because the integrator looks by itself as well.
    pub(crate) fn wake_integrator(self: &Arc<Self>, pool: &Arc<Pool>) {
        if self.is_waking.swap(true, Ordering::SeqCst) {
            return;
        }
        let (outbox, sessions) = (Arc::clone(self), Arc::clone(pool));
        pool.connector().detach(async move {
            tokio::time::sleep(GATHER).await;
            outbox.is_waking.store(false, Ordering::SeqCst);
            if let Some(lease) = sessions.take_idle()
                && let Ok(session) = lease.session()
            {
                let notify = session.client().batch_execute("NOTIFY countersign_entries");
                let _ = notify.await;
            }
        });
    }
}
