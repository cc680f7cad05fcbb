//! What was erased, and when (`docs/spec/bundle.md` §5).

use std::collections::BTreeMap;

use countersign_audit::Kind;
use countersign_audit::commitment::Openings;
use countersign_core::{LeafHash, UserId};

use crate::links::{Item, Records};
use crate::report::{Claim, Lines};

/// The `subject.erased` record behind each record whose values are erased, by leaf.
pub(crate) type Erased<'a> = BTreeMap<LeafHash, &'a Item>;

/// Finds the records whose values are erased, and says so.
pub(crate) fn check<'a>(
    records: &'a Records,
    openings: &BTreeMap<LeafHash, Openings>,
    lines: &mut Lines,
) -> Erased<'a> {
    let mut erased = Erased::new();
    for erasure in records.of_kind(Kind::SubjectErased) {
        let Some(account) = erasure.record.subject_ref.as_ref() else {
            continue;
        };
        for item in touched_by(records, account) {
            let is_erased = item.index < erasure.index
                && !item.record.commitments.is_empty()
                && !openings.contains_key(&item.leaf);
            if is_erased {
                // Of several erasures of one account, the first.
                erased.entry(item.leaf).or_insert(erasure);
            }
        }
    }
    for item in records.iter() {
        if let Some(erasure) = erased.get(&item.leaf) {
            lines.erased(
                Claim::Opening,
                &item.file,
                format!("erased on {}: {}", erasure.record.at, erasure.file),
            );
        }
    }
    erased
}

/// The records that are about an account, and those about none that they reach.
fn touched_by<'a>(records: &'a Records, account: &UserId) -> Vec<&'a Item> {
    let is_about = |item: &&Item| item.record.subject_ref.as_ref() == Some(account);
    let reached = records.reach_of(records.iter().filter(is_about));
    let touched = reached.into_iter().filter(|item| {
        let about = item.record.subject_ref.as_ref();
        about.is_none_or(|about| about == account)
    });
    touched.collect()
}
