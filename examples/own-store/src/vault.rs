//! The port to wrapped keys, and what may be erased: private parts of entries, which those keys
//! encrypt.

use std::num::NonZeroU32;

use async_trait::async_trait;
use countersign::audit::key_wrap::WrappedKey;
use countersign::audit::vault_store::{StoredVaultKey, UnclaimedQuery, VaultStore};
use countersign::provision::store::SessionRecord;
use countersign::{
    CorrelationId, Private, StoreError, TenantId, Timestamp, UserId, VaultKeyId, VaultOwner,
};
use rusqlite::{Connection, Row, params};

use crate::failure::Failure;
use crate::sql::{all, body, exists, first, run, text};
use crate::store::OwnStore;
use crate::users::put_session;

const KEYS: &str = "SELECT id, wrapped_by, wrapped, at, tenant, kind, owner FROM cs_vault_keys";

#[async_trait]
impl VaultStore for OwnStore {
    async fn vault_key(&self, id: &VaultKeyId) -> Result<Option<StoredVaultKey>, StoreError> {
        let sql = format!("{KEYS} WHERE id = ?1");
        self.read("read a vault key", |db| first(db, &sql, [id.as_str()], key))
    }

    async fn vault_keys_of(&self, owner: &VaultOwner) -> Result<Vec<StoredVaultKey>, StoreError> {
        let sql = format!("{KEYS} WHERE tenant = ?1 AND kind = ?2 AND owner = ?3 ORDER BY at, id");
        self.read("read vault keys", |db| all(db, &sql, columns(owner), key))
    }

    async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError> {
        self.write("store a vault key", |db| put(db, key))
    }

    async fn rewrap_vault_key(
        &self,
        id: &VaultKeyId,
        wrapped_by: &str,
        anew: &WrappedKey,
    ) -> Result<(), StoreError> {
        self.write("wrap a vault key anew", |db| {
            let update = "UPDATE cs_vault_keys SET wrapped_by = ?3, wrapped = ?4
                     WHERE id = ?1 AND wrapped_by = ?2";
            let row = (id.as_str(), wrapped_by, &anew.wrapped_by, &anew.bytes);
            match run(db, update, row)? {
                0 => Err(Failure::Conflict("the key is not wrapped by that key")),
                _ => Ok(()),
            }
        })
    }

    async fn vault_keys_not_wrapped_by(
        &self,
        wrapped_by: &str,
        limit: NonZeroU32,
    ) -> Result<Vec<StoredVaultKey>, StoreError> {
        let sql = format!("{KEYS} WHERE wrapped_by <> ?1 ORDER BY id LIMIT ?2");
        self.read("read vault keys", |db| {
            all(db, &sql, (wrapped_by, limit.get()), key)
        })
    }

    async fn unclaimed_walks(
        &self,
        query: &UnclaimedQuery,
    ) -> Result<Vec<CorrelationId>, StoreError> {
        let sql = "SELECT owner FROM (
                 SELECT owner, at FROM cs_private WHERE tenant = ?1 AND kind = 'walk'
                 UNION ALL SELECT owner, at FROM cs_vault_keys WHERE tenant = ?1 AND kind = 'walk'
             ) GROUP BY owner HAVING max(at) < ?2 ORDER BY owner LIMIT ?3";
        self.read("read unclaimed walks", |db| {
            let before = query.filed_before.unix_millis();
            let parameters = (query.tenant.as_str(), before, query.limit.get());
            all(db, sql, parameters, |row| text(row, 0))
        })
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.alone("remove what was erased from the files", |db| {
            if !exists(db, "SELECT 1 FROM cs_to_scrub", [])? {
                return Ok(());
            }
            // Pages keep copies of rows that were moved: only writing all of them anew leaves none.
            db.execute_batch("VACUUM")?;
            let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
            if db.query_row(sql, [], |row| row.get(0))? {
                return Err(Failure::Busy("somebody reads what was before"));
            }
            run(db, "DELETE FROM cs_to_scrub", []).map(drop)
        })
    }
}

/// An owner in three columns.
fn columns(owner: &VaultOwner) -> (&str, &str, &str) {
    (owner.tenant().as_str(), owner.kind(), owner.id())
}

/// The owner in three columns, of which `first` is the first.
fn owner(row: &Row<'_>, first: usize) -> Result<VaultOwner, Failure> {
    let kind: String = row.get(first.saturating_add(1))?;
    let id: String = row.get(first.saturating_add(2))?;
    VaultOwner::from_parts(text(row, first)?, &kind, &id).ok_or(Failure::Damaged)
}

fn key(row: &Row<'_>) -> Result<StoredVaultKey, Failure> {
    Ok(StoredVaultKey {
        id: text(row, 0)?,
        wrapped: WrappedKey {
            wrapped_by: row.get(1)?,
            bytes: row.get(2)?,
        },
        made_at: Timestamp::from_unix_millis(row.get(3)?),
        owner: owner(row, 4)?,
    })
}

