//! The port to the ledger.
//!
//! # Order
//! Any number of nodes add entries at once, and nothing makes one wait for another. Those that one
//! statement adds have one number, drawn then, so that what commits first may have the larger one.
//! The order of the tree is given only by the integrator, from what is committed when it looks: the
//! entries of the outbox by their numbers. So no entry is ever skipped; one that commits late comes
//! later.
//!
//! What an entry rests on is a leaf before it. A record names its parents by their hashes, so they
//! were committed, and acknowledged, before it was made, or come before it in the same transaction:
//! with a smaller number, or earlier in the same statement. Whoever sees the record sees them.

use std::collections::HashMap;
use std::ops::Range;

use async_trait::async_trait;
use countersign_audit::node_runs::{NodePlace, node_runs};
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_core::{Entry, EntryId, LeafHash, Sha256Digest, StoreError};
use tokio_postgres::Row;

use crate::batch::{Batch, values};
use crate::commit::LOCK;
use crate::entries::{self, stored_columns, stored_entry, stored_leaves};
use crate::failure::Failure;
use crate::rows::{bytes, integer, leaf, number, text};
use crate::store::PostgresStore;

#[async_trait]
impl LedgerStore for PostgresStore {
    async fn enqueue(&self, new: &[Entry]) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::default();
        entries::add(&mut batch, new);
        self.write("add entries to the outbox", &batch).await?;
        self.committed(new);
        Ok(())
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let values = values![i64::try_from(limit).unwrap_or(i64::MAX)];
        // `OFFSET 0` keeps it one look-up for each: a join of all entries costs more with every one
        // that is in the tree.
        let sql = "SELECT t.size, o.id, o.leaf, o.bytes
             FROM countersign.tree t LEFT JOIN LATERAL (
                 SELECT w.number, w.place, e.id, e.leaf, e.bytes
                     FROM (
                         SELECT added.number, i.place, i.id
                             FROM (
                                 SELECT number, ids FROM countersign.outbox
                                     ORDER BY number LIMIT $1
                             ) added CROSS JOIN LATERAL
                                 unnest(added.ids) WITH ORDINALITY AS i (id, place)
                             ORDER BY added.number, i.place LIMIT $1
                     ) w
                     CROSS JOIN LATERAL (
                         SELECT id, leaf, bytes FROM countersign.entries WHERE id = w.id OFFSET 0
                     ) e
             ) o ON true
             ORDER BY o.number, o.place";
        let read = |row: &Row| {
            let size = number(row.try_get(0)?)?;
            if row.try_get::<_, Option<&str>>(1)?.is_none() {
                return Ok((size, None));
            }
            let (id, leaf) = (text(row, 1, "entry id")?, leaf(row, 2)?);
            let entry = Entry::from_parts(id, leaf, row.try_get(3)?, None);
            Ok((size, Some(entry)))
        };
        let rows = self.read("read the outbox", sql, values, read).await?;
        let size = rows.first().map_or(0, |(size, _)| *size);
        let pending: Vec<Entry> = rows.into_iter().filter_map(|(_, entry)| entry).collect();
        let ids = pending.iter().map(|entry| entry.id().clone()).collect();
        self.outbox.was_read(size, ids);
        Ok(pending)
    }

    async fn size(&self) -> Result<u64, StoreError> {
        let sql = "SELECT size FROM countersign.tree";
        let read = |row: &Row| number(row.try_get(0)?);
        let rows = self.read("read the size of the tree", sql, Vec::new(), read);
        Ok(rows.await?.pop().unwrap_or(0))
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        let doing = "integrate entries";
        match self.try_integrate(integration, Fence::Anybody).await {
            Err(failure) if failure.is_not_the_integrator() => {
                let expected = integration.expected_size;
                self.integrator_has_moved(doing, |size, _| size != expected)
                    .await?;
                // The ledger reads again, and finds its work done.
                Err(StoreError::conflict(doing).caused_by(failure))
            }
            written => written.map_err(|failure| failure.into_store_error(doing)),
        }
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        let mut wanted = (Vec::new(), Vec::new(), Vec::new());
        for (place, id) in (0_i32..).zip(ids) {
            // What PostgreSQL can not hold was never stored.
            if let Some(node) = NodePlace::of(*id)
                && let Ok(number) = i64::try_from(node.number)
            {
                wanted.0.push(place);
                wanted.1.push(i16::from(node.tier));
                wanted.2.push(number);
            }
        }
        let sql = "SELECT w.place, substr(n.hashes, ((w.number - n.first) * 32 + 1)::integer, 32)
             FROM unnest($1::integer[], $2::smallint[], $3::bigint[]) AS w (place, tier, number)
                 CROSS JOIN LATERAL (
                     SELECT first, hashes FROM countersign.nodes
                         WHERE tier = w.tier AND first <= w.number ORDER BY first DESC LIMIT 1
                 ) n
             WHERE w.number < n.first + octet_length(n.hashes) / 32";
        let read = |row: &Row| {
            let place: i32 = row.try_get(0)?;
            let place = usize::try_from(place).map_err(|_| Failure::OutOfRange)?;
            Ok((place, Sha256Digest::from_bytes(*leaf(row, 1)?.as_bytes())))
        };
        let values = values![wanted.0, wanted.1, wanted.2];
        let found = self.read("read nodes", sql, values, read).await?;
        let mut hashes = vec![None; ids.len()];
        for (place, hash) in found {
            if let Some(node) = hashes.get_mut(place) {
                *node = Some(hash);
            }
        }
        Ok(hashes)
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        let (sql, values) = match query {
            EntryQuery::Index(index) => {
                // What PostgreSQL can not hold was never stored.
                let index = i64::try_from(*index).unwrap_or(-1);
                let values = values![index, index.saturating_add(1)];
                (stored_leaves!(), values)
            }
            EntryQuery::Leaf(leaf) => (
                concat!(stored_entry!(), " WHERE e.leaf = $1"),
                values![bytes(leaf)],
            ),
            EntryQuery::Id(id) => (
                concat!(stored_entry!(), " WHERE e.id = $1"),
                values![id.to_string()],
            ),
        };
        let mut rows = self
            .read("read an entry", sql, values, entries::stored)
            .await?;
        Ok(rows.pop())
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        let wanted: Vec<Vec<u8>> = leaves.iter().map(bytes).collect();
        let sql = concat!(stored_entry!(), " WHERE e.leaf = ANY ($1)");
        let rows = self
            .read("read entries", sql, values![wanted], entries::stored)
            .await?;
        let found: HashMap<LeafHash, StoredEntry> = rows
            .into_iter()
            .map(|stored| (stored.entry.leaf(), stored))
            .collect();
        Ok(leaves.iter().map(|leaf| found.get(leaf).cloned()).collect())
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        let bound = |index: u64| i64::try_from(index).unwrap_or(i64::MAX);
        let values = values![bound(range.start), bound(range.end)];
        self.read("read entries", stored_leaves!(), values, entries::stored)
            .await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        let sql = "SELECT size, note FROM countersign.checkpoint";
        let read = |row: &Row| checkpoint(row, 0);
        let rows = self.read("read the checkpoint", sql, Vec::new(), read);
        Ok(rows.await?.pop())
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        let doing = "put a checkpoint";
        let put = |fence| self.try_put_checkpoint(expected, checkpoint, fence);
        let mut written = put(Fence::Anybody).await;
        if let Err(failure) = &written
            && failure.is_not_the_integrator()
        {
            let has_moved = |_, last: Option<&StoredCheckpoint>| last != expected;
            if self.integrator_has_moved(doing, has_moved).await? {
                return Err(StoreError::conflict(doing));
            }
            // It may wait for this one: while a key is replaced, only who has both can sign.
            written = put(Fence::Beside).await;
        }
        written.map_err(|failure| failure.into_store_error(doing))
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        let doing = "put an anchor";
        let batch = put_anchor(anchor, expected_tokens);
        let batch = batch.map_err(|failure| failure.into_store_error(doing))?;
        self.write(doing, &batch).await.map(drop)
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        // What PostgreSQL can not hold was never stored.
        let covering = i64::try_from(covering).unwrap_or(i64::MAX);
        let sql = "SELECT a.size, a.note, ARRAY(
                 SELECT token FROM countersign.anchor_tokens t WHERE t.size = a.size
                     ORDER BY t.number)
             FROM countersign.anchors a WHERE a.size > $1 ORDER BY a.size LIMIT 1";
        let read = |row: &Row| {
            Ok(Anchor {
                size: number(row.try_get(0)?)?,
                note: row.try_get(1)?,
                tokens: row.try_get(2)?,
            })
        };
        let rows = self.read("read an anchor", sql, values![covering], read);
        Ok(rows.await?.pop())
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT size FROM countersign.anchors ORDER BY size";
        let read = |row: &Row| number(row.try_get(0)?);
        self.read("read the anchors", sql, Vec::new(), read).await
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        let sql = "SELECT leaf FROM countersign.rotation";
        let read = |row: &Row| leaf(row, 0);
        let rows = self.read("read the last rotation", sql, Vec::new(), read);
        Ok(rows.await?.pop())
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.add(LOCK, values![vec!["rotation"]]);
        batch.add(
            "SELECT countersign.require(
                 (SELECT leaf FROM countersign.rotation) IS NOT DISTINCT FROM $1,
                 'another rotation is the last')",
            values![expected.as_ref().map(bytes)],
        );
        entries::add(&mut batch, std::slice::from_ref(entry));
        batch.add(
            "INSERT INTO countersign.rotation (only_row, leaf) VALUES (0, $1)
                 ON CONFLICT (only_row) DO UPDATE SET leaf = excluded.leaf",
            values![bytes(&entry.leaf())],
        );
        self.write("rotate the key", &batch).await?;
        self.committed(std::slice::from_ref(entry));
        Ok(())
    }
}

