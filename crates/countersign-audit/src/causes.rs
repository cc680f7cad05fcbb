//! The records that the next ones may rest on: those of late, and what else is asked for.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use countersign_core::LeafHash;

use crate::error::AuditError;
use crate::leaf::leaf_hash;
use crate::links::beyond;
use crate::record::{Record, parse_record};
use crate::store::LedgerStore;

/// Bytes of records that are remembered: most causes are a walk away, and this is room for
/// thousands of them.
const MAX_RECENT_BYTES: usize = 4 << 20;

/// The last records that became leaves, up to a bound.
#[derive(Debug, Default)]
pub(crate) struct Causes {
    by_leaf: HashMap<LeafHash, Arc<Record>>,
    /// Oldest first, each with its length in bytes.
    order: VecDeque<(LeafHash, usize)>,
    bytes: usize,
}

impl Causes {
    /// Remembers a record that is a leaf.
    pub(crate) fn remember(&mut self, leaf: LeafHash, record: Arc<Record>, bytes: usize) {
        if self.by_leaf.insert(leaf, record).is_some() {
            return;
        }
        self.order.push_back((leaf, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        while self.bytes > MAX_RECENT_BYTES
            && let Some((oldest, bytes)) = self.order.pop_front()
        {
            self.by_leaf.remove(&oldest);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// What `records` rest on, as far as it is remembered.
    pub(crate) fn known(&self, wanted: &BTreeSet<LeafHash>) -> Earlier {
        let mut earlier = Earlier::default();
        let mut wanted: Vec<LeafHash> = wanted.iter().copied().collect();
        while let Some(leaf) = wanted.pop() {
            if let Some(record) = self.by_leaf.get(&leaf)
                && earlier.insert(leaf, Arc::clone(record))
            {
                wanted.extend(beyond(record));
            } else if !earlier.records.contains_key(&leaf) {
                earlier.asked.insert(leaf);
            }
        }
        earlier
    }
}

/// What the records of one batch may rest on.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    records: HashMap<LeafHash, Arc<Record>>,
    /// What is to be read from the store.
    asked: BTreeSet<LeafHash>,
    /// Leaves that can not be read, by their positions.
    unreadable: HashMap<LeafHash, u64>,
    /// Where those stand that were read from the store; all others were met before.
    positions: HashMap<LeafHash, u64>,
}

impl Earlier {
    /// Adds a record; whether it was not there.
    pub(crate) fn insert(&mut self, leaf: LeafHash, record: Arc<Record>) -> bool {
        self.records.insert(leaf, record).is_none()
    }

    pub(crate) fn record(&self, leaf: &LeafHash) -> Option<&Record> {
        self.records.get(leaf).map(Arc::as_ref)
    }

    /// Notes that the leaf at `index` can not be read.
    pub(crate) fn cannot_read(&mut self, leaf: LeafHash, index: u64) {
        self.unreadable.insert(leaf, index);
    }

    /// Whether it is a leaf before `index`, as far as it is known here.
    pub(crate) fn is_before(&self, leaf: &LeafHash, index: u64) -> bool {
        let position = self.positions.get(leaf).or(self.unreadable.get(leaf));
        position.map_or_else(
            || self.records.contains_key(leaf),
            |position| *position < index,
        )
    }

    /// The position of a leaf whose bytes are not what its hash says.
    pub(crate) fn unreadable(&self, leaf: &LeafHash) -> Option<u64> {
        self.unreadable.get(leaf).copied()
    }

    /// Reads what is not known yet among the leaves before `size`, with one question to the store
    /// for each step away from the batch: one, and up to three for invitations.
    pub(crate) async fn read(
        &mut self,
        store: &dyn LedgerStore,
        size: u64,
    ) -> Result<(), AuditError> {
        while !self.asked.is_empty() {
            let asked: Vec<LeafHash> = std::mem::take(&mut self.asked).into_iter().collect();
            let found = store.leaves(&asked).await?;
            for (leaf, stored) in asked.into_iter().zip(found) {
                let Some(stored) = stored else { continue };
                let Some(index) = stored.index.filter(|index| *index < size) else {
                    continue;
                };
                let bytes = stored.entry.bytes();
                // The store found it by a hash that it does not compute.
                match parse_record(bytes) {
                    Ok(record) if leaf_hash(bytes) == leaf => {
                        let next = beyond(&record)
                            .filter(|next| !self.records.contains_key(*next))
                            .copied();
                        self.asked.extend(next);
                        self.positions.insert(leaf, index);
                        self.insert(leaf, Arc::new(record));
                    }
                    _ => drop(self.unreadable.insert(leaf, index)),
                }
            }
        }
        Ok(())
    }
}

/// Every leaf hash that these records name as a cause.
pub(crate) fn named<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<LeafHash> {
    records
        .into_iter()
        .flat_map(|record| record.parents.iter().copied())
        .collect()
}
