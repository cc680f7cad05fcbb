//! Entries on their way to the outbox, and as they are read back.

use std::collections::BTreeSet;

use countersign_audit::store::StoredEntry;
use countersign_core::{Entry, EntryId, Private, TenantId, UserId, VaultKeyId, VaultOwner};
use tokio_postgres::Row;

use crate::batch::{Batch, values};
use crate::composite::{Composite, composite};
use crate::failure::Failure;
use crate::rows::{
    bytes, leaf, number, optional_text, text, timestamp, vault_owner, vault_owner_columns,
};

/// The columns that [`stored`] reads, of an entry, its leaf and its private part.
macro_rules! stored_columns {
    () => {
        "l.position, e.id, e.leaf, e.bytes, p.bytes, p.tenant, p.owner, p.owner_id, p.filed_at, \
             p.key_id"
    };
}

/// The same, with the tables that they are in, by the entry.
macro_rules! stored_entry {
    () => {
        concat!(
            "SELECT ",
            stored_columns!(),
            " FROM countersign.entries e
                 LEFT JOIN LATERAL (
                     SELECT run.position + array_position(run.ids, e.id) - 1 AS position
                         FROM countersign.leaves run
                         WHERE run.number = e.number AND e.id = ANY (run.ids)
                 ) l ON true
                 LEFT JOIN countersign.private p ON p.id = e.id"
        )
    };
}

/// The same, by the leaf: those from position `$1` to before `$2`, in order.
macro_rules! stored_leaves {
    () => {
        concat!(
            "SELECT ",
            stored_columns!(),
            " FROM (
                     SELECT run.position + w.place - 1 AS position, w.id
                         FROM countersign.leaves run
                             CROSS JOIN LATERAL unnest(run.ids) WITH ORDINALITY AS w (id, place)
                         WHERE run.position >= coalesce((
                                 SELECT max(position) FROM countersign.leaves WHERE position <= $1
                             ), 0) AND run.position < $2
                             AND run.position + w.place - 1 >= $1
                             AND run.position + w.place - 1 < $2
                 ) l
                 CROSS JOIN LATERAL (
                     SELECT * FROM countersign.entries WHERE id = l.id OFFSET 0
                 ) e
                 LEFT JOIN countersign.private p ON p.id = e.id
                 ORDER BY l.position"
        )
    };
}
pub(crate) use stored_entry;
pub(crate) use {stored_columns, stored_leaves};

/// Adds entries with their private parts.
///
/// A number is drawn here, while nothing else waits for it: what commits first may well have the
/// larger one. That is no order of the tree; `ledger` tells how that comes about.
pub(crate) fn add(batch: &mut Batch, entries: &[Entry]) {
    let mut change = Composite::default();
    put(&mut change, entries, |_| false);
    batch.add("SELECT countersign.commit($1)", values![change]);
}

/// Puts entries into a change, with what has to hold for their private parts; accounts that are
/// `safe` need no look.
pub(crate) fn put<'a>(
    change: &mut Composite,
    entries: &'a [Entry],
    is_safe: impl Fn((&'a TenantId, &'a UserId)) -> bool,
) {
    change.put_all("owners", owner_rows(entries, is_safe));
    change.put_all("keys", key_rows(entries));
    change.put_all("entries", rows(entries));
    change.put_all("private", private_rows(entries));
}

fn rows(entries: &[Entry]) -> Vec<Composite> {
    entries
        .iter()
        .map(|entry| {
            composite! {
                id: entry.id().to_string(),
                leaf: bytes(&entry.leaf()),
                bytes: entry.bytes().to_vec(),
            }
        })
        .collect()
}

/// What they leave out.
fn private_rows(entries: &[Entry]) -> Vec<Composite> {
    let private = entries.iter();
    let private = private.filter_map(|entry| Some(private_row(entry.id(), entry.private()?)));
    private.collect()
}

fn private_row(id: &EntryId, private: &Private) -> Composite {
    let (tenant, owner, owner_id) = vault_owner_columns(&private.owner);
    composite! {
        id: id.to_string(),
        tenant: tenant,
        owner: owner,
        owner_id: owner_id,
        filed_at: private.filed_at.unix_millis(),
        key_id: private.key_id.as_ref().map(VaultKeyId::to_string),
        bytes: private.bytes.clone(),
    }
}

/// The accounts that something is filed for, each once, but those that need no look.
fn owner_rows<'a>(
    entries: &'a [Entry],
    is_safe: impl Fn((&'a TenantId, &'a UserId)) -> bool,
) -> Vec<Composite> {
    let accounts: BTreeSet<(&TenantId, &UserId)> = entries
        .iter()
        .filter_map(|entry| match &entry.private()?.owner {
            VaultOwner::Account(tenant, user) => Some((tenant, user)),
            VaultOwner::Walk(..) => None,
        })
        .filter(|owner| !is_safe(*owner))
        .collect();
    accounts
        .into_iter()
        .map(|(tenant, user)| composite! { tenant: tenant.to_string(), id: user.to_string() })
        .collect()
}

/// The keys that private parts are encrypted with, each once, with their owners.
fn key_rows(entries: &[Entry]) -> Vec<Composite> {
    let keys: BTreeSet<(String, (String, &'static str, String))> = entries
        .iter()
        .filter_map(|entry| {
            let private = entry.private()?;
            let key = private.key_id.as_ref()?;
            Some((key.to_string(), vault_owner_columns(&private.owner)))
        })
        .collect();
    keys.into_iter()
        .map(|(id, (tenant, owner, owner_id))| {
            composite! { id: id, tenant: tenant, owner: owner, owner_id: owner_id }
        })
        .collect()
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
