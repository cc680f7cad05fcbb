//! HTTP-Redirect: the message in the query of a URL \[SAML-Bindings §3.4\].

use std::fmt;

use countersign_dsig::algorithm::SignatureAlgorithm;
use countersign_dsig::key::VerificationKey;
use countersign_dsig::signature::{SignatureError, SignaturePolicy, verify_detached};
use countersign_dsig::signer::MessageSigner;

use super::deflate::{deflate, inflate};
use super::encoding::{decode_base64_strictly, encode_base64, percent_encode};
use super::{BindingError, Message, MessageKind, check_destination, parameters};
use crate::code::RejectCode;
use crate::rejection::{Quoted, Rejection, reject};

/// The only encoding of the message there is \[SAML-Bindings §3.4.4.1\].
const DEFLATE_ENCODING: &str = "urn:oasis:names:tc:SAML:2.0:bindings:URL-Encoding:DEFLATE";

/// A URL that carries a message of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUrl(String);

impl RedirectUrl {
    pub(super) async fn new(
        message: &Message<'_>,
        signer: Option<&dyn MessageSigner>,
    ) -> Result<Self, BindingError> {
        check_destination(message.destination)?;
        let value = encode_base64(&deflate(message.xml.as_bytes()));
        let mut query = format!("{}={}", message.kind.parameter(), percent_encode(&value));
        if let Some(relay_state) = message.relay_state {
            query.push_str("&RelayState=");
            query.push_str(&percent_encode(relay_state.as_str()));
        }
        if let Some(signer) = signer {
            // In this order, whatever else is in the URL [SAML-Bindings §3.4.4.1].
            query.push_str("&SigAlg=");
            query.push_str(&percent_encode(signer.algorithm().uri()));
            let value = signer.sign(query.as_bytes()).await?;
            query.push_str("&Signature=");
            query.push_str(&percent_encode(&encode_base64(&value)));
        }
        let separator = match message.destination {
            has_query if has_query.ends_with(['?', '&']) => "",
            has_query if has_query.contains('?') => "&",
            _ => "?",
        };
        Ok(Self([message.destination, separator, &query].concat()))
    }

    /// The URL, for the `Location` of an answer with status 302 or 303.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RedirectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RedirectUrl> for String {
    fn from(url: RedirectUrl) -> Self {
        url.0
    }
}

/// A message that came in the query of a URL, taken apart but not believed.
///
/// ```
/// use countersign_saml::binding::{MessageKind, RedirectQuery};
/// use countersign_saml::Limits;
///
/// // The part of the URL after `?`, as it arrived: not decoded and put together again.
/// let query = RedirectQuery::parse(b"SAMLRequest=s0nUtwMA&RelayState=x%20y")?;
/// assert_eq!(query.kind(), MessageKind::Request);
/// assert_eq!(query.relay_state(), Some("x y"));
/// assert_eq!(query.decode(&Limits::default())?, b"<a/>");
/// assert!(!query.is_signed());
/// # Ok::<(), countersign_saml::Rejection>(())
/// ```
#[derive(Debug, Clone)]
pub struct RedirectQuery<'a> {
    kind: MessageKind,
    /// As it arrived.
    message: &'a [u8],
    relay_state: Option<RelayStateParameter<'a>>,
    signature: Option<Signature<'a>>,
}

#[derive(Debug, Clone)]
struct RelayStateParameter<'a> {
    raw: &'a [u8],
    text: String,
}

/// A signature over the query, as it arrived.
#[derive(Debug, Clone, Copy)]
struct Signature<'a> {
    algorithm: &'a [u8],
    value: &'a [u8],
}

