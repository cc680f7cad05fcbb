//! Where in the file an error of the checked whole belongs, or what lint finds in it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use countersign_core::{ConnectionId, RoleName, RuleId};
use countersign_provision::PolicyError;
use countersign_roles::{Place, RolesError};

use crate::policy_file::span::{Problems, Text};

/// Where the parts of a rule begin.
#[derive(Debug, Clone, Default)]
pub(super) struct RulePlaces {
    /// Its id.
    pub(super) id: usize,
    /// Its conditions, in order.
    pub(super) conditions: Vec<usize>,
    /// What it gives of each role.
    pub(super) grants: Vec<(RoleName, usize)>,
    /// The roles that it denies.
    pub(super) denials: Vec<(RoleName, usize)>,
}

/// Where what has a name in the file begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    rules: HashMap<RuleId, RulePlaces>,
    /// The last of several rules that have one id.
    repeated: HashMap<RuleId, usize>,
    roles: HashMap<String, usize>,
    connections: HashMap<String, usize>,
    attributes: HashMap<String, usize>,
    groups: HashMap<String, usize>,
    duty_sets: Vec<usize>,
}

impl Places {
    pub(super) fn add_rule(&mut self, id: RuleId, places: RulePlaces) {
        match self.rules.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(places);
            }
            Entry::Occupied(entry) => {
                self.repeated.insert(entry.key().clone(), places.id);
            }
        }
    }

    pub(super) fn add_role(&mut self, name: &Text<'_>) {
        self.roles.insert(name.value.to_owned(), name.span.start);
    }

    pub(super) fn add_connection(&mut self, name: &Text<'_>) {
        self.connections
            .insert(name.value.to_owned(), name.span.start);
    }

    pub(super) fn add_attribute(&mut self, name: &Text<'_>) {
        self.attributes
            .insert(name.value.to_owned(), name.span.start);
    }

    pub(super) fn add_group(&mut self, name: &Text<'_>) {
        self.groups.insert(name.value.to_owned(), name.span.start);
    }

    pub(super) fn add_duty_set(&mut self, start: usize) {
        self.duty_sets.push(start);
    }

    fn rule(&self, id: &RuleId) -> Option<usize> {
        self.rules.get(id).map(|places| places.id)
    }

    fn connection(&self, id: &ConnectionId) -> Option<usize> {
        self.connections.get(id.as_str()).copied()
    }

    /// Where a place begins, in bytes; the file, if it has none.
    pub(super) fn start(&self, place: &Place) -> usize {
        let part = |id: &RuleId, part: &dyn Fn(&RulePlaces) -> Option<usize>| {
            self.rules
                .get(id)
                .map(|places| part(places).unwrap_or(places.id))
        };
        let of_role = |parts: &[(RoleName, usize)], role: &RoleName| {
            let found = parts.iter().find(|(name, _)| name == role);
            found.map(|(_, start)| *start)
        };
        let start = match place {
            Place::Rule(id) => self.rule(id),
            Place::Condition(id, number) => {
                part(id, &|places| places.conditions.get(*number).copied())
            }
            Place::Grant(id, role) => part(id, &|places| of_role(&places.grants, role)),
            Place::Denial(id, role) => part(id, &|places| of_role(&places.denials, role)),
            Place::Role(name) => self.roles.get(name.as_str()).copied(),
            Place::Connection(id) => self.connection(id),
            Place::DutySet(number) => self.duty_sets.get(*number).copied(),
            Place::ExclusiveGroup(name) => self.groups.get(name).copied(),
            _ => None,
        };
        start.unwrap_or_default()
    }

    /// Says where in the file an error of roles and rules is. Unknown roles were said where they
    /// stand.
    pub(super) fn add_roles_error(&self, error: &RolesError, problems: &mut Problems) {
        let Some(rule) = error.rule() else {
            if problems.is_empty() {
                problems.add_at(0, said(error));
            }
            return;
        };
        let start = match error {
            RolesError::DuplicateRule(rule) => self.repeated.get(rule).copied(),
            RolesError::NoTime { role, .. }
            | RolesError::NothingToRenew { role, .. }
            | RolesError::InexactToPrivileged { role, .. }
            | RolesError::NothingToCap { role, .. }
            | RolesError::CapBelowTime { role, .. }
            | RolesError::EmptyScope { role, .. } => {
                Some(self.start(&Place::Grant(rule.clone(), role.clone())))
            }
            RolesError::GivesAndDenies { role, .. } | RolesError::DuplicateDenial { role, .. } => {
                Some(self.start(&Place::Denial(rule.clone(), role.clone())))
            }
            _ => self.rule(rule),
        };
        problems.add_at(start.unwrap_or_default(), said(error));
    }

    /// Says where in the file an error of the whole policy is.
    pub(super) fn add_policy_error(&self, error: &PolicyError, problems: &mut Problems) {
        let start = match error {
            PolicyError::NoDomain(id)
            | PolicyError::Domain { connection: id, .. }
            | PolicyError::PrivilegedDefault { connection: id, .. }
            | PolicyError::CreatesPreProvisioned(id)
            | PolicyError::NotDocuSign(id)
            | PolicyError::HalfAccount(id)
            | PolicyError::DefaultExceedsMax { connection: id, .. }
            | PolicyError::ProofOfUnclaimedDomain { connection: id, .. }
            | PolicyError::PassesOverApproval(id)
            | PolicyError::AttributeIsGroups { connection: id, .. }
            | PolicyError::ReservedIssuer(id)
            | PolicyError::AnyDomain(id)
            | PolicyError::UninvitedStrangers(id)
            | PolicyError::SameIssuer { second: id, .. } => self.connection(id),
            PolicyError::NothingToClear(field) => self.attributes.get(field.name()).copied(),
            PolicyError::AccountWithoutProfile => {
                let named = ["account_id", "permission_profile_id"].into_iter();
                named
                    .filter_map(|name| self.attributes.get(name))
                    .copied()
                    .min()
            }
            PolicyError::RuleWithoutConnection(rule)
            | PolicyError::UnknownConnection { rule, .. }
            | PolicyError::DecodedPrivilege { rule, .. }
            | PolicyError::PrivilegedByEmail { rule, .. } => self.rule(rule),
            PolicyError::RuleExceedsMax { rule, role, .. } => {
                Some(self.start(&Place::Grant(rule.clone(), role.clone())))
            }
            PolicyError::Lint(finding) => Some(self.start(&finding.place)),
            _ => None,
        };
        let message = match error.fix() {
            Some(fix) => format!("{error}; {fix}"),
            None => error.to_string(),
        };
        problems.add_at(start.unwrap_or_default(), message);
    }
}

/// What is wrong with roles and rules, and what to do about it.
pub(super) fn said(error: &RolesError) -> String {
    format!("{error}; {}", error.fix())
}
