//! Identity providers as their metadata describes them \[SAML-Metadata\], and ours to be written.

mod duration;
mod error;
mod keys;
mod policy;
mod produce;
mod provider;
mod scope;

use std::collections::HashMap;

use countersign_core::{Sha256Digest, Timestamp};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::signature::find_signature;
use countersign_dsig::xml::{Document, Element};

use crate::clock::Clock;
use crate::identity_provider::IdentityProvider;
use crate::names::{METADATA, PROTOCOL};
use crate::pinned::Pinned;

pub use error::MetadataError;
pub use policy::MetadataPolicy;
pub use produce::{Contact, ContactKind, Organization, ServiceProviderMetadata};
pub use scope::{Scope, ScopeError, Scoped};

pub(crate) use provider::check;

/// The identity providers of one metadata document: a single `EntityDescriptor`, or an
/// `EntitiesDescriptor` with any number of them, nested to any depth.
///
/// The document is read once, whole; what is not an identity provider for SAML 2.0 is left out.
/// A provider that can not be used, such as one whose certificate is broken, does not take the
/// others of its federation with it: it is among the [`problems`](Self::problems).
///
/// ```no_run
/// use countersign_saml::{Metadata, MetadataPolicy, VerificationKey};
/// # let now = countersign_core::Timestamp::UNIX_EPOCH;
///
/// let aggregate = std::fs::read("federation.xml")?;
/// let operator = VerificationKey::from_certificate_der(&std::fs::read("federation.crt")?)?;
/// let policy = MetadataPolicy::for_federation();
/// let metadata = Metadata::verify(&aggregate, &[operator], &policy, now)?;
/// let idp = metadata.identity_provider("https://idp.acme.example/saml")?;
/// # let _ = idp;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Metadata {
    /// In document order; each name is there once.
    providers: Vec<(String, Result<IdentityProvider, MetadataError>)>,
    by_name: HashMap<String, usize>,
    valid_until: Option<Timestamp>,
    certificate_sha256: Option<Sha256Digest>,
}

impl Metadata {
    /// Reads a document that came over a path that is trusted, such as the administrator's own
    /// hands.
    ///
    /// # Errors
    /// If it is no metadata, or is not valid in its outermost element.
    ///
    /// # Security
    /// A signature in it is not looked at: whoever can change the document can sign in as anybody.
    /// [`Metadata::verify`] looks.
    pub fn parse(xml: &[u8], policy: &MetadataPolicy) -> Result<Self, MetadataError> {
        let document = Document::parse(xml, &policy.limits).map_err(MetadataError::Xml)?;
        Self::read(document.root())
    }

    /// Reads a document that one of `keys` signed \[SAML-Metadata §3\], such as a federation
    /// operator's.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); if the root is not signed, or not by one of `keys`, whose
    /// certificate has to be valid `now`; if the metadata has expired, or does not expire as soon
    /// as the policy asks for.
    ///
    /// # Security
    /// Everything is read from the canonical bytes whose digest was signed. What signs a login
    /// signs no metadata: what is signed has to be the root of a metadata document. Someone who
    /// holds back a newer document can go on showing this one until it expires: see
    /// [`MetadataPolicy::require_valid_until_within`].
    pub fn verify(
        xml: &[u8],
        keys: &[VerificationKey],
        policy: &MetadataPolicy,
        now: Timestamp,
    ) -> Result<Self, MetadataError> {
        let received = Document::parse(xml, &policy.limits).map_err(MetadataError::Xml)?;
        let root = received.root();
        if kind_of(root).is_none() {
            return Err(MetadataError::NotMetadata);
        }
        if matches!(find_signature(root), Ok(None)) {
            return Err(MetadataError::Unsigned);
        }
        let pinned = Pinned {
            keys,
            policy: &policy.signatures,
            // The clock that counts is ours, and nothing here is so short-lived that it mattered.
            clock: Clock::exact(now),
            expired_keys: policy.expired_keys,
        };
        let signed = pinned
            .verify_enveloped(root)
            .map_err(MetadataError::Signature)?;
        // It can take as much memory again as what follows.
        drop(received);
        if signed.canonical_bytes().len() > policy.limits.max_bytes {
            return Err(MetadataError::CanonicalTooLarge);
        }
        let metadata = Self::read(signed.root())?;
        let certificate_sha256 = signed.certificate_sha256();
        // A bare key has no dates.
        if certificate_sha256.is_some() && pinned.valid_certificate(certificate_sha256).is_none() {
            return Err(MetadataError::SignerOutsideValidity);
        }
        metadata.check_freshness(policy, now)?;
        Ok(Self {
            certificate_sha256,
            ..metadata
        })
    }

