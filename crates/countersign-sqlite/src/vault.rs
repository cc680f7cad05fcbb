//! The port to wrapped keys, and erasing so that no file remembers.

use std::num::NonZeroU32;

use async_trait::async_trait;
use countersign_audit::key_wrap::WrappedKey;
use countersign_audit::vault_store::{StoredVaultKey, UnclaimedQuery, VaultStore};
use countersign_core::{
    CorrelationId, Private, StoreError, TenantId, UserId, VaultKeyId, VaultOwner,
};
use rusqlite::{Connection, Row};

use crate::failure::Failure;
use crate::rows::{instant, text, vault_owner, vault_owner_columns};
use crate::store::SqliteStore;
use crate::users::{all, first};

/// The columns that [`stored_key`] reads, in its order.
const KEY: &str = "id, tenant, owner, owner_id, made_at, wrapped_by, wrapped";

#[async_trait]
impl VaultStore for SqliteStore {
    async fn vault_key(&self, id: &VaultKeyId) -> Result<Option<StoredVaultKey>, StoreError> {
        let id = id.clone();
        self.read("read a vault key", move |db| {
            let sql = format!("SELECT {KEY} FROM vault_keys WHERE id = ?1");
            first(db, &sql, [id.as_str()], stored_key)
        })
        .await
    }

    async fn vault_keys_of(&self, owner: &VaultOwner) -> Result<Vec<StoredVaultKey>, StoreError> {
        let owner = owner.clone();
        self.read("read vault keys", move |db| {
            let sql = format!(
                "SELECT {KEY} FROM vault_keys INDEXED BY vault_keys_by_owner
                     WHERE tenant = ?1 AND owner = ?2 AND owner_id = ?3 ORDER BY made_at, id"
            );
            all(db, &sql, vault_owner_columns(&owner), stored_key)
        })
        .await
    }

    async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError> {
        let key = key.clone();
        self.write("store a vault key", move |db| put(db, &key))
            .await
    }

    async fn rewrap_vault_key(
        &self,
        id: &VaultKeyId,
        wrapped_by: &str,
        anew: &WrappedKey,
    ) -> Result<(), StoreError> {
        let (id, wrapped_by, anew) = (id.clone(), wrapped_by.to_owned(), anew.clone());
        self.write("wrap a vault key anew", move |db| {
            let mut update = db.prepare_cached(
                "UPDATE vault_keys SET wrapped_by = ?3, wrapped = ?4
                     WHERE id = ?1 AND wrapped_by = ?2",
            )?;
            match update.execute((id.as_str(), &wrapped_by, &anew.wrapped_by, &anew.bytes))? {
                1 => Ok(()),
                _ => Err(Failure::Conflict("the key is not wrapped by that key")),
            }
        })
        .await
    }

    async fn vault_keys_not_wrapped_by(
        &self,
        wrapped_by: &str,
        limit: NonZeroU32,
    ) -> Result<Vec<StoredVaultKey>, StoreError> {
        let wrapped_by = wrapped_by.to_owned();
        self.read("read vault keys", move |db| {
            // Two ranges of an index: nearly all keys are wrapped by the newest.
            let sql = format!(
                "SELECT {KEY} FROM (
                     SELECT {KEY} FROM vault_keys WHERE wrapped_by < ?1
                     UNION ALL SELECT {KEY} FROM vault_keys WHERE wrapped_by > ?1
                 ) ORDER BY id LIMIT ?2"
            );
            all(db, &sql, (wrapped_by, limit.get()), stored_key)
        })
        .await
    }

    async fn unclaimed_walks(
        &self,
        query: &UnclaimedQuery,
    ) -> Result<Vec<CorrelationId>, StoreError> {
        let query = query.clone();
        self.read("read unclaimed walks", move |db| {
            let sql = "SELECT owner_id FROM (
                     SELECT owner_id, filed_at AS at FROM private
                         WHERE tenant = ?1 AND owner = 'walk'
                     UNION ALL SELECT owner_id, made_at FROM vault_keys
                         WHERE tenant = ?1 AND owner = 'walk'
                 ) GROUP BY owner_id HAVING max(at) < ?2 ORDER BY owner_id LIMIT ?3";
            let before = query.filed_before.unix_millis();
            let parameters = (query.tenant.as_str(), before, query.limit.get());
            all(db, sql, parameters, |row| text(row, 0, "correlation id"))
        })
        .await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        let doing = "remove what was erased from the file";
        self.alone(doing, scrub).await
    }
}

fn stored_key(row: &Row<'_>) -> Result<StoredVaultKey, Failure> {
    Ok(StoredVaultKey {
        id: text(row, 0, "vault key id")?,
        owner: vault_owner(row, 1)?,
        made_at: instant(row, 4)?,
        wrapped: WrappedKey {
            wrapped_by: row.get(5)?,
            bytes: row.get(6)?,
        },
    })
}

