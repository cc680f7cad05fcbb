//! The proof that one entry is in a ledger of a million, read from SQLite.
//!
//! The floor reads the same nodes by one statement, from a table that has them by level and index, on
//! the thread that asks. The proof has to ask its store, which reads on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign::audit::merkle::{leaf_node, node_hash};
use countersign::audit::store::{Integration, NodeId};
use countersign::audit::{LedgerReader, LedgerStore, leaf_hash};
use countersign::{Entry, EntryId, Sha256Digest};
use countersign_sqlite::SqliteStore;
use pollster::block_on;
use rusqlite::Connection;

use crate::load::folder;
use crate::measure::{Effort, Subject, times};
use crate::row::Row;

const LEAVES: u64 = 1_000_000;

/// Leaves that are added at once.
const BATCH: u64 = 2_000;

/// Coprime to the count, so that it walks over all leaves in no order.
const STEP: u64 = 618_033;

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let folder = folder();
    let store = SqliteStore::open(folder.path().join("ledger")).expect("a new store");
    let bare = Connection::open(folder.path().join("floor")).expect("a new database");
    grow(&store, &bare);
    let reader = LedgerReader::new(Arc::new(store));
    let mut select = bare
        .prepare("SELECT hash FROM nodes WHERE level = ?1 AND position = ?2")
        .expect("a table of nodes");
    let next = AtomicU64::new(0);
    let leaf = || next.fetch_add(STEP, Ordering::Relaxed) % LEAVES;
    let floor = || {
        let leaf = leaf();
        // The sibling at each level; at the right edge a proof takes a few more nodes.
        (0..LEAVES.ilog2())
            .filter_map(|level| {
                let sibling = (leaf >> level) ^ 1;
                let hash = select.query_row((level, sibling.cast_signed()), |row| row.get(0));
                hash.ok()
            })
            .collect::<Vec<[u8; 32]>>()
    };
    let ours = || {
        let proof = block_on(reader.inclusion_proof(leaf(), LEAVES));
        proof.expect("a leaf of the tree")
    };
    times(
        "inclusion_proof",
        "1m",
        effort,
        vec![
            Subject::new("floor", floor),
            Subject::new("countersign", ours),
        ],
    )
}

/// Makes a tree of so many leaves in the store, and a table of the same nodes.
fn grow(store: &SqliteStore, bare: &Connection) {
    bare.execute_batch(
        "CREATE TABLE nodes (level INTEGER, position INTEGER, hash BLOB,
             PRIMARY KEY (level, position)) STRICT, WITHOUT ROWID;
         BEGIN;",
    )
    .expect("a table");
    let mut insert = bare
        .prepare("INSERT INTO nodes VALUES (?1, ?2, ?3)")
        .expect("the table");
    let mut peaks = Vec::new();
    for expected_size in (0..LEAVES).step_by(usize::try_from(BATCH).expect("a small number")) {
        let leaves = expected_size..expected_size.saturating_add(BATCH);
        let entries: Vec<Entry> = leaves.clone().map(entry).collect();
        block_on(store.enqueue(&entries)).expect("a working disk");
        let completed = leaves.zip(&entries).flat_map(|(index, entry)| {
            let leaf = leaf_node(entry.leaf());
            complete(&mut peaks, index, leaf)
        });
        let nodes: Vec<(NodeId, Sha256Digest)> = completed.collect();
        for (id, hash) in &nodes {
            insert
                .execute((id.level, id.index.cast_signed(), hash.as_bytes()))
                .expect("a new row");
        }
        let integration = Integration {
            expected_size,
            entries: entries.iter().map(|entry| entry.id().clone()).collect(),
            nodes,
        };
        block_on(store.integrate(&integration)).expect("the first of the outbox");
    }
    bare.execute_batch("COMMIT").expect("a working disk");
}

/// A proof reads none of it but its place.
fn entry(number: u64) -> Entry {
    let bytes = number.to_be_bytes().to_vec();
    let id = EntryId::new(format!("{number:032}")).expect("an id");
    Entry::from_parts(id, leaf_hash(&bytes), bytes, None)
}

/// The nodes that become complete with a leaf, from it upwards. `peaks` are those that wait for their
/// right neighbour.
fn complete(
    peaks: &mut Vec<Sha256Digest>,
    mut index: u64,
    mut hash: Sha256Digest,
) -> Vec<(NodeId, Sha256Digest)> {
    let mut level = 0_u8;
    let mut nodes = vec![(NodeId { level, index }, hash)];
    while index % 2 == 1
        && let Some(left) = peaks.pop()
    {
        hash = node_hash(left, hash);
        index /= 2;
        level = level.saturating_add(1);
        nodes.push((NodeId { level, index }, hash));
    }
    peaks.push(hash);
    nodes
}
