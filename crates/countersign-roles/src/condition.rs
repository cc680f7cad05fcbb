//! Questions to a person's facts, and their three answers.
//!
//! What a provider did not say is not the same as what it denied. So an answer is *met*,
//! *failed* or *undecided* ([`Answer`]), and only a statement decides:
//!
//! | asked of | nothing said | met | not met |
//! |---|---|---|---|
//! | an attribute | failed | met | failed |
//! | an attribute, `not` | failed; met for `not present` | failed | met |
//! | groups, not [`Groups::Complete`] | undecided | met | undecided |
//! | groups, not complete, `not` | undecided | failed | undecided |
//! | groups, complete | failed | met | failed |
//! | groups, complete, `not` | met | failed | met |
//!
//! An empty value says nothing: it counts as not sent.

use std::collections::BTreeSet;
use std::ops::Not;

use countersign_core::{Facts, Groups};

/// The attribute name under which a condition asks for [`Facts::groups`].
pub const GROUPS: &str = "groups";

/// The attribute name under which a condition asks for the canonical address in [`Facts::email`].
pub const EMAIL: &str = "email";

/// One question to a person's facts. Values are compared byte for byte.
///
/// ```
/// use countersign_roles::Condition;
///
/// let external = Condition::eq("department", "ext");
/// let internal = !Condition::eq("department", "ext");
/// assert_ne!(external, internal);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    /// The attribute's short name, [`GROUPS`] or [`EMAIL`].
    pub attribute: String,
    /// What its values are asked for.
    pub test: Test,
    /// Whether it asks that no value passes the test.
    pub negated: bool,
}

/// What the values of an attribute are asked for: that one of them passes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Test {
    /// It is this one.
    Eq(String),
    /// It is one of these.
    AnyOf(Values),
    /// It begins with this.
    Prefix(String),
    /// It ends with this.
    Suffix(String),
    /// It is an address in exactly this domain; a subdomain is another one. Only of [`EMAIL`].
    Domain(String),
    /// There is one.
    Present,
}

/// At least one value: sorted, each once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Values(Vec<String>);

impl Values {
    /// These values; `None` if there is none.
    pub fn new<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Option<Self> {
        let values: BTreeSet<String> = values.into_iter().map(Into::into).collect();
        (!values.is_empty()).then(|| Self(values.into_iter().collect()))
    }

    /// The values, sorted.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Whether `value` is one of them.
    #[must_use]
    pub fn contains(&self, value: &str) -> bool {
        self.0
            .binary_search_by(|known| known.as_str().cmp(value))
            .is_ok()
    }
}

/// What facts answer to a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// They are known to meet it.
    Met,
    /// They are known not to meet it, or say nothing of it.
    Failed,
    /// It asks for groups, and not all groups were told.
    Undecided,
}

impl Test {
    /// The values of which one must be there, where the test names them exactly.
    #[must_use]
    pub fn exact_values(&self) -> Option<&[String]> {
        match self {
            Self::Eq(value) => Some(std::slice::from_ref(value)),
            Self::AnyOf(values) => Some(values.as_slice()),
            Self::Prefix(_) | Self::Suffix(_) | Self::Domain(_) | Self::Present => None,
        }
    }

    /// Whether `value` passes.
    #[must_use]
    pub fn passes(&self, value: &str) -> bool {
        match self {
            _ if value.is_empty() => false,
            Self::Eq(wanted) => wanted == value,
            Self::AnyOf(wanted) => wanted.contains(value),
            Self::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => value.ends_with(suffix.as_str()),
            Self::Domain(domain) => value
                .rsplit_once('@')
                .is_some_and(|(_, of_value)| of_value == domain),
            Self::Present => true,
        }
    }

    /// Its name in a policy.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Eq(_) => "eq",
            Self::AnyOf(_) => "any_of",
            Self::Prefix(_) => "prefix",
            Self::Suffix(_) => "suffix",
            Self::Domain(_) => "domain",
            Self::Present => "present",
        }
    }
}

impl Condition {
    /// That a value of `attribute` passes `test`.
    #[must_use]
    pub fn new(attribute: impl Into<String>, test: Test) -> Self {
        Self {
            attribute: attribute.into(),
            test,
            negated: false,
        }
    }

