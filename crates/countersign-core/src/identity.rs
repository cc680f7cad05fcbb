//! What a door proved about a person.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{LeafHash, Sha256Digest};
use crate::time::Timestamp;

/// The way in that an identity came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Door {
    /// A SAML 2.0 response.
    Saml,
    /// A link that was mailed to an address: it proves that somebody reads what is sent there, and
    /// nothing else.
    Email,
}

impl Door {
    const ALL: [Self; 2] = [Self::Saml, Self::Email];

    /// Its name in records and stores.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Saml => "saml",
            Self::Email => "email",
        }
    }

    /// The door of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|door| door.name() == name)
    }

    /// How well an identity is proved that comes through this door.
    #[must_use]
    pub fn assurance(self) -> Assurance {
        match self {
            Self::Saml => Assurance::Federated,
            Self::Email => Assurance::EmailOnly,
        }
    }
}

/// How well an identity is proved, weakest first.
///
/// It tells of the door and not of the person's authentication at the provider: that is what
/// `authn_context` is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Assurance {
    /// Somebody reads the mail of an address. NIST SP 800-63B does not accept that as an
    /// authenticator: e-mail does not prove possession of a particular device.
    EmailOnly,
    /// An identity provider that the tenant trusts has authenticated the person and signed so.
    Federated,
}

/// A SAML `NameID`, verbatim \[SAML-Core §2.2.3\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameId {
    /// The identifier, byte for byte.
    pub value: String,
    /// `Format`, if present.
    pub format: Option<String>,
    /// `NameQualifier`, if present.
    pub name_qualifier: Option<String>,
    /// `SPNameQualifier`, if present.
    pub sp_name_qualifier: Option<String>,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum AttributeValue {
    /// Text content, verbatim.
    Text(String),
    /// An element with children in it: kept apart so that it is never taken for text. The value
    /// is its canonical XML.
    Structured {
        /// The children of `AttributeValue`, as exclusive canonical XML.
        xml: String,
    },
    /// `xsi:nil="true"`.
    Nil,
}

impl AttributeValue {
    /// The text, if the value is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Structured { .. } | Self::Nil => None,
        }
    }
}

/// A SAML `Attribute`, verbatim, in document order \[SAML-Core §2.7.3.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// `Name`.
    pub name: String,
    /// `NameFormat`, if present.
    pub name_format: Option<String>,
    /// `FriendlyName`, if present; for people, never for matching.
    pub friendly_name: Option<String>,
    /// The values, in document order.
    pub values: Vec<AttributeValue>,
}

/// What the identity provider said, and what was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentityClaims {
    /// The identity provider's entity id.
    pub issuer: String,
    /// Who.
    pub name_id: NameId,
    /// `SessionIndex`, needed for logout.
    pub session_index: Option<String>,
    /// `SessionNotOnOrAfter`: no session may outlast it.
    pub session_not_on_or_after: Option<Timestamp>,
    /// When the person authenticated at the provider; some providers do not tell.
    pub authn_instant: Option<Timestamp>,
    /// `AuthnContextClassRef`: how the person authenticated.
    pub authn_context: Option<String>,
    /// Attributes in document order; the same name may come more than once.
    pub attributes: Vec<Attribute>,
}

/// How it was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every identity has the large one"
)]
pub enum IdentityEvidence {
    /// By an identity provider's signature.
    Signed(SignedEvidence),
    /// By a token that came back from the address.
    Mailed(MailedEvidence),
}

impl IdentityEvidence {
    /// What was signed, if the identity was proved by a signature.
    #[must_use]
    pub fn signed(&self) -> Option<&SignedEvidence> {
        match self {
            Self::Signed(signed) => Some(signed),
            Self::Mailed(_) => None,
        }
    }
}

impl From<SignedEvidence> for IdentityEvidence {
    fn from(evidence: SignedEvidence) -> Self {
        Self::Signed(evidence)
    }
}

impl From<MailedEvidence> for IdentityEvidence {
    fn from(evidence: MailedEvidence) -> Self {
        Self::Mailed(evidence)
    }
}

/// A token that was mailed to an address came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailedEvidence {
    /// The `email.challenged` record that issued the token.
    pub challenge: LeafHash,
}

/// What an identity provider signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedEvidence {
    /// Local name of the element whose signature counted: `Response` or `Assertion`.
    pub signed_element: String,
    /// The canonical bytes that were digested; every claim was read from them, or from what stands
    /// in them as ciphertext.
    #[serde(skip)]
    pub signed_bytes: Vec<u8>,
    /// SHA-256 of `signed_bytes`, whatever digest the signature itself used.
    pub signed_sha256: Sha256Digest,
    /// The canonical `SignedInfo`: exactly the bytes whose signature was verified. They hold the
    /// digest of `signed_bytes`.
    #[serde(skip)]
    pub signed_info: Vec<u8>,
    /// The signature over `signed_info`; of ECDSA r and s side by side, as XML signatures have it.
    #[serde(skip)]
    pub signature: Vec<u8>,
    /// The certificate in DER that verified it, or the SubjectPublicKeyInfo of a bare key.
    #[serde(skip)]
    pub certificate: Vec<u8>,
    /// SHA-256 of `certificate`.
    pub certificate_sha256: Sha256Digest,
    /// The signature algorithm's URI.
    pub signature_algorithm: String,
    /// `ID` of the assertion: what replay is detected by.
    pub assertion_id: String,
    /// The keys to what stands in `signed_bytes` as ciphertext and claims were read from: first the
    /// assertion's, then that of the name identifier, then those of attributes in document order.
    /// Empty if nothing was encrypted, or only around `signed_bytes`.
    ///
    /// Each opens one `EncryptedData` of this one message. With them anybody can read in the bytes
    /// that were signed what was claimed, and nobody needs the private key for it.
    #[serde(skip)]
    pub content_keys: Vec<DisclosedKey>,
}

/// The key of one ciphertext, kept as evidence beside it.
///
/// As confidential as what it opens, and no more than that: identity providers make a new one for
/// each message.
#[derive(Clone, PartialEq, Eq)]
pub struct DisclosedKey(Vec<u8>);

impl DisclosedKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for DisclosedKey {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DisclosedKey").finish_non_exhaustive()
    }
}

/// An identity that a door has verified: claims and the evidence for them.
///
/// There is no way to change one. Doors build it after their last check; everything behind the
/// door takes it as proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedIdentity {
    door: Door,
    #[serde(flatten)]
    claims: IdentityClaims,
    evidence: IdentityEvidence,
}

impl VerifiedIdentity {
    /// For doors only: states that `claims` were verified and that `evidence` shows it.
    ///
    /// # Security
    /// Whoever calls this vouches for the claims. A host never needs it: it gets identities from
    /// `countersign_saml::Login`.
    #[must_use]
    pub fn vouched_by_door(
        door: Door,
        claims: IdentityClaims,
        evidence: impl Into<IdentityEvidence>,
    ) -> Self {
        Self {
            door,
            claims,
            evidence: evidence.into(),
        }
    }

    /// The way in.
    #[must_use]
    pub fn door(&self) -> Door {
        self.door
    }

    /// How well it is proved.
    #[must_use]
    pub fn assurance(&self) -> Assurance {
        self.door.assurance()
    }

    /// What was said.
    #[must_use]
    pub fn claims(&self) -> &IdentityClaims {
        &self.claims
    }

    /// How it was proved.
    #[must_use]
    pub fn evidence(&self) -> &IdentityEvidence {
        &self.evidence
    }
}