fn put(db: &Connection, key: &StoredVaultKey) -> Result<(), Failure> {
    check_not_erased(db, &key.owner)?;
    let (tenant, owner, owner_id) = vault_owner_columns(&key.owner);
    let mut has_one = db.prepare_cached(
        "SELECT 1 FROM vault_keys WHERE tenant = ?1 AND owner = ?2 AND owner_id = ?3",
    )?;
    if has_one.exists((tenant, owner, owner_id))? {
        return Err(Failure::Conflict("the owner has a key"));
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO vault_keys (id, tenant, owner, owner_id, made_at, wrapped_by, wrapped)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute((
        key.id.as_str(),
        tenant,
        owner,
        owner_id,
        key.made_at.unix_millis(),
        &key.wrapped.wrapped_by,
        &key.wrapped.bytes,
    ))?;
    Ok(())
}

/// Nothing is filed for an account that is erased.
fn check_not_erased(db: &Connection, owner: &VaultOwner) -> Result<(), Failure> {
    let VaultOwner::Account(tenant, user) = owner else {
        return Ok(());
    };
    let mut erased = db
        .prepare_cached("SELECT 1 FROM users WHERE tenant = ?1 AND id = ?2 AND state = 'erased'")?;
    if erased.exists((tenant.as_str(), user.as_str()))? {
        return Err(Failure::Conflict("the account is erased"));
    }
    Ok(())
}

/// The private part of an entry that is about to be added is not an erased account's, and is
/// encrypted, if at all, with a key of its owner.
pub(crate) fn check_private(db: &Connection, private: &Private) -> Result<(), Failure> {
    check_not_erased(db, &private.owner)?;
    if let Some(key) = &private.key_id {
        let (tenant, owner, owner_id) = vault_owner_columns(&private.owner);
        let mut select = db.prepare_cached(
            "SELECT 1 FROM vault_keys
                 WHERE id = ?1 AND tenant = ?2 AND owner = ?3 AND owner_id = ?4",
        )?;
        if !select.exists((key.as_str(), tenant, owner, owner_id))? {
            return Err(Failure::Conflict("the owner has no such vault key"));
        }
    }
    Ok(())
}

/// Gives all private parts and keys of a walk to an account.
pub(crate) fn adopt(
    db: &Connection,
    tenant: &TenantId,
    walk: &CorrelationId,
    user: &UserId,
) -> Result<(), Failure> {
    check_not_erased(db, &VaultOwner::Account(tenant.clone(), user.clone()))?;
    for table in ["private", "vault_keys"] {
        let mut update = db.prepare_cached(&format!(
            "UPDATE {table} SET owner = 'account', owner_id = ?3
                 WHERE tenant = ?1 AND owner = 'walk' AND owner_id = ?2"
        ))?;
        update.execute((tenant.as_str(), walk.as_str(), user.as_str()))?;
    }
    Ok(())
}

/// Deletes all private parts and keys of an owner, and what an account's sessions keep of how
/// somebody signed in.
pub(crate) fn erase(db: &Connection, owner: &VaultOwner) -> Result<(), Failure> {
    for table in ["private", "vault_keys"] {
        let mut delete = db.prepare_cached(&format!(
            "DELETE FROM {table} WHERE tenant = ?1 AND owner = ?2 AND owner_id = ?3"
        ))?;
        delete.execute(vault_owner_columns(owner))?;
    }
    if let VaultOwner::Account(tenant, user) = owner {
        let mut update = db.prepare_cached(
            "UPDATE sessions SET authn_context = NULL, authn_instant = NULL, session_index = NULL
                 WHERE tenant = ?1 AND user = ?2",
        )?;
        update.execute((tenant.as_str(), user.as_str()))?;
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO to_scrub (only_row, mark) VALUES (0, randomblob(16))",
    )?
    .execute([])?;
    Ok(())
}

/// The mark that the last erasure left, if it is still to be scrubbed.
fn marked(db: &Connection) -> Result<Option<Vec<u8>>, Failure> {
    first(db, "SELECT mark FROM to_scrub", [], |row| Ok(row.get(0)?))
}

/// Takes the mark away, unless another process has erased something since and left its own.
fn unmark(db: &Connection, mark: &[u8]) -> Result<(), Failure> {
    db.prepare_cached("DELETE FROM to_scrub WHERE mark = ?1")?
        .execute([mark])?;
    Ok(())
}

/// Rewrites the file without what was deleted, and empties its log.
///
/// `secure_delete` overwrites a row that is deleted, but not the copies of it that stay in the
/// unused part of a page when SQLite moves rows to other pages. Only writing all pages anew
/// leaves none of those.
fn scrub(db: &Connection) -> Result<(), Failure> {
    let Some(mark) = marked(db)? else {
        return Ok(());
    };
    // It makes a copy of everything, which has no room in memory.
    db.pragma_update(None, "temp_store", "FILE")?;
    let vacuumed = db.execute_batch("VACUUM");
    db.pragma_update(None, "temp_store", "MEMORY")?;
    vacuumed?;
    // The log holds the pages as they were and as they are; readers of what was hold it back.
    let busy: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy {
        return Err(Failure::Busy("somebody reads what was before"));
    }
    unmark(db, &mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::migrate;

    /// One process rewrites the file, and another erases something before it says that it has.
    #[test]
    fn an_erasure_during_a_scrub_is_still_to_be_scrubbed() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let walk = |name: &str| {
            let tenant = TenantId::new("acme").unwrap();
            VaultOwner::Walk(tenant, CorrelationId::new(name).unwrap())
        };
        erase(&db, &walk("first")).unwrap();
        let rewritten = marked(&db).unwrap().unwrap();
        erase(&db, &walk("second")).unwrap();
        unmark(&db, &rewritten).unwrap();
        let left = marked(&db).unwrap().unwrap();
        assert_ne!(left, rewritten);
        unmark(&db, &left).unwrap();
        assert_eq!(marked(&db).unwrap(), None);
    }
}
