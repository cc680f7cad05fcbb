//! Sets of document types: what one covers of another.
//!
//! Two patterns are nested or apart, never half of each: `*` holds all, `nda/*` what is below
//! `nda`. So what two have in common is the narrower of them, or nothing.

use countersign_core::DocumentPattern;

/// Whether `wide` covers everything that `narrow` covers.
#[must_use]
pub fn contains(wide: &DocumentPattern, narrow: &DocumentPattern) -> bool {
    match (wide, narrow) {
        (DocumentPattern::Any, _) => true,
        (wide, DocumentPattern::Exact(name)) => wide.covers(name),
        (DocumentPattern::Below(wide), DocumentPattern::Below(narrow)) => {
            let below = narrow.strip_prefix(wide.as_str());
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        }
        _ => false,
    }
}

/// What two patterns have in common.
#[must_use]
pub fn common<'p>(
    one: &'p DocumentPattern,
    other: &'p DocumentPattern,
) -> Option<&'p DocumentPattern> {
    if contains(one, other) {
        Some(other)
    } else if contains(other, one) {
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
        others.any(|other| contains(other, pattern))
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
        DocumentPattern::Exact(name.into())
    }

    fn below(parent: &str) -> DocumentPattern {
        DocumentPattern::Below(parent.into())
    }

    #[test]
    fn a_pattern_contains_what_it_covers_and_nothing_beside() {
        for (wide, narrow) in [
            (any(), any()),
            (any(), below("nda")),
            (any(), exact("nda")),
            (below("nda"), below("nda")),
            (below("nda"), below("nda/mutual")),
            (below("nda"), exact("nda/mutual")),
            (exact("nda"), exact("nda")),
        ] {
            assert!(contains(&wide, &narrow), "{wide:?} {narrow:?}");
        }
        for (wide, narrow) in [
            (below("nda"), any()),
            (below("nda"), exact("nda")),
            (below("nda"), below("ndax")),
            (below("nda/mutual"), below("nda")),
            (exact("nda"), below("nda")),
            (exact("nda"), any()),
        ] {
            assert!(!contains(&wide, &narrow), "{wide:?} {narrow:?}");
        }
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
