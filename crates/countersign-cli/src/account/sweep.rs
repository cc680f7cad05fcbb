//! `countersign account sweep`.

use std::sync::Arc;

use clap::Args;
use countersign::{
    Clock, EngineError, ManualClock, Sweep, SweepReport, SystemClock, Timestamp, blocking,
};
use serde_json::{Value, json};

use super::administration::{Access, Administered, Administration, Answer};
use super::{ERASURE_PENDING, counted_accounts};
use crate::input::Unreadable;
use crate::ledger::with_causes;
use crate::progress::Progress;
use crate::style::{Page, Table, bad, counted, dim, good, name, plain, warn};
use crate::verdict::Verdict;

/// How many accounts are swept between two looks at how far it is.
const STEP: u64 = 256;

#[derive(Debug, Args)]
pub(crate) struct Sweeping {
    /// Say what would be done, each account looked at by itself, and write nothing: the database
    /// is opened for reading only.
    #[arg(long)]
    dry_run: bool,
    /// The time to look at in a dry run; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339", requires = "dry_run")]
    at: Option<Timestamp>,
    #[command(flatten)]
    administered: Administered,
}

pub(super) fn run(sweeping: &Sweeping) -> Result<Verdict, Unreadable> {
    let (access, dry_run) = match sweeping.dry_run {
        true => (Access::Read, true),
        false => (Access::Write, false),
    };
    let clock: Arc<dyn Clock> = match sweeping.at {
        Some(at) => Arc::new(ManualClock::new(at)),
        None => Arc::new(SystemClock),
    };
    let administered = &sweeping.administered;
    let administration = match administered.open(access, clock)? {
        Ok(administration) => administration,
        Err(refused) => return Ok(refused),
    };
    let mut report = SweepReport::default();
    sweep(&administration, dry_run, &mut report).map_err(|error| {
        let swept = counted_accounts(report.accounts);
        let error = with_causes(&error);
        let why = match dry_run {
            true => error,
            false => format!("{error}; {swept} had been swept, and stay so"),
        };
        Unreadable::new(administered.database().display(), why)
    })?;
    let answer = Answer {
        refusal: None,
        members: as_json(&administration, &report, dry_run),
        page: page(&administration, &report, dry_run),
    };
    let is_idle = report.policy.is_none()
        && report.moved.is_empty()
        && report.expired.is_empty()
        && report.changed.is_empty()
        && report.unclaimed == 0;
    Ok(match dry_run || is_idle {
        true => answer.verdict(Value::Null),
        false => administration.seal(answer),
    })
}

/// Goes over all accounts, and adds to the report as it goes.
fn sweep(
    administration: &Administration,
    dry_run: bool,
    report: &mut SweepReport,
) -> Result<(), EngineError> {
    let bar = Progress::new();
    loop {
        let mut sweep = Sweep::new().at_most(STEP);
        if dry_run {
            sweep = sweep.dry_run();
        }
        if let Some(user) = report.next.take() {
            sweep = sweep.after(user);
        }
        let step = administration.engine.sweep(&administration.tenant, &sweep);
        let mut step = blocking::wait(step)?;
        report.accounts = report.accounts.saturating_add(step.accounts);
        report.moved.append(&mut step.moved);
        report.expired.append(&mut step.expired);
        report.changed.append(&mut step.changed);
        report.kept.append(&mut step.kept);
        report.skipped.append(&mut step.skipped);
        report.policy = report.policy.or(step.policy);
        report.unclaimed = report.unclaimed.saturating_add(step.unclaimed);
        report.erasure_pending = step.erasure_pending;
        report.next = step.next;
        if report.next.is_none() {
            return Ok(());
        }
        // Nobody counts the accounts beforehand: there is one more step at least.
        let done = report.accounts;
        bar.at(done, done.saturating_add(STEP), || counted_accounts(done));
    }
}

