//! The tree: hashes, proofs and their verification \[RFC 6962 §2.1, RFC 9162 §2.1\].

use countersign_core::{LeafHash, Sha256Digest};
use ring::digest::{Context, SHA256, digest};
use thiserror::Error;

use crate::leaf::into_array;
use crate::store::NodeId;

/// A proof does not show what it is said to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The leaf's index is not below the tree's size, or the trees' sizes are not in order.
    #[error("the proof is about a leaf or a tree that can not be")]
    Size,
    /// More or fewer hashes than such a proof has.
    #[error("the proof has a wrong number of hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// The root of the tree without leaves, SHA-256 of nothing \[RFC 6962 §2.1\].
#[must_use]
pub fn empty_root() -> Sha256Digest {
    Sha256Digest::from_bytes(into_array(&digest(&SHA256, b"")))
}

/// The hash over two subtrees, SHA-256(0x01 ‖ left ‖ right) \[RFC 6962 §2.1\].
#[must_use]
pub fn node_hash(left: Sha256Digest, right: Sha256Digest) -> Sha256Digest {
    let mut context = Context::new(&SHA256);
    context.update(&[0x01]);
    context.update(left.as_bytes());
    context.update(right.as_bytes());
    Sha256Digest::from_bytes(into_array(&context.finish()))
}

/// The leaf hash as a node of level 0.
#[must_use]
pub fn leaf_node(leaf: LeafHash) -> Sha256Digest {
    Sha256Digest::from_bytes(*leaf.as_bytes())
}

