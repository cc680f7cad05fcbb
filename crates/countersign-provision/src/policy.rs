//! What the policy file says, checked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::{
    ConnectionId, Door, Email, Facts, RoleName, RuleId, Sha256Digest, TenantId, Timestamp,
};
use countersign_roles::{Excess, Finding, RoleCatalog, RolesError, RuleSet};
use thiserror::Error;

use crate::attribute::{AbsenceMode, Attributes, SyncMode};
use crate::attribute_names;
use crate::connection::{ConnectionPolicy, CreationMode, EmailLink, OnInactive, Strategy};
use crate::email_door;
use crate::lifecycle::{LifecycleError, LifecyclePolicy};
use crate::lint;
use crate::max_privilege;
use crate::normalize;
use crate::plan::UserField;
use crate::preset::{Preset, short};
use crate::reason::Reason;
use crate::risk::Risks;
use crate::store::SnapshotQuery;

/// How long sessions last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionPolicy {
    /// The longest that a session lasts.
    pub lifetime: Duration,
}

impl SessionPolicy {
    /// 30 minutes, as e-signature services use.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 60);

    /// Sessions of `lifetime`.
    #[must_use]
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime }
    }

    /// When a session that opens `now` ends: after its lifetime, and never past the provider's
    /// `SessionNotOnOrAfter` \[SAML-Core §2.7.2\].
    #[must_use]
    pub fn deadline(&self, now: Timestamp, not_on_or_after: Option<Timestamp>) -> Timestamp {
        let deadline = now.saturating_add(self.lifetime);
        not_on_or_after.map_or(deadline, |bound| bound.min(deadline))
    }
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self::new(Self::DEFAULT_LIFETIME)
    }
}

