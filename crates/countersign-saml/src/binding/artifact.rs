//! HTTP-Artifact: a reference travels, and the message is fetched for it \[SAML-Bindings §3.6\].
//!
//! The host does the fetching, over TLS to the identity provider's artifact resolution service:
//!
//! 1. [`ReceivedArtifact::parse`] reads what came through the browser.
//! 2. [`ArtifactResolve::new`] makes the question, [`ArtifactResolve::soap`] its envelope, to be
//!    posted with the content type `text/xml` and the header [`SOAP_ACTION`].
//! 3. The bytes of the answer go to [`verify`](crate::verify) as
//!    [`Inbound::Artifact`](crate::Inbound::Artifact).
//!
//! The response in the answer is verified where it stands, so that its canonical form is the one
//! that was signed. It needs a signature of its own, on itself or on its assertion: evidence is
//! bytes that somebody signed, and the TLS connection leaves none.
//!
//! Only responses to logins are taken this way; a logout message is refused.
//!
//! # Security
//! Whoever wrote the metadata chose the URL that is fetched. Where customers bring metadata of their
//! own, keep the client that fetches it away from internal addresses, and limit what it reads.

use countersign_core::Timestamp;
use countersign_dsig::sign::{SignWithError, SigningOptions, sign_enveloped_with};
use countersign_dsig::signer::MessageSigner;
use countersign_dsig::xml::Element;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::encoding::decode_base64_strictly;
use super::parameters;
use crate::code::RejectCode;
use crate::element::Part;
use crate::identity_provider::IdentityProvider;
use crate::markup::Markup;
use crate::message_id::MessageId;
use crate::names::{ASSERTION, PROTOCOL, SIGNATURE, SOAP, VERSION};
use crate::rejection::{Quoted, QuotedOrNothing, Rejection, reject};
use crate::response::check_status;
use crate::response::rules::Rules;
use crate::response::signed;
use crate::service_provider::ServiceProvider;

/// The value of the header `SOAPAction` \[SAML-Bindings §3.2.3.1\].
pub const SOAP_ACTION: &str = "http://www.oasis-open.org/committees/security";

/// A reference to a message \[SAML-Bindings §3.6.4\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    text: String,
    endpoint_index: u16,
    source_id: [u8; 20],
}

impl Artifact {
    /// Reads an artifact of type 4, the only one that SAML 2.0 defines \[SAML-Bindings §3.6.4.2\].
    ///
    /// # Errors
    /// `saml.malformed_base64`, or `saml.malformed_artifact` if it is of another type or length.
    pub fn parse(text: &str) -> Result<Self, Rejection> {
        let bytes = decode_base64_strictly(text.as_bytes())?;
        // The type, an index, the SHA-1 of the issuer's entity id, and a handle of 20 bytes.
        let fields = match bytes.as_slice() {
            [0x00, 0x04, high, low, rest @ ..] if rest.len() == 40 => rest
                .first_chunk::<20>()
                .map(|source_id| (u16::from_be_bytes([*high, *low]), source_id)),
            _ => None,
        };
        let Some((endpoint_index, source_id)) = fields else {
            reject!(
                MalformedArtifact,
                "the artifact is not one of type 4 with 44 bytes"
            );
        };
        Ok(Self {
            endpoint_index,
            source_id: *source_id,
            text: text.to_owned(),
        })
    }

    /// Which of its issuer's artifact resolution services has the message.
    #[must_use]
    pub fn endpoint_index(&self) -> u16 {
        self.endpoint_index
    }

    /// Whether it says that this provider issued it: its `SourceID` is the SHA-1 of the entity id
    /// \[SAML-Bindings §3.6.4.2\]. SHA-1 names here; it proves nothing.
    #[must_use]
    pub fn is_from(&self, entity_id: &str) -> bool {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, entity_id.as_bytes()).as_ref() == self.source_id
    }

    /// The artifact as it was received.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// An artifact with the relay state that came with it.
