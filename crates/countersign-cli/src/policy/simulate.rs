//! `countersign policy simulate`.

mod page;

use std::collections::BTreeMap;

use clap::Args;
use countersign::corpus::Corpus;
use countersign::provision::simulate::{Excess, Share};
use countersign::provision::store::UserStore;
use countersign::provision::{BlastRadius, PastSignIn, Policy, Simulation, Simulator};
use countersign::{RoleName, blocking};
use countersign_sqlite::SqliteStore;
use serde_json::{Value, json};

use self::page::page;
use super::load_sound;
use crate::input::{InputPath, Unreadable, open};
use crate::ledger::with_causes;
use crate::progress::Progress;
use crate::style::number;
use crate::verdict::Verdict;

/// Between two looks at how far it is.
const SIGN_INS_PER_STEP: u64 = 1000;

#[derive(Debug, Args)]
pub(crate) struct Trial {
    /// The policy that is in force.
    #[arg(long, value_name = "FILE")]
    old: InputPath,
    /// The policy that is to be.
    #[arg(long, value_name = "FILE")]
    new: InputPath,
    /// Sign-ins of the past, a line of JSON each (docs/spec/corpus.md); `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    corpus: InputPath,
    /// The accounts and grants that are there, in a SQLite file, which is only read; without it
    /// the corpus tells.
    #[arg(long, value_name = "DB")]
    database: Option<InputPath>,
    #[command(flatten)]
    limits: Limits,
    /// List the changes of so many people; all are counted.
    #[arg(long, value_name = "PEOPLE", default_value_t = 1000)]
    listing: usize,
}

/// What refuses the new policy.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits, each a share such as 5% or 0.25%")]
struct Limits {
    /// Refuse if more people lose a role or access.
    #[arg(long, value_name = "SHARE")]
    max_losing: Option<Share>,
    /// Refuse if more people lose access.
    #[arg(long, value_name = "SHARE")]
    max_losing_access: Option<Share>,
    /// Refuse if of any role more of those who have it lose it.
    #[arg(long, value_name = "SHARE")]
    max_losing_each_role: Option<Share>,
    /// Refuse if of this role more of those who have it lose it. May be given several times.
    #[arg(long, value_name = "ROLE=SHARE", value_parser = role_share)]
    limit: Vec<(RoleName, Share)>,
    /// Refuse if more people gain this role. May be given several times.
    #[arg(long, value_name = "ROLE=SHARE", value_parser = role_share)]
    max_gaining: Vec<(RoleName, Share)>,
    /// Refuse if more people gain any one of the privileged roles.
    #[arg(long, value_name = "SHARE")]
    max_gaining_privileged: Option<Share>,
}

fn role_share(text: &str) -> Result<(RoleName, Share), String> {
    let (role, share) = text
        .rsplit_once('=')
        .ok_or("is no role and share, such as `signer=5%`")?;
    let role = RoleName::new(role).map_err(|error| error.to_string())?;
    let share = share.parse::<Share>().map_err(|error| error.to_string())?;
    Ok((role, share))
}

/// Each role's limit; of several for one role the strictest, whichever stands last.
fn strictest(limits: &[(RoleName, Share)]) -> BTreeMap<RoleName, Share> {
    let mut strictest: BTreeMap<RoleName, Share> = BTreeMap::new();
    for (role, share) in limits {
        let most = strictest.entry(role.clone()).or_insert(*share);
        *most = (*most).min(*share);
    }
    strictest
}

impl Limits {
    fn blast_radius(&self) -> BlastRadius {
        let mut limits = BlastRadius::default();
        limits.losing = self.max_losing;
        limits.losing_access = self.max_losing_access;
        limits.losing_any_role = self.max_losing_each_role;
        limits.losing_role = strictest(&self.limit);
        limits.gaining_role = strictest(&self.max_gaining);
        limits.gaining_privileged = self.max_gaining_privileged;
        limits
    }
}

