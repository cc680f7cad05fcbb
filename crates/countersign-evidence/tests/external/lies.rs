//! The certificate page of a log whose operator lies: every hash, proof and signature is right, and
//! a record is not what it should be. What the verifier refuses, the page may not find right, but
//! for what it says that it leaves to the verifier.

use std::collections::BTreeSet;

use countersign_evidence::{Claim, Status, verify};

use super::desk::{Desk, page};
use crate::forge::Plan;
use crate::forge::court::Court;
use crate::forge::mutation::{self, Sample};
use crate::forge::provider::Provider;
use crate::forge::random::Random;

/// What the page says that it does not check.
const LEFT_TO_THE_VERIFIER: [Claim; 3] = [
    Claim::RecordForm,
    Claim::AssertionContent,
    Claim::SamePerson,
];

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_finds_nothing_right_that_the_verifier_refuses() {
    let court = Court::new(Provider::ed25519());
    let policy = court.full();
    let plans = (1..6).map(Plan::random);
    let samples: Vec<Sample> = [Plan::full()]
        .into_iter()
        .chain(plans)
        .map(|plan| Sample::new(plan, &court.by))
        .collect();
    let desk = Desk::new();
    let random = &mut Random::new(11);
    let mut deceived = Vec::new();
    let mut refused = 0;
    for _ in 0..MUTANTS {
        let sample = &samples[random.below(samples.len())];
        let mutant = mutation::operator(sample, random, &court.by);
        let report = verify(&mutant.bytes, &policy.ours, policy.now);
        let failed = report
            .lines()
            .iter()
            .filter(|line| line.status == Status::Failed);
        let failed: BTreeSet<&str> = failed
            .filter(|line| !LEFT_TO_THE_VERIFIER.contains(&line.claim))
            .map(|line| line.claim.as_str())
            .collect();
        if failed.is_empty() {
            continue;
        }
        refused += 1;
        desk.open(&page(&mutant.bytes));
        if desk.state() == "holds" {
            deceived.push(format!("{}: {failed:?}", mutant.what));
        }
    }
    assert!(refused > MUTANTS / 4, "{refused} were refused");
    assert!(deceived.is_empty(), "{refused}: {deceived:#?}");
}

/// A second and a half is what one takes, with the browser.
const MUTANTS: usize = 60;
