//! The proof that one entry is in a ledger of a million, read from SQLite.
//!
//! The floor reads the same nodes, by one statement on a connection of its own. The proof has to
//! ask its store, which reads on a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign::Sha256Digest;
use countersign::audit::merkle::{leaf_node, node_hash};
use countersign::audit::{LedgerReader, leaf_hash};
use countersign_sqlite::SqliteStore;
use pollster::block_on;
use rusqlite::Connection;

use crate::load::folder;
use crate::measure::{Effort, Subject, times};
use crate::row::Row;

const LEAVES: u64 = 1_000_000;

/// Nodes in a row, as an integration of many leaves writes them.
const RUN: usize = 32;

/// Coprime to the count, so that it walks over all leaves in no order.
const STEP: u64 = 618_033;

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let folder = folder();
    let path = folder.path().join("ledger");
    drop(SqliteStore::open(&path).expect("a new store"));
    plant(&path);
    let reader = LedgerReader::new(Arc::new(SqliteStore::open(&path).expect("our own file")));
    let bare = Connection::open(&path).expect("our own file");
    let mut select = bare
        .prepare(
            "SELECT substr(hashes, 1 + 32 * (?2 - first), 32) FROM nodes
                 WHERE level = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1",
        )
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

/// Puts the nodes of a tree of so many leaves into the file, without entries: a proof needs none.
fn plant(path: &Path) {
    let mut db = Connection::open(path).expect("our own file");
    let transaction = db.transaction().expect("the only writer");
    let mut insert = transaction
        .prepare("INSERT INTO nodes (level, first, hashes) VALUES (?1, ?2, ?3)")
        .expect("a table of nodes");
    let mut hashes: Vec<Sha256Digest> = (0..LEAVES)
        .map(|leaf| leaf_node(leaf_hash(&leaf.to_be_bytes())))
        .collect();
    let mut level = 0_u8;
    while !hashes.is_empty() {
        for (first, hashes) in (0_i64..).step_by(RUN).zip(hashes.chunks(RUN)) {
            let bytes: Vec<[u8; 32]> = hashes.iter().map(|hash| *hash.as_bytes()).collect();
            insert
                .execute((level, first, bytes.concat()))
                .expect("a new row");
        }
        hashes = hashes
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(node_hash(*left, *right)),
                _ => None,
            })
            .collect();
        level = level.saturating_add(1);
    }
    drop(insert);
    transaction
        .execute("UPDATE tree SET size = ?1", [LEAVES.cast_signed()])
        .expect("the one row");
    transaction.commit().expect("a working disk");
}
