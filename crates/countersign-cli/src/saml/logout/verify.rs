//! `countersign saml logout verify`.

use clap::Args;
use countersign::saml::logout::{
    self, Logout, LogoutOutcome, PendingLogout, VerifiedLogoutRequest,
};
use countersign::saml::{IdentityProvider, Rejection, ServiceProvider};
use countersign::{Clock, SystemClock, Timestamp};
use serde_json::json;

use super::Us;
use crate::input::{InputPath, Unreadable};
use crate::saml::message::Message;
use crate::saml::provider::Provider;
use crate::saml::{pending_json, rejected};
use crate::text::visible;
use crate::verdict::Verdict;

/// A logout message, and everything that its verification needs.
#[derive(Debug, Args)]
pub(super) struct Demand {
    #[command(flatten)]
    provider: Provider,
    #[command(flatten)]
    us: Us,
    /// The clock to verify at; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    #[command(flatten)]
    message: Message,
}

/// Who speaks with whom, and when.
pub(super) struct Parties {
    pub(super) sp: ServiceProvider,
    pub(super) idp: IdentityProvider,
    pub(super) now: Timestamp,
}

impl Demand {
    pub(super) fn parties(&self) -> Result<Parties, Unreadable> {
        Ok(Parties {
            sp: self.us.service_provider()?,
            idp: self.provider.read()?,
            now: self.at.unwrap_or_else(|| SystemClock.now()),
        })
    }

    /// Verifies a request. There is no store to remember requests in, so a replay is not noticed.
    pub(super) fn verify(
        &self,
        parties: &Parties,
    ) -> Result<Result<VerifiedLogoutRequest, Rejection>, Unreadable> {
        self.message
            .read(|message| logout::verify_request(&parties.sp, &parties.idp, message, parties.now))
    }
}

/// What is verified: a provider's request, or its answer.
#[derive(Debug, Args)]
pub(crate) struct Verification {
    #[command(flatten)]
    demand: Demand,
    /// The message answers this pending logout, as `saml logout request` printed it.
    #[arg(long, value_name = "FILE")]
    pending: Option<InputPath>,
}

pub(super) fn run(verification: &Verification) -> Result<Verdict, Unreadable> {
    let demand = &verification.demand;
    let parties = demand.parties()?;
    let Some(path) = &verification.pending else {
        return Ok(match demand.verify(&parties)? {
            Ok(request) => asked(&request.insecure_without_replay_check()),
            Err(rejection) => rejected(&rejection),
        });
    };
    let pending: PendingLogout = pending_json(path)?;
    let outcome = demand.message.read(|message| {
        logout::verify_response(&parties.sp, &parties.idp, message, &pending, parties.now)
    })?;
    Ok(match outcome {
        Ok(outcome) => answered(&outcome),
        Err(rejection) => rejected(&rejection),
    })
}

fn asked(logout: &Logout) -> Verdict {
    let relay_state = logout.relay_state();
    let mut rows = vec![
        ("id", logout.id()),
        ("issuer", logout.issuer()),
        ("name id", &logout.name_id().value),
        ("format", logout.name_id().format.as_deref().unwrap_or("")),
        ("reason", logout.reason().unwrap_or("")),
        (
            "relay state",
            relay_state.as_ref().map_or("", |state| state.as_str()),
        ),
    ];
    for session_index in logout.session_indexes() {
        rows.push(("session", session_index));
    }
    if logout.session_indexes().is_empty() {
        rows.push(("session", "all of them"));
    }
    let mut text = String::from("accepted\n");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {name:<15} {}\n", visible(value)));
    }
    Verdict::Accepted {
        json: json!({
            "logout_request": {
                "id": logout.id(),
                "issuer": logout.issuer(),
                "name_id": logout.name_id(),
                "session_indexes": logout.session_indexes(),
                "reason": logout.reason(),
                "relay_state": relay_state.as_ref().map(|state| state.as_str()),
                "certificate_sha256": logout.certificate_sha256(),
            },
        }),
        text: text.into(),
    }
}

fn answered(outcome: &LogoutOutcome) -> Verdict {
    let (name, status, detail) = match outcome {
        LogoutOutcome::Complete => ("complete", None, None),
        LogoutOutcome::Partial => ("partial", None, None),
        LogoutOutcome::Refused { status, detail } => {
            ("refused", Some(status.as_str()), detail.as_deref())
        }
        _ => ("unknown", None, None),
    };
    let more: String = [status, detail]
        .into_iter()
        .flatten()
        .map(|code| format!("  {}\n", visible(code)))
        .collect();
    Verdict::Accepted {
        json: json!({
            "logout_response": { "outcome": name, "status": status, "detail": detail },
        }),
        text: format!("the provider's logout is {name}\n{more}").into(),
    }
}