/// The last checkpoint, in two columns of which `first` is the first.
pub(crate) fn checkpoint(row: &Row, first: usize) -> Result<StoredCheckpoint, Failure> {
    Ok(StoredCheckpoint {
        size: number(row.try_get(first)?)?,
        note: row.try_get(first.saturating_add(1))?,
    })
}

/// Who may write to the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fence {
    /// Whoever gets the lock, for this one transaction: nobody is the integrator.
    Anybody,
    /// The integrator of this epoch, as long as nobody came after it.
    Epoch(i64),
    /// Whoever wants to, even if there is an integrator: only what is compared keeps two apart. For
    /// checkpoints that is enough, because the tree under them never changes.
    Beside,
}

impl Fence {
    /// Locks the tree until the end of the transaction, or ends it.
    fn close(self, batch: &mut Batch) {
        match self {
            Self::Anybody => {
                batch.add(
                    "SELECT countersign.require(
                         pg_try_advisory_xact_lock(
                             hashtextextended('countersign/integrator', 0)),
                         'another session is the integrator', 'CS003')",
                    Vec::new(),
                );
                // Whoever thought to have the lock has it no more.
                batch.add("UPDATE countersign.tree SET epoch = epoch + 1", Vec::new());
            }
            Self::Epoch(epoch) => batch.add(
                "WITH held AS (SELECT FROM countersign.tree WHERE epoch = $1 FOR UPDATE)
                 SELECT countersign.require(EXISTS (SELECT FROM held),
                     'another integrator came after this one', 'CS003')",
                values![epoch],
            ),
            Self::Beside => batch.add("SELECT FROM countersign.tree FOR UPDATE", Vec::new()),
        }
    }
}

