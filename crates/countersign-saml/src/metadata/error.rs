//! Why metadata gives no identity provider.

use countersign_core::{TextError, Timestamp};
use countersign_dsig::key::KeyError;
use countersign_dsig::signature::SignatureError;
use countersign_dsig::xml::XmlError;
use thiserror::Error;

/// Why metadata gives no identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// It is no XML, or XML that is never accepted, or larger than the policy allows.
    #[error("the metadata is not acceptable XML")]
    Xml(#[source] XmlError),
    /// The root is neither `EntityDescriptor` nor `EntitiesDescriptor`.
    #[error("the root is neither EntityDescriptor nor EntitiesDescriptor of SAML 2.0 metadata")]
    NotMetadata,
    /// A signature was asked for, and the root has none \[SAML-Metadata §3\].
    #[error("the metadata is not signed")]
    Unsigned,
    /// The root's signature does not verify with the keys that were given.
    #[error("the signature of the metadata is refused")]
    Signature(#[source] SignatureError),
    /// The canonical form of what is signed is larger than the policy allows.
    #[error("the canonical form of the metadata is too large")]
    CanonicalTooLarge,
    /// Only a key whose certificate has expired, or is not valid yet, verifies the signature.
    #[error("the certificate of the key that signed the metadata is not valid now")]
    SignerOutsideValidity,
    /// The document is past its `validUntil` \[SAML-Metadata §2.3.1, §2.3.2\].
    #[error("the metadata was valid until {valid_until}")]
    Expired {
        /// `validUntil` of the root.
        valid_until: Timestamp,
    },
    /// [`require_valid_until_within`](super::MetadataPolicy::require_valid_until_within) asks for a
    /// `validUntil`, and the root has none.
    #[error("the metadata does not say until when it is valid")]
    ValidUntilMissing,
    /// The same asks for one that is nearer.
    #[error("the metadata says that it is valid until {valid_until}, which is too far away")]
    ValidUntilTooFar {
        /// `validUntil` of the root.
        valid_until: Timestamp,
    },
    /// No identity provider for SAML 2.0 in it, or none of the name that was asked for.
    #[error("the metadata holds no such identity provider")]
    NoIdentityProvider,
    /// Several of them, or one name twice.
    #[error("the metadata holds several identity providers; name the one that is meant")]
    SeveralIdentityProviders,
    /// The entity id is absent or no identifier.
    #[error("the entity id {0}")]
    EntityId(TextError),
    /// No key that signatures could be verified with.
    #[error("the identity provider has no signing key that can be used")]
    NoSigningKey,
    /// A bare key: evidence names the certificate that verified a login, so there must be one.
    #[error("a signing key comes without a certificate")]
    BareKey,
    /// A certificate that can not be read.
    #[error("a certificate can not be read")]
    Certificate(#[source] KeyError),
    /// `validUntil` is no instant.
    #[error("validUntil is not a date and time with a time zone")]
    ValidUntil,
    /// `cacheDuration` is no duration \[XMLSchema-2 §3.2.6\].
    #[error("cacheDuration is not a duration such as PT6H")]
    CacheDuration,
    /// An endpoint without `Binding`, or whose URL is not one that a browser may be sent to: the
    /// URLs end up in redirects and forms, where `javascript:` would run.
    #[error("an endpoint has no binding, or a location that is neither https:// nor http://")]
    Endpoint,
    /// The `index` of an endpoint is not a number of 16 bits \[SAML-Metadata §2.2.3\].
    #[error("the index of an endpoint is not a number below 65536")]
    EndpointIndex,
}

impl MetadataError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Xml(_) => "metadata.xml",
            Self::NotMetadata => "metadata.not_metadata",
            Self::Unsigned => "metadata.unsigned",
            Self::Signature(_) => "metadata.signature",
            Self::CanonicalTooLarge => "metadata.canonical_too_large",
            Self::SignerOutsideValidity => "metadata.signer_outside_validity",
            Self::Expired { .. } => "metadata.expired",
            Self::ValidUntilMissing => "metadata.valid_until_missing",
            Self::ValidUntilTooFar { .. } => "metadata.valid_until_too_far",
            Self::NoIdentityProvider => "metadata.no_identity_provider",
            Self::SeveralIdentityProviders => "metadata.several_identity_providers",
            Self::EntityId(_) => "metadata.entity_id",
            Self::NoSigningKey => "metadata.no_signing_key",
            Self::BareKey => "metadata.bare_key",
            Self::Certificate(_) => "metadata.certificate",
            Self::ValidUntil => "metadata.valid_until",
            Self::CacheDuration => "metadata.cache_duration",
            Self::Endpoint => "metadata.endpoint",
            Self::EndpointIndex => "metadata.endpoint_index",
        }
    }
}
