//! Conditions in words, for people who read findings and explanations.

use std::fmt;

use countersign_core::text::quote;

use crate::condition::{Condition, EMAIL, Test};

/// Of more values than a person reads, this many are said.
const MOST_VALUES: usize = 4;

/// "`a`, `b` or `c`", and of many the first few.
pub(crate) fn listed<'v>(values: impl IntoIterator<Item = &'v str>, last: &str) -> String {
    let values: Vec<&str> = values.into_iter().collect();
    let more = values.len().saturating_sub(MOST_VALUES);
    let said = values.iter().take(MOST_VALUES);
    let mut said: Vec<String> = said.map(|value| quote(value)).collect();
    if more > 0 {
        return format!("{} {last} {more} more", said.join(", "));
    }
    match said.pop() {
        Some(end) if !said.is_empty() => format!("{} {last} {end}", said.join(", ")),
        end => end.unwrap_or_default(),
    }
}

/// What `condition` asks, in words: "`department` is `ext`", "not in the group `admins`".
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&asked(&self.attribute, &self.test, self.negated))
    }
}

fn asked(attribute: &str, test: &Test, negated: bool) -> String {
    if attribute == crate::condition::GROUPS {
        let not = if negated { "not " } else { "" };
        return match test {
            Test::Eq(group) => format!("{not}in the group {}", quote(group)),
            Test::AnyOf(groups) => {
                let groups = listed(groups.as_slice().iter().map(String::as_str), "or");
                format!("{not}in one of the groups {groups}")
            }
            Test::Prefix(prefix) => {
                format!("{not}in a group that begins with {}", quote(prefix))
            }
            Test::Suffix(suffix) => format!("{not}in a group that ends with {}", quote(suffix)),
            Test::Domain(domain) => format!("{not}in a group of the domain {}", quote(domain)),
            Test::Present => format!("{not}in any group"),
        };
    }
    let name = match attribute {
        EMAIL => "the e-mail address".to_owned(),
        other => quote(other),
    };
    match (test, negated) {
        (Test::Eq(value), false) => format!("{name} is {}", quote(value)),
        (Test::Eq(value), true) => format!("{name} is not {}", quote(value)),
        (Test::AnyOf(values), _) => {
            let values = values.as_slice().iter().map(String::as_str);
            match negated {
                false => format!("{name} is {}", listed(values, "or")),
                true => format!("{name} is neither {}", listed(values, "nor")),
            }
        }
        (Test::Prefix(prefix), false) => format!("{name} begins with {}", quote(prefix)),
        (Test::Prefix(prefix), true) => format!("{name} does not begin with {}", quote(prefix)),
        (Test::Suffix(suffix), false) => format!("{name} ends with {}", quote(suffix)),
        (Test::Suffix(suffix), true) => format!("{name} does not end with {}", quote(suffix)),
        (Test::Domain(domain), false) => format!("{name} is in the domain {}", quote(domain)),
        (Test::Domain(domain), true) => format!("{name} is not in the domain {}", quote(domain)),
        (Test::Present, false) => format!("{name} was sent"),
        (Test::Present, true) => format!("{name} was not sent"),
    }
}
