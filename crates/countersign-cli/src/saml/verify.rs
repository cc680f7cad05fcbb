//! `countersign saml verify`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use countersign::saml::{
    Expect, Inbound, Login, PendingRequest, Rejection, ServiceProvider, SignedPart, Verified,
    verify,
};
use countersign::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::{RESPONSE_LIMIT_BYTES, identity_provider, rejected};
use crate::input::{InputPath, Unreadable, read, read_whole};
use crate::text::visible;
use crate::verdict::Verdict;

/// A pending request has some hundred bytes; with the form that was sent, some thousand.
const PENDING_LIMIT_BYTES: usize = 1 << 20;

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
    /// The identity provider that is meant, where the metadata holds several.
    #[arg(long, value_name = "ID")]
    idp_entity_id: Option<String>,
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
    #[arg(long, conflicts_with_all = ["redirect_query", "form"])]
    base64: bool,
    /// Which signature has to count.
    #[arg(long, value_enum, default_value_t = Signature::Any)]
    signature: Signature,
    /// Accept SHA-1 and RSA keys of 1024 bits: for old test data only.
    #[arg(long)]
    insecure_legacy_algorithms: bool,
    #[command(flatten)]
    message: Message,
}

/// The response, in one of the forms in which it comes; `-` reads standard input.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Message {
    /// The response.
    response: Option<InputPath>,
    /// The raw query of a URL that carries the response, or that URL.
    #[arg(long, value_name = "FILE")]
    redirect_query: Option<InputPath>,
    /// The raw body of a form that carries the response.
    #[arg(long, value_name = "FILE")]
    form: Option<InputPath>,
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
            let bytes = read_whole(path, PENDING_LIMIT_BYTES)?;
            let unreadable = |error| Unreadable::new(path.display(), error);
            let mut json: Value = serde_json::from_slice(&bytes).map_err(unreadable)?;
            // All of what `saml request --json` printed will do, too.
            if let Some(pending) = json.get_mut("pending") {
                json = pending.take();
            }
            return serde_json::from_value(json).map(Some).map_err(unreadable);
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
        self.at.unwrap_or_else(|| SystemClock.now())
    }

    /// Verifies the response. There is no store to remember assertions in, so a replay is not
    /// noticed: the command only tells what one response proves.
    pub(crate) fn run(&self) -> Result<Result<Login, Rejection>, Unreadable> {
        let idp = identity_provider(&self.idp_metadata, self.idp_entity_id.as_deref())?;
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
        let pending = self.expected.pending()?;
        let expect = pending
            .as_ref()
            .map_or(Expect::Unsolicited, Expect::Request);
        let (path, carry): (_, fn(&[u8]) -> Inbound<'_>) = match &self.message {
            Message {
                redirect_query: Some(path),
                ..
            } => (path, |bytes| Inbound::RedirectQuery(query(bytes))),
            Message {
                form: Some(path), ..
            } => (path, |bytes| Inbound::Form(bytes.trim_ascii_end())),
            Message {
                response: Some(path),
                ..
            } if self.base64 => (path, |bytes| Inbound::Post(bytes)),
            Message { response, .. } => {
                let path = response.as_ref();
                let path = path.ok_or_else(|| Unreadable::new("response", "is missing"))?;
                (path, |bytes| Inbound::Xml(bytes))
            }
        };
        let bytes = read(path, RESPONSE_LIMIT_BYTES)?;
        // What was cut off in reading is too large as XML, and must not pass as something shorter.
        let inbound = match bytes.len() > RESPONSE_LIMIT_BYTES {
            true => Inbound::Xml(&bytes),
            false => carry(&bytes),
        };
        Ok(verify(&sp, &idp, inbound, expect, self.now())
            .map(Verified::insecure_without_replay_check))
    }
}

/// The raw query: what is there, without the end of its line, or of a URL what stands behind `?`.
fn query(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.trim_ascii_end();
    if !bytes.starts_with(b"https://") && !bytes.starts_with(b"http://") {
        return bytes;
    }
    let query = bytes.splitn(2, |byte| *byte == b'?').nth(1);
    let query = query.unwrap_or_default();
    query.split(|byte| *byte == b'#').next().unwrap_or_default()
}

pub(super) fn run(verification: &Verification) -> Result<Verdict, Unreadable> {
    Ok(match verification.run()? {
        Ok(login) => accepted(&login),
        Err(rejection) => rejected(&rejection),
    })
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
