//! The `countersign` command: verify responses, read policies, check ledgers and evidence.
//!
//! Exit code 0: accepted. 1: refused. 2: wrong usage, or input that can not be read.

mod account;
mod evidence;
mod input;
mod key_file;
mod ledger;
mod log_key;
mod policy;
mod progress;
mod saml;
mod store;
mod style;
mod text;
mod verdict;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::style::Look;
use crate::verdict::Verdict;

#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, max_term_width = 100)]
struct Arguments {
    /// Print one JSON object instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    /// Show long lists to their end, where people otherwise see how many more there are.
    #[arg(long, global = true)]
    all: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one, for as long as the command runs"
)]
enum Command {
    /// Ask for sign-ins and logouts, verify what comes back, read and write metadata.
    #[command(subcommand)]
    Saml(saml::Command),
    /// Check a policy file, or ask what it would decide.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Report on the accounts of a database, review who has which role, sweep what is due.
    #[command(subcommand)]
    Account(account::Command),
    /// Check a ledger, or publish it.
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Look through a database for damage, or copy it while it is in use.
    #[command(subcommand)]
    Store(store::Command),
    /// Show or verify an evidence bundle.
    #[command(subcommand)]
    Evidence(evidence::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let verdict = match &arguments.command {
        Command::Saml(command) => saml::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Account(command) => account::run(command),
        Command::Ledger(command) => ledger::run(command),
        Command::Store(command) => store::run(command),
        Command::Evidence(command) => evidence::run(command),
    }
    .unwrap_or_else(Verdict::from);
    verdict.print(arguments.json, Look::of_stdout(arguments.all))
}
