//! The roles that exist.

use std::collections::BTreeMap;

use countersign_core::RoleName;

use crate::error::{RolesError, UnknownRole};
use crate::nearest::nearest;
use crate::permission::Permission;

/// One role and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    name: RoleName,
    permissions: Vec<Permission>,
    privileged: bool,
}

impl Role {
    /// A role that allows nothing yet.
    #[must_use]
    pub fn new(name: RoleName) -> Self {
        Self {
            name,
            permissions: Vec::new(),
            privileged: false,
        }
    }

    /// Adds a permission.
    #[must_use]
    pub fn allow(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Marks the role as one that is worth stealing: it is never given by default, and an
    /// account that holds it is never linked by its e-mail address.
    #[must_use]
    pub fn privileged(mut self) -> Self {
        self.privileged = true;
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
}

impl RoleCatalog {
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
    fn two_roles_of_one_name_are_refused() {
        let error = RoleCatalog::new([named("signer"), named("signer")]).unwrap_err();
        assert_eq!(error.code(), "roles.duplicate_role");
    }
}