impl PostgresStore {
    pub(crate) async fn try_integrate(
        &self,
        integration: &Integration,
        fence: Fence,
    ) -> Result<(), Failure> {
        // No tree has a size that PostgreSQL can not hold.
        let other_size = || Failure::Conflict("the tree has another size");
        let size = integer(integration.expected_size).map_err(|_| other_size())?;
        let count = i64::try_from(integration.entries.len()).map_err(|_| Failure::OutOfRange)?;
        let grown = size.checked_add(count).ok_or_else(other_size)?;
        let ids: Vec<String> = integration.entries.iter().map(EntryId::to_string).collect();
        let mut batch = Batch::default();
        fence.close(&mut batch);
        batch.add(
            "WITH grown AS (
                 UPDATE countersign.tree SET size = $2 WHERE size = $1 RETURNING 1
             )
             SELECT countersign.require(EXISTS (SELECT FROM grown), 'the tree has another size')",
            values![size, grown],
        );
        if !self.outbox.began_with(integration) {
            batch.add(
                "SELECT countersign.require($1::text[] = ARRAY(
                     SELECT i.id
                         FROM (
                             SELECT number, ids FROM countersign.outbox
                                 ORDER BY number LIMIT cardinality($1::text[])
                         ) o CROSS JOIN LATERAL unnest(o.ids) WITH ORDINALITY AS i (id, place)
                         ORDER BY o.number, i.place LIMIT cardinality($1::text[])
                 ), 'the entries are not the first of the outbox')",
                values![ids.clone()],
            );
        }
        batch.add(
            "WITH added AS (
                 INSERT INTO countersign.leaves (position, number, ids)
                     SELECT $2 + min(i.place) - 1, e.number, array_agg(i.id ORDER BY i.place)
                     FROM unnest($1::text[]) WITH ORDINALITY AS i (id, place)
                         CROSS JOIN LATERAL (
                             SELECT number FROM countersign.entries
                                 WHERE id = i.id COLLATE \"C\" OFFSET 0
                         ) e
                     GROUP BY e.number
                     RETURNING cardinality(ids) AS leaves
             )
             SELECT countersign.require((SELECT coalesce(sum(leaves), 0) FROM added) = cardinality($1::text[]),
                 'the entries are not the first of the outbox')",
            values![ids, size],
        );
        let runs = node_runs(&integration.nodes, MOST_NODES).ok_or(Failure::OutOfRange)?;
        if !runs.is_empty() {
            let tiers: Vec<i16> = runs.iter().map(|run| i16::from(run.first.tier)).collect();
            let firsts = runs.iter().map(|run| integer(run.first.number));
            let firsts = firsts.collect::<Result<Vec<i64>, Failure>>()?;
            let hashes: Vec<Vec<u8>> = runs.into_iter().map(|run| run.hashes).collect();
            batch.add(
                "INSERT INTO countersign.nodes (tier, first, hashes)
                     SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])",
                values![tiers, firsts, hashes],
            );
        }
        self.try_write(&batch).await.map(drop)
    }

    pub(crate) async fn try_put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        new: &StoredCheckpoint,
        fence: Fence,
    ) -> Result<(), Failure> {
        if expected.is_some_and(|expected| new.size < expected.size) {
            return Err(Failure::Conflict(
                "the checkpoint is older than the stored one",
            ));
        }
        let mut batch = Batch::default();
        fence.close(&mut batch);
        match expected {
            None => batch.add(
                "SELECT countersign.require(NOT EXISTS (SELECT FROM countersign.checkpoint),
                     'another checkpoint is stored')",
                Vec::new(),
            ),
            Some(expected) => batch.add(
                "SELECT countersign.require(EXISTS (
                     SELECT FROM countersign.checkpoint WHERE size = $1 AND note = $2
                 ), 'another checkpoint is stored')",
                values![
                    integer(expected.size)
                        .map_err(|_| Failure::Conflict("another checkpoint is stored"))?,
                    expected.note.clone()
                ],
            ),
        }
        let size = integer(new.size)
            .map_err(|_| Failure::Conflict("the checkpoint is larger than the tree"))?;
        batch.add(
            "SELECT countersign.require((SELECT size FROM countersign.tree) >= $1,
                 'the checkpoint is larger than the tree')",
            values![size],
        );
        batch.add(
            "INSERT INTO countersign.checkpoint (only_row, size, note) VALUES (0, $1, $2)
                 ON CONFLICT (only_row) DO UPDATE SET size = excluded.size, note = excluded.note",
            values![size, new.note.clone()],
        );
        self.try_write(&batch).await.map(drop)
    }

    /// Whether the integrator, which is somebody else, has done something by now, or does so soon.
    async fn integrator_has_moved(
        &self,
        doing: &'static str,
        has_moved: impl Fn(u64, Option<&StoredCheckpoint>) -> bool + Send,
    ) -> Result<bool, StoreError> {
        self.outbox.wake_integrator(&self.pool);
        for _ in 0..LOOKS {
            let (size, last) = self.head().await?;
            if has_moved(size, last.as_ref()) {
                return Ok(true);
            }
            self.pause(doing).await?;
        }
        Ok(false)
    }

    async fn head(&self) -> Result<(u64, Option<StoredCheckpoint>), StoreError> {
        let sql = "SELECT t.size, c.size, c.note
             FROM countersign.tree t LEFT JOIN countersign.checkpoint c ON true";
        let read = |row: &Row| {
            let is_there = row.try_get::<_, Option<i64>>(1)?.is_some();
            let last = is_there.then(|| checkpoint(row, 1)).transpose()?;
            Ok((number(row.try_get(0)?)?, last))
        };
        let rows = self.read("read the tree's head", sql, Vec::new(), read);
        Ok(rows.await?.pop().unwrap_or_default())
    }

    async fn pause(&self, doing: &'static str) -> Result<(), StoreError> {
        let connector = self.pool.connector();
        let paused = connector.on_runtime(async { tokio::time::sleep(LOOK_AGAIN).await });
        paused
            .await
            .map_err(|failure| failure.into_store_error(doing))
    }
}

