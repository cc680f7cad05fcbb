//! `countersign saml verify` and `countersign saml inspect`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use countersign::saml::{
    Expect, IdentityProvider, Inbound, Login, PendingRequest, Rejection, ServiceProvider,
    SignedPart, inspect, verify,
};
use countersign::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::input::{InputPath, Unreadable, read, read_whole};
use crate::verdict::Verdict;

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
    Inspect {
        /// The response, as XML or in Base64; `-` reads standard input.
        response: InputPath,
        /// Said for the sake of scripts; Base64 is recognized.
        #[arg(long)]
        base64: bool,
    },
}

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
    /// The identity provider's metadata.
    #[arg(long, value_name = "FILE")]
    idp_metadata: InputPath,
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
    /// The response is in Base64, as in a form's SAMLResponse.
    #[arg(long)]
    base64: bool,
    /// Which signature has to count.
    #[arg(long, value_enum, default_value_t = Signature::Any)]
    signature: Signature,
    /// Accept SHA-1 and RSA keys of 1024 bits: for old test data only.
    #[arg(long)]
    insecure_legacy_algorithms: bool,
    /// The response; `-` reads standard input.
    response: InputPath,
}

/// Whether the response answers a request.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Expected {
    /// The id of the request that the response has to answer.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Accept a response that answers no request.
    #[arg(long)]
    allow_unsolicited: bool,
}

impl Verification {
    /// The clock that was asked for.
    pub(crate) fn now(&self) -> Timestamp {
        self.at.unwrap_or_else(|| SystemClock.now())
    }

    /// Verifies the response. There is no store to remember assertions in, so a replay is not
    /// noticed: the command only tells what one response proves.
    pub(crate) fn run(&self) -> Result<Result<Login, Rejection>, Unreadable> {
        let metadata = read_whole(&self.idp_metadata, METADATA_LIMIT_BYTES)?;
        let idp = IdentityProvider::from_metadata(&metadata)
            .map_err(|error| Unreadable::new(self.idp_metadata.display(), error))?;
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
        let pending = match &self.expected.request_id {
            Some(id) => Some(
                PendingRequest::new(id.as_str())
                    .map_err(|error| Unreadable::new("--request-id", error))?,
            ),
            None => None,
        };
        let expect = pending
            .as_ref()
            .map_or(Expect::Unsolicited, Expect::Request);
        let bytes = read(&self.response, RESPONSE_LIMIT_BYTES)?;
        let inbound = inbound(&bytes, self.base64);
        Ok(verify(&sp, &idp, inbound, expect, self.now())
            .map(countersign::saml::Verified::insecure_without_replay_check))
    }
}

fn inbound(bytes: &[u8], base64: bool) -> Inbound<'_> {
    // What was cut off in reading is too large as XML, and must not pass as shorter Base64.
    if base64 && bytes.len() <= RESPONSE_LIMIT_BYTES {
        Inbound::Post(bytes)
    } else {
        Inbound::Xml(bytes)
    }
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Verify(verification) => Ok(match verification.run()? {
            Ok(login) => accepted(&login),
            Err(rejection) => rejected(&rejection),
        }),
        Command::Inspect { response, .. } => {
            let bytes = read(response, RESPONSE_LIMIT_BYTES)?;
            Ok(match inspect(&bytes) {
                Ok(unverified) => Verdict::Accepted {
                    text: format!(
                        "UNVERIFIED: anybody can have written this\n{}",
                        inspected(&json!(unverified))
                    ),
                    json: json!({ "verified": false, "response": unverified }),
                },
                Err(rejection) => rejected(&rejection),
            })
        }
    }
}

/// The verdict on a response that was refused.
pub(crate) fn rejected(rejection: &Rejection) -> Verdict {
    Verdict::refused(rejection.code(), rejection)
}

fn accepted(login: &Login) -> Verdict {
    let identity = login.identity();
    let claims = identity.claims();
    let evidence = identity.evidence();
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
    rows.push((
        "signed",
        format!(
            "{} by {}",
            evidence.signed_element, evidence.signature_algorithm
        ),
    ));
    rows.push(("signed sha-256", evidence.signed_sha256.to_string()));
    rows.push(("key sha-256", evidence.certificate_sha256.to_string()));
    let mut text = String::from("accepted\n");
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("  {name:<15} {}\n", visible(value)));
    }
    Verdict::Accepted {
        json: json!({ "identity": identity }),
        text,
    }
}

/// What a response says, one line for each thing that it says.
fn inspected(value: &Value) -> String {
    let mut text = String::new();
    list("", value, &mut text);
    text
}

fn list(path: &str, value: &Value, text: &mut String) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| *name != "verified") {
                list(&below(name), value, text);
            }
        }
        Value::Array(values) => {
            for (number, value) in (1..).zip(values) {
                list(&below(&number.to_string()), value, text);
            }
        }
        Value::String(value) => text.push_str(&format!("  {path}: {}\n", visible(value))),
        other => text.push_str(&format!("  {path}: {other}\n")),
    }
}

/// A provider's text must not move a terminal's cursor.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| {
            if countersign::text::is_hidden(c) {
                c.escape_unicode().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

/// The same for text of several lines, which are kept.
pub(crate) fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}
