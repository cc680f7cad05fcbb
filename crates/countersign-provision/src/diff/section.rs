//! Collecting what differs in one section of the policy.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Access, Difference};

/// One role, one rule, one connection: what is said of it goes in here.
pub(super) struct Section<'d> {
    into: &'d mut Vec<Difference>,
    section: &'static str,
    name: Option<String>,
}

/// More access if it is so, less if it is not.
pub(super) fn more_if(is_more: bool) -> Access {
    if is_more { Access::More } else { Access::Less }
}

/// Of a bound where none means no bound: more access if it is wider.
pub(super) fn wider<T: PartialOrd>(before: &Option<T>, after: &Option<T>) -> Access {
    match (before, after) {
        (Some(before), Some(after)) => more_if(before < after),
        (_, after) => more_if(after.is_none()),
    }
}

pub(super) fn duration(duration: &Duration) -> Option<String> {
    let seconds = duration.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("m", 60)];
    let unit = units
        .into_iter()
        .find(|(_, unit)| seconds > 0 && seconds.is_multiple_of(*unit));
    Some(match unit {
        _ if duration.subsec_nanos() > 0 => format!("{duration:?}"),
        Some((unit, size)) => format!("{}{unit}", seconds.checked_div(size).unwrap_or_default()),
        None => format!("{seconds}s"),
    })
}

/// Writes a value that has a text form.
pub(super) fn text(value: &impl ToString) -> Option<String> {
    Some(value.to_string())
}

/// Writes a value that may be absent.
pub(super) fn some<T>(
    write: impl Fn(&T) -> Option<String>,
) -> impl Fn(&Option<T>) -> Option<String> {
    move |value| value.as_ref().and_then(&write)
}

pub(super) fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

impl<'d> Section<'d> {
    pub(super) fn new(
        into: &'d mut Vec<Difference>,
        section: &'static str,
        name: Option<String>,
    ) -> Self {
        Self {
            into,
            section,
            name,
        }
    }

    fn add(
        &mut self,
        field: Option<String>,
        before: Option<String>,
        after: Option<String>,
        access: Access,
    ) {
        self.into.push(Difference {
            section: self.section,
            name: self.name.clone(),
            field,
            before,
            after,
            access,
        });
    }

    /// All of it is there in one policy only.
    pub(super) fn whole(&mut self, before: Option<String>, after: Option<String>, access: Access) {
        self.add(None, before, after, access);
    }

    /// A value that is another one.
    pub(super) fn value<T: PartialEq>(
        &mut self,
        field: impl Into<String>,
        before: &T,
        after: &T,
        write: impl Fn(&T) -> Option<String>,
        access: impl FnOnce(&T, &T) -> Access,
    ) {
        if before != after {
            let access = access(before, after);
            self.add(Some(field.into()), write(before), write(after), access);
        }
    }

    /// A flag; `set` is what setting it gives.
    pub(super) fn flag(&mut self, field: &'static str, before: bool, after: bool, set: Access) {
        self.value(field, &before, &after, text, |_, after| {
            if *after { set } else { set.inverse() }
        });
    }

    /// The members of a set, one after the other; `added` is what one more gives.
    pub(super) fn set(
        &mut self,
        field: &'static str,
        before: &BTreeSet<String>,
        after: &BTreeSet<String>,
        added: Access,
    ) {
        for gone in before.difference(after) {
            self.add(
                Some(field.to_owned()),
                Some(gone.clone()),
                None,
                added.inverse(),
            );
        }
        for new in after.difference(before) {
            self.add(Some(field.to_owned()), None, Some(new.clone()), added);
        }
    }
}

/// What is in either map, by key: gone, new, or in both.
pub(super) fn pairs<'m, K: Ord, V>(
    before: &'m BTreeMap<K, V>,
    after: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (&'m K, Option<&'m V>, Option<&'m V>)> {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .map(|key| (key, before.get(key), after.get(key)))
}
