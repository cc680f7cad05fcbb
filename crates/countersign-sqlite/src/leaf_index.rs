//! Where an entry with a given leaf hash is.
//!
//! Hashes come in no order: each one that is put into a B-tree writes a page of its own, and in a
//! large ledger most of those pages have to be read first. So the table `leaf_index` is behind.
//! The newest entries are found in memory, and move to the table one slice of all hashes at a
//! time (the slice that has waited longest), many rows to a page.
//!
//! What is in memory is read from the file, and only from what is committed; so any number of
//! processes may share the file, and a crash loses nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_core::LeafHash;
use rusqlite::{CachedStatement, Connection};

use crate::failure::Failure;
use crate::runs;
use crate::users::{all, first};

/// A slice is all hashes with the same first byte.
const SLICES: usize = 256;

/// How many entries are found in memory, about: 16 bytes each, and what is read again when the
/// file is opened. When a slice moves, it has twice its share of them: 256 rows, which is one for
/// each page of the slice when the ledger has some twenty million entries.
const RECENT: usize = 32_768;

/// The first eight bytes of a hash. That two hashes have the same can be brought about on purpose,
/// so what is found is compared with the whole hash.
type Key = i64;

fn key(leaf: &LeafHash) -> Key {
    let first = leaf.as_bytes().first_chunk();
    i64::from_be_bytes(first.copied().unwrap_or_default())
}

fn slice(leaf: &LeafHash) -> usize {
    leaf.as_bytes().first().copied().map_or(0, usize::from)
}

/// Whether the entry at a position has this leaf hash.
fn is_at(db: &Connection, position: i64, leaf: &LeafHash) -> Result<bool, Failure> {
    Ok(runs::leaf(db, position)?.as_ref() == Some(leaf))
}

/// Looks for leaf hashes.
struct Search<'db> {
    db: &'db Connection,
    in_table: CachedStatement<'db>,
}

impl<'db> Search<'db> {
    fn new(db: &'db Connection) -> Result<Self, Failure> {
        let in_table = db.prepare_cached("SELECT position FROM leaf_index WHERE key = ?1")?;
        Ok(Self { db, in_table })
    }

