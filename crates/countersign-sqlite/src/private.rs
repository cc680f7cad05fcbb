//! What entries leave out: the private parts of some that follow each other in one row, as far as
//! they are one owner's.

use std::collections::HashMap;
use std::ops::Range;

use countersign_core::{Entry, Private, VaultKeyId};
use rusqlite::Connection;

use crate::failure::Failure;
use crate::parts::Parts;
use crate::rows::{instant, optional_text, vault_owner, vault_owner_columns};

/// Writes the private parts of entries, the first of which is at the position `begin`.
pub(crate) fn add(db: &Connection, begin: i64, entries: &[Entry]) -> rusqlite::Result<()> {
    let mut parts = Parts::default();
    let mut first = begin;
    let mut left = (begin..).zip(entries).peekable();
    while let Some((position, entry)) = left.next() {
        let Some(private) = entry.private() else {
            continue;
        };
        if parts.is_empty() {
            first = position;
        }
        parts.push(&private.bytes);
        let next = left.peek().and_then(|(_, next)| next.private());
        let goes_on =
            |next: &Private| is_filed_with(private, next) && parts.has_room(next.bytes.len());
        if !next.is_some_and(goes_on) {
            file(db, first, private, &parts)?;
            parts.clear();
        }
    }
    Ok(())
}

/// Whether both belong in one row: whatever happens to one of them, happens to the other.
fn is_filed_with(one: &Private, other: &Private) -> bool {
    (&one.owner, one.filed_at, &one.key_id) == (&other.owner, other.filed_at, &other.key_id)
}

fn file(db: &Connection, first: i64, like: &Private, parts: &Parts) -> rusqlite::Result<()> {
    // `FAIL`, because SQLite prepares for an `ABORT` by copying the pages that are about to change.
    let mut insert = db.prepare_cached(
        "INSERT OR FAIL INTO private
                 (first, tenant, owner, owner_id, filed_at, key_id, ends, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let (tenant, owner, owner_id) = vault_owner_columns(&like.owner);
    insert.execute((
        first,
        tenant,
        owner,
        owner_id,
        like.filed_at.unix_millis(),
        like.key_id.as_ref().map(VaultKeyId::as_str),
        parts.ends(),
        parts.bytes(),
    ))?;
    Ok(())
}

/// The private parts of the entries in a range of positions, as far as they were not erased.
pub(crate) fn read(db: &Connection, range: Range<i64>) -> Result<HashMap<i64, Private>, Failure> {
    let mut select = db.prepare_cached(
        "SELECT first, tenant, owner, owner_id, filed_at, key_id, ends, bytes FROM private
             WHERE first >= coalesce((SELECT max(first) FROM private WHERE first <= ?1), 0)
                 AND first < ?2",
    )?;
    let mut rows = select.query((range.start, range.end))?;
    let mut found = HashMap::new();
    while let Some(row) = rows.next()? {
        let parts = Parts::read(row, 6, 7)?;
        let owner = vault_owner(row, 1)?;
        let filed_at = instant(row, 4)?;
        let key_id: Option<VaultKeyId> = optional_text(row, 5, "vault key id")?;
        let begin: i64 = row.get(0)?;
        for (position, place) in (begin..).zip(0..parts.len()) {
            if range.contains(&position)
                && let Some(bytes) = parts.get(place)
            {
                let part = Private {
                    owner: owner.clone(),
                    filed_at,
                    key_id: key_id.clone(),
                    bytes: bytes.to_vec(),
                };
                found.insert(position, part);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use countersign_core::{CorrelationId, EntryId, LeafHash, TenantId, Timestamp, VaultOwner};
    use tempfile::tempdir;

    use super::*;
    use crate::file::open_writable;

    #[test]
    fn parts_of_one_owner_that_follow_each_other_share_a_row() {
        let walk = |walk: &str, at: i64, key: Option<&str>, length: usize| {
            let tenant = TenantId::new("acme").unwrap();
            Some(Private {
                owner: VaultOwner::Walk(tenant, CorrelationId::new(walk).unwrap()),
                filed_at: Timestamp::from_unix_millis(at),
                key_id: key.map(|key| VaultKeyId::new(key).unwrap()),
                bytes: vec![7; length],
            })
        };
        let parts = [
            walk("a", 1, None, 3),
            walk("a", 1, None, 0),
            walk("b", 1, None, 1),
            walk("b", 2, None, 1),
            walk("b", 2, Some("key"), 1),
            None,
            None,
            walk("b", 2, Some("key"), 20_000),
            walk("b", 2, Some("key"), 20_000),
        ];
        let entries: Vec<Entry> = (0_u8..)
            .zip(&parts)
            .map(|(number, part)| {
                let id = EntryId::new(format!("entry-{number}")).unwrap();
                let leaf = LeafHash::from_bytes([number; 32]);
                Entry::from_parts(id, leaf, Vec::new(), part.clone())
            })
            .collect();
        let folder = tempdir().unwrap();
        let db = open_writable(&folder.path().join("db"), true).unwrap();
        add(&db, 10, &entries).unwrap();
        let rows = "SELECT group_concat(first || ends, ' ') FROM private";
        let rows: String = db.query_row(rows, [], |row| row.get(0)).unwrap();
        assert_eq!(rows, "10[3,3] 12[1] 13[1] 14[1] 17[20000] 18[20000]");
        for range in [10..19, 0..99, 11..12, 11..15, 15..17, 18..19, 0..10, 19..20] {
            let found = read(&db, range.clone()).unwrap();
            for (position, part) in (10..).zip(&parts) {
                let part = part.as_ref().filter(|_| range.contains(&position));
                assert_eq!(found.get(&position), part, "{position} of {range:?}");
            }
            assert!(found.keys().all(|position| range.contains(position)));
        }
    }
}
