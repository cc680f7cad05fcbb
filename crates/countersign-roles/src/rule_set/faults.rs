//! What is wrong with one rule.

use std::collections::BTreeSet;

use countersign_core::Email;

use crate::catalog::{Role, RoleCatalog};
use crate::condition::{Condition, EMAIL, Test};
use crate::error::RolesError;
use crate::rule::{RoleGrant, Rule};

/// Adds everything that is wrong with `rule` by itself to `errors`.
pub(super) fn add_faults(catalog: &RoleCatalog, rule: &Rule, errors: &mut Vec<RolesError>) {
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
        add_grant_faults(catalog, rule, grant, errors);
        if !given.insert(&grant.role) {
            let (rule, role) = (id(), grant.role.clone());
            errors.push(RolesError::DuplicateGrant { rule, role });
        }
    }
    let mut denied = BTreeSet::new();
    for role in &rule.deny {
        errors.extend(catalog.expect_role(role.as_str()).err());
        if given.contains(role) {
            let (rule, role) = (id(), role.clone());
            errors.push(RolesError::GivesAndDenies { rule, role });
        }
        if !denied.insert(role) {
            let (rule, role) = (id(), role.clone());
            errors.push(RolesError::DuplicateDenial { rule, role });
        }
    }
}

fn condition_fault(rule: &Rule, condition: &Condition) -> Option<RolesError> {
    let rule = || rule.id.clone();
    match &condition.test {
        Test::Domain(_) if condition.attribute != EMAIL => Some(RolesError::NoDomainOf {
            rule: rule(),
            attribute: condition.attribute.clone(),
        }),
        // An address makes sure that it ends in a canonical domain.
        Test::Domain(domain) if Email::from_canonical(format!("x@{domain}")).is_err() => {
            let (rule, domain) = (rule(), domain.clone());
            Some(RolesError::NotADomain { rule, domain })
        }
        Test::AnyOf(values) if values.contains("") => Some(RolesError::NoValue(rule())),
        Test::Eq(text) | Test::Prefix(text) | Test::Suffix(text) if text.is_empty() => {
            Some(RolesError::NoValue(rule()))
        }
        _ => None,
    }
}

fn add_grant_faults(
    catalog: &RoleCatalog,
    rule: &Rule,
    grant: &RoleGrant,
    errors: &mut Vec<RolesError>,
) {
    let names = || (rule.id.clone(), grant.role.clone());
    match catalog.role(&grant.role) {
        None => errors.extend(catalog.expect_role(grant.role.as_str()).err()),
        Some(role) => {
            if role.is_privileged() && !is_exact(rule) {
                let (rule, role) = names();
                errors.push(RolesError::InexactToPrivileged { rule, role });
            }
            if is_scoped_to_nothing(role, grant) {
                let (rule, role) = names();
                errors.push(RolesError::EmptyScope { rule, role });
            }
        }
    }
    if grant.ttl.is_some_and(|ttl| ttl.is_zero()) {
        let (rule, role) = names();
        errors.push(RolesError::NoTime { rule, role });
    }
    if grant.renew && grant.ttl.is_none() {
        let (rule, role) = names();
        errors.push(RolesError::NothingToRenew { rule, role });
    }
    match grant.cap {
        Some(_) if !grant.renew => {
            let (rule, role) = names();
            errors.push(RolesError::NothingToCap { rule, role });
        }
        Some(cap) if grant.ttl.is_some_and(|ttl| cap < ttl) => {
            let (rule, role) = names();
            errors.push(RolesError::CapBelowTime { rule, role });
        }
        _ => {}
    }
}

/// Whether every condition names its values, and one of them asks for a value to be there: what
/// anybody could meet, or could come to meet by a name that he chose, leads to no privilege.
fn is_exact(rule: &Rule) -> bool {
    let positive = rule.all.iter().any(|condition| !condition.negated);
    rule.all.is_empty() || positive && rule.all.iter().all(Condition::is_exact)
}

fn is_scoped_to_nothing(role: &Role, grant: &RoleGrant) -> bool {
    // No scope is no limit.
    !grant.scope.is_empty()
        && !role.permissions().is_empty()
        && role.permissions_within(&grant.scope).is_empty()
}
