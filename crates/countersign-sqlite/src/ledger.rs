//! The port to the ledger.
//!
//! Entries have a position from the moment they are committed, and become leaves in that order;
//! so the outbox is every entry from `tree.size` on, and integrating writes one number.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_core::{Entry, EntryId, LeafHash, Private, Sha256Digest, StoreError};
use rusqlite::Connection;

use crate::anchors;
use crate::failure::Failure;
use crate::group::{Durable, WriteConnection};
use crate::leaf_index::LeafIndex;
use crate::nodes;
use crate::rows::{integer, number};
use crate::store::SqliteStore;
use crate::users::first;
use crate::vault::check_private;
use crate::{private, runs};

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let entries = entries.to_vec();
        let doing = "add entries to the outbox";
        self.write(doing, move |db| enqueue(db, &entries)).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let outbox = Arc::clone(&self.outbox);
        self.read("read the outbox", move |db| {
            let size = integer(size(db)?)?;
            let committed = outbox.from(size, limit);
            if !committed.is_empty() {
                return Ok(committed);
            }
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let entries = runs::read(db, size..size.saturating_add(limit))?;
            let entries = entries.into_iter().map(|placed| placed.with(None));
            Ok(entries.collect())
        })
        .await
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.read("read the size of the tree", size).await
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        let integration = integration.clone();
        // What is lost of it is made again from the entries, to the same leaves.
        self.write_durable(Durable::Later, "integrate entries", move |db| {
            integrate(db, &integration)
        })
        .await
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        let ids = ids.to_vec();
        self.read("read nodes", move |db| nodes::read(db, &ids))
            .await
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        let query = query.clone();
        let index = Arc::clone(&self.leaf_index);
        self.read("read an entry", move |db| match query {
            EntryQuery::Index(index) => {
                let size = size(db)?;
                if index >= size {
                    return Ok(None);
                }
                entry_at(db, size, integer(index)?)
            }
            EntryQuery::Leaf(leaf) => {
                let found = entries_of(db, &index, &[leaf])?;
                Ok(found.into_iter().next().flatten())
            }
            EntryQuery::Id(id) => match runs::position(db, &id)? {
                Some(position) => entry_at(db, size(db)?, position),
                None => Ok(None),
            },
        })
        .await
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        let leaves = leaves.to_vec();
        let index = Arc::clone(&self.leaf_index);
        self.read("read entries", move |db| entries_of(db, &index, &leaves))
            .await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        self.read("read entries", move |db| {
            let size = size(db)?;
            let end = range.end.min(size);
            if range.start >= end {
                return Ok(Vec::new());
            }
            stored(db, size, integer(range.start)?..integer(end)?)
        })
        .await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.read("read the checkpoint", checkpoint).await
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        let (expected, checkpoint) = (expected.cloned(), checkpoint.clone());
        // Whoever reads it hands it on: were it lost after that, another could be signed beside it.
        self.write_durable(Durable::WhenSeen, "put a checkpoint", move |db| {
            put_checkpoint(db, expected.as_ref(), &checkpoint)
        })
        .await
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        let anchor = anchor.clone();
        self.write("put an anchor", move |db| {
            anchors::put(db, size(db)?, &anchor, expected_tokens)
        })
        .await
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        self.read("read an anchor", move |db| anchors::covering(db, covering))
            .await
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        self.read("read the anchors", anchors::sizes).await
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        self.read("read the last rotation", rotation).await
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        let entry = entry.clone();
        self.write("rotate the key", move |db| rotate(db, expected, &entry))
            .await
    }
}

/// Adds entries after the last one. A change does this in its own transaction.
pub(crate) fn enqueue(db: &WriteConnection, entries: &[Entry]) -> Result<(), Failure> {
    let mut checked: Option<&Private> = None;
    for entry in entries {
        if let Some(private) = entry.private() {
            let is_alike = |other: &Private| {
                (&other.owner, &other.key_id) == (&private.owner, &private.key_id)
            };
            if !checked.is_some_and(is_alike) {
                check_private(db, private)?;
                checked = Some(private);
            }
        }
        db.new_entries().add(db, entry)?;
    }
    Ok(())
}

fn size(db: &Connection) -> Result<u64, Failure> {
    let mut select = db.prepare_cached("SELECT size FROM tree")?;
    number(select.query_row([], |row| row.get(0))?)
}

fn integrate(db: &WriteConnection, integration: &Integration) -> Result<(), Failure> {
    if size(db)? != integration.expected_size {
        return Err(Failure::Conflict("the tree has another size"));
    }
    let start = integer(integration.expected_size)?;
    let count = i64::try_from(integration.entries.len()).map_err(|_| Failure::OutOfRange)?;
    let grown = start.checked_add(count).ok_or(Failure::OutOfRange)?;
    if !db.new_entries().follow(start, &integration.entries) {
        check_first_of_outbox(db, start, grown, &integration.entries)?;
    }
    nodes::add(db, &integration.nodes)?;
    let mut update = db.prepare_cached("UPDATE tree SET size = ?1")?;
    update.execute([grown])?;
    db.new_entries().move_overdue(db)
}

/// `ids` are those of the entries from `start` to `end`: positions have no gap.
fn check_first_of_outbox(
    db: &Connection,
    start: i64,
    end: i64,
    ids: &[EntryId],
) -> Result<(), Failure> {
    if runs::ids(db, start..end)? == ids {
        Ok(())
    } else {
        Err(Failure::Conflict(
            "the entries are not the first of the outbox",
        ))
    }
}

