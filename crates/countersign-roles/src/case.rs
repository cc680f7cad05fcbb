//! What is known of a person: a conjunction of claims, and whether anybody can fit it.
//!
//! A rule answers in three values, because groups may not all have been told. Here everything is
//! two-valued: a claim about groups is about those that were told, and whether all were told is a
//! claim of its own. So the opposite of a claim is a claim, and rules, their failing and their
//! being undecided are all written with the same few words.
//!
//! Attributes and groups have any number of values, so `a` and `b` go together. An e-mail address
//! is one, so two of its domains do not.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use crate::case::claims::{matched, not_failed};
pub(crate) use crate::case::formula::{Budget, Exhausted, Formula, cases, entails};
use crate::case::one_value::is_possible_for_one;
pub(crate) use crate::case::pattern::{Pattern, domain_of};
use crate::condition::EMAIL;

mod claims;
mod formula;
mod one_value;
mod pattern;

/// Something that may be said of a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Claim<'a> {
    /// All groups were told.
    AllGroups,
    /// Not all groups were told.
    NotAllGroups,
    /// One of the attribute's values passes; of groups: one that was told.
    Has(&'a str, Pattern<'a>),
    /// None of the attribute's values passes; of groups: none that was told.
    Lacks(&'a str, Pattern<'a>),
}

impl Claim<'_> {
    /// What is said by denying it.
    pub(crate) fn opposite(&self) -> Self {
        match self {
            Self::AllGroups => Self::NotAllGroups,
            Self::NotAllGroups => Self::AllGroups,
            Self::Has(attribute, test) => Self::Lacks(attribute, test.clone()),
            Self::Lacks(attribute, test) => Self::Has(attribute, test.clone()),
        }
    }
}

/// What is said of one attribute's values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Values<'a> {
    has: BTreeSet<Pattern<'a>>,
    /// Never one of several values: those are excluded one by one.
    lacks: BTreeSet<Pattern<'a>>,
}

/// All that is known of a person; nothing at first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Case<'a> {
    all_groups: Option<bool>,
    attributes: BTreeMap<&'a str, Values<'a>>,
}

impl<'a> Case<'a> {
    /// Adds a claim, and says whether anybody can fit the case with it. A case that nobody fits
    /// is of no further use.
    pub(crate) fn add(&mut self, claim: &Claim<'a>) -> bool {
        match claim {
            Claim::AllGroups => *self.all_groups.get_or_insert(true),
            Claim::NotAllGroups => !*self.all_groups.get_or_insert(false),
            Claim::Has(attribute, test) => {
                let values = self.attributes.entry(attribute).or_default();
                !values.has.insert(test.clone()) || values.is_possible(attribute)
            }
            Claim::Lacks(attribute, test) => {
                let values = self.attributes.entry(attribute).or_default();
                let mut is_new = false;
                for single in test.singles() {
                    is_new |= values.lacks.insert(single);
                }
                !is_new || values.is_possible(attribute)
            }
        }
    }

    /// Whether somebody can fit it who also fits `claim`.
    pub(crate) fn allows(&self, claim: &Claim<'a>) -> bool {
        match claim {
            Claim::AllGroups => self.all_groups != Some(false),
            Claim::NotAllGroups => self.all_groups != Some(true),
            Claim::Has(attribute, _) | Claim::Lacks(attribute, _) => {
                let mut alone = Self::default();
                if let Some(values) = self.attributes.get(attribute) {
                    alone.attributes.insert(attribute, values.clone());
                }
                alone.add(claim)
            }
        }
    }

    /// Whether everybody who fits it fits `claim` too.
    pub(crate) fn implies(&self, claim: &Claim<'a>) -> bool {
        match claim {
            Claim::AllGroups => self.all_groups == Some(true),
            Claim::NotAllGroups => self.all_groups == Some(false),
            Claim::Has(attribute, test) | Claim::Lacks(attribute, test) => {
                let Some(values) = self.attributes.get(attribute) else {
                    return false;
                };
                let is_has = matches!(claim, Claim::Has(..));
                let said = if is_has { &values.has } else { &values.lacks };
                said.contains(test) || !self.allows(&claim.opposite())
            }
        }
    }

    /// What it says, in a stable order.
    pub(crate) fn claims(&self) -> impl Iterator<Item = Claim<'a>> {
        let groups = self.all_groups.map(|all| match all {
            true => Claim::AllGroups,
            false => Claim::NotAllGroups,
        });
        let values = self.attributes.iter().flat_map(|(attribute, values)| {
            let has = values.has.iter();
            let has = has.map(|test| Claim::Has(attribute, test.clone()));
            let lacks = values.lacks.iter();
            has.chain(lacks.map(|test| Claim::Lacks(attribute, test.clone())))
        });
        values.chain(groups)
    }

    /// The same without a claim.
    pub(crate) fn without(&self, claim: &Claim<'a>) -> Self {
        let mut rest = self.clone();
        match claim {
            Claim::AllGroups | Claim::NotAllGroups => rest.all_groups = None,
            Claim::Has(attribute, test) | Claim::Lacks(attribute, test) => {
                if let Some(values) = rest.attributes.get_mut(attribute) {
                    match claim {
                        Claim::Has(..) => values.has.remove(test),
                        _ => values.lacks.remove(test),
                    };
                    if values.has.is_empty() && values.lacks.is_empty() {
                        rest.attributes.remove(attribute);
                    }
                }
            }
        }
        rest
    }

    /// A value of those that a test of this case is passed by, and which nothing excludes.
    pub(crate) fn some_value(&self, attribute: &str, test: &Pattern<'a>) -> Option<&'a str> {
        let values = self.attributes.get(attribute)?;
        let mut passing = test.values().iter().copied();
        passing.find(|value| !values.excludes(value))
    }
}

impl<'a> Values<'a> {
    fn is_possible(&self, attribute: &str) -> bool {
        if attribute == EMAIL {
            return is_possible_for_one(self);
        }
        // Each test may be passed by another value.
        self.has.iter().all(|test| match test {
            Pattern::OneOf(values) => values.iter().any(|value| !self.excludes(value)),
            Pattern::Is(value) => !self.excludes(value),
            Pattern::Prefix(prefix) => !self.patterns().any(|other| match other {
                Pattern::Prefix(excluded) => prefix.starts_with(excluded),
                _ => *other == Pattern::Present,
            }),
            Pattern::Suffix(suffix) => !self.patterns().any(|other| match other {
                Pattern::Suffix(excluded) => suffix.ends_with(excluded),
                _ => *other == Pattern::Present,
            }),
            Pattern::Present | Pattern::Domain(_) => {
                !self.lacks.contains(&Pattern::Present) && !self.lacks.contains(test)
            }
        })
    }

    /// Whether no value may be this one.
    fn excludes(&self, value: &'a str) -> bool {
        // An empty value says nothing.
        value.is_empty()
            || self.lacks.contains(&Pattern::Is(value))
            || self.patterns().any(|test| test.passes(value))
    }

    /// What is excluded, but for single values.
    fn patterns(&self) -> impl Iterator<Item = &Pattern<'a>> {
        // INVARIANT: `Is` is the last variant, so these are those before the first of it.
        self.lacks.range(..Pattern::Is(""))
    }
}
