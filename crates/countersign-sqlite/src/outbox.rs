//! The entries that this process committed last, so that the ledger, which soon asks for them,
//! need not have them read from the file again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_core::{Entry, EntryId};

/// Most bytes of entries that are kept. Where the ledger is further behind, the file is read.
const MAX_BYTES: usize = 8 << 20;

/// The last entries, without a gap.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    /// The position of the first.
    first: i64,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Outbox {
    /// Adds entries that were committed, from the position `begin` on.
    pub(crate) fn add(&self, begin: i64, entries: Vec<Entry>) {
        let mut last = self.lock();
        if last.end() != Some(begin) {
            // Another process has added some in between.
            *last = Last {
                first: begin,
                ..Last::default()
            };
        }
        for entry in entries {
            last.bytes = last.bytes.saturating_add(bytes(&entry));
            last.entries.push_back(entry);
        }
        while last.bytes > MAX_BYTES && last.drop_first() {}
    }

    /// The entries from the position `size` on, of which the first is in the outbox; at most
    /// `limit`. Empty if they have to be read from the file.
    pub(crate) fn from(&self, size: i64, limit: usize) -> Vec<Entry> {
        let mut last = self.lock();
        // What is a leaf by now is not asked for again.
        while last.first < size && last.drop_first() {}
        if last.first != size {
            return Vec::new();
        }
        last.entries.iter().take(limit).cloned().collect()
    }

    /// Whether the entries from the position `begin` on are here, and have these ids. Where not, the
    /// file has to be asked.
    pub(crate) fn has(&self, begin: i64, ids: &[EntryId]) -> bool {
        let last = self.lock();
        let skipped = begin.checked_sub(last.first);
        let Some(skipped) = skipped.and_then(|skipped| usize::try_from(skipped).ok()) else {
            return false;
        };
        let entries = last.entries.iter().skip(skipped);
        let same = entries.zip(ids).take_while(|(entry, id)| entry.id() == *id);
        same.count() == ids.len()
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    /// The position after the last.
    fn end(&self) -> Option<i64> {
        let count = i64::try_from(self.entries.len()).ok()?;
        self.first.checked_add(count)
    }

    fn drop_first(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else {
            return false;
        };
        self.bytes = self.bytes.saturating_sub(bytes(&entry));
        self.first = self.first.saturating_add(1);
        true
    }
}

/// Bytes that an entry holds, its private part with it.
fn bytes(entry: &Entry) -> usize {
    let private = entry.private().map_or(0, |private| private.bytes.len());
    entry.bytes().len().saturating_add(private)
}

#[cfg(test)]
mod tests {
    use countersign_core::LeafHash;

    use super::*;

    fn entry(number: u8, length: usize) -> Entry {
        let id = EntryId::new(format!("entry-{number}")).unwrap();
        let leaf = LeafHash::from_bytes([number; 32]);
        Entry::from_parts(id, leaf, vec![number; length], None)
    }

    fn numbers(entries: &[Entry]) -> Vec<u8> {
        entries.iter().map(|entry| entry.bytes()[0]).collect()
    }

    #[test]
    fn entries_come_in_order_and_leave_as_leaves() {
        let outbox = Outbox::default();
        assert_eq!(outbox.from(0, 9), []);
        outbox.add(0, vec![entry(0, 1), entry(1, 1)]);
        outbox.add(2, vec![entry(2, 1)]);
        assert_eq!(numbers(&outbox.from(0, 2)), [0, 1]);
        assert_eq!(numbers(&outbox.from(1, 9)), [1, 2]);
        // What has left is read from the file.
        assert_eq!(outbox.from(0, 9), []);
        assert_eq!(outbox.from(3, 9), []);
        outbox.add(3, vec![entry(3, 1)]);
        assert_eq!(numbers(&outbox.from(3, 9)), [3]);
    }

    #[test]
    fn entries_are_known_by_their_ids_where_they_are() {
        let outbox = Outbox::default();
        outbox.add(3, vec![entry(3, 1), entry(4, 1), entry(5, 1)]);
        let ids = |numbers: &[u8]| -> Vec<EntryId> {
            numbers.iter().map(|n| entry(*n, 1).id().clone()).collect()
        };
        assert!(outbox.has(3, &ids(&[3, 4, 5])));
        assert!(outbox.has(4, &ids(&[4])));
        assert!(outbox.has(4, &ids(&[])));
        assert!(!outbox.has(3, &ids(&[3, 5])));
        assert!(!outbox.has(4, &ids(&[3])));
        assert!(!outbox.has(5, &ids(&[5, 6])));
        assert!(!outbox.has(2, &ids(&[2, 3])));
        assert!(!outbox.has(9, &ids(&[9])));
    }

    #[test]
    fn entries_of_another_process_leave_no_gap_unseen() {
        let outbox = Outbox::default();
        outbox.add(0, vec![entry(0, 1)]);
        outbox.add(2, vec![entry(2, 1)]);
        assert_eq!(outbox.from(0, 9), []);
        assert_eq!(outbox.from(1, 9), []);
        assert_eq!(numbers(&outbox.from(2, 9)), [2]);
    }

    #[test]
    fn more_than_the_bound_is_not_kept() {
        let outbox = Outbox::default();
        let third = MAX_BYTES / 3;
        outbox.add(0, (0..4).map(|number| entry(number, third)).collect());
        assert_eq!(outbox.from(0, 9), []);
        assert_eq!(numbers(&outbox.from(1, 9)), [1, 2, 3]);
        assert_eq!(outbox.lock().bytes, third * 3);
    }
}
