//! The identity provider that a connection trusts.

use std::time::Duration;

use countersign_core::{Attribute, Timestamp};
use countersign_dsig::key::VerificationKey;

use crate::endpoint::{Endpoint, IndexedEndpoint};
use crate::metadata::{self, Metadata, MetadataError, MetadataPolicy, Scope, ScopeError, Scoped};

/// An identity provider: its name, the keys that prove it, and where it takes messages.
///
/// Keys come from here and from nowhere else; what a message says in its own `KeyInfo` is never
/// trusted. Several keys are usual while a provider replaces one.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    pub(crate) entity_id: String,
    pub(crate) keys: Vec<VerificationKey>,
    pub(crate) encryption_certificates: Vec<Vec<u8>>,
    pub(crate) sso_locations: Vec<Endpoint>,
    pub(crate) slo_locations: Vec<Endpoint>,
    pub(crate) artifact_resolution: Vec<IndexedEndpoint>,
    pub(crate) name_id_formats: Vec<String>,
    pub(crate) wants_authn_requests_signed: bool,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) display_names: Vec<(String, String)>,
    pub(crate) entity_attributes: Vec<Attribute>,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) cache_duration: Option<Duration>,
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
            encryption_certificates: Vec::new(),
            sso_locations: Vec::new(),
            slo_locations: Vec::new(),
            artifact_resolution: Vec::new(),
            name_id_formats: Vec::new(),
            wants_authn_requests_signed: false,
            scopes: Vec::new(),
            display_names: Vec::new(),
            entity_attributes: Vec::new(),
            valid_until: None,
            cache_duration: None,
        })
    }

    /// The one identity provider of a metadata document \[SAML-Metadata\] of up to 16 MiB.
    ///
    /// Keys without `use` count, keys for encryption do not. `validUntil` is honoured whenever a
    /// message is verified, also where a parent element has it. For many providers of one document,
    /// for larger ones and for signed ones there is [`Metadata`].
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
        let metadata = Metadata::parse(xml, &MetadataPolicy::default())?;
        metadata.sole_identity_provider().cloned()
    }

    /// The identity provider `entity_id` out of a metadata document that holds several.
    ///
    /// # Errors
    /// As [`from_metadata`](Self::from_metadata), and if there is none of that name.
    ///
    /// # Security
    /// As [`from_metadata`](Self::from_metadata).
    pub fn from_metadata_for(xml: &[u8], entity_id: &str) -> Result<Self, MetadataError> {
        let metadata = Metadata::parse(xml, &MetadataPolicy::default())?;
        metadata.identity_provider(entity_id).cloned()
    }

    /// Adds a place that takes authentication requests.
    #[must_use]
    pub fn with_sso_location(mut self, endpoint: Endpoint) -> Self {
        self.sso_locations.push(endpoint);
        self
    }

    /// Adds a place that takes logout requests and answers to them.
    #[must_use]
    pub fn with_slo_location(mut self, endpoint: Endpoint) -> Self {
        self.slo_locations.push(endpoint);
        self
    }

    /// Adds a scope that the provider may speak for.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scopes.push(scope);
        self
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

    /// The certificates (DER) whose keys something may be encrypted to for it.
    #[must_use]
    pub fn encryption_certificates(&self) -> &[Vec<u8>] {
        &self.encryption_certificates
    }

    /// Where it takes authentication requests, in the document's order.
    #[must_use]
    pub fn sso_locations(&self) -> &[Endpoint] {
        &self.sso_locations
    }

    /// Where it takes logout requests and answers to them, in the document's order.
    #[must_use]
    pub fn slo_locations(&self) -> &[Endpoint] {
        &self.slo_locations
    }

    /// Where it exchanges artifacts for messages \[SAML-Bindings §3.6\].
    #[must_use]
    pub fn artifact_resolution(&self) -> &[IndexedEndpoint] {
        &self.artifact_resolution
    }

    /// The formats of name identifiers that it can issue, best first.
    #[must_use]
    pub fn name_id_formats(&self) -> &[String] {
        &self.name_id_formats
    }

    /// Whether it wants authentication requests signed \[SAML-Metadata §2.4.3\].
    #[must_use]
    pub fn wants_authn_requests_signed(&self) -> bool {
        self.wants_authn_requests_signed
    }

    /// The domains that it may assert scoped values for.
    #[must_use]
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Whether it may assert values of this scope. A provider without scopes may assert none.
    #[must_use]
    pub fn allows_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|allowed| allowed.allows(scope))
    }

    /// Checks a scoped value, such as one of `eduPersonPrincipalName`.
    ///
    /// # Errors
    /// If it is not of the form `local@scope`, or the scope is not this provider's.
    ///
    /// # Security
    /// In a federation every provider can claim `anybody@acme.example`; only this tells the one
    /// that may.
    ///
    /// ```
    /// # use countersign_saml::{IdentityProvider, Scope, ScopeError, VerificationKey};
    /// # let der = countersign_testkit::keys::IDP_RSA_2048_CERTIFICATE;
    /// # let keys = vec![VerificationKey::from_certificate_der(der)?];
    /// let idp = IdentityProvider::new("https://idp.acme.example", keys)?
    ///     .with_scope(Scope::literal("acme.example"));
    /// assert_eq!(idp.check_scoped("nurse@acme.example")?.local(), "nurse");
    /// assert_eq!(
    ///     idp.check_scoped("nurse@other.example"),
    ///     Err(ScopeError::NotAllowed)
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check_scoped<'v>(&self, value: &'v str) -> Result<Scoped<'v>, ScopeError> {
        Scoped::check(value, &self.scopes)
    }

    /// What it is called for people, with the language of each name \[SAML-MDUI §2.1.2\]. The
    /// provider chose the text: escape it.
    #[must_use]
    pub fn display_names(&self) -> &[(String, String)] {
        &self.display_names
    }

    /// The name in this language, such as `en`; else the first one.
    #[must_use]
    pub fn display_name(&self, language: &str) -> Option<&str> {
        let of_language = |(of, _): &&(String, String)| of.eq_ignore_ascii_case(language);
        let names = &self.display_names;
        names
            .iter()
            .find(of_language)
            .or_else(|| names.first())
            .map(|(_, name)| name.as_str())
    }

    /// What the metadata says about the provider in the form of attributes, such as entity
    /// categories \[SAML-MDAttr\].
    #[must_use]
    pub fn entity_attributes(&self) -> &[Attribute] {
        &self.entity_attributes
    }

    /// From this instant on the metadata must not be used.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// After this time the metadata should be fetched again \[SAML-Metadata §2.3.2\]. Nothing is
    /// refused because of it.
    #[must_use]
    pub fn cache_duration(&self) -> Option<Duration> {
        self.cache_duration
    }
}