/// Whether the ledger learns, or would learn, that another policy is in force.
fn changes_policy(administration: &Administration) -> bool {
    let here = administration.engine.policy().hash();
    administration.policy_on_record != Some(here)
}

fn as_json(administration: &Administration, report: &SweepReport, dry_run: bool) -> Value {
    let policy = changes_policy(administration).then(|| {
        json!({
            "before": administration.policy_on_record,
            "after": administration.engine.policy().hash(),
        })
    });
    json!({
        "tenant": administration.tenant,
        "dry_run": dry_run,
        "accounts": report.accounts,
        "policy_changed": policy,
        "moved": report.moved.iter().map(|moved| json!({
            "user": moved.user,
            "from": moved.from.name(),
            "to": moved.to.name(),
        })).collect::<Vec<_>>(),
        "expired": report.expired.iter().map(|expired| json!({
            "user": expired.user,
            "grant": expired.grant,
            "role": expired.role,
        })).collect::<Vec<_>>(),
        "changed": report.changed.iter().map(|changed| json!({
            "user": changed.user,
            "grant": changed.grant,
            "role": changed.role,
            "reason": changed.reason,
        })).collect::<Vec<_>>(),
        "kept": report.kept.iter().map(|kept| json!({
            "user": kept.user,
            "role": kept.role,
        })).collect::<Vec<_>>(),
        "skipped": report.skipped,
        "unclaimed": report.unclaimed,
        "erasure_pending": report.erasure_pending,
    })
}

fn page(administration: &Administration, report: &SweepReport, dry_run: bool) -> Page {
    let mut page = Page::new();
    let looked = counted_accounts(report.accounts);
    let of = format!(" of {} looked at", administration.tenant);
    let looked = good(looked).and(of);
    page.line(match dry_run {
        true => looked.and(", ").and(warn("nothing was written")),
        false => looked,
    });
    if changes_policy(administration) {
        let before = match administration.policy_on_record {
            Some(before) => plain(before),
            None => dim("none on record"),
        };
        let after = plain(administration.engine.policy().hash());
        let mut rows = Table::new();
        rows.row([dim("before"), before]);
        rows.row([dim("now"), after]);
        page.section("another policy is in force", rows);
    }

    let mut moved = Table::new().folded();
    for account in &report.moved {
        let (from, to) = (account.from.name(), account.to.name());
        let steps = plain(from).and(" becomes ").and(warn(to));
        moved.row([name(&account.user), steps]);
    }
    page.section("accounts that nobody uses", moved);
    let mut changed = Table::new().folded();
    for grant in &report.changed {
        let role = plain(format!("role {}", grant.role));
        changed.row([
            name(&grant.user),
            role,
            bad(grant.reason),
            dim(&grant.grant),
        ]);
    }
    page.section("grants that the policy takes or cuts down", changed);
    let mut expired = Table::new().folded();
    for grant in &report.expired {
        let role = plain(format!("role {}", grant.role));
        expired.row([name(&grant.user), role, dim(&grant.grant)]);
    }
    page.section("grants that ran out", expired);
    let mut kept = Table::new().folded();
    for account in &report.kept {
        let role = plain(format!("role {}", account.role));
        kept.row([name(&account.user), role]);
    }
    page.section("due, and left: nobody else holds the role", kept);
    let mut skipped = Table::new().folded();
    for user in &report.skipped {
        skipped.row([name(user)]);
    }
    page.section(
        "left to the next sweep: changed at the same moment",
        skipped,
    );
    if report.unclaimed > 0 {
        let walks = usize::try_from(report.unclaimed).unwrap_or(usize::MAX);
        let mut rows = Table::new();
        rows.row([
            warn(counted(walks, "walk")),
            plain(match dry_run {
                true => "at least would be erased",
                false => "erased",
            }),
        ]);
        page.section("kept for long enough, and of no account", rows);
    }
    if report.erasure_pending {
        page.blank();
        page.line(warn(ERASURE_PENDING));
    }
    page
}
