//! A logout request of ours \[SAML-Core §3.7.1\].

use std::time::Duration;

use countersign_core::{NameId, Timestamp};
use countersign_dsig::signer::MessageSigner;

use super::error::LogoutError;
use super::pending::PendingLogout;
use crate::binding::{Binding, BindingError, Message, MessageKind, Outbound, RelayState};
use crate::endpoint::Endpoint;
use crate::identity_provider::IdentityProvider;
use crate::markup::Markup;
use crate::message_id::MessageId;
use crate::names::{ASSERTION, PROTOCOL, VERSION};
use crate::request::{DEFAULT_REQUEST_LIFETIME, PendingRequest};
use crate::service_provider::ServiceProvider;

/// How long the provider may take until it gets the request: what it takes a browser.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// A request to end a session at the identity provider, and with it everywhere.
///
/// ```
/// # use countersign_core::{NameId, Timestamp};
/// # use countersign_dsig::sign::SigningKey;
/// # use countersign_saml::{Endpoint, IdentityProvider, ServiceProvider, VerificationKey};
/// # use countersign_testkit::keys;
/// use countersign_saml::MessageId;
/// use countersign_saml::binding::{Binding, Outbound};
/// use countersign_saml::logout::LogoutRequest;
/// # let now: Timestamp = "2026-03-01T09:30:00Z".parse()?;
/// # let signer = SigningKey::from_pkcs8(keys::IDP_P256_PKCS8)?;
/// # let idp = IdentityProvider::new(
/// #     "https://idp.acme.example",
/// #     vec![VerificationKey::from_certificate_der(keys::IDP_RSA_2048_CERTIFICATE)?],
/// # )?
/// # .with_slo_location(Endpoint::new(Binding::Redirect.uri(), "https://idp.acme.example/slo")?);
/// # let random = [7; 20];
/// # pollster::block_on(async {
///
/// let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")?;
/// // As the session's login had it, with all qualifiers.
/// let name_id = NameId {
///     value: "nurse@acme.example".to_owned(),
///     format: None,
///     name_qualifier: None,
///     sp_name_qualifier: None,
/// };
/// let id = MessageId::from_random_bytes(random);
/// let request = LogoutRequest::new(&sp, &idp, Binding::Redirect, &name_id, &id, now)?
///     .with_session_index("_session-7");
/// let pending = request.pending();
/// # let _ = pending;
/// let Outbound::Redirect(url) = request.send(&signer).await? else {
///     unreachable!("it was to be a redirect");
/// };
/// assert!(url.as_str().starts_with("https://idp.acme.example/slo?SAMLRequest="));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request does nothing before it is sent"]
pub struct LogoutRequest {
    binding: Binding,
    destination: String,
    issuer: String,
    identity_provider: String,
    id: MessageId,
    now: Timestamp,
    name_id: NameId,
    session_indexes: Vec<String>,
    reason: Option<String>,
    relay_state: Option<RelayState>,
}

impl LogoutRequest {
    /// Asks `idp` to sign out whoever it called `name_id`, in all sessions.
    ///
    /// # Errors
    /// [`LogoutError::NoEndpoint`] if the provider takes no logout messages by this binding.
    pub fn new(
        sp: &ServiceProvider,
        idp: &IdentityProvider,
        binding: Binding,
        name_id: &NameId,
        id: &MessageId,
        now: Timestamp,
    ) -> Result<Self, LogoutError> {
        Ok(Self {
            binding,
            destination: endpoint(idp, binding)?.location().to_owned(),
            issuer: sp.entity_id().to_owned(),
            identity_provider: idp.entity_id().to_owned(),
            id: id.clone(),
            now,
            name_id: name_id.clone(),
            session_indexes: Vec::new(),
            reason: None,
            relay_state: None,
        })
    }

    /// Only the session with this `SessionIndex`, and those that were named so before.
    pub fn with_session_index(mut self, session_index: impl Into<String>) -> Self {
        self.session_indexes.push(session_index.into());
        self
    }

    /// Says why, by a URI such as `urn:oasis:names:tc:SAML:2.0:logout:user`.
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Sends a relay state along, which has to come back with the answer.
    pub fn with_relay_state(mut self, relay_state: RelayState) -> Self {
        self.relay_state = Some(relay_state);
        self
    }

    /// What the host keeps until the answer comes.
    #[must_use]
    pub fn pending(&self) -> PendingLogout {
        let pending = PendingRequest::from(&self.id)
            .sent_to(&self.identity_provider)
            .issued(self.now, DEFAULT_REQUEST_LIFETIME);
        PendingLogout {
            logout: match &self.relay_state {
                Some(relay_state) => pending.with_relay_state(relay_state),
                None => pending.without_relay_state(),
            },
        }
    }

    /// The request, signed and on its way.
    ///
    /// # Errors
    /// If the signer fails.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn send(&self, signer: &dyn MessageSigner) -> Result<Outbound, BindingError> {
        let message = Message {
            kind: MessageKind::Request,
            id: self.id.as_str(),
            xml: &self.to_xml(),
            destination: &self.destination,
            relay_state: self.relay_state.as_ref(),
        };
        message.send(self.binding, Some(signer)).await
    }

    fn to_xml(&self) -> String {
        let now = self.now.to_string();
        let end = self.now.saturating_add(LIFETIME).to_string();
        let mut xml = Markup::default();
        xml.start(
            "samlp:LogoutRequest",
            &[
                ("xmlns:samlp", Some(PROTOCOL)),
                ("xmlns:saml", Some(ASSERTION)),
                ("ID", Some(self.id.as_str())),
                ("Version", Some(VERSION)),
                ("IssueInstant", Some(&now)),
                ("Destination", Some(&self.destination)),
                ("NotOnOrAfter", Some(&end)),
                ("Reason", self.reason.as_deref()),
            ],
        );
        xml.element("saml:Issuer", &[], &self.issuer);
        xml.element(
            "saml:NameID",
            &[
                ("NameQualifier", self.name_id.name_qualifier.as_deref()),
                ("SPNameQualifier", self.name_id.sp_name_qualifier.as_deref()),
                ("Format", self.name_id.format.as_deref()),
            ],
            &self.name_id.value,
        );
        for session_index in &self.session_indexes {
            xml.element("samlp:SessionIndex", &[], session_index);
        }
        xml.end("samlp:LogoutRequest");
        xml.into_string()
    }
}

/// Where the provider takes logout messages by this binding; its first choice.
pub(super) fn endpoint(idp: &IdentityProvider, binding: Binding) -> Result<&Endpoint, LogoutError> {
    // What is fetched by reference is kept somewhere until then, and nothing here keeps it.
    let by_browser = matches!(binding, Binding::Redirect | Binding::Post);
    idp.slo_locations
        .iter()
        .find(|endpoint| by_browser && endpoint.binding() == binding.uri())
        .ok_or(LogoutError::NoEndpoint)
}
