//! The port to wrapped keys, and erasing so that no table's file remembers.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use countersign_audit::key_wrap::WrappedKey;
use countersign_audit::vault_store::{StoredVaultKey, UnclaimedQuery, VaultStore};
use countersign_core::{CorrelationId, StoreError, VaultKeyId, VaultOwner};
use tokio_postgres::{Client, Row};

use crate::batch::{Batch, values};
use crate::commit::LOCK;
use crate::failure::Failure;
use crate::rows::{text, timestamp, vault_owner, vault_owner_columns};
use crate::store::PostgresStore;

/// The columns that [`stored_key`] reads, in its order.
macro_rules! key {
    () => {
        "id, tenant, owner, owner_id, made_at, wrapped_by, wrapped"
    };
}

/// Whatever holds personal values, and so the tables that an erasure leaves something in.
const PERSONAL: [&str; 5] = ["private", "vault_keys", "users", "links", "sessions"];

#[async_trait]
impl VaultStore for PostgresStore {
    async fn vault_key(&self, id: &VaultKeyId) -> Result<Option<StoredVaultKey>, StoreError> {
        let sql = concat!(
            "SELECT ",
            key!(),
            " FROM countersign.vault_keys WHERE id = $1"
        );
        let rows = self.read("read a vault key", sql, values![id.to_string()], stored_key);
        Ok(rows.await?.pop())
    }

    async fn vault_keys_of(&self, owner: &VaultOwner) -> Result<Vec<StoredVaultKey>, StoreError> {
        let (tenant, kind, id) = vault_owner_columns(owner);
        let sql = concat!(
            "SELECT ",
            key!(),
            " FROM countersign.vault_keys
                 WHERE tenant = $1 AND owner = $2 AND owner_id = $3 ORDER BY made_at, id"
        );
        self.read(
            "read vault keys",
            sql,
            values![tenant, kind, id],
            stored_key,
        )
        .await
    }

    async fn put_vault_key(&self, key: &StoredVaultKey) -> Result<(), StoreError> {
        let (tenant, kind, id) = vault_owner_columns(&key.owner);
        let mut batch = Batch::default();
        // By adoption an account may have several keys, so no unique index says that it is put one.
        batch.add(
            LOCK,
            values![vec![format!("vault\n{tenant}\n{kind}\n{id}")]],
        );
        if let VaultOwner::Account(..) = key.owner {
            batch.add(
                "SELECT countersign.check_owner($1, $2)",
                values![tenant.clone(), id.clone()],
            );
        }
        batch.add(
            "SELECT countersign.require(NOT EXISTS (
                 SELECT FROM countersign.vault_keys
                     WHERE tenant = $1 AND owner = $2 AND owner_id = $3
             ), 'the owner has a key')",
            values![tenant.clone(), kind, id.clone()],
        );
        batch.add(
            "INSERT INTO countersign.vault_keys (id, tenant, owner, owner_id, made_at, wrapped_by,
                     wrapped)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
            values![
                key.id.to_string(),
                tenant,
                kind,
                id,
                key.made_at.unix_millis(),
                key.wrapped.wrapped_by.clone(),
                key.wrapped.bytes.clone(),
            ],
        );
        self.write("store a vault key", &batch).await.map(drop)
    }

    async fn rewrap_vault_key(
        &self,
        id: &VaultKeyId,
        wrapped_by: &str,
        anew: &WrappedKey,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.add(
            "WITH wrapped AS (
                 UPDATE countersign.vault_keys SET wrapped_by = $3, wrapped = $4
                     WHERE id = $1 AND wrapped_by = $2 RETURNING 1
             )
             SELECT countersign.require(EXISTS (SELECT FROM wrapped),
                 'the key is not wrapped by that key')",
            values![
                id.to_string(),
                wrapped_by.to_owned(),
                anew.wrapped_by.clone(),
                anew.bytes.clone()
            ],
        );
        self.write("wrap a vault key anew", &batch).await.map(drop)
    }

    async fn vault_keys_not_wrapped_by(
        &self,
        wrapped_by: &str,
        limit: NonZeroU32,
    ) -> Result<Vec<StoredVaultKey>, StoreError> {
        // Two ranges of an index: nearly all keys are wrapped by the newest.
        let sql = concat!(
            "SELECT ",
            key!(),
            " FROM (
                 SELECT * FROM countersign.vault_keys WHERE wrapped_by < $1
                 UNION ALL SELECT * FROM countersign.vault_keys WHERE wrapped_by > $1
             ) AS others ORDER BY id LIMIT $2"
        );
        let values = values![wrapped_by.to_owned(), i64::from(limit.get())];
        self.read("read vault keys", sql, values, stored_key).await
    }

    async fn unclaimed_walks(
        &self,
        query: &UnclaimedQuery,
    ) -> Result<Vec<CorrelationId>, StoreError> {
        let sql = "SELECT owner_id FROM (
                 SELECT owner_id, filed_at AS at FROM countersign.private
                     WHERE tenant = $1 AND owner = 'walk'
                 UNION ALL SELECT owner_id, made_at FROM countersign.vault_keys
                     WHERE tenant = $1 AND owner = 'walk'
             ) AS filed GROUP BY owner_id HAVING max(at) < $2 ORDER BY owner_id LIMIT $3";
        let values = values![
            query.tenant.to_string(),
            query.filed_before.unix_millis(),
            i64::from(query.limit.get()),
        ];
        let read = |row: &Row| text(row, 0, "correlation id");
        self.read("read unclaimed walks", sql, values, read).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.try_scrub()
            .await
            .map_err(|failure| failure.into_store_error("remove what was erased from the tables"))
    }
}

