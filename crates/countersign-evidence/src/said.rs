//! Whether what an identity provider signed says what the record does (`docs/spec/bundle.md` §5.8).

use std::collections::BTreeMap;

use countersign_audit::assertion::AssertionVerified;
use countersign_audit::commitment::{Opening, Openings};
use countersign_audit::{Body, Kind};
use countersign_core::{Door, LeafHash};
use serde::Serialize;
use serde_json::Value;

use crate::assertion::Signed;
use crate::links::{CLOCK_SKEW, Item, Records};
use crate::report::{Claim, Lines};
use crate::signed_element::{ContentKeys, Statement, Unread};
use crate::trust::TrustPolicy;

const CLAIM: Claim = Claim::AssertionContent;

/// What the providers said, by the records of it: only where it is shown to be what they record.
pub(crate) type Said = BTreeMap<LeafHash, Statement>;

/// Compares every signed element with its record.
pub(crate) fn check(
    records: &Records,
    signed: &Signed<'_>,
    openings: &BTreeMap<LeafHash, Openings>,
    trust: &TrustPolicy,
    lines: &mut Lines,
) -> Said {
    let mut said = Said::new();
    let mut seen: BTreeMap<(String, String), &str> = BTreeMap::new();
    for item in records.of_kind(Kind::AssertionVerified) {
        let Body::AssertionVerified(body) = &item.record.body else {
            continue;
        };
        let Some(element) = signed.get(&item.leaf) else {
            let why = match body.door {
                Door::Saml => "nothing is here that a signature holds over",
                _ => "nobody signed: a token came back from an address",
            };
            lines.not_proved(CLAIM, &item.file, why);
            continue;
        };
        let record = Recorded {
            item,
            body,
            openings: openings.get(&item.leaf),
        };
        let statement = match record.read(element.bytes, &element.reference) {
            Ok(statement) => statement,
            Err(unread) => {
                say(unread, &element.file, lines);
                continue;
            }
        };
        // [SAML-Profiles §4.1.4.5]: nobody is let in twice with one assertion.
        let id = (statement.issuer.clone(), statement.assertion_id.clone());
        if let Some(other) = seen.insert(id, &item.file) {
            let why = format!("is the assertion that {other} is about, too");
            lines.failed(CLAIM, &element.file, why);
            continue;
        }
        let is_for = |one: &String| statement.is_for(one);
        if !trust.audiences.is_empty() && !trust.audiences.iter().any(is_for) {
            let why = format!(
                "is for `{}`, and for none that was named",
                audience(&statement)
            );
            lines.failed(CLAIM, &element.file, why);
            continue;
        }
        match record.compare(&statement) {
            Ok(()) => {
                lines.proved(CLAIM, &item.file, sentence(&statement));
                said.insert(item.leaf, statement);
            }
            Err(Differs::Said(what)) => {
                let why = format!("says another {what} than {}", item.file);
                lines.failed(CLAIM, &element.file, why);
            }
            Err(Differs::Time) => {
                let why = format!(
                    "did not hold at {}, when {} took it",
                    item.record.at, item.file
                );
                lines.failed(CLAIM, &element.file, why);
            }
            Err(Differs::Kept(field)) => {
                let why = format!("`{field}` is not disclosed, so it can not be compared");
                lines.not_proved(CLAIM, &item.file, why);
            }
        }
    }
    said
}

fn say(unread: Unread, file: &str, lines: &mut Lines) {
    match unread {
        Unread::Wrong(why) => lines.failed(CLAIM, file, why),
        Unread::Unknown(why) => lines.not_proved(CLAIM, file, why),
    }
}

fn audience(statement: &Statement) -> String {
    statement.audiences.concat().join("`, `")
}

fn sentence(statement: &Statement) -> String {
    let Statement {
        issuer,
        name_id,
        authentication,
        ..
    } = statement;
    let instant = authentication.instant;
    let at = instant.map_or_else(
        || "at a time it does not tell".to_owned(),
        |at| format!("at {at}"),
    );
    let audience = audience(statement);
    format!(
        "`{issuer}` said to `{audience}` that `{}` authenticated {at}, as recorded",
        name_id.value
    )
}

/// How an element and a record differ.
enum Differs {
    /// In a value.
    Said(&'static str),
    /// The element did not hold at the record's time.
    Time,
    /// Nobody can tell: the value is committed to, and not disclosed.
    Kept(&'static str),
}

/// A record, and what is disclosed of it.
struct Recorded<'a> {
    item: &'a Item,
    body: &'a AssertionVerified,
    openings: Option<&'a Openings>,
}

impl<'a> Recorded<'a> {
    fn opening(&self, field: &str) -> Option<&'a Opening> {
        self.openings.and_then(|openings| openings.field(field))
    }

    fn commits_to(&self, field: &str) -> bool {
        self.item.record.commitments.contains_key(field)
    }

    fn read(&self, signed: &[u8], reference: &str) -> Result<Statement, Unread> {
        let disclosed = self.opening("content_keys").map(Opening::value);
        let mut keys = match disclosed.and_then(Value::as_str) {
            Some(keys) => ContentKeys::Disclosed(keys.split(' ')),
            None if self.commits_to("content_keys") => ContentKeys::Kept,
            None => ContentKeys::None,
        };
        // INVARIANT: `parse_record` has asked for the element's name where somebody signed.
        let element = self.body.signed_element.as_deref().unwrap_or_default();
        Statement::read(signed, element, reference, &mut keys)
    }

    /// \[bundle.md §5.8\]: first all that can be compared, then whether anything is left.
    fn compare(&self, said: &Statement) -> Result<(), Differs> {
        let (body, how) = (self.body, &said.authentication);
        for (holds, what) in [
            (said.issuer == body.issuer, "issuer"),
            (how.instant == body.authn_instant, "time of authentication"),
            (how.context == body.authn_context, "kind of authentication"),
            (
                how.session_not_on_or_after == body.session_not_on_or_after,
                "end of the session",
            ),
        ] {
            if !holds {
                return Err(Differs::Said(what));
            }
        }
        let at = self.item.record.at;
        if !said.holds(at.saturating_sub(CLOCK_SKEW), at.saturating_add(CLOCK_SKEW)) {
            return Err(Differs::Time);
        }
        let kept = [
            self.compare_opened("name_id", "name identifier", Some(&said.name_id))?,
            self.compare_opened("assertion_id", "assertion id", Some(&said.assertion_id))?,
            self.compare_opened("session_index", "session index", how.session_index.as_ref())?,
        ];
        match kept.into_iter().flatten().next() {
            Some(field) => Err(Differs::Kept(field)),
            None => Ok(()),
        }
    }

    /// Compares a value with what the record commits to under `field`; gives the field if it is not
    /// disclosed.
    fn compare_opened(
        &self,
        field: &'static str,
        what: &'static str,
        said: Option<&impl Serialize>,
    ) -> Result<Option<&'static str>, Differs> {
        let said = said.and_then(|value| serde_json::to_value(value).ok());
        if said.is_some() != self.commits_to(field) {
            return Err(Differs::Said(what));
        }
        match (said, self.opening(field)) {
            (Some(said), Some(opening)) if said != *opening.value() => Err(Differs::Said(what)),
            (Some(_), None) => Ok(Some(field)),
            _ => Ok(None),
        }
    }
}
