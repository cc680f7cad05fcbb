//! Checkpoints with their time-stamps.

use countersign_audit::store::Anchor;
use rusqlite::Connection;

use crate::failure::Failure;
use crate::rows::{integer, number};
use crate::users::{all, first};

pub(crate) fn put(
    db: &Connection,
    tree_size: u64,
    anchor: &Anchor,
    expected_tokens: usize,
) -> Result<(), Failure> {
    if anchor.size > tree_size {
        return Err(Failure::Conflict("the anchor is larger than the tree"));
    }
    let size = integer(anchor.size)?;
    let sql = "SELECT note FROM anchors WHERE size = ?1";
    let note: Option<Vec<u8>> = first(db, sql, [size], |row| Ok(row.get(0)?))?;
    let stored = tokens(db, size)?;
    if stored.len() != expected_tokens {
        return Err(Failure::Conflict("another number of tokens is stored"));
    }
    let new = anchor.tokens.get(stored.len()..).unwrap_or_default();
    if note.as_ref().is_some_and(|note| *note != anchor.note)
        || !anchor.tokens.starts_with(&stored)
        || new.is_empty()
    {
        return Err(Failure::Conflict(
            "tokens are only added, and to their own note",
        ));
    }
    if note.is_none() {
        let mut insert = db.prepare_cached("INSERT INTO anchors (size, note) VALUES (?1, ?2)")?;
        insert.execute((size, &anchor.note))?;
    }
    let mut insert =
        db.prepare_cached("INSERT INTO anchor_tokens (size, number, token) VALUES (?1, ?2, ?3)")?;
    for (number, token) in (stored.len()..).zip(new) {
        let number = i64::try_from(number).map_err(|_| Failure::OutOfRange)?;
        insert.execute((size, number, token))?;
    }
    Ok(())
}

pub(crate) fn covering(db: &Connection, index: u64) -> Result<Option<Anchor>, Failure> {
    // What SQLite can not hold was never stored.
    let Ok(index) = i64::try_from(index) else {
        return Ok(None);
    };
    let sql = "SELECT size, note FROM anchors WHERE size > ?1 ORDER BY size LIMIT 1";
    let found = first(db, sql, [index], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((size, note)) = found else {
        return Ok(None);
    };
    Ok(Some(Anchor {
        size: number(size)?,
        note,
        tokens: tokens(db, size)?,
    }))
}

pub(crate) fn sizes(db: &Connection) -> Result<Vec<u64>, Failure> {
    all(db, "SELECT size FROM anchors ORDER BY size", [], |row| {
        number(row.get(0)?)
    })
}

fn tokens(db: &Connection, size: i64) -> Result<Vec<Vec<u8>>, Failure> {
    let sql = "SELECT token FROM anchor_tokens WHERE size = ?1 ORDER BY number";
    all(db, sql, [size], |row| Ok(row.get(0)?))
}
