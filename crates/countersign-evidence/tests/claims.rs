//! `docs/evidence.md` says of each line of a report what it means.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use countersign_evidence::Claim;

const PAGE: &str = include_str!("../../../docs/evidence.md");

/// The cells of the rows that tell of a claim.
fn rows() -> Vec<Vec<&'static str>> {
    PAGE.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect()
}

#[test]
fn every_claim_has_its_row_in_order() {
    let told: Vec<_> = rows().iter().map(|cells| cells.get(1).copied()).collect();
    let claims = Claim::ALL
        .iter()
        .map(|claim| format!("`{}`", claim.as_str()));
    let claims: Vec<_> = claims.collect();
    assert_eq!(
        told,
        claims
            .iter()
            .map(|claim| Some(claim.as_str()))
            .collect::<Vec<_>>()
    );
}

#[test]
fn every_row_says_something_under_each_law() {
    for cells in rows() {
        // Nothing, the claim, what it says, four laws, nothing.
        assert_eq!(cells.len(), 8, "{cells:?}");
        let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
        assert_eq!(filled, 6, "{cells:?}");
        assert!(
            cells.iter().skip(3).any(|cell| !matches!(*cell, "–" | "")),
            "{cells:?}"
        );
    }
}

#[test]
fn what_is_never_proved_is_said_to_be() {
    let never: Vec<_> = rows()
        .iter()
        .filter(|cells| cells.iter().any(|cell| cell.contains("never proved")))
        .filter_map(|cells| cells.get(1).map(|claim| claim.trim_matches('`')))
        .collect();
    assert_eq!(
        never,
        [
            "completeness",
            "not_revoked",
            "sole_control",
            "qualified_status"
        ]
    );
}
