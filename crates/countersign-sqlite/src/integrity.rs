//! Looking through a whole file for what should not be.
//!
//! SQLite's own checks come first: every page, every index against its table, every foreign key.
//! Then what this crate promises of its rows. The ledger's hashes are not computed here; that is
//! what `LedgerReader::verify_all` does, and `countersign ledger verify`.

use std::fmt;

use countersign_core::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode};

use crate::aside::aside;
use crate::failure::gone;
use crate::file::OpenError;
use crate::store::SqliteStore;

const DOING: &str = "check the file's integrity";

/// Most findings of one check that are told; what is damaged at a hundred places is damaged.
const MAX_FINDINGS: u32 = 100;

/// Something in the file that should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    code: &'static str,
    detail: String,
}

impl Finding {
    /// Which check found it: a stable code for logs and scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What it found, as SQLite or this crate says it. Names tables, pages and numbers, and no
    /// value of a row.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// Questions whose answer has to be 0, each with what it means if it is not.
const QUESTIONS: &[(&str, &str, &str)] = &[
    (
        "sqlite.entries_gap",
        "SELECT count(*) FROM (
             SELECT first, lag(first + length(leaves) / 32, 1, 0) OVER (ORDER BY first) AS next
                 FROM runs
         ) WHERE first <> next",
        "the entries have a gap",
    ),
    (
        "sqlite.entry_ids",
        "SELECT (SELECT count(*) FROM entry_ids) <> (SELECT count(*) FROM entries)
             OR EXISTS (
                 SELECT 1 FROM entries LEFT JOIN entry_ids USING (id)
                     WHERE entry_ids.position IS NOT entries.position
             )",
        "the index of the ids is not that of the entries",
    ),
    (
        "sqlite.ends",
        "SELECT count(*) FROM (
             SELECT first, ends FROM runs UNION ALL SELECT first, ends FROM private
         ) AS parts, json_each(parts.ends) AS part
         WHERE part.value < iif(part.key = 0, 0, json_extract(ends, '$[' || (part.key - 1) || ']'))",
        "some entries or private parts end before they begin",
    ),
    (
        "sqlite.private",
        "SELECT count(*) FROM (
             SELECT first, lag(first + json_array_length(ends), 1, 0) OVER (ORDER BY first) AS next,
                 first + json_array_length(ends) AS behind FROM private
         ) WHERE first < next
             OR behind > (SELECT coalesce(max(first + length(leaves) / 32), 0) FROM runs)",
        "some private parts are not those of one entry",
    ),
    (
        "sqlite.rotation",
        "SELECT count(*) FROM rotation WHERE position >=
             (SELECT coalesce(max(first + length(leaves) / 32), 0) FROM runs)",
        "the last rotation is no entry",
    ),
    (
        "sqlite.leaf_twice",
        "SELECT count(*) <> count(DISTINCT leaf) FROM entries",
        "two entries have the same leaf hash",
    ),
    (
        "sqlite.leaf_index",
        "SELECT (SELECT count(*) FROM leaf_index) <> (
             SELECT count(*) FROM (SELECT position, hex(substr(leaf, 1, 1)) AS byte FROM entries)
                 WHERE position < (SELECT indexed_to FROM leaf_slices WHERE slice =
                     16 * instr('123456789ABCDEF', substr(byte, 1, 1))
                     + instr('123456789ABCDEF', substr(byte, 2, 1)))
         ) OR EXISTS (
             SELECT printf('%016X', key), position FROM leaf_index
                 EXCEPT SELECT hex(substr(leaf, 1, 8)), position FROM entries
         )",
        "the index of the leaf hashes is not that of the entries",
    ),
    (
        "sqlite.tree_size",
        "SELECT (SELECT size FROM tree) >
             (SELECT coalesce(max(first + length(leaves) / 32), 0) FROM runs)",
        "the tree has more leaves than there are entries",
    ),
    (
        "sqlite.checkpoint_size",
        "SELECT count(*) FROM checkpoint WHERE size > (SELECT size FROM tree)",
        "the checkpoint is of more leaves than the tree has",
    ),
    (
        "sqlite.seats",
        "SELECT count(*) FROM (
             SELECT tenant, sum(state NOT IN ('deprovisioned', 'erased')) AS taken
                 FROM users GROUP BY tenant
         ) AS counted LEFT JOIN seats USING (tenant)
         WHERE counted.taken <> coalesce(seats.taken, 0)",
        "the seats of some tenants were counted wrong",
    ),
    (
        "sqlite.unrecorded",
        "SELECT count(*) FROM (
             SELECT entry FROM users WHERE entry IS NOT NULL
             UNION SELECT state_entry FROM users WHERE state_entry IS NOT NULL
             UNION SELECT entry FROM links
             UNION SELECT entry FROM grants
             UNION SELECT entry FROM sessions
             UNION SELECT entry FROM consents
             EXCEPT SELECT leaf FROM entries
         )",
        "some accounts, links, grants, sessions or consents name a record that is not there",
    ),
];

