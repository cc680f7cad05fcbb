//! A policy in the eyes of lint and of whoever asks who can reach a role.

use std::collections::BTreeSet;

use countersign_core::RoleName;
use countersign_roles::{
    ConnectionView, Finding, PolicyView, Reach, lint, lint_errors, who_can_reach,
};

use crate::look_alikes::look_alikes;
use crate::policy::{Policy, PolicyParts};

/// The parts of a policy that decide about roles.
pub(crate) fn view(parts: &PolicyParts) -> PolicyView<'_> {
    let connections = parts.connections.iter().map(|(id, connection)| {
        let domains: BTreeSet<&str> = connection.domains.iter().map(String::as_str).collect();
        ConnectionView {
            id,
            default_roles: &connection.create.default_roles,
            domains: (!domains.is_empty()).then_some(domains),
        }
    });
    PolicyView {
        catalog: &parts.catalog,
        rules: &parts.rules,
        connections: connections.collect(),
    }
}

/// The findings for which a policy is not loaded.
pub(crate) fn faults(parts: &PolicyParts) -> Vec<Finding> {
    lint_errors(&view(parts))
}

/// Everything that is wrong or odd, the errors first.
pub(crate) fn findings(parts: &PolicyParts) -> Vec<Finding> {
    let mut findings = lint(&view(parts));
    findings.extend(look_alikes(parts));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

impl Policy {
    /// Everything that is odd in it: warnings, then notes. A policy that exists has no errors.
    #[must_use]
    pub fn lint(&self) -> Vec<Finding> {
        findings(self.parts())
    }

    /// Who could ever get `role` by signing in, and how.
    #[must_use]
    pub fn who_can_reach(&self, role: &RoleName) -> Reach {
        who_can_reach(&view(self.parts()), role)
    }
}
