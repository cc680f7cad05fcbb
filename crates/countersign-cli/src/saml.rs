//! `countersign saml …`: one file for each command.

mod inspect;
mod verify;

use clap::Subcommand;
use countersign::saml::Rejection;

use crate::input::Unreadable;
use crate::verdict::Verdict;

pub(crate) use self::verify::Verification;

/// Metadata aggregates of federations are the largest documents there are; one provider's own
/// metadata is a few kilobytes.
const METADATA_LIMIT_BYTES: usize = 1 << 20;

/// Twice the largest response that is accepted, so that one in Base64 fits.
const RESPONSE_LIMIT_BYTES: usize = 2 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify a response and print the identity that it proves.
    Verify(Verification),
    /// Print what a response says, without verifying any of it.
    Inspect(inspect::Inspection),
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Verify(verification) => verify::run(verification),
        Command::Inspect(inspection) => inspect::run(inspection),
    }
}

/// The verdict on a response that was refused.
pub(crate) fn rejected(rejection: &Rejection) -> Verdict {
    Verdict::refused(rejection.code(), rejection)
}
