//! What a verifier says of consents to electronic records.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod forge;
#[path = "../../countersign-audit/tests/support/mod.rs"]
mod support;
mod unpacked;

use countersign_evidence::{Claim, Report, Status, TrustPolicy, verify};
use forge::Plan;
use forge::court::Court;
use forge::mutation::Sample;
use forge::provider::Provider;

fn judge(plan: Plan, ask: impl FnOnce(TrustPolicy) -> TrustPolicy) -> Report {
    let court = Court::new(Provider::ed25519());
    let bundle = Sample::new(plan, &court.by).bytes;
    let policy = court.log();
    verify(&bundle, &ask(policy.ours), policy.now)
}

fn consent(report: &Report) -> (Status, String) {
    let lines = report.lines().iter();
    let mut lines = lines.filter(|line| line.claim == Claim::Consent);
    let line = lines.next().unwrap();
    assert!(lines.next().is_none(), "{report}");
    (line.status, line.by.clone())
}

/// \[15 USC 7001(c)(1)(B)(i)\]
#[test]
fn a_consent_after_a_disclosure_that_told_nothing_of_paper_is_not_proved() {
    let told = judge(Plan::full(), |trust| trust);
    assert_eq!(consent(&told).0, Status::Proved);
    let plan = || Plan {
        paper_right: false,
        ..Plan::full()
    };
    let report = judge(plan(), |trust| trust);
    let (status, why) = consent(&report);
    assert_eq!(status, Status::NotProved, "{report}");
    assert!(why.contains("did not tell of the right to paper"), "{why}");
    // Who is no consumer need not be told; who asks for a consent asks for a whole one.
    assert!(report.accepted(), "{report}");
    let asked = judge(plan(), |trust| trust.require(Claim::Consent));
    assert_eq!(asked.missing(), [Claim::Consent], "{asked}");
}
