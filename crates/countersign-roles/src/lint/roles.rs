//! What is odd about roles.

use std::collections::BTreeSet;

use countersign_core::RoleName;

use crate::finding::{Finding, Place, Severity};
use crate::lint::Lint;

const UNREACHED: (Severity, &str) = (Severity::Warning, "lint.unreached_role");
const UNGUARDED: (Severity, &str) = (Severity::Note, "lint.unguarded_privilege");

impl Lint<'_> {
    /// Looks at the roles that exist.
    pub(super) fn roles(&mut self) {
        let rules = self
            .rules
            .iter()
            .filter(|prepared| prepared.matched.is_some());
        let given = rules.flat_map(|prepared| &prepared.rule.grant);
        let defaults = self.policy.connections.iter();
        let defaults = defaults.flat_map(|connection| connection.default_roles);
        let given: BTreeSet<&RoleName> = given.map(|grant| &grant.role).chain(defaults).collect();
        for role in self.policy.catalog.roles() {
            let name = role.name();
            if !given.contains(name) {
                self.add(Finding::new(
                    UNREACHED,
                    Place::Role(name.clone()),
                    format!("no sign-in gives the role `{name}`"),
                    "write a rule that gives it, unless only administrators give it by hand",
                ));
            }
            if role.is_privileged() && !role.keeps_last() {
                self.add(Finding::new(
                    UNGUARDED,
                    Place::Role(name.clone()),
                    format!("a sign-in may take the last grant of the privileged role `{name}`"),
                    "write `keep_last = true` in the role, if a tenant must not be without it",
                ));
            }
        }
    }
}
