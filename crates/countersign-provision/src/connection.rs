//! One identity provider's place in the policy.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{
    Door, Email, EmailFact, Facts, NameId, RoleName, SubjectKey, TenantId, Timestamp,
    VerifiedIdentity,
};
use countersign_roles::GROUPS;

use crate::attribute_names::{AttributeNames, GroupSource};
use crate::email_door;
use crate::key::{FactsError, Key};
use crate::preset::Preset;
use crate::reading::Reading;

/// Who may get an account through a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Whoever the provider vouches for, with an address in the domains that it speaks for.
    Jit,
    /// Nobody: accounts are made ahead, and their first sign-in claims them.
    PreProvisionedOnly,
    /// Whoever has an address in the allowed domains. The provider does not own those domains,
    /// so it must say that it verified the address, unless the connection accepts unverified
    /// ones for new accounts. An account that is there is never matched by an unverified address,
    /// and none takes one over.
    SelfRegister,
}

impl Strategy {
    /// Its name in the policy file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jit => "jit",
            Self::PreProvisionedOnly => "pre_provisioned_only",
            Self::SelfRegister => "self_register",
        }
    }
}

/// How a subject that is not linked yet may be tied to an account that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailLink {
    /// Not at all: an address that is in use is a conflict.
    Off,
    /// To the one account with the same address, if the domain is the connection's, the provider
    /// says that it verified the address, the host has verified it as well, the local part is
    /// ASCII, and the account has no privileged and none of these roles.
    Verified {
        /// Accounts with one of these roles are never linked.
        exclude_roles: BTreeSet<RoleName>,
    },
    /// As DocuSign does: to the one *active* account with the same address, given name and
    /// family name. Accounts with a privileged role or one of these are never linked.
    EmailAndName {
        /// Accounts with one of these roles are never linked.
        exclude_roles: BTreeSet<RoleName>,
    },
}

/// What a match with an account out of use means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnInactive {
    /// The sign-in is refused.
    Deny,
    /// A linked *deprovisioned* account is put back into use; a suspended one never is.
    ReactivateDeprovisioned,
    /// The account is passed over, as DocuSign does, and the person may get a new one. Only the
    /// DocuSign preset has this.
    PassOver,
}

/// What happens when a known person comes with another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnEmailChange {
    /// The stored address stays.
    Keep,
    /// The stored address follows, within the connection's domains.
    UpdateIfOwnedDomain,
    /// The sign-in is refused.
    Deny,
}

/// How a person is matched with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Matching {
    /// What the subject is read from.
    pub key: Key,
    /// Whether a new subject may be tied to an account that exists.
    pub link: EmailLink,
    /// What a match with an account out of use means.
    pub on_inactive: OnInactive,
    /// What happens when a known person comes with another address.
    pub on_email_change: OnEmailChange,
    /// Whether a new subject whose address an account has already gets an account of its own, as
    /// at DocuSign, rather than being refused.
    pub shares_email: bool,
    /// Whether names follow the provider at each sign-in, rather than at creation only.
    pub syncs_names: bool,
}

/// Whether the connection makes accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CreationMode {
    /// Yes, within the strategy.
    Allow,
    /// Yes, and each waits for an administrator's approval before it is in use.
    Approve,
    /// No.
    Deny,
}

impl CreationMode {
    /// Its name in the policy file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// What becomes of a new account whose address looks like another.
///
/// An account that is there is never matched by such an address, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnConfusable {
    /// It is made, and its record says so.
    Flag,
    /// It is not made.
    Deny,
}

/// What a new account needs and gets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Creation {
    /// Whether the connection makes accounts.
    pub mode: CreationMode,
    /// A group that the person must be known to be in.
    pub require_group: Option<String>,
    /// The most accounts of the tenant that take a seat.
    pub seats: Option<u64>,
    /// Roles of everybody who comes through the connection, at each sign-in.
    pub default_roles: Vec<RoleName>,
    /// Whether only invited people get an account.
    pub requires_invitation: bool,
    /// Whether a strategy that asks for a verified address accepts an unverified one.
    pub accepts_unverified_email: bool,
    /// What becomes of a new account whose address looks like another.
    pub on_confusable: OnConfusable,
    /// The account that new users belong to, unless the provider names account and profile.
    pub account_id: Option<String>,
    /// The permission profile of new users, unless the provider names account and profile.
    pub permission_profile_id: Option<String>,
}

/// One identity provider's place in the policy.
///
/// What [`ConnectionPolicy::new`] gives refuses by default: linking is off, an inactive match is
/// denied, and without a domain no address is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionPolicy {
    /// The tenant whose accounts it leads to.
    pub tenant: TenantId,
    /// What is behind it: an identity provider, or a mailed link.
    pub door: Door,
    /// The provider's entity id.
    pub issuer: String,
    /// How the provider's attributes are read.
    pub preset: Preset,
    /// Attributes that the preset does not know, or knows by other names.
    pub attribute_names: AttributeNames,
    /// Where the groups are read from, if not as the preset says.
    pub groups: GroupSource,
    /// Who may get an account.
    pub strategy: Strategy,
    /// The domains that the organization has claimed, in canonical form
    /// ([`crate::normalize::domain`]). An address outside them is refused.
    pub domains: BTreeSet<String>,
    /// The role that no rule and no default of the connection may exceed
    /// ([`countersign_roles::RoleCatalog::exceeds`]).
    pub max_privilege: Option<RoleName>,
    /// When the proof of a claimed domain ends. From that instant on the domain is not claimed;
    /// one that is not here stays claimed.
    pub domains_proved_until: BTreeMap<String, Timestamp>,
    /// Whether an address in any domain is accepted; for the e-mail door only, and only of invited
    /// people.
    pub any_domain: bool,
    /// How a person is matched with an account.
    pub matching: Matching,
    /// What a new account needs and gets.
    pub create: Creation,
}

