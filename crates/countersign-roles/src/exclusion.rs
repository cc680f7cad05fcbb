//! Roles that do not go together.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::RoleName;

use crate::error::RolesError;

/// Roles of which nobody may hold two: separation of duty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DutySet {
    roles: BTreeSet<RoleName>,
}

impl DutySet {
    /// The set of `roles`.
    ///
    /// # Errors
    /// [`RolesError::LoneDuty`] if there are fewer than two.
    pub fn new(roles: impl IntoIterator<Item = RoleName>) -> Result<Self, RolesError> {
        let roles: BTreeSet<RoleName> = roles.into_iter().collect();
        if roles.len() < 2 {
            return Err(RolesError::LoneDuty);
        }
        Ok(Self { roles })
    }

    /// The roles, by name.
    #[must_use]
    pub fn roles(&self) -> &BTreeSet<RoleName> {
        &self.roles
    }
}

/// Roles of which a sign-in gives only the highest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExclusiveGroup {
    name: String,
    highest_first: Vec<RoleName>,
}

impl ExclusiveGroup {
    /// The group of `highest_first`, which explanations call `name`.
    ///
    /// # Errors
    /// [`RolesError::BadExclusiveGroup`] if there are fewer than two roles, or one twice.
    pub fn new(name: impl Into<String>, highest_first: Vec<RoleName>) -> Result<Self, RolesError> {
        let name = name.into();
        let different: BTreeSet<&RoleName> = highest_first.iter().collect();
        if different.len() < 2 || different.len() < highest_first.len() {
            return Err(RolesError::BadExclusiveGroup(name));
        }
        Ok(Self {
            name,
            highest_first,
        })
    }

    /// What explanations call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The roles, the highest first.
    #[must_use]
    pub fn highest_first(&self) -> &[RoleName] {
        &self.highest_first
    }
}

/// The roles of all groups, each after all that any group puts above it.
///
/// # Errors
/// [`RolesError::ExclusiveCycle`] if there is no such order.
pub(crate) fn order(groups: &[ExclusiveGroup]) -> Result<Vec<RoleName>, RolesError> {
    let mut above: BTreeMap<&RoleName, BTreeSet<&RoleName>> = BTreeMap::new();
    for group in groups {
        let mut higher = None;
        for role in &group.highest_first {
            above.entry(role).or_default().extend(higher);
            higher = Some(role);
        }
    }
    let mut order = Vec::new();
    while let Some((next, _)) = above.iter().find(|(_, above)| above.is_empty()) {
        let next = *next;
        order.push(next.clone());
        above.remove(next);
        for higher in above.values_mut() {
            higher.remove(next);
        }
    }
    let is_left = |role: &RoleName| above.contains_key(role);
    for group in groups {
        let pairs = group
            .highest_first
            .iter()
            .zip(group.highest_first.iter().skip(1));
        for (higher, lower) in pairs {
            if is_left(higher) && is_left(lower) && leads_to(lower, higher, groups) {
                return Err(RolesError::ExclusiveCycle {
                    group: group.name.clone(),
                    higher: higher.clone(),
                    lower: lower.clone(),
                });
            }
        }
    }
    Ok(order)
}

/// Whether the groups put `from` above `to`.
fn leads_to(from: &RoleName, to: &RoleName, groups: &[ExclusiveGroup]) -> bool {
    let mut reached = BTreeSet::from([from]);
    loop {
        let before = reached.len();
        for group in groups {
            let roles = group.highest_first.iter();
            reached.extend(
                roles
                    .skip_while(|role| !reached.contains(role))
                    .collect::<Vec<_>>(),
            );
        }
        if reached.contains(to) {
            return true;
        }
        if reached.len() == before {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn group(name: &str, roles: &[&str]) -> ExclusiveGroup {
        ExclusiveGroup::new(name, roles.iter().map(|name| role(name)).collect()).unwrap()
    }

    #[test]
    fn groups_that_agree_have_one_order() {
        let groups = [group("a", &["c", "b"]), group("b", &["b", "a"])];
        assert_eq!(order(&groups).unwrap(), [role("c"), role("b"), role("a")]);
    }

    #[test]
    fn groups_that_order_roles_in_a_circle_are_refused() {
        let two = [group("one", &["a", "b"]), group("two", &["b", "a"])];
        let error = order(&two).unwrap_err();
        assert_eq!(error.code(), "roles.exclusive_cycle");
        assert_eq!(
            error.to_string(),
            "exclusive group `one` puts `a` above `b`, and other groups below it"
        );
        let three = [
            group("one", &["z", "a", "b"]),
            group("two", &["b", "c"]),
            group("three", &["c", "a"]),
        ];
        assert_eq!(order(&three).unwrap_err().code(), "roles.exclusive_cycle");
    }

    #[test]
    fn one_role_alone_excludes_nothing() {
        let error = DutySet::new([role("a"), role("a")]).unwrap_err();
        assert_eq!(error.code(), "roles.lone_duty");
        for roles in [vec![role("a")], vec![role("a"), role("b"), role("a")]] {
            let error = ExclusiveGroup::new("desk", roles).unwrap_err();
            assert_eq!(error.code(), "roles.bad_exclusive_group");
        }
    }
}
