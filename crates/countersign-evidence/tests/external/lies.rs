//! The certificate page of a log whose operator lies: every hash, proof and signature is right, and
//! a record is not what it should be. What the verifier refuses, the page may not find right, but
//! for what it says that it leaves to the verifier: whether each record says all that its kind asks
//! for, and what the identity provider said.

use std::collections::BTreeSet;

use countersign_evidence::{Claim, verify};

use super::desk::{Desk, page};
use crate::forge::Plan;
use crate::forge::court::Court;
use crate::forge::mutation::{self, Sample};
use crate::forge::provider::Provider;
use crate::forge::random::Random;

/// Each takes the browser a part of a second.
const MUTANTS: usize = 60;

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
        let failed: BTreeSet<Claim> = report.failed().map(|line| line.claim).collect();
        // Of a record that can not be read nothing else holds either.
        let is_left_out = failed.contains(&Claim::RecordForm);
        let is_left = |claim| matches!(claim, Claim::AssertionContent | Claim::SamePerson);
        if is_left_out || failed.iter().copied().all(is_left) {
            continue;
        }
        refused += 1;
        desk.open(&page(&mutant.bytes));
        if desk.state() == "holds" {
            deceived.push(format!("{}: {failed:?}", mutant.what));
        }
    }
    assert!(refused > MUTANTS / 8, "{refused} were refused");
    assert!(deceived.is_empty(), "{refused}: {deceived:#?}");
}
