//! The entries that the open transaction adds.
//!
//! They are kept in memory until it is about to be committed, and then written at once: a row that
//! is written inside a savepoint makes SQLite copy every page that it touches first.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use countersign_core::{Entry, EntryId, LeafHash};
use rusqlite::Connection;

use crate::failure::Failure;
use crate::leaf_index::LeafIndex;
use crate::outbox::Outbox;

/// What is known of the entries of the open transaction.
#[derive(Debug)]
pub(crate) struct NewEntries {
    index: Arc<LeafIndex>,
    outbox: Arc<Outbox>,
    open: RefCell<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// The position of the first, once it was asked for.
    begin: Option<i64>,
    entries: Vec<Entry>,
    ids: HashSet<EntryId>,
    leaves: HashSet<LeafHash>,
    /// Slices that were moved to the index of the leaves.
    moved: Vec<usize>,
}

/// How much the transaction had done at a savepoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    entries: usize,
    moved: usize,
}

impl NewEntries {
    pub(crate) fn new(index: Arc<LeafIndex>, outbox: Arc<Outbox>) -> Self {
        Self {
            index,
            outbox,
            open: RefCell::default(),
        }
    }

    /// Adds an entry after the last one, and answers its position.
    pub(crate) fn add(&self, db: &Connection, entry: Entry) -> Result<i64, Failure> {
        let begin = self.begin(db)?;
        let mut open = self.open.borrow_mut();
        let mut same_id = db.prepare_cached("SELECT 1 FROM entries WHERE id = ?1")?;
        if open.ids.contains(entry.id()) || same_id.exists([entry.id().as_str()])? {
            return Err(Failure::Conflict("an entry has the id"));
        }
        if open.leaves.contains(&entry.leaf()) || self.index.has(db, &entry.leaf())? {
            return Err(Failure::Conflict("an entry has the leaf hash"));
        }
        let position = position(begin, open.entries.len())?;
        open.ids.insert(entry.id().clone());
        open.leaves.insert(entry.leaf());
        open.entries.push(entry);
        Ok(position)
    }

    /// Moves to the index of the leaves what has waited longest, where too many wait.
    pub(crate) fn move_overdue(&self, db: &Connection) -> Result<(), Failure> {
        let begin = self.begin(db)?;
        if self.open.borrow().moved.is_empty() {
            let moved = self.index.move_overdue(db, begin)?;
            self.open.borrow_mut().moved = moved;
        }
        Ok(())
    }

    /// The leaf hash of an entry that the open transaction has added at a position.
    pub(crate) fn leaf_at(&self, position: i64) -> Option<LeafHash> {
        let open = self.open.borrow();
        let place = position.checked_sub(open.begin?)?;
        let entry = open.entries.get(usize::try_from(place).ok()?)?;
        Some(entry.leaf())
    }

    fn begin(&self, db: &Connection) -> Result<i64, Failure> {
        let mut open = self.open.borrow_mut();
        if let Some(begin) = open.begin {
            return Ok(begin);
        }
        let begin = self.index.begin(db)?;
        open.begin = Some(begin);
        Ok(begin)
    }

    pub(crate) fn mark(&self) -> Mark {
        let open = self.open.borrow();
        Mark {
            entries: open.entries.len(),
            moved: open.moved.len(),
        }
    }

    /// Forgets what was done after `mark`.
    pub(crate) fn undo_to(&self, mark: Mark) {
        let mut open = self.open.borrow_mut();
        while open.entries.len() > mark.entries
            && let Some(entry) = open.entries.pop()
        {
            open.ids.remove(entry.id());
            open.leaves.remove(&entry.leaf());
        }
        open.moved.truncate(mark.moved);
    }

    /// Writes the entries; the transaction is committed next, or rolled back as a whole.
    pub(crate) fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        let open = self.open.borrow();
        let Some(begin) = open.begin else {
            return Ok(());
        };
        // `FAIL`, because SQLite prepares for an `ABORT` by copying the pages that are about to
        // change.
        let mut insert = db.prepare_cached(
            "INSERT OR FAIL INTO entries (position, id, leaf, bytes) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for (position, entry) in (begin..).zip(&open.entries) {
            insert.execute((
                position,
                entry.id().as_str(),
                entry.leaf().as_bytes(),
                entry.bytes(),
            ))?;
        }
        Ok(())
    }

    /// The transaction is over.
    pub(crate) fn end(&self, was_committed: bool) {
        let open = self.open.take();
        let Some(begin) = open.begin.filter(|_| was_committed) else {
            return;
        };
        for slice in open.moved {
            self.index.forget(slice, begin);
        }
        let leaves: Vec<LeafHash> = open.entries.iter().map(Entry::leaf).collect();
        self.index.add(begin, leaves.iter());
        if !leaves.is_empty() {
            self.outbox.add(begin, open.entries);
        }
    }
}

fn position(begin: i64, added: usize) -> Result<i64, Failure> {
    let added = i64::try_from(added).map_err(|_| Failure::OutOfRange)?;
    begin.checked_add(added).ok_or(Failure::OutOfRange)
}
