//! What providers really send, and how it becomes facts. One table each, no code each.

use std::collections::BTreeSet;
use std::fmt;

use countersign_core::{Facts, TenantId, VerifiedIdentity};

use crate::attribute_names::{AttributeNames, GroupSource};
use crate::connection::{EmailLink, Matching, OnEmailChange, OnInactive};
use crate::key::{FactsError, Key};
use crate::preset::table::{KeyDefault, Table};
use crate::reading::Reading;

mod providers;
mod starting_policy;
pub(crate) mod table;

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

    /// The short name behind a field of an account, as a policy file calls the field.
    pub(crate) fn of_field(field: &str) -> Option<&'static str> {
        Some(match field {
            "email" => EMAIL,
            "given_name" => GIVEN_NAME,
            "family_name" => FAMILY_NAME,
            "display_name" => DISPLAY_NAME,
            "account_id" => ACCOUNT_ID,
            "permission_profile_id" => PERMISSION_PROFILE_ID,
            _ => return None,
        })
    }
}

/// How one kind of provider names things.
#[derive(Clone, Copy)]
pub struct Preset(&'static Table);

impl Preset {
    /// Microsoft Entra ID: `objectidentifier`, group object ids, overage.
    pub const ENTRA_SAML: Self = Self(&providers::ENTRA_SAML);
    /// Active Directory Federation Services: `upn`, group names.
    pub const ADFS: Self = Self(&providers::ADFS);
    /// Okta: the `NameID` that the application chose.
    pub const OKTA: Self = Self(&providers::OKTA);
    /// Google Workspace: the `NameID`, of unspecified format, is the address.
    pub const GOOGLE_WORKSPACE: Self = Self(&providers::GOOGLE_WORKSPACE);
    /// PingFederate: `SAML_SUBJECT`, and names as in the contract.
    pub const PING_FEDERATE: Self = Self(&providers::PING_FEDERATE);
    /// OneLogin: `User.email`, groups in one text.
    pub const ONELOGIN: Self = Self(&providers::ONELOGIN);
    /// JumpCloud: names that its administrators choose.
    pub const JUMPCLOUD: Self = Self(&providers::JUMPCLOUD);
    /// Keycloak: `Role`, once for each role.
    pub const KEYCLOAK: Self = Self(&providers::KEYCLOAK);
    /// Auth0: the user id, `connection|id`.
    pub const AUTH0: Self = Self(&providers::AUTH0);
    /// Shibboleth and the federations of eduGAIN: `pairwise-id`, and scopes.
    pub const SHIBBOLETH: Self = Self(&providers::SHIBBOLETH);
    /// DocuSign's own names and rules, for hosts that take its place.
    pub const DOCUSIGN: Self = Self(&providers::DOCUSIGN);
    /// Any other provider that uses well-known names.
    pub const GENERIC: Self = Self(&providers::GENERIC);

    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::ENTRA_SAML,
        Self::ADFS,
        Self::OKTA,
        Self::GOOGLE_WORKSPACE,
        Self::PING_FEDERATE,
        Self::ONELOGIN,
        Self::JUMPCLOUD,
        Self::KEYCLOAK,
        Self::AUTH0,
        Self::SHIBBOLETH,
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

    /// The facts of an identity, as the preset alone reads them.
    ///
    /// # Errors
    /// If `key` is missing, is not one, or can not stand for a person.
    ///
    /// # Security
    /// As [`ConnectionPolicy::facts`](crate::ConnectionPolicy::facts): no value with a scope is
    /// believed.
    pub fn facts(
        self,
        tenant: &TenantId,
        identity: &VerifiedIdentity,
        key: &Key,
    ) -> Result<Facts, FactsError> {
        let reading = Reading {
            table: self.0,
            names: &AttributeNames::default(),
            groups: &GroupSource::default(),
            speaks_for: &|_| false,
        };
        reading.facts(tenant, identity, key)
    }

    /// One line about it.
    #[must_use]
    pub fn summary(self) -> &'static str {
        self.0.summary
    }

    /// A commented policy file to start from.
    #[must_use]
    pub fn starting_policy(self) -> String {
        starting_policy::write(self.0)
    }

    pub(crate) fn table(self) -> &'static Table {
        self.0
    }
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
