//! HTTP-POST: the message in a form that the browser posts \[SAML-Bindings §3.5\].

use super::encoding::{decode_base64, encode_base64};
use super::redirect::sole_message;
use super::{BindingError, Message, MessageKind, check_destination, parameters};
use crate::markup::Escaped;
use crate::rejection::Rejection;

/// A form that carries a message of ours.
///
/// A host either answers with [`html`](Self::html), or builds a page of its own from
/// [`action`](Self::action) and [`fields`](Self::fields).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostForm {
    action: String,
    fields: Vec<(&'static str, String)>,
}

/// What [`PostForm::html`] runs.
const SCRIPT: &str = "document.forms[0].submit()";

impl PostForm {
    /// What a `Content-Security-Policy` has to allow in `script-src` for [`html`](Self::html) to
    /// post itself. Without it the person has to press the button.
    pub const SCRIPT_SRC: &str = "'sha256-ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE='";

    /// The form around a message, or around its signed form.
    pub(super) fn new(message: &Message<'_>, signed: Option<&[u8]>) -> Result<Self, BindingError> {
        check_destination(message.destination)?;
        let xml = signed.unwrap_or(message.xml.as_bytes());
        let mut fields = vec![(message.kind.parameter(), encode_base64(xml))];
        if let Some(relay_state) = message.relay_state {
            fields.push(("RelayState", relay_state.as_str().to_owned()));
        }
        Ok(Self {
            action: message.destination.to_owned(),
            fields,
        })
    }

    /// The URL that the form is posted to.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The fields, by name and value, before any escaping.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().map(|(name, value)| (*name, &**value))
    }

    /// A whole page with the form, which posts itself. Send it as `text/html; charset=utf-8`, and
    /// tell caches not to keep it \[SAML-Bindings §3.5.5.1\].
    #[must_use]
    pub fn html(&self) -> String {
        let mut html = format!(
            concat!(
                "<!DOCTYPE html>\n",
                r#"<html><head><meta charset="utf-8"><title>One moment</title></head><body>"#,
                r#"<form method="post" action="{}">"#,
            ),
            Escaped(&self.action)
        );
        for (name, value) in self.fields() {
            html.push_str(&format!(
                r#"<input type="hidden" name="{name}" value="{}">"#,
                Escaped(value)
            ));
        }
        html.push_str(&format!(
            concat!(
                r#"<button type="submit">Continue</button></form>"#,
                "<script>{}</script></body></html>\n",
            ),
            SCRIPT
        ));
        html
    }
}

/// A message that came in the body of a form, taken apart but not believed.
///
/// ```
/// use countersign_saml::binding::{FormBody, MessageKind};
/// use countersign_saml::Limits;
///
/// // The body of the request, as it arrived.
/// let form = FormBody::parse(b"SAMLResponse=PGEvPg%3D%3D&RelayState=x+y")?;
/// assert_eq!(form.kind(), MessageKind::Response);
/// assert_eq!(form.relay_state(), Some("x y"));
/// assert_eq!(form.decode(&Limits::default())?, b"<a/>");
/// # Ok::<(), countersign_saml::Rejection>(())
/// ```
#[derive(Debug, Clone)]
pub struct FormBody<'a> {
    kind: MessageKind,
    /// As it arrived.
    message: &'a [u8],
    relay_state: Option<String>,
}

impl<'a> FormBody<'a> {
    /// Takes a raw body of the type `application/x-www-form-urlencoded` apart.
    ///
    /// # Errors
    /// `saml.ambiguous_parameters` or `saml.malformed_parameters`, as
    /// [`RedirectQuery::parse`](super::RedirectQuery::parse).
    pub fn parse(raw: &'a [u8]) -> Result<Self, Rejection> {
        let [request, response, relay_state] =
            parameters::read(raw, ["SAMLRequest", "SAMLResponse", "RelayState"])?;
        let (kind, message) = sole_message(request, response)?;
        Ok(Self {
            kind,
            message,
            relay_state: match relay_state {
                None => None,
                Some(raw) => Some(parameters::text("RelayState", raw)?),
            },
        })
    }

    /// Whether the message asks or answers.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// `RelayState`, decoded.
    #[must_use]
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// The message itself, of at most `limits.max_bytes`. A signature of its root is in it.
    ///
    /// # Errors
    /// `saml.malformed_parameters`, `saml.malformed_base64` or `saml.too_large`.
    pub fn decode(&self, limits: &crate::Limits) -> Result<Vec<u8>, Rejection> {
        let base64 = parameters::decoded(self.kind.parameter(), self.message)?;
        decode_base64(&base64, limits.max_bytes)
    }
}
