//! `countersign saml request`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use countersign::audit::{Entropy, SystemEntropy};
use countersign::saml::binding::{Outbound, RelayState};
use countersign::saml::{
    AuthnRequest, Comparison, MessageId, MultiFactor, RequestedAuthnContext, ServiceProvider,
};
use countersign::{Clock, SystemClock, Timestamp, blocking};
use serde_json::json;

use super::outbound::printed;
use super::provider::Provider;
use crate::input::{InputPath, Unreadable};
use crate::key_file;
use crate::verdict::Verdict;

/// How the request travels.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RequestBinding {
    /// In the query of a URL.
    Redirect,
    /// In a form.
    Post,
}

/// How classes are compared.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ComparisonArgument {
    Exact,
    Minimum,
    Better,
    Maximum,
}

/// Whose name for several factors to use.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum MultiFactorArgument {
    Entra,
    AdFs,
    Okta,
    Refeds,
    Standard,
}

/// What to ask an identity provider.
#[derive(Debug, Args)]
pub(crate) struct Asking {
    #[command(flatten)]
    provider: Provider,
    /// Our own entity id.
    #[arg(long, value_name = "ID")]
    sp_entity_id: String,
    /// Our assertion consumer service, where the answer goes.
    #[arg(long, value_name = "URL")]
    acs_url: String,
    /// How the request travels; as the metadata prefers otherwise.
    #[arg(long, value_enum)]
    binding: Option<RequestBinding>,
    /// Sign the request with this key (PKCS#8).
    #[arg(long, value_name = "FILE")]
    sign_key: Option<InputPath>,
    /// Send it unsigned although the metadata wants it signed.
    #[arg(long, conflicts_with = "sign_key")]
    unsigned: bool,
    /// What has to come back with the answer; at most 80 bytes.
    #[arg(long, value_name = "TEXT")]
    relay_state: Option<String>,
    /// The person has to authenticate anew.
    #[arg(long)]
    force_authn: bool,
    /// The person must not be asked anything.
    #[arg(long)]
    passive: bool,
    /// The format of the name identifier.
    #[arg(long, value_name = "URI")]
    name_id_format: Option<String>,
    /// The provider may make a new name identifier.
    #[arg(long)]
    allow_create: bool,
    /// Who the person probably is.
    #[arg(long, value_name = "NAME")]
    login_hint: Option<String>,
    /// A class that the authentication has to be of; may be given again.
    #[arg(long, value_name = "URI")]
    authn_context: Vec<String>,
    /// How classes are compared.
    #[arg(long, value_enum, default_value_t = ComparisonArgument::Exact, requires = "authn_context")]
    comparison: ComparisonArgument,
    /// Ask for several factors, as this provider calls them.
    #[arg(
        long,
        value_enum,
        value_name = "PROVIDER",
        conflicts_with = "authn_context"
    )]
    mfa: Option<MultiFactorArgument>,
    /// How long the answer is waited for; at most 3600.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    lifetime: u64,
    /// The instant of the request; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
}

impl Asking {
    fn asked(&self) -> Option<RequestedAuthnContext> {
        if let Some(provider) = self.mfa {
            return Some(RequestedAuthnContext::multi_factor(match provider {
                MultiFactorArgument::Entra => MultiFactor::Entra,
                MultiFactorArgument::AdFs => MultiFactor::AdFs,
                MultiFactorArgument::Okta => MultiFactor::Okta,
                MultiFactorArgument::Refeds => MultiFactor::Refeds,
                MultiFactorArgument::Standard => MultiFactor::Standard,
            }));
        }
        if self.authn_context.is_empty() {
            return None;
        }
        let comparison = match self.comparison {
            ComparisonArgument::Exact => Comparison::Exact,
            ComparisonArgument::Minimum => Comparison::Minimum,
            ComparisonArgument::Better => Comparison::Better,
            ComparisonArgument::Maximum => Comparison::Maximum,
        };
        Some(RequestedAuthnContext::new(comparison, &self.authn_context))
    }
}

pub(super) fn run(asking: &Asking) -> Result<Verdict, Unreadable> {
    let idp = asking.provider.read()?;
    let sp = ServiceProvider::new(&asking.sp_entity_id, &asking.acs_url)
        .map_err(|error| Unreadable::new("service provider", error))?;
    let mut random = [0; 20];
    SystemEntropy::new()
        .fill(&mut random)
        .map_err(|error| Unreadable::new("random bytes", error))?;
    let id = MessageId::from_random_bytes(random);
    let now = asking.at.unwrap_or_else(|| SystemClock.now());
    let key = match &asking.sign_key {
        Some(path) => Some(key_file::signing_key(path)?),
        None => None,
    };
    let mut request =
        AuthnRequest::new(&sp, &idp, id, now).lifetime(Duration::from_secs(asking.lifetime));
    if let Some(key) = &key {
        request = request.signed_by(key);
    }
    if asking.unsigned {
        request = request.unsigned_although_signing_is_wanted();
    }
    if let Some(text) = &asking.relay_state {
        let relay_state =
            RelayState::new(text).map_err(|error| Unreadable::new("--relay-state", error))?;
        request = request.relay_state(relay_state);
    }
    if asking.force_authn {
        request = request.force_authn();
    }
    if asking.passive {
        request = request.passive();
    }
    if let Some(format) = &asking.name_id_format {
        request = request.name_id_format(format);
    }
    if asking.allow_create {
        request = request.allow_create();
    }
    if let Some(name_id) = &asking.login_hint {
        request = request.login_hint(name_id, None);
    }
    if let Some(asked) = asking.asked() {
        request = request.authn_context(asked);
    }
    let sent = blocking::wait(async {
        match asking.binding {
            None => request.send().await,
            Some(RequestBinding::Redirect) => {
                let (url, pending) = request.redirect().await?;
                Ok((Outbound::Redirect(url), pending))
            }
            Some(RequestBinding::Post) => {
                let (form, pending) = request.post().await?;
                Ok((Outbound::Post(form), pending))
            }
        }
    });
    match sent {
        Ok((outbound, pending)) => Ok(printed(&outbound, Some(json!(pending)))),
        // The metadata was read, and does not allow what was asked for.
        Err(error) => Ok(Verdict::refused(error.code(), error)),
    }
}
