//! The requests that share a transaction.

use std::ops::Deref;
use std::sync::Arc;

use rusqlite::Connection;

use crate::failure::Lost;
use crate::leaf_index::LeafIndex;
use crate::new_entries::NewEntries;
use crate::outbox::Outbox;

/// Most requests in one transaction. The more share it, the fewer times the pages of the indexes,
/// whose keys are random, are written; what they share is held in the page cache
/// ([`crate::file::CACHE_KIBIBYTES`]) until it is committed. Past this no more are done in a second,
/// and whoever came first waits for those who came last.
pub(crate) const MAX_SHARED_REQUESTS: usize = 512;

/// The connection that writes.
pub(crate) struct WriteConnection {
    db: Connection,
    new_entries: NewEntries,
}

impl WriteConnection {
    pub(crate) fn new(db: Connection, index: Arc<LeafIndex>, outbox: Arc<Outbox>) -> Self {
        Self {
            db,
            new_entries: NewEntries::new(index, outbox),
        }
    }

    /// What the open transaction adds to the ledger.
    pub(crate) fn new_entries(&self) -> &NewEntries {
        &self.new_entries
    }

    /// Does `work` with commits that are on the disk before anybody sees them. Not inside of a
    /// transaction.
    pub(crate) fn synced<T>(&self, work: impl FnOnce(&Self) -> T) -> rusqlite::Result<T> {
        self.db.pragma_update(None, "synchronous", "FULL")?;
        let done = work(self);
        // If this fails, later commits wait for the disk as well, and that is all.
        let _ = self.db.pragma_update(None, "synchronous", "NORMAL");
        Ok(done)
    }
}

impl Deref for WriteConnection {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.db
    }
}

/// When what a request has written is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Before anybody can read it: what is shown to others the moment it is read, as a signed
    /// checkpoint is.
    WhenSeen,
    /// Before its caller is answered.
    WhenAnswered,
    /// With whatever is synced next: what is made again, if it is lost, from what is on the disk.
    Later,
}

/// A request on its way to the writer and back.
pub(crate) trait Request: Send {
    fn durable(&self) -> Durable;
    /// Does the work, perhaps not for the first time; whether what it wrote is to be kept.
    fn apply(&mut self, db: &WriteConnection) -> bool;
    /// Tells the caller, once it is known whether the transaction was committed.
    fn settle(self: Box<Self>, committed: Result<(), &Lost>);
}

/// One transaction: `first`, and what `more` gives before it is committed. All of it is in `batch`
/// afterwards.
///
/// A savepoint makes SQLite copy every page that is changed after it, and hardly any request fails.
/// So there is none, until one fails: then everything is undone, and done again with a savepoint
/// for each.
pub(crate) fn write_together(
    db: &WriteConnection,
    first: Box<dyn Request>,
    more: &mut dyn FnMut() -> Option<Box<dyn Request>>,
    batch: &mut Vec<Box<dyn Request>>,
) -> Result<(), Lost> {
    let mut next = Some(first);
    db.new_entries.start(false);
    let written = execute(db, "BEGIN IMMEDIATE").and_then(|()| {
        while let Some(mut request) = next.take() {
            let applied = apply_together(db, &mut *request);
            batch.push(request);
            if !applied {
                return redo(db, batch);
            }
            if batch.len() < MAX_SHARED_REQUESTS {
                next = more();
            }
        }
        // One of them may have an id or a leaf hash that is taken.
        if !matches!(db.new_entries.are_new(db), Ok(true)) {
            return redo(db, batch);
        }
        db.new_entries.write(db).or_else(|_| redo(db, batch))
    });
    batch.extend(next);
    let lost = match written {
        Err(error) => Lost::before_commit(error),
        Ok(()) => match execute(db, "COMMIT") {
            Ok(()) => return Ok(()),
            Err(error) => Lost::in_commit(error),
        },
    };
    // If even this fails, the next BEGIN does too, and its callers are told.
    let _ = roll_back(db);
    Err(lost)
}

/// Does one request that can not be undone alone; whether the transaction may go on.
fn apply_together(db: &WriteConnection, request: &mut dyn Request) -> bool {
    let before = (db.total_changes(), db.new_entries.mark());
    let applied = request.apply(db);
    // Most of those that fail do so before they write.
    let is_as_before = || before == (db.total_changes(), db.new_entries.mark());
    // SQLite rolls the transaction back by itself when the disk is full or fails; what is written
    // after that would be committed at once.
    !db.is_autocommit() && (applied || is_as_before())
}

/// Undoes everything, and does each request of the batch again so that it can fail alone.
fn redo(db: &WriteConnection, batch: &mut [Box<dyn Request>]) -> rusqlite::Result<()> {
    roll_back(db)?;
    db.new_entries.start(true);
    execute(db, "BEGIN IMMEDIATE")?;
    for request in batch {
        apply_alone(db, &mut **request)?;
    }
    db.new_entries.write(db)
}

