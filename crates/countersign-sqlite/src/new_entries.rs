//! The entries that the open transaction adds.
//!
//! They are kept in memory until it is about to be committed, or until something in it looks for
//! their private parts, and then written at once, in runs.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use countersign_core::{Entry, EntryId, LeafHash};
use rusqlite::Connection;

use crate::failure::Failure;
use crate::leaf_index::LeafIndex;
use crate::outbox::Outbox;
use crate::{private, runs};

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
    /// Whether an id or a leaf hash that is taken is to be found when the entry is added. Otherwise
    /// it is found for all of them together, and nobody is told whose fault it is.
    looks_at_each: bool,
    entries: Vec<Entry>,
    /// How many of them are rows already.
    written: usize,
    ids: HashSet<EntryId>,
    leaves: HashSet<LeafHash>,
    /// Slices that were moved to the index of the leaves.
    moved: Vec<usize>,
}

/// How much the transaction had done at a savepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    entries: usize,
    written: usize,
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

    /// The transaction begins: nothing is added yet.
    pub(crate) fn start(&self, looks_at_each: bool) {
        *self.open.borrow_mut() = Open {
            looks_at_each,
            ..Open::default()
        };
    }

    /// Adds an entry after the last one, and answers its position.
    pub(crate) fn add(&self, db: &Connection, entry: &Entry) -> Result<i64, Failure> {
        let begin = self.begin(db)?;
        let mut open = self.open.borrow_mut();
        let position = position(begin, open.entries.len())?;
        if open.looks_at_each {
            if open.ids.contains(entry.id()) || runs::position(db, entry.id())?.is_some() {
                return Err(Failure::Conflict("an entry has the id"));
            }
            if open.leaves.contains(&entry.leaf()) || self.index.has_any(db, &[entry.leaf()])? {
                return Err(Failure::Conflict("an entry has the leaf hash"));
            }
            open.ids.insert(entry.id().clone());
            open.leaves.insert(entry.leaf());
        }
        open.entries.push(entry.clone());
        Ok(position)
    }

    /// Whether each has a leaf hash that no other has. Two with one id can not be written.
    pub(crate) fn are_new(&self, db: &Connection) -> Result<bool, Failure> {
        let open = self.open.borrow();
        if open.entries.is_empty() {
            return Ok(true);
        }
        // In order, so that those that are near each other in the index are looked for together.
        let mut leaves: Vec<LeafHash> = open.entries.iter().map(Entry::leaf).collect();
        leaves.sort_unstable();
        let mut pairs = leaves.iter().zip(leaves.iter().skip(1));
        Ok(pairs.all(|(leaf, next)| leaf != next) && !self.index.has_any(db, &leaves)?)
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

    /// Whether it is known without a look into the file that the entries from the position `begin` on
    /// are committed, and have these ids.
    pub(crate) fn follow(&self, begin: i64, ids: &[EntryId]) -> bool {
        self.outbox.has(begin, ids)
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
            written: open.written,
            moved: open.moved.len(),
        }
    }

    /// Forgets what was done after `mark`, and that its rows are there.
    pub(crate) fn undo_to(&self, mark: Mark) {
        let mut open = self.open.borrow_mut();
        while open.entries.len() > mark.entries
            && let Some(entry) = open.entries.pop()
        {
            open.ids.remove(entry.id());
            open.leaves.remove(&entry.leaf());
        }
        open.written = mark.written;
        open.moved.truncate(mark.moved);
    }

    /// Writes those that are no rows yet, and their private parts.
    pub(crate) fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        let mut open = self.open.borrow_mut();
        let Some(begin) = open.begin else {
            return Ok(());
        };
        let entries = open.entries.get(open.written..).unwrap_or_default();
        let written = i64::try_from(open.written).unwrap_or(i64::MAX);
        let begin = begin.saturating_add(written);
        runs::add(db, begin, entries)?;
        private::add(db, begin, entries)?;
        open.written = open.entries.len();
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

