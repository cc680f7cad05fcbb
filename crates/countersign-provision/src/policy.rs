//! What the policy file says, checked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::{
    ConnectionId, Door, Email, Facts, RoleName, Sha256Digest, TenantId, Timestamp,
};
use countersign_roles::{Finding, RoleCatalog, RuleSet};

use crate::attribute::{AbsenceMode, Attributes, SyncMode};
use crate::attribute_names;
use crate::connection::{ConnectionPolicy, CreationMode, EmailLink, OnInactive, Strategy};
use crate::email_door;
use crate::lifecycle::LifecyclePolicy;
use crate::lint;
use crate::max_privilege;
use crate::normalize;
use crate::plan::UserField;
use crate::preset::{Preset, short};
use crate::reason::Reason;
use crate::risk::Risks;
use crate::store::SnapshotQuery;

mod error;

pub use self::error::PolicyError;

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
        Self::checked(parts, lint::faults).map(|(policy, _)| policy)
    }

    /// The policy of these parts, and everything that is odd in it: what [`Policy::lint`] finds,
    /// in one look at its rules instead of two.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn linted(parts: PolicyParts) -> Result<(Self, Vec<Finding>), Vec<PolicyError>> {
        Self::checked(parts, lint::findings)
    }

    fn checked(
        parts: PolicyParts,
        look: fn(&PolicyParts) -> Vec<Finding>,
    ) -> Result<(Self, Vec<Finding>), Vec<PolicyError>> {
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
        let mut oddities = Vec::new();
        if errors.is_empty() {
            // What rules mean can be asked once everything that they name is there.
            let (faults, others) = look(&parts).into_iter().partition(Finding::is_error);
            let faults: Vec<_> = faults;
            errors.extend(faults.into_iter().map(PolicyError::Lint));
            oddities = others;
        }
        if errors.is_empty() {
            Ok((Self { parts }, oddities))
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

    /// What [`crate::decide()`] needs to know from the store; it names nothing that may be seen once.
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
            seats: self
                .connection(connection)
                .is_some_and(|connection| connection.create.seats.is_some()),
            once: None,
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
