//! The tree's nodes, some that follow each other in one row.

use countersign_audit::store::NodeId;
use countersign_core::Sha256Digest;
use rusqlite::Connection;

use crate::failure::Failure;
use crate::rows::integer;
use crate::users::first;

/// Bytes of a hash.
const HASH: usize = 32;

/// Most bytes of a row: a proof reads some twenty rows for one hash each, and SQLite keeps no more
/// than about a quarter of a page with the row.
const MAX_ROW: usize = 32 * HASH;

/// Writes nodes; one that is there already makes it fail.
pub(crate) fn add(db: &Connection, nodes: &[(NodeId, Sha256Digest)]) -> Result<(), Failure> {
    let mut insert =
        db.prepare_cached("INSERT INTO nodes (level, first, hashes) VALUES (?1, ?2, ?3)")?;
    let mut nodes: Vec<&(NodeId, Sha256Digest)> = nodes.iter().collect();
    nodes.sort_unstable_by_key(|(id, _)| *id);
    let mut row: Option<(NodeId, Vec<u8>)> = None;
    let mut next = None;
    for (id, hash) in nodes {
        match &mut row {
            Some((_, hashes)) if next == Some(*id) && hashes.len() < MAX_ROW => {
                hashes.extend_from_slice(hash.as_bytes());
            }
            _ => {
                if let Some((first, hashes)) = row.take() {
                    insert.execute((first.level, integer(first.index)?, hashes))?;
                }
                row = Some((*id, hash.as_bytes().to_vec()));
            }
        }
        next = id.index.checked_add(1).map(|index| NodeId {
            level: id.level,
            index,
        });
    }
    if let Some((first, hashes)) = row {
        insert.execute((first.level, integer(first.index)?, hashes))?;
    }
    Ok(())
}

/// Reads nodes, in the order of `ids`.
pub(crate) fn read(db: &Connection, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, Failure> {
    ids.iter().map(|id| node(db, *id)).collect()
}

fn node(db: &Connection, id: NodeId) -> Result<Option<Sha256Digest>, Failure> {
    // What SQLite can not hold was never stored.
    let Ok(index) = i64::try_from(id.index) else {
        return Ok(None);
    };
    let sql = "SELECT first, hashes FROM nodes WHERE level = ?1 AND first <= ?2
                   ORDER BY first DESC LIMIT 1";
    let found = first(db, sql, (id.level, index), |row| {
        let first: i64 = row.get(0)?;
        let offset = index.checked_sub(first).and_then(|offset| {
            let offset = usize::try_from(offset).ok()?;
            offset.checked_mul(HASH)
        });
        let hashes = row.get_ref(1)?.as_blob().unwrap_or_default();
        let hash = offset
            .and_then(|offset| hashes.get(offset..))
            .and_then(<[u8]>::first_chunk);
        Ok(hash.map(|hash| Sha256Digest::from_bytes(*hash)))
    })?;
    Ok(found.flatten())
}