#[cfg(test)]
mod tests {
    use countersign_core::{CorrelationId, Private, TenantId, Timestamp, UserId, VaultOwner};
    use countersign_provision::store::Change;
    use tempfile::{TempDir, tempdir};

    use super::*;
    use crate::commit;
    use crate::file::open_writable;
    use crate::group::WriteConnection;

    fn open(folder: &TempDir) -> WriteConnection {
        let file = open_writable(&folder.path().join("db"), true).unwrap();
        WriteConnection::new(file, Arc::default(), Arc::default())
    }

    fn tenant() -> TenantId {
        TenantId::new("acme").unwrap()
    }

    fn walk() -> CorrelationId {
        CorrelationId::new("walk").unwrap()
    }

    /// A change that adds an entry whose private part is the walk's.
    fn adding(number: u8) -> Change {
        let private = Private {
            owner: VaultOwner::Walk(tenant(), walk()),
            filed_at: Timestamp::UNIX_EPOCH,
            key_id: None,
            bytes: vec![number],
        };
        let id = EntryId::new(format!("entry-{number}")).unwrap();
        let leaf = LeafHash::from_bytes([number; 32]);
        let mut change = Change::new(tenant());
        change
            .entries
            .push(Entry::from_parts(id, leaf, vec![number], Some(private)));
        change
    }

    fn owners(db: &Connection) -> Vec<(i64, String)> {
        let mut select = db
            .prepare("SELECT first + key, owner FROM private, json_each(ends) ORDER BY 1")
            .unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn end(db: &WriteConnection) {
        db.new_entries().write(db).unwrap();
        db.execute_batch("COMMIT").unwrap();
        db.new_entries().end(true);
    }

    #[test]
    fn what_another_change_of_the_transaction_has_filed_is_adopted() {
        let folder = tempdir().unwrap();
        let db = open(&folder);
        let mut adopting = adding(2);
        adopting
            .adopt
            .push((walk(), UserId::new("somebody").unwrap()));
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        commit::apply(&db, &adding(1)).unwrap();
        commit::apply(&db, &adopting).unwrap();
        commit::apply(&db, &adding(3)).unwrap();
        end(&db);
        let expected = [(0, "account"), (1, "walk"), (2, "walk")];
        assert_eq!(
            owners(&db),
            expected.map(|(position, owner)| (position, owner.to_owned()))
        );
    }

    #[test]
    fn what_another_change_of_the_transaction_has_filed_is_erased() {
        let folder = tempdir().unwrap();
        let db = open(&folder);
        let mut erasing = Change::new(tenant());
        erasing.erase.push(VaultOwner::Walk(tenant(), walk()));
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        commit::apply(&db, &adding(1)).unwrap();
        commit::apply(&db, &erasing).unwrap();
        commit::apply(&db, &adding(2)).unwrap();
        end(&db);
        assert_eq!(owners(&db), [(1, "walk".to_owned())]);
    }

    #[test]
    fn rows_that_were_undone_with_a_request_are_written_with_the_next() {
        let folder = tempdir().unwrap();
        let db = open(&folder);
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        commit::apply(&db, &adding(1)).unwrap();
        let mark = db.new_entries().mark();
        db.execute_batch("SAVEPOINT request").unwrap();
        commit::apply(&db, &adding(2)).unwrap();
        db.new_entries().write(&db).unwrap();
        assert_ne!(db.new_entries().mark(), mark);
        assert_eq!(owners(&db).len(), 2);
        db.execute_batch("ROLLBACK TO request").unwrap();
        db.new_entries().undo_to(mark);
        assert_eq!(db.new_entries().mark(), mark);
        assert_eq!(owners(&db), []);
        commit::apply(&db, &adding(3)).unwrap();
        end(&db);
        assert_eq!(owners(&db).len(), 2);
        let positions = "SELECT group_concat(position || ':' || id) FROM entries";
        let found: String = db.query_row(positions, [], |row| row.get(0)).unwrap();
        assert_eq!(found, "0:entry-1,1:entry-3");
    }
}
