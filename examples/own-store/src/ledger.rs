//! The port to the ledger. Entries have a position from the moment they are committed, and become
//! leaves in that order; so the outbox is every entry from the tree's size on.

use std::ops::Range;

use async_trait::async_trait;
use countersign::audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign::{Entry, EntryId, LeafHash, Sha256Digest, StoreError};
use rusqlite::{Connection, Row};

use crate::failure::Failure;
use crate::sql::{all, first, integer, number, run, text};
use crate::store::OwnStore;
use crate::vault;

#[async_trait]
impl LedgerStore for OwnStore {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.write("add entries to the outbox", |db| add(db, entries))
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read("read the outbox", |db| {
            let sql = "SELECT id, leaf, bytes FROM cs_entries WHERE position >= ?1
                     ORDER BY position LIMIT ?2";
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            all(db, sql, (size(db)?, limit), |row| {
                let (id, leaf) = (text(row, 0)?, LeafHash::from_bytes(row.get(1)?));
                Ok(Entry::from_parts(id, leaf, row.get(2)?, None))
            })
        })
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.read("read the size of the tree", |db| {
            u64::try_from(size(db)?).map_err(|_| Failure::Damaged)
        })
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        self.write("integrate entries", |db| integrate(db, integration))
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        let sql = "SELECT hash FROM cs_nodes WHERE level = ?1 AND place = ?2";
        self.read("read nodes", |db| {
            let read = |id: &NodeId| {
                // What SQLite can not hold was never stored.
                let Ok(index) = i64::try_from(id.index) else {
                    return Ok(None);
                };
                first(db, sql, (id.level, index), |row| {
                    Ok(Sha256Digest::from_bytes(row.get(0)?))
                })
            };
            ids.iter().map(read).collect()
        })
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        self.read("read an entry", |db| match query {
            EntryQuery::Index(index) => Ok(leaves(db, *index..index.saturating_add(1))?.pop()),
            EntryQuery::Leaf(leaf) => entry_of(db, leaf),
            EntryQuery::Id(id) => first(db, &entries("id = ?2"), (size(db)?, id.as_str()), entry),
        })
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        self.read("read entries", |db| {
            leaves.iter().map(|leaf| entry_of(db, leaf)).collect()
        })
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        self.read("read entries", |db| leaves(db, range.clone()))
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.read("read the checkpoint", checkpoint)
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        new: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        self.write("put a checkpoint", |db| {
            let least = expected.map_or(0, |expected| expected.size);
            if checkpoint(db)?.as_ref() != expected {
                return Err(Failure::Conflict("another checkpoint is stored"));
            }
            if new.size < least || integer(new.size)? > size(db)? {
                return Err(Failure::Conflict(
                    "the checkpoint is of no tree that is here",
                ));
            }
            let update = "UPDATE cs_tree SET checkpoint_size = ?1, checkpoint = ?2";
            run(db, update, (integer(new.size)?, &new.note)).map(drop)
        })
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        self.write("put an anchor", |db| {
            put_anchor(db, anchor, expected_tokens)
        })
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        self.read("read an anchor", |db| {
            let sql = "SELECT min(size) FROM cs_anchors WHERE size > ?1";
            // A leaf that no tree here has is covered by nothing.
            let Ok(covering) = i64::try_from(covering) else {
                return Ok(None);
            };
            let size: Option<i64> = first(db, sql, [covering], |row| Ok(row.get(0)?))?.flatten();
            size.map_or(Ok(None), |size| anchor_of(db, size))
        })
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        self.read("read the anchors", |db| {
            let sql = "SELECT size FROM cs_anchors ORDER BY size";
            all(db, sql, [], |row| number(row, 0))
        })
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        self.read("read the last rotation", rotation)
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        self.write("rotate the key", |db| {
            if rotation(db)? != expected {
                return Err(Failure::Conflict("another rotation is the last"));
            }
            add(db, std::slice::from_ref(entry))?;
            let update = "UPDATE cs_tree SET rotation = ?1";
            run(db, update, [entry.leaf().as_bytes()]).map(drop)
        })
    }
}

/// Adds entries behind all that are there. Their ids and leaf hashes are unique keys.
pub(crate) fn add(db: &Connection, entries: &[Entry]) -> Result<(), Failure> {
    // One writer at a time, so the next position is everybody's.
    let insert = "INSERT INTO cs_entries (position, id, leaf, bytes)
             VALUES ((SELECT coalesce(max(position) + 1, 0) FROM cs_entries), ?1, ?2, ?3)";
    for entry in entries {
        run(
            db,
            insert,
            (entry.id().as_str(), entry.leaf().as_bytes(), entry.bytes()),
        )?;
        if let Some(private) = entry.private() {
            vault::file(db, db.last_insert_rowid(), private)?;
        }
    }
    Ok(())
}

fn size(db: &Connection) -> Result<i64, Failure> {
    let size = first(db, "SELECT size FROM cs_tree", [], |row| Ok(row.get(0)?))?;
    size.ok_or(Failure::Damaged)
}