impl SqliteStore {
    /// Looks through the whole file, and tells what should not be: an empty answer is a sound
    /// file. It reads every page, on a thread of its own; nobody who signs in waits for it.
    ///
    /// # Errors
    /// If the file can not be opened again. That it can not be *read* is a finding.
    pub async fn check_integrity(&self) -> Result<Vec<Finding>, StoreError> {
        let (path, source) = self.source();
        let checked = aside(path, source, |db| db.map(|db| findings(&db)));
        match checked.await.ok_or_else(|| gone(DOING))? {
            Ok(findings) => Ok(findings),
            Err(OpenError::NotADatabase) => Ok(vec![Finding {
                code: "sqlite.corrupt",
                detail: OpenError::NotADatabase.to_string(),
            }]),
            Err(error) => Err(StoreError::new(StoreErrorKind::Other, DOING).caused_by(error)),
        }
    }
}

/// Everything that is wrong with what a connection sees at this moment.
pub(crate) fn findings(db: &Connection) -> Vec<Finding> {
    let mut found = Vec::new();
    // One moment for all of it.
    let began = db.execute_batch("BEGIN");
    note(&mut found, began);
    let pages = rows(
        db,
        &format!("PRAGMA integrity_check({MAX_FINDINGS})"),
        |row| row.get::<_, String>(0),
    );
    for line in note(&mut found, pages).into_iter().flatten() {
        if line != "ok" {
            found.push(Finding {
                code: "sqlite.corrupt",
                detail: line,
            });
        }
    }
    let keys = rows(db, "PRAGMA foreign_key_check", |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(2)?))
    });
    let keys = note(&mut found, keys).unwrap_or_default();
    for (table, parent) in keys.into_iter().take(100) {
        found.push(Finding {
            code: "sqlite.foreign_key",
            detail: format!("a row of `{table}` names one of `{parent}` that is not there"),
        });
    }
    for (code, question, meaning) in QUESTIONS {
        let answer = db.query_row(question, [], |row| row.get::<_, i64>(0));
        if note(&mut found, answer).is_some_and(|answer| answer != 0) {
            found.push(Finding {
                code,
                detail: (*meaning).to_owned(),
            });
        }
    }
    let _ = db.execute_batch("ROLLBACK");
    found
}

fn rows<T>(
    db: &Connection,
    sql: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare(sql)?.query_map([], read)?.collect()
}

/// What a check came to; that it could not be made is a finding, too.
fn note<T>(found: &mut Vec<Finding>, outcome: rusqlite::Result<T>) -> Option<T> {
    outcome
        .map_err(|error| {
            let code = match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "sqlite.corrupt",
                _ => "sqlite.unreadable",
            };
            let detail = error.to_string();
            found.push(Finding { code, detail });
        })
        .ok()
}
