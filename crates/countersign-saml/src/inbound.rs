//! How a message arrives.

use std::borrow::Cow;

use countersign_dsig::xml::Limits;

use crate::binding::artifact::ArtifactResolve;
use crate::binding::{FormBody, MessageKind, RedirectQuery, decode_base64};
use crate::code::RejectCode;
use crate::rejection::{Rejection, reject};

/// A message as it came in.
///
/// The raw forms are the ones to prefer: what stands beside the message is then read by the same
/// strict reader, and the relay state is compared with the pending request's.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Inbound<'a> {
    /// The raw body of a form, `application/x-www-form-urlencoded` \[SAML-Bindings §3.5.4\].
    Form(&'a [u8]),
    /// The `SAMLResponse` value of a form: base64, after the form's own decoding
    /// \[SAML-Bindings §3.5.4\]. It says nothing about the relay state, which is the caller's to
    /// compare.
    Post(&'a [u8]),
    /// The raw query of a URL, without the `?` \[SAML-Bindings §3.4.4\].
    ///
    /// SAML does not let a response to a login travel this way \[SAML-Profiles §4.1.2\], because it
    /// is too long for many browsers; some providers do it. A signature over the query must hold
    /// if there is one, but claims are read from an enveloped signature here as everywhere: what
    /// the query's signature covers is compressed, and evidence has to be readable as it is.
    RedirectQuery(&'a [u8]),
    /// What was fetched for an artifact.
    Artifact {
        /// The SOAP envelope with the `ArtifactResponse`.
        soap: &'a [u8],
        /// The question that it answers.
        resolve: &'a ArtifactResolve,
    },
    /// The XML itself. It says nothing about the relay state either.
    Xml(&'a [u8]),
}

/// A message and what came with it.
pub(crate) struct Received<'a> {
    pub(crate) xml: Cow<'a, [u8]>,
    pub(crate) relayed: Relayed,
    /// The query, if it came in one.
    pub(crate) query: Option<RedirectQuery<'a>>,
    /// What it was fetched by, if it was.
    pub(crate) resolve: Option<&'a ArtifactResolve>,
}

/// What is known of the relay state.
pub(crate) enum Relayed {
    /// Nothing: it is not there to be seen.
    Unseen,
    /// There was this one, or none.
    Shown(Option<String>),
}

impl<'a> Inbound<'a> {
    /// The bytes as they were received, for logs and records.
    #[must_use]
    pub fn as_received(self) -> &'a [u8] {
        match self {
            Self::Form(bytes)
            | Self::Post(bytes)
            | Self::RedirectQuery(bytes)
            | Self::Artifact { soap: bytes, .. }
            | Self::Xml(bytes) => bytes,
        }
    }

    /// The XML, which is at most `limits.max_bytes` long, and what came with it. A request in place
    /// of a response, or the other way round, is refused before it is decoded, as `otherwise`.
    pub(crate) fn receive(
        self,
        expected: MessageKind,
        otherwise: RejectCode,
        limits: &Limits,
    ) -> Result<Received<'a>, Rejection> {
        let check_kind = |kind: MessageKind| match kind {
            kind if kind == expected => Ok(()),
            kind => Err(Rejection::new(
                otherwise,
                format!(
                    "there is a {}, not a {}",
                    kind.parameter(),
                    expected.parameter()
                ),
            )),
        };
        let mut received = Received {
            xml: Cow::Borrowed(&[]),
            relayed: Relayed::Unseen,
            query: None,
            resolve: None,
        };
        match self {
            Self::Xml(xml) => received.xml = Cow::Borrowed(xml),
            Self::Post(value) => {
                received.xml = Cow::Owned(decode_base64(value, limits.max_bytes)?);
            }
            Self::Form(body) => {
                let form = FormBody::parse(body)?;
                check_kind(form.kind())?;
                received.xml = Cow::Owned(form.decode(limits)?);
                received.relayed = Relayed::Shown(form.relay_state().map(str::to_owned));
            }
            Self::RedirectQuery(raw) => {
                let query = RedirectQuery::parse(raw)?;
                check_kind(query.kind())?;
                received.xml = Cow::Owned(query.decode(limits)?);
                received.relayed = Relayed::Shown(query.relay_state().map(str::to_owned));
                received.query = Some(query);
            }
            Self::Artifact { soap, resolve } => {
                received.xml = Cow::Borrowed(soap);
                received.relayed = Relayed::Shown(resolve.relay_state().map(str::to_owned));
                received.resolve = Some(resolve);
            }
        }
        if received.xml.len() > limits.max_bytes {
            reject!(
                TooLarge,
                "the message is larger than {} bytes",
                limits.max_bytes
            );
        }
        Ok(received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn decode(form_value: &[u8]) -> Result<Vec<u8>, &'static str> {
        let mut limits = Limits::default();
        limits.max_bytes = 16;
        Inbound::Post(form_value)
            .receive(MessageKind::Response, RejectCode::NotAResponse, &limits)
            .map(|received| received.xml.into_owned())
            .map_err(|rejection| rejection.code())
    }

    #[test]
    fn wrapped_lines_are_base64_and_nothing_else_is_forgiven() {
        assert_eq!(decode(b"PGEv\r\nPg==\n"), Ok(b"<a/>".to_vec()));
        for lax in [
            &b"PGEvPg="[..],
            b"PGEvPg",
            b"PGEvPh==",
            b"PGEv_g==",
            b"PGEvPg==\0",
            b"PGEv.Pg==",
            b"PGEvPg==PGEvPg==",
        ] {
            assert_eq!(decode(lax), Err("saml.malformed_base64"), "{lax:?}");
        }
    }

    #[test]
    fn a_message_is_never_larger_than_the_limit() {
        assert_eq!(
            decode(STANDARD.encode([b'x'; 16]).as_bytes()),
            Ok(vec![b'x'; 16])
        );
        assert_eq!(
            decode(STANDARD.encode([b'x'; 17]).as_bytes()),
            Err("saml.too_large")
        );
        assert_eq!(decode(&[b'A'; 1000]), Err("saml.too_large"));
        let mut limits = Limits::default();
        limits.max_bytes = 16;
        let refused = Inbound::Xml(&[b'x'; 17])
            .receive(MessageKind::Response, RejectCode::NotAResponse, &limits)
            .err()
            .unwrap();
        assert_eq!(refused.code(), "saml.too_large");
    }
}