/// What is wrong with a policy: always the fault of whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A role or a rule.
    #[error("{0}")]
    Roles(RolesError),
    /// When accounts that are not used move on.
    #[error("{0}")]
    Lifecycle(LifecycleError),
    /// A session would be over before it began.
    #[error("a session lasts no time")]
    NoSessionTime,
    /// No address would be accepted.
    #[error("connection `{0}` has no domain")]
    NoDomain(ConnectionId),
    /// A domain is not in canonical form, or is none.
    #[error("connection `{connection}` has `{domain}`, which is no domain in canonical form")]
    Domain {
        /// The connection.
        connection: ConnectionId,
        /// What was given.
        domain: String,
    },
    /// A privileged role must be given by a rule or by hand.
    #[error("connection `{connection}` gives the privileged role `{role}` by default")]
    PrivilegedDefault {
        /// The connection.
        connection: ConnectionId,
        /// The role.
        role: RoleName,
    },
    /// Accounts are made ahead, and at sign-in too.
    #[error("connection `{0}` is `pre_provisioned_only` and allows creation")]
    CreatesPreProvisioned(ConnectionId),
    /// Matching as DocuSign does it belongs to its preset.
    #[error("connection `{0}` matches as DocuSign does, without its preset")]
    NotDocuSign(ConnectionId),
    /// An account would get one of account and profile from nowhere.
    #[error("connection `{0}` has only one of a default account and a default permission profile")]
    HalfAccount(ConnectionId),
    /// The proof of a domain ends that is not claimed.
    #[error(
        "connection `{connection}` says until when `{domain}` is proved, and does not claim it"
    )]
    ProofOfUnclaimedDomain {
        /// The connection.
        connection: ConnectionId,
        /// The domain.
        domain: String,
    },
    /// A declined person would apply anew at each sign-in.
    #[error(
        "connection `{0}` passes over accounts out of use, and asks for approval of new ones: who was declined would come back each time"
    )]
    PassesOverApproval(ConnectionId),
    /// A field that does not follow the provider can not be cleared by it.
    #[error("the attribute `{}` is cleared when it is absent, and does not follow at each sign-in", .0.name())]
    NothingToClear(UserField),
    /// A profile belongs to an account.
    #[error(
        "the attributes `account_id` and `permission_profile_id` decide together, and are synced in two ways"
    )]
    AccountWithoutProfile,
    /// Two connections would answer for one provider of one tenant.
    #[error("connections `{first}` and `{second}` have the same tenant and issuer")]
    SameIssuer {
        /// The first.
        first: ConnectionId,
        /// The second.
        second: ConnectionId,
    },
    /// One provider's groups mean nothing at another.
    #[error("rule `{0}` must name its connection, because the policy has several")]
    RuleWithoutConnection(RuleId),
    /// An identity provider could pass for one of our own doors.
    #[error("connection `{0}` has an issuer that begins with `urn:countersign:`, which is ours")]
    ReservedIssuer(ConnectionId),
    /// An identity provider never speaks for every domain.
    #[error("connection `{0}` accepts any domain, which only the e-mail door may")]
    AnyDomain(ConnectionId),
    /// Whoever has a mailbox somewhere would get an account.
    #[error("connection `{0}` accepts any domain: that needs `create.require_invitation = true`")]
    UninvitedStrangers(ConnectionId),
    /// A mailbox would be enough for a role worth stealing.
    #[error(
        "rule `{rule}` gives the privileged role `{role}` to people of `{connection}`, who are known by their mailbox alone"
    )]
    PrivilegedByEmail {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
        /// The connection.
        connection: ConnectionId,
    },
    /// A rule names a connection that is not there.
    #[error("rule `{rule}` names the unknown connection `{connection}`")]
    UnknownConnection {
        /// The rule.
        rule: RuleId,
        /// The connection.
        connection: ConnectionId,
    },

    /// Rules that can not mean what they say.
    #[error("{0}")]
    Lint(Finding),

    /// A default role is beyond the most that its connection may give.
    #[error(
        "connection `{connection}` gives the role `{role}` by default, which {excess}; its `max_privilege` is `{max}`"
    )]
    DefaultExceedsMax {
        /// The connection.
        connection: ConnectionId,
        /// The role.
        role: RoleName,
        /// What it has that the limit has not.
        excess: Excess,
        /// The limit.
        max: RoleName,
    },
    /// A rule gives more than its connection may.
    #[error(
        "rule `{rule}` gives the role `{role}`, which {excess}; the `max_privilege` of connection `{connection}` is `{max}`"
    )]
    RuleExceedsMax {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
        /// What it has that the limit has not.
        excess: Excess,
        /// The connection.
        connection: ConnectionId,
        /// The limit.
        max: RoleName,
    },
    // Of attribute names and decoders.
    /// One name of the provider's is both an attribute and the groups.
    #[error("connection `{connection}` reads both an attribute and the groups from `{name}`")]
    AttributeIsGroups {
        /// The connection.
        connection: ConnectionId,
        /// The provider's name.
        name: String,
    },
    /// Whoever can name a group could have the role.
    #[error(
        "rule `{rule}` gives a privileged role and asks for `{attribute}`, which connection `{connection}` decodes so that one name can become another"
    )]
    DecodedPrivilege {
        /// The rule.
        rule: RuleId,
        /// The connection.
        connection: ConnectionId,
        /// The attribute, or `groups`.
        attribute: String,
    },
}

