//! Sets that mostly hold one thing or two, for which a tree is a lot of room.

/// A set in a sorted list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> Few<T> {
    /// Adds `item`, and says whether it was not there.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        match self.0.binary_search(&item) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, item);
                true
            }
        }
    }

    /// Adds `items`, and says whether one of them was not there. However many they are, they are
    /// sorted in once.
    pub(crate) fn insert_all(&mut self, items: impl IntoIterator<Item = T>) -> bool {
        let mut items = items.into_iter();
        let (Some(first), second) = (items.next(), items.next()) else {
            return false;
        };
        let Some(second) = second else {
            return self.insert(first);
        };
        let before = self.0.len();
        self.0.extend([first, second].into_iter().chain(items));
        self.0.sort();
        self.0.dedup();
        self.0.len() > before
    }

    /// Takes `item` out.
    pub(crate) fn remove(&mut self, item: &T) {
        if let Ok(place) = self.0.binary_search(item) {
            self.0.remove(place);
        }
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        self.0.binary_search(item).is_ok()
    }

    /// Those before `end`, in order.
    pub(crate) fn before(&self, end: &T) -> &[T] {
        let place = self.0.partition_point(|item| item < end);
        self.0.get(..place).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_few_are_a_set(lists in proptest::collection::vec(proptest::collection::vec(0..20_u8, 0..6), 0..6), end: u8) {
            let mut few = Few::default();
            let mut set = BTreeSet::new();
            for list in lists {
                if let [one] = list.as_slice() {
                    prop_assert_eq!(few.insert(*one), set.insert(*one));
                } else if let [first, ..] = list.as_slice() && list.len() == 5 {
                    few.remove(first);
                    set.remove(first);
                } else {
                    let before = set.len();
                    set.extend(list.iter().copied());
                    prop_assert_eq!(few.insert_all(list), set.len() > before);
                }
                prop_assert!(few.iter().eq(&set));
                prop_assert_eq!(few.is_empty(), set.is_empty());
                prop_assert!(few.before(&end).iter().eq(set.range(..end)));
                prop_assert!((0..20).all(|item| few.contains(&item) == set.contains(&item)));
            }
        }
    }
}
