//! Asking an identity provider to authenticate a person \[SAML-Core §3.4.1\].

use std::fmt;
use std::time::Duration;

use countersign_core::text::check_identifier;
use countersign_core::{TextError, Timestamp};
use countersign_dsig::signer::MessageSigner;
use thiserror::Error;

use crate::binding::{
    Binding, BindingError, Message, MessageKind, Outbound, PostForm, RedirectUrl, RelayState,
};
use crate::identity_provider::IdentityProvider;
use crate::markup::Markup;
use crate::message_id::MessageId;
use crate::names::{ASSERTION, PROTOCOL, VERSION};
use crate::request::RequestedAuthnContext;
use crate::request::{DEFAULT_REQUEST_LIFETIME, PendingRequest};
use crate::service_provider::ServiceProvider;

/// A request can not be sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The metadata names no place that takes requests by this binding.
    #[error("the identity provider takes no requests by `{}`", .0.uri())]
    NoEndpoint(Binding),
    /// The metadata says `WantAuthnRequestsSigned`: the provider would refuse it.
    #[error(
        "the identity provider wants requests signed; give this one a signer, or allow it unsigned"
    )]
    SigningWanted,
    /// Something that goes into the request is no identifier.
    #[error("{what} {error}")]
    Text {
        /// What it was to be.
        what: &'static str,
        /// Why it can not be.
        error: TextError,
    },
    /// It can not be carried or signed.
    #[error("the request can not be sent")]
    Sending(#[source] BindingError),
}

impl From<BindingError> for RequestError {
    fn from(error: BindingError) -> Self {
        Self::Sending(error)
    }
}

impl RequestError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoEndpoint(_) => "request.no_endpoint",
            Self::SigningWanted => "request.signing_wanted",
            Self::Text { .. } => "request.text",
            Self::Sending(error) => error.code(),
        }
    }
}

/// A request to authenticate a person.
///
/// It is sent once, by [`redirect`](Self::redirect), [`post`](Self::post) or whatever of the two
/// the provider takes ([`send`](Self::send)). With it comes the [`PendingRequest`], which the host
/// keeps for the answer.
///
/// What the [`ServiceProvider`] always demands of an authentication is asked for, unless
/// [`authn_context`](Self::authn_context) asks for something else; the answer has to meet both.
///
/// ```
/// # use countersign_core::Timestamp;
/// # use countersign_saml::{IdentityProvider, MessageId, ServiceProvider};
/// use countersign_saml::binding::RelayState;
/// use countersign_saml::{AuthnRequest, MultiFactor, RequestedAuthnContext};
/// # let metadata = countersign_testkit::idp::TestIdp::new("https://idp.example").metadata();
/// # let idp = IdentityProvider::from_metadata(metadata.as_bytes())?;
/// # let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")?;
/// # let (random, now) = ([7; 20], Timestamp::UNIX_EPOCH);
/// # pollster::block_on(async {
///
/// let id = MessageId::from_random_bytes(random);
/// let (url, pending) = AuthnRequest::new(&sp, &idp, id, now)
///     .relay_state(RelayState::new("order 7")?)
///     .authn_context(RequestedAuthnContext::multi_factor(MultiFactor::Refeds))
///     .redirect()
///     .await?;
/// assert!(url.as_str().starts_with("https://idp.example/sso?SAMLRequest="));
/// // The host keeps this in the browser's session, and passes it to `verify` with the answer.
/// let kept = serde_json::to_string(&pending)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a request asks nothing before it is sent"]
pub struct AuthnRequest<'a> {
    sp: &'a ServiceProvider,
    idp: &'a IdentityProvider,
    id: MessageId,
    now: Timestamp,
    signer: Option<&'a dyn MessageSigner>,
    may_be_unsigned: bool,
    lifetime: Duration,
    relay_state: Option<RelayState>,
    force_authn: bool,
    is_passive: bool,
    name_id_policy: NameIdPolicy,
    authn_context: Option<RequestedAuthnContext>,
    login_hint: Option<(String, Option<String>)>,
}

/// What is asked of the name identifier \[SAML-Core §3.4.1.1\].
#[derive(Debug, Clone, Default)]
struct NameIdPolicy {
    format: Option<String>,
    sp_name_qualifier: Option<String>,
    allow_create: bool,
}

