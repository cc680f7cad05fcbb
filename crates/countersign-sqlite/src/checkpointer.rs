//! Copying the write-ahead log into the file.
//!
//! A thread does it while others write, and never blocks them. As long as somebody writes, it can
//! not empty the log: each time, more was written meanwhile. So once the log is large the thread
//! copies until little is left, and that the connection that writes copies itself.

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

/// Pages in the log, 32 MB, from which on it is emptied.
const LOG_PAGES: usize = 8 * COPIED_PAGES;

/// Pages that may be left to the connection that writes, 2 MB.
const LEFT_PAGES: usize = COPIED_PAGES / 2;

/// Pages in the log, 128 MB, at which whoever writes waits for the copying: the disk is slower than
/// they are, or somebody reads what was before.
const MOST_PAGES: usize = 4 * LOG_PAGES;

/// How much of the log is in the file.
#[derive(Debug, Default)]
struct Log {
    /// Pages in the log after the last commit.
    pages: AtomicUsize,
    /// How many of them were copied when somebody last did so.
    copied: AtomicUsize,
}

impl Log {
    /// Copies what nobody reads in the log any more; if that is all of it, the next commit is
    /// written at its beginning.
    fn copy(&self, db: &Connection) {
        // What could not be copied stays in the log, and is found there.
        let copied = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2));
        let copied = usize::try_from(copied.unwrap_or(0_i64)).unwrap_or(0);
        self.copied.store(copied, Ordering::Relaxed);
    }

    /// Pages in the log, and of them those that are in it alone.
    fn pages(&self) -> (usize, usize) {
        let pages = self.pages.load(Ordering::Relaxed);
        let copied = self.copied.load(Ordering::Relaxed);
        // More than there are: the log has begun anew since.
        let left = pages.checked_sub(copied).unwrap_or(pages);
        (pages, left)
    }
}

/// Wakes the thread. Dropping it waits until the copying under way is done.
pub(crate) struct Checkpointer {
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Held while the log is copied.
    copying: Arc<Mutex<()>>,
    log: Arc<Log>,
    /// Pages in the log at which the thread is woken.
    wake_at: usize,
}

impl Checkpointer {
    /// `copies` is a connection of the thread, `writes` the one whose commits are counted.
    pub(crate) fn start(copies: Connection, writes: &mut Connection) -> Result<Self, OpenError> {
        let log = Arc::<Log>::default();
        let (counted, read) = (Arc::clone(&log), Arc::clone(&log));
        // In place of SQLite's own, which copies everything between two commits.
        writes.wal_hook(Some(move |_: &mut Wal, pages| {
            let pages = usize::try_from(pages).unwrap_or(0);
            counted.pages.store(pages, Ordering::Relaxed);
            Ok(())
        }))?;
        let (wake, woken) = mpsc::sync_channel(1);
        let copying = Arc::<Mutex<()>>::default();
        let held = Arc::clone(&copying);
        let thread = std::thread::Builder::new()
            .name("csign-sql-copy".to_owned())
            .spawn(move || run(&copies, &woken, &held, &read))?;
        Ok(Self {
            wake: Some(wake),
            thread: Some(thread),
            copying,
            log,
            wake_at: COPIED_PAGES,
        })
    }

    /// `db` has committed.
    pub(crate) fn committed(&mut self, db: &Connection) {
        let (pages, left) = self.log.pages();
        let next = pages.saturating_add(COPIED_PAGES);
        // A log that was emptied is written from its beginning.
        self.wake_at = self.wake_at.min(next);
        if pages >= LOG_PAGES
            && left <= LEFT_PAGES
            && let Ok(_held) = self.copying.try_lock()
        {
            self.log.copy(db);
        } else if pages >= self.wake_at {
            self.wake_at = next;
            if pages >= MOST_PAGES {
                let _held = self.pause();
                self.log.copy(db);
            } else if let Some(wake) = &self.wake {
                // It is at work, and will be again at once.
                let _ = wake.try_send(());
            }
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

fn run(db: &Connection, woken: &Receiver<()>, copying: &Mutex<()>, log: &Log) {
    while woken.recv().is_ok() {
        let _held = copying.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = usize::MAX;
        loop {
            log.copy(db);
            let (pages, left) = log.pages();
            // What is written during a copying is less each time, unless the disk is too slow.
            if pages < LOG_PAGES || left <= LEFT_PAGES / 2 || left >= before {
                break;
            }
            before = left;
        }
    }
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
    const MOST_BYTES: u64 = MOST_PAGES as u64 * 8 * 1024;

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
    fn a_log_that_nobody_copies_in_time_is_emptied_by_whoever_writes() {
        const COMMITS: usize = 3 * MOST_PAGES / COMMIT_PAGES;
        let folder = tempdir().unwrap();
        let path = folder.path().join("db");
        let mut db = open_writable(&path, true).unwrap();
        db.execute_batch("CREATE TABLE filled (bytes BLOB)")
            .unwrap();
        // Of a thread that copies another file.
        let copies = Connection::open_in_memory().unwrap();
        let mut checkpointer = Checkpointer::start(copies, &mut db).unwrap();
        for _ in 0..COMMITS {
            write(&db, &mut checkpointer);
        }
        let (_, log) = lengths(&path);
        assert!(log < MOST_BYTES / 2 * 3, "{log}");
        assert!(log > LOG_BYTES, "{log}");
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