/// Checks that `leaf` is at `index` in the tree of `size` leaves with `root`
/// \[RFC 9162 §2.1.3.2\].
///
/// # Errors
/// If the proof does not show that.
pub fn verify_inclusion(
    leaf: LeafHash,
    index: u64,
    size: u64,
    proof: &[Sha256Digest],
    root: Sha256Digest,
) -> Result<(), ProofError> {
    // [RFC 9162 §2.1.3.2, step 1]
    let mut last = match size.checked_sub(1) {
        Some(last) if index <= last => last,
        _ => return Err(ProofError::Size),
    };
    let mut node = index;
    let mut hash = leaf_node(leaf);
    for &sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if is_right(node) || node == last {
            hash = node_hash(sibling, hash);
            while !is_right(node) && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if hash == root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Checks that the tree of `new_size` leaves begins with the tree of `old_size` leaves
/// \[RFC 9162 §2.1.4.2\].
///
/// Two trees of one size are consistent if their roots are equal; the proof is empty then. Every
/// tree continues the empty one, and no proof can be asked for that: it is refused, so that
/// nobody takes it for a check.
///
/// # Errors
/// If the proof does not show that.
pub fn verify_consistency(
    old_size: u64,
    new_size: u64,
    proof: &[Sha256Digest],
    old_root: Sha256Digest,
    new_root: Sha256Digest,
) -> Result<(), ProofError> {
    let Some(mut node) = old_size.checked_sub(1) else {
        return Err(ProofError::Size);
    };
    if old_size > new_size {
        return Err(ProofError::Size);
    }
    if old_size == new_size {
        return match proof {
            [] if old_root == new_root => Ok(()),
            [] => Err(ProofError::Root),
            _ => Err(ProofError::Length),
        };
    }
    let mut last = new_size.saturating_sub(1);
    // The old tree may be a complete subtree of the new one; its root begins the path then
    // [RFC 9162 §2.1.4.2, step 2].
    let (first, path) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        match proof {
            [first, path @ ..] => (*first, path),
            [] => return Err(ProofError::Length),
        }
    };
    while is_right(node) {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (first, first);
    for &sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if is_right(node) || node == last {
            old_hash = node_hash(sibling, old_hash);
            new_hash = node_hash(sibling, new_hash);
            while !is_right(node) && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    if old_hash == old_root && new_hash == new_root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

fn is_right(node: u64) -> bool {
    node & 1 == 1
}

/// A run of leaves whose hash is one node of some tree: `start` is a multiple of a power of two
/// that is at least as large as the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subtree {
    start: u64,
    end: u64,
}

impl Subtree {
    /// The whole tree of `size` leaves.
    pub(crate) fn whole(size: u64) -> Self {
        Self {
            start: 0,
            end: size,
        }
    }

    pub(crate) fn range(self) -> std::ops::Range<u64> {
        self.start..self.end
    }

    fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Splits at the largest power of two below its length \[RFC 6962 §2.1\].
    pub(crate) fn split(self) -> Option<(Self, Self)> {
        let half = 1_u64.checked_shl(self.len().checked_sub(1)?.checked_ilog2()?)?;
        let middle = self.start.checked_add(half)?;
        let (start, end) = (self.start, self.end);
        Some((Self { start, end: middle }, Self { start: middle, end }))
    }

    /// The complete subtrees that it consists of, from left to right: those that are stored.
    pub(crate) fn complete_nodes(self) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        let mut start = self.start;
        while let Some(level) = self.end.saturating_sub(start).checked_ilog2() {
            nodes.push(NodeId {
                level: u8::try_from(level).unwrap_or(u8::MAX),
                index: start.checked_shr(level).unwrap_or(0),
            });
            start = start.saturating_add(1_u64.checked_shl(level).unwrap_or(u64::MAX));
        }
        nodes
    }
}

/// The hash of a subtree from those of its complete subtrees, left to right.
pub(crate) fn fold(complete: &[Sha256Digest]) -> Sha256Digest {
    complete
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(left, right))
        .unwrap_or_else(empty_root)
}

/// The subtrees whose hashes prove that the leaf at `index` is in the tree of `size` leaves, from
/// the leaf upwards \[RFC 9162 §2.1.3.1\]. `None` if there is no such leaf.
pub(crate) fn inclusion_path(index: u64, size: u64) -> Option<Vec<Subtree>> {
    if index >= size {
        return None;
    }
    let mut path = Vec::new();
    let mut subtree = Subtree::whole(size);
    while let Some((left, right)) = subtree.split() {
        let (inside, sibling) = if index < right.start {
            (left, right)
        } else {
            (right, left)
        };
        path.push(sibling);
        subtree = inside;
    }
    path.reverse();
    Some(path)
}

/// The subtrees whose hashes prove that the tree of `new_size` leaves continues that of
/// `old_size` \[RFC 9162 §2.1.4.1\]. `None` if there can be no proof.
pub(crate) fn consistency_path(old_size: u64, new_size: u64) -> Option<Vec<Subtree>> {
    if old_size == 0 || old_size > new_size {
        return None;
    }
    let mut path = Vec::new();
    let mut subtree = Subtree::whole(new_size);
    while subtree.end != old_size {
        let (left, right) = subtree.split()?;
        let (inside, sibling) = if old_size <= right.start {
            (left, right)
        } else {
            (right, left)
        };
        path.push(sibling);
        subtree = inside;
    }
    // A subtree at the very left is the old tree itself, whose root the verifier knows.
    if subtree.start != 0 {
        path.push(subtree);
    }
    path.reverse();
    Some(path)
}

/// The right edge of a growing tree: all that is needed to add leaves and to know the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    /// Hashes of the complete subtrees, from left to right, each smaller than the one before.
    peaks: Vec<Sha256Digest>,
}

impl Frontier {
    pub(crate) fn empty() -> Self {
        Self {
            size: 0,
            peaks: Vec::new(),
        }
    }