impl PostgresStore {
    /// Writes the tables that held what was erased anew, without it.
    ///
    /// A plain `VACUUM` would not do: it frees the space of a dead row, and leaves the bytes in it
    /// until something else is written there.
    async fn try_scrub(&self) -> Result<(), Failure> {
        let mut lease = self.pool.take().await?;
        let scrubbed = self.scrub_by(lease.session()?.client()).await;
        if scrubbed.is_err() {
            // With the setting that is for this alone.
            lease.close();
        }
        scrubbed
    }

    async fn scrub_by(&self, client: &Client) -> Result<(), Failure> {
        let sql = "SELECT max(number) FROM countersign.to_scrub";
        let last: Option<i64> = client.query_one(sql, &[]).await?.try_get(0)?;
        let Some(last) = last else {
            return Ok(());
        };
        let tables: Vec<String> = PERSONAL
            .iter()
            .map(|table| format!("countersign.{table}"))
            .collect();
        // Who may not is told so here; `VACUUM` itself would warn, and do nothing.
        let may: bool = client
            .query_one(MAY_REWRITE, &[&tables])
            .await?
            .try_get(0)?;
        if !may {
            return Err(Failure::Refused(
                "only the tables' owner may rewrite them; call `scrub` as the owner",
            ));
        }
        // Who holds a table is not to be waited for with everybody else behind us.
        client.batch_execute("SET lock_timeout = '5s'").await?;
        // Rewriting keeps dead rows that somebody's snapshot still sees. On a table of a few rows
        // it costs nothing to learn whether there is anybody.
        let probe = vec!["countersign.to_scrub".to_owned()];
        for look in (0..LOOKS).rev() {
            rewrite(client, &probe).await?;
            if is_rewritten(client, &probe, last).await? {
                break;
            }
            if look == 0 {
                return Err(HELD_BACK);
            }
            let connector = self.pool.connector();
            connector
                .on_runtime(async { tokio::time::sleep(LOOK_AGAIN).await })
                .await?;
        }
        rewrite(client, &tables).await?;
        if !is_rewritten(client, &tables, last).await? {
            return Err(HELD_BACK);
        }
        client.batch_execute("RESET lock_timeout").await?;
        let sql = "DELETE FROM countersign.to_scrub WHERE number <= $1";
        client.execute(sql, &[&last]).await?;
        Ok(())
    }
}

/// How often, and how many times, it is looked whether somebody reads what was before: two seconds,
/// because most transactions are shorter.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOKS: usize = 20;

const HELD_BACK: Failure = Failure::Unavailable("somebody reads what was before");

const MAY_REWRITE: &str = "SELECT bool_and(pg_has_role(c.relowner, 'USAGE')
        OR CASE WHEN current_setting('server_version_num')::integer >= 170000
            THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END)
    FROM pg_class c WHERE c.oid = ANY ($1::text[]::regclass[])";

/// Whether the tables were rewritten when nobody could see any more what was erased: whatever is
/// older than `relfrozenxid` was looked at then, and kept only if it is alive. (What was erased in
/// another cluster, before a dump of it was restored here, is in no file of this one.)
const IS_REWRITTEN: &str = "SELECT bool_and(age(c.relfrozenxid) < coalesce((
        SELECT min(age(erased_in::xid)) FROM countersign.to_scrub
            WHERE number <= $2 AND erased_in < pg_snapshot_xmax(pg_current_snapshot())
    ), 2147483647))
    FROM pg_class c WHERE c.oid = ANY ($1::text[]::regclass[])";

async fn rewrite(client: &Client, tables: &[String]) -> Result<(), Failure> {
    for table in tables {
        client
            .batch_execute(&format!("VACUUM (FULL) {table}"))
            .await?;
    }
    Ok(())
}

async fn is_rewritten(client: &Client, tables: &[String], last: i64) -> Result<bool, Failure> {
    let row = client.query_one(IS_REWRITTEN, &[&tables, &last]).await?;
    Ok(row.try_get(0)?)
}

fn stored_key(row: &Row) -> Result<StoredVaultKey, Failure> {
    Ok(StoredVaultKey {
        id: text(row, 0, "vault key id")?,
        owner: vault_owner(row, 1)?,
        made_at: timestamp(row, 4)?,
        wrapped: WrappedKey {
            wrapped_by: row.try_get(5)?,
            bytes: row.try_get(6)?,
        },
    })
}
