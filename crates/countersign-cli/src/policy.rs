//! `countersign policy …`: one file for each command.

mod asked;
mod check;
mod decide;
mod diff;
mod explain;
mod facts;
mod lint;
mod preset;
mod simulate;
mod who_can;

use clap::Subcommand;
use countersign::policy_file::PolicyFileError;
use countersign::provision::{ConnectionPolicy, Policy, Reason};
use countersign::{ConnectionId, PolicyFile, RuleId, Timestamp};
use serde_json::{Value, json};

use crate::input::{InputPath, Unreadable, read};
use crate::style::{Line, Page, name, plain};
use crate::verdict::Verdict;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read a policy file and say what is in it, or everything that is wrong with it.
    Check(check::Checking),
    /// Verify a response and say what the policy would do with it. Nothing is written.
    Decide(Box<decide::Decision>),
    /// Say of a response, or of a sign-in of the past, what every rule said and what became of every
    /// role. Nothing is written.
    Explain(Box<explain::Explaining>),
    /// Print a commented policy file to start from, or list the providers that there is one for.
    Preset(preset::Starting),
    /// Look for what is wrong or odd in a policy file, and say what to do about it.
    Lint(lint::Linting),
    /// Say who could ever get a role by signing in, and how.
    WhoCan(who_can::Question),
    /// Say what one policy says and another does not, and which gives more access.
    Diff(diff::Comparing),
    /// Verify responses and print what they say as lines of a corpus, for `policy simulate`. The
    /// lines are personal data.
    Facts(Box<facts::Extraction>),
    /// Try a new policy on sign-ins of the past: who loses what, who gains what.
    Simulate(simulate::Trial),
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Check(checking) => check::run(checking),
        Command::Decide(decision) => decide::run(decision),
        Command::Explain(explaining) => explain::run(explaining),
        Command::Preset(starting) => Ok(preset::run(starting)),
        Command::Lint(linting) => lint::run(linting),
        Command::WhoCan(question) => who_can::run(question),
        Command::Diff(comparing) => diff::run(comparing),
        Command::Facts(extraction) => facts::run(extraction),
        Command::Simulate(trial) => simulate::run(trial),
    }
}

/// Reads the bytes of a policy file.
fn read_file(file: &InputPath) -> Result<Vec<u8>, Unreadable> {
    let limit = usize::try_from(PolicyFile::MAX_BYTES).unwrap_or(usize::MAX);
    read(file, limit)
}

/// Reads a policy file that is asked about: its mistakes are an answer.
fn load(file: &InputPath) -> Result<Result<Policy, PolicyFileError>, Unreadable> {
    let bytes = read_file(file)?;
    Ok(PolicyFile::parse_bytes(&file.display().to_string(), &bytes))
}

/// Reads a policy file that something else is asked about, which its mistakes leave unanswered.
pub(crate) fn load_sound(argument: &str, file: &InputPath) -> Result<Policy, Unreadable> {
    load(file)?.map_err(|error| {
        let message = error.to_string();
        Unreadable::new(argument, message.lines().next().unwrap_or_default())
    })
}

/// The connection of that name, which has to be there.
fn connection<'p>(
    policy: &'p Policy,
    id: &ConnectionId,
) -> Result<&'p ConnectionPolicy, Unreadable> {
    policy.connection(id).ok_or_else(|| {
        Unreadable::new(
            "--connection",
            format_args!("the policy has no connection `{id}`"),
        )
    })
}

/// The verdict on a policy file that has mistakes.
fn faulty(error: &PolicyFileError) -> Verdict {
    let message = error.to_string();
    let mut problems = message.lines();
    let first = problems.next().unwrap_or_default().to_owned();
    let mut text = Page::new();
    problems.for_each(|problem| text.line(problem));
    Verdict::Refused {
        code: error.code().to_owned(),
        message: first,
        json: json!({ "problems": message.lines().collect::<Vec<_>>() }),
        text,
    }
}

fn reasons_json(reasons: &[Reason]) -> Vec<Value> {
    reasons
        .iter()
        .map(|reason| json!({ "code": reason.code(), "message": reason.to_string() }))
        .collect()
}

/// By which rule a role is given.
fn by(rule: Option<&RuleId>) -> Line {
    match rule {
        Some(rule) => plain("by rule ").and(name(rule)),
        None => plain("by default"),
    }
}

/// Until when a role is given.
fn until(expires_at: Option<Timestamp>) -> Line {
    match expires_at {
        Some(expires_at) => plain(format_args!("until {expires_at}")),
        None => plain("without an end"),
    }
}