impl<'a> AuthnRequest<'a> {
    /// A request of `sp` to `idp`, made `now`. `id` has to be new.
    pub fn new(
        sp: &'a ServiceProvider,
        idp: &'a IdentityProvider,
        id: MessageId,
        now: Timestamp,
    ) -> Self {
        Self {
            sp,
            idp,
            id,
            now,
            signer: None,
            may_be_unsigned: false,
            lifetime: DEFAULT_REQUEST_LIFETIME,
            relay_state: None,
            force_authn: false,
            is_passive: false,
            name_id_policy: NameIdPolicy::default(),
            authn_context: None,
            login_hint: None,
        }
    }

    /// Signs the request: over the query of a redirect, in the message of a form.
    pub fn signed_by(mut self, signer: &'a dyn MessageSigner) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Sends the request unsigned although the metadata wants it signed: not every provider
    /// insists on what its metadata says.
    pub fn unsigned_although_signing_is_wanted(mut self) -> Self {
        self.may_be_unsigned = true;
        self
    }

    /// How long an answer is waited for; ten minutes unless chosen, an hour at most.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// What has to come back with the answer.
    pub fn relay_state(mut self, relay_state: RelayState) -> Self {
        self.relay_state = Some(relay_state);
        self
    }

    /// The person has to authenticate anew, and the answer has to show it: `ForceAuthn`.
    pub fn force_authn(mut self) -> Self {
        self.force_authn = true;
        self
    }

    /// The person must not be asked anything: `IsPassive`. Who has no session is answered with
    /// `saml.no_passive`.
    pub fn passive(mut self) -> Self {
        self.is_passive = true;
        self
    }

    /// How the person has to authenticate: step-up. The answer has to meet it.
    pub fn authn_context(mut self, asked: impl Into<RequestedAuthnContext>) -> Self {
        self.authn_context = Some(asked.into());
        self
    }

    /// The format of the name identifier, such as
    /// `urn:oasis:names:tc:SAML:2.0:nameid-format:persistent`.
    pub fn name_id_format(mut self, format: impl Into<String>) -> Self {
        self.name_id_policy.format = Some(format.into());
        self
    }

    /// The provider may make a new identifier for the person: `AllowCreate`.
    pub fn allow_create(mut self) -> Self {
        self.name_id_policy.allow_create = true;
        self
    }

    /// The group of service providers that share identifiers: `SPNameQualifier`.
    pub fn sp_name_qualifier(mut self, qualifier: impl Into<String>) -> Self {
        self.name_id_policy.sp_name_qualifier = Some(qualifier.into());
        self
    }

    /// Who the person probably is, so that the provider need not ask: `Subject`. It binds nobody;
    /// the answer may be about somebody else.
    pub fn login_hint(mut self, name_id: impl Into<String>, format: Option<&str>) -> Self {
        self.login_hint = Some((name_id.into(), format.map(str::to_owned)));
        self
    }

    /// The request as a URL to send the browser to.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn redirect(self) -> Result<(RedirectUrl, PendingRequest), RequestError> {
        let (destination, pending) = self.prepare(Binding::Redirect)?;
        let xml = self.xml(destination);
        let url = self
            .message(&xml, destination)
            .redirect(self.signer)
            .await?;
        Ok((url, pending))
    }

