//! What a person needs to be, or not to be.

use std::collections::BTreeMap;
use std::fmt;

use countersign_core::Facts;

use crate::case::{Case, Claim, Pattern};
use crate::condition::{Condition, EMAIL, GROUPS, Test, Values, said};

/// One thing that is needed of a person's facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Need {
    /// One of the attribute's values passes; of groups: one that was told.
    Has {
        /// The attribute, as a condition names it.
        attribute: String,
        /// What the value is asked for.
        test: Test,
    },
    /// None of the attribute's values passes, if any was sent; of groups: none that was told.
    Lacks {
        /// The attribute, as a condition names it.
        attribute: String,
        /// What no value may pass.
        test: Test,
    },
    /// All groups were told.
    AllGroups,
    /// Not all groups were told.
    NotAllGroups,
}

impl Need {
    /// Whether it is so of these facts.
    #[must_use]
    pub fn holds_for(&self, facts: &Facts) -> bool {
        let passes =
            |attribute: &str, test: &Test| said(facts, attribute).any(|value| test.passes(value));
        match self {
            Self::Has { attribute, test } => passes(attribute, test),
            Self::Lacks { attribute, test } => !passes(attribute, test),
            Self::AllGroups => facts.groups.is_complete(),
            Self::NotAllGroups => !facts.groups.is_complete(),
        }
    }
}

impl From<Pattern<'_>> for Test {
    fn from(pattern: Pattern<'_>) -> Self {
        match pattern {
            Pattern::Present => Self::Present,
            Pattern::Domain(domain) => Self::Domain(domain.to_owned()),
            Pattern::Prefix(prefix) => Self::Prefix(prefix.to_owned()),
            Pattern::Suffix(suffix) => Self::Suffix(suffix.to_owned()),
            Pattern::Is(value) => Self::Eq(value.to_owned()),
            Pattern::OneOf(values) => Values::new(values).map_or(Self::Present, Self::AnyOf),
        }
    }
}

/// What a case says. Values that an attribute lacks are said together.
pub(super) fn needs(case: &Case<'_>) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for claim in case.claims() {
        match claim {
            Claim::AllGroups => needs.push(Need::AllGroups),
            Claim::NotAllGroups => needs.push(Need::NotAllGroups),
            Claim::Has(attribute, pattern) => needs.push(Need::Has {
                attribute: attribute.to_owned(),
                test: pattern.into(),
            }),
            Claim::Lacks(attribute, Pattern::Is(value)) => {
                lacking.entry(attribute).or_default().push(value);
            }
            Claim::Lacks(attribute, pattern) => needs.push(Need::Lacks {
                attribute: attribute.to_owned(),
                test: pattern.into(),
            }),
        }
    }
    let lacking = lacking.into_iter().map(|(attribute, values)| Need::Lacks {
        attribute: attribute.to_owned(),
        test: Pattern::one_of(values).into(),
    });
    needs.extend(lacking);
    needs.sort();
    needs
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Has { attribute, test } => Condition::new(attribute.clone(), test.clone()).fmt(f),
            Self::Lacks { attribute, test } => {
                (!Condition::new(attribute.clone(), test.clone())).fmt(f)?;
                match attribute.as_str() {
                    GROUPS => f.write_str(", as far as told"),
                    _ if *test == Test::Present => Ok(()),
                    EMAIL => f.write_str(", or there is none"),
                    _ => f.write_str(", or was not sent"),
                }
            }
            Self::AllGroups => f.write_str("all groups were told"),
            Self::NotAllGroups => f.write_str("not all groups were told"),
        }
    }
}