/// Does one request and undoes it alone if it fails. An `Err` means that the transaction of all
/// is gone: SQLite rolls it back by itself when the disk is full or fails.
fn apply_alone(db: &WriteConnection, request: &mut dyn Request) -> rusqlite::Result<()> {
    let mark = db.new_entries.mark();
    execute(db, "SAVEPOINT request")?;
    if !request.apply(db) {
        db.new_entries.undo_to(mark);
        execute(db, "ROLLBACK TO request")?;
    }
    execute(db, "RELEASE request")
}

fn roll_back(db: &WriteConnection) -> rusqlite::Result<()> {
    if db.is_autocommit() {
        return Ok(());
    }
    execute(db, "ROLLBACK")
}

fn execute(db: &Connection, statement: &str) -> rusqlite::Result<()> {
    db.prepare_cached(statement)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use countersign_core::{Entry, EntryId, LeafHash, StoreError};
    use tempfile::tempdir;

    use super::*;
    use crate::failure::Failure;
    use crate::file::open_writable;
    use crate::ledger::enqueue;

    type Answers = Arc<Mutex<Vec<Result<(), StoreError>>>>;

    /// A request that adds an entry.
    struct Adds {
        entry: Entry,
        outcome: Option<Result<(), Failure>>,
        answers: Answers,
    }

    impl Request for Adds {
        fn durable(&self) -> Durable {
            Durable::WhenAnswered
        }

        fn apply(&mut self, db: &WriteConnection) -> bool {
            let outcome = enqueue(db, std::slice::from_ref(&self.entry));
            let is_kept = outcome.is_ok();
            self.outcome = Some(outcome);
            is_kept
        }

        fn settle(self: Box<Self>, committed: Result<(), &Lost>) {
            let lost = committed.map_err(|lost| lost.to_store_error("add"));
            let own = self.outcome.unwrap();
            let own = own.map_err(|failure| failure.into_store_error("add"));
            self.answers.lock().unwrap().push(own.and(lost));
        }
    }

    /// Adds entries with these ids and leaf hashes in one transaction; who had a conflict.
    fn conflicts(db: &WriteConnection, entries: &[(&str, u8)]) -> Vec<bool> {
        let answers = Answers::default();
        let mut requests: VecDeque<Box<dyn Request>> = VecDeque::new();
        for (id, leaf) in entries {
            let id = EntryId::new(*id).unwrap();
            requests.push_back(Box::new(Adds {
                entry: Entry::from_parts(id, LeafHash::from_bytes([*leaf; 32]), vec![*leaf], None),
                outcome: None,
                answers: Arc::clone(&answers),
            }));
        }
        let first = requests.pop_front().unwrap();
        let mut batch = Vec::new();
        let committed = write_together(db, first, &mut || requests.pop_front(), &mut batch);
        db.new_entries().end(committed.is_ok());
        // What came too late for a transaction that was done again.
        let late = requests.into_iter().map(|_| false);
        for request in batch {
            request.settle(committed.as_ref().copied());
        }
        let answers = std::mem::take(&mut *answers.lock().unwrap());
        let conflicts = answers.into_iter().map(|answer| match answer {
            Ok(()) => false,
            Err(error) => {
                assert!(error.is_conflict(), "{error}");
                true
            }
        });
        conflicts.chain(late).collect()
    }

    fn rows(db: &Connection) -> String {
        let rows = "SELECT group_concat(position || id, ' ') FROM entries";
        db.query_row(rows, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn of_two_entries_with_one_id_in_a_transaction_the_later_conflicts_alone() {
        let folder = tempdir().unwrap();
        let file = open_writable(&folder.path().join("db"), true).unwrap();
        let db = WriteConnection::new(file, Arc::default(), Arc::default());
        let entries = [("a", 1), ("b", 2), ("a", 3), ("c", 4)];
        assert_eq!(conflicts(&db, &entries), [false, false, true, false]);
        assert_eq!(rows(&db), "0a 1b 2c");
    }

    #[test]
    fn an_entry_with_an_id_that_is_taken_conflicts_alone() {
        let folder = tempdir().unwrap();
        let file = open_writable(&folder.path().join("db"), true).unwrap();
        let db = WriteConnection::new(file, Arc::default(), Arc::default());
        assert_eq!(conflicts(&db, &[("a", 1)]), [false]);
        let entries = [("b", 2), ("a", 3), ("c", 4)];
        assert_eq!(conflicts(&db, &entries), [false, true, false]);
        assert_eq!(rows(&db), "0a 1b 2c");
    }

    #[test]
    fn an_entry_with_a_leaf_hash_that_is_taken_conflicts_alone() {
        let folder = tempdir().unwrap();
        let file = open_writable(&folder.path().join("db"), true).unwrap();
        let db = WriteConnection::new(file, Arc::default(), Arc::default());
        let entries = [("a", 1), ("b", 1), ("c", 2)];
        assert_eq!(conflicts(&db, &entries), [false, true, false]);
        assert_eq!(conflicts(&db, &[("d", 3), ("e", 2)]), [false, true]);
        assert_eq!(rows(&db), "0a 1c 2d");
    }
}
