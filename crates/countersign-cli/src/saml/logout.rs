//! `countersign saml logout …`.

mod request;
mod respond;
mod verify;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use countersign::audit::{Entropy, SystemEntropy};
use countersign::saml::binding::Binding;
use countersign::saml::{Endpoint, MessageId, ServiceProvider};

use super::decryption::Decryption;
use crate::input::Unreadable;
use crate::verdict::Verdict;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask an identity provider to sign a person out, and print what is to be kept until it answers.
    Request(request::Asking),
    /// Verify a provider's logout request, or its answer to one of ours.
    Verify(verify::Verification),
    /// Verify a provider's logout request and answer it.
    Respond(respond::Answering),
}

pub(super) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Request(asking) => request::run(asking),
        Command::Verify(verification) => verify::run(verification),
        Command::Respond(answering) => respond::run(answering),
    }
}

/// How a message of ours travels.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogoutBinding {
    /// In the query of a URL.
    Redirect,
    /// In a form.
    Post,
}

impl LogoutBinding {
    const fn binding(self) -> Binding {
        match self {
            Self::Redirect => Binding::Redirect,
            Self::Post => Binding::Post,
        }
    }
}

/// Who we are to a provider that sends us logout messages.
#[derive(Debug, Args)]
struct Us {
    /// Our own entity id.
    #[arg(long, value_name = "ID")]
    sp_entity_id: String,
    /// Where we take logout messages: what Destination has to be.
    #[arg(long, value_name = "URL")]
    slo_url: String,
    /// Where we take answers, if elsewhere.
    #[arg(long, value_name = "URL")]
    slo_response_url: Option<String>,
    /// How far the two clocks may differ; at most 180.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    skew: u64,
    #[command(flatten)]
    decryption: Decryption,
    /// Accept SHA-1 and RSA keys of 1024 bits: for old test data only.
    #[arg(long)]
    insecure_legacy_algorithms: bool,
}

impl Us {
    fn service_provider(&self) -> Result<ServiceProvider, Unreadable> {
        let wrong = |error| Unreadable::new("--slo-url", error);
        let mut endpoint = Endpoint::new(Binding::Post.uri(), &self.slo_url).map_err(wrong)?;
        if let Some(url) = &self.slo_response_url {
            endpoint = endpoint
                .with_response_location(url)
                .map_err(|error| Unreadable::new("--slo-response-url", error))?;
        }
        // No login is verified here, so where logins would go does not matter.
        let sp = ServiceProvider::new(&self.sp_entity_id, &self.slo_url)
            .and_then(|sp| sp.with_clock_skew(Duration::from_secs(self.skew)))
            .map_err(|error| Unreadable::new("service provider", error))?
            .with_slo_location(endpoint);
        let sp = self.decryption.provide(sp)?;
        Ok(if self.insecure_legacy_algorithms {
            sp.insecure_legacy_algorithms()
        } else {
            sp
        })
    }
}

fn message_id() -> Result<MessageId, Unreadable> {
    let mut random = [0; 20];
    SystemEntropy::new()
        .fill(&mut random)
        .map_err(|error| Unreadable::new("random bytes", error))?;
    Ok(MessageId::from_random_bytes(random))
}