    /// `peaks` are the hashes of the nodes `Subtree::whole(size).complete_nodes()`.
    pub(crate) fn from_peaks(size: u64, peaks: Vec<Sha256Digest>) -> Self {
        Self { size, peaks }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn root(&self) -> Sha256Digest {
        fold(&self.peaks)
    }

    /// Adds a leaf; calls `complete` for each node that is complete by it, from the leaf upwards.
    pub(crate) fn push(&mut self, leaf: LeafHash, mut complete: impl FnMut(NodeId, Sha256Digest)) {
        let mut node = NodeId {
            level: 0,
            index: self.size,
        };
        let mut hash = leaf_node(leaf);
        complete(node, hash);
        while is_right(node.index) {
            // INVARIANT: there is a peak for each bit that is set in `size`.
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(left, hash);
            node = NodeId {
                level: node.level.saturating_add(1),
                index: node.index >> 1,
            };
            complete(node, hash);
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::leaf::leaf_hash;
    use proptest::prelude::*;

    /// Straight from the definitions, with no cleverness \[RFC 6962 §2.1\].
    #[allow(
        clippy::arithmetic_side_effects,
        reason = "the definition as it is written; sizes are small"
    )]
    mod naive {
        use super::*;

        fn half(n: usize) -> usize {
            let mut k = 1;
            while k * 2 < n {
                k *= 2;
            }
            k
        }

        pub(super) fn mth(leaves: &[LeafHash]) -> Sha256Digest {
            match leaves {
                [] => empty_root(),
                [one] => leaf_node(*one),
                _ => {
                    let k = half(leaves.len());
                    node_hash(mth(&leaves[..k]), mth(&leaves[k..]))
                }
            }
        }

        pub(super) fn path(m: usize, leaves: &[LeafHash]) -> Vec<Sha256Digest> {
            if leaves.len() == 1 {
                return Vec::new();
            }
            let k = half(leaves.len());
            if m < k {
                let mut path = path(m, &leaves[..k]);
                path.push(mth(&leaves[k..]));
                path
            } else {
                let mut path = path(m - k, &leaves[k..]);
                path.push(mth(&leaves[..k]));
                path
            }
        }

        pub(super) fn subproof(m: usize, leaves: &[LeafHash], known: bool) -> Vec<Sha256Digest> {
            if m == leaves.len() {
                return if known { Vec::new() } else { vec![mth(leaves)] };
            }
            let k = half(leaves.len());
            if m <= k {
                let mut proof = subproof(m, &leaves[..k], known);
                proof.push(mth(&leaves[k..]));
                proof
            } else {
                let mut proof = subproof(m - k, &leaves[k..], false);
                proof.push(mth(&leaves[..k]));
                proof
            }
        }
    }

    fn leaves(count: usize) -> Vec<LeafHash> {
        (0..count)
            .map(|n| leaf_hash(&u64::try_from(n).unwrap().to_be_bytes()))
            .collect()
    }

    /// The nodes that growing a tree leaf by leaf stores, and its frontier.
    fn grow(leaves: &[LeafHash]) -> (Frontier, BTreeMap<NodeId, Sha256Digest>) {
        let mut frontier = Frontier::empty();
        let mut nodes = BTreeMap::new();
        for &leaf in leaves {
            frontier.push(leaf, |id, hash| {
                assert_eq!(nodes.insert(id, hash), None, "{id:?} was complete before");
            });
        }
        (frontier, nodes)
    }

    fn hashes(path: &[Subtree], nodes: &BTreeMap<NodeId, Sha256Digest>) -> Vec<Sha256Digest> {
        path.iter()
            .map(|subtree| {
                let complete: Vec<_> = subtree
                    .complete_nodes()
                    .iter()
                    .map(|id| nodes[id])
                    .collect();
                fold(&complete)
            })
            .collect()
    }

    #[test]
    fn the_empty_tree_has_the_hash_of_nothing() {
        assert_eq!(
            Frontier::empty().root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    proptest! {
        #[test]
        fn the_root_is_that_of_the_definition(count in 0_usize..300) {
            let leaves = leaves(count);
            let (frontier, nodes) = grow(&leaves);
            let root = naive::mth(&leaves);
            prop_assert_eq!(frontier.root(), root);
            let whole = Subtree::whole(u64::try_from(count).unwrap());
            prop_assert_eq!(hashes(&[whole], &nodes), vec![root]);
            let peaks: Vec<_> = whole.complete_nodes().iter().map(|id| nodes[id]).collect();
            prop_assert_eq!(Frontier::from_peaks(frontier.size(), peaks), frontier);
        }

        #[test]
        fn inclusion_proofs_are_those_of_the_definition(
            (count, index) in (1_usize..300).prop_flat_map(|count| (Just(count), 0..count)),
        ) {
            let leaves = leaves(count);
            let (_, nodes) = grow(&leaves);
            let (size, at) = (u64::try_from(count).unwrap(), u64::try_from(index).unwrap());
            let proof = hashes(&inclusion_path(at, size).unwrap(), &nodes);
            prop_assert_eq!(&proof, &naive::path(index, &leaves));
            let root = naive::mth(&leaves);
            prop_assert_eq!(verify_inclusion(leaves[index], at, size, &proof, root), Ok(()));
        }

        #[test]
        fn an_inclusion_proof_holds_for_nothing_else(
            (count, index) in (2_usize..100).prop_flat_map(|count| (Just(count), 0..count)),
            other_index in 0_u64..120,
            other_size in 0_u64..120,
            flip in any::<prop::sample::Index>(),
        ) {
            let leaves = leaves(count);
            let (_, nodes) = grow(&leaves);
            let (size, at) = (u64::try_from(count).unwrap(), u64::try_from(index).unwrap());
            let proof = hashes(&inclusion_path(at, size).unwrap(), &nodes);
            let root = naive::mth(&leaves);
            if other_index != at {
                prop_assert!(verify_inclusion(leaves[index], other_index, size, &proof, root).is_err());
            }
            // A proof may lead to its root from more than one size; what it shows of the leaf
            // and the root is the same. So only sizes that cut the leaf off must fail.
            if other_size <= at {
                prop_assert!(verify_inclusion(leaves[index], at, other_size, &proof, root).is_err());
            }
            let mut longer = proof.clone();
            longer.push(root);
            prop_assert!(verify_inclusion(leaves[index], at, size, &longer, root).is_err());
            prop_assert!(verify_inclusion(leaves[index], at, size, &proof[1..], root).is_err());
            let mut changed = proof.clone();
            let place = flip.index(changed.len());
            let mut bytes = *changed[place].as_bytes();
            bytes[flip.index(32)] ^= 1;
            changed[place] = Sha256Digest::from_bytes(bytes);
            prop_assert!(verify_inclusion(leaves[index], at, size, &changed, root).is_err());
        }

        #[test]
        fn consistency_proofs_are_those_of_the_definition(
            (new, old) in (1_usize..300).prop_flat_map(|new| (Just(new), 1..=new)),
        ) {
            let leaves = leaves(new);
            let (_, nodes) = grow(&leaves);
            let (old_size, new_size) = (u64::try_from(old).unwrap(), u64::try_from(new).unwrap());
            let proof = hashes(&consistency_path(old_size, new_size).unwrap(), &nodes);
            prop_assert_eq!(&proof, &naive::subproof(old, &leaves, true));
            let (old_root, new_root) = (naive::mth(&leaves[..old]), naive::mth(&leaves));
            prop_assert_eq!(
                verify_consistency(old_size, new_size, &proof, old_root, new_root),
                Ok(())
            );
            if old < new {
                prop_assert!(
                    verify_consistency(old_size, new_size, &proof, new_root, old_root).is_err()
                );
            }
        }
    }

    #[test]
    fn there_is_no_proof_of_what_can_not_be() {
        assert_eq!(inclusion_path(0, 0), None);
        assert_eq!(inclusion_path(5, 5), None);
        assert_eq!(consistency_path(0, 5), None);
        assert_eq!(consistency_path(6, 5), None);
        let root = empty_root();
        let leaf = leaf_hash(b"");
        assert_eq!(
            verify_inclusion(leaf, 0, 0, &[], root),
            Err(ProofError::Size)
        );
        assert_eq!(
            verify_consistency(2, 1, &[], root, root),
            Err(ProofError::Size)
        );
        for new_size in [0, 1] {
            assert_eq!(
                verify_consistency(0, new_size, &[], root, root),
                Err(ProofError::Size)
            );
        }
        assert_eq!(
            verify_consistency(3, 4, &[], root, root),
            Err(ProofError::Length)
        );
        assert_eq!(
            verify_consistency(4, 4, &[root], root, root),
            Err(ProofError::Length)
        );
    }
}
