//! The tree's nodes, some that follow each other in one row.

use countersign_audit::node_runs::{HASH_BYTES, NodePlace, node_runs};
use countersign_audit::store::NodeId;
use countersign_core::Sha256Digest;
use rusqlite::Connection;

use crate::failure::Failure;
use crate::rows::integer;
use crate::users::first;

/// Most nodes of a row: a proof reads some twenty rows for one hash each, and SQLite keeps no more
/// than about a quarter of a page with the row.
const MOST: usize = 32;

/// Writes nodes; one that is there already makes it fail.
pub(crate) fn add(db: &Connection, nodes: &[(NodeId, Sha256Digest)]) -> Result<(), Failure> {
    // `FAIL`, because SQLite prepares for an `ABORT` by copying the pages that are about to change.
    let mut insert =
        db.prepare_cached("INSERT OR FAIL INTO nodes (tier, first, hashes) VALUES (?1, ?2, ?3)")?;
    for run in node_runs(nodes, MOST).ok_or(Failure::OutOfRange)? {
        insert.execute((run.first.tier, integer(run.first.number)?, run.hashes))?;
    }
    Ok(())
}

/// Reads nodes, in the order of `ids`.
pub(crate) fn read(db: &Connection, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, Failure> {
    ids.iter().map(|id| node(db, *id)).collect()
}

fn node(db: &Connection, id: NodeId) -> Result<Option<Sha256Digest>, Failure> {
    // What SQLite can not hold was never stored.
    let Some((tier, number)) = NodePlace::of(id).and_then(|place| {
        let number = i64::try_from(place.number).ok()?;
        Some((place.tier, number))
    }) else {
        return Ok(None);
    };
    let sql = "SELECT first, hashes FROM nodes WHERE tier = ?1 AND first <= ?2
                   ORDER BY first DESC LIMIT 1";
    let found = first(db, sql, (tier, number), |row| {
        let first: i64 = row.get(0)?;
        let offset = number.checked_sub(first).and_then(|offset| {
            let offset = usize::try_from(offset).ok()?;
            offset.checked_mul(HASH_BYTES)
        });
        let hashes = row.get_ref(1)?.as_blob().unwrap_or_default();
        let hash = offset
            .and_then(|offset| hashes.get(offset..))
            .and_then(<[u8]>::first_chunk);
        Ok(hash.map(|hash| Sha256Digest::from_bytes(*hash)))
    })?;
    Ok(found.flatten())
}
