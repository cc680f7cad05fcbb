//! Entries on their way to the outbox, and as they are read back.

use std::collections::BTreeSet;

use countersign_audit::store::StoredEntry;
use countersign_core::{Entry, Private, VaultKeyId, VaultOwner};
use tokio_postgres::Row;

use crate::batch::{Batch, values};
use crate::failure::Failure;
use crate::rows::{
    bytes, leaf, number, optional_text, text, timestamp, vault_owner, vault_owner_columns,
};

/// The columns that [`stored`] reads, with the tables that they are in.
macro_rules! stored_entry {
    () => {
        "SELECT l.position, e.id, e.leaf, e.bytes, p.bytes, p.tenant, p.owner, p.owner_id, \
             p.filed_at, p.key_id
         FROM countersign.entries e
             LEFT JOIN countersign.leaves l USING (number)
             LEFT JOIN countersign.private p USING (number)"
    };
}
pub(crate) use stored_entry;

/// Adds entries with their private parts.
///
/// Numbers are drawn here, while nothing else waits for it: what commits first may well have the
/// larger number. That is no order of the tree; `ledger` tells how that comes about.
pub(crate) fn add(batch: &mut Batch, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    let private: Vec<(&Entry, &Private)> = entries
        .iter()
        .filter_map(|entry| Some((entry, entry.private()?)))
        .collect();
    check_owners(batch, private.iter().map(|(_, private)| &private.owner));
    check_keys(batch, &private);
    let ids: Vec<String> = entries.iter().map(|entry| entry.id().to_string()).collect();
    let leaves: Vec<Vec<u8>> = entries.iter().map(|entry| bytes(&entry.leaf())).collect();
    let records: Vec<Vec<u8>> = entries.iter().map(|entry| entry.bytes().to_vec()).collect();
    if private.is_empty() {
        batch.add(
            "INSERT INTO countersign.entries (id, leaf, bytes)
                 SELECT id, leaf, bytes FROM unnest($1::text[], $2::bytea[], $3::bytea[])
                     WITH ORDINALITY AS e (id, leaf, bytes, place)
                 ORDER BY place",
            values![ids, leaves, records],
        );
        return;
    }
    let owners: Vec<(String, &'static str, String)> = private
        .iter()
        .map(|(_, private)| vault_owner_columns(&private.owner))
        .collect();
    let of: Vec<Vec<u8>> = private
        .iter()
        .map(|(entry, _)| bytes(&entry.leaf()))
        .collect();
    let tenants: Vec<String> = owners.iter().map(|(tenant, _, _)| tenant.clone()).collect();
    let kinds: Vec<&'static str> = owners.iter().map(|(_, kind, _)| *kind).collect();
    let owner_ids: Vec<String> = owners.iter().map(|(_, _, id)| id.clone()).collect();
    let filed_at: Vec<i64> = private
        .iter()
        .map(|(_, private)| private.filed_at.unix_millis())
        .collect();
    let keys: Vec<Option<String>> = private
        .iter()
        .map(|(_, private)| private.key_id.as_ref().map(VaultKeyId::to_string))
        .collect();
    let contents: Vec<Vec<u8>> = private
        .iter()
        .map(|(_, private)| private.bytes.clone())
        .collect();
    batch.add(
        "WITH added AS (
             INSERT INTO countersign.entries (id, leaf, bytes)
                 SELECT id, leaf, bytes FROM unnest($1::text[], $2::bytea[], $3::bytea[])
                     WITH ORDINALITY AS e (id, leaf, bytes, place)
                 ORDER BY place
                 RETURNING number, leaf
         )
         INSERT INTO countersign.private
                 (number, tenant, owner, owner_id, filed_at, key_id, bytes)
             SELECT added.number, p.tenant, p.owner, p.owner_id, p.filed_at, p.key_id, p.bytes
             FROM unnest($4::bytea[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                     $9::text[], $10::bytea[])
                 AS p (leaf, tenant, owner, owner_id, filed_at, key_id, bytes)
             JOIN added USING (leaf)",
        values![
            ids, leaves, records, of, tenants, kinds, owner_ids, filed_at, keys, contents
        ],
    );
}

/// Nothing is filed for an account that is erased, nor erased while this is under way.
pub(crate) fn check_owners<'a>(batch: &mut Batch, owners: impl Iterator<Item = &'a VaultOwner>) {
    let accounts: BTreeSet<(String, String)> = owners
        .filter_map(|owner| match owner {
            VaultOwner::Account(tenant, user) => Some((tenant.to_string(), user.to_string())),
            VaultOwner::Walk(..) => None,
        })
        .collect();
    if accounts.is_empty() {
        return;
    }
    let (tenants, ids): (Vec<String>, Vec<String>) = accounts.into_iter().unzip();
    batch.add(
        "SELECT countersign.check_owners($1, $2)",
        values![tenants, ids],
    );
}

/// A private part is encrypted, if at all, with a key of its owner.
fn check_keys(batch: &mut Batch, private: &[(&Entry, &Private)]) {
    let keys: BTreeSet<(String, (String, &'static str, String))> = private
        .iter()
        .filter_map(|(_, private)| {
            let key = private.key_id.as_ref()?;
            Some((key.to_string(), vault_owner_columns(&private.owner)))
        })
        .collect();
    if keys.is_empty() {
        return;
    }
    let ids: Vec<String> = keys.iter().map(|(id, _)| id.clone()).collect();
    let tenants: Vec<String> = keys.iter().map(|(_, owner)| owner.0.clone()).collect();
    let kinds: Vec<&'static str> = keys.iter().map(|(_, owner)| owner.1).collect();
    let owner_ids: Vec<String> = keys.iter().map(|(_, owner)| owner.2.clone()).collect();
    batch.add(
        "WITH owned AS (
             SELECT k.id FROM countersign.vault_keys k
                 JOIN unnest($1::text[], $2::text[], $3::text[], $4::text[])
                     AS o (id, tenant, owner, owner_id)
                     ON k.id = o.id COLLATE \"C\" AND k.tenant = o.tenant COLLATE \"C\"
                         AND k.owner = o.owner AND k.owner_id = o.owner_id COLLATE \"C\"
                 FOR SHARE OF k
         )
         SELECT countersign.require(count(*) = cardinality($1::text[]),
             'the owner has no such vault key') FROM owned",
        values![ids, tenants, kinds, owner_ids],
    );
}

pub(crate) fn stored(row: &Row) -> Result<StoredEntry, Failure> {
    let position: Option<i64> = row.try_get(0)?;
    Ok(StoredEntry {
        index: position.map(number).transpose()?,
        entry: Entry::from_parts(
            text(row, 1, "entry id")?,
            leaf(row, 2)?,
            row.try_get(3)?,
            private_part(row)?,
        ),
    })
}

/// The private part, if it was not erased.
fn private_part(row: &Row) -> Result<Option<Private>, Failure> {
    let Some(bytes) = row.try_get(4)? else {
        return Ok(None);
    };
    Ok(Some(Private {
        owner: vault_owner(row, 5)?,
        filed_at: timestamp(row, 8)?,
        key_id: optional_text(row, 9, "vault key id")?,
        bytes,
    }))
}
