//! `countersign saml verify`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use countersign::provision::{ConnectionPolicy, FactsError};
use countersign::saml::{
    Expect, IdentityProvider, Inbound, Login, PendingRequest, Rejection, ServiceProvider,
    SignedPart, Verified, verify,
};
use countersign::{Clock, Facts, SystemClock, Timestamp};
use serde_json::json;

use super::decryption::Decryption;
use super::message::Message;
use super::provider::Provider;
use super::{pending_json, rejected};
use crate::input::{InputPath, Unreadable};
use crate::text::visible;
use crate::verdict::Verdict;

/// Which signature has to count.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Signature {
    /// Whichever is there; all that are there must verify.
    Any,
    /// The Response's.
    Response,
    /// The Assertion's, whatever the Response's signature says.
    Assertion,
}

/// Everything that the verification of one response needs.
#[derive(Debug, Args)]
pub(crate) struct Verification {
    #[command(flatten)]
    checks: Checks,
    #[command(flatten)]
    message: Message,
}

/// What responses are verified against.
#[derive(Debug, Args)]
pub(crate) struct Checks {
    #[command(flatten)]
    provider: Provider,
    /// Our own entity id: what the response's Audience has to be.
    #[arg(long, value_name = "ID")]
    sp_entity_id: String,
    /// Our assertion consumer service: what Destination and Recipient have to be.
    #[arg(long, value_name = "URL")]
    acs_url: String,
    #[command(flatten)]
    expected: Expected,
    /// The clock to verify at; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// How far the two clocks may differ; at most 180.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    skew: u64,
    /// Which signature has to count.
    #[arg(long, value_enum, default_value_t = Signature::Any)]
    signature: Signature,
    #[command(flatten)]
    decryption: Decryption,
    /// Accept SHA-1 and RSA keys of 1024 bits: for old test data only.
    #[arg(long)]
    insecure_legacy_algorithms: bool,
}

/// Whether the response answers a request.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Expected {
    /// The id of the request that the response has to answer.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// The pending request, as `saml request` printed it, that the response has to answer.
    #[arg(long, value_name = "FILE")]
    pending: Option<InputPath>,
    /// Accept a response that answers no request.
    #[arg(long)]
    allow_unsolicited: bool,
}

impl Expected {
    fn pending(&self) -> Result<Option<PendingRequest>, Unreadable> {
        if let Some(path) = &self.pending {
            return pending_json(path).map(Some);
        }
        let Some(id) = &self.request_id else {
            return Ok(None);
        };
        PendingRequest::new(id.as_str())
            .map(Some)
            .map_err(|error| Unreadable::new("--request-id", error))
    }
}

impl Verification {
    /// The clock that was asked for.
    pub(crate) fn now(&self) -> Timestamp {
        self.checks.now()
    }

    /// Reads all that verifying takes.
    pub(crate) fn verifier(&self) -> Result<Verifier, Unreadable> {
        self.checks.verifier()
    }

    /// Verifies the response.
    pub(crate) fn run_by(
        &self,
        verifier: &Verifier,
    ) -> Result<Result<Login, Rejection>, Unreadable> {
        self.message.read(|message| verifier.verify(message))
    }
}

impl Checks {
    /// The clock that was asked for.
    pub(crate) fn now(&self) -> Timestamp {
        self.at.unwrap_or_else(|| SystemClock.now())
    }

    /// Reads all that verifying takes.
    pub(crate) fn verifier(&self) -> Result<Verifier, Unreadable> {
        let idp = self.provider.read()?;
        let mut sp = ServiceProvider::new(&self.sp_entity_id, &self.acs_url)
            .and_then(|sp| sp.with_clock_skew(Duration::from_secs(self.skew)))
            .map_err(|error| Unreadable::new("service provider", error))?
            .with_signed_part(match self.signature {
                Signature::Any => SignedPart::Any,
                Signature::Response => SignedPart::Response,
                Signature::Assertion => SignedPart::Assertion,
            });
        if self.insecure_legacy_algorithms {
            sp = sp.insecure_legacy_algorithms();
        }
        Ok(Verifier {
            idp,
            sp: self.decryption.provide(sp)?,
            pending: self.expected.pending()?,
            now: self.now(),
        })
    }
}

/// Verifies responses.
pub(crate) struct Verifier {
    idp: IdentityProvider,
    sp: ServiceProvider,
    pending: Option<PendingRequest>,
    now: Timestamp,
}

impl Verifier {
    /// Verifies a response. There is no store to remember assertions in, so a replay is not
    /// noticed: the command only tells what one response proves.
    pub(crate) fn verify(&self, message: Inbound<'_>) -> Result<Login, Rejection> {
        let pending = self.pending.as_ref();
        let expect = pending.map_or(Expect::Unsolicited, Expect::Request);
        verify(&self.sp, &self.idp, message, expect, self.now)
            .map(Verified::insecure_without_replay_check)
    }

    /// What a login says of a person, as far as the provider may speak for it.
    pub(crate) fn facts(
        &self,
        connection: &ConnectionPolicy,
        login: &Login,
    ) -> Result<Facts, FactsError> {
        let speaks_for = |value: &str| self.idp.check_scoped(value).is_ok();
        connection.facts_in_scope(login.identity(), &speaks_for)
    }
}

pub(super) fn run(verification: &Verification) -> Result<Verdict, Unreadable> {
    Ok(match verification.run_by(&verification.verifier()?)? {
        Ok(login) => accepted(&login),
        Err(rejection) => rejected(&rejection),
    })
}

fn accepted(login: &Login) -> Verdict {
    let identity = login.identity();
    let claims = identity.claims();
    let mut rows = vec![
        ("issuer", claims.issuer.clone()),
        ("name id", claims.name_id.value.clone()),
        ("format", claims.name_id.format.clone().unwrap_or_default()),
        (
            "authenticated",
            [
                claims.authn_instant.map(|at| at.to_string()),
                claims.authn_context.clone(),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("  "),
        ),
        (
            "session until",
            claims
                .session_not_on_or_after
                .map(|at| at.to_string())
                .unwrap_or_default(),
        ),
    ];
    for attribute in &claims.attributes {
        for value in &attribute.values {
            rows.push((
                "attribute",
                format!(
                    "{} = {}",
                    attribute.name,
                    value.as_text().unwrap_or("(not text)")
                ),
            ));
        }
    }
    if let Some(evidence) = identity.evidence().signed() {
        rows.push((
            "signed",
            format!(
                "{} by {}",
                evidence.signed_element, evidence.signature_algorithm
            ),
        ));
        rows.push(("signed sha-256", evidence.signed_sha256.to_string()));
        rows.push(("key sha-256", evidence.certificate_sha256.to_string()));
    }
    let mut text = String::from("accepted\n");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {name:<15} {}\n", visible(value)));
    }
    Verdict::Accepted {
        json: json!({ "identity": identity }),
        text: text.into(),
    }
}