    /// The request as a form that the browser posts.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn post(self) -> Result<(PostForm, PendingRequest), RequestError> {
        let (destination, pending) = self.prepare(Binding::Post)?;
        let xml = self.xml(destination);
        let form = self.message(&xml, destination).post(self.signer).await?;
        Ok((form, pending))
    }

    /// The request as the metadata says that the provider takes it: by the first of its endpoints
    /// that a browser can be sent to.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub async fn send(self) -> Result<(Outbound, PendingRequest), RequestError> {
        let takes = |binding: &Binding| {
            let mut endpoints = self.idp.sso_locations().iter();
            endpoints.position(|endpoint| endpoint.binding() == binding.uri())
        };
        let binding = [Binding::Redirect, Binding::Post]
            .into_iter()
            .filter(|binding| takes(binding).is_some())
            .min_by_key(takes)
            .unwrap_or(Binding::Redirect);
        let (destination, pending) = self.prepare(binding)?;
        let xml = self.xml(destination);
        let message = self.message(&xml, destination);
        let outbound = message.send(binding, self.signer).await?;
        Ok((outbound, pending))
    }

    fn message<'m>(&'m self, xml: &'m str, destination: &'m str) -> Message<'m> {
        Message {
            kind: MessageKind::Request,
            id: self.id.as_str(),
            xml,
            destination,
            relay_state: self.relay_state.as_ref(),
        }
    }

    /// Where the request goes, and what is kept of it.
    fn prepare(&self, binding: Binding) -> Result<(&'a str, PendingRequest), RequestError> {
        let endpoint = self
            .idp
            .sso_locations()
            .iter()
            .find(|endpoint| endpoint.binding() == binding.uri())
            .ok_or(RequestError::NoEndpoint(binding))?;
        // [SAML-Metadata §2.4.3]
        if self.signer.is_none() && self.idp.wants_authn_requests_signed() && !self.may_be_unsigned
        {
            return Err(RequestError::SigningWanted);
        }
        self.check_texts()?;
        let mut pending = PendingRequest::from(&self.id)
            .sent_to(self.idp.entity_id())
            .issued(self.now, self.lifetime);
        pending = match &self.relay_state {
            Some(relay_state) => pending.with_relay_state(relay_state),
            None => pending.without_relay_state(),
        };
        if self.force_authn {
            pending = pending.with_fresh_login_since(self.now);
        }
        if let Some(asked) = &self.authn_context {
            pending = pending.with_authn_context(asked.clone());
        }
        Ok((endpoint.location(), pending))
    }

    fn check_texts(&self) -> Result<(), RequestError> {
        let policy = &self.name_id_policy;
        let hint = self.login_hint.as_ref();
        let classes = self
            .asked()
            .into_iter()
            .flat_map(RequestedAuthnContext::class_refs);
        let texts = [
            ("the name identifier's format", policy.format.as_deref()),
            ("the qualifier", policy.sp_name_qualifier.as_deref()),
            ("the login hint", hint.map(|(name_id, _)| name_id.as_str())),
            (
                "the login hint's format",
                hint.and_then(|(_, format)| format.as_deref()),
            ),
        ]
        .into_iter()
        .filter_map(|(what, text)| Some((what, text?)))
        .chain(classes.map(|class_ref| ("the authentication context", class_ref)));
        for (what, text) in texts {
            check_identifier(text).map_err(|error| RequestError::Text { what, error })?;
        }
        Ok(())
    }

    /// What the provider is asked to do: this request's wish, else the connection's.
    fn asked(&self) -> Option<&RequestedAuthnContext> {
        let always = self.sp.authn_context.as_ref();
        self.authn_context.as_ref().or(always)
    }

    /// The message, in the order that the schema wants \[SAML-Core §3.4.1\].
    fn xml(&self, destination: &str) -> String {
        let mut xml = Markup::default();
        let flag = |is_set: bool| is_set.then_some("true");
        xml.start(
            "samlp:AuthnRequest",
            &[
                ("xmlns:samlp", Some(PROTOCOL)),
                ("xmlns:saml", Some(ASSERTION)),
                ("ID", Some(self.id.as_str())),
                ("Version", Some(VERSION)),
                ("IssueInstant", Some(self.now.to_string().as_str())),
                ("Destination", Some(destination)),
                ("ForceAuthn", flag(self.force_authn)),
                ("IsPassive", flag(self.is_passive)),
                // The assertion consumer service takes what a browser posts [SAML-Profiles §4.1.2].
                ("ProtocolBinding", Some(Binding::Post.uri())),
                ("AssertionConsumerServiceURL", Some(self.sp.acs_url())),
            ],
        );
        xml.element("saml:Issuer", &[], self.sp.entity_id());
        if let Some((name_id, format)) = &self.login_hint {
            xml.start("saml:Subject", &[]);
            xml.element("saml:NameID", &[("Format", format.as_deref())], name_id);
            xml.end("saml:Subject");
        }
        let policy = &self.name_id_policy;
        if policy.allow_create || policy.format.is_some() || policy.sp_name_qualifier.is_some() {
            let attributes = [
                ("Format", policy.format.as_deref()),
                ("SPNameQualifier", policy.sp_name_qualifier.as_deref()),
                ("AllowCreate", flag(policy.allow_create)),
            ];
            xml.element("samlp:NameIDPolicy", &attributes, "");
        }
        if let Some(asked) = self.asked().filter(|asked| asked.class_refs().count() > 0) {
            let comparison = Some(asked.comparison().as_str());
            xml.start("samlp:RequestedAuthnContext", &[("Comparison", comparison)]);
            for class_ref in asked.class_refs() {
                xml.element("saml:AuthnContextClassRef", &[], class_ref);
            }
            xml.end("samlp:RequestedAuthnContext");
        }
        xml.end("samlp:AuthnRequest");
        xml.into_string()
    }
}

impl fmt::Debug for AuthnRequest<'_> {
    /// Without the login hint, which is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthnRequest")
            .field("id", &self.id)
            .field("now", &self.now)
            .field("identity_provider", &self.idp.entity_id())
            .field("authn_context", &self.authn_context)
            .finish_non_exhaustive()
    }
}