///
/// ```
/// use countersign_saml::binding::artifact::ReceivedArtifact;
///
/// // The query of the URL or the body of the form, as it arrived.
/// let raw = b"SAMLart=AAQAAMFbLinlXaCM%2BFIxiDwGOLAy2T71gbpO7ZhNzAgEANlB90ECfpNEVLg%3D&RelayState=x";
/// let received = ReceivedArtifact::parse(raw)?;
/// assert_eq!(received.artifact().endpoint_index(), 0);
/// assert_eq!(received.relay_state(), Some("x"));
/// # Ok::<(), countersign_saml::Rejection>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedArtifact {
    artifact: Artifact,
    relay_state: Option<String>,
}

impl ReceivedArtifact {
    /// Takes a raw query or form body apart: both are written the same way.
    ///
    /// # Errors
    /// `saml.ambiguous_parameters` if a parameter is there more than once, or a message beside
    /// the artifact; `saml.malformed_parameters`; or as [`Artifact::parse`].
    pub fn parse(raw: &[u8]) -> Result<Self, Rejection> {
        let [artifact, request, response, relay_state] = parameters::read(
            raw,
            ["SAMLart", "SAMLRequest", "SAMLResponse", "RelayState"],
        )?;
        if request.or(response).is_some() {
            reject!(AmbiguousParameters, "there is both a SAMLart and a message");
        }
        let Some(artifact) = artifact else {
            reject!(MalformedParameters, "there is no SAMLart");
        };
        Ok(Self {
            artifact: Artifact::parse(&parameters::text("SAMLart", artifact)?)?,
            relay_state: match relay_state {
                None => None,
                Some(raw) => Some(parameters::text("RelayState", raw)?),
            },
        })
    }

    /// The artifact.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// `RelayState`, decoded.
    #[must_use]
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }
}

/// The question for the message that an artifact stands for \[SAML-Core §3.5.1\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactResolve {
    id: MessageId,
    xml: String,
    relay_state: Option<String>,
}

impl ArtifactResolve {
    /// Asks the identity provider at `destination`, which is the artifact resolution service of
    /// its metadata with the artifact's [`endpoint_index`](Artifact::endpoint_index).
    ///
    /// # Errors
    /// `saml.issuer_mismatch` if another provider issued the artifact: nobody else is told of it.
    pub fn new(
        sp: &ServiceProvider,
        idp: &IdentityProvider,
        received: &ReceivedArtifact,
        destination: &str,
        id: MessageId,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        // [SAML-Bindings §3.6.4.2]: the SourceID says whom to ask.
        if !received.artifact.is_from(idp.entity_id()) {
            reject!(
                IssuerMismatch,
                "the artifact was not issued by {}",
                Quoted(idp.entity_id())
            );
        }
        let mut xml = Markup::default();
        xml.start(
            "samlp:ArtifactResolve",
            &[
                ("xmlns:samlp", Some(PROTOCOL)),
                ("xmlns:saml", Some(ASSERTION)),
                ("ID", Some(id.as_str())),
                ("Version", Some(VERSION)),
                ("IssueInstant", Some(now.to_string().as_str())),
                ("Destination", Some(destination)),
            ],
        );
        xml.element("saml:Issuer", &[], sp.entity_id());
        xml.element("samlp:Artifact", &[], received.artifact.as_str());
        xml.end("samlp:ArtifactResolve");
        Ok(Self {
            id,
            xml: xml.into_string(),
            relay_state: received.relay_state.clone(),
        })
    }

    /// The same, signed \[SAML-Bindings §3.6.6\].
    ///
    /// # Errors
    /// If the signer fails, or the message is signed already.
    pub async fn signed(self, signer: &dyn MessageSigner) -> Result<Self, SignWithError> {
        let options = SigningOptions::default();
        let xml = self.xml.as_bytes();
        let signed = sign_enveloped_with(xml, self.id.as_str(), signer, &options).await?;
        Ok(Self {
            xml: String::from_utf8_lossy(&signed).into_owned(),
            ..self
        })
    }

