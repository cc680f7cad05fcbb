//! The roles that exist, and which of them do not go together.

use std::collections::BTreeMap;
use std::fmt;

use countersign_core::{DocumentPattern, RoleName};

use crate::error::{RolesError, UnknownRole};
use crate::exclusion::{DutySet, ExclusiveGroup, order};
use crate::nearest::nearest;
use crate::permission::Permission;
use crate::scope;

/// One role and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    name: RoleName,
    permissions: Vec<Permission>,
    privileged: bool,
    keep_last: bool,
}

/// What a role has that another has not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Excess {
    /// It allows this.
    Permission(Permission),
    /// It is privileged.
    Privileged,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Permission(permission) => write!(f, "allows `{permission}`"),
            Self::Privileged => f.write_str("is privileged"),
        }
    }
}

/// Everything that a role is but its name: for whoever compares two, and must not forget a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleParts<'r> {
    /// What it allows.
    pub permissions: &'r [Permission],
    /// Whether it is worth stealing.
    pub privileged: bool,
    /// Whether a tenant must not be without it.
    pub keep_last: bool,
}

/// Everything that a catalog is, likewise.
#[derive(Debug, Clone, Copy)]
pub struct CatalogParts<'c> {
    /// The roles, by name.
    pub roles: &'c BTreeMap<RoleName, Role>,
    /// The sets of roles of which nobody may hold two.
    pub separation_of_duty: &'c [DutySet],
    /// The groups of roles of which only the highest is given.
    pub exclusive_groups: &'c [ExclusiveGroup],
}

impl Role {
    /// All that it is but its name.
    #[must_use]
    pub fn parts(&self) -> RoleParts<'_> {
        let Self {
            name: _,
            permissions,
            privileged,
            keep_last,
        } = self;
        RoleParts {
            permissions,
            privileged: *privileged,
            keep_last: *keep_last,
        }
    }

    /// A role that allows nothing yet.
    #[must_use]
    pub fn new(name: RoleName) -> Self {
        Self {
            name,
            permissions: Vec::new(),
            privileged: false,
            keep_last: false,
        }
    }

    /// Adds a permission.
    #[must_use]
    pub fn allow(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Marks the role as one that is worth stealing: it is never given by default, rules that
    /// give it ask for exact values, and an account that holds it is never linked by its e-mail
    /// address.
    #[must_use]
    pub fn privileged(mut self) -> Self {
        self.privileged = true;
        self
    }

    /// Marks the role as one that a tenant must not be without: a sign-in never takes the last
    /// live grant of it.
    #[must_use]
    pub fn keep_last(mut self) -> Self {
        self.keep_last = true;
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &RoleName {
        &self.name
    }

    /// What it allows.
    #[must_use]
    pub fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// Whether it is worth stealing.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.privileged
    }

    /// Whether a tenant must not be without it.
    #[must_use]
    pub fn keeps_last(&self) -> bool {
        self.keep_last
    }

    /// What it allows within `scope`; an empty scope is no limit.
    #[must_use]
    pub fn permissions_within(&self, scope: &[DocumentPattern]) -> Vec<Permission> {
        let scope = scope::canonical(scope);
        if scope.is_empty() {
            return self.permissions.clone();
        }
        let mut within = Vec::new();
        for permission in &self.permissions {
            let documents = permission.documents();
            let shared = scope.iter().filter_map(|of| scope::common(documents, of));
            within.extend(shared.map(|shared| permission.on(shared.clone())));
        }
        within
    }

    /// The first thing that it has and `other` has not.
    #[must_use]
    pub fn excess_over(&self, other: &Self) -> Option<Excess> {
        if self.privileged && !other.privileged {
            return Some(Excess::Privileged);
        }
        let is_allowed = |permission: &Permission| {
            let mut theirs = other.permissions.iter();
            theirs.any(|wide| {
                wide.action() == permission.action()
                    && wide.documents().contains(permission.documents())
            })
        };
        let mut own = self.permissions.iter();
        let more = own.find(|permission| !is_allowed(permission))?;
        Some(Excess::Permission(more.clone()))
    }

    /// Whether it allows `action` on `document_type`.
    #[must_use]
    pub fn allows(&self, action: &str, document_type: &str) -> bool {
        self.permissions
            .iter()
            .any(|permission| permission.allows(action, document_type))
    }
}

