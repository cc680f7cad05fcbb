//! Whether the person whom a provider spoke of is the one that the account was tied to
//! (`docs/spec/bundle.md` §5.9).

use std::collections::BTreeMap;

use countersign_audit::Kind;
use countersign_audit::commitment::{Opening, Openings};
use countersign_core::{LeafHash, SubjectKey};
use serde::Deserialize;

use crate::links::{Item, Records};
use crate::report::{Claim, Lines};
use crate::said::Said;
use crate::signed_element::Statement;

const CLAIM: Claim = Claim::SamePerson;

/// The value that an account record commits to as its `subject` \[record.md §5\].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    issuer: String,
    subject: String,
}

/// Checks each record that rests on an assertion and is about an account, or makes one.
pub(crate) fn check(
    records: &Records,
    said: &Said,
    openings: &BTreeMap<LeafHash, Openings>,
    lines: &mut Lines,
) {
    for item in records.iter() {
        let parent = |is: fn(Kind) -> bool| {
            let parents = item.record.parents.iter();
            let mut parents = parents.filter_map(|leaf| records.find(leaf));
            parents.find(|parent| is(parent.record.kind()))
        };
        let Some(assertion) = parent(|kind| kind == Kind::AssertionVerified) else {
            continue;
        };
        let account = if is_account(item.record.kind()) {
            item
        } else if let Some(account) = parent(is_account) {
            account
        } else {
            continue;
        };
        let opening = openings.get(&account.leaf);
        let opening = opening.and_then(|openings| openings.field("subject"));
        check_one(item, account, said.get(&assertion.leaf), opening, lines);
    }
}

/// \[record.md §5\]: what *account* is in its table.
fn is_account(kind: Kind) -> bool {
    matches!(kind, Kind::UserProvisioned | Kind::UserLinked)
}

fn check_one(
    item: &Item,
    account: &Item,
    said: Option<&Statement>,
    opening: Option<&Opening>,
    lines: &mut Lines,
) {
    let Some(statement) = said else {
        let why = "whom a provider spoke of is not shown";
        lines.not_proved(CLAIM, &item.file, why);
        return;
    };
    let Some(opening) = opening else {
        let why = format!("the `subject` of {} is not disclosed", account.file);
        lines.not_proved(CLAIM, &item.file, why);
        return;
    };
    let subject = Subject::deserialize(opening.value()).ok();
    match subject.and_then(|subject| place_of(&subject, statement)) {
        Some(place) => lines.proved(
            CLAIM,
            &item.file,
            format!(
                "the provider named the subject of {} in {place}",
                account.file
            ),
        ),
        None => {
            let why = format!(
                "rests on what was said of another person than {} is about",
                account.file
            );
            lines.failed(CLAIM, &item.file, why);
        }
    }
}

/// Where the provider named this subject, if it did: a transient name identifier names nobody
/// \[SAML-Core §8.3.8\], and an attribute names somebody only if it has one value.
fn place_of(subject: &Subject, said: &Statement) -> Option<String> {
    if subject.issuer != said.issuer {
        return None;
    }
    let is_transient = said.name_id.format.as_deref() == Some(SubjectKey::TRANSIENT);
    if said.name_id.value == subject.subject && !is_transient {
        return Some("its name identifier".to_owned());
    }
    let values = |name: &str| {
        let values = said.attributes.iter();
        let name = name.to_owned();
        values.filter_map(move |(of, value)| (*of == name).then_some(value.as_deref()))
    };
    let mut names = said.attributes.iter().map(|(name, _)| name);
    let name = names.find(|name| values(name).all(|value| value == Some(&subject.subject)))?;
    Some(format!("its attribute `{name}`"))
}