    /// That a value of `attribute` is `value`.
    #[must_use]
    pub fn eq(attribute: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(attribute, Test::Eq(value.into()))
    }

    /// That a value of `attribute` is one of `values`.
    #[must_use]
    pub fn any_of(attribute: impl Into<String>, values: Values) -> Self {
        Self::new(attribute, Test::AnyOf(values))
    }

    /// That a value of `attribute` begins with `prefix`.
    #[must_use]
    pub fn prefix(attribute: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self::new(attribute, Test::Prefix(prefix.into()))
    }

    /// That a value of `attribute` ends with `suffix`.
    #[must_use]
    pub fn suffix(attribute: impl Into<String>, suffix: impl Into<String>) -> Self {
        Self::new(attribute, Test::Suffix(suffix.into()))
    }

    /// That the e-mail address is in `domain`, which must be in canonical form.
    #[must_use]
    pub fn domain(domain: impl Into<String>) -> Self {
        Self::new(EMAIL, Test::Domain(domain.into()))
    }

    /// That `attribute` has a value.
    #[must_use]
    pub fn present(attribute: impl Into<String>) -> Self {
        Self::new(attribute, Test::Present)
    }

    /// Whether it asks for groups.
    #[must_use]
    pub fn asks_for_groups(&self) -> bool {
        self.attribute == GROUPS
    }

    /// Whether it names every value that matters to it, so that no value that somebody makes up
    /// later can meet it by its looks.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.test.exact_values().is_some()
    }

    /// What `facts` answer.
    #[must_use]
    pub fn answer(&self, facts: &Facts) -> Answer {
        let passed = self.is_passed_by(facts);
        match (self.negated, passed) {
            (false, true) => Answer::Met,
            (true, true) => Answer::Failed,
            (_, false) if self.asks_for_groups() => {
                match (facts.groups.is_complete(), self.negated) {
                    (false, _) => Answer::Undecided,
                    (true, false) => Answer::Failed,
                    (true, true) => Answer::Met,
                }
            }
            (false, false) => Answer::Failed,
            (true, false) if self.test == Test::Present => Answer::Met,
            // Nothing was said, so nothing is known.
            (true, false) if said(facts, &self.attribute).next().is_none() => Answer::Failed,
            (true, false) => Answer::Met,
        }
    }

    /// Whether a value that was said passes the test.
    fn is_passed_by(&self, facts: &Facts) -> bool {
        match (self.test.exact_values(), facts.groups.known()) {
            (Some(wanted), Some(groups)) if self.asks_for_groups() => {
                let mut wanted = wanted.iter().filter(|group| !group.is_empty());
                wanted.any(|group| groups.contains(group))
            }
            _ => said(facts, &self.attribute).any(|value| self.test.passes(value)),
        }
    }
}

impl Not for Condition {
    type Output = Self;

    /// The opposite question. Its answer is not always the opposite one: to both, what was not
    /// said is no answer.
    fn not(mut self) -> Self {
        self.negated = !self.negated;
        self
    }
}