/// The roles that exist: a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoleCatalog {
    roles: BTreeMap<RoleName, Role>,
    separation_of_duty: Vec<DutySet>,
    exclusive_groups: Vec<ExclusiveGroup>,
    /// The roles of the exclusive groups, each after all that are above it.
    exclusive_order: Vec<RoleName>,
}

impl RoleCatalog {
    /// All that it is.
    #[must_use]
    pub fn parts(&self) -> CatalogParts<'_> {
        let Self {
            roles,
            separation_of_duty,
            exclusive_groups,
            // Made of the groups.
            exclusive_order: _,
        } = self;
        CatalogParts {
            roles,
            separation_of_duty,
            exclusive_groups,
        }
    }

    /// The catalog of `roles`.
    ///
    /// # Errors
    /// [`RolesError::DuplicateRole`] if two have one name.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Result<Self, RolesError> {
        let mut catalog = Self::default();
        for role in roles {
            let name = role.name.clone();
            if catalog.roles.insert(name.clone(), role).is_some() {
                return Err(RolesError::DuplicateRole(name));
            }
        }
        Ok(catalog)
    }

    /// Keeps the roles of each set apart.
    ///
    /// # Errors
    /// [`RolesError::UnknownRole`] if a set names a role that does not exist.
    pub fn with_separation_of_duty(
        mut self,
        sets: impl IntoIterator<Item = DutySet>,
    ) -> Result<Self, RolesError> {
        for set in sets {
            for role in set.roles() {
                self.expect_role(role.as_str())?;
            }
            self.separation_of_duty.push(set);
        }
        Ok(self)
    }

    /// Lets only the highest role of each group be given.
    ///
    /// # Errors
    /// [`RolesError::UnknownRole`] if a group names a role that does not exist;
    /// [`RolesError::ExclusiveCycle`] if following the groups a role would be above itself.
    pub fn with_exclusive_groups(
        mut self,
        groups: impl IntoIterator<Item = ExclusiveGroup>,
    ) -> Result<Self, RolesError> {
        for group in groups {
            for role in group.highest_first() {
                self.expect_role(role.as_str())?;
            }
            self.exclusive_groups.push(group);
        }
        self.exclusive_order = order(&self.exclusive_groups)?;
        Ok(self)
    }

    /// The sets of roles of which nobody may hold two.
    #[must_use]
    pub fn separation_of_duty(&self) -> &[DutySet] {
        &self.separation_of_duty
    }

    /// The groups of roles of which only the highest is given.
    #[must_use]
    pub fn exclusive_groups(&self) -> &[ExclusiveGroup] {
        &self.exclusive_groups
    }

    /// The roles of all exclusive groups, each after all that any group puts above it.
    #[must_use]
    pub fn exclusive_order(&self) -> &[RoleName] {
        &self.exclusive_order
    }

    /// Whether `role` allows something that `limit` does not, or is privileged and `limit` is
    /// not. A role that does not exist is beyond every limit, and everything is beyond a limit
    /// that does not exist.
    #[must_use]
    pub fn exceeds(&self, role: &RoleName, limit: &RoleName) -> bool {
        match (self.role(role), self.role(limit)) {
            (Some(role), Some(limit)) => role.excess_over(limit).is_some(),
            _ => true,
        }
    }

    /// The role of that name, if it exists.
    #[must_use]
    pub fn role(&self, name: &RoleName) -> Option<&Role> {
        self.roles.get(name)
    }

    /// All roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// The role of that name.
    ///
    /// # Errors
    /// [`RolesError::UnknownRole`] with the nearest name there is.
    pub fn expect_role(&self, name: &str) -> Result<&Role, RolesError> {
        let names = || self.roles.keys().map(RoleName::as_str);
        self.roles
            .values()
            .find(|role| role.name.as_str() == name)
            .ok_or_else(|| RolesError::UnknownRole(UnknownRole::new(name, nearest(name, names()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Role {
        Role::new(RoleName::new(name).unwrap())
    }

    #[test]
    fn an_unknown_role_is_an_error_with_the_nearest_right_name() {
        let catalog = RoleCatalog::new([named("signer"), named("viewer")]).unwrap();
        assert!(catalog.expect_role("signer").is_ok());
        let error = catalog.expect_role("signor").unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown role `signor`, did you mean `signer`?"
        );
        assert_eq!(error.code(), "roles.unknown_role");
        let error = catalog.expect_role("xyz").unwrap_err();
        assert_eq!(error.to_string(), "unknown role `xyz`");
    }

    #[test]
    fn a_role_exceeds_another_by_one_permission_or_by_privilege() {
        let role = |name: &str, allows: &[&str]| {
            let allows = allows.iter().map(|text| text.parse().unwrap());
            allows.fold(named(name), Role::allow)
        };
        let catalog = RoleCatalog::new([
            role("manager", &["sign nda/*", "view *"]),
            role("signer", &["sign nda/mutual", "view hr"]),
            role("wider", &["sign *"]),
            role("other", &["approve nda/*"]),
            role("boss", &[]).privileged(),
        ])
        .unwrap();
        let exceeds = |role: &str, limit: &str| {
            catalog.exceeds(
                &RoleName::new(role).unwrap(),
                &RoleName::new(limit).unwrap(),
            )
        };
        assert!(!exceeds("signer", "manager") && !exceeds("manager", "manager"));
        for role in ["wider", "other", "boss", "ghost"] {
            assert!(exceeds(role, "manager"), "{role}");
        }
        assert!(exceeds("signer", "ghost"));
        let of = |name: &str| catalog.expect_role(name).unwrap();
        let excess = of("wider").excess_over(of("manager")).unwrap();
        assert_eq!(excess.to_string(), "allows `sign *`");
        let excess = of("boss").excess_over(of("manager")).unwrap();
        assert_eq!(excess.to_string(), "is privileged");
    }

    #[test]
    fn a_scope_limits_what_a_role_allows() {
        let role = named("r")
            .allow("sign nda/*".parse().unwrap())
            .allow("view *".parse().unwrap());
        let within = |scope: &[DocumentPattern]| {
            let permissions = role.permissions_within(scope);
            permissions
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        let exact = |name: &str| name.parse::<DocumentPattern>().unwrap();
        let below = |name: &str| exact(&format!("{name}/*"));
        assert_eq!(within(&[]), ["sign nda/*", "view *"]);
        assert_eq!(within(&[below("hr")]), ["view hr/*"]);
        assert_eq!(
            within(&[exact("nda/mutual"), below("hr")]),
            ["sign nda/mutual", "view nda/mutual", "view hr/*"]
        );
        let narrow = named("n").allow("sign nda".parse().unwrap());
        assert!(narrow.permissions_within(&[below("nda")]).is_empty());
    }

    #[test]
    fn sets_and_groups_name_roles_that_exist() {
        let catalog = || RoleCatalog::new([named("a"), named("b")]).unwrap();
        let role = |name: &str| RoleName::new(name).unwrap();
        let set = DutySet::new([role("a"), role("c")]).unwrap();
        let error = catalog().with_separation_of_duty([set]).unwrap_err();
        assert_eq!(error.code(), "roles.unknown_role");
        let group = ExclusiveGroup::new("desk", vec![role("a"), role("c")]).unwrap();
        let error = catalog().with_exclusive_groups([group]).unwrap_err();
        assert_eq!(error.code(), "roles.unknown_role");
    }

    #[test]
    fn two_roles_of_one_name_are_refused() {
        let error = RoleCatalog::new([named("signer"), named("signer")]).unwrap_err();
        assert_eq!(error.code(), "roles.duplicate_role");
    }
}
