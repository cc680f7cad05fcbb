//! `countersign policy explain`.

use clap::Args;
use countersign::provision::explain::{
    Explanation, GroupsTold, Outcome, RoleExplanation, RoleOutcome, RuleVerdict, explain,
};
use serde_json::json;

use super::asked::Asked;
use super::by;
use super::decide::{Basis, Decided};
use crate::input::Unreadable;
use crate::style::{Line, Page, Table, bad, counted, dim, good, name, plain, warn};
use crate::verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Explaining {
    #[command(flatten)]
    basis: Basis,
    #[command(flatten)]
    asked: Asked,
}

pub(super) fn run(explaining: &Explaining) -> Result<Verdict, Unreadable> {
    Ok(match explaining.asked.decided(&explaining.basis)? {
        Ok(decided) => explained(&decided),
        Err(refused) => refused,
    })
}

/// A verdict with the explanation, whatever it is.
fn explained(decided: &Decided) -> Verdict {
    let Decided {
        policy,
        connection,
        facts,
        plan,
    } = decided;
    let explanation = explain(policy, connection, facts, plan);
    let json = json!({ "explanation": explanation, "policy_hash": policy.hash() });
    let text = page(&explanation);
    match explanation.outcome {
        Outcome::Admit => Verdict::Accepted { json, text },
        _ => {
            let first = explanation.reasons.into_iter().next();
            let (code, message) = first.map_or(("", String::new()), |said| (said.code, said.text));
            Verdict::Refused {
                code: code.to_owned(),
                message,
                json,
                text,
            }
        }
    }
}

fn page(explanation: &Explanation) -> Page {
    let mut page = Page::new();
    let outcome = match explanation.outcome {
        Outcome::Admit => good("admit"),
        Outcome::Queue => warn("queue"),
        _ => bad("refuse"),
    };
    page.line(
        outcome
            .and(" through ")
            .and(name(&explanation.connection))
            .and(match explanation.groups {
                GroupsTold::Complete => plain(", all groups told"),
                GroupsTold::Partial => warn(", not all groups told"),
                _ => warn(", no groups told"),
            }),
    );
    let mut reasons = Table::new();
    for said in &explanation.reasons {
        reasons.row([plain(&said.text), dim(said.code)]);
    }
    page.section("because", reasons);
    let mut roles = Table::new();
    for role in &explanation.roles {
        roles.row([
            outcome_of(role),
            name(&role.role),
            giver(role),
            end_or_why(role),
        ]);
    }
    page.section("roles", roles);
    rules(explanation, &mut page);
    page
}

fn outcome_of(role: &RoleExplanation) -> Line {
    let word = role.outcome.name().replace('_', " ");
    match role.outcome {
        RoleOutcome::Given | RoleOutcome::Renewed => good(word),
        RoleOutcome::Taken | RoleOutcome::Withheld => bad(word),
        RoleOutcome::Spent => warn(word),
        _ => plain(word),
    }
}

fn giver(role: &RoleExplanation) -> Line {
    match role.owner {
        Some(_) => dim("by somebody else"),
        None => by(role.rule.as_ref()),
    }
}

fn end_or_why(role: &RoleExplanation) -> Line {
    match (&role.because, role.until) {
        (Some(said), _) => plain(&said.text),
        (None, Some(until)) => plain(format_args!("until {until}")),
        (None, None) => plain("without an end"),
    }
}

/// The rules, those that matter first.
fn rules(explanation: &Explanation, page: &mut Page) {
    let (mut matched, mut undecided, mut failed) =
        (Table::new(), Table::new().folded(), Table::new().folded());
    let mut elsewhere = 0_usize;
    for rule in &explanation.rules {
        let id = name(&rule.rule);
        match &rule.verdict {
            RuleVerdict::Matched => {
                let note = rule.note.as_deref().unwrap_or_default();
                matched.row([id, dim(note)]);
            }
            RuleVerdict::Undecided(condition) => undecided.row([
                id,
                plain(condition).and(dim(": not known, since not all groups were told")),
            ]),
            RuleVerdict::Failed(condition) => {
                failed.row([id, plain("it is not so that ").and(plain(condition))]);
            }
            _ => elsewhere = elsewhere.saturating_add(1),
        }
    }
    page.section(good("rules that matched"), matched);
    page.section(warn("rules that are undecided"), undecided);
    page.section(dim("rules that did not match"), failed);
    if elsewhere > 0 {
        page.blank();
        page.line(dim(format_args!(
            "{} of other connections",
            counted(elsewhere, "rule")
        )));
    }
}
