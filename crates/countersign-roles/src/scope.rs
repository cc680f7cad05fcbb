//! Sets of document types: what one covers of another.
//!
//! Two patterns are nested or apart, never half of each: `*` holds all, `nda/*` what is below
//! `nda`. So what two have in common is the narrower of them, or nothing.

use countersign_core::DocumentPattern;

/// What two patterns have in common.
#[must_use]
pub fn common<'p>(
    one: &'p DocumentPattern,
    other: &'p DocumentPattern,
) -> Option<&'p DocumentPattern> {
    if one.contains(other) {
        Some(other)
    } else if other.contains(one) {
        Some(one)
    } else {
        None
    }
}

/// Whether a scope covers `document_type`; an empty one covers all.
#[must_use]
pub fn covers(scope: &[DocumentPattern], document_type: &str) -> bool {
    scope.is_empty() || scope.iter().any(|pattern| pattern.covers(document_type))
}

/// A scope in its one shortest form: sorted, nothing that the rest covers anyway, and empty if
/// it covers all.
#[must_use]
pub fn canonical(scope: &[DocumentPattern]) -> Vec<DocumentPattern> {
    if scope.contains(&DocumentPattern::Any) {
        return Vec::new();
    }
    let mut sorted = scope.to_vec();
    sorted.sort();
    sorted.dedup();
    let within_other = |pattern: &DocumentPattern| {
        let mut others = sorted.iter().filter(|other| *other != pattern);
        others.any(|other| other.contains(pattern))
    };
    let needed = sorted.iter().filter(|pattern| !within_other(pattern));
    needed.cloned().collect()
}

/// Whether two scopes have a document type in common.
#[must_use]
pub fn overlap(one: &[DocumentPattern], other: &[DocumentPattern]) -> bool {
    let meets = |a| other.iter().any(|b| common(a, b).is_some());
    one.is_empty() || other.is_empty() || one.iter().any(meets)
}

/// What two scopes have in common; `None` if that is nothing, which an empty scope is not.
#[must_use]
pub fn intersection(
    one: &[DocumentPattern],
    other: &[DocumentPattern],
) -> Option<Vec<DocumentPattern>> {
    if one.is_empty() {
        return Some(canonical(other));
    }
    if other.is_empty() {
        return Some(canonical(one));
    }
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (a, b)));
    let shared: Vec<_> = pairs.filter_map(|(a, b)| common(a, b).cloned()).collect();
    (!shared.is_empty()).then(|| canonical(&shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> DocumentPattern {
        DocumentPattern::Any
    }

    fn exact(name: &str) -> DocumentPattern {
        name.parse().unwrap()
    }

    fn below(parent: &str) -> DocumentPattern {
        format!("{parent}/*").parse().unwrap()
    }

    #[test]
    fn scopes_that_share_nothing_are_not_the_scope_of_all() {
        assert_eq!(intersection(&[below("nda")], &[below("hr")]), None);
        assert_eq!(intersection(&[], &[below("hr")]), Some(vec![below("hr")]));
        assert_eq!(
            intersection(&[below("nda"), exact("hr")], &[any()]),
            Some(vec![exact("hr"), below("nda")])
        );
        assert_eq!(intersection(&[any()], &[any()]), Some(vec![]));
        assert!(overlap(&[below("nda")], &[exact("z"), exact("nda/x")]));
        assert!(!overlap(&[below("nda")], &[exact("nda")]) && overlap(&[], &[exact("z")]));
        assert_eq!(
            intersection(
                &[below("nda")],
                &[exact("nda/x"), below("nda/y"), exact("z")]
            ),
            Some(vec![exact("nda/x"), below("nda/y")])
        );
    }

    #[test]
    fn a_scope_has_one_shortest_form() {
        let scope = [
            exact("nda/x"),
            below("nda"),
            exact("b"),
            below("nda"),
            exact("b"),
        ];
        assert_eq!(canonical(&scope), [exact("b"), below("nda")]);
        assert_eq!(canonical(&[exact("b"), any()]), []);
    }
}
