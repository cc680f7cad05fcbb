//! The sign-in that a person asks about: a response, or a line of a corpus.

use clap::{ArgMatches, Args, Command, FromArgMatches};
use countersign::corpus::Corpus;
use countersign::provision::simulate::remembered;
use countersign::provision::{PastSignIn, decide};

use super::decide::{Basis, Decided, Presented};
use crate::input::{InputPath, Unreadable, open};
use crate::ledger::with_causes;
use crate::verdict::Verdict;

/// The argument in whose place a response and all that verifies it may stand.
const FACTS: &str = "facts";
/// Which line of it.
const LINE: &str = "line";
/// The groups of arguments of which a response needs one.
const CHOICES: [&str; 2] = ["Expected", "File"];

/// What is asked about.
#[derive(Debug)]
pub(super) enum Asked {
    /// A response.
    Response(Box<Presented>),
    /// A sign-in of the past.
    Past { file: InputPath, line: Option<u64> },
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Instead of a response")]
struct Past {
    /// A sign-in of the past, a line of JSON (docs/spec/corpus.md); `-` reads standard input.
    /// Without a database the line tells what the account had.
    #[arg(long, value_name = "FILE")]
    facts: Option<InputPath>,
    /// The line that is meant, from 1, where the file has several.
    #[arg(long, value_name = "NUMBER", requires = FACTS)]
    line: Option<u64>,
}

impl Args for Asked {
    fn augment_args(command: Command) -> Command {
        let of_response: Vec<_> = Presented::augment_args(Command::new("response"))
            .get_arguments()
            .map(|argument| argument.get_id().clone())
            .collect();
        let command = Past::augment_args(Presented::augment_args(command));
        let command = command.mut_args(|argument| {
            if !of_response.contains(argument.get_id()) {
                return argument;
            }
            let argument = argument.conflicts_with_all([FACTS, LINE]);
            match argument.is_required_set() {
                true => argument.required(false).required_unless_present(FACTS),
                false => argument,
            }
        });
        CHOICES.into_iter().fold(command, |command, choice| {
            command.mut_group(choice, |group| group.arg(FACTS))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Asked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(match Past::from_arg_matches(matches)? {
            Past {
                facts: Some(file),
                line,
            } => Self::Past { file, line },
            Past { facts: None, .. } => {
                Self::Response(Box::new(Presented::from_arg_matches(matches)?))
            }
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Asked {
    /// Decides about it; a response that is refused is an answer.
    pub(super) fn decided(&self, basis: &Basis) -> Result<Result<Decided, Verdict>, Unreadable> {
        match self {
            Self::Response(presented) => presented.decided(basis),
            Self::Past { file, line } => Ok(Ok(remember(basis, read(file, *line)?)?)),
        }
    }
}

/// Decides about a sign-in of the past at its own instant.
fn remember(basis: &Basis, sign_in: PastSignIn) -> Result<Decided, Unreadable> {
    let policy = basis.policy()?;
    let query = policy.snapshot_query(&sign_in.connection, &sign_in.facts, sign_in.at);
    let snapshot = match basis.snapshot(&query)? {
        Some(snapshot) => snapshot,
        None => remembered(&sign_in, &query),
    };
    let PastSignIn {
        connection,
        facts,
        at,
        ..
    } = sign_in;
    Ok(Decided {
        plan: decide(&policy, &connection, &facts, &snapshot, at),
        policy,
        connection,
        facts,
    })
}

/// The sign-in in that line, or the only one.
fn read(file: &InputPath, line: Option<u64>) -> Result<PastSignIn, Unreadable> {
    let unreadable = |why: &dyn std::fmt::Display| Unreadable::new(file.display(), why);
    let mut corpus = Corpus::new(open(file)?.0);
    let mut lines = 0_u64;
    while let Some(sign_in) = corpus.next() {
        let sign_in = sign_in.map_err(|error| unreadable(&with_causes(&error)))?;
        lines = lines.saturating_add(1);
        match line {
            Some(line) if line != lines => {}
            None if corpus.next().is_some() => {
                let why = "holds several sign-ins; say which with `--line`, such as `--line 1`";
                return Err(unreadable(&why));
            }
            _ => return Ok(sign_in),
        }
    }
    Err(match line {
        Some(line) => unreadable(&format_args!(
            "holds no line {line}; it ends with line {lines}"
        )),
        None => unreadable(&"holds no sign-in"),
    })
}
