//! The numbered migrations, and how a file is known to be ours.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::file::{OpenError, SchemaVersion};

/// "CSgn": SQLite keeps it in the file's header, so that no other application's file is taken
/// for ours \[SQLite file format §1.3.12\].
pub(crate) const APPLICATION_ID: i32 = 0x4353_676e;

/// Each is applied once, in this order, and is never edited after a release; `user_version`
/// counts those that were.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_users_ledger_replay.sql")];

/// The newest schema that this version knows.
fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// How far the migrations of a file have come: `None` if it holds nothing yet. All that is read is
/// of one moment: another process may be creating the file.
fn version(db: &Transaction<'_>) -> Result<Option<i32>, OpenError> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(None),
        (APPLICATION_ID, 1.., 1..) if version <= known() => Ok(Some(version)),
        (APPLICATION_ID, 1.., _) if version > known() => {
            Err(OpenError::NewerSchema(SchemaVersion::new(version, known())))
        }
        _ => Err(OpenError::Foreign),
    }
}

/// Brings the file to the newest schema, all of it or nothing. Another process may be doing the
/// same.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), OpenError> {
    if version(&db.unchecked_transaction()?)? == Some(known()) {
        return Ok(());
    }
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let applied = version(&transaction)?.unwrap_or(0);
    for migration in MIGRATIONS
        .iter()
        .skip(usize::try_from(applied).unwrap_or(usize::MAX))
    {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known())?;
    Ok(transaction.commit()?)
}

/// Checks that the file has the newest schema, without touching it. It may be a stranger's, whose
/// tables are views that have no end.
pub(crate) fn check(db: &Connection) -> Result<(), OpenError> {
    match version(&db.unchecked_transaction()?)? {
        Some(version) if version == known() => {
            let mut right = Connection::open_in_memory()?;
            migrate(&mut right)?;
            let found = tables(db)?;
            let is_there = |(name, sql): (&String, &String)| found.get(name) == Some(sql);
            match tables(&right)?.iter().all(is_there) {
                true => Ok(()),
                false => Err(OpenError::Foreign),
            }
        }
        Some(version) => Err(OpenError::OlderSchema(SchemaVersion::new(version, known()))),
        None => Err(OpenError::Foreign),
    }
}

/// Every table, and the statement that made it.
fn tables(db: &Connection) -> Result<BTreeMap<String, String>, OpenError> {
    let mut select = db.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    )?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_tables_are_not_ours_is_foreign() {
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i AS only_row, i AS size FROM n";
        for change in [
            "DROP TABLE tree".to_owned(),
            format!("DROP TABLE tree; CREATE VIEW tree AS {endless}"),
            "DROP TABLE tree; CREATE TABLE tree (only_row, size)".to_owned(),
        ] {
            let mut db = Connection::open_in_memory().unwrap();
            migrate(&mut db).unwrap();
            check(&db).unwrap();
            db.execute_batch(&change).unwrap();
            assert!(matches!(check(&db), Err(OpenError::Foreign)), "{change}");
        }
    }

    #[test]
    fn a_row_is_added_to_each_table_without_a_temporary_one() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let texts = |sql: &str, column: usize| -> Vec<String> {
            let mut select = db.prepare(sql).unwrap();
            let rows = select.query_map([], |row| row.get(column)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        let tables = texts("SELECT name FROM sqlite_schema WHERE type = 'table'", 0);
        assert!(tables.iter().any(|table| table == "users"));
        for table in tables {
            let columns = texts(&format!("PRAGMA table_info({table})"), 1).len();
            let values = vec!["1"; columns].join(", ");
            let steps = texts(&format!("EXPLAIN INSERT INTO {table} VALUES ({values})"), 1);
            assert!(steps.iter().any(|step| step == "MakeRecord"), "{table}");
            assert!(!steps.iter().any(|step| step == "OpenEphemeral"), "{table}");
        }
    }
}
