//! Where in the file an error of the checked whole belongs, or what lint finds in it.

use std::cell::OnceCell;
use std::collections::HashMap;

use countersign_core::{ConnectionId, RoleName, RuleId};
use countersign_provision::PolicyError;
use countersign_roles::{Place, RolesError};

use crate::policy_file::span::{Entry, Problems};

/// Where what has a name in the file begins. It is looked up when somebody asks: mostly nothing
/// is wrong, and nobody does.
#[derive(Debug)]
pub(super) struct Places<'d> {
    root: Entry<'d>,
    /// The rules that could be read, in the order of the file.
    rules: Vec<Entry<'d>>,
    /// The first rule of each id, and the last.
    by_id: OnceCell<HashMap<&'d str, (Entry<'d>, Entry<'d>)>>,
    /// Where the name of each table of these kinds stands.
    names: OnceCell<HashMap<(&'static str, &'d str), usize>>,
}

/// The kinds of tables that have names.
const NAMED: [&str; 4] = ["role", "connection", "attribute", "exclusive_group"];

impl<'d> Places<'d> {
    pub(super) fn new(root: Entry<'d>) -> Self {
        Self {
            root,
            rules: Vec::new(),
            by_id: OnceCell::new(),
            names: OnceCell::new(),
        }
    }

    pub(super) fn add_rule(&mut self, rule: Entry<'d>) {
        self.rules.push(rule);
    }

    /// The first rule of that id, and the last.
    fn rules(&self, id: &RuleId) -> Option<(Entry<'d>, Entry<'d>)> {
        let by_id = self.by_id.get_or_init(|| {
            let mut by_id = HashMap::with_capacity(self.rules.len());
            for rule in &self.rules {
                if let Some(id) = rule.get("id").and_then(Entry::text) {
                    let (_, last) = by_id.entry(id.value).or_insert((*rule, *rule));
                    *last = *rule;
                }
            }
            by_id
        });
        by_id.get(id.as_str()).copied()
    }

    fn rule(&self, id: &RuleId) -> Option<usize> {
        self.rules(id).and_then(|(first, _)| id_of(first))
    }

    /// Where the table `name` of the table `kind` begins: where its name stands.
    fn named(&self, kind: &str, name: &str) -> Option<usize> {
        let names = self.names.get_or_init(|| {
            let of_kind = |kind| {
                self.root
                    .items(kind)
                    .map(move |table| ((kind, table.key()), table))
            };
            let all = NAMED.into_iter().flat_map(of_kind);
            all.map(|(name, table)| (name, table.key_span().start))
                .collect()
        });
        names.get(&(kind, name)).copied()
    }

    fn connection(&self, id: &ConnectionId) -> Option<usize> {
        self.named("connection", id.as_str())
    }

    /// Where a place begins, in bytes; the file, if it has none.
    pub(super) fn start(&self, place: &Place) -> usize {
        let part = |id: &RuleId, part: &dyn Fn(Entry<'d>) -> Option<Entry<'d>>| {
            let (rule, _) = self.rules(id)?;
            part(rule).map(Entry::start).or_else(|| id_of(rule))
        };
        let of_role = |entry: Option<Entry<'_>>, role: &RoleName| {
            let text = entry.and_then(Entry::text);
            text.is_some_and(|text| text.value == role.as_str())
        };
        let start = match place {
            Place::Rule(id) => self.rule(id),
            Place::Condition(id, number) => part(id, &|rule| rule.items("all").nth(*number)),
            Place::Grant(id, role) => part(id, &|rule| {
                let role_of = |grant: &Entry<'d>| grant.get("role");
                let mut grants = rule.items("grant");
                grants.find(|grant| of_role(role_of(grant), role))
            }),
            Place::Denial(id, role) => part(id, &|rule| {
                let mut denied = rule.items("deny");
                denied.find(|denied| of_role(Some(*denied), role))
            }),
            Place::Role(name) => self.named("role", name.as_str()),
            Place::Connection(id) => self.connection(id),
            Place::DutySet(number) => {
                let sets = self.root.get("separation_of_duty");
                let set = sets.and_then(|sets| sets.items("exclusive").nth(*number));
                set.map(Entry::start)
            }
            Place::ExclusiveGroup(name) => self.named("exclusive_group", name),
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
            RolesError::DuplicateRule(rule) => self.rules(rule).and_then(|(_, last)| id_of(last)),
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
            PolicyError::NothingToClear(field) => self.named("attribute", field.name()),
            PolicyError::AccountWithoutProfile => {
                let named = ["account_id", "permission_profile_id"].into_iter();
                named.filter_map(|name| self.named("attribute", name)).min()
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

/// Where the id of a rule stands.
fn id_of(rule: Entry<'_>) -> Option<usize> {
    rule.get("id").map(Entry::start)
}

/// What is wrong with roles and rules, and what to do about it.
pub(super) fn said(error: &RolesError) -> String {
    format!("{error}; {}", error.fix())
}
