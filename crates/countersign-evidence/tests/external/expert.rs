//! Another verifier, written from the specification in another language, and ours: what do they
//! say about bundles of every shape, and about thousands of changed ones?

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

#[path = "../everything/mod.rs"]
mod everything;
#[path = "../forge/mod.rs"]
mod forge;
#[path = "../../../countersign-audit/tests/support/mod.rs"]
mod support;
#[path = "../unpacked/mod.rs"]
mod unpacked;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use countersign_evidence::{Claim, Disclosure, Export, Status, verify};
use countersign_testkit::keys::IDP_RSA_2048_CERTIFICATE;
use everything::Everything;
use forge::attached::cases;
use forge::court::{Court, NOW, Policy, base64, policy};
use forge::mutation::{self, Mutant, Sample};
use forge::provider::Provider;
use forge::random::Random;
use forge::{Plan, published};
use serde::Deserialize;
use serde_json::json;

/// The verifier in Python, at work until it is dropped.
struct Expert {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What the expert says about a bundle.
#[derive(Debug, Deserialize)]
struct Verdict {
    accepted: bool,
    /// Claim, member, why.
    failed: Vec<(String, String, String)>,
    /// Claims that have lines, all of which are proved.
    proved: BTreeSet<String>,
}

impl Expert {
    /// `page` is the published page, without members.
    fn start(page: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let page_file = folder.path().join("certificate.html");
        std::fs::write(&page_file, page).unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut child = Command::new(countersign_testkit::providers::python())
            .args(["-W", "ignore"])
            .arg(here.join("tests/expert/expert.py"))
            .arg(here.join("src/VERIFY.md"))
            .arg(&page_file)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let mut expert = Self {
            asks: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        // It has read the page once it says that it is ready.
        assert_eq!(expert.line(), "ready\n");
        expert
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line
    }

    fn judge(&mut self, policy: &str, bundle: &[u8]) -> Verdict {
        writeln!(self.asks, "{} {}", policy.len(), bundle.len()).unwrap();
        self.asks.write_all(policy.as_bytes()).unwrap();
        self.asks.write_all(bundle).unwrap();
        self.asks.flush().unwrap();
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Expert {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What our verifier says, in the words of the other.
struct Ours {
    accepted: bool,
    /// What failed, and what it is about.
    failed: BTreeSet<(String, String)>,
    /// Claims that have lines, all of which are proved.
    proved: BTreeSet<String>,
}

fn ours(bundle: &[u8], policy: &Policy) -> Ours {
    let report = verify(bundle, &policy.ours, policy.now);
    let mut proved: BTreeSet<String> = BTreeSet::new();
    let mut not: BTreeSet<String> = BTreeSet::new();
    let mut failed = BTreeSet::new();
    for line in report.lines() {
        let claim = line.claim.as_str().to_owned();
        match line.status {
            Status::Proved => proved.insert(claim),
            Status::Failed => {
                failed.insert((claim.clone(), line.subject.clone()));
                not.insert(claim)
            }
            _ => not.insert(claim),
        };
    }
    proved.retain(|claim| !not.contains(claim));
    Ours {
        accepted: report.accepted(),
        failed,
        proved,
    }
}

/// The first claim that failed, in the order of bundle.md §6.
fn first<'a>(failed: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let failed: BTreeSet<&str> = failed.collect();
    let claims = Claim::ALL.iter().map(|claim| claim.as_str());
    claims.into_iter().find(|claim| failed.contains(claim))
}

/// Why the two disagree, if they do.
fn disagreement(ours: &Ours, theirs: &Verdict) -> Option<String> {
    let our_first = first(ours.failed.iter().map(|(claim, _)| claim.as_str()));
    let their_first = first(theirs.failed.iter().map(|(claim, _, _)| claim.as_str()));
    let what = if ours.accepted != theirs.accepted {
        "accepted"
    } else if our_first != their_first {
        "what failed first"
    } else {
        return None;
    };
    Some(format!(
        "{what}: ours {} {:?}, the expert's {} {:?}",
        ours.accepted, ours.failed, theirs.accepted, theirs.failed
    ))
}

fn court() -> Court {
    Court::new(Provider::ed25519())
}

/// Bundles of many shapes to change: the one that has everything, and random ones.
fn samples(court: &Court, count: u64) -> Vec<Sample> {
    let plans = (1..count).map(|seed| Plan {
        tokens: usize::try_from(seed % 3).unwrap(),
        ..Plan::random(seed)
    });
    let plans = [Plan::full()].into_iter().chain(plans);
    plans.map(|plan| Sample::new(plan, &court.by)).collect()
}

/// Makes `count` mutants and asks both verifiers about each.
fn agree(seed: u64, count: usize, mutate: impl Fn(&[Sample], &mut Random, &Court) -> Mutant) {
    let court = court();
    let samples = samples(&court, 10);
    let policies = court.policies();
    let mut expert = Expert::start(&court.by.page);
    let random = &mut Random::new(seed);
    let mut disagreements = Vec::new();
    let (mut accepted, mut firsts) = (0, BTreeMap::new());
    for number in 0..count {
        let mutant = mutate(&samples, random, &court);
        // Whoever trusts most sees most.
        let policy = match number % 3 {
            0 => &policies[0],
            1 => &policies[1],
            _ => random.pick(&policies),
        };
        let ours = ours(&mutant.bytes, policy);
        let theirs = expert.judge(&policy.theirs, &mutant.bytes);
        accepted += usize::from(ours.accepted);
        let class = first(ours.failed.iter().map(|(claim, _)| claim.as_str()));
        *firsts.entry(class).or_insert(0) += 1;
        if let Some(why) = disagreement(&ours, &theirs) {
            disagreements.push(format!(
                "{number} {}; trusts {}: {why}",
                mutant.what, policy.name
            ));
        }
    }
    println!("{count} mutants, {accepted} accepted, first failed: {firsts:#?}");
    let shown = disagreements
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        disagreements.is_empty(),
        "{} of {count}:\n{shown}",
        disagreements.len()
    );
}

/// Bundles as the writer makes them, with everything and with little.
#[test]
#[ignore = "runs cryptography; cargo xtask test runs it"]
fn both_accept_what_is_exported() {
    let mut expert = Expert::start(&published::page());
    let everything = Everything::new();
    let (log, root) = (
        everything::log_key().to_string(),
        base64(everything.roots.certificate()),
    );
    let trusting = policy(
        "everybody",
        json!({
            "log_keys": [log], "witnesses": {"k": 1, "keys": [everything.witness.to_string()]},
            "time_authorities": [root], "sealers": [root],
            "identity_providers": [base64(IDP_RSA_2048_CERTIFICATE)],
            "claims": ["consent", "document", "attachment", "opening"],
        }),
        NOW,
    );
    let plain = policy("the log", json!({"log_keys": [log]}), NOW);
    let [nurse, _] = &everything.walks;
    let one = Export::of(nurse.signed.leaf());
    for (policy, request) in [
        (&trusting, everything.request()),
        (&plain, one.clone()),
        (&plain, one.clone().assertions(true)),
        (&plain, one.disclose(Disclosure::fields(["printed_name"]))),
    ] {
        let bundle = everything.export(&request);
        let (ours, theirs) = (ours(&bundle, policy), expert.judge(&policy.theirs, &bundle));
        assert!(
            ours.accepted && theirs.accepted,
            "{:?} {theirs:?}",
            ours.failed
        );
        assert_eq!(ours.proved, theirs.proved);
    }
}

#[test]
#[ignore = "runs cryptography; cargo xtask test runs it"]
fn both_say_the_same_of_bundles_of_every_shape() {
    let court = court();
    let mut expert = Expert::start(&court.by.page);
    let policies = court.policies();
    let mut disagreements = Vec::new();
    for seed in 0..100 {
        let sample = Sample::new(Plan::random(seed), &court.by);
        for policy in &policies {
            let ours = ours(&sample.bytes, policy);
            let theirs = expert.judge(&policy.theirs, &sample.bytes);
            let why = disagreement(&ours, &theirs).or_else(|| {
                let differs = ours.proved != theirs.proved;
                differs.then(|| format!("proved: {:?}, {:?}", ours.proved, theirs.proved))
            });
            if let Some(why) = why {
                disagreements.push(format!(
                    "{seed} trusts {}: {why}\n{:?}",
                    policy.name, sample.plan
                ));
            }
        }
        let ours = ours(&sample.bytes, &court.log());
        assert!(ours.accepted, "{:?} {:?}", ours.failed, sample.plan);
    }
    let shown = disagreements
        .iter()
        .take(10)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        disagreements.is_empty(),
        "{}:\n{shown}",
        disagreements.len()
    );
}

/// What a provider really signed, and of something else.
#[test]
#[ignore = "runs cryptography; cargo xtask test runs it"]
fn both_refuse_what_was_said_of_something_else() {
    let court = court();
    let policy = court.full();
    let mut expert = Expert::start(&court.by.page);
    for case in cases() {
        let plan = case.plan();
        let mut story = plan.story(&court.by.provider);
        (case.wrote)(&mut story);
        let bundle = plan.bundle(&story, &court.by).write();
        let (ours, theirs) = (
            ours(&bundle, &policy),
            expert.judge(&policy.theirs, &bundle),
        );
        let why = disagreement(&ours, &theirs);
        assert_eq!(why, None, "{}", case.name);
        let first = first(theirs.failed.iter().map(|(claim, _, _)| claim.as_str()));
        assert_eq!(first, Some(case.claim), "{}: {theirs:?}", case.name);
    }
}

#[test]
#[ignore = "runs cryptography; cargo xtask test runs it"]
fn both_refuse_the_same_damaged_files() {
    agree(1, 3_500, |samples, random, _| {
        let sample = &samples[random.below(samples.len())];
        mutation::raw(sample, random)
    });
}

#[test]
#[ignore = "runs cryptography; cargo xtask test runs it"]
fn both_refuse_the_same_changed_members() {
    agree(2, 5_000, |samples, random, court| {
        let sample = &samples[random.below(samples.len())];
        let other = &samples[random.below(samples.len())];
        mutation::members(sample, other, random, &court.by)
    });
}

#[test]
#[ignore = "runs cryptography; cargo xtask test runs it"]
fn both_refuse_the_same_records_of_a_log_whose_operator_lies() {
    agree(3, 1_500, |samples, random, court| {
        let sample = &samples[random.below(samples.len())];
        mutation::operator(sample, random, &court.by)
    });
}
