//! Copying the write-ahead log into the file.
//!
//! A thread does it while others write, and never blocks them. As long as somebody writes, it can
//! not empty the log; that the connection that writes does once the log is large, and then it has
//! only that little to copy which was written during the last copying.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::file::OpenError;

/// Pages in the log, 4 MB, after which they are copied: worth two syncs.
const COPIED_PAGES: usize = 500;

/// Pages in the log, 32 MB, at which it is emptied.
const LOG_PAGES: usize = 8 * COPIED_PAGES;

/// Wakes the thread. Dropping it waits until the copying under way is done.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Held while the log is copied.
    copying: Arc<Mutex<()>>,
    /// Pages in the log after the last commit.
    log_pages: Arc<AtomicUsize>,
    /// Pages in the log at which the thread is woken.
    wake_at: usize,
}

impl Checkpointer {
    /// `copies` is a connection of the thread, `writes` the one whose commits are counted.
    pub(crate) fn start(copies: Connection, writes: &mut Connection) -> Result<Self, OpenError> {
        let log_pages = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&log_pages);
        // In place of SQLite's own, which copies everything between two commits.
        writes.wal_hook(Some(move |_: &mut Wal, pages| {
            counted.store(usize::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let (wake, woken) = mpsc::sync_channel(1);
        let copying = Arc::<Mutex<()>>::default();
        let held = Arc::clone(&copying);
        let thread = std::thread::Builder::new()
            .name("csign-sql-copy".to_owned())
            .spawn(move || run(&copies, &woken, &held))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            copying,
            log_pages,
            wake_at: COPIED_PAGES,
        })
    }

    /// `db` has committed.
    pub(crate) fn committed(&mut self, db: &Connection) {
        let pages = self.log_pages.load(Ordering::Relaxed);
        let next = pages.saturating_add(COPIED_PAGES);
        // A log that was emptied is written from its beginning.
        self.wake_at = self.wake_at.min(next);
        if pages >= self.wake_at
            && let Some(wake) = &self.wake
        {
            self.wake_at = next;
            // It is at work, and will be again at once.
            let _ = wake.try_send(());
        } else if pages >= LOG_PAGES
            && let Ok(_held) = self.copying.try_lock()
        {
            copy(db);
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
        copy(db);
    }
}

/// Copies what nobody reads in the log any more; if that is all of it, the next commit is written
/// at its beginning.
fn copy(db: &Connection) {
    // What could not be copied stays in the log, and is found there.
    let _ = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::tempdir;

    use super::*;
    use crate::file::{open_checkpointer, open_writable};

    /// What one commit of [`write`] adds to the log.
    const COMMIT_PAGES: usize = 100;
    const COMMIT_BYTES: i64 = 99 * 8 * 1024;
    const COPIED_BYTES: u64 = COPIED_PAGES as u64 * 8 * 1024;
    const LOG_BYTES: u64 = LOG_PAGES as u64 * 8 * 1024;

    fn start(path: &Path) -> (Connection, Checkpointer) {
        let mut db = open_writable(path, true).unwrap();
        let copies = open_checkpointer(path).unwrap();
        let checkpointer = Checkpointer::start(copies, &mut db).unwrap();
        db.execute_batch("CREATE TABLE filled (bytes BLOB)")
            .unwrap();
        (db, checkpointer)
    }

    fn write(db: &Connection, checkpointer: &mut Checkpointer) {
        db.execute("INSERT INTO filled VALUES (zeroblob(?1))", [COMMIT_BYTES])
            .unwrap();
        checkpointer.committed(db);
    }

    fn count(db: &Connection) -> i64 {
        db.query_row("SELECT count(*) FROM filled", [], |row| row.get(0))
            .unwrap()
    }

    /// Bytes of the file and of its log.
    fn lengths(path: &Path) -> (u64, u64) {
        let log = path.with_file_name("db-wal");
        let length = |path: &Path| std::fs::metadata(path).unwrap().len();
        (length(path), length(&log))
    }

    #[test]
    fn the_log_is_copied_while_others_write() {
        const COMMITS: usize = COPIED_PAGES / COMMIT_PAGES;
        let folder = tempdir().unwrap();
        let path = folder.path().join("db");
        let (db, mut checkpointer) = start(&path);
        for _ in 1..COMMITS {
            write(&db, &mut checkpointer);
        }
        assert!(lengths(&path).0 < COPIED_BYTES / 2, "not worth it yet");
        write(&db, &mut checkpointer);
        // Waits for the copying.
        drop(checkpointer);
        assert!(lengths(&path).0 > COPIED_BYTES / 10 * 9);
    }

    #[test]
    fn a_large_log_is_emptied_while_it_is_written() {
        const COMMITS: usize = 5 * LOG_PAGES / COMMIT_PAGES;
        let folder = tempdir().unwrap();
        let path = folder.path().join("db");
        let (db, mut checkpointer) = start(&path);
        for _ in 0..COMMITS {
            write(&db, &mut checkpointer);
            drop(checkpointer.pause());
        }
        let (_, log) = lengths(&path);
        assert!(log < LOG_BYTES / 2 * 3, "{log}");
    }

    #[test]
    fn what_somebody_reads_stays_in_the_log() {
        const COMMITS: usize = 2 * LOG_PAGES / COMMIT_PAGES;
        let folder = tempdir().unwrap();
        let path = folder.path().join("db");
        let (db, mut checkpointer) = start(&path);
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(count(&reader), 0);
        for _ in 0..COMMITS {
            write(&db, &mut checkpointer);
            drop(checkpointer.pause());
        }
        assert_eq!(count(&reader), 0);
        assert_eq!(count(&db), COMMITS as i64);
        assert!(lengths(&path).1 > LOG_BYTES);
        reader.execute_batch("COMMIT").unwrap();
        drop(checkpointer);
        assert_eq!(count(&reader), COMMITS as i64);
    }
}
