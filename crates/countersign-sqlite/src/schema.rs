//! The numbered migrations, and how a file is known to be ours.

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

/// Checks that the file has the newest schema, without touching it.
pub(crate) fn check(db: &Connection) -> Result<(), OpenError> {
    match version(&db.unchecked_transaction()?)? {
        Some(version) if version == known() => Ok(()),
        Some(version) => Err(OpenError::OlderSchema(SchemaVersion::new(version, known()))),
        None => Err(OpenError::Foreign),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
