//! The most that a connection may give.

use std::collections::BTreeMap;

use countersign_core::{ConnectionId, RoleName};
use countersign_roles::{Excess, RoleCatalog, RuleSet};

use crate::connection::ConnectionPolicy;
use crate::policy::PolicyError;

/// Every default and every rule by which a connection would give a role that exceeds its
/// `max_privilege`.
///
/// The role counts as a whole, also where a rule gives it for some documents only.
pub(crate) fn faults(
    catalog: &RoleCatalog,
    rules: &RuleSet,
    connections: &BTreeMap<ConnectionId, ConnectionPolicy>,
) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    for (id, connection) in connections {
        let Some(max) = &connection.max_privilege else {
            continue;
        };
        let Some(limit) = catalog.role(max) else {
            errors.extend(
                catalog
                    .expect_role(max.as_str())
                    .err()
                    .map(PolicyError::Roles),
            );
            continue;
        };
        let excess = catalog.roles().filter_map(|role| {
            let excess = role.excess_over(limit)?;
            Some((role.name(), excess))
        });
        let excess: BTreeMap<&RoleName, Excess> = excess.collect();
        for role in &connection.create.default_roles {
            if let Some(excess) = excess.get(role) {
                errors.push(PolicyError::DefaultExceedsMax {
                    connection: id.clone(),
                    role: role.clone(),
                    excess: excess.clone(),
                    max: max.clone(),
                });
            }
        }
        for rule in rules.rules().iter().filter(|rule| rule.is_about(id)) {
            for grant in &rule.grant {
                if let Some(excess) = excess.get(&grant.role) {
                    errors.push(PolicyError::RuleExceedsMax {
                        rule: rule.id.clone(),
                        role: grant.role.clone(),
                        excess: excess.clone(),
                        connection: id.clone(),
                        max: max.clone(),
                    });
                }
            }
        }
    }
    errors
}