/// Most nodes of a row: a proof reads some twenty rows for one hash each, and PostgreSQL keeps no
/// more than 2 KB with the row.
const MOST_NODES: usize = 32;

/// How often and how many times a node looks whether the integrator has done what it wanted done:
/// half a second.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);
const LOOKS: usize = 25;

fn put_anchor(anchor: &Anchor, expected_tokens: usize) -> Result<Batch, Failure> {
    if anchor.tokens.len() <= expected_tokens {
        return Err(Failure::Conflict(
            "tokens are only added, and to their own note",
        ));
    }
    let size = integer(anchor.size)
        .map_err(|_| Failure::Conflict("the anchor is larger than the tree"))?;
    let expected = i64::try_from(expected_tokens).map_err(|_| Failure::OutOfRange)?;
    let mut batch = Batch::default();
    batch.add(LOCK, values![vec!["anchors"]]);
    batch.add(
        "SELECT countersign.require((SELECT size FROM countersign.tree) >= $1,
             'the anchor is larger than the tree')",
        values![size],
    );
    batch.add(
        "SELECT countersign.require(
             (SELECT count(*) FROM countersign.anchor_tokens WHERE size = $1) = $2,
             'another number of tokens is stored')",
        values![size, expected],
    );
    batch.add(
        "SELECT countersign.require(NOT EXISTS (
             SELECT FROM countersign.anchors WHERE size = $1 AND note <> $2
         ) AND NOT EXISTS (
             SELECT FROM countersign.anchor_tokens WHERE size = $1
                 AND token IS DISTINCT FROM ($3::bytea[])[number + 1]
         ), 'tokens are only added, and to their own note')",
        values![size, anchor.note.clone(), anchor.tokens.clone()],
    );
    batch.add(
        "INSERT INTO countersign.anchors (size, note) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        values![size, anchor.note.clone()],
    );
    batch.add(
        "INSERT INTO countersign.anchor_tokens (size, number, token)
             SELECT $1, place - 1, token
             FROM unnest($2::bytea[]) WITH ORDINALITY AS t (token, place) WHERE place > $3",
        values![size, anchor.tokens.clone(), expected],
    );
    Ok(batch)
}
