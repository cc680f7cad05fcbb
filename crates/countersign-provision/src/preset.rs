//! What providers really send, and how it becomes facts. One table each, no code each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use countersign_core::{
    Attribute, AttributeValue, EmailFact, Facts, Groups, IdentityClaims, NameId, SubjectKey,
    TenantId, VerifiedIdentity,
};

use crate::connection::{EmailLink, Matching, OnEmailChange, OnInactive};
use crate::key::{FactsError, Key};
use crate::normalize;
use crate::preset::table::{EMAIL_FORMAT, KeyDefault, NameIdAsEmail, Table};

mod table;

/// Short names that mean the same in every preset.
pub mod short {
    /// The e-mail address.
    pub const EMAIL: &str = "emailaddress";
    /// Whether the provider verified the address: `true` or `1`.
    pub const EMAIL_VERIFIED: &str = "email_verified";
    /// Given name.
    pub const GIVEN_NAME: &str = "givenname";
    /// Family name.
    pub const FAMILY_NAME: &str = "surname";
    /// Display name.
    pub const DISPLAY_NAME: &str = "displayname";
    /// DocuSign's account.
    pub const ACCOUNT_ID: &str = "accountid";
    /// DocuSign's permission profile.
    pub const PERMISSION_PROFILE_ID: &str = "permissionprofileid";
}

