//! An account whose grants are written as the engine writes them.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::{
    ConnectionId, Facts, Grant, GrantId, GrantOwner, Groups, LeafHash, RoleName, RuleId,
    Sha256Digest, SubjectKey, TenantId, Timestamp, UserId,
};
use countersign_roles::{
    Condition, GROUPS, GrantDelta, Role, RoleCatalog, RoleGrant, RoleSync, Rule, RuleSet, reconcile,
};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub(crate) fn acme() -> ConnectionId {
    ConnectionId::new("acme").unwrap()
}

pub(crate) fn start() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

pub(crate) fn catalog() -> RoleCatalog {
    let allows =
        |name: &str, permission: &str| Role::new(role(name)).allow(permission.parse().unwrap());
    RoleCatalog::new([
        allows("signer", "sign nda/*"),
        allows("viewer", "view *"),
        allows("auditor", "audit *"),
        allows("admin", "approve *").privileged(),
    ])
    .unwrap()
}

pub(crate) fn rule(id: &str, group: &str, grant: RoleGrant) -> Rule {
    Rule::new(RuleId::new(id).unwrap(), [Condition::eq(GROUPS, group)]).gives(grant)
}

pub(crate) fn complete(groups: &[&str]) -> Groups {
    Groups::Complete(groups.iter().map(|group| (*group).into()).collect())
}

pub(crate) fn partial(groups: &[&str]) -> Groups {
    Groups::Partial(groups.iter().map(|group| (*group).into()).collect())
}

/// An account whose grants are written as the engine writes them.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) catalog: RoleCatalog,
    pub(crate) rules: RuleSet,
    pub(crate) default_roles: Vec<RoleName>,
    pub(crate) max_privilege: Option<RoleName>,
    /// One value each.
    pub(crate) attributes: Vec<(&'static str, &'static str)>,
    pub(crate) grants: Vec<Grant>,
    made: usize,
}

impl Account {
    pub(crate) fn with(rules: Vec<Rule>, default_roles: &[&str]) -> Self {
        Self {
            catalog: catalog(),
            rules: RuleSet::new(&catalog(), rules).unwrap(),
            default_roles: default_roles.iter().map(|name| role(name)).collect(),
            max_privilege: None,
            attributes: Vec::new(),
            grants: Vec::new(),
            made: 0,
        }
    }

    pub(crate) fn edit(&mut self, rules: Vec<Rule>) {
        self.rules = RuleSet::new(&self.catalog, rules).unwrap();
    }

    pub(crate) fn plan(&self, groups: Groups, now: Timestamp) -> GrantDelta {
        let tenant = TenantId::new("t").unwrap();
        let subject = SubjectKey::from_stable_value(tenant, "https://idp.example", "s").unwrap();
        let mut facts = Facts::new(subject);
        facts.groups = groups;
        let sent = self.attributes.iter();
        facts.attributes = sent
            .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
            .collect();
        let sync = RoleSync {
            connection: &acme(),
            catalog: &self.catalog,
            rules: &self.rules,
            default_roles: &self.default_roles,
            max_privilege: self.max_privilege.as_ref(),
            facts: &facts,
        };
        let evaluation = self.rules.evaluate(&acme(), &facts);
        reconcile(&self.grants, &sync, &evaluation, now)
    }

    pub(crate) fn sign_in(&mut self, groups: Groups, now: Timestamp) -> GrantDelta {
        let delta = self.plan(groups, now);
        self.write(&delta, now);
        delta
    }

    /// Writes what is to be done, as the engine does.
    pub(crate) fn write(&mut self, delta: &GrantDelta, now: Timestamp) {
        let gone: BTreeSet<_> = delta
            .take
            .iter()
            .map(|taken| taken.grant.id.clone())
            .collect();
        self.grants.retain(|grant| !gone.contains(&grant.id));
        for renewal in &delta.renew {
            let grant = self
                .grants
                .iter_mut()
                .find(|g| g.id == renewal.grant.id)
                .unwrap();
            grant.granted_at = renewal.granted_at;
            grant.expires_at = renewal.expires_at;
            grant.scope.clone_from(&renewal.scope);
        }
        for give in &delta.give {
            self.insert(
                give.owner.clone(),
                give.rule.clone(),
                give.role.clone(),
                now,
                give.expires_at,
            );
            self.grants
                .last_mut()
                .unwrap()
                .scope
                .clone_from(&give.scope);
        }
    }

    pub(crate) fn insert(
        &mut self,
        owner: GrantOwner,
        rule: Option<RuleId>,
        role: RoleName,
        granted_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) {
        self.made += 1;
        self.grants.push(Grant {
            id: GrantId::new(format!("g{}", self.made)).unwrap(),
            user: UserId::new("u").unwrap(),
            role,
            owner,
            rule,
            policy_hash: Sha256Digest::from_bytes([0; 32]),
            first_given_at: granted_at,
            granted_at,
            expires_at,
            scope: Vec::new(),
            entry: LeafHash::from_bytes([0; 32]),
        });
    }

    pub(crate) fn live_roles(&self, now: Timestamp) -> Vec<String> {
        let live = self.grants.iter().filter(|grant| grant.is_live(now));
        let roles: BTreeSet<String> = live.map(|grant| grant.role.to_string()).collect();
        roles.into_iter().collect()
    }
}

pub(crate) fn permanent(name: &str) -> RoleGrant {
    RoleGrant::permanent(role(name))
}