fn put(db: &Connection, key: &StoredVaultKey) -> Result<(), Failure> {
    check_not_erased(db, &key.owner)?;
    let (tenant, kind, owner) = columns(&key.owner);
    let sql = "SELECT 1 FROM cs_vault_keys WHERE tenant = ?1 AND kind = ?2 AND owner = ?3";
    if exists(db, sql, (tenant, kind, owner))? {
        return Err(Failure::Conflict("the owner has a key"));
    }
    let insert = "INSERT INTO cs_vault_keys (id, wrapped_by, wrapped, at, tenant, kind, owner)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let (at, wrapped) = (key.made_at.unix_millis(), &key.wrapped);
    let row = params![
        key.id.as_str(),
        wrapped.wrapped_by,
        wrapped.bytes,
        at,
        tenant,
        kind,
        owner
    ];
    run(db, insert, row).map(drop)
}

/// Nothing is filed for who is erased.
fn check_not_erased(db: &Connection, owner: &VaultOwner) -> Result<(), Failure> {
    let sql = "SELECT 1 FROM cs_accounts WHERE tenant = ?1 AND id = ?2 AND state = 'erased'";
    if let VaultOwner::Account(tenant, user) = owner
        && exists(db, sql, (tenant.as_str(), user.as_str()))?
    {
        return Err(Failure::Conflict("the account is erased"));
    }
    Ok(())
}

/// Files the private part of the entry at a position.
pub(crate) fn file(db: &Connection, position: i64, private: &Private) -> Result<(), Failure> {
    check_not_erased(db, &private.owner)?;
    let (tenant, kind, owner) = columns(&private.owner);
    let key_id = private.key_id.as_ref().map(VaultKeyId::as_str);
    let sql = "SELECT 1 FROM cs_vault_keys
             WHERE id = ?1 AND tenant = ?2 AND kind = ?3 AND owner = ?4";
    if key_id.is_some() && !exists(db, sql, (key_id, tenant, kind, owner))? {
        return Err(Failure::Conflict("the owner has no such vault key"));
    }
    let insert = "INSERT INTO cs_private (position, tenant, kind, owner, at, key_id, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let (at, bytes) = (private.filed_at.unix_millis(), &private.bytes);
    let row = params![position, tenant, kind, owner, at, key_id, bytes];
    run(db, insert, row).map(drop)
}

/// The private part in the columns from `first` on; `None` if it was erased.
pub(crate) fn private(row: &Row<'_>, first: usize) -> Result<Option<Private>, Failure> {
    let column = |after: usize| first.saturating_add(after);
    let Some(bytes) = row.get(column(5))? else {
        return Ok(None);
    };
    let key_id: Option<String> = row.get(column(4))?;
    Ok(Some(Private {
        owner: owner(row, first)?,
        filed_at: Timestamp::from_unix_millis(row.get(column(3))?),
        key_id: key_id.is_some().then(|| text(row, column(4))).transpose()?,
        bytes,
    }))
}

/// Gives everything of a walk to an account.
pub(crate) fn adopt(
    db: &Connection,
    tenant: &TenantId,
    walk: &CorrelationId,
    user: &UserId,
) -> Result<(), Failure> {
    check_not_erased(db, &VaultOwner::Account(tenant.clone(), user.clone()))?;
    for table in ["cs_private", "cs_vault_keys"] {
        let update = format!(
            "UPDATE {table} SET kind = 'account', owner = ?3
                 WHERE tenant = ?1 AND kind = 'walk' AND owner = ?2"
        );
        run(db, &update, (tenant.as_str(), walk.as_str(), user.as_str()))?;
    }
    Ok(())
}

/// Deletes everything of an owner, and of an account's sessions how somebody signed in.
pub(crate) fn erase(db: &Connection, owner: &VaultOwner) -> Result<(), Failure> {
    for table in ["cs_private", "cs_vault_keys"] {
        let delete = format!("DELETE FROM {table} WHERE tenant = ?1 AND kind = ?2 AND owner = ?3");
        run(db, &delete, columns(owner))?;
    }
    if let VaultOwner::Account(tenant, user) = owner {
        let sql = "SELECT body FROM cs_sessions WHERE tenant = ?1 AND user = ?2";
        let sessions: Vec<SessionRecord> = all(db, sql, (tenant.as_str(), user.as_str()), body)?;
        for mut session in sessions {
            session.authn_context = None;
            session.authn_instant = None;
            session.session_index = None;
            put_session(db, &session)?;
        }
    }
    run(
        db,
        "INSERT OR IGNORE INTO cs_to_scrub (only_row) VALUES (0)",
        [],
    )
    .map(drop)
}