    /// The `ID`, which the answer has to name.
    #[must_use]
    pub fn id(&self) -> &MessageId {
        &self.id
    }

    /// The relay state that came with the artifact.
    #[must_use]
    pub fn relay_state(&self) -> Option<&str> {
        self.relay_state.as_deref()
    }

    /// The question in its SOAP 1.1 envelope \[SAML-Bindings §3.2.2\].
    #[must_use]
    pub fn soap(&self) -> Vec<u8> {
        format!(
            r#"<soap:Envelope xmlns:soap="{SOAP}"><soap:Body>{}</soap:Body></soap:Envelope>"#,
            self.xml
        )
        .into_bytes()
    }
}

/// What an `ArtifactResponse` may hold before its message \[SAML-Core §3.2.2, §3.5.2\].
const BEFORE_MESSAGE: &[(&str, &str)] = &[
    (ASSERTION, "Issuer"),
    (SIGNATURE, "Signature"),
    (PROTOCOL, "Extensions"),
    (PROTOCOL, "Status"),
    (PROTOCOL, "Response"),
];

impl Rules<'_> {
    /// The response that an artifact was exchanged for, where it stands: in the envelope, found by
    /// its absolute path. What is around it can only refuse.
    pub(crate) fn resolved<'d>(
        &self,
        root: Element<'d>,
        resolve: &ArtifactResolve,
    ) -> Result<Element<'d>, Rejection> {
        let answer = artifact_response(root)?;
        answer.check_children(BEFORE_MESSAGE)?;
        self.check_issued(answer)?;
        // [SAML-Core §3.2.2]: the answer to our question, not to another's.
        let answered = answer.element.attribute("InResponseTo");
        if answered != Some(resolve.id.as_str()) {
            reject!(
                InResponseToMismatch,
                "the ArtifactResponse answers {}, not {}",
                QuotedOrNothing(answered),
                Quoted(resolve.id.as_str())
            );
        }
        check_status(answer)?;
        // Perhaps only TLS protects it [SAML-Bindings §3.6.6]; a signature that is there must hold.
        signed::verify_one(self, answer, RejectCode::ArtifactSignatureInvalid)?;
        match answer.optional_child(PROTOCOL, "Response")? {
            Some(response) => Ok(response.element),
            // [SAML-Core §3.5.2]: what the artifact stood for is gone, or never was ours.
            None => reject!(
                ArtifactUnresolved,
                "the identity provider has no message for the artifact"
            ),
        }
    }
}

/// `Envelope`, `Body`, `ArtifactResponse`, each the only one of its place \[SAML-Bindings §3.2.2\].
fn artifact_response(root: Element<'_>) -> Result<Part<'_>, Rejection> {
    let envelope = Part::new(root, RejectCode::MalformedArtifactResponse);
    if !root.is(SOAP, "Envelope") {
        return Err(envelope.malformed(format!(
            "the root is {}, not an Envelope of SOAP 1.1",
            Quoted(root.local_name())
        )));
    }
    envelope.check_children(&[(SOAP, "Header"), (SOAP, "Body")])?;
    let body = envelope.child(SOAP, "Body")?;
    if let Some(fault) = body.optional_child(SOAP, "Fault")? {
        let reason = fault
            .element
            .children()
            .find(|part| part.local_name() == "faultstring");
        let reason = reason.and_then(|reason| reason.text().ok());
        reject!(
            ArtifactUnresolved,
            "the identity provider answered with a fault, {}",
            QuotedOrNothing(reason.as_deref())
        );
    }
    body.check_children(&[(PROTOCOL, "ArtifactResponse")])?;
    body.child(PROTOCOL, "ArtifactResponse")
}