fn entry_at(db: &Connection, size: u64, position: i64) -> Result<Option<StoredEntry>, Failure> {
    let found = stored(db, size, position..position.saturating_add(1))?;
    Ok(found.into_iter().next())
}

fn entries_of(
    db: &Connection,
    index: &LeafIndex,
    leaves: &[LeafHash],
) -> Result<Vec<Option<StoredEntry>>, Failure> {
    let positions = index.positions(db, leaves)?;
    let size = size(db)?;
    let read = |position: Option<i64>| match position {
        Some(position) => entry_at(db, size, position),
        None => Ok(None),
    };
    positions.into_iter().map(read).collect()
}

/// The entries in a range of positions with their private parts, as far as those were not erased.
fn stored(db: &Connection, size: u64, range: Range<i64>) -> Result<Vec<StoredEntry>, Failure> {
    let mut private = private::read(db, range.clone())?;
    let entries = runs::read(db, range)?.into_iter().map(|placed| {
        let position = number(placed.position)?;
        let private = private.remove(&placed.position);
        Ok(StoredEntry {
            index: Some(position).filter(|position| *position < size),
            entry: placed.with(private),
        })
    });
    entries.collect()
}

fn checkpoint(db: &Connection) -> Result<Option<StoredCheckpoint>, Failure> {
    first(db, "SELECT size, note FROM checkpoint", [], |row| {
        Ok(StoredCheckpoint {
            size: number(row.get(0)?)?,
            note: row.get(1)?,
        })
    })
}

fn put_checkpoint(
    db: &Connection,
    expected: Option<&StoredCheckpoint>,
    new: &StoredCheckpoint,
) -> Result<(), Failure> {
    if checkpoint(db)?.as_ref() != expected {
        return Err(Failure::Conflict("another checkpoint is stored"));
    }
    if expected.is_some_and(|expected| new.size < expected.size) {
        return Err(Failure::Conflict(
            "the checkpoint is older than the stored one",
        ));
    }
    if new.size > size(db)? {
        return Err(Failure::Conflict("the checkpoint is larger than the tree"));
    }
    let mut upsert = db.prepare_cached(
        "INSERT INTO checkpoint (only_row, size, note) VALUES (0, ?1, ?2)
             ON CONFLICT (only_row) DO UPDATE SET size = excluded.size, note = excluded.note",
    )?;
    upsert.execute((integer(new.size)?, &new.note))?;
    Ok(())
}

/// Where the last rotation is.
fn rotation_position(db: &Connection) -> Result<Option<i64>, Failure> {
    first(db, "SELECT position FROM rotation", [], |row| {
        Ok(row.get(0)?)
    })
}

fn rotation(db: &Connection) -> Result<Option<LeafHash>, Failure> {
    let Some(position) = rotation_position(db)? else {
        return Ok(None);
    };
    let leaf = runs::leaf(db, position)?;
    leaf.map(Some).ok_or(Failure::Unknown("rotation"))
}

/// The last rotation, be it one that the open transaction has only begun to add: its entry is no
/// row yet.
fn last_rotation(db: &WriteConnection) -> Result<Option<LeafHash>, Failure> {
    let position = rotation_position(db)?;
    match position.and_then(|position| db.new_entries().leaf_at(position)) {
        Some(leaf) => Ok(Some(leaf)),
        None => rotation(db),
    }
}

fn rotate(db: &WriteConnection, expected: Option<LeafHash>, entry: &Entry) -> Result<(), Failure> {
    if last_rotation(db)? != expected {
        return Err(Failure::Conflict("another rotation is the last"));
    }
    let position = db.new_entries().add(db, entry)?;
    let mut upsert = db.prepare_cached(
        "INSERT INTO rotation (only_row, position) VALUES (0, ?1)
             ON CONFLICT (only_row) DO UPDATE SET position = excluded.position",
    )?;
    upsert.execute([position])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use countersign_core::StoreErrorKind;
    use tempfile::tempdir;

    use super::*;
    use crate::file::open_writable;

    fn entry(number: u8) -> Entry {
        let id = EntryId::new(format!("entry-{number}")).unwrap();
        Entry::from_parts(id, LeafHash::from_bytes([number; 32]), vec![number], None)
    }

    #[test]
    fn of_two_rotations_in_one_transaction_that_expect_the_same_one_conflicts() {
        let folder = tempdir().unwrap();
        let file = open_writable(&folder.path().join("db"), true).unwrap();
        let db = WriteConnection::new(file, Arc::default(), Arc::default());
        let [first, second, third] = [1, 2, 3].map(entry);
        let conflicts = |expected, entry: &Entry| {
            let failure = rotate(&db, expected, entry).unwrap_err();
            let error = failure.into_store_error("rotate the key");
            assert_eq!(error.kind(), StoreErrorKind::Conflict);
        };
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        rotate(&db, None, &first).unwrap();
        conflicts(None, &second);
        rotate(&db, Some(first.leaf()), &second).unwrap();
        conflicts(Some(first.leaf()), &third);
        conflicts(None, &third);
        db.new_entries().write(&db).unwrap();
        db.execute_batch("COMMIT").unwrap();
        db.new_entries().end(true);
        assert_eq!(rotation(&db).unwrap(), Some(second.leaf()));
        conflicts(Some(first.leaf()), &third);
    }
}
