//! What is known of a person: a conjunction of claims, and whether anybody can fit it.
//!
//! A rule answers in three values, because groups may not all have been told. Here everything is
//! two-valued: a claim about groups is about those that were told, and whether all were told is a
//! claim of its own. So the opposite of a claim is a claim, and rules, their failing and their
//! being undecided are all written with the same few words.
//!
//! Attributes and groups have any number of values, so `a` and `b` go together. An e-mail address
//! is one, so two of its domains do not.

use std::collections::BTreeMap;

pub(crate) use crate::case::claims::{case_of, matched, not_failed};
pub(crate) use crate::case::formula::{Budget, Exhausted, Formula, cases, entails};
use crate::case::one_value::is_possible_for_one;
pub(crate) use crate::case::pattern::{Pattern, domain_of};
use crate::condition::EMAIL;
use crate::few::Few;

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
    /// Whether it is about an attribute's values, or groups that were told.
    pub(crate) fn is_of_values(&self) -> bool {
        matches!(self, Self::Has(..) | Self::Lacks(..))
    }

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
    has: Few<Pattern<'a>>,
    /// Never one of several values: those are excluded one by one.
    lacks: Few<Pattern<'a>>,
}

/// All that is known of a person; nothing at first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Case<'a> {
    all_groups: Option<bool>,
    /// Sorted by the attribute, and most often one.
    attributes: Vec<(&'a str, Values<'a>)>,
}

impl<'a> Case<'a> {
    /// The case in which these claims are all true; none if they can not be.
    pub(crate) fn of(claims: impl IntoIterator<Item = Claim<'a>>) -> Option<Self> {
        let mut case = Self::default();
        case.add_all(claims).then_some(case)
    }

    /// Adds claims, and says whether anybody can fit the case with them. However many they are,
    /// what is said of an attribute is looked at once.
    pub(crate) fn add_all(&mut self, claims: impl IntoIterator<Item = Claim<'a>>) -> bool {
        let mut claims = claims.into_iter();
        let (Some(first), second) = (claims.next(), claims.next()) else {
            return true;
        };
        let Some(second) = second else {
            return self.add(&first);
        };
        let mut is_possible = true;
        let mut added: BTreeMap<&str, [Vec<Pattern<'_>>; 2]> = BTreeMap::new();
        for claim in [first, second].into_iter().chain(claims) {
            match claim {
                Claim::AllGroups | Claim::NotAllGroups => is_possible &= self.add(&claim),
                Claim::Has(attribute, test) => {
                    let [has, _] = added.entry(attribute).or_default();
                    has.push(test);
                }
                Claim::Lacks(attribute, test) => {
                    let [_, lacks] = added.entry(attribute).or_default();
                    lacks.extend(test.singles());
                }
            }
        }
        let is_new = |attribute: &&str| self.values(attribute).is_none();
        let new: Vec<&str> = added.keys().copied().filter(is_new).collect();
        let nothing = new.into_iter().map(|new| (new, Values::default()));
        self.attributes.extend(nothing);
        self.attributes.sort_by_key(|(attribute, _)| *attribute);
        for (attribute, [has, lacks]) in added {
            is_possible &= self.change(attribute, |values| {
                let [has, lacks] = [values.has.insert_all(has), values.lacks.insert_all(lacks)];
                !(has || lacks) || values.is_possible(attribute)
            });
        }
        is_possible
    }

    /// Where what is said of an attribute stands, or belongs.
    fn place(&self, attribute: &str) -> Result<usize, usize> {
        self.attributes
            .binary_search_by(|(name, _)| (*name).cmp(attribute))
    }

    fn values(&self, attribute: &str) -> Option<&Values<'a>> {
        let place = self.place(attribute).ok()?;
        self.attributes.get(place).map(|(_, values)| values)
    }

    /// Changes what is said of an attribute.
    fn change<T>(&mut self, attribute: &'a str, change: impl FnOnce(&mut Values<'a>) -> T) -> T {
        let place = self.place(attribute).unwrap_or_else(|place| {
            let nothing = Values::default();
            self.attributes.insert(place, (attribute, nothing));
            place
        });
        match self.attributes.get_mut(place) {
            Some((_, values)) => change(values),
            // INVARIANT: it is there, or was put there.
            None => change(&mut Values::default()),
        }
    }

    /// Adds a claim, and says whether anybody can fit the case with it. A case that nobody fits
    /// is of no further use.
    pub(crate) fn add(&mut self, claim: &Claim<'a>) -> bool {
        match claim {
            Claim::AllGroups => *self.all_groups.get_or_insert(true),
            Claim::NotAllGroups => !*self.all_groups.get_or_insert(false),
            Claim::Has(attribute, test) => self.change(attribute, |values| {
                !values.has.insert(test.clone()) || values.is_possible(attribute)
            }),
            Claim::Lacks(attribute, test) => self.change(attribute, |values| {
                !values.lacks.insert_all(test.singles()) || values.is_possible(attribute)
            }),
        }
    }

    /// Whether somebody can fit it who also fits `claim`.
    pub(crate) fn allows(&self, claim: &Claim<'a>) -> bool {
        match claim {
            Claim::AllGroups => self.all_groups != Some(false),
            Claim::NotAllGroups => self.all_groups != Some(true),
            Claim::Has(attribute, _) | Claim::Lacks(attribute, _) => {
                let mut alone = Self::default();
                if let Some(values) = self.values(attribute) {
                    alone.attributes.push((attribute, values.clone()));
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
                let Some(values) = self.values(attribute) else {
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
                rest.change(attribute, |values| match claim {
                    Claim::Has(..) => values.has.remove(test),
                    _ => values.lacks.remove(test),
                });
                rest.attributes
                    .retain(|(_, values)| !values.has.is_empty() || !values.lacks.is_empty());
            }
        }
        rest
    }

    /// A value of those that a test of this case is passed by, and which nothing excludes.
    pub(crate) fn some_value(&self, attribute: &str, test: &Pattern<'a>) -> Option<&'a str> {
        let values = self.values(attribute)?;
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
        self.lacks.before(&Pattern::Is("")).iter()
    }
}
