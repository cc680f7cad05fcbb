//! `countersign saml logout request`.

use clap::Args;
use countersign::saml::ServiceProvider;
use countersign::saml::binding::RelayState;
use countersign::saml::logout::LogoutRequest;
use countersign::{Clock, NameId, SystemClock, Timestamp, blocking};
use serde_json::json;

use super::{LogoutBinding, message_id};
use crate::input::{InputPath, Unreadable};
use crate::key_file;
use crate::saml::outbound;
use crate::saml::provider::Provider;
use crate::verdict::Verdict;

/// Whom to sign out, and where.
#[derive(Debug, Args)]
pub(crate) struct Asking {
    #[command(flatten)]
    provider: Provider,
    /// Our own entity id.
    #[arg(long, value_name = "ID")]
    sp_entity_id: String,
    /// The person, as the login named them, byte for byte.
    #[arg(long, value_name = "VALUE")]
    name_id: String,
    /// The format of the name, as the login had it.
    #[arg(long, value_name = "URI")]
    name_id_format: Option<String>,
    /// NameQualifier, as the login had it.
    #[arg(long, value_name = "TEXT")]
    name_qualifier: Option<String>,
    /// SPNameQualifier, as the login had it.
    #[arg(long, value_name = "TEXT")]
    sp_name_qualifier: Option<String>,
    /// A session that ends; may be given again. All of them without it.
    #[arg(long, value_name = "INDEX")]
    session_index: Vec<String>,
    /// Why, as a URI.
    #[arg(long, value_name = "URI")]
    reason: Option<String>,
    /// How the request travels.
    #[arg(long, value_enum, default_value_t = LogoutBinding::Redirect)]
    binding: LogoutBinding,
    /// The key that signs the request (PKCS#8).
    #[arg(long, value_name = "FILE")]
    sign_key: InputPath,
    /// What has to come back with the answer; at most 80 bytes.
    #[arg(long, value_name = "TEXT")]
    relay_state: Option<String>,
    /// The instant of the request; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
}

pub(super) fn run(asking: &Asking) -> Result<Verdict, Unreadable> {
    let idp = asking.provider.read()?;
    // Answers go to the logout endpoint that our metadata names; nothing here goes to an ACS.
    let sp = ServiceProvider::new(&asking.sp_entity_id, "https://unused.invalid")
        .map_err(|error| Unreadable::new("service provider", error))?;
    let key = key_file::signing_key(&asking.sign_key)?;
    let name_id = NameId {
        value: asking.name_id.clone(),
        format: asking.name_id_format.clone(),
        name_qualifier: asking.name_qualifier.clone(),
        sp_name_qualifier: asking.sp_name_qualifier.clone(),
    };
    let now = asking.at.unwrap_or_else(|| SystemClock.now());
    let binding = asking.binding.binding();
    let request = LogoutRequest::new(&sp, &idp, binding, &name_id, &message_id()?, now);
    let mut request = match request {
        Ok(request) => request,
        // The metadata was read, and does not allow what was asked for.
        Err(error) => return Ok(Verdict::refused(error.code(), error)),
    };
    for session_index in &asking.session_index {
        request = request.with_session_index(session_index);
    }
    if let Some(reason) = &asking.reason {
        request = request.with_reason(reason);
    }
    if let Some(text) = &asking.relay_state {
        let relay_state =
            RelayState::new(text).map_err(|error| Unreadable::new("--relay-state", error))?;
        request = request.with_relay_state(relay_state);
    }
    let pending = json!(request.pending());
    match blocking::wait(request.send(&key)) {
        Ok(sent) => Ok(outbound::printed(&sent, Some(pending))),
        Err(error) => Ok(Verdict::refused(error.code(), error)),
    }
}