impl ConnectionPolicy {
    /// A connection with the preset's own matching, and nothing allowed that was not said.
    #[must_use]
    pub fn new(
        tenant: TenantId,
        issuer: impl Into<String>,
        preset: Preset,
        strategy: Strategy,
    ) -> Self {
        Self {
            tenant,
            door: Door::Saml,
            issuer: issuer.into(),
            preset,
            attribute_names: AttributeNames::default(),
            groups: GroupSource::default(),
            strategy,
            domains: BTreeSet::new(),
            any_domain: false,
            max_privilege: None,
            domains_proved_until: BTreeMap::new(),
            matching: preset.matching(),
            create: Creation {
                mode: match strategy {
                    Strategy::PreProvisionedOnly => CreationMode::Deny,
                    _ => CreationMode::Allow,
                },
                require_group: None,
                seats: None,
                default_roles: Vec::new(),
                requires_invitation: false,
                accepts_unverified_email: false,
                on_confusable: OnConfusable::Flag,
                account_id: None,
                permission_profile_id: None,
            },
        }
    }

    /// The e-mail door, for signers without an identity provider. The address is the subject, so an
    /// account whose address was changed by the host does not open to the mailbox from before.
    #[must_use]
    pub fn email(tenant: TenantId, strategy: Strategy) -> Self {
        let mut connection = Self::new(tenant, email_door::ISSUER, Preset::GENERIC, strategy);
        connection.door = Door::Email;
        connection.matching.on_email_change = OnEmailChange::Deny;
        connection
    }

    /// Whether the address is in one of the domains that are claimed `now`. Subdomains must be
    /// claimed by themselves.
    #[must_use]
    pub fn owns(&self, address: &Email, now: Timestamp) -> bool {
        let is_claimed = self.any_domain || self.domains.contains(address.domain());
        is_claimed && !self.proof_has_ended(address, now)
    }

    /// Whether the address is the person's. A provider that owns the domain is taken at its word;
    /// one that anybody registers with has to say that it verified the address.
    pub(crate) fn believes(&self, email: &EmailFact) -> bool {
        self.strategy != Strategy::SelfRegister || email.verified_by_idp
    }

    /// Whether the domain of the address was claimed, and its proof has ended.
    #[must_use]
    pub fn proof_has_ended(&self, address: &Email, now: Timestamp) -> bool {
        let until = self.domains_proved_until.get(address.domain());
        until.is_some_and(|until| now >= *until)
    }

    /// The facts of an identity that came through this connection, where nothing is known of the
    /// scopes that the provider may speak for: no value with a scope is believed.
    ///
    /// # Errors
    /// If the connection's key is missing, is not one, or can not stand for a person.
    ///
    /// # Security
    /// The subject is taken byte for byte. An address counts as verified only if the provider
    /// says so. An attribute whose own name is one of the short names of preset and connection,
    /// without being the one that the short name stands for, is left out: it would pass for the
    /// other.
    pub fn facts(&self, identity: &VerifiedIdentity) -> Result<Facts, FactsError> {
        self.facts_in_scope(identity, &|_| false)
    }

    /// The facts of an identity that came through this connection. `speaks_for` tells whether the
    /// provider's metadata allows the scope of a value such as `staff@acme.example`; the engine
    /// asks `IdentityProvider::check_scoped`.
    ///
    /// # Errors
    /// As [`facts`](Self::facts), and if the provider may not speak for the scope of the key.
    ///
    /// # Security
    /// In a federation every provider can claim `staff@acme.example`; only `speaks_for` tells the
    /// one that may.
    pub fn facts_in_scope(
        &self,
        identity: &VerifiedIdentity,
        speaks_for: &dyn Fn(&str) -> bool,
    ) -> Result<Facts, FactsError> {
        if self.door == Door::Email {
            return email_door::facts(&self.tenant, identity);
        }
        self.reading(speaks_for)
            .facts(&self.tenant, identity, &self.matching.key)
    }

    fn reading<'a>(&'a self, speaks_for: &'a dyn Fn(&str) -> bool) -> Reading<'a> {
        Reading {
            table: self.preset.table(),
            names: &self.attribute_names,
            groups: &self.groups,
            speaks_for,
        }
    }

    /// Whether different values of an attribute, or different groups, are different facts, whoever
    /// chose them ([`Decoder::is_injective`](crate::Decoder::is_injective)).
    pub(crate) fn is_injective(&self, attribute: &str) -> bool {
        if attribute == GROUPS {
            return self.reading(&|_| false).group_decoder().is_injective();
        }
        let source = self.attribute_names.source(attribute);
        source.is_none_or(|source| source.decode.is_injective())
    }

    /// Whom a name identifier means that comes without anything else, as in a logout.
    ///
    /// # Errors
    /// [`FactsError::KeyMissing`] if the connection's key is an attribute, so that only a login
    /// tells; or if the name identifier can not stand for a person.
    pub fn subject_of_name_id(
        &self,
        issuer: &str,
        name_id: &NameId,
    ) -> Result<SubjectKey, FactsError> {
        let tenant = self.tenant.clone();
        self.matching
            .key
            .subject_of_name_id(tenant, issuer, name_id)
    }
}
