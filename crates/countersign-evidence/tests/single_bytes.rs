//! Every single byte of a bundle, changed: it is found, and the report names the file.

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

use countersign_evidence::{Claim, Report, Status, verify};
use forge::Plan;
use forge::court::{Court, Policy};
use forge::mutation::Sample;
use forge::provider::Provider;
use unpacked::Unpacked;

const MANIFEST: &str = "META-INF/ASiCManifest.xml";
const SEAL: &str = "META-INF/signature.p7s";
const PAGE: &str = "certificate.html";
const INSTRUCTIONS: &str = "VERIFY.md";

/// A bundle that has everything, each thing once.
fn sample() -> (Sample, Policy) {
    let court = Court::new(Provider::ed25519());
    let sample = Sample::new(Plan::full(), &court.by);
    let policy = court.full();
    let report = verify(&sample.bytes, &policy.ours, policy.now);
    assert!(report.accepted(), "{report}");
    (sample, policy)
}

/// Another byte, each bit taking its turn.
fn changed(byte: u8, at: usize) -> u8 {
    byte ^ (1 << (at % 8))
}

/// Whether a line says that something is wrong with a member, or not proved of it.
fn named(report: &Report, member: &str) -> bool {
    let wrong = |status| matches!(status, Status::Failed | Status::NotProved);
    let mut lines = report.lines().iter();
    lines.any(|line| {
        // A digest that the manifest gives wrongly is named by the member that it is of, and a
        // token whose certificates were changed by the one that covers it; a record and its proof,
        // which are `NNN-KIND` both, by one line.
        let is_named = line.subject == member
            || member == MANIFEST && line.claim == Claim::Manifest
            || member.starts_with("time/") && line.subject.starts_with("time/")
            || line.claim == Claim::Inclusion && stem(&line.subject) == stem(member);
        is_named && wrong(line.status)
    })
}

/// The name of a member without folder and ending.
fn stem(member: &str) -> Option<&str> {
    let (_, name) = member.split_once('/')?;
    name.rsplit_once('.').map(|(stem, _)| stem)
}

/// Of the members that are compared with a published text as a whole, every so many bytes are
/// enough.
fn takes(member: Option<&str>, at: usize, step: usize) -> bool {
    let published = matches!(member, Some(PAGE | INSTRUCTIONS));
    at.is_multiple_of(if published { 509 * step } else { step })
}

/// Changes every byte of the file, or one in `step`, on two threads.
fn each_byte_of_the_file(step: usize) {
    let (sample, policy) = sample();
    let ranges = sample.unpacked.ranges();
    let half = |odd: usize| {
        let mut bytes = sample.bytes.clone();
        for at in (0..bytes.len()).filter(|at| (at / step) % 2 == odd) {
            let owner = ranges.iter().find(|(_, range)| range.contains(&at));
            let owner = owner.map(|(name, _)| name.as_str());
            if !takes(owner, at, step) {
                continue;
            }
            let old = bytes[at];
            bytes[at] = changed(old, at);
            let report = verify(&bytes, &policy.ours, policy.now);
            bytes[at] = old;
            assert!(!report.accepted(), "byte {at} of {owner:?}");
            match owner {
                Some(member) => assert!(named(&report, member), "byte {at} of {member}\n{report}"),
                // Headers and directory are the container's.
                None => assert!(report.failed().next().is_some(), "byte {at} of the headers"),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| half(0));
        half(1);
    });
}

/// Changes bytes inside members and packs them as a forger would: `repair` makes right what he can
/// make right. The content of members that `open` names is made again by that.
fn each_byte_of_the_members(step: usize, open: &[&str], repair: impl Fn(&mut Unpacked)) {
    let (sample, policy) = sample();
    for (number, (member, data)) in sample.unpacked.members.iter().enumerate() {
        // Each member begins with another byte, so that a step misses no place in all of them.
        for at in
            (number % step..data.len()).filter(|at| takes(Some(member), at - number % step, step))
        {
            let mut unpacked = sample.unpacked.clone();
            unpacked.members[number].1[at] = changed(data[at], at);
            repair(&mut unpacked);
            if unpacked.members == sample.unpacked.members {
                continue;
            }
            let report = verify(&unpacked.write(), &policy.ours, policy.now);
            assert!(!report.accepted(), "byte {at} of {member}");
            let named = named(&report, member) || open.contains(&member.as_str());
            assert!(named, "byte {at} of {member}\n{report}");
        }
    }
}

#[test]
fn a_changed_byte_is_found_and_the_report_names_the_file() {
    each_byte_of_the_file(61);
}

#[test]
fn a_changed_byte_under_a_right_checksum_is_found_and_named() {
    each_byte_of_the_members(97, &[], |_| ());
}

#[test]
fn a_changed_byte_under_a_right_manifest_is_found_and_named() {
    // The page is made again as well, and says nothing of its own then.
    each_byte_of_the_members(97, &[MANIFEST, PAGE], Unpacked::write_manifest);
}

/// All of them: a minute or two.
#[test]
#[ignore = "takes a minute; cargo xtask test runs it"]
fn each_changed_byte_is_found_and_the_report_names_the_file() {
    each_byte_of_the_file(1);
}

/// What only the seal finds once everything else is made right.
#[test]
fn the_seal_finds_what_was_made_right() {
    let (sample, policy) = sample();
    let mut unpacked = sample.unpacked.clone();
    unpacked.get_mut("log.vkey").pop();
    unpacked.write_manifest();
    let report = verify(&unpacked.write(), &policy.ours, policy.now);
    assert!(named(&report, SEAL), "{report}");
}