    /// The identity provider of this name, compared byte for byte.
    ///
    /// # Errors
    /// If there is none, or it can not be used.
    pub fn identity_provider(&self, entity_id: &str) -> Result<&IdentityProvider, MetadataError> {
        self.by_name
            .get(entity_id)
            .and_then(|at| self.providers.get(*at))
            .map_or(Err(MetadataError::NoIdentityProvider), |(_, provider)| {
                provider.as_ref().map_err(Clone::clone)
            })
    }

    /// The only identity provider.
    ///
    /// # Errors
    /// If there is none, there are several, or it can not be used.
    pub fn sole_identity_provider(&self) -> Result<&IdentityProvider, MetadataError> {
        match self.providers.as_slice() {
            [] => Err(MetadataError::NoIdentityProvider),
            [(_, provider)] => provider.as_ref().map_err(Clone::clone),
            _ => Err(MetadataError::SeveralIdentityProviders),
        }
    }

    /// All identity providers that can be used, in document order.
    pub fn identity_providers(&self) -> impl Iterator<Item = &IdentityProvider> {
        self.providers
            .iter()
            .filter_map(|(_, provider)| provider.as_ref().ok())
    }

    /// The entity ids of those that can not be used, and why.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &MetadataError)> {
        self.providers
            .iter()
            .filter_map(|(name, provider)| Some((name.as_str(), provider.as_ref().err()?)))
    }

    /// `validUntil` of the root: when the whole document expires.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// The certificate of the key that verified the document's signature; `None` if it was not
    /// looked at, or if that key was a bare one.
    #[must_use]
    pub fn certificate_sha256(&self) -> Option<Sha256Digest> {
        self.certificate_sha256
    }

    fn read(root: Element<'_>) -> Result<Self, MetadataError> {
        let mut metadata = Self {
            providers: Vec::new(),
            by_name: HashMap::new(),
            valid_until: provider::own_valid_until(root)?,
            certificate_sha256: None,
        };
        match kind_of(root) {
            None => return Err(MetadataError::NotMetadata),
            Some(Kind::Entity) => metadata.add(root),
            // [SAML-Metadata §2.3.1]: groups within groups. A flat walk over all that is below,
            // so that depth costs no stack; an entity never holds another.
            Some(Kind::Entities) => {
                for element in root.descendants() {
                    if matches!(kind_of(element), Some(Kind::Entity)) && stands_in_groups(element) {
                        metadata.add(element);
                    }
                }
            }
        }
        Ok(metadata)
    }

    /// Adds an entity, if it is an identity provider.
    fn add(&mut self, entity: Element<'_>) {
        let Some(role) = identity_provider_role(entity) else {
            return;
        };
        let name = entity.attribute("entityID").unwrap_or_default();
        match self.by_name.get(name) {
            // [SAML-Metadata §2.3.2]: a name is one entity's. Of two, neither is the one.
            Some(at) => {
                if let Some((_, provider)) = self.providers.get_mut(*at) {
                    *provider = Err(MetadataError::SeveralIdentityProviders);
                }
            }
            None => {
                self.by_name.insert(name.to_owned(), self.providers.len());
                self.providers
                    .push((name.to_owned(), provider::read(entity, role)));
            }
        }
    }

    fn check_freshness(
        &self,
        policy: &MetadataPolicy,
        now: Timestamp,
    ) -> Result<(), MetadataError> {
        match (self.valid_until, policy.valid_until_within) {
            (Some(valid_until), _) if now >= valid_until => {
                Err(MetadataError::Expired { valid_until })
            }
            (Some(valid_until), Some(within)) if valid_until > now.saturating_add(within) => {
                Err(MetadataError::ValidUntilTooFar { valid_until })
            }
            (None, Some(_)) => Err(MetadataError::ValidUntilMissing),
            _ => Ok(()),
        }
    }
}

/// What may be the root of a metadata document \[SAML-Metadata §2.3\].
enum Kind {
    Entity,
    Entities,
}

fn kind_of(element: Element<'_>) -> Option<Kind> {
    if element.is(METADATA, "EntityDescriptor") {
        Some(Kind::Entity)
    } else if element.is(METADATA, "EntitiesDescriptor") {
        Some(Kind::Entities)
    } else {
        None
    }
}

/// Whether nothing but groups is around it: what hides in extensions is no entity of the document.
fn stands_in_groups(entity: Element<'_>) -> bool {
    let mut around = entity.parent();
    while let Some(element) = around {
        if !matches!(kind_of(element), Some(Kind::Entities)) {
            return false;
        }
        around = element.parent();
    }
    true
}

/// The role `IDPSSODescriptor` that speaks SAML 2.0 \[SAML-Metadata §2.4.3\]. Of several the first
/// is used, as their order is the order of preference.
fn identity_provider_role(entity: Element<'_>) -> Option<Element<'_>> {
    entity.children().find(|child| {
        child.is(METADATA, "IDPSSODescriptor")
            && child
                .attribute("protocolSupportEnumeration")
                .is_some_and(|protocols| protocols.split_ascii_whitespace().any(|p| p == PROTOCOL))
    })
}
