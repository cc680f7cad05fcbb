//! `countersign saml …`: one file for each command.

mod decryption;
mod inspect;
mod logout;
mod message;
mod metadata;
mod outbound;
mod provider;
mod request;
mod verify;

use clap::Subcommand;
use countersign::saml::Rejection;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::input::{InputPath, Unreadable, read_whole};
use crate::verdict::Verdict;

pub(crate) use self::message::Messages;
pub(crate) use self::verify::{Checks, Verification};

/// A pending request has some hundred bytes; with the form that was sent, some thousand.
const PENDING_LIMIT_BYTES: usize = 1 << 20;

/// Twice the largest response that is accepted, so that one in Base64 fits.
const RESPONSE_LIMIT_BYTES: usize = 2 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify a response and print the identity that it proves.
    Verify(Verification),
    /// Print what a response says, without verifying any of it.
    Inspect(inspect::Inspection),
    /// Single logout: ask for it, verify what comes, answer it.
    #[command(subcommand)]
    Logout(logout::Command),
    /// Make an authentication request, and what is to be kept until its answer comes.
    Request(request::Asking),
    /// Show identity providers' metadata, or write our own.
    #[command(subcommand)]
    Metadata(metadata::Command),
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Verify(verification) => verify::run(verification),
        Command::Inspect(inspection) => inspect::run(inspection),
        Command::Logout(command) => logout::run(command),
        Command::Request(asking) => request::run(asking),
        Command::Metadata(command) => metadata::run(command),
    }
}

/// The verdict on a response that was refused.
pub(crate) fn rejected(rejection: &Rejection) -> Verdict {
    Verdict::refused(rejection.code(), rejection)
}

/// What is kept while an answer is waited for: as it was printed, or within all that was printed as
/// JSON.
fn pending_json<T: DeserializeOwned>(path: &InputPath) -> Result<T, Unreadable> {
    let bytes = read_whole(path, PENDING_LIMIT_BYTES)?;
    let unreadable = |error| Unreadable::new(path.display(), error);
    let mut json: Value = serde_json::from_slice(&bytes).map_err(unreadable)?;
    if let Some(pending) = json.get_mut("pending") {
        json = pending.take();
    }
    serde_json::from_value(json).map_err(unreadable)
}
