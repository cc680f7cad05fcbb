//! The tree's nodes, some that follow each other in one row.
//!
//! They are kept in the order in which they become complete: what an integration adds is in one
//! place, and so is most of what a proof reads. Only each eighth level begins anew: a *tier* has
//! eight of them, and its nodes above 256 that belong together are a *tile* (`docs/spec/ledger.md`
//! exports the lowest level of each).

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

/// Levels of a tier.
const LEVELS: u8 = 8;

/// Nodes of a tile: 256 of its lowest level, 128 of the next, and so on to 2.
const TILE_NODES: u64 = 510;

/// Where a node is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    tier: u8,
    /// How many nodes of the tier are complete before it.
    number: u64,
}

impl Place {
    /// `None` for what no tree is large enough to have.
    fn of(node: NodeId) -> Option<Self> {
        let height = node.level.checked_rem(LEVELS)?;
        // The last of those in the tier's lowest level that are below it.
        let below = node.index.checked_add(1)?.checked_mul(1 << height)?;
        let last = below.checked_sub(1)?;
        let in_tile = last & 0xff;
        // Of two that are beside each other, one more is complete, and so on: fewer only by those
        // that wait for their neighbour.
        let waiting = u64::from(in_tile.count_ones());
        let before = in_tile.checked_mul(2)?.checked_sub(waiting)?;
        let number = (last >> LEVELS)
            .checked_mul(TILE_NODES)?
            .checked_add(before)?
            .checked_add(u64::from(height))?;
        Some(Self {
            tier: node.level.checked_div(LEVELS)?,
            number,
        })
    }
}

/// Writes nodes; one that is there already makes it fail.
pub(crate) fn add(db: &Connection, nodes: &[(NodeId, Sha256Digest)]) -> Result<(), Failure> {
    // `FAIL`, because SQLite prepares for an `ABORT` by copying the pages that are about to change.
    let mut insert =
        db.prepare_cached("INSERT OR FAIL INTO nodes (tier, first, hashes) VALUES (?1, ?2, ?3)")?;
    let placed: Option<Vec<(Place, &Sha256Digest)>> = nodes
        .iter()
        .map(|(id, hash)| Some((Place::of(*id)?, hash)))
        .collect();
    let mut placed = placed.ok_or(Failure::OutOfRange)?;
    placed.sort_unstable_by_key(|(place, _)| *place);
    let mut row: Option<(Place, Vec<u8>)> = None;
    let mut next = None;
    for (place, hash) in placed {
        match &mut row {
            Some((_, hashes)) if next == Some(place) && hashes.len() < MAX_ROW => {
                hashes.extend_from_slice(hash.as_bytes());
            }
            _ => {
                if let Some((first, hashes)) = row.take() {
                    insert.execute((first.tier, integer(first.number)?, hashes))?;
                }
                row = Some((place, hash.as_bytes().to_vec()));
            }
        }
        next = place.number.checked_add(1).map(|number| Place {
            tier: place.tier,
            number,
        });
    }
    if let Some((first, hashes)) = row {
        insert.execute((first.tier, integer(first.number)?, hashes))?;
    }
    Ok(())
}

/// Reads nodes, in the order of `ids`.
pub(crate) fn read(db: &Connection, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, Failure> {
    ids.iter().map(|id| node(db, *id)).collect()
}

fn node(db: &Connection, id: NodeId) -> Result<Option<Sha256Digest>, Failure> {
    // What SQLite can not hold was never stored.
    let Some((tier, number)) = Place::of(id).and_then(|place| {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every node that becomes complete as leaves are added, in that order.
    fn completed(leaves: u64) -> Vec<NodeId> {
        let of_leaf = |leaf: u64| {
            let levels = 0..=u8::try_from(leaf.trailing_ones()).unwrap();
            levels.map(move |level| NodeId {
                level,
                index: leaf >> level,
            })
        };
        (0..leaves).flat_map(of_leaf).collect()
    }

    #[test]
    fn nodes_of_a_tier_are_numbered_as_they_become_complete() {
        let mut next = [0_u64; 3];
        let nodes = completed(1 << 17);
        for node in nodes {
            let place = Place::of(node).unwrap();
            let next = next.get_mut(usize::from(place.tier)).unwrap();
            assert_eq!(place.tier, node.level / LEVELS);
            assert_eq!(place.number, *next, "{node:?}");
            *next += 1;
        }
        // 512 tiles of the lowest tier, two of the next, and two nodes above them with their parent.
        assert_eq!(next, [512 * TILE_NODES, 2 * TILE_NODES, 3]);
    }

    #[test]
    fn what_no_tree_is_large_enough_for_has_no_place() {
        for (level, index) in [(0, u64::MAX), (7, u64::MAX >> 7), (1, u64::MAX / 2)] {
            assert_eq!(Place::of(NodeId { level, index }), None);
        }
        let last = NodeId {
            level: 63,
            index: 0,
        };
        assert_eq!(
            Place::of(last),
            Some(Place {
                tier: 7,
                number: 254
            })
        );
    }
}
