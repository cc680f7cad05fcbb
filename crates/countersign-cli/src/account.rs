//! `countersign account …`: reports and reviews of the accounts in a database, which only an
//! import, a sweep and an erasure write.

mod administration;
mod erase;
mod import;
mod sweep;

use std::num::NonZeroU32;

use clap::{Args, Subcommand};
use countersign::provision::Policy;
use countersign::provision::report::{AccountReport, Reporter};
use countersign::provision::store::{UserQuery, UserStore, UserWithGrants};
use countersign::provision::user::UserState;
use countersign::review::{file, review_rows};
use countersign::{Clock, SystemClock, TenantId, Timestamp, blocking};
use countersign_sqlite::SqliteStore;
use serde_json::json;

use crate::input::{InputPath, Unreadable};
use crate::ledger::with_causes;
use crate::policy::load_sound;
use crate::progress::Progress;
use crate::style::{Page, Table, counted, dim, good, name, plain, warn};
use crate::verdict::Verdict;

/// What is left to do where an erasure could not be removed from the file yet.
const ERASURE_PENDING: &str =
    "somebody reads what was before: erase again, or sweep, to remove it from the file";

/// How many accounts are read at once.
const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(511);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say which accounts are unused, which grants nothing stands behind, which rules nobody
    /// matched, and what the next sweep would do. Nothing is written.
    Report(Report),
    /// Reviews of who has which role.
    #[command(subcommand)]
    Review(Review),
    /// Do to accounts and roles what time and an edited policy demand: what is unused moves on,
    /// what ran out is recorded, what no rule gives any more is taken. Each account is one
    /// transaction with its records.
    Sweep(sweep::Sweeping),
    /// Erase everything personal of an account that was deprovisioned and kept for long enough:
    /// its fields, links, vault keys, and the private parts of its records. Every record stays, and
    /// every proof still verifies.
    Erase(erase::Erasing),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Review {
    /// Print every live grant, for somebody to say of each `certify` or `revoke`: as CSV for a
    /// spreadsheet, with `--json` as JSON.
    Export(Accounts),
    /// Do what the answers of a review say: record what is certified, take what is revoked. The
    /// answers about one account are taken together or not at all.
    Import(import::Importing),
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    accounts: Accounts,
    /// List the grants that were first given at or after this instant, to be reviewed.
    #[arg(long, value_name = "RFC3339")]
    since: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct Accounts {
    /// The policy file.
    #[arg(long, value_name = "FILE")]
    policy: InputPath,
    /// The tenant; may be left out where the policy has one.
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantId>,
    /// The time to look at; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// The SQLite file; it is only read.
    database: InputPath,
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Report(report) => self::report(report),
        Command::Review(Review::Export(accounts)) => export(accounts),
        Command::Review(Review::Import(importing)) => import::run(importing),
        Command::Sweep(sweeping) => sweep::run(sweeping),
        Command::Erase(erasing) => erase::run(erasing),
    }
}

impl Accounts {
    fn now(&self) -> Timestamp {
        self.at.unwrap_or_else(|| SystemClock.now())
    }

    /// Hands each account to `look`, in the order of their ids.
    fn each(
        &self,
        tenant: &TenantId,
        mut look: impl FnMut(&UserWithGrants),
    ) -> Result<(), Unreadable> {
        let unreadable = |error: &dyn std::error::Error| {
            Unreadable::new(self.database.display(), with_causes(error))
        };
        let store = SqliteStore::open_read_only(&self.database);
        let store = store.map_err(|error| unreadable(&error))?;
        let mut query = UserQuery {
            tenant: tenant.clone(),
            states: std::collections::BTreeSet::new(),
            after: None,
            limit: PAGE,
        };
        let bar = Progress::new();
        let mut done: u64 = 0;
        loop {
            let page = blocking::wait(store.users(&query)).map_err(|error| unreadable(&error))?;
            page.iter().for_each(&mut look);
            done = done.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
            let is_last = page.len() < usize::try_from(PAGE.get()).unwrap_or(usize::MAX);
            let Some(last) = page.into_iter().next_back().filter(|_| !is_last) else {
                return Ok(());
            };
            query.after = Some(last.user.id);
            // Nobody counts the accounts beforehand: there is one page more at least.
            let more = done.saturating_add(u64::from(PAGE.get()));
            bar.at(done, more, || counted_accounts(done));
        }
    }
}

/// The tenant that is meant, if there can be no doubt.
fn tenant(given: Option<&TenantId>, policy: &Policy) -> Result<TenantId, Unreadable> {
    if let Some(tenant) = given {
        return Ok(tenant.clone());
    }
    let tenants = policy
        .connections()
        .map(|(_, connection)| &connection.tenant);
    let mut tenants: Vec<&TenantId> = tenants.collect();
    tenants.sort();
    tenants.dedup();
    match tenants.as_slice() {
        [tenant] => Ok((*tenant).clone()),
        _ => Err(Unreadable::new(
            "--tenant",
            "is needed: the policy has several",
        )),
    }
}

