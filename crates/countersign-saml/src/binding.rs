//! How messages travel: through the browser by redirect or form, or fetched for an artifact
//! \[SAML-Bindings\].
//!
//! Everything here is about carrying, whatever the message says: requests, responses and logout
//! travel alike.
//!
//! | to send | to read |
//! |---|---|
//! | [`Message::redirect`] → [`RedirectUrl`] | [`RedirectQuery`], from the raw query |
//! | [`Message::post`] → [`PostForm`] | [`FormBody`], from the raw body |
//! | [`artifact::ArtifactResolve`] | [`artifact::ReceivedArtifact`], from either |
//!
//! What is read is read *raw*, before a web framework has taken it apart: two readers that disagree
//! about which of two parameters counts are how signatures were made to cover one message while
//! another was used (CVE-2025-27773, CVE-2025-31335). Each parameter is there at most once or the
//! whole is refused, and what a signature covers is the very bytes that arrived.

pub mod artifact;
mod deflate;
mod encoding;
mod parameters;
mod post;
mod redirect;
mod relay_state;

use countersign_dsig::sign::{SignWithError, SigningOptions, sign_enveloped_with};
use countersign_dsig::signer::{MessageSigner, SignerError};
use thiserror::Error;

use crate::endpoint::check_location;

pub use self::post::{FormBody, PostForm};
pub use self::redirect::{RedirectQuery, RedirectUrl};
pub use self::relay_state::{MAX_RELAY_STATE_BYTES, RelayState, RelayStateError};

pub(crate) use self::encoding::decode_base64;

/// A way for messages to travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Binding {
    /// In the query of a URL, compressed \[SAML-Bindings §3.4\].
    Redirect,
    /// In a form that the browser posts \[SAML-Bindings §3.5\].
    Post,
    /// By reference; the message itself is fetched \[SAML-Bindings §3.6\].
    Artifact,
}

impl Binding {
    /// Its identifier.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Redirect => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            Self::Post => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
            Self::Artifact => "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact",
        }
    }
}

/// Whether a message asks or answers; the two have parameters of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// `SAMLRequest`.
    Request,
    /// `SAMLResponse`.
    Response,
}

impl MessageKind {
    /// The name of the parameter that carries it \[SAML-Bindings §3.4.4, §3.5.4\].
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// A message of ours on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Whether it asks or answers.
    pub kind: MessageKind,
    /// The `ID` of its root.
    pub id: &'a str,
    /// The message, unsigned.
    pub xml: &'a str,
    /// Where the browser takes it; what its `Destination` says.
    pub destination: &'a str,
    /// What has to come back with the answer, or what came with the request.
    pub relay_state: Option<&'a RelayState>,
}

impl Message<'_> {
    /// As a URL to send the browser to. A signature is over the query \[SAML-Bindings §3.4.4.1\].
    ///
    /// # Errors
    /// If the destination is no URL for a browser, or the signer fails.
    pub async fn redirect(
        &self,
        signer: Option<&dyn MessageSigner>,
    ) -> Result<RedirectUrl, BindingError> {
        RedirectUrl::new(self, signer).await
    }

    /// As a form that the browser posts. A signature is in the message \[SAML-Bindings §3.5.4.1\].
    ///
    /// # Errors
    /// If the destination is no URL for a browser, the message can not be signed, or the signer
    /// fails.
    pub async fn post(&self, signer: Option<&dyn MessageSigner>) -> Result<PostForm, BindingError> {
        PostForm::new(self, self.signed(signer).await?.as_deref())
    }

    /// By the binding that is named.
    ///
    /// # Errors
    /// As [`redirect`](Self::redirect) and [`post`](Self::post); [`BindingError::NotByBrowser`]
    /// for an artifact, which somebody would have to keep until it is fetched.
    pub async fn send(
        &self,
        binding: Binding,
        signer: Option<&dyn MessageSigner>,
    ) -> Result<Outbound, BindingError> {
        match binding {
            Binding::Redirect => self.redirect(signer).await.map(Outbound::Redirect),
            Binding::Post => self.post(signer).await.map(Outbound::Post),
            Binding::Artifact => Err(BindingError::NotByBrowser),
        }
    }

    /// The message with an enveloped signature, if there is a signer.
    async fn signed(
        &self,
        signer: Option<&dyn MessageSigner>,
    ) -> Result<Option<Vec<u8>>, BindingError> {
        check_destination(self.destination)?;
        let Some(signer) = signer else {
            return Ok(None);
        };
        let options = SigningOptions::default();
        let signed = sign_enveloped_with(self.xml.as_bytes(), self.id, signer, &options).await?;
        Ok(Some(signed))
    }
}

/// A message of ours as the browser takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outbound {
    /// Answer with a redirect to this URL.
    Redirect(RedirectUrl),
    /// Answer with this form.
    Post(PostForm),
}

/// A message of ours can not be sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BindingError {
    /// Browsers are sent to `https` and `http` only, without a fragment.
    #[error("the destination is no https or http url that a browser may be sent to")]
    Destination,
    /// The binding does not carry a message of ours through the browser.
    #[error("the binding does not carry messages through the browser")]
    NotByBrowser,
    /// The message can not be signed.
    #[error("the message can not be signed")]
    Signing(#[source] SignWithError),
}

impl BindingError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Destination => "binding.destination",
            Self::NotByBrowser => "binding.not_by_browser",
            Self::Signing(error) => error.code(),
        }
    }
}

impl From<SignWithError> for BindingError {
    fn from(error: SignWithError) -> Self {
        Self::Signing(error)
    }
}

impl From<SignerError> for BindingError {
    fn from(error: SignerError) -> Self {
        Self::Signing(error.into())
    }
}

/// A URL for a browser, to which a query can be added.
fn check_destination(destination: &str) -> Result<(), BindingError> {
    match check_location(destination) {
        Ok(()) if !destination.contains('#') => Ok(()),
        _ => Err(BindingError::Destination),
    }
}