fn integrate(db: &Connection, integration: &Integration) -> Result<(), Failure> {
    let start = integer(integration.expected_size)?;
    if size(db)? != start {
        return Err(Failure::Conflict("the tree has another size"));
    }
    let count = i64::try_from(integration.entries.len()).unwrap_or(i64::MAX);
    let sql = "SELECT id FROM cs_entries WHERE position >= ?1 ORDER BY position LIMIT ?2";
    let first: Vec<EntryId> = all(db, sql, (start, count), |row| text(row, 0))?;
    if first != integration.entries {
        return Err(Failure::Conflict("these are not the first of the outbox"));
    }
    for (id, hash) in &integration.nodes {
        let insert = "INSERT INTO cs_nodes (level, place, hash) VALUES (?1, ?2, ?3)";
        run(db, insert, (id.level, integer(id.index)?, hash.as_bytes()))?;
    }
    run(
        db,
        "UPDATE cs_tree SET size = ?1",
        [start.saturating_add(count)],
    )
    .map(drop)
}

/// Entries with what is still there of their private parts. The first parameter is the size of
/// the tree.
fn entries(of: &str) -> String {
    format!(
        "SELECT e.id, e.leaf, e.bytes, iif(position < ?1, position, NULL),
                 p.tenant, p.kind, p.owner, p.at, p.key_id, p.bytes
             FROM cs_entries AS e LEFT JOIN cs_private AS p USING (position)
             WHERE {of} ORDER BY position"
    )
}

fn entry(row: &Row<'_>) -> Result<StoredEntry, Failure> {
    let index: Option<i64> = row.get(3)?;
    Ok(StoredEntry {
        index: index.and_then(|index| u64::try_from(index).ok()),
        entry: Entry::from_parts(
            text(row, 0)?,
            LeafHash::from_bytes(row.get(1)?),
            row.get(2)?,
            vault::private(row, 4)?,
        ),
    })
}

fn entry_of(db: &Connection, leaf: &LeafHash) -> Result<Option<StoredEntry>, Failure> {
    first(
        db,
        &entries("leaf = ?2"),
        (size(db)?, leaf.as_bytes()),
        entry,
    )
}

fn leaves(db: &Connection, range: Range<u64>) -> Result<Vec<StoredEntry>, Failure> {
    let last = |place: u64| i64::try_from(place).unwrap_or(i64::MAX);
    let range = (size(db)?, last(range.start), last(range.end));
    let sql = entries("position >= ?2 AND position < min(?1, ?3)");
    all(db, &sql, range, entry)
}

fn checkpoint(db: &Connection) -> Result<Option<StoredCheckpoint>, Failure> {
    let sql = "SELECT checkpoint_size, checkpoint FROM cs_tree WHERE checkpoint IS NOT NULL";
    first(db, sql, [], |row| {
        Ok(StoredCheckpoint {
            size: number(row, 0)?,
            note: row.get(1)?,
        })
    })
}

fn rotation(db: &Connection) -> Result<Option<LeafHash>, Failure> {
    let sql = "SELECT rotation FROM cs_tree WHERE rotation IS NOT NULL";
    first(db, sql, [], |row| Ok(LeafHash::from_bytes(row.get(0)?)))
}

fn anchor_of(db: &Connection, size: i64) -> Result<Option<Anchor>, Failure> {
    let sql = "SELECT token FROM cs_anchor_tokens WHERE size = ?1 ORDER BY number";
    let tokens = all(db, sql, [size], |row| Ok(row.get(0)?))?;
    let sql = "SELECT size, note FROM cs_anchors WHERE size = ?1";
    first(db, sql, [size], |row| {
        Ok(Anchor {
            size: number(row, 0)?,
            note: row.get(1)?,
            tokens: tokens.clone(),
        })
    })
}

/// Tokens are only ever added, behind those that are there and to the same note.
fn put_anchor(db: &Connection, anchor: &Anchor, expected_tokens: usize) -> Result<(), Failure> {
    let at = integer(anchor.size)?;
    if at > size(db)? {
        return Err(Failure::Conflict("the anchor is larger than the tree"));
    }
    let stored = anchor_of(db, at)?;
    let tokens = stored.iter().flat_map(|stored| &stored.tokens);
    let same_note = stored.iter().all(|stored| stored.note == anchor.note);
    let count = tokens.clone().count();
    if count != expected_tokens
        || !same_note
        || anchor.tokens.len() <= count
        || !tokens.eq(anchor.tokens.iter().take(count))
    {
        return Err(Failure::Conflict("other tokens are stored"));
    }
    let insert = "INSERT OR IGNORE INTO cs_anchors (size, note) VALUES (?1, ?2)";
    run(db, insert, (at, &anchor.note))?;
    for (number, token) in (0i64..).zip(&anchor.tokens).skip(count) {
        let insert = "INSERT INTO cs_anchor_tokens (size, number, token) VALUES (?1, ?2, ?3)";
        run(db, insert, (at, number, token))?;
    }
    Ok(())
}
