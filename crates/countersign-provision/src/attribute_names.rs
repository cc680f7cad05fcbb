//! What a connection says of its provider's attributes, on top of its preset.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use countersign_core::text::{TextError, check_identifier};
use countersign_roles::{GROUPS, Role, RoleGrant};
use thiserror::Error;

use crate::decoder::Decoder;
use crate::policy::{PolicyError, PolicyParts};
use crate::preset::short;

/// The attributes that a connection names, by short name.
///
/// A short name stands for these names and no longer for the preset's; a full name stands for one
/// short name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AttributeNames(BTreeMap<String, AttributeSource>);

/// Where an attribute is read from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AttributeSource {
    /// The names that the provider sends it under, exactly.
    pub names: Vec<String>,
    /// How its values are packed.
    pub decode: Decoder,
    /// Whether its values have a scope, which the provider's metadata has to allow \[SHIBMD\].
    pub scoped: bool,
}

/// Where a connection's groups are read from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GroupSource {
    /// The names that the provider sends them under, exactly; the preset's if there are none.
    pub names: Vec<String>,
    /// How they are packed; the preset's way if it is not said.
    pub decode: Option<Decoder>,
    /// With this many groups, more may have been cut off; the preset's number if it is not said.
    pub most: Option<NonZeroUsize>,
    /// When the host is asked for the groups.
    pub fetch: FetchGroups,
}

/// When the host's [`GroupFetcher`](crate::GroupFetcher) is asked for a person's groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum FetchGroups {
    /// If the provider says that it left groups out, or sent so many that it may have.
    #[default]
    Overage,
    /// Whenever the groups are not all there, also if none were sent.
    Incomplete,
    /// Not at all.
    Never,
}

impl FetchGroups {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Overage, Self::Incomplete, Self::Never];

    /// Its name in the policy file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overage => "overage",
            Self::Incomplete => "incomplete",
            Self::Never => "never",
        }
    }
}

/// Why an attribute can not be named so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttributeNameError {
    /// Groups have a place of their own.
    #[error("is the groups, which `[connection.NAME.groups]` names")]
    Groups,
    /// A name holds what no name may.
    #[error("{0}")]
    Text(TextError),
    /// It would never be sent.
    #[error("stands for no name")]
    NoName,
    /// One name can not stand for two things.
    #[error("stands for `{name}`, and so does `{other}`")]
    Taken {
        /// The provider's name.
        name: String,
        /// The short name that stands for it already.
        other: String,
    },
}

impl AttributeNameError {
    /// A stable code for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Groups => "provision.attribute_is_groups",
            Self::Text(_) => "provision.attribute_name_unusable",
            Self::NoName => "provision.attribute_without_name",
            Self::Taken { .. } => "provision.attribute_name_taken",
        }
    }
}

impl AttributeSource {
    /// An attribute that is sent under one name, each value by itself.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            names: vec![name.into()],
            ..Self::default()
        }
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.decode != Decoder::values()
    }
}

impl AttributeNames {
    /// Lets `short` stand for an attribute of the provider. The fields of an account are known by
    /// their names in a policy file, too: `email`, `given_name`, `family_name`, `display_name`,
    /// `account_id`, `permission_profile_id`.
    ///
    /// # Errors
    /// If `short` is `groups`, a name is not usable, or stands for something else already.
    pub fn insert(
        &mut self,
        short: &str,
        source: AttributeSource,
    ) -> Result<(), AttributeNameError> {
        let short = short::of_field(short).unwrap_or(short);
        if short == GROUPS {
            return Err(AttributeNameError::Groups);
        }
        check_identifier(short).map_err(AttributeNameError::Text)?;
        if source.names.is_empty() {
            return Err(AttributeNameError::NoName);
        }
        for name in &source.names {
            check_identifier(name).map_err(AttributeNameError::Text)?;
            if let Some(other) = self.short_name(name) {
                return Err(AttributeNameError::Taken {
                    name: name.clone(),
                    other: other.to_owned(),
                });
            }
        }
        // A field and the short name behind it are one thing, named twice.
        if self.0.contains_key(short) {
            return Err(AttributeNameError::Taken {
                name: source.names.into_iter().next().unwrap_or_default(),
                other: short.to_owned(),
            });
        }
        self.0.insert(short.to_owned(), source);
        Ok(())
    }

    /// All of them, by short name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeSource)> {
        self.0
            .iter()
            .map(|(short, source)| (short.as_str(), source))
    }

    pub(crate) fn source(&self, short: &str) -> Option<&AttributeSource> {
        self.0.get(short)
    }

    /// The short name that stands for `full`.
    pub(crate) fn short_name(&self, full: &str) -> Option<&str> {
        let mut named = self.iter();
        let found = named.find(|(_, source)| source.names.iter().any(|name| name == full));
        found.map(|(short, _)| short)
    }
}

/// What is wrong with the names of a policy's connections, and with what its rules make of them.
pub(crate) fn faults(parts: &PolicyParts) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    for (id, connection) in &parts.connections {
        let names = &connection.attribute_names;
        for name in &connection.groups.names {
            if names.short_name(name).is_some() {
                errors.push(PolicyError::AttributeIsGroups {
                    connection: id.clone(),
                    name: name.clone(),
                });
            }
        }
        for rule in parts.rules.rules() {
            let is_privileged = |grant: &RoleGrant| {
                let role = parts.catalog.role(&grant.role);
                role.is_some_and(Role::is_privileged)
            };
            if !rule.is_about(id) || !rule.grant.iter().any(is_privileged) {
                continue;
            }
            // A name that is not there gives nothing: cutting others up can only add to them.
            for condition in rule.all.iter().filter(|condition| !condition.negated) {
                if !connection.is_injective(&condition.attribute) {
                    errors.push(PolicyError::DecodedPrivilege {
                        rule: rule.id.clone(),
                        connection: id.clone(),
                        attribute: condition.attribute.clone(),
                    });
                }
            }
        }
    }
    errors
}
