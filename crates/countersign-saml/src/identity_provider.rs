//! The identity provider that a connection trusts.

use countersign_core::Timestamp;
use countersign_dsig::key::VerificationKey;

use crate::metadata::{self, MetadataError};

/// Where an identity provider takes messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The binding's URI \[SAML-Bindings\].
    pub binding: String,
    /// The URL.
    pub location: String,
}

/// An identity provider: its name and the keys that prove it.
///
/// Keys come from here and from nowhere else; what a message says in its own `KeyInfo` is never
/// trusted. Several keys are usual while a provider replaces one.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    pub(crate) entity_id: String,
    pub(crate) keys: Vec<VerificationKey>,
    pub(crate) sso_locations: Vec<Endpoint>,
    pub(crate) valid_until: Option<Timestamp>,
}

impl IdentityProvider {
    /// The identity provider `entity_id`, whose signatures any of `keys` verifies.
    ///
    /// # Errors
    /// If there is no key, or the entity id is no identifier.
    pub fn new(
        entity_id: impl Into<String>,
        keys: Vec<VerificationKey>,
    ) -> Result<Self, MetadataError> {
        metadata::check(Self {
            entity_id: entity_id.into(),
            keys,
            sso_locations: Vec::new(),
            valid_until: None,
        })
    }

    /// The one identity provider of a metadata document \[SAML-Metadata\].
    ///
    /// Keys without `use` count, keys for encryption do not. `validUntil` is honoured whenever a
    /// response is verified, also where a parent element has it.
    ///
    /// # Errors
    /// If it is no metadata, or holds none or several identity providers.
    ///
    /// # Security
    /// A signature in the document is not checked: whoever can change the document can sign in as
    /// anybody. Get it over a path that you trust, such as from the administrator's own hands.
    ///
    /// ```no_run
    /// let metadata = std::fs::read("identity-provider.xml")?;
    /// let idp = countersign_saml::IdentityProvider::from_metadata(&metadata)?;
    /// println!("{} with {} keys", idp.entity_id(), idp.keys().len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_metadata(xml: &[u8]) -> Result<Self, MetadataError> {
        metadata::parse_identity_provider(xml, None)
    }

    /// The identity provider `entity_id` out of a metadata document that holds several.
    ///
    /// # Errors
    /// As [`from_metadata`](Self::from_metadata), and if there is none of that name.
    ///
    /// # Security
    /// As [`from_metadata`](Self::from_metadata).
    pub fn from_metadata_for(xml: &[u8], entity_id: &str) -> Result<Self, MetadataError> {
        metadata::parse_identity_provider(xml, Some(entity_id))
    }

    /// What it is called; compared byte for byte.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        &self.entity_id
    }

    /// The keys that verify its signatures.
    #[must_use]
    pub fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }

    /// Where it takes authentication requests, in the document's order.
    #[must_use]
    pub fn sso_locations(&self) -> &[Endpoint] {
        &self.sso_locations
    }

    /// From this instant on the metadata must not be used.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }
}
