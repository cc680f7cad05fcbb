//! Our answer to a logout request \[SAML-Core §3.7.2\].

use countersign_core::Timestamp;
use countersign_dsig::signer::MessageSigner;

use super::demand::Logout;
use super::error::LogoutError;
use super::request::endpoint;
use super::status::LogoutStatus;
use crate::binding::{Binding, BindingError, Message, MessageKind, Outbound, RelayState};
use crate::identity_provider::IdentityProvider;
use crate::markup::Markup;
use crate::message_id::MessageId;
use crate::names::{ASSERTION, PROTOCOL, VERSION};
use crate::service_provider::ServiceProvider;

/// The answer to a provider's logout request.
#[derive(Debug, Clone)]
#[must_use = "an answer does nothing before it is sent"]
pub struct LogoutResponse {
    binding: Binding,
    id: MessageId,
    destination: String,
    relay_state: Option<RelayState>,
    xml: String,
}

impl LogoutResponse {
    /// Answers `logout`. It goes to the provider's `ResponseLocation` for this binding, else to its
    /// `Location`, and takes back the relay state that came with the request.
    ///
    /// # Errors
    /// [`LogoutError::NoEndpoint`] if the provider takes no logout messages by this binding.
    pub fn new(
        sp: &ServiceProvider,
        idp: &IdentityProvider,
        binding: Binding,
        logout: &Logout,
        status: LogoutStatus,
        id: &MessageId,
        now: Timestamp,
    ) -> Result<Self, LogoutError> {
        let destination = endpoint(idp, binding)?.response_location();
        let now = now.to_string();
        let mut xml = Markup::default();
        xml.start(
            "samlp:LogoutResponse",
            &[
                ("xmlns:samlp", Some(PROTOCOL)),
                ("xmlns:saml", Some(ASSERTION)),
                ("ID", Some(id.as_str())),
                ("InResponseTo", Some(logout.id())),
                ("Version", Some(VERSION)),
                ("IssueInstant", Some(&now)),
                ("Destination", Some(destination)),
            ],
        );
        xml.element("saml:Issuer", &[], sp.entity_id());
        let (code, detail) = status.codes();
        xml.start("samlp:Status", &[]);
        xml.start("samlp:StatusCode", &[("Value", Some(code))]);
        if let Some(detail) = detail {
            xml.element("samlp:StatusCode", &[("Value", Some(detail))], "");
        }
        xml.end("samlp:StatusCode");
        xml.end("samlp:Status");
        xml.end("samlp:LogoutResponse");
        Ok(Self {
            binding,
            id: id.clone(),
            destination: destination.to_owned(),
            relay_state: logout.relay_state(),
            xml: xml.into_string(),
        })
    }

    /// The answer, signed and on its way.
    ///
    /// # Errors
    /// If the signer fails.
    ///
    /// # Cancellation
    /// Nothing is lost if the future is dropped.
    pub async fn send(&self, signer: &dyn MessageSigner) -> Result<Outbound, BindingError> {
        let message = Message {
            kind: MessageKind::Response,
            id: self.id.as_str(),
            xml: &self.xml,
            destination: &self.destination,
            relay_state: self.relay_state.as_ref(),
        };
        message.send(self.binding, Some(signer)).await
    }
}
