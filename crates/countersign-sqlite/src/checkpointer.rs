//! The thread that copies the write-ahead log into the file while others write.
//!
//! It never blocks them, and what it leaves is little: the log is emptied by the connection that
//! writes, once it is [large](crate::file), which then has only that little to copy.

use std::fmt;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

/// After so many requests the log is copied: each adds a page or less, so that it is some MB, and
/// worth two syncs.
const REQUESTS: usize = 1_000;

/// Wakes the thread. Dropping it waits until the copying under way is done.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Held while the log is copied.
    copying: Arc<Mutex<()>>,
    /// Requests since the thread was woken.
    requests: usize,
}

impl Checkpointer {
    pub(crate) fn start(db: Connection) -> std::io::Result<Self> {
        let (wake, woken) = mpsc::sync_channel(1);
        let copying = Arc::<Mutex<()>>::default();
        let held = Arc::clone(&copying);
        let thread = std::thread::Builder::new()
            .name("csign-sql-copy".to_owned())
            .spawn(move || run(&db, &woken, &held))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            copying,
            requests: 0,
        })
    }

    /// So many requests were committed.
    pub(crate) fn committed(&mut self, requests: usize) {
        self.requests = self.requests.saturating_add(requests);
        if self.requests >= REQUESTS
            && let Some(wake) = &self.wake
        {
            self.requests = 0;
            // It is at work, and will be again at once.
            let _ = wake.try_send(());
        }
    }

    /// Nothing is copied while this is held.
    pub(crate) fn pause(&self) -> MutexGuard<'_, ()> {
        self.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Checkpointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpointer").finish_non_exhaustive()
    }
}

fn run(db: &Connection, woken: &Receiver<()>, copying: &Mutex<()>) {
    while woken.recv().is_ok() {
        let _held = copying.lock().unwrap_or_else(PoisonError::into_inner);
        // What could not be copied stays in the log, and is found there.
        let _ = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}
