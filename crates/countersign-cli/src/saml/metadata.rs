//! `countersign saml metadata …`.

mod produce;
mod show;

use clap::Subcommand;

use crate::input::Unreadable;
use crate::verdict::Verdict;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the identity providers of a metadata document, and what is wrong with them.
    Show(show::Showing),
    /// Write our own metadata, for identity providers to read.
    Produce(produce::Production),
}

pub(super) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Show(showing) => show::run(showing),
        Command::Produce(production) => produce::run(production),
    }
}
