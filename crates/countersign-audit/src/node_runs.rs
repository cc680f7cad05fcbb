//! The tree's nodes in the order in which they become complete, for a store that keeps several in
//! one row.
//!
//! In one order for all levels, what an integration adds is in one place, and so is most of what a
//! proof reads. Only each eighth level begins anew: a *tier* has eight of them, and its nodes
//! above 256 that belong together are a *tile* (`docs/spec/ledger.md` exports the lowest level of
//! each).

use countersign_core::Sha256Digest;

use crate::store::NodeId;

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// Levels of a tier.
const LEVELS: u8 = 8;

/// Nodes of a tile: 256 of its lowest level, 128 of the next, and so on to 2.
const TILE_NODES: u64 = 510;

/// Where a node is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodePlace {
    /// Which eight levels, from 0 for the lowest; at most 7.
    pub tier: u8,
    /// How many nodes of the tier are complete before it.
    pub number: u64,
}

impl NodePlace {
    /// `None` for what no tree is large enough to have.
    #[must_use]
    pub fn of(node: NodeId) -> Option<Self> {
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

    fn next(self) -> Option<Self> {
        let number = self.number.checked_add(1)?;
        Some(Self { number, ..self })
    }
}

/// Nodes that follow each other in one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRun {
    /// Where the first one is kept.
    pub first: NodePlace,
    /// Their hashes, one after the other.
    pub hashes: Vec<u8>,
}

/// The same nodes in runs of at most `most`, in the order of their places; `None` if one of them is
/// of no tree.
#[must_use]
pub fn node_runs(nodes: &[(NodeId, Sha256Digest)], most: usize) -> Option<Vec<NodeRun>> {
    let placed: Option<Vec<(NodePlace, &Sha256Digest)>> = nodes
        .iter()
        .map(|(id, hash)| Some((NodePlace::of(*id)?, hash)))
        .collect();
    let mut placed = placed?;
    placed.sort_unstable_by_key(|(place, _)| *place);
    let most_bytes = most.saturating_mul(HASH_BYTES);
    let mut runs: Vec<NodeRun> = Vec::new();
    let mut next = None;
    for (place, hash) in placed {
        match runs.last_mut() {
            Some(run) if next == Some(place) && run.hashes.len() < most_bytes => {
                run.hashes.extend_from_slice(hash.as_bytes());
            }
            _ => runs.push(NodeRun {
                first: place,
                hashes: hash.as_bytes().to_vec(),
            }),
        }
        next = place.next();
    }
    Some(runs)
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

    fn hash(number: usize) -> Sha256Digest {
        let mut bytes = [0; HASH_BYTES];
        bytes[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
        Sha256Digest::from_bytes(bytes)
    }

    #[test]
    fn nodes_of_a_tier_are_numbered_as_they_become_complete() {
        let mut next = [0_u64; 3];
        let nodes = completed(1 << 17);
        for node in nodes {
            let place = NodePlace::of(node).unwrap();
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
            let node = NodeId { level, index };
            assert_eq!(NodePlace::of(node), None);
            assert_eq!(node_runs(&[(node, hash(0))], 4), None);
        }
        let last = NodeId {
            level: 63,
            index: 0,
        };
        assert_eq!(
            NodePlace::of(last),
            Some(NodePlace {
                tier: 7,
                number: 254
            })
        );
    }

    #[test]
    fn runs_hold_every_node_at_its_place_and_no_more_than_they_may() {
        let nodes: Vec<(NodeId, Sha256Digest)> = completed(600)
            .into_iter()
            .enumerate()
            .map(|(number, id)| (id, hash(number)))
            .collect();
        for (most, rows) in [(1, nodes.len()), (32, 39), (usize::MAX, 2)] {
            let runs = node_runs(&nodes, most).unwrap();
            assert_eq!(runs.len(), rows, "{most}");
            for (id, hash) in &nodes {
                let place = NodePlace::of(*id).unwrap();
                let is_in = |run: &&NodeRun| {
                    run.first.tier == place.tier && run.first.number <= place.number
                };
                let run = runs.iter().rfind(is_in).unwrap();
                let offset = usize::try_from(place.number - run.first.number).unwrap();
                let found = run.hashes.chunks(HASH_BYTES).nth(offset).unwrap();
                assert_eq!(found, hash.as_bytes());
            }
            assert!(runs.iter().all(|run| run.hashes.len() / HASH_BYTES <= most));
        }
    }

    #[test]
    fn a_gap_ends_a_run() {
        let [one, _, three] = [0, 1, 2].map(|index| NodeId { level: 0, index });
        let runs = node_runs(&[(three, hash(3)), (one, hash(1))], 8).unwrap();
        let firsts: Vec<u64> = runs.iter().map(|run| run.first.number).collect();
        assert_eq!(firsts, [0, 3]);
    }
}
