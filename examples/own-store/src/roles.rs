//! Roles where the host's own programs look for them.
//!
//! A grant has an owner, a rule, an end and a scope, for which the host's `user_roles` has no
//! columns, so grants are ours. What is left of them in the host's way is written anew with each
//! change, in its transaction. Roles that others gave stay theirs.

use std::collections::BTreeMap;

use countersign::{Grant, GrantOwner, RoleName, TenantId, Timestamp, UserId};
use rusqlite::Connection;

use crate::accounts;
use crate::failure::Failure;
use crate::sql::{all, body, run};

/// Who gave a role, in the host's table.
const US: &str = "countersign";

pub(crate) fn grants(
    db: &Connection,
    tenant: &TenantId,
    user: &UserId,
) -> Result<Vec<Grant>, Failure> {
    let sql = "SELECT body FROM cs_grants WHERE tenant = ?1 AND user = ?2";
    all(db, sql, (tenant.as_str(), user.as_str()), body)
}

/// Writes the roles of an account into the host's table.
pub(crate) fn publish(db: &Connection, tenant: &TenantId, user: &UserId) -> Result<(), Failure> {
    let mut roles: BTreeMap<RoleName, Timestamp> = BTreeMap::new();
    for grant in grants(db, tenant, user)? {
        // A bar is no grant.
        if grant.owner != GrantOwner::Barred {
            let ends = grant.expires_at.unwrap_or(Timestamp::MAX);
            let last = roles.entry(grant.role).or_insert(ends);
            *last = ends.max(*last);
        }
    }
    let user_no = accounts::user_no(db, tenant, user)?;
    let delete = "DELETE FROM user_roles WHERE user_no = ?1 AND given_by = ?2";
    run(db, delete, (user_no, US))?;
    for (role, ends) in roles {
        let insert = "INSERT INTO user_roles (user_no, role_code, given_by, valid_until)
                 VALUES (?1, ?2, ?3, ?4)";
        let until = (ends != Timestamp::MAX).then(|| ends.to_string());
        run(db, insert, (user_no, role.as_str(), US, until))?;
    }
    Ok(())
}