/// What `facts` say of `attribute`. Empty values say nothing.
pub(crate) fn said<'f>(facts: &'f Facts, attribute: &str) -> impl Iterator<Item = &'f str> {
    let groups = match &facts.groups {
        Groups::Partial(known) | Groups::Complete(known) if attribute == GROUPS => Some(known),
        _ => None,
    };
    let email = facts.email.as_ref().filter(|_| attribute == EMAIL);
    let sent = match attribute {
        GROUPS | EMAIL => &[],
        other => facts.values(other),
    };
    let groups = groups.into_iter().flatten().map(String::as_str);
    let email = email.map(|email| email.address.as_str());
    groups
        .chain(email)
        .chain(sent.iter().map(String::as_str))
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use countersign_core::{Email, EmailFact, SubjectKey, TenantId};

    use super::*;

    fn facts(groups: Groups) -> Facts {
        let tenant = TenantId::new("t").unwrap();
        let subject = SubjectKey::from_stable_value(tenant, "https://idp.example", "s").unwrap();
        let mut facts = Facts::new(subject);
        facts.groups = groups;
        facts.email = Some(EmailFact {
            address: Email::from_canonical("nurse@ward.acme.example").unwrap(),
            verified_by_idp: true,
        });
        let sent = vec!["ext".to_owned(), String::new()];
        facts.attributes.insert("department".into(), sent);
        facts.attributes.insert("blank".into(), vec![String::new()]);
        facts
    }

    fn known(groups: &[&str]) -> BTreeSet<String> {
        groups.iter().map(|group| (*group).to_owned()).collect()
    }

    #[test]
    fn an_attribute_decides_what_it_says_and_fails_what_it_does_not() {
        let facts = facts(Groups::Absent);
        for (condition, answer, negated) in [
            (
                Condition::eq("department", "ext"),
                Answer::Met,
                Answer::Failed,
            ),
            (
                Condition::eq("department", "int"),
                Answer::Failed,
                Answer::Met,
            ),
            (
                Condition::eq("site", "berlin"),
                Answer::Failed,
                Answer::Failed,
            ),
            (Condition::eq("blank", "x"), Answer::Failed, Answer::Failed),
            (Condition::eq("department", ""), Answer::Failed, Answer::Met),
            (
                Condition::prefix("department", "ex"),
                Answer::Met,
                Answer::Failed,
            ),
            (
                Condition::suffix("department", "xt"),
                Answer::Met,
                Answer::Failed,
            ),
            (
                Condition::suffix("department", "ex"),
                Answer::Failed,
                Answer::Met,
            ),
            (
                Condition::present("department"),
                Answer::Met,
                Answer::Failed,
            ),
            (Condition::present("site"), Answer::Failed, Answer::Met),
            (Condition::present("blank"), Answer::Failed, Answer::Met),
            (
                Condition::domain("ward.acme.example"),
                Answer::Met,
                Answer::Failed,
            ),
            (
                Condition::domain("acme.example"),
                Answer::Failed,
                Answer::Met,
            ),
        ] {
            assert_eq!(condition.answer(&facts), answer, "{condition:?}");
            assert_eq!(
                (!condition.clone()).answer(&facts),
                negated,
                "{condition:?}"
            );
        }
    }

    #[test]
    fn only_complete_groups_fail_a_condition_or_meet_a_negated_one() {
        let answers = |groups, condition: Condition| {
            let facts = facts(groups);
            (condition.answer(&facts), (!condition).answer(&facts))
        };
        let open = (Answer::Undecided, Answer::Undecided);
        let in_it = (Answer::Met, Answer::Failed);
        let out_of_it = (Answer::Failed, Answer::Met);
        let nurse = || Condition::eq(GROUPS, "nurse");
        assert_eq!(answers(Groups::Absent, nurse()), open);
        assert_eq!(answers(Groups::Partial(known(&["x"])), nurse()), open);
        assert_eq!(answers(Groups::Partial(known(&["nurse"])), nurse()), in_it);
        assert_eq!(answers(Groups::Complete(known(&["nurse"])), nurse()), in_it);
        assert_eq!(answers(Groups::Complete(known(&["x"])), nurse()), out_of_it);
        assert_eq!(answers(Groups::Complete(known(&[])), nurse()), out_of_it);

        let any = || Condition::present(GROUPS);
        assert_eq!(answers(Groups::Absent, any()), open);
        assert_eq!(answers(Groups::Partial(known(&[])), any()), open);
        assert_eq!(answers(Groups::Partial(known(&["x"])), any()), in_it);
        assert_eq!(answers(Groups::Complete(known(&[])), any()), out_of_it);
        let prefix = || Condition::prefix(GROUPS, "nur");
        assert_eq!(answers(Groups::Partial(known(&["x"])), prefix()), open);
        assert_eq!(answers(Groups::Partial(known(&["nurse"])), prefix()), in_it);
    }

    #[test]
    fn no_list_of_values_is_empty() {
        assert_eq!(Values::new(Vec::<String>::new()), None);
        let values = Values::new(["b", "a", "b"]).unwrap();
        assert_eq!(values.as_slice(), ["a", "b"]);
        assert!(values.contains("a") && !values.contains("c"));
    }
}
