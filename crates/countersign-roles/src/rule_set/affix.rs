//! Prefixes and suffixes, of which a value finds all that it has.
//!
//! They are sorted, and each knows the longest other one that it has itself. So whichever comes
//! last before a value is one that the value has, or leads to all of those: a trie in a list.

use std::cmp::Ordering;

use foldhash::HashMap;

use crate::rule_set::index::Run;

/// Which end of a value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum End {
    #[default]
    Start,
    Finish,
}

impl End {
    /// Whether `value` has `affix` at this end.
    fn has(self, value: &str, affix: &str) -> bool {
        match self {
            Self::Start => value.starts_with(affix),
            Self::Finish => value.ends_with(affix),
        }
    }

    /// How two texts compare, read from this end.
    fn compare(self, one: &str, other: &str) -> Ordering {
        match self {
            Self::Start => one.cmp(other),
            Self::Finish => one.bytes().rev().cmp(other.bytes().rev()),
        }
    }

    /// Up to eight bytes of this end, as a number; `None` if there are fewer than `count`.
    fn stem(self, text: &str, count: usize) -> Option<u64> {
        let bytes = text.as_bytes();
        // One load for all but short values.
        let word = match self {
            Self::Start => bytes.first_chunk().map(|word| u64::from_le_bytes(*word)),
            Self::Finish => bytes.last_chunk().map(|word| u64::from_be_bytes(*word)),
        };
        let word = word.or_else(|| {
            let shift = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
            let is_long_enough = bytes.len() >= count;
            is_long_enough.then(|| match self {
                Self::Start => bytes.iter().rev().fold(0, shift),
                Self::Finish => bytes.iter().fold(0, shift),
            })
        })?;
        let others = count
            .checked_mul(8)
            .and_then(|bits| u64::BITS.checked_sub(u32::try_from(bits).ok()?));
        let mask = others.and_then(|others| u64::MAX.checked_shr(others));
        Some(word & mask.unwrap_or_default())
    }
}

#[derive(Debug, Clone)]
struct Affix {
    text: String,
    /// The place of the longest other one that this one has.
    within: Option<usize>,
    run: Run,
}

/// All prefixes, or all suffixes, by which rules are found.
#[derive(Debug, Clone, Default)]
pub(super) struct Affixes {
    end: End,
    /// Of how many bytes the stems are: the shortest affix has as many, and eight at most.
    stem_bytes: usize,
    /// Where in the list those with a stem stand, from and to. Most values end here.
    by_stem: HashMap<u64, (usize, usize)>,
    sorted: Vec<Affix>,
}

impl Affixes {
    /// A stem is one machine word at most.
    const MOST_STEM_BYTES: usize = 8;

    /// Those of `affixes`, which are different and not empty.
    pub(super) fn new(end: End, mut affixes: Vec<(String, Run)>) -> Self {
        affixes.sort_by(|(one, _), (other, _)| end.compare(one, other));
        let shortest = affixes.iter().map(|(text, _)| text.len()).min();
        let stem_bytes = shortest.unwrap_or(0).min(Self::MOST_STEM_BYTES);
        let mut made = Self {
            end,
            stem_bytes,
            ..Self::default()
        };
        for (place, (text, run)) in affixes.into_iter().enumerate() {
            if let Some(stem) = end.stem(&text, stem_bytes) {
                let after = place.saturating_add(1);
                let (_, to) = made.by_stem.entry(stem).or_insert((place, after));
                *to = after;
            }
            let within = made.longest_within(place.checked_sub(1), &text);
            made.sorted.push(Affix { text, within, run });
        }
        made
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The longest that `text` has, of which `last` is the last before it in the list.
    fn longest_within(&self, last: Option<usize>, text: &str) -> Option<usize> {
        let mut at = last;
        while let Some(place) = at {
            let affix = self.sorted.get(place)?;
            if self.end.has(text, &affix.text) {
                return Some(place);
            }
            at = affix.within;
        }
        None
    }

    /// The runs of all that `value` has.
    pub(super) fn of<'a>(&'a self, value: &str) -> impl Iterator<Item = Run> + use<'a> {
        let mut at = self.longest_of(value);
        std::iter::from_fn(move || {
            let affix = self.sorted.get(at?)?;
            at = affix.within;
            Some(affix.run)
        })
    }

    /// The place of the longest that `value` has.
    fn longest_of(&self, value: &str) -> Option<usize> {
        if self.sorted.is_empty() {
            return None;
        }
        let stem = self.end.stem(value, self.stem_bytes)?;
        let (from, to) = *self.by_stem.get(&stem)?;
        let same_stem = self.sorted.get(from..to)?;
        let is_before = |affix: &Affix| self.end.compare(&affix.text, value) != Ordering::Greater;
        let before = same_stem.partition_point(is_before).checked_sub(1)?;
        self.longest_within(Some(from.saturating_add(before)), value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_value_finds_every_affix_that_it_has(
            texts in prop::collection::btree_set("[ab\u{e9}]{1,5}|[ab]{1,10}", 0..30),
            value in "[ab\u{e9}]{0,7}|[ab]{6,12}",
            end in prop_oneof![Just(End::Start), Just(End::Finish)],
        ) {
            let texts: Vec<String> = texts.into_iter().collect();
            let numbered = texts.iter().cloned().enumerate();
            let affixes = numbered.map(|(number, text)| (text, Run::new(number, number)));
            let affixes = Affixes::new(end, affixes.collect());
            let place: BTreeMap<Run, usize> = (0..texts.len()).map(|n| (Run::new(n, n), n)).collect();
            let mut found: Vec<usize> = affixes.of(&value).map(|run| place[&run]).collect();
            found.sort_unstable();
            let has = texts.iter().enumerate().filter(|(_, text)| end.has(&value, text));
            let has: Vec<usize> = has.map(|(number, _)| number).collect();
            prop_assert_eq!(found, has);
        }
    }
}
