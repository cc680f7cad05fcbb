//! What is wrong with one rule.

use std::collections::BTreeSet;

use countersign_core::Email;

use crate::catalog::{Role, RoleCatalog};
use crate::condition::{Condition, EMAIL, Test};
use crate::error::RolesError;
use crate::rule::{RoleGrant, Rule};

/// Everything that is wrong with `rule` by itself.
pub(super) fn faults(catalog: &RoleCatalog, rule: &Rule) -> Vec<RolesError> {
    let mut errors = Vec::new();
    let id = || rule.id.clone();
    if rule.all.is_empty() {
        errors.push(RolesError::NoCondition(id()));
    }
    for condition in &rule.all {
        errors.extend(condition_fault(rule, condition));
    }
    if rule.grant.is_empty() && rule.deny.is_empty() {
        errors.push(RolesError::NoGrant(id()));
    }
    let mut given = BTreeSet::new();
    for grant in &rule.grant {
        errors.extend(grant_faults(catalog, rule, grant));
        if !given.insert(&grant.role) {
            let (rule, role) = (id(), grant.role.clone());
            errors.push(RolesError::DuplicateGrant { rule, role });
        }
    }
    let mut denied = BTreeSet::new();
    for role in &rule.deny {
        errors.extend(catalog.expect_role(role.as_str()).err());
        let role = || role.clone();
        if given.contains(&role()) {
            let (rule, role) = (id(), role());
            errors.push(RolesError::GivesAndDenies { rule, role });
        }
        if !denied.insert(role()) {
            let (rule, role) = (id(), role());
            errors.push(RolesError::DuplicateDenial { rule, role });
        }
    }
    errors
}

fn condition_fault(rule: &Rule, condition: &Condition) -> Option<RolesError> {
    let rule = rule.id.clone();
    match &condition.test {
        Test::Domain(_) if condition.attribute != EMAIL => Some(RolesError::NoDomainOf {
            rule,
            attribute: condition.attribute.clone(),
        }),
        // An address makes sure that it ends in a canonical domain.
        Test::Domain(domain) if Email::from_canonical(format!("x@{domain}")).is_err() => {
            let domain = domain.clone();
            Some(RolesError::NotADomain { rule, domain })
        }
        Test::AnyOf(values) if values.contains("") => Some(RolesError::NoValue(rule)),
        Test::Eq(text) | Test::Prefix(text) | Test::Suffix(text) if text.is_empty() => {
            Some(RolesError::NoValue(rule))
        }
        _ => None,
    }
}

fn grant_faults(catalog: &RoleCatalog, rule: &Rule, grant: &RoleGrant) -> Vec<RolesError> {
    let mut errors = Vec::new();
    let (id, name) = (|| rule.id.clone(), || grant.role.clone());
    match catalog.expect_role(grant.role.as_str()) {
        Err(error) => errors.push(error),
        Ok(role) => {
            if role.is_privileged() && !is_exact(rule) {
                let (rule, role) = (id(), name());
                errors.push(RolesError::InexactToPrivileged { rule, role });
            }
            if is_scoped_to_nothing(role, grant) {
                let (rule, role) = (id(), name());
                errors.push(RolesError::EmptyScope { rule, role });
            }
        }
    }
    let (rule, role) = (id(), name());
    if grant.ttl.is_some_and(|ttl| ttl.is_zero()) {
        errors.push(RolesError::NoTime {
            rule: rule.clone(),
            role: role.clone(),
        });
    }
    if grant.renew && grant.ttl.is_none() {
        errors.push(RolesError::NothingToRenew {
            rule: rule.clone(),
            role: role.clone(),
        });
    }
    match grant.cap {
        Some(_) if !grant.renew => errors.push(RolesError::NothingToCap { rule, role }),
        Some(cap) if grant.ttl.is_some_and(|ttl| cap < ttl) => {
            errors.push(RolesError::CapBelowTime { rule, role });
        }
        _ => {}
    }
    errors
}

/// Whether every condition names its values, and one of them asks for a value to be there: what
/// anybody could meet, or could come to meet by a name that he chose, leads to no privilege.
fn is_exact(rule: &Rule) -> bool {
    let positive = rule.all.iter().any(|condition| !condition.negated);
    rule.all.is_empty() || positive && rule.all.iter().all(Condition::is_exact)
}

fn is_scoped_to_nothing(role: &Role, grant: &RoleGrant) -> bool {
    !role.permissions().is_empty() && role.permissions_within(&grant.scope).is_empty()
}