impl<'a> RedirectQuery<'a> {
    /// Takes the raw query of a URL apart, which is what stands between `?` and `#`.
    ///
    /// # Errors
    /// `saml.ambiguous_parameters` if a parameter is there more than once, is named in
    /// percent-encoding, or both a request and a response are there; `saml.malformed_parameters`
    /// if something is missing or is not what it should be.
    pub fn parse(raw: &'a [u8]) -> Result<Self, Rejection> {
        let [request, response, relay_state, algorithm, value, encoding] = parameters::read(
            raw,
            [
                "SAMLRequest",
                "SAMLResponse",
                "RelayState",
                "SigAlg",
                "Signature",
                "SAMLEncoding",
            ],
        )?;
        let (kind, message) = sole_message(request, response)?;
        // [SAML-Bindings §3.4.4]: absent means DEFLATE.
        if let Some(encoding) = encoding {
            let encoding = parameters::text("SAMLEncoding", encoding)?;
            if encoding != DEFLATE_ENCODING {
                reject!(
                    MalformedParameters,
                    "the message is in the encoding {}",
                    Quoted(&encoding)
                );
            }
        }
        let signature = match (algorithm, value) {
            (None, None) => None,
            (Some(algorithm), Some(value)) => Some(Signature { algorithm, value }),
            // [SAML-Bindings §3.4.4.1]: one without the other is a signature that was taken out
            // by halves.
            (Some(_), None) => reject!(MalformedParameters, "there is a SigAlg but no Signature"),
            (None, Some(_)) => reject!(MalformedParameters, "there is a Signature but no SigAlg"),
        };
        let relay_state = match relay_state {
            None => None,
            Some(raw) => Some(RelayStateParameter {
                raw,
                text: parameters::text("RelayState", raw)?,
            }),
        };
        Ok(Self {
            kind,
            message,
            relay_state,
            signature,
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
        self.relay_state
            .as_ref()
            .map(|relay_state| relay_state.text.as_str())
    }

    /// Whether there is a signature over the query, be it genuine or not.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// Verifies the signature over the query and gives the key that made it. What it covers is
    /// the message, the relay state and the algorithm, in the bytes that arrived and in the order
    /// that the specification gives them, not in that of the URL \[SAML-Bindings §3.4.4.1\].
    ///
    /// # Errors
    /// `saml.unsigned` if there is none, `saml.query_signature_invalid` if it does not verify,
    /// `saml.algorithm_not_allowed` or `saml.key_too_weak`.
    ///
    /// # Security
    /// `SAMLEncoding` and the host's own parameters are not covered; nothing here reads them.
    pub fn verify<'k>(
        &self,
        keys: &'k [VerificationKey],
        policy: &SignaturePolicy,
    ) -> Result<&'k VerificationKey, Rejection> {
        let Some(signature) = self.signature else {
            reject!(Unsigned, "the query is not signed");
        };
        let uri = parameters::text("SigAlg", signature.algorithm)?;
        let Some(algorithm) = SignatureAlgorithm::from_uri(&uri) else {
            reject!(
                AlgorithmNotAllowed,
                "the query is signed with {}",
                Quoted(&uri)
            );
        };
        let value = decode_base64_strictly(&parameters::decoded("Signature", signature.value)?)?;
        let covered = self.covered(signature.algorithm);
        verify_detached(keys, algorithm, policy, &covered, &value).map_err(|error| {
            let code = match error {
                SignatureError::InsecureAlgorithm => RejectCode::AlgorithmNotAllowed,
                SignatureError::WeakKey => RejectCode::KeyTooWeak,
                _ => RejectCode::QuerySignatureInvalid,
            };
            Rejection::new(
                code,
                format!("the signature of the query is refused: {error}"),
            )
        })
    }

    /// What the signature covers \[SAML-Bindings §3.4.4.1\]. A parameter that did not arrive is
    /// left out; one that arrived empty is not.
    fn covered(&self, algorithm: &[u8]) -> Vec<u8> {
        let mut covered = Vec::new();
        let mut add = |name: &str, value: &[u8]| {
            if !covered.is_empty() {
                covered.push(b'&');
            }
            covered.extend_from_slice(name.as_bytes());
            covered.push(b'=');
            covered.extend_from_slice(value);
        };
        add(self.kind.parameter(), self.message);
        if let Some(relay_state) = &self.relay_state {
            add("RelayState", relay_state.raw);
        }
        add("SigAlg", algorithm);
        covered
    }

    /// The message itself, inflated to at most `limits.max_bytes`.
    ///
    /// # Errors
    /// `saml.malformed_parameters`, `saml.malformed_base64`, `saml.malformed_deflate` or
    /// `saml.too_large`.
    pub fn decode(&self, limits: &crate::Limits) -> Result<Vec<u8>, Rejection> {
        let base64 = parameters::decoded(self.kind.parameter(), self.message)?;
        inflate(&decode_base64_strictly(&base64)?, limits.max_bytes)
    }
}

/// Exactly one message \[SAML-Bindings §3.4.4, §3.5.4\]: with two of them one reader checks the
/// first and another believes the second (CVE-2025-27773).
pub(super) fn sole_message<'a>(
    request: Option<&'a [u8]>,
    response: Option<&'a [u8]>,
) -> Result<(MessageKind, &'a [u8]), Rejection> {
    match (request, response) {
        (Some(_), Some(_)) => reject!(
            AmbiguousParameters,
            "there is both a SAMLRequest and a SAMLResponse"
        ),
        (Some(request), None) => Ok((MessageKind::Request, request)),
        (None, Some(response)) => Ok((MessageKind::Response, response)),
        (None, None) => reject!(
            MalformedParameters,
            "there is neither a SAMLRequest nor a SAMLResponse"
        ),
    }
}