/// How one kind of provider names things.
#[derive(Clone, Copy)]
pub struct Preset(&'static Table);

impl Preset {
    /// Microsoft Entra ID: `objectidentifier`, group object ids, overage.
    pub const ENTRA_SAML: Self = Self(&table::ENTRA_SAML);
    /// Active Directory Federation Services: `upn`, group names.
    pub const ADFS: Self = Self(&table::ADFS);
    /// Okta: the `NameID` that the application chose.
    pub const OKTA: Self = Self(&table::OKTA);
    /// Google Workspace: the `NameID`, of unspecified format, is the address.
    pub const GOOGLE_WORKSPACE: Self = Self(&table::GOOGLE_WORKSPACE);
    /// Keycloak: `Role`, once for each role.
    pub const KEYCLOAK: Self = Self(&table::KEYCLOAK);
    /// DocuSign's own names and rules, for hosts that take its place.
    pub const DOCUSIGN: Self = Self(&table::DOCUSIGN);
    /// Any other provider that uses well-known names.
    pub const GENERIC: Self = Self(&table::GENERIC);

    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ENTRA_SAML,
        Self::ADFS,
        Self::OKTA,
        Self::GOOGLE_WORKSPACE,
        Self::KEYCLOAK,
        Self::DOCUSIGN,
        Self::GENERIC,
    ];

    /// The preset of that name, such as `entra-saml`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Its name in the policy file.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What the subject is read from, if a connection does not say.
    #[must_use]
    pub fn key(self) -> Key {
        match self.0.key {
            KeyDefault::NameId => Key::NameId,
            KeyDefault::StableNameId => Key::StableNameId,
            KeyDefault::Attribute(short) => Key::Attribute(short.to_owned()),
        }
    }

    /// How a person is matched, if a connection does not say.
    ///
    /// For all but one: by the subject alone, nothing by address, no inactive account. The
    /// DocuSign preset reproduces DocuSign: a linked active account; else the one active account
    /// with the same address, given name and family name; else a new one, even beside an inactive
    /// account or one with the same address.
    #[must_use]
    pub fn matching(self) -> Matching {
        if self == Self::DOCUSIGN {
            Matching {
                key: self.key(),
                link: EmailLink::EmailAndName {
                    exclude_roles: BTreeSet::new(),
                },
                on_inactive: OnInactive::PassOver,
                on_email_change: OnEmailChange::UpdateIfOwnedDomain,
                shares_email: true,
                syncs_names: false,
            }
        } else {
            Matching {
                key: self.key(),
                link: EmailLink::Off,
                on_inactive: OnInactive::Deny,
                on_email_change: OnEmailChange::UpdateIfOwnedDomain,
                shares_email: false,
                syncs_names: true,
            }
        }
    }

    /// The facts of an identity.
    ///
    /// # Errors
    /// If `key` is missing, is not one, or can not stand for a person.
    ///
    /// # Security
    /// The subject is taken byte for byte. An address counts as verified only if the provider
    /// says so. An attribute whose own name is one of the preset's short names, without being
    /// the one that the short name stands for, is left out: it would pass for the other.
    pub fn facts(
        self,
        tenant: &TenantId,
        identity: &VerifiedIdentity,
        key: &Key,
    ) -> Result<Facts, FactsError> {
        let claims = identity.claims();
        let attributes = self.attributes(claims);
        let mut facts = Facts::new(self.subject(tenant, claims, key)?);
        let name = |short| normalize::name(only(&attributes, short)?);
        facts.given_name = name(short::GIVEN_NAME);
        facts.family_name = name(short::FAMILY_NAME);
        facts.display_name = name(short::DISPLAY_NAME);
        facts.account_id = name(short::ACCOUNT_ID);
        facts.permission_profile_id = name(short::PERMISSION_PROFILE_ID);
        facts.email = self.email(&attributes, &claims.name_id);
        facts.groups = self.groups(claims);
        facts.authn_context.clone_from(&claims.authn_context);
        facts.attributes = attributes;
        Ok(facts)
    }

    /// The name that policy uses for an attribute; `None` if it is left out.
    fn short_name(self, full: &str) -> Option<&str> {
        let table = self.0;
        let mut named = table.attributes.iter();
        if let Some((short, _)) = named.find(|(_, names)| names.contains(&full)) {
            return Some(short);
        }
        let is_short = |(short, _): &(&str, &[&str])| *short == full;
        let taken = table.attributes.iter().any(is_short) || full == countersign_roles::GROUPS;
        let is_groups = table.groups.contains(&full) || table.overage.contains(&full);
        (!taken && !is_groups).then_some(full)
    }

    fn attributes(self, claims: &IdentityClaims) -> BTreeMap<String, Vec<String>> {
        let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for attribute in &claims.attributes {
            if let Some(short) = self.short_name(&attribute.name) {
                let texts = attribute.values.iter().filter_map(AttributeValue::as_text);
                let values = attributes.entry(short.to_owned()).or_default();
                values.extend(texts.map(normalize::text));
            }
        }
        attributes
    }

    fn subject(
        self,
        tenant: &TenantId,
        claims: &IdentityClaims,
        key: &Key,
    ) -> Result<SubjectKey, FactsError> {
        let tenant = tenant.clone();
        match key {
            Key::Attribute(attribute) => {
                let value = self.key_value(claims, attribute)?;
                SubjectKey::from_stable_value(tenant, &claims.issuer, value)
                    .map_err(FactsError::Subject)
            }
            _ => key.subject_of_name_id(tenant, &claims.issuer, &claims.name_id),
        }
    }

    /// The one value of the attribute that is the key, byte for byte.
    fn key_value<'c>(self, claims: &'c IdentityClaims, key: &str) -> Result<&'c str, FactsError> {
        let is_short = self.0.attributes.iter().any(|(short, _)| *short == key);
        let is_key = |attribute: &&Attribute| {
            self.short_name(&attribute.name) == Some(key) || (!is_short && attribute.name == key)
        };
        let sent = claims.attributes.iter().filter(is_key);
        let values: Vec<&AttributeValue> = sent.flat_map(|attribute| &attribute.values).collect();
        let not_one = || FactsError::KeyNotOne {
            attribute: key.to_owned(),
        };
        let Some((first, others)) = values.split_first() else {
            return Err(FactsError::KeyMissing {
                attribute: key.to_owned(),
            });
        };
        if others.iter().any(|other| other != first) {
            return Err(not_one());
        }
        first.as_text().ok_or_else(not_one)
    }

    fn email(
        self,
        attributes: &BTreeMap<String, Vec<String>>,
        name_id: &NameId,
    ) -> Option<EmailFact> {
        let is_email = match self.0.name_id_as_email {
            NameIdAsEmail::Never => false,
            NameIdAsEmail::ByFormat => name_id.format.as_deref() == Some(EMAIL_FORMAT),
            NameIdAsEmail::Always => true,
        };
        let address = if attributes.contains_key(short::EMAIL) {
            only(attributes, short::EMAIL)?
        } else if is_email {
            &name_id.value
        } else {
            return None;
        };
        let verified = only(attributes, short::EMAIL_VERIFIED);
        Some(EmailFact {
            address: normalize::email(address).ok()?,
            verified_by_idp: matches!(verified, Some("true" | "1")),
        })
    }

    fn groups(self, claims: &IdentityClaims) -> Groups {
        let table = self.0;
        let mut told = false;
        let mut complete = true;
        let mut groups = BTreeSet::new();
        for attribute in &claims.attributes {
            if table.overage.contains(&attribute.name.as_str()) {
                told = true;
                complete = false;
            } else if table.groups.contains(&attribute.name.as_str()) {
                told = true;
                for value in &attribute.values {
                    match value.as_text() {
                        Some("") => {}
                        Some(group) => {
                            groups.insert(normalize::text(group));
                        }
                        // Something was said of groups that can not be read.
                        None => complete = false,
                    }
                }
            }
        }
        if table.most_groups.is_some_and(|most| groups.len() >= most) {
            complete = false;
        }
        match (told, complete) {
            (false, _) => Groups::Absent,
            (true, false) => Groups::Partial(groups),
            (true, true) => Groups::Complete(groups),
        }
    }
}

/// The value of an attribute that has exactly one, however often it was sent.
fn only<'a>(attributes: &'a BTreeMap<String, Vec<String>>, short: &str) -> Option<&'a str> {
    let (first, others) = attributes.get(short)?.split_first()?;
    let one = others.iter().all(|other| other == first);
    one.then_some(first.as_str())
}

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Preset {}

impl fmt::Debug for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Preset({})", self.name())
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
