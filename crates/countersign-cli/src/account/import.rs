//! `countersign account review import`.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::Args;
use countersign::audit::review::ReviewOutcome;
use countersign::review::{AnswerRefusal, ReviewAnswer, file};
use countersign::{GrantId, RoleName, SystemClock, UserId, blocking};
use serde_json::{Value, json};

use super::administration::{Access, Administered, Answer};
use super::counted_accounts;
use crate::input::{InputPath, Unreadable, read_whole};
use crate::ledger::with_causes;
use crate::progress::Progress;
use crate::style::{Page, Table, bad, counted, dim, good, name, number, plain, warn};
use crate::verdict::Verdict;

/// A row is some 400 bytes: more than 100,000 grants.
const LIMIT_BYTES: usize = 64 << 20;

#[derive(Debug, Args)]
pub(crate) struct Importing {
    /// The administrator who answered, as the host calls the account: nobody answers for the own.
    #[arg(long, value_name = "USER")]
    by: UserId,
    #[command(flatten)]
    administered: Administered,
    /// What `account review export` printed, as CSV or JSON, with `certify` or `revoke` in the
    /// column `decision`; `-` reads standard input. What is left empty is left as it is.
    answers: InputPath,
}

/// The answers about one account, and what became of them.
struct Reviewed {
    user: UserId,
    answers: Vec<ReviewAnswer>,
    refused: Option<(u64, AnswerRefusal)>,
}

pub(super) fn run(importing: &Importing) -> Result<Verdict, Unreadable> {
    let bytes = read_whole(&importing.answers, LIMIT_BYTES)?;
    let wrong = |error| Unreadable::new(importing.answers.display(), error);
    let rows = file::parse(&bytes).map_err(wrong)?;
    let asked = rows.len();
    let roles: BTreeMap<GrantId, RoleName> = rows
        .iter()
        .map(|(_, row)| (row.grant.clone(), row.role.clone()))
        .collect();
    let administered = &importing.administered;
    let opened = administered.open(Access::Write, Arc::new(SystemClock))?;
    let administration = match opened {
        Ok(administration) => administration,
        Err(refused) => return Ok(refused),
    };
    if administration.finds_another_policy() {
        return Ok(Verdict::refused(
            "cli.policy_not_in_force",
            "the ledger says that another policy is in force: sweep with this one first",
        ));
    }
    let (engine, tenant) = (&administration.engine, &administration.tenant);
    let answers = file::answers(rows, tenant).map_err(wrong)?;
    let unanswered = asked.saturating_sub(answers.len());
    let mut by_account: BTreeMap<UserId, Vec<ReviewAnswer>> = BTreeMap::new();
    for answer in answers {
        let user = answer.user.clone();
        by_account.entry(user).or_default().push(answer);
    }
    let all = u64::try_from(by_account.len()).unwrap_or(u64::MAX);
    let bar = Progress::new();
    let mut reviewed = Vec::new();
    for (done, (user, answers)) in (0_u64..).zip(by_account) {
        bar.at(done, all, || counted_accounts(done));
        let report = blocking::wait(engine.apply_review(tenant, &answers, &importing.by));
        let report = report.map_err(|error| {
            let done = counted_accounts(done);
            let error = with_causes(&error);
            let why = format!("{error}; {done} had been answered for, and stay so");
            Unreadable::new(administered.database().display(), why)
        })?;
        let mut refused = report.refused.into_iter();
        reviewed.push(Reviewed {
            user,
            answers,
            refused: refused.next().map(|refused| (refused.line, refused.reason)),
        });
    }
    drop(bar);

    let taken = reviewed.iter().any(|reviewed| reviewed.refused.is_none());
    let mut refused = reviewed
        .iter()
        .filter_map(|reviewed| reviewed.refused.as_ref());
    let refusal = refused.next().map(|(line, reason)| {
        let message = format!("line {line}: {reason}");
        (reason.code().to_owned(), message)
    });
    let answer = Answer {
        refusal,
        members: json!({
            "tenant": tenant,
            "by": importing.by,
            "policy_hash": engine.policy().hash(),
            "certified": count(&reviewed, ReviewOutcome::Certified),
            "revoked": count(&reviewed, ReviewOutcome::Revoked),
            "unanswered": unanswered,
            "accounts": reviewed.iter().map(|account| as_json(account, &roles)).collect::<Vec<_>>(),
        }),
        page: page(&reviewed, &roles, unanswered),
    };
    Ok(match taken {
        true => administration.seal(answer),
        false => answer.verdict(Value::Null),
    })
}

/// The answers of this kind that were taken.
fn taken(reviewed: &[Reviewed], outcome: ReviewOutcome) -> impl Iterator<Item = &ReviewAnswer> {
    let taken = reviewed.iter().filter(|account| account.refused.is_none());
    let answers = taken.flat_map(|account| &account.answers);
    answers.filter(move |answer| answer.outcome == outcome)
}

fn count(reviewed: &[Reviewed], outcome: ReviewOutcome) -> usize {
    taken(reviewed, outcome).count()
}

fn said(outcome: ReviewOutcome) -> &'static str {
    match outcome {
        ReviewOutcome::Certified => "certify",
        ReviewOutcome::Revoked => "revoke",
    }
}

fn as_json(account: &Reviewed, roles: &BTreeMap<GrantId, RoleName>) -> Value {
    let refused = account.refused.as_ref();
    json!({
        "user": account.user,
        "refused": refused.map(|(line, reason)| json!({
            "line": line,
            "code": reason.code(),
            "message": reason.to_string(),
        })),
        "answers": account.answers.iter().map(|answer| json!({
            "line": answer.line,
            "grant": answer.grant,
            "role": roles.get(&answer.grant),
            "decision": said(answer.outcome),
        })).collect::<Vec<_>>(),
    })
}

fn page(reviewed: &[Reviewed], roles: &BTreeMap<GrantId, RoleName>, unanswered: usize) -> Page {
    let mut page = Page::new();
    let mut refused = Table::new().folded();
    for account in reviewed {
        if let Some((line, reason)) = &account.refused {
            let (code, line) = (dim(reason.code()), plain(format!("line {line}")));
            refused.row([name(&account.user), line, bad(reason), code]);
        }
    }
    page.section("refused, with every answer about the account", refused);
    for (outcome, heading) in [
        (ReviewOutcome::Revoked, "revoked"),
        (ReviewOutcome::Certified, "certified"),
    ] {
        let mut rows = Table::new().folded();
        for answer in taken(reviewed, outcome) {
            let role = roles.get(&answer.grant).map(ToString::to_string);
            let role = plain(format!("role {}", role.unwrap_or_default()));
            rows.row([name(&answer.user), role, dim(&answer.grant)]);
        }
        page.section(heading, rows);
    }
    let (certified, revoked) = (
        count(reviewed, ReviewOutcome::Certified),
        count(reviewed, ReviewOutcome::Revoked),
    );
    let number = |count: usize| number(u64::try_from(count).unwrap_or(u64::MAX));
    let mut summary = Page::new();
    summary.line(
        good(format!("{} certified", number(certified)))
            .and(", ")
            .and(match revoked {
                0 => plain("none revoked"),
                revoked => warn(format!("{} revoked", number(revoked))),
            }),
    );
    if unanswered > 0 {
        let left = counted(unanswered, "grant");
        summary.line(dim(format!("{left} left as they are, without an answer")));
    }
    summary.append(page);
    summary
}