impl PolicyError {
    /// What to do about it, where the error does not say so itself.
    #[must_use]
    pub fn fix(&self) -> Option<&'static str> {
        Some(match self {
            Self::Roles(error) => error.fix(),
            Self::NoSessionTime => "write a time such as `30m`",
            Self::NoDomain(_) => "list those of the organization in `domains`",
            Self::Domain { .. } => "write it as in `acme.example`",
            Self::PrivilegedDefault { .. } => "give it by a rule, or by hand",
            Self::CreatesPreProvisioned(_) => "write `mode = \"deny\"`, or another strategy",
            Self::NotDocuSign(_) => "write `preset = \"docusign\"`, or match otherwise",
            Self::HalfAccount(_) => "write both, or none",
            Self::SameIssuer { .. } => "join them, or give each a tenant of its own",
            Self::RuleWithoutConnection(_) => "add `connection = \"…\"`",
            Self::UnknownConnection { .. } => "name one that is there",
            Self::DefaultExceedsMax { .. } | Self::RuleExceedsMax { .. } => {
                "give a lesser role, or raise `max_privilege`"
            }
            Self::NothingToClear(_) => "write `sync = \"always\"`, or another `absent`",
            Self::AccountWithoutProfile => "give both the same `sync`",
            Self::AttributeIsGroups { .. } => "take the name out of one of the two",
            Self::DecodedPrivilege { .. } => {
                "ask for what is not decoded, or give the role by hand"
            }
            _ => return None,
        })
    }

    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Roles(error) => error.code(),
            Self::Lifecycle(error) => error.code(),
            Self::NoSessionTime => "provision.no_session_time",
            Self::NoDomain(_) => "provision.no_domain",
            Self::Domain { .. } => "provision.bad_domain",
            Self::PrivilegedDefault { .. } => "provision.privileged_default",
            Self::CreatesPreProvisioned(_) => "provision.creates_pre_provisioned",
            Self::NotDocuSign(_) => "provision.not_docusign",
            Self::HalfAccount(_) => "provision.half_account",
            Self::ProofOfUnclaimedDomain { .. } => "provision.proof_of_unclaimed_domain",
            Self::PassesOverApproval(_) => "provision.passes_over_approval",
            Self::NothingToClear(_) => "provision.nothing_to_clear",
            Self::AccountWithoutProfile => "provision.account_without_profile",
            Self::SameIssuer { .. } => "provision.same_issuer",
            Self::RuleWithoutConnection(_) => "provision.rule_without_connection",
            Self::UnknownConnection { .. } => "provision.unknown_connection",
            Self::ReservedIssuer(_) => "provision.reserved_issuer",
            Self::AnyDomain(_) => "provision.any_domain",
            Self::UninvitedStrangers(_) => "provision.uninvited_strangers",
            Self::PrivilegedByEmail { .. } => "provision.privileged_by_email",

            Self::Lint(finding) => finding.code,

            Self::DefaultExceedsMax { .. } => "provision.default_exceeds_max",
            Self::RuleExceedsMax { .. } => "provision.rule_exceeds_max",
            Self::AttributeIsGroups { .. } => "provision.attribute_is_groups",
            Self::DecodedPrivilege { .. } => "provision.decoded_privilege",
        }
    }
}

/// What a policy is made of: each section of the file, read.
///
/// [`PolicyParts::new`] has every part empty or at its default, so that whoever makes one names
/// only what is there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PolicyParts {
    /// SHA-256 of the file's bytes.
    pub hash: Sha256Digest,
    /// The roles.
    pub catalog: RoleCatalog,
    /// The rules.
    pub rules: RuleSet,
    /// How long sessions last.
    pub session: SessionPolicy,
    /// The connections, by name.
    pub connections: BTreeMap<ConnectionId, ConnectionPolicy>,
    /// How strong a sign-in has to be to sign what.
    pub risks: Risks,
    /// Which fields follow the provider, and what an absent one means.
    pub attributes: Attributes,
    /// When accounts that are not used move on.
    pub lifecycle: LifecyclePolicy,
}

impl PolicyParts {
    /// The parts of an empty file with that SHA-256.
    #[must_use]
    pub fn new(hash: Sha256Digest) -> Self {
        Self {
            hash,
            catalog: RoleCatalog::default(),
            rules: RuleSet::default(),
            session: SessionPolicy::default(),
            connections: BTreeMap::new(),
            risks: Risks::default(),
            attributes: Attributes::default(),
            lifecycle: LifecyclePolicy::default(),
        }
    }
}

/// Everything that a policy file says. One that exists is consistent.
#[derive(Debug, Clone)]
pub struct Policy {
    parts: PolicyParts,
}

impl Policy {
    /// 24 hours: how long a temporary role lasts where a policy does not say.
    pub const DEFAULT_TEMPORARY_ROLE: Duration = Duration::from_secs(24 * 60 * 60);

