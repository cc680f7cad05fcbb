//! How large a store may grow before it gets slower: `countersign-benches scale`.
//!
//! A store is filled through its port in three steps, each ten times the one before, and at each
//! step the same few things are done: sign-ins of people who were never seen and of people who
//! were, one at a time and 64 at once; proofs of random leaves and sizes; the lookup that a sign-in
//! begins with. What these take, the memory of the process and the bytes on the disk are one row
//! each. Only these sign-ins are verified; everybody else was put there by [`crowd`].

mod crowd;
mod ground;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::Engine;
use countersign::audit::{LedgerReader, LedgerStore};
use countersign::provision::store::{SnapshotQuery, UserStore};
use countersign::saml::{Expect, Inbound};
use pollster::block_on;
use serde_json::{Value, json};

use crate::acme::Acme;
use crate::load::{Until, drive, integrating};
use crate::measure::now;
use crate::row::{number, quantile};
use crowd::Crowd;
use ground::Ground;

/// People of one commit while the store is filled: a thousand entries.
const PEOPLE_AT_ONCE: u64 = 200;

/// Entries that are added at once.
const ENTRIES_AT_ONCE: u64 = 1_000;

/// Threads that fill the store, beside the one that makes leaves.
const FILLERS: u64 = 2;

/// Entries that may wait for the ledger before nobody adds any more: what waited leaves free pages
/// behind, which would be counted as bytes on the disk.
const MOST_WAITING: u64 = 50_000;

/// How long to rest until the ledger has done something.
const REST: Duration = Duration::from_millis(2);

/// How long the store is left alone after it was filled.
const SETTLE: Duration = Duration::from_secs(2);

/// Below this many free bytes the disk is left to others.
const LEAST_FREE: u64 = 12 << 30;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    store: String,
    users: u64,
    entries: u64,
    calls: usize,
    minutes: u64,
}

impl Options {
    /// # Errors
    /// What is wrong with the arguments.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            store: "sqlite".to_owned(),
            users: 1_000_000,
            entries: 10_000_000,
            calls: 1_000,
            minutes: u64::MAX,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
            match argument.as_str() {
                "--store" => options.store.clone_from(value()?),
                "--users" => options.users = count(value()?, 100)?,
                "--entries" => options.entries = count(value()?, 100)?,
                "--minutes" => options.minutes = count(value()?, 1)?,
                "--brief" => {
                    (options.users, options.entries, options.calls) = (1_000, 10_000, 64);
                }
                other => return Err(format!("scale does not take `{other}`")),
            }
        }
        if !["sqlite", "postgres"].contains(&options.store.as_str()) {
            return Err(format!("`{}` is no store; sqlite, postgres", options.store));
        }
        Ok(options)
    }
}

fn count(text: &str, least: u64) -> Result<u64, String> {
    let count = text.replace('_', "").parse().ok();
    count
        .filter(|count| *count >= least)
        .ok_or_else(|| format!("`{text}` is no number from {least}"))
}

/// Fills the store step by step, and tells each row as soon as it is measured. When the time is up,
/// or the disk nearly full, the last step is as large as the store is by then.
pub(crate) fn run(options: &Options, tell: &mut dyn FnMut(Value)) {
    let ground = Ground::new(&options.store);
    let acme = Acme::at_this_time();
    let engine = acme.engine(Arc::new(ground.store()));
    let crowd = Crowd::like_somebody(&acme, &engine, &*ground.store());
    let mut filled = Filled::default();
    let (start, limit) = (now(), options.minutes.saturating_mul(60));
    for part in [100, 10, 1] {
        let step = |all: u64| all.checked_div(part).unwrap_or(all);
        let (users, entries) = (step(options.users), step(options.entries));
        let mut step = Step {
            options,
            ground: &ground,
            acme: &acme,
            engine: &engine,
            crowd: &crowd,
            users,
            entries,
            is_over: &|| start.elapsed().as_secs() >= limit || ground.free_bytes() < LEAST_FREE,
            tell,
        };
        step.fill(&mut filled);
        step.measure(&mut filled);
        if (step.users, step.entries) != (users, entries) {
            eprintln!("scale: stopped on the way to {users} users and {entries} entries");
            return;
        }
    }
}

/// What was put into the store until now.
#[derive(Debug, Default)]
struct Filled {
    people: u64,
    refusals: u64,
    /// People who signed in and were measured, so that nobody comes twice.
    measured: u64,
}

struct Step<'a> {
    options: &'a Options,
    ground: &'a Ground,
    acme: &'a Acme,
    engine: &'a Engine,
    crowd: &'a Crowd,
    users: u64,
    entries: u64,
    /// Whether the time or the disk has come to its end.
    is_over: &'a (dyn Fn() -> bool + Sync),
    tell: &'a mut dyn FnMut(Value),
}