    /// Looks among `recent` positions, then in the table.
    fn find(&mut self, leaf: &LeafHash, recent: &[i64]) -> Result<Option<i64>, Failure> {
        for position in recent {
            if is_at(self.db, *position, leaf)? {
                return Ok(Some(*position));
            }
        }
        let mut rows = self.in_table.query([key(leaf)])?;
        while let Some(row) = rows.next()? {
            let position = row.get(0)?;
            if is_at(self.db, position, leaf)? {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }
}

/// The entries that the table may not have yet.
#[derive(Debug, Default)]
pub(crate) struct LeafIndex(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    /// Empty until they are read for the first time.
    slices: Vec<Slice>,
    /// How many entries they hold.
    count: usize,
    /// Every entry before this position is in the table or here.
    known_to: i64,
}

#[derive(Debug, Clone, Default)]
struct Slice {
    /// Every entry of the slice before this position is in the table.
    indexed_to: i64,
    entries: Vec<(Key, i64)>,
}

impl LeafIndex {
    /// The positions of entries, in the order of `leaves`.
    ///
    /// The read transaction must not have read anything before: what moves to the table meanwhile
    /// would be found neither here nor there.
    pub(crate) fn positions(
        &self,
        db: &Connection,
        leaves: &[LeafHash],
    ) -> Result<Vec<Option<i64>>, Failure> {
        let recent = self.lock();
        let known_to = recent.known_to;
        let mut recalled: Vec<Vec<i64>> = leaves.iter().map(|leaf| recent.of(leaf)).collect();
        drop(recent);
        let end = runs::end(db)?;
        if known_to < end {
            let mut recent = self.lock();
            recent.catch_up(db, end)?;
            for (positions, leaf) in recalled.iter_mut().zip(leaves) {
                positions.extend(recent.of(leaf));
            }
        }
        let mut search = Search::new(db)?;
        let found = leaves.iter().zip(&recalled);
        found
            .map(|(leaf, recent)| search.find(leaf, recent))
            .collect()
    }

    /// The position after the last committed entry; all of those are known from now on. The
    /// transaction must not have added any.
    pub(crate) fn begin(&self, db: &Connection) -> Result<i64, Failure> {
        let end = runs::end(db)?;
        self.lock().catch_up(db, end)?;
        Ok(end)
    }

    /// Whether a committed entry has one of these leaf hashes; for a transaction that has
    /// [begun](Self::begin).
    pub(crate) fn has_any(&self, db: &Connection, leaves: &[LeafHash]) -> Result<bool, Failure> {
        let mut search = Search::new(db)?;
        for leaf in leaves {
            let recent = self.lock().of(leaf);
            if search.find(leaf, &recent)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Moves to the table the slices that have waited longest, where too many entries wait, and
    /// answers which. They are [forgotten](Self::forget) when that is committed.
    pub(crate) fn move_overdue(&self, db: &Connection, end: i64) -> Result<Vec<usize>, Failure> {
        let overdue = self.lock().overdue();
        for number in &overdue {
            let slice = self.lock().slices.get(*number).cloned();
            move_slice(db, *number, slice.unwrap_or_default(), end)?;
        }
        Ok(overdue)
    }

    /// Forgets the entries of a slice before `end`, which were moved to the table.
    pub(crate) fn forget(&self, slice: usize, end: i64) {
        self.lock().forget(slice, end);
    }

    /// Adds entries that were committed.
    pub(crate) fn add<'a>(&self, begin: i64, leaves: impl Iterator<Item = &'a LeafHash>) {
        let mut recent = self.lock();
        for (position, leaf) in (begin..).zip(leaves) {
            // A reader may have been faster.
            if position == recent.known_to {
                recent.push(leaf, position);
                recent.known_to = position.saturating_add(1);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        // What a thread that panicked was about to add is read from the file by the next.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    /// The positions at which a hash may be.
    fn of(&self, leaf: &LeafHash) -> Vec<i64> {
        let entries = self.slices.get(slice(leaf)).map(|slice| &slice.entries);
        let same = entries.into_iter().flatten();
        let same = same.filter(|(other, _)| *other == key(leaf));
        same.map(|(_, position)| *position).collect()
    }

    /// Reads the entries before `end` that are not known yet; all of those are committed.
    fn catch_up(&mut self, db: &Connection, end: i64) -> Result<(), Failure> {
        // Where too many are held here, it may be another process that moves them.
        if self.slices.is_empty() || self.count > RECENT.saturating_mul(2) {
            self.read_slices(db)?;
        }
        if self.known_to >= end {
            return Ok(());
        }
        let known_to = self.known_to;
        runs::each_leaf(db, known_to..end, |position, leaf| {
            self.push(&leaf, position)
        })?;
        self.known_to = end;
        Ok(())
    }

    /// Reads what the table has, and forgets that.
    fn read_slices(&mut self, db: &Connection) -> Result<(), Failure> {
        let is_new = self.slices.is_empty();
        self.slices.resize_with(SLICES, Slice::default);
        let sql = "SELECT slice, indexed_to FROM leaf_slices";
        let moved = all(db, sql, [], |row| Ok((row.get::<_, u8>(0)?, row.get(1)?)))?;
        for (slice, indexed_to) in moved {
            self.forget(usize::from(slice), indexed_to);
        }
        if is_new {
            let earliest = self.slices.iter().map(|slice| slice.indexed_to).min();
            self.known_to = earliest.unwrap_or(0);
        }
        Ok(())
    }

    fn push(&mut self, leaf: &LeafHash, position: i64) {
        if let Some(slice) = self.slices.get_mut(slice(leaf))
            && slice.indexed_to <= position
        {
            slice.entries.push((key(leaf), position));
            self.count = self.count.saturating_add(1);
        }
    }

    /// Forgets the entries of a slice that are in the table.
    fn forget(&mut self, slice: usize, indexed_to: i64) {
        let Some(slice) = self.slices.get_mut(slice) else {
            return;
        };
        let before = slice.entries.len();
        slice
            .entries
            .retain(|(_, position)| *position >= indexed_to);
        slice.indexed_to = slice.indexed_to.max(indexed_to);
        let forgotten = before.saturating_sub(slice.entries.len());
        self.count = self.count.saturating_sub(forgotten);
    }

    /// The slices that have waited longest: so many that no more than [`RECENT`] entries are left.
    fn overdue(&self) -> Vec<usize> {
        let mut count = self.count;
        if count <= RECENT {
            return Vec::new();
        }
        let mut slices: Vec<(usize, &Slice)> = self.slices.iter().enumerate().collect();
        slices.sort_by_key(|(_, slice)| slice.indexed_to);
        let overdue = slices.into_iter().take_while(|(_, slice)| {
            let is_over = count > RECENT;
            count = count.saturating_sub(slice.entries.len());
            is_over
        });
        overdue.map(|(number, _)| number).collect()
    }
}

/// Puts a slice's entries before `end` into the table, in its order.
fn move_slice(db: &Connection, number: usize, slice: Slice, end: i64) -> Result<(), Failure> {
    let number = i64::try_from(number).map_err(|_| Failure::OutOfRange)?;
    // Another process may have moved some of them.
    let sql = "SELECT indexed_to FROM leaf_slices WHERE slice = ?1";
    let indexed_to: i64 = first(db, sql, [number], |row| Ok(row.get(0)?))?.unwrap_or(0);
    let mut entries = slice.entries;
    entries.sort_unstable();
    let mut insert = db.prepare_cached("INSERT INTO leaf_index (key, position) VALUES (?1, ?2)")?;
    for (key, position) in entries {
        if (indexed_to..end).contains(&position) {
            insert.execute((key, position))?;
        }
    }
    let mut upsert = db.prepare_cached(
        "INSERT INTO leaf_slices (slice, indexed_to) VALUES (?1, ?2)
             ON CONFLICT (slice) DO UPDATE SET indexed_to = excluded.indexed_to",
    )?;
    upsert.execute((number, end))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use countersign_core::{Entry, EntryId};
    use tempfile::tempdir;

    use super::*;
    use crate::file::{open_reader, open_writable};
    use crate::group::WriteConnection;

    /// A hash that nothing else has, spread as hashes are.
    fn leaf(number: u64) -> LeafHash {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        LeafHash::from_bytes([mixed; 4].concat().try_into().unwrap())
    }

    fn open(file: &Path, index: &Arc<LeafIndex>) -> WriteConnection {
        WriteConnection::new(
            open_writable(file, true).unwrap(),
            Arc::clone(index),
            Arc::default(),
        )
    }

    fn add(db: &WriteConnection, leaf: LeafHash) -> Result<i64, Failure> {
        let hex: String = leaf
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let entry = Entry::from_parts(EntryId::new(hex).unwrap(), leaf, Vec::new(), None);
        db.new_entries().add(db, &entry)
    }

    /// Begins a transaction that looks at each entry as it is added.
    fn begin(db: &WriteConnection) {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        db.new_entries().start(true);
    }

    /// Adds entries with these hashes and moves what is overdue, in one transaction.
    fn commit(db: &WriteConnection, leaves: impl IntoIterator<Item = LeafHash>) {
        begin(db);
        for leaf in leaves {
            add(db, leaf).unwrap();
        }
        db.new_entries().move_overdue(db).unwrap();
        db.new_entries().write(db).unwrap();
        db.execute_batch("COMMIT").unwrap();
        db.new_entries().end(true);
    }

    fn indexed(db: &Connection) -> usize {
        db.query_row("SELECT count(*) FROM leaf_index", [], |row| row.get(0))
            .map(|count: u32| usize::try_from(count).unwrap())
            .unwrap()
    }

    fn position(index: &LeafIndex, file: &Path, leaf: LeafHash) -> Option<i64> {
        let reader = open_reader(file).unwrap();
        let found = index.positions(&reader, &[leaf]).unwrap();
        *found.first().unwrap()
    }

    #[test]
    fn hashes_are_found_in_memory_and_after_they_moved() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let index = Arc::default();
        let db = open(&file, &index);
        // Another process, which has looked once before anything moved.
        let bystander = LeafIndex::default();
        commit(&db, (0..10).map(leaf));
        assert_eq!(position(&bystander, &file, leaf(3)), Some(3));
        let count = 40_000;
        for start in (10..count).step_by(1_000) {
            commit(&db, (start..count.min(start + 1_000)).map(leaf));
        }
        commit(&db, []);
        assert_eq!(
            index.lock().count,
            usize::try_from(count).unwrap() - indexed(&db)
        );
        assert!(index.lock().count <= RECENT);
        let opened_later = LeafIndex::default();
        for number in (0..count).step_by(997).chain(count - 10..count) {
            let expected = Some(i64::try_from(number).unwrap());
            for index in [&*index, &bystander, &opened_later] {
                assert_eq!(position(index, &file, leaf(number)), expected, "{number}");
            }
        }
        assert_eq!(opened_later.lock().count, index.lock().count);
        assert_eq!(position(&index, &file, leaf(count)), None);
        begin(&db);
        for number in [0, count - 1] {
            let again = add(&db, leaf(number)).unwrap_err();
            assert!(matches!(again, Failure::Conflict(_)), "{number}");
        }
    }

    #[test]
    fn hashes_that_begin_alike_are_told_apart() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let index = Arc::default();
        let db = open(&file, &index);
        let alike = [1, 2, 3].map(|last| {
            let mut bytes = [7; 32];
            bytes[31] = last;
            LeafHash::from_bytes(bytes)
        });
        commit(&db, alike);
        for (expected, leaf) in (0..).zip(alike) {
            assert_eq!(position(&index, &file, leaf), Some(expected));
        }
        let other = LeafHash::from_bytes([7; 32]);
        assert_eq!(position(&index, &file, other), None);
        let slice = index.lock().slices[7].clone();
        move_slice(&db, 7, slice, 3).unwrap();
        index.forget(7, 3);
        assert_eq!((indexed(&db), index.lock().count), (3, 0));
        for (expected, leaf) in (0..).zip(alike) {
            assert_eq!(position(&index, &file, leaf), Some(expected));
        }
        assert_eq!(position(&index, &file, other), None);
    }

    #[test]
    fn what_was_undone_is_not_found_and_may_come_again() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let index = Arc::default();
        let db = open(&file, &index);
        begin(&db);
        add(&db, leaf(1)).unwrap();
        db.execute_batch("SAVEPOINT request").unwrap();
        let mark = db.new_entries().mark();
        assert_eq!(add(&db, leaf(2)).unwrap(), 1);
        assert!(add(&db, leaf(1)).is_err());
        db.execute_batch("ROLLBACK TO request").unwrap();
        db.new_entries().undo_to(mark);
        assert_eq!(add(&db, leaf(3)).unwrap(), 1);
        assert_eq!(position(&index, &file, leaf(1)), None);
        db.execute_batch("ROLLBACK").unwrap();
        db.new_entries().end(false);
        for number in [1, 2, 3] {
            assert_eq!(position(&index, &file, leaf(number)), None);
        }
        commit(&db, [leaf(2), leaf(1)]);
        assert_eq!(position(&index, &file, leaf(1)), Some(1));
    }

    #[test]
    fn what_another_process_added_is_known() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let (index, other_index) = (Arc::default(), Arc::default());
        let (db, other) = (open(&file, &index), open(&file, &other_index));
        commit(&db, [leaf(1)]);
        commit(&other, [leaf(2)]);
        begin(&db);
        assert!(add(&db, leaf(2)).is_err());
        assert_eq!(add(&db, leaf(3)).unwrap(), 2);
        db.execute_batch("ROLLBACK").unwrap();
        assert_eq!(position(&index, &file, leaf(2)), Some(1));
        assert_eq!(position(&other_index, &file, leaf(1)), Some(0));
    }

    #[test]
    fn one_that_is_taken_is_noticed_among_all() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let index = Arc::default();
        let db = open(&file, &index);
        commit(&db, [leaf(1), leaf(2)]);
        for (leaves, are_new) in [
            (vec![], true),
            (vec![3], true),
            (vec![3, 4], true),
            (vec![3, 1], false),
            (vec![4, 3, 4], false),
        ] {
            db.execute_batch("BEGIN IMMEDIATE").unwrap();
            for number in &leaves {
                add(&db, leaf(*number)).unwrap();
            }
            assert_eq!(
                db.new_entries().are_new(&db).unwrap(),
                are_new,
                "{leaves:?}"
            );
            db.execute_batch("ROLLBACK").unwrap();
            db.new_entries().end(false);
        }
    }
}
