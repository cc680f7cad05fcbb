//! The entries: runs of some that follow each other, each run a row.

use std::ops::Range;

use countersign_core::{Entry, EntryId, LeafHash, Private};
use rusqlite::{Connection, Row};

use crate::failure::Failure;
use crate::parts::{Parts, from_json, json};
use crate::users::first;

/// Bytes of a leaf hash.
const LEAF: usize = 32;

/// An entry at its position, without what it leaves out.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) position: i64,
    pub(crate) id: EntryId,
    pub(crate) leaf: LeafHash,
    pub(crate) bytes: Vec<u8>,
}

impl Placed {
    /// The entry with what it leaves out.
    pub(crate) fn with(self, private: Option<Private>) -> Entry {
        Entry::from_parts(self.id, self.leaf, self.bytes, private)
    }
}

/// The position after the last entry.
pub(crate) fn end(db: &Connection) -> Result<i64, Failure> {
    let sql = "SELECT first + length(leaves) / 32 FROM runs ORDER BY first DESC LIMIT 1";
    Ok(first(db, sql, [], |row| Ok(row.get(0)?))?.unwrap_or(0))
}

/// Writes entries, the first at the position `begin`. An id that is taken makes it fail.
pub(crate) fn add(db: &Connection, begin: i64, entries: &[Entry]) -> rusqlite::Result<()> {
    // `FAIL`, because SQLite prepares for an `ABORT` by copying the pages that are about to change.
    let mut insert = db.prepare_cached(
        "INSERT OR FAIL INTO runs (first, leaves, ids, ends, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut index =
        db.prepare_cached("INSERT OR FAIL INTO entry_ids (id, position) VALUES (?1, ?2)")?;
    let mut parts = Parts::default();
    let mut leaves = Vec::new();
    let mut ids = Vec::new();
    let mut first = begin;
    let mut left = (begin..).zip(entries).peekable();
    while let Some((position, entry)) = left.next() {
        if parts.is_empty() {
            first = position;
        }
        index.execute((entry.id().as_str(), position))?;
        parts.push(entry.bytes());
        leaves.extend_from_slice(entry.leaf().as_bytes());
        ids.push(entry.id().as_str());
        let is_full = |(_, next): &(i64, &Entry)| !parts.has_room(next.bytes().len());
        if left.peek().is_none_or(is_full) {
            insert.execute((first, &leaves, json(&ids), parts.ends(), parts.bytes()))?;
            parts.clear();
            leaves.clear();
            ids.clear();
        }
    }
    Ok(())
}

/// Where the entry with an id is.
pub(crate) fn position(db: &Connection, id: &EntryId) -> Result<Option<i64>, Failure> {
    let sql = "SELECT position FROM entry_ids WHERE id = ?1";
    first(db, sql, [id.as_str()], |row| Ok(row.get(0)?))
}

/// The leaf hash of the entry at a position.
pub(crate) fn leaf(db: &Connection, position: i64) -> Result<Option<LeafHash>, Failure> {
    let sql = "SELECT first, leaves FROM runs WHERE first <= ?1 ORDER BY first DESC LIMIT 1";
    let found = first(db, sql, [position], |row| {
        let begin: i64 = row.get(0)?;
        Ok(leaves(row, 1)?.nth(place(begin, position)?))
    })?;
    Ok(found.flatten())
}

/// Looks at the leaf hash of each entry in a range of positions.
pub(crate) fn each_leaf(
    db: &Connection,
    range: Range<i64>,
    mut look: impl FnMut(i64, LeafHash),
) -> Result<(), Failure> {
    each(db, "leaves", &range, |row, begin| {
        for (position, leaf) in (begin..).zip(leaves(row, 1)?) {
            if range.contains(&position) {
                look(position, leaf);
            }
        }
        Ok(())
    })
}

/// The ids of the entries in a range of positions, as far as there are any.
pub(crate) fn ids(db: &Connection, range: Range<i64>) -> Result<Vec<EntryId>, Failure> {
    let mut found = Vec::new();
    each(db, "ids", &range, |row, begin| {
        let ids: Vec<String> = from_json(row, 1)?;
        for (position, id) in (begin..).zip(ids) {
            if range.contains(&position) {
                found.push(entry_id(id)?);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// The entries in a range of positions, as far as there are any.
pub(crate) fn read(db: &Connection, range: Range<i64>) -> Result<Vec<Placed>, Failure> {
    let mut found = Vec::new();
    each(db, "leaves, ids, ends, bytes", &range, |row, begin| {
        let ids: Vec<String> = from_json(row, 2)?;
        let parts = Parts::read(row, 3, 4)?;
        for (place, ((position, leaf), id)) in (begin..).zip(leaves(row, 1)?).zip(ids).enumerate() {
            if range.contains(&position) {
                let bytes = parts.get(place).ok_or(Failure::Unknown("run of entries"))?;
                found.push(Placed {
                    position,
                    id: entry_id(id)?,
                    leaf,
                    bytes: bytes.to_vec(),
                });
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// Reads the `columns` of each run that has entries in the range, after the position that it begins
/// at.
fn each(
    db: &Connection,
    columns: &str,
    range: &Range<i64>,
    mut read: impl FnMut(&Row<'_>, i64) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut select = db.prepare_cached(&format!(
        "SELECT first, {columns} FROM runs
             WHERE first >= coalesce((SELECT max(first) FROM runs WHERE first <= ?1), 0)
                 AND first < ?2
             ORDER BY first"
    ))?;
    let mut rows = select.query((range.start, range.end))?;
    while let Some(row) = rows.next()? {
        read(row, row.get(0)?)?;
    }
    Ok(())
}

/// How far a position is behind the first of its run.
fn place(begin: i64, position: i64) -> Result<usize, Failure> {
    let place = position.checked_sub(begin).ok_or(Failure::OutOfRange)?;
    usize::try_from(place).map_err(|_| Failure::OutOfRange)
}

fn leaves<'row>(
    row: &'row Row<'_>,
    column: usize,
) -> Result<impl Iterator<Item = LeafHash> + use<'row>, Failure> {
    let leaves = row
        .get_ref(column)?
        .as_blob()
        .map_err(rusqlite::Error::from)?;
    let (leaves, _) = leaves.as_chunks::<LEAF>();
    Ok(leaves.iter().map(|leaf| LeafHash::from_bytes(*leaf)))
}

fn entry_id(id: String) -> Result<EntryId, Failure> {
    EntryId::try_from(id).map_err(|source| Failure::Damaged {
        what: "entry id",
        source,
    })
}

#[cfg(test)]
mod tests {
    use tempfile::{TempDir, tempdir};

    use super::*;
    use crate::file::open_writable;

    fn entry(number: u8, length: usize) -> Entry {
        let id = EntryId::new(format!("\"entry\\{number}\"")).unwrap();
        let leaf = LeafHash::from_bytes([number; 32]);
        Entry::from_parts(id, leaf, vec![number; length], None)
    }

    /// Some entries in transactions of one, of many and of large ones.
    fn filled() -> (TempDir, Connection, Vec<Entry>) {
        let folder = tempdir().unwrap();
        let db = open_writable(&folder.path().join("db"), true).unwrap();
        let mut entries: Vec<Entry> = (0..150).map(|number| entry(number, 100)).collect();
        entries.extend((150..160).map(|number| entry(number, 20_000)));
        entries.push(entry(160, 0));
        let mut begin = 0;
        for count in [1, 99, 61] {
            let start = usize::try_from(begin).unwrap();
            let added: Vec<Entry> = entries.iter().skip(start).take(count).cloned().collect();
            add(&db, begin, &added).unwrap();
            begin = end(&db).unwrap();
        }
        assert_eq!(usize::try_from(begin).unwrap(), entries.len());
        (folder, db, entries)
    }

    #[test]
    fn entries_are_found_at_their_positions_whichever_run_they_are_in() {
        let (_folder, db, entries) = filled();
        let runs: u32 = db
            .query_row("SELECT count(*) FROM runs", [], |row| row.get(0))
            .unwrap();
        assert!((10..20).contains(&runs), "{runs}");
        let count = i64::try_from(entries.len()).unwrap();
        for range in [
            0..count,
            0..1,
            1..2,
            63..66,
            99..101,
            150..155,
            160..999,
            161..999,
            7..7,
        ] {
            let start = usize::try_from(range.start).unwrap();
            let stop = usize::try_from(range.end.min(count)).unwrap();
            let expected = entries.get(start..stop).unwrap();
            let found = read(&db, range.clone()).unwrap();
            assert!(
                found
                    .iter()
                    .map(|placed| placed.position)
                    .eq(range.start..range.end.min(count))
            );
            let found: Vec<Entry> = found.into_iter().map(|placed| placed.with(None)).collect();
            assert_eq!(found, expected);
            let expected: Vec<EntryId> = expected.iter().map(|it| it.id().clone()).collect();
            assert_eq!(ids(&db, range).unwrap(), expected);
        }
        let mut leaves = Vec::new();
        each_leaf(&db, 0..count, |position, leaf| {
            leaves.push((position, leaf))
        })
        .unwrap();
        for ((place, entry), found) in (0..).zip(&entries).zip(leaves) {
            assert_eq!(found, (place, entry.leaf()));
            assert_eq!(leaf(&db, place).unwrap(), Some(entry.leaf()));
            assert_eq!(position(&db, entry.id()).unwrap(), Some(place));
        }
        assert_eq!(leaf(&db, count).unwrap(), None);
        assert_eq!(position(&db, entry(161, 0).id()).unwrap(), None);
    }

    #[test]
    fn the_view_shows_each_entry() {
        let (_folder, db, entries) = filled();
        let mut select = db
            .prepare("SELECT position, id, leaf, bytes FROM entries ORDER BY position")
            .unwrap();
        let rows = select.query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        let found: Vec<(i64, String, [u8; 32], Vec<u8>)> =
            rows.unwrap().map(Result::unwrap).collect();
        let expected = (0..).zip(&entries).map(|(position, entry)| {
            let (id, leaf) = (entry.id().as_str().to_owned(), *entry.leaf().as_bytes());
            (position, id, leaf, entry.bytes().to_vec())
        });
        assert!(found.into_iter().eq(expected));
    }

    #[test]
    fn an_id_that_is_taken_makes_all_of_them_fail() {
        let (_folder, db, entries) = filled();
        let again = [entry(200, 1), entries.first().unwrap().clone()];
        db.execute_batch("BEGIN").unwrap();
        let failed = add(&db, 161, &again).unwrap_err();
        assert_eq!(
            failed.sqlite_error_code(),
            Some(rusqlite::ErrorCode::ConstraintViolation)
        );
        db.execute_batch("ROLLBACK").unwrap();
        assert_eq!(end(&db).unwrap(), 161);
    }

    #[test]
    fn a_run_of_fewer_parts_than_leaves_is_an_error() {
        let (_folder, db, _) = filled();
        db.execute_batch(
            "PRAGMA ignore_check_constraints = ON;
             INSERT INTO runs VALUES (161, zeroblob(64), '[\"a\",\"b\"]', '[1]', x'00')",
        )
        .unwrap();
        assert!(matches!(
            read(&db, 161..163),
            Err(Failure::Unknown("run of entries"))
        ));
    }
}