/// What was done of some work.
struct Done {
    /// Where it began and ends.
    from: u64,
    to: u64,
    seconds: f64,
    /// Bytes on the disk that it took.
    bytes: u64,
}

impl Step<'_> {
    fn row(&mut self, subject: &str, members: &[(&str, f64)]) {
        let mut row = json!({
            "bench": "scale", "store": self.options.store, "users": self.users,
            "entries": self.entries, "subject": subject,
        });
        if let Value::Object(row) = &mut row {
            for (name, value) in members {
                row.insert((*name).to_owned(), number(*value));
            }
        }
        (self.tell)(row);
    }

    /// Adds people and entries until there are as many as the step wants, or as can be.
    fn fill(&mut self, filled: &mut Filled) {
        let crowd = self.crowd;
        let from = filled.people;
        let people = |people: Range<u64>| {
            let change = crowd.arrive(people);
            block_on(self.ground.store().commit(&change)).expect("a working disk");
            u64::try_from(change.entries.len()).unwrap_or(u64::MAX)
        };
        let arrived = self.work(from..self.users.max(from), PEOPLE_AT_ONCE, &people);
        filled.people = arrived.to;

        let to = self.entries.saturating_sub(self.size());
        let to = filled.refusals.saturating_add(to);
        let refusals = |refusals: Range<u64>| {
            let entries = crowd.refusals(refusals);
            block_on(self.ground.store().enqueue(&entries)).expect("a working disk");
            u64::try_from(entries.len()).unwrap_or(u64::MAX)
        };
        let refused = self.work(filled.refusals..to, ENTRIES_AT_ONCE, &refusals);
        filled.refusals = refused.to;
        // What could be done of the step is what its rows are about.
        self.users = self.users.min(arrived.to);
        if refused.to < to {
            self.entries = self.size();
        }
        self.filling("user", &arrived);
        self.filling("entry", &refused);
    }

    fn size(&self) -> u64 {
        block_on(self.ground.store().size()).expect("a size")
    }

    fn filling(&mut self, what: &str, done: &Done) {
        let count = float(done.to.saturating_sub(done.from));
        if count > 0.0 {
            let (per_second, bytes) = (count / done.seconds, float(done.bytes) / count);
            self.row(&format!("{what}: filled"), &[("per_second", per_second)]);
            self.row(&format!("{what}: disk"), &[("bytes", bytes)]);
        }
    }

    /// Does `range` in pieces on several threads, while another makes leaves; ends when all are
    /// leaves below a checkpoint.
    fn work(
        &self,
        range: Range<u64>,
        at_once: u64,
        work: &(impl Fn(Range<u64>) -> u64 + Sync),
    ) -> Done {
        let (before, start) = (self.ground.bytes(), now());
        let (store, is_over) = (self.ground.store(), self.is_over);
        let size = || block_on(store.size()).expect("a size");
        let (old_size, added) = (size(), AtomicU64::new(0));
        let next = AtomicU64::new(range.start);
        let fill = || {
            // What was taken is done, so that there is no gap when it is over.
            while !is_over() {
                let first = next.fetch_add(at_once, Ordering::Relaxed);
                let end = first.saturating_add(at_once).min(range.end);
                if first >= end {
                    return;
                }
                added.fetch_add(work(first..end), Ordering::Relaxed);
                let all = old_size.saturating_add(added.load(Ordering::Relaxed));
                while all.saturating_sub(size()) > MOST_WAITING {
                    std::thread::sleep(REST);
                }
            }
        };
        integrating(&self.engine.ledger(), || {
            std::thread::scope(|scope| {
                for _ in 0..FILLERS {
                    scope.spawn(fill);
                }
            });
        });
        block_on(self.engine.checkpoint()).expect("a sound ledger");
        Done {
            from: range.start,
            to: next.load(Ordering::Relaxed).min(range.end),
            seconds: start.elapsed().as_secs_f64(),
            bytes: self.ground.bytes().saturating_sub(before),
        }
    }

    fn measure(&mut self, filled: &mut Filled) {
        // What filling left to be done is not a sign-in's to wait for.
        std::thread::sleep(SETTLE);
        for (subject, is_known, at_once) in [
            ("sign-in: first, 1", false, 1),
            ("sign-in: again, 1", true, 1),
            ("sign-in: first, 64", false, 64),
            ("sign-in: again, 64", true, 64),
        ] {
            self.sign_ins(subject, is_known, at_once, filled);
        }
        let size = self.size();
        let reader = LedgerReader::new(self.ground.ledger_store());
        let mut random = Random(1);
        let mut leaf = || random.below(size);
        self.each("proof: inclusion", || {
            drop(block_on(reader.inclusion_proof(leaf(), size)).expect("a leaf of the tree"));
        });
        let mut old = || random.below(size).max(1);
        self.each("proof: consistency", || {
            drop(block_on(reader.consistency_proof(old(), size)).expect("an older tree"));
        });
        let store = self.ground.store();
        let users = self.users;
        let mut person = || random.below(users);
        let (crowd, acme) = (self.crowd, self.acme);
        self.each("lookup: by link", || {
            let query = SnapshotQuery {
                tenant: crowd.tenant().clone(),
                connection: acme.connection.clone(),
                subject: crowd.subject(person()),
                email: None,
                guarded_roles: [].into(),
                seats: false,
                once: None,
                now: acme.time(),
            };
            let found = block_on(store.snapshot(&query)).expect("a working disk");
            assert!(found.linked.is_some(), "whoever was put there is found");
        });
        let disk = float(self.ground.bytes());
        self.row("disk", &[("bytes", disk)]);
        if let Some(bytes) = ground::memory() {
            self.row("memory", &[("bytes", float(bytes))]);
        }
    }

    /// Times each of many calls.
    fn each(&mut self, subject: &str, mut call: impl FnMut()) {
        let calls = self.options.calls;
        let warm_up = calls / 10;
        let mut waits = Vec::with_capacity(calls);
        for turn in 0..calls.saturating_add(warm_up) {
            let start = now();
            call();
            if turn >= warm_up {
                waits.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
        self.latencies(subject, waits);
    }

    fn latencies(&mut self, subject: &str, waits_us: Vec<f64>) {
        let (median, p99) = (quantile(waits_us.clone(), 50), quantile(waits_us, 99));
        self.row(subject, &[("median_us", median), ("p99_us", p99)]);
    }

    fn sign_ins(&mut self, subject: &str, is_known: bool, at_once: usize, filled: &mut Filled) {
        let each = match at_once {
            1 => self.options.calls / 4,
            _ => self.options.calls / 32,
        };
        let at_once = at_once.min(usize::try_from(self.users).unwrap_or(at_once));
        let mut responses = Vec::new();
        for _ in 0..each.saturating_mul(at_once) {
            filled.measured = filled.measured.saturating_add(1);
            let person = match is_known {
                // All over those who were put there, and nobody twice at once: the factor is a
                // prime.
                true => filled
                    .measured
                    .wrapping_mul(1_000_003)
                    .checked_rem(self.users),
                false => u64::MAX.checked_sub(filled.measured),
            };
            let person = person.unwrap_or(0);
            let id = format!("s{}", filled.measured);
            let name = crowd::name(person);
            responses.push((person, self.acme.response_with_id(&id, &name, 3)));
        }
        let responses = Mutex::new(responses);
        let before = self.ground.bytes();
        let load = integrating(&self.engine.ledger(), || {
            drive(at_once, Until::Calls(each), |_| {
                || {
                    let next = responses.lock().expect("nobody panicked").pop();
                    let (person, response) = next.expect("one for each call");
                    let message = Inbound::Xml(&response);
                    let connection = &self.acme.connection;
                    let outcome = block_on(self.engine.sign_in(
                        connection,
                        message,
                        Expect::Unsolicited,
                    ));
                    let session = crowd::admitted(outcome);
                    assert!(!is_known || *session.user() == self.crowd.user(person));
                }
            })
        });
        block_on(self.engine.checkpoint()).expect("a sound ledger");
        let count = load.waits_ms.len();
        let waits = load.waits_ms.iter().map(|wait| wait * 1e3).collect();
        self.latencies(subject, waits);
        let bytes = self.ground.bytes().saturating_sub(before);
        let count = float(u64::try_from(count).unwrap_or(u64::MAX));
        self.row(
            &format!("{subject}: disk"),
            &[("bytes", float(bytes) / count)],
        );
    }
}

/// A count as a float.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

/// Numbers in no order, the same each time [Steele, Lea, Flood: SplitMix64].
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)).checked_rem(limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn arguments() {
        let options = parse(&["--users", "1_000", "--store", "postgres"]).unwrap();
        assert_eq!((options.users, options.store.as_str()), (1_000, "postgres"));
        assert_eq!(parse(&[]).unwrap().entries, 10_000_000);
        for wrong in [
            &["--users"][..],
            &["--users", "7"],
            &["--entries", "many"],
            &["--store", "memory"],
            &["--fast"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_brief_run_measures_each_step_and_finds_everybody() {
        let mut options = parse(&[]).unwrap();
        (options.users, options.entries, options.calls) = (300, 3_000, 64);
        let mut rows = Vec::new();
        run(&options, &mut |row| rows.push(row));
        let of = |subject: &str| {
            let rows = rows.iter().filter(|row| row["subject"] == subject);
            rows.map(|row| row["users"].as_u64().unwrap())
                .collect::<Vec<_>>()
        };
        for subject in [
            "sign-in: again, 64",
            "proof: consistency",
            "lookup: by link",
            "disk",
        ] {
            assert_eq!(of(subject), [3, 30, 300], "{subject}");
        }
    }
}