pub(super) fn run(trial: &Trial) -> Result<Verdict, Unreadable> {
    let old = load_sound("--old", &trial.old)?;
    let new = load_sound("--new", &trial.new)?;
    let store = match &trial.database {
        None => None,
        Some(path) => Some(
            SqliteStore::open_read_only(path)
                .map_err(|error| Unreadable::new(path.display(), with_causes(&error)))?,
        ),
    };
    let (corpus, bytes) = open(&trial.corpus)?;
    let mut corpus = Corpus::new(corpus);
    let mut simulator = Simulator::new(&old, &new).listing(trial.listing);
    let progress = Progress::new();
    let mut sign_ins = 0_u64;
    while let Some(sign_in) = corpus.next() {
        let sign_in = sign_in
            .map_err(|error| Unreadable::new(trial.corpus.display(), with_causes(&error)))?;
        match &store {
            None => simulator.add(&sign_in),
            Some(store) => add_known(&mut simulator, store, &sign_in)?,
        }
        sign_ins = sign_ins.saturating_add(1);
        if sign_ins.is_multiple_of(SIGN_INS_PER_STEP)
            && let Some(bytes) = bytes
        {
            let found = || format!("{} sign-ins", number(sign_ins));
            progress.at(corpus.bytes_read(), bytes, found);
        }
    }
    drop(progress);
    let simulation = simulator.finish();
    let excesses = simulation.excesses(&trial.limits.blast_radius());
    Ok(verdict(&old, &new, &simulation, &excesses))
}

fn add_known(
    simulator: &mut Simulator<'_>,
    store: &SqliteStore,
    sign_in: &PastSignIn,
) -> Result<(), Unreadable> {
    let [before, after] = simulator.queries(sign_in);
    let snapshot = |query| {
        blocking::wait(store.snapshot(query))
            .map_err(|error| Unreadable::new("--database", with_causes(&error)))
    };
    let known = snapshot(&before)?;
    // Mostly both ask for the same.
    let other = match before == after {
        true => None,
        false => Some(snapshot(&after)?),
    };
    simulator.add_known(sign_in, [&known, other.as_ref().unwrap_or(&known)]);
    Ok(())
}

fn verdict(old: &Policy, new: &Policy, simulation: &Simulation, excesses: &[Excess]) -> Verdict {
    let json = as_json(old, new, simulation, excesses);
    let text = page(simulation, excesses);
    match excesses.first() {
        None => Verdict::Accepted { json, text },
        Some(first) => Verdict::Refused {
            code: first.code().to_owned(),
            message: first.to_string(),
            json,
            text,
        },
    }
}

fn as_json(old: &Policy, new: &Policy, simulation: &Simulation, excesses: &[Excess]) -> Value {
    let outcomes = simulation.outcomes.iter().map(|((before, after), sign_ins)| {
        json!({ "before": before, "after": after, "sign_ins": sign_ins })
    });
    json!({
        "old_policy_hash": old.hash(),
        "new_policy_hash": new.hash(),
        "simulation": {
            "sign_ins": simulation.sign_ins,
            "first": simulation.first,
            "last": simulation.last,
            "people": simulation.people,
            "losing": simulation.losing,
            "losing_access": simulation.losing_access,
            "gaining_access": simulation.gaining_access,
            "losing_a_role": simulation.losing_a_role,
            "gaining_a_role": simulation.gaining_a_role,
            "changed": simulation.changed,
            "outcomes": outcomes.collect::<Vec<_>>(),
            "connections": simulation.connections,
            "roles": simulation.roles,
            "rules": simulation.rules,
            "never_matched": simulation.never_matched().collect::<Vec<_>>(),
            "affected": simulation.affected,
            "unlisted": simulation.unlisted,
        },
        "excesses": excesses.iter().map(|excess| json!({
            "code": excess.code(),
            "message": excess.to_string(),
        })).collect::<Vec<_>>(),
    })
}
