//! Whether one value can be all that is asked of it: the e-mail address.

use countersign_core::Email;

use crate::case::Values;
use crate::case::pattern::{Pattern, domain_of};

/// Whether there can be an address, or none, of which all this holds.
pub(super) fn is_possible_for_one(values: &Values<'_>) -> bool {
    if values.has.is_empty() {
        return true;
    }
    if values.lacks.contains(&Pattern::Present) {
        return false;
    }
    let fits = |value: &str| {
        is_canonical(value)
            && values.has.iter().all(|test| test.passes(value))
            && !values.lacks.iter().any(|test| test.passes(value))
    };
    let named = values.has.iter().filter(|test| test.is_exact());
    if let Some(fewest) = named.min_by_key(|test| test.values().len()) {
        return fewest.values().iter().any(|value| fits(value));
    }

    let Some((begin, end)) = ends_of(values) else {
        return false;
    };
    match (begin.split_once('@'), end.rsplit_once('@')) {
        // Both ends reach over the `@`, so they leave nothing open.
        (Some((local, _)), Some((_, domain))) => fits(&format!("{local}@{domain}")),
        // Something can stand between them that nothing excludes by itself.
        _ => !values.patterns().any(|test| match test {
            Pattern::Prefix(excluded) => begin.starts_with(excluded),
            Pattern::Suffix(excluded) => end.ends_with(excluded),
            Pattern::Domain(excluded) => domain_of(&end) == Some(excluded),
            Pattern::Present | Pattern::OneOf(_) | Pattern::Is(_) => false,
        }),
    }
}

/// How the address begins and ends, if what is asked of its two ends fits together.
fn ends_of(values: &Values<'_>) -> Option<(String, String)> {
    let (mut begin, mut end) = (String::new(), String::new());
    for test in values.has.iter() {
        match test {
            Pattern::Prefix(prefix) => {
                begin = longer(&begin, prefix, |long, short| long.starts_with(short))?
            }
            Pattern::Suffix(suffix) => {
                end = longer(&end, suffix, |long, short| long.ends_with(short))?
            }
            Pattern::Domain(domain) => {
                end = longer(&end, &format!("@{domain}"), |long, short| {
                    long.ends_with(short)
                })?;
            }
            Pattern::Present | Pattern::OneOf(_) | Pattern::Is(_) => {}
        }
    }
    let is_lower = |text: &str| !text.bytes().any(|b| b.is_ascii_uppercase());
    (is_lower(&begin) && is_lower(&end)).then_some((begin, end))
}

/// The longer one, if it holds the shorter one where it should.
fn longer(one: &str, other: &str, holds: fn(&str, &str) -> bool) -> Option<String> {
    let (long, short) = match one.len() < other.len() {
        true => (other, one),
        false => (one, other),
    };
    holds(long, short).then(|| long.to_owned())
}

/// Whether it can be an address in canonical form, as those that are compared always are.
fn is_canonical(value: &str) -> bool {
    !value.bytes().any(|b| b.is_ascii_uppercase()) && Email::from_canonical(value).is_ok()
}