    /// The policy of these parts.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(parts: PolicyParts) -> Result<Self, Vec<PolicyError>> {
        let mut errors = Vec::new();
        if parts.session.lifetime.is_zero() {
            errors.push(PolicyError::NoSessionTime);
        }
        for (id, connection) in &parts.connections {
            errors.extend(connection_faults(&parts.catalog, id, connection));
        }
        errors.extend(same_issuers(&parts.connections));
        errors.extend(scope_faults(&parts.rules, &parts.connections));
        errors.extend(email_door::faults(
            &parts.catalog,
            &parts.rules,
            &parts.connections,
        ));
        errors.extend(max_privilege::faults(
            &parts.catalog,
            &parts.rules,
            &parts.connections,
        ));
        errors.extend(attribute_faults(&parts.attributes));
        errors.extend(attribute_names::faults(&parts));
        let faults = parts.lifecycle.faults().into_iter();
        errors.extend(faults.map(PolicyError::Lifecycle));
        if errors.is_empty() {
            // What rules mean can be asked once everything that they name is there.
            errors.extend(lint::faults(&parts).into_iter().map(PolicyError::Lint));
        }
        if errors.is_empty() {
            Ok(Self { parts })
        } else {
            Err(errors)
        }
    }

    pub(crate) fn parts(&self) -> &PolicyParts {
        &self.parts
    }

    /// SHA-256 of the policy file.
    #[must_use]
    pub fn hash(&self) -> Sha256Digest {
        self.parts.hash
    }

    /// The roles.
    #[must_use]
    pub fn catalog(&self) -> &RoleCatalog {
        &self.parts.catalog
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &RuleSet {
        &self.parts.rules
    }

    /// How strong a sign-in has to be to sign what.
    #[must_use]
    pub fn risks(&self) -> &Risks {
        &self.parts.risks
    }

    /// How long sessions last.
    #[must_use]
    pub fn session(&self) -> SessionPolicy {
        self.parts.session
    }

    /// Which fields follow the provider, and what an absent one means.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.parts.attributes
    }

    /// The facts as the policy takes them: what it means that something was not sent.
    pub(crate) fn read<'f>(
        &self,
        connection: &ConnectionPolicy,
        facts: &'f Facts,
    ) -> Cow<'f, Facts> {
        match connection.door {
            // A mailbox tells nothing of groups, whatever it means that a provider is silent.
            Door::Email => Cow::Borrowed(facts),
            _ => self.attributes().read(facts),
        }
    }

    /// The facts that rules are asked about. An address that is not known to be the person's is
    /// none of them, under neither of its names: whoever may write any address into a profile
    /// would have the roles of any.
    pub(crate) fn facts_for_rules<'f>(
        &self,
        connection: &ConnectionPolicy,
        facts: &'f Facts,
    ) -> Cow<'f, Facts> {
        let mut read = self.read(connection, facts);
        let email = read.email.as_ref();
        if email.is_some_and(|email| !connection.believes(email)) {
            let facts = read.to_mut();
            facts.email = None;
            facts.attributes.remove(short::EMAIL);
        }
        read
    }

    /// When accounts that are not used move on.
    #[must_use]
    pub fn lifecycle(&self) -> &LifecyclePolicy {
        &self.parts.lifecycle
    }

    /// The connection of that name, if there is one.
    #[must_use]
    pub fn connection(&self, id: &ConnectionId) -> Option<&ConnectionPolicy> {
        self.parts.connections.get(id)
    }

    /// All connections, by name.
    pub fn connections(&self) -> impl Iterator<Item = (&ConnectionId, &ConnectionPolicy)> {
        self.parts.connections.iter()
    }

    /// The roles that a tenant must not be without.
    #[must_use]
    pub fn guarded_roles(&self) -> BTreeSet<RoleName> {
        let roles = self.catalog().roles().filter(|role| role.keeps_last());
        roles.map(|role| role.name().clone()).collect()
    }

    /// Why no link is mailed to an address for this connection `now`, if none is: its domain is not
    /// one of the connection's, or an identity provider of the tenant speaks for it. Decided again
    /// when the link comes back.
    #[must_use]
    pub fn refuses_mailbox(
        &self,
        connection: &ConnectionPolicy,
        address: &Email,
        now: Timestamp,
    ) -> Option<Reason> {
        if email_door::has_provider(self.connections(), &connection.tenant, address) {
            Some(Reason::EmailOfProvider)
        } else if connection.owns(address, now) {
            None
        } else if connection.proof_has_ended(address, now) {
            Some(Reason::DomainProofEnded)
        } else {
            Some(Reason::EmailOutsideDomains)
        }
    }

    /// What [`crate::decide()`] needs to know from the store.
    #[must_use]
    pub fn snapshot_query(
        &self,
        connection: &ConnectionId,
        facts: &Facts,
        now: Timestamp,
    ) -> SnapshotQuery {
        SnapshotQuery {
            tenant: facts.subject.tenant().clone(),
            connection: connection.clone(),
            subject: facts.subject.clone(),
            email: facts.email.as_ref().map(|email| email.address.clone()),
            guarded_roles: self.guarded_roles(),
            now,
        }
    }
}

