//! From an entity and its role to an identity provider.

use std::time::Duration;

use countersign_core::text::check_identifier;
use countersign_core::{Attribute, AttributeValue, Timestamp};
use countersign_dsig::xml::{Element, XML_NAMESPACE};

use super::{MetadataError, Scope, duration, keys};
use crate::endpoint::{Endpoint, IndexedEndpoint};
use crate::identity_provider::IdentityProvider;
use crate::names::{ASSERTION, ENTITY_ATTRIBUTES, METADATA, SHIBBOLETH_METADATA, USER_INTERFACE};

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

pub(super) fn read(
    entity: Element<'_>,
    role: Element<'_>,
) -> Result<IdentityProvider, MetadataError> {
    check(IdentityProvider {
        entity_id: entity.attribute("entityID").unwrap_or_default().to_owned(),
        keys: keys::signing(role)?,
        encryption_certificates: keys::encryption(role)?,
        sso_locations: endpoints(role, "SingleSignOnService")?,
        slo_locations: endpoints(role, "SingleLogoutService")?,
        artifact_resolution: indexed_endpoints(role, "ArtifactResolutionService")?,
        name_id_formats: texts(role, METADATA, "NameIDFormat")?,
        wants_authn_requests_signed: is_true(role.attribute("WantAuthnRequestsSigned")),
        scopes: scopes(entity, role)?,
        display_names: display_names(role)?,
        entity_attributes: entity_attributes(entity)?,
        valid_until: valid_until(role)?,
        cache_duration: cache_duration(role)?,
    })
}

/// The children of one name.
pub(super) fn named<'d>(
    parent: Element<'d>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Element<'d>> {
    parent
        .children()
        .filter(move |child| child.is(namespace, name))
}

/// `xs:boolean` \[XMLSchema-2 §3.2.2\]; what is absent is false.
fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("true" | "1"))
}

/// The text of a child. White space around it is the document's layout.
fn trimmed(element: Element<'_>) -> Result<String, MetadataError> {
    let text = element.text().map_err(MetadataError::Xml)?;
    Ok(text.trim().to_owned())
}

fn texts(
    parent: Element<'_>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Vec<String>, MetadataError> {
    named(parent, namespace, name).map(trimmed).collect()
}

fn endpoints(role: Element<'_>, name: &'static str) -> Result<Vec<Endpoint>, MetadataError> {
    named(role, METADATA, name).map(endpoint).collect()
}

/// \[SAML-Metadata §2.2.2\].
fn endpoint(service: Element<'_>) -> Result<Endpoint, MetadataError> {
    let (Some(binding), Some(location)) =
        (service.attribute("Binding"), service.attribute("Location"))
    else {
        return Err(MetadataError::Endpoint);
    };
    let endpoint = Endpoint::new(binding, location).map_err(|_| MetadataError::Endpoint)?;
    match service.attribute("ResponseLocation") {
        None => Ok(endpoint),
        Some(response) => endpoint
            .with_response_location(response)
            .map_err(|_| MetadataError::Endpoint),
    }
}

/// \[SAML-Metadata §2.2.3\].
fn indexed_endpoints(
    role: Element<'_>,
    name: &'static str,
) -> Result<Vec<IndexedEndpoint>, MetadataError> {
    named(role, METADATA, name)
        .map(|service| {
            Ok(IndexedEndpoint {
                endpoint: endpoint(service)?,
                index: service
                    .attribute("index")
                    .and_then(|index| index.parse().ok())
                    .ok_or(MetadataError::EndpointIndex)?,
                is_default: is_true(service.attribute("isDefault")),
            })
        })
        .collect()
}

/// `shibmd:Scope` of the role, and of the entity, which is for all of its roles.
fn scopes(entity: Element<'_>, role: Element<'_>) -> Result<Vec<Scope>, MetadataError> {
    [entity, role]
        .into_iter()
        .flat_map(|element| named(element, METADATA, "Extensions"))
        .flat_map(|extensions| named(extensions, SHIBBOLETH_METADATA, "Scope"))
        .map(|scope| {
            let is_regexp = is_true(scope.attribute("regexp"));
            Ok(Scope::new(trimmed(scope)?, is_regexp))
        })
        .collect()
}

/// `mdui:DisplayName` with its `xml:lang` \[SAML-MDUI §2.1.2\].
fn display_names(role: Element<'_>) -> Result<Vec<(String, String)>, MetadataError> {
    named(role, METADATA, "Extensions")
        .flat_map(|extensions| named(extensions, USER_INTERFACE, "UIInfo"))
        .flat_map(|info| named(info, USER_INTERFACE, "DisplayName"))
        .map(|name| {
            let language = name.attribute_ns(XML_NAMESPACE, "lang").unwrap_or_default();
            Ok((language.to_owned(), trimmed(name)?))
        })
        .collect()
}

/// \[SAML-MDAttr §2.4\]. Only attributes that the metadata itself states, not those in assertions
/// of somebody else.
fn entity_attributes(entity: Element<'_>) -> Result<Vec<Attribute>, MetadataError> {
    named(entity, METADATA, "Extensions")
        .flat_map(|extensions| named(extensions, ENTITY_ATTRIBUTES, "EntityAttributes"))
        .flat_map(|attributes| named(attributes, ASSERTION, "Attribute"))
        .map(|attribute| {
            let optional = |name| attribute.attribute(name).map(str::to_owned);
            Ok(Attribute {
                name: optional("Name").unwrap_or_default(),
                name_format: optional("NameFormat"),
                friendly_name: optional("FriendlyName"),
                values: named(attribute, ASSERTION, "AttributeValue")
                    .filter(|value| !value.has_child_elements())
                    .map(|value| Ok(AttributeValue::Text(trimmed(value)?)))
                    .collect::<Result<_, MetadataError>>()?,
            })
        })
        .collect()
}

/// The earliest `validUntil` of the role and everything around it \[SAML-Metadata §2.3.1, §2.3.2,
/// §2.4.1\].
fn valid_until(role: Element<'_>) -> Result<Option<Timestamp>, MetadataError> {
    least_around(role, own_valid_until)
}

/// The shortest `cacheDuration`, likewise.
fn cache_duration(role: Element<'_>) -> Result<Option<Duration>, MetadataError> {
    least_around(role, |element| {
        element
            .attribute("cacheDuration")
            .map(|text| duration::parse(text).ok_or(MetadataError::CacheDuration))
            .transpose()
    })
}

/// `validUntil` of one element.
pub(super) fn own_valid_until(element: Element<'_>) -> Result<Option<Timestamp>, MetadataError> {
    element
        .attribute("validUntil")
        .map(|text| text.parse().map_err(|_| MetadataError::ValidUntil))
        .transpose()
}

fn least_around<T: Ord>(
    role: Element<'_>,
    own: impl Fn(Element<'_>) -> Result<Option<T>, MetadataError>,
) -> Result<Option<T>, MetadataError> {
    let mut least: Option<T> = None;
    let mut around = Some(role);
    while let Some(element) = around {
        if let Some(value) = own(element)? {
            least = Some(match least {
                Some(so_far) => so_far.min(value),
                None => value,
            });
        }
        around = element.parent();
    }
    Ok(least)
}
