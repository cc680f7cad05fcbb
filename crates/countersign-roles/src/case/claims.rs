//! What the answers of a condition and of a rule say of a person.
//!
//! | asked of | met | not failed |
//! |---|---|---|
//! | an attribute | has | has |
//! | an attribute, `not` | lacks, and has some value | lacks, and has some value |
//! | an attribute, `not present` | lacks any value | lacks any value |
//! | groups | has | has, or not all were told |
//! | groups, `not` | lacks, and all were told | lacks |
//!
//! Not met and failed are their opposites.

use crate::case::{Case, Claim, Formula, Pattern};
use crate::condition::{Condition, Test};
use crate::rule::Rule;

impl<'a> From<&'a Test> for Pattern<'a> {
    fn from(test: &'a Test) -> Self {
        match test {
            Test::Eq(value) => Self::Is(value),
            Test::AnyOf(values) => Self::one_of(values.as_slice().iter().map(String::as_str)),
            Test::Prefix(prefix) => Self::prefix(prefix),
            Test::Suffix(suffix) => Self::suffix(suffix),
            Test::Domain(domain) => Self::Domain(domain),
            Test::Present => Self::Present,
        }
    }
}

impl Condition {
    /// The claims that are all true exactly where it is met.
    pub(crate) fn met(&self) -> impl Iterator<Item = Claim<'_>> {
        let pattern = Pattern::from(&self.test);
        let attribute = &self.attribute;
        let (first, second) = match (self.negated, self.asks_for_groups()) {
            (false, _) => (Claim::Has(attribute, pattern), None),
            (true, true) => (Claim::Lacks(attribute, pattern), Some(Claim::AllGroups)),
            (true, false) => {
                let some = Claim::Has(attribute, Pattern::Present);
                let some = (pattern != Pattern::Present).then_some(some);
                (Claim::Lacks(attribute, pattern), some)
            }
        };
        std::iter::once(first).chain(second)
    }

    /// Where it is met or undecided.
    fn not_failed(&self) -> Formula<'_> {
        let mut met = self.met().filter(|claim| *claim != Claim::AllGroups);
        match met.next() {
            Some(has @ Claim::Has(..)) if self.asks_for_groups() => {
                Formula::Any(vec![has.into(), Claim::NotAllGroups.into()])
            }
            first => Formula::all(first.into_iter().chain(met)),
        }
    }
}

/// Where all conditions of `rule` are met.
pub(crate) fn matched(rule: &Rule) -> Formula<'_> {
    Formula::all(rule.all.iter().flat_map(Condition::met))
}

/// Whom `rule` matches; none if it can match nobody.
pub(crate) fn case_of(rule: &Rule) -> Option<Case<'_>> {
    Case::of(rule.all.iter().flat_map(Condition::met))
}

/// Where no condition of `rule` has failed: it matched, or is undecided.
pub(crate) fn not_failed(rule: &Rule) -> Formula<'_> {
    Formula::All(rule.all.iter().map(Condition::not_failed).collect())
}