fn connection_faults(
    catalog: &RoleCatalog,
    id: &ConnectionId,
    connection: &ConnectionPolicy,
) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    if connection.domains.is_empty() && !connection.any_domain {
        errors.push(PolicyError::NoDomain(id.clone()));
    }
    for domain in &connection.domains {
        if normalize::domain(domain).as_ref() != Ok(domain) {
            errors.push(PolicyError::Domain {
                connection: id.clone(),
                domain: domain.clone(),
            });
        }
    }
    for domain in connection.domains_proved_until.keys() {
        if !connection.domains.contains(domain) {
            errors.push(PolicyError::ProofOfUnclaimedDomain {
                connection: id.clone(),
                domain: domain.clone(),
            });
        }
    }
    for role in &connection.create.default_roles {
        match catalog.expect_role(role.as_str()) {
            Err(error) => errors.push(PolicyError::Roles(error)),
            Ok(known) if known.is_privileged() => errors.push(PolicyError::PrivilegedDefault {
                connection: id.clone(),
                role: role.clone(),
            }),
            Ok(_) => {}
        }
    }
    let matching = &connection.matching;
    let excluded = match &matching.link {
        EmailLink::Off => None,
        EmailLink::Verified { exclude_roles } | EmailLink::EmailAndName { exclude_roles } => {
            Some(exclude_roles)
        }
    };
    for role in excluded.into_iter().flatten() {
        if let Err(error) = catalog.expect_role(role.as_str()) {
            errors.push(PolicyError::Roles(error));
        }
    }
    if connection.strategy == Strategy::PreProvisionedOnly
        && connection.create.mode != CreationMode::Deny
    {
        errors.push(PolicyError::CreatesPreProvisioned(id.clone()));
    }
    if matching.on_inactive == OnInactive::PassOver
        && connection.create.mode == CreationMode::Approve
    {
        errors.push(PolicyError::PassesOverApproval(id.clone()));
    }
    let as_docusign = matching.shares_email
        || matching.on_inactive == OnInactive::PassOver
        || matches!(matching.link, EmailLink::EmailAndName { .. });
    if as_docusign && connection.preset != Preset::DOCUSIGN {
        errors.push(PolicyError::NotDocuSign(id.clone()));
    }
    if connection.create.account_id.is_some() != connection.create.permission_profile_id.is_some() {
        errors.push(PolicyError::HalfAccount(id.clone()));
    }
    errors
}

fn attribute_faults(attributes: &Attributes) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    for field in Attributes::FIELDS {
        let rule = attributes.rule(field);
        let follows = match rule.sync {
            Some(sync) => sync == SyncMode::Always,
            None => !matches!(field, UserField::AccountId | UserField::PermissionProfileId),
        };
        if rule.absent == AbsenceMode::Clear && !follows {
            errors.push(PolicyError::NothingToClear(field));
        }
    }
    let pair = [UserField::AccountId, UserField::PermissionProfileId];
    let [account, profile] = pair.map(|field| attributes.rule(field));
    if account != profile {
        errors.push(PolicyError::AccountWithoutProfile);
    }
    errors
}

fn same_issuers(connections: &BTreeMap<ConnectionId, ConnectionPolicy>) -> Vec<PolicyError> {
    let mut seen: BTreeMap<(&TenantId, &str), &ConnectionId> = BTreeMap::new();
    let mut errors = Vec::new();
    for (id, connection) in connections {
        if let Some(first) = seen.insert((&connection.tenant, &connection.issuer), id) {
            errors.push(PolicyError::SameIssuer {
                first: first.clone(),
                second: id.clone(),
            });
        }
    }
    errors
}

fn scope_faults(
    rules: &RuleSet,
    connections: &BTreeMap<ConnectionId, ConnectionPolicy>,
) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    for rule in rules.rules() {
        if rule.connections.is_empty() && connections.len() > 1 {
            errors.push(PolicyError::RuleWithoutConnection(rule.id.clone()));
        }
        for connection in &rule.connections {
            if !connections.contains_key(connection) {
                errors.push(PolicyError::UnknownConnection {
                    rule: rule.id.clone(),
                    connection: connection.clone(),
                });
            }
        }
    }
    errors
}
