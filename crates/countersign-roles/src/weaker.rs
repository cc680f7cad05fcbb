//! Which cases could be weaker than a given one, without comparing it with all.
//!
//! Each case is filed under one of its claims, its *hook*: the one that the fewest share. A case
//! that implies it implies its hook too, so it finds it by what it says itself. What is found may
//! be weaker, and has to be asked; what is not found is not.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt as _};

use crate::case::{Budget, Case, Claim, Exhausted, Pattern, domain_of};
use crate::condition::EMAIL;

/// Something that a case says, under which others find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Hook<'a> {
    /// A value of an attribute is this one, or one of several of which this is one.
    Value(&'a str, &'a str),
    Prefix(&'a str, &'a str),
    Suffix(&'a str, &'a str),
    Domain(&'a str),
    /// An attribute has some value.
    Present(&'a str),
    /// An attribute has not some value.
    Lacks(&'a str),
    /// It says no more than whether all groups were told.
    Nothing,
}

impl Hook<'_> {
    /// What looking it up costs: long texts take long to hash.
    fn cost(&self) -> usize {
        /// About as many bytes as are hashed while one claim is looked at.
        const BYTES: usize = 64;
        let length = match self {
            Self::Value(_, text) | Self::Prefix(_, text) | Self::Suffix(_, text) => text.len(),
            _ => 0,
        };
        length.checked_div(BYTES).unwrap_or(0).saturating_add(1)
    }
}

/// The cases of one hook.
#[derive(Debug, Default)]
struct Filed {
    /// How many claims have it.
    shared: usize,
    /// Those that are filed under it.
    cases: Vec<usize>,
}

/// Cases, filed under their hooks.
#[derive(Debug, Default)]
pub(crate) struct ByHook<'a> {
    filed: HashMap<Hook<'a>, Filed>,
    /// The lengths of the prefixes, and of the suffixes, that are hooks of an attribute.
    lengths: HashMap<(&'a str, bool), BTreeSet<usize>>,
}

impl<'a> ByHook<'a> {
    /// Files `cases` under their numbers.
    pub(crate) fn new<'c>(cases: impl Iterator<Item = (usize, &'c Case<'a>)> + Clone) -> Self
    where
        'a: 'c,
    {
        // Most cases bring a hook of their own; a map that grows hashes all its keys again.
        let many = cases.size_hint().1.unwrap_or_default();
        let mut index = Self {
            filed: HashMap::with_capacity(many),
            lengths: HashMap::new(),
        };
        for claim in cases.clone().flat_map(|(_, case)| case.claims()) {
            for hook in hooks(&claim) {
                let filed = index.filed.entry(hook).or_default();
                filed.shared = filed.shared.saturating_add(1);
            }
        }
        for (number, case) in cases {
            let sharing = |claim: &Claim<'a>| {
                let counts = hooks(claim).filter_map(|hook| index.filed.get(&hook));
                counts.fold(0_usize, |sum, filed| sum.saturating_add(filed.shared))
            };
            let mut claims = case.claims().filter(Claim::is_of_values);
            let rarest = match (claims.next(), claims.next()) {
                (Some(first), Some(second)) => {
                    let all = [first, second].into_iter().chain(claims);
                    all.min_by_key(sharing)
                }
                (only, _) => only,
            };
            match rarest {
                Some(claim) => {
                    for hook in hooks(&claim) {
                        index.file(hook, number);
                    }
                }
                None => index.file(Hook::Nothing, number),
            }
        }
        index
    }

    fn file(&mut self, hook: Hook<'a>, number: usize) {
        match hook {
            Hook::Prefix(attribute, prefix) => {
                let lengths = self.lengths.entry((attribute, true)).or_default();
                lengths.insert(prefix.len());
            }
            Hook::Suffix(attribute, suffix) => {
                let lengths = self.lengths.entry((attribute, false)).or_default();
                lengths.insert(suffix.len());
            }
            _ => {}
        }
        self.filed.entry(hook).or_default().cases.push(number);
    }

    /// Calls `found` with the number of every case that `case` could imply, itself among them;
    /// a number may come again. Ends when the budget does.
    pub(crate) fn candidates(
        &self,
        case: &Case<'a>,
        budget: &mut Budget,
        mut found: impl FnMut(&mut Budget, usize) -> Result<(), Exhausted>,
    ) -> Result<(), Exhausted> {
        let mut look_up = |hook: Hook<'a>| -> Result<(), Exhausted> {
            budget.spend(hook.cost())?;
            let filed = self.filed.get(&hook).into_iter();
            let mut numbers = filed.flat_map(|filed| &filed.cases);
            numbers.try_for_each(|number| found(budget, *number))
        };
        look_up(Hook::Nothing)?;
        let mut lacking: Option<&str> = None;
        for claim in case.claims() {
            match &claim {
                Claim::AllGroups | Claim::NotAllGroups => {}
                Claim::Lacks(attribute, _) => {
                    if lacking != Some(attribute) {
                        look_up(Hook::Lacks(attribute))?;
                    }
                    lacking = Some(attribute);
                }
                Claim::Has(attribute, pattern) => {
                    look_up(Hook::Present(attribute))?;
                    if *attribute == EMAIL && lacking != Some(EMAIL) {
                        // There is one address: whoever has this one has not another.
                        look_up(Hook::Lacks(EMAIL))?;
                        lacking = Some(EMAIL);
                    }
                    self.of_value(attribute, pattern, case, &mut look_up)?;
                }
            }
        }
        Ok(())
    }

    /// The hooks that a claim about one value implies.
    fn of_value(
        &self,
        attribute: &'a str,
        pattern: &Pattern<'a>,
        case: &Case<'a>,
        look_up: &mut impl FnMut(Hook<'a>) -> Result<(), Exhausted>,
    ) -> Result<(), Exhausted> {
        let (begin, end) = match pattern {
            // What follows for each of several values follows for one of them.
            Pattern::Is(_) | Pattern::OneOf(_) => {
                let Some(value) = case.some_value(attribute, pattern) else {
                    return Ok(());
                };
                look_up(Hook::Value(attribute, value))?;
                (Some(value), Some(value))
            }
            Pattern::Prefix(prefix) => (Some(*prefix), None),
            Pattern::Suffix(suffix) => (None, Some(*suffix)),
            Pattern::Domain(domain) => {
                look_up(Hook::Domain(domain))?;
                (None, Some(*domain))
            }
            Pattern::Present => return Ok(()),
        };
        let lengths = |is_prefix| {
            self.lengths
                .get(&(attribute, is_prefix))
                .into_iter()
                .flatten()
        };
        for prefix in lengths(true).filter_map(|length| begin?.get(..*length)) {
            look_up(Hook::Prefix(attribute, prefix))?;
        }
        for length in lengths(false) {
            let from = end.and_then(|end| end.len().checked_sub(*length));
            if let Some(suffix) = end.zip(from).and_then(|(end, from)| end.get(from..)) {
                look_up(Hook::Suffix(attribute, suffix))?;
            }
        }
        if let Some(domain) = end.and_then(domain_of).filter(|_| attribute == EMAIL) {
            look_up(Hook::Domain(domain))?;
        }
        Ok(())
    }
}

/// The hooks of a claim; a case that implies it says something under one of them.
fn hooks<'c, 'a>(claim: &'c Claim<'a>) -> impl Iterator<Item = Hook<'a>> + 'c {
    let (attribute, values, other) = match claim {
        Claim::AllGroups | Claim::NotAllGroups => ("", [].as_slice(), None),
        Claim::Lacks(attribute, _) => (*attribute, [].as_slice(), Some(Hook::Lacks(attribute))),
        Claim::Has(attribute, pattern) => {
            let other = match pattern {
                Pattern::Is(_) | Pattern::OneOf(_) => None,
                Pattern::Prefix(prefix) => Some(Hook::Prefix(attribute, prefix)),
                Pattern::Suffix(suffix) => Some(Hook::Suffix(attribute, suffix)),
                Pattern::Domain(domain) => Some(Hook::Domain(domain)),
                Pattern::Present => Some(Hook::Present(attribute)),
            };
            (*attribute, pattern.values(), other)
        }
    };
    let values = values
        .iter()
        .map(move |value| Hook::Value(attribute, value));
    values.chain(other)
}
