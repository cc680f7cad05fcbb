//! `countersign saml logout respond`.

use clap::{Args, ValueEnum};
use countersign::blocking;
use countersign::saml::logout::{LogoutResponse, LogoutStatus, VerifiedLogoutRequest};

use super::verify::Demand;
use super::{LogoutBinding, message_id};
use crate::input::{InputPath, Unreadable};
use crate::key_file;
use crate::saml::{outbound, rejected};
use crate::verdict::Verdict;

/// How the logout went.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    /// The sessions that were meant are over.
    Complete,
    /// Some are not.
    Partial,
    /// The request was not acted on, for a reason that lies in it.
    Refused,
    /// It was not acted on, for a reason that lies here.
    Failed,
}

/// The request, and the answer to it.
#[derive(Debug, Args)]
pub(crate) struct Answering {
    #[command(flatten)]
    demand: Demand,
    /// How the logout went.
    #[arg(long, value_enum, default_value_t = Status::Complete)]
    status: Status,
    /// How the answer travels.
    #[arg(long, value_enum, default_value_t = LogoutBinding::Redirect)]
    binding: LogoutBinding,
    /// The key that signs the answer (PKCS#8).
    #[arg(long, value_name = "FILE")]
    sign_key: InputPath,
}

pub(super) fn run(answering: &Answering) -> Result<Verdict, Unreadable> {
    let parties = answering.demand.parties()?;
    let key = key_file::signing_key(&answering.sign_key)?;
    let logout = match answering.demand.verify(&parties)? {
        Ok(request) => VerifiedLogoutRequest::insecure_without_replay_check(request),
        Err(rejection) => return Ok(rejected(&rejection)),
    };
    let status = match answering.status {
        Status::Complete => LogoutStatus::Complete,
        Status::Partial => LogoutStatus::Partial,
        Status::Refused => LogoutStatus::Refused,
        Status::Failed => LogoutStatus::Failed,
    };
    let response = LogoutResponse::new(
        &parties.sp,
        &parties.idp,
        answering.binding.binding(),
        &logout,
        status,
        &message_id()?,
        parties.now,
    );
    let response = match response {
        Ok(response) => response,
        Err(error) => return Ok(Verdict::refused(error.code(), error)),
    };
    match blocking::wait(response.send(&key)) {
        Ok(sent) => Ok(outbound::printed(&sent, None)),
        Err(error) => Ok(Verdict::refused(error.code(), error)),
    }
}
