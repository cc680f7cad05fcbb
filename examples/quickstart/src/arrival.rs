//! Who arrives: the test identity provider's response, or a real provider's from a file.

use std::error::Error;
use std::path::Path;

use countersign::provision::{Policy, normalize};
use countersign::saml::{
    IdentityProvider, PendingRequest, ServiceProvider, UnverifiedResponse, inspect,
};
use countersign::{ConnectionId, PolicyFile, Timestamp};
use countersign_testkit::idp::{ResponseSpec, TestIdp};

use crate::arguments::Arguments;

/// Everything that a sign-in needs.
pub(crate) struct Arrival {
    pub(crate) policy: Policy,
    pub(crate) connection: ConnectionId,
    pub(crate) service_provider: ServiceProvider,
    pub(crate) identity_provider: IdentityProvider,
    pub(crate) response: Vec<u8>,
    pub(crate) request: Option<PendingRequest>,
}

impl Arrival {
    pub(crate) fn new(arguments: &Arguments, now: Timestamp) -> Result<Self, Box<dyn Error>> {
        match &arguments.response {
            None => Self::of_test_provider(now),
            Some(response) => Self::of_file(arguments, response),
        }
    }

    /// A contract nurse, whom a test identity provider vouches for with a real signature.
    fn of_test_provider(now: Timestamp) -> Result<Self, Box<dyn Error>> {
        let (entity_id, acs_url) = (
            "https://sign.hospital.example/saml",
            "https://sign.hospital.example/saml/acs",
        );
        let idp = TestIdp::new("https://idp.agency.example/metadata");
        let request = PendingRequest::new("_quickstart-request")?;
        let spec = ResponseSpec::new(entity_id, acs_url, "nurse@agency.example", now)
            .with_name_id_format("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress")
            .with_attribute("urn:oid:2.5.4.42", ["Contract"])
            .with_attribute("urn:oid:2.5.4.4", ["Nurse"])
            .with_attribute("Role", ["contract-nurse"])
            .answering(request.id());
        Ok(Self {
            policy: PolicyFile::parse("policy.toml", include_str!("../policy.toml"))?,
            connection: ConnectionId::new("provider")?,
            service_provider: ServiceProvider::new(entity_id, acs_url)?,
            identity_provider: IdentityProvider::from_metadata(idp.metadata().as_bytes())?,
            response: idp.respond(&spec),
            request: Some(request),
        })
    }

    fn of_file(arguments: &Arguments, response: &Path) -> Result<Self, Box<dyn Error>> {
        let needed = "--response needs --idp-metadata, --sp-entity-id and --acs-url";
        let metadata = read(arguments.idp_metadata.as_deref().ok_or(needed)?)?;
        let entity_id = arguments.sp_entity_id.as_deref().ok_or(needed)?;
        let acs_url = arguments.acs_url.as_deref().ok_or(needed)?;
        let identity_provider = IdentityProvider::from_metadata(&metadata)?;
        let response = read(response)?;
        // Nothing of this is believed: it only completes what the command line leaves open.
        let unverified = inspect(&response).ok();
        let request = arguments
            .request_id
            .clone()
            .or_else(|| in_response_to(unverified.as_ref()?));
        let (policy, connection) = match (&arguments.policy, &arguments.connection) {
            (Some(policy), Some(connection)) => (PolicyFile::load(policy)?, connection.clone()),
            _ => (
                everybody_signs(identity_provider.entity_id(), unverified.as_ref())?,
                ConnectionId::new("provider")?,
            ),
        };
        Ok(Self {
            policy,
            connection,
            service_provider: ServiceProvider::new(entity_id, acs_url)?
                .with_signed_part(arguments.signature.into()),
            identity_provider,
            response,
            request: request.map(PendingRequest::new).transpose()?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The request that a stored response answers: there is no browser here that sent one.
fn in_response_to(response: &UnverifiedResponse) -> Option<String> {
    let confirmations = response.assertions.first()?.confirmations.iter();
    let mut named = confirmations.filter_map(|confirmation| confirmation.in_response_to.clone());
    response.in_response_to.clone().or_else(|| named.next())
}

/// A policy for a look at a stored response: whoever has an address in its domain may sign.
fn everybody_signs(
    issuer: &str,
    response: Option<&UnverifiedResponse>,
) -> Result<Policy, Box<dyn Error>> {
    let preset = match issuer {
        entra if entra.starts_with("https://sts.windows.net/") => "entra-saml",
        okta if okta.starts_with("http://www.okta.com/") => "okta",
        google if google.starts_with("https://accounts.google.com/") => "google-workspace",
        keycloak if keycloak.contains("/realms/") => "keycloak",
        _ => "generic",
    };
    let domain = response
        .and_then(domain)
        .unwrap_or_else(|| "domain.invalid".to_owned());
    let text = format!(
        r#"
[connection.provider]
issuer = {issuer:?}
preset = "{preset}"
strategy = "jit"
domains = ["{domain}"]

[connection.provider.create]
default_roles = ["signer"]

[role.signer]
allow = ["sign nda/*", "view *"]
"#
    );
    Ok(PolicyFile::parse("the quickstart's policy", &text)?)
}

/// The domain of the first address in a response: an attribute's, or else the name identifier's.
fn domain(response: &UnverifiedResponse) -> Option<String> {
    let assertion = response.assertions.first()?;
    let attributes = assertion
        .attributes
        .iter()
        .filter(|attribute| attribute.name.to_ascii_lowercase().contains("email"))
        .flat_map(|attribute| &attribute.values)
        .filter_map(|value| value.as_text());
    let name_id = assertion.name_id.iter().map(|name_id| &*name_id.value);
    attributes
        .chain(name_id)
        .find_map(|text| normalize::email(text).ok())
        .map(|email| email.domain().to_owned())
}
