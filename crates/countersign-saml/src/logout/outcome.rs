//! A provider's answer to our logout request \[SAML-Core §3.7.2\].

use countersign_core::Timestamp;

use super::pending::PendingLogout;
use super::status::PARTIAL_LOGOUT;
use super::trusted::{self, Expected};
use crate::binding::MessageKind;
use crate::code::RejectCode;
use crate::element::Part;
use crate::endpoint::Endpoint;
use crate::identity_provider::IdentityProvider;
use crate::inbound::Inbound;
use crate::names::{ASSERTION, PROTOCOL, SIGNATURE, SUCCESS};
use crate::rejection::Rejection;
use crate::request::Expect;
use crate::response::rules::Rules;
use crate::service_provider::ServiceProvider;

/// What a `LogoutResponse` may hold \[SAML-Core §3.2.2\].
const CHILDREN: &[(&str, &str)] = &[
    (ASSERTION, "Issuer"),
    (SIGNATURE, "Signature"),
    (PROTOCOL, "Extensions"),
    (PROTOCOL, "Status"),
];

const EXPECTED: Expected = Expected {
    kind: MessageKind::Response,
    name: "LogoutResponse",
    otherwise: RejectCode::NotALogoutResponse,
};

/// How a logout went at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogoutOutcome {
    /// The person is signed out everywhere.
    Complete,
    /// The person is signed out at the provider, but not everywhere it signed them in
    /// \[SAML-Core §3.7.3.2\].
    Partial,
    /// The provider did not do it.
    Refused {
        /// The top-level status code.
        status: String,
        /// The second-level one.
        detail: Option<String>,
    },
}

/// Verifies the answer of one identity provider to one logout request of ours.
///
/// Pure: the same arguments give the same answer. The host has ended its own session before it
/// sent the request, so that nothing depends on whether the answer ever comes.
///
/// # Errors
/// The first rule that does not hold; the codes are listed on the [front page](crate). That the
/// provider did not sign the person out is no error, but an outcome.
///
/// # Security
/// An answer that is not signed is refused: anybody could say that a logout is complete that never
/// was.
pub fn verify_response(
    sp: &ServiceProvider,
    idp: &IdentityProvider,
    message: Inbound<'_>,
    pending: &PendingLogout,
    now: Timestamp,
) -> Result<LogoutOutcome, Rejection> {
    let rules = Rules::new(sp, idp, Expect::Request(&pending.logout), now);
    let trusted = trusted::verify(&rules, message, &EXPECTED, |_, response, _| {
        read(&rules, response)
    })?;
    Ok(trusted.value)
}

fn read(rules: &Rules<'_>, response: Part<'_>) -> Result<LogoutOutcome, Rejection> {
    response.check_children(CHILDREN)?;
    rules.check_issued(response)?;
    trusted::check_destination(rules, response, Endpoint::response_location)?;
    rules.check_answers(response)?;
    let code = response
        .child(PROTOCOL, "Status")?
        .child(PROTOCOL, "StatusCode")?;
    let status = code.attribute("Value")?;
    let detail = code
        .optional_child(PROTOCOL, "StatusCode")?
        .and_then(|detail| detail.element.attribute("Value"));
    Ok(match (status, detail) {
        // Some say it below `Success`, others below `Responder`.
        (_, Some(PARTIAL_LOGOUT)) => LogoutOutcome::Partial,
        (SUCCESS, _) => LogoutOutcome::Complete,
        (status, detail) => LogoutOutcome::Refused {
            status: status.to_owned(),
            detail: detail.map(str::to_owned),
        },
    })
}
