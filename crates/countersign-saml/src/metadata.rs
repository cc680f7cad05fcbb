//! Identity providers as their metadata describes them \[SAML-Metadata\].

use countersign_core::text::check_identifier;
use countersign_core::{TextError, Timestamp};
use countersign_dsig::key::{KeyError, VerificationKey};
use countersign_dsig::xml::{Document, Element, Limits, XmlError};
use thiserror::Error;

use crate::identity_provider::{Endpoint, IdentityProvider};
use crate::names::{METADATA, PROTOCOL, SIGNATURE};

/// Largest metadata document. One identity provider has a few KiB; an export of a hub or of a small
/// federation has some MiB. What a national federation publishes (some 80 MiB) is for a metadata
/// service to cut up.
const MAX_METADATA_BYTES: usize = 16 * 1024 * 1024;
/// Most elements of a metadata document: one in 32 bytes is denser than any that was seen.
const MAX_METADATA_ELEMENTS: usize = MAX_METADATA_BYTES / 32;

/// Why metadata gives no identity provider.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// It is no XML, or XML that is never accepted.
    #[error("the metadata is not acceptable XML")]
    Xml(#[source] XmlError),
    /// The root is neither `EntityDescriptor` nor `EntitiesDescriptor`.
    #[error("the root is neither EntityDescriptor nor EntitiesDescriptor of SAML 2.0 metadata")]
    NotMetadata,
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
    /// A signing certificate that can not be read.
    #[error("a signing certificate can not be read")]
    Certificate(#[source] KeyError),
    /// `validUntil` is no instant.
    #[error("validUntil is not a date and time with a time zone")]
    ValidUntil,
}

impl MetadataError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Xml(_) => "metadata.xml",
            Self::NotMetadata => "metadata.not_metadata",
            Self::NoIdentityProvider => "metadata.no_identity_provider",
            Self::SeveralIdentityProviders => "metadata.several_identity_providers",
            Self::EntityId(_) => "metadata.entity_id",
            Self::NoSigningKey => "metadata.no_signing_key",
            Self::BareKey => "metadata.bare_key",
            Self::Certificate(_) => "metadata.certificate",
            Self::ValidUntil => "metadata.valid_until",
        }
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_bytes = MAX_METADATA_BYTES;
    limits.max_elements = MAX_METADATA_ELEMENTS;
    limits
}

/// What [`IdentityProvider`] promises of itself.
pub(crate) fn check(provider: IdentityProvider) -> Result<IdentityProvider, MetadataError> {
    check_identifier(&provider.entity_id).map_err(MetadataError::EntityId)?;
    if provider.keys.is_empty() {
        return Err(MetadataError::NoSigningKey);
    }
    if provider
        .keys
        .iter()
        .any(|key| key.certificate_sha256().is_none())
    {
        return Err(MetadataError::BareKey);
    }
    Ok(provider)
}

pub(crate) fn parse_identity_provider(
    xml: &[u8],
    entity_id: Option<&str>,
) -> Result<IdentityProvider, MetadataError> {
    let document = Document::parse(xml, &limits()).map_err(MetadataError::Xml)?;
    let root = document.root();
    let mut found = Vec::new();
    if root.is(METADATA, "EntityDescriptor") {
        found.extend(identity_provider_role(root));
    } else if root.is(METADATA, "EntitiesDescriptor") {
        collect(root, &mut found);
    } else {
        return Err(MetadataError::NotMetadata);
    }
    if let Some(entity_id) = entity_id {
        found.retain(|(entity, _)| entity.attribute("entityID") == Some(entity_id));
    }
    match found.as_slice() {
        [] => Err(MetadataError::NoIdentityProvider),
        &[(entity, role)] => read(entity, role),
        _ => Err(MetadataError::SeveralIdentityProviders),
    }
}

/// An identity provider's entity and the role that makes it one.
type Found<'d> = (Element<'d>, Element<'d>);

/// The role `IDPSSODescriptor` that speaks SAML 2.0 \[SAML-Metadata §2.4.3\]. Of several the first
/// is used, as their order is the order of preference.
fn identity_provider_role(entity: Element<'_>) -> Option<Found<'_>> {
    let role = entity.children().find(|child| {
        child.is(METADATA, "IDPSSODescriptor")
            && child
                .attribute("protocolSupportEnumeration")
                .is_some_and(|protocols| protocols.split_ascii_whitespace().any(|p| p == PROTOCOL))
    })?;
    Some((entity, role))
}

/// Every identity provider below `entities`. The depth is bounded by the parser's limit.
fn collect<'d>(entities: Element<'d>, found: &mut Vec<Found<'d>>) {
    for child in entities.children() {
        if child.is(METADATA, "EntityDescriptor") {
            found.extend(identity_provider_role(child));
        } else if child.is(METADATA, "EntitiesDescriptor") {
            collect(child, found);
        }
    }
}

fn read(entity: Element<'_>, role: Element<'_>) -> Result<IdentityProvider, MetadataError> {
    check(IdentityProvider {
        entity_id: entity.attribute("entityID").unwrap_or_default().to_owned(),
        keys: signing_keys(role)?,
        sso_locations: role
            .children()
            .filter(|child| child.is(METADATA, "SingleSignOnService"))
            .filter_map(|service| {
                Some(Endpoint {
                    binding: service.attribute("Binding")?.to_owned(),
                    location: service.attribute("Location")?.to_owned(),
                })
            })
            .collect(),
        valid_until: valid_until(role)?,
    })
}

/// The certificates of all `KeyDescriptor`s that are not for encryption only: one without `use`
/// is for both \[SAML-Metadata §2.4.1.1\]. Of a chain the first certificate has the key
/// \[SAML-MetaIOP §2.5.1\]; nothing is inferred from the others. Keys of a kind that nothing here
/// verifies with are left out: a provider may offer them to others.
fn signing_keys(role: Element<'_>) -> Result<Vec<VerificationKey>, MetadataError> {
    let certificates = role
        .children()
        .filter(|child| child.is(METADATA, "KeyDescriptor"))
        .filter(|key| matches!(key.attribute("use"), None | Some("signing")))
        .flat_map(|key| {
            key.children()
                .filter(|child| child.is(SIGNATURE, "KeyInfo"))
        })
        .flat_map(|info| {
            info.children()
                .filter(|child| child.is(SIGNATURE, "X509Data"))
        })
        .filter_map(|data| {
            data.children()
                .find(|child| child.is(SIGNATURE, "X509Certificate"))
        });
    let mut keys = Vec::new();
    for certificate in certificates {
        let text = certificate.text().map_err(MetadataError::Xml)?;
        match VerificationKey::from_certificate_base64(&text) {
            Ok(key) => keys.push(key),
            Err(KeyError::Unsupported) => {}
            Err(error) => return Err(MetadataError::Certificate(error)),
        }
    }
    Ok(keys)
}

/// The earliest `validUntil` of the role and everything around it \[SAML-Metadata §2.3.1, §2.3.2,
/// §2.4.1\].
fn valid_until(role: Element<'_>) -> Result<Option<Timestamp>, MetadataError> {
    let mut earliest: Option<Timestamp> = None;
    let mut around = Some(role);
    while let Some(element) = around {
        if let Some(text) = element.attribute("validUntil") {
            let until = text.parse().map_err(|_| MetadataError::ValidUntil)?;
            earliest = Some(earliest.map_or(until, |so_far| so_far.min(until)));
        }
        around = element.parent();
    }
    Ok(earliest)
}