fn counted_accounts(accounts: u64) -> String {
    counted(usize::try_from(accounts).unwrap_or(usize::MAX), "account")
}

fn export(accounts: &Accounts) -> Result<Verdict, Unreadable> {
    let policy = load_sound("--policy", &accounts.policy)?;
    let tenant = tenant(accounts.tenant.as_ref(), &policy)?;
    let now = accounts.now();
    let mut rows = Vec::new();
    accounts.each(&tenant, |account| {
        rows.extend(review_rows(&policy, account, now));
    })?;
    let csv = file::to_csv(&rows);
    Ok(Verdict::Accepted {
        json: json!({ "tenant": tenant, "at": now, "rows": rows }),
        text: Page::verbatim(String::from_utf8_lossy(&csv)),
    })
}

fn report(report: &Report) -> Result<Verdict, Unreadable> {
    let accounts = &report.accounts;
    let policy = load_sound("--policy", &accounts.policy)?;
    let tenant = tenant(accounts.tenant.as_ref(), &policy)?;
    let now = accounts.now();
    let mut reporter = Reporter::new(&policy, &tenant, now, report.since);
    accounts.each(&tenant, |account| reporter.add(account))?;
    let found = reporter.finish();
    Ok(Verdict::Accepted {
        json: as_json(&tenant, now, &found),
        text: page(&tenant, &found),
    })
}

fn as_json(tenant: &TenantId, now: Timestamp, found: &AccountReport) -> serde_json::Value {
    let grants = |grants: &[countersign::provision::report::ReportedGrant]| {
        let grants = grants.iter().map(|grant| {
            json!({
                "user": grant.user,
                "grant": grant.grant,
                "role": grant.role,
                "granted_at": grant.granted_at,
            })
        });
        grants.collect::<Vec<_>>()
    };
    json!({
        "tenant": tenant,
        "at": now,
        "accounts": found.states.iter().map(|(state, count)| (state.name(), count)).collect::<std::collections::BTreeMap<_, _>>(),
        "seats_taken": found.seats_taken,
        "live_grants": found.grants,
        "unused": found.unused.iter().map(|unused| json!({
            "user": unused.user,
            "state": unused.state.name(),
            "unused_since": unused.unused_since,
            "due": unused.due.map(|step| step.to().name()),
        })).collect::<Vec<_>>(),
        "orphaned": found.orphaned.iter().map(|orphan| json!({
            "user": orphan.user,
            "grant": orphan.grant,
            "role": orphan.role,
            "reason": orphan.reason.code(),
        })).collect::<Vec<_>>(),
        "drifted": grants(&found.drifted),
        "new": grants(&found.new),
        "unmatched_rules": found.unmatched_rules,
    })
}

fn page(tenant: &TenantId, found: &AccountReport) -> Page {
    let mut page = Page::new();
    let total = found
        .states
        .values()
        .fold(0_u64, |sum, count| sum.saturating_add(*count));
    page.line(good(counted_accounts(total)).and(format!(" of {tenant}")));
    let mut rows = Table::new();
    for (state, count) in &found.states {
        rows.row([dim(state.name()), plain(count)]);
    }
    rows.row([dim("seats taken"), plain(found.seats_taken)]);
    rows.row([dim("live grants"), plain(found.grants)]);
    page.table(rows);

    let mut unused = Table::new().folded();
    for account in &found.unused {
        let due = match account.due.map(countersign::provision::Transition::to) {
            None => plain("the next sweep leaves it"),
            Some(UserState::Stale) => plain("the next sweep marks it stale"),
            Some(state) => warn(format!("the next sweep makes it {}", state.name())),
        };
        let since = format!("unused since {}", account.unused_since);
        let state = plain(account.state.name());
        unused.row([name(&account.user), state, plain(since), due]);
    }
    page.section("unused", unused);
    let mut orphaned = Table::new().folded();
    for orphan in &found.orphaned {
        let reason = warn(orphan.reason.code());
        let role = plain(format!("role {}", orphan.role));
        orphaned.row([name(&orphan.user), role, reason]);
    }
    page.section("grants that nothing stands behind", orphaned);
    let mut drifted = Table::new().folded();
    for grant in &found.drifted {
        let since = format!("given {}", grant.granted_at);
        let role = plain(format!("role {}", grant.role));
        drifted.row([name(&grant.user), role, plain(since)]);
    }
    page.section("grants under another policy", drifted);
    let mut new = Table::new().folded();
    for grant in &found.new {
        let role = plain(format!("role {}", grant.role));
        new.row([name(&grant.user), role, dim(&grant.grant)]);
    }
    page.section("new grants, to be reviewed", new);
    let mut rules = Table::new().folded();
    for rule in &found.unmatched_rules {
        rules.row([name(rule)]);
    }
    page.section("rules that nobody matched", rules);
    page
}
