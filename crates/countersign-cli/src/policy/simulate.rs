//! `countersign policy simulate`.

use clap::Args;
use countersign::corpus::Corpus;
use countersign::provision::simulate::{Excess, PersonChange, Share};
use countersign::provision::store::UserStore;
use countersign::provision::{BlastRadius, PastSignIn, Policy, Simulation, Simulator};
use countersign::{RoleName, blocking};
use countersign_sqlite::SqliteStore;
use serde_json::{Value, json};

use super::load_sound;
use crate::input::{InputPath, Unreadable, open};
use crate::ledger::with_causes;
use crate::progress::Progress;
use crate::style::{Line, Page, Table, bad, counted, dim, good, name, number, plain, warn};
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

impl Limits {
    fn blast_radius(&self) -> BlastRadius {
        let mut limits = BlastRadius::default();
        limits.losing = self.max_losing;
        limits.losing_access = self.max_losing_access;
        limits.losing_any_role = self.max_losing_each_role;
        limits.losing_role = self.limit.iter().cloned().collect();
        limits.gaining_role = self.max_gaining.iter().cloned().collect();
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

fn page(simulation: &Simulation, excesses: &[Excess]) -> Page {
    let mut page = Page::new();
    for excess in excesses.iter().skip(1) {
        page.line(bad("also").and(format!(": {}: {excess}", excess.code())));
    }
    if !excesses.is_empty() {
        page.blank();
    }
    summary(simulation, &mut page);
    roles(simulation, &mut page);
    connections(simulation, &mut page);
    people(simulation, &mut page);
    rules(simulation, &mut page);
    page
}

/// A count, and what share of all it is; quiet where there is nothing to see.
fn share(count: u64, of: u64, tone: fn(String) -> Line) -> [Line; 2] {
    if count == 0 {
        return [dim("none"), plain("")];
    }
    let tenths = u128::from(count)
        .saturating_mul(1000)
        .checked_div(u128::from(of));
    let tenths = tenths.unwrap_or_default();
    let (whole, tenth) = (tenths / 10, tenths % 10);
    [tone(number(count)), dim(format_args!("{whole}.{tenth}%"))]
}

fn summary(simulation: &Simulation, page: &mut Page) {
    let Simulation {
        people,
        sign_ins,
        losing,
        ..
    } = simulation;
    let is_same = simulation.affected.is_empty() && simulation.unlisted == 0;
    let change = match (is_same, losing) {
        (true, _) => good("nothing changes"),
        (false, 0) => good("nobody loses anything"),
        (false, 1) => warn("1 person loses a role or access"),
        (false, losing) => warn(format_args!(
            "{} people lose a role or access",
            number(*losing)
        )),
    };
    let of = match people {
        1 => ", of 1 person in ".to_owned(),
        people => format!(", of {} people in ", number(*people)),
    };
    page.line(change.and(of).and(match sign_ins {
        1 => "1 sign-in".to_owned(),
        sign_ins => format!("{} sign-ins", number(*sign_ins)),
    }));
    let mut table = Table::new().right(1).right(2);
    let tone_bad: fn(String) -> Line = bad;
    for (what, count, tone) in [
        ("lose access", simulation.losing_access, tone_bad),
        ("lose a role", simulation.losing_a_role, bad),
        ("gain access", simulation.gaining_access, good),
        ("gain a role", simulation.gaining_a_role, good),
        ("another time or scope", simulation.changed, warn),
    ] {
        let [count, share] = share(count, *people, tone);
        table.row([plain(what), count, share, plain("")]);
    }
    page.table(table);
    if let (Some(first), Some(last)) = (simulation.first, simulation.last) {
        page.line(dim(format_args!("signed in from {first} to {last}")));
    }
}

fn roles(simulation: &Simulation, page: &mut Page) {
    let mut table = Table::new()
        .right(1)
        .right(2)
        .right(3)
        .right(4)
        .right(5)
        .folded();
    table.row(
        [
            "role",
            "before",
            "after",
            "lose it",
            "gain it",
            "otherwise",
            "",
        ]
        .map(dim),
    );
    for (role, totals) in &simulation.roles {
        let count = |count: u64, tone: fn(String) -> Line| match count {
            0 => dim("-"),
            count => tone(number(count)),
        };
        table.row([
            name(role),
            plain(number(totals.before)),
            plain(number(totals.after)),
            count(totals.lost, bad),
            count(totals.gained, if totals.privileged { warn } else { good }),
            count(totals.changed, warn),
            if totals.privileged {
                warn("privileged")
            } else {
                plain("")
            },
        ]);
    }
    page.heading("roles, by people");
    page.table(table);
}

fn connections(simulation: &Simulation, page: &mut Page) {
    if simulation.connections.len() < 2 {
        return;
    }
    let mut table = Table::new()
        .right(1)
        .right(2)
        .right(3)
        .right(4)
        .right(5)
        .folded();
    table.row(
        [
            "connection",
            "people",
            "lose access",
            "gain access",
            "lose a role",
            "gain a role",
            "",
        ]
        .map(dim),
    );
    for (connection, totals) in &simulation.connections {
        let count = |count: u64, tone: fn(String) -> Line| match count {
            0 => dim("-"),
            count => tone(number(count)),
        };
        table.row([
            name(connection),
            plain(number(totals.people)),
            count(totals.losing_access, bad),
            count(totals.gaining_access, good),
            count(totals.losing_a_role, bad),
            count(totals.gaining_a_role, good),
            plain(""),
        ]);
    }
    page.heading("connections, by people");
    page.table(table);
}

fn people(simulation: &Simulation, page: &mut Page) {
    let who = |change: &PersonChange| match &change.email {
        Some(email) => plain(email),
        None => plain(change.subject.subject()),
    };
    let mut losing = Table::new().folded();
    let mut gaining = Table::new().folded();
    let mut otherwise = Table::new().folded();
    for change in &simulation.affected {
        let at = || dim(&change.connection);
        let because = |standing: &countersign::provision::simulate::Standing| {
            let reason = standing.reason.as_ref();
            reason.map_or_else(|| plain(""), plain)
        };
        if change.loses_access() {
            losing.row([who(change), at(), bad("access"), because(&change.after)]);
        }
        if change.gains_access() {
            gaining.row([who(change), at(), good("access"), because(&change.after)]);
        }
        for (role, cause) in &change.lost {
            losing.row([who(change), at(), name(role), plain(cause)]);
        }
        for (role, cause) in &change.gained {
            let before = plain("before: ").and(plain(cause));
            gaining.row([who(change), at(), name(role), before]);
        }
        for (role, altered) in &change.changed {
            let terms = |held: &countersign::provision::simulate::Held| {
                let mut terms = super::until(held.expires_at);
                let scope: Vec<_> = held.scope.iter().map(ToString::to_string).collect();
                if !scope.is_empty() {
                    terms = terms.and(format!(" for {}", scope.join(", ")));
                }
                terms
            };
            let line = terms(&altered.before)
                .and(", then ")
                .and(terms(&altered.after));
            otherwise.row([who(change), at(), name(role), line]);
        }
    }
    page.section("who loses what", losing);
    page.section("who gains what", gaining);
    page.section("who has what for another time or scope", otherwise);
    if simulation.unlisted > 0 {
        let unlisted = number(simulation.unlisted);
        page.line(dim(format_args!(
            "  and {unlisted} more people (--listing counts how many are listed)"
        )));
    }
}

fn rules(simulation: &Simulation, page: &mut Page) {
    let mut table = Table::new().right(1).right(2).right(3).right(4).folded();
    table.row(["rule", "matched", "matches", "losing", "gaining", ""].map(dim));
    let mut any = false;
    for (rule, totals) in &simulation.rules {
        let differs = totals.matched_before != totals.matched_after
            || totals.losing > 0
            || totals.gaining > 0
            || totals.in_old != totals.in_new;
        if differs {
            any = true;
            let count = |is_there: bool, count: u64| match is_there {
                true => plain(number(count)),
                false => dim("-"),
            };
            table.row([
                name(rule),
                count(totals.in_old, totals.matched_before),
                count(totals.in_new, totals.matched_after),
                count(totals.losing > 0, totals.losing),
                count(totals.gaining > 0, totals.gaining),
                match (totals.in_old, totals.in_new) {
                    (false, true) => good("new"),
                    (true, false) => bad("gone"),
                    _ => plain(""),
                },
            ]);
        }
    }
    if any {
        page.heading("rules that differ, by sign-ins and people");
        page.table(table);
    }
    let idle: Vec<_> = simulation.never_matched().collect();
    if !idle.is_empty() {
        let mut table = Table::new().folded();
        for rule in &idle {
            table.row([name(rule)]);
        }
        let heading = format!(
            "{} of the new policy that matched nobody",
            counted(idle.len(), "rule")
        );
        page.section(heading, table);
    }
}
