//! Queries in one line.

use rusqlite::{Connection, Params, Row};
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Every row of a query.
pub(crate) fn all<T>(
    db: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The first row of a query, if there is one.
pub(crate) fn first<T>(
    db: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(parameters)?;
    rows.next()?.map(read).transpose()
}

/// Whether a query has a row.
pub(crate) fn exists(db: &Connection, sql: &str, parameters: impl Params) -> Result<bool, Failure> {
    Ok(db.prepare_cached(sql)?.exists(parameters)?)
}

/// Runs a statement, and tells how many rows it wrote.
pub(crate) fn run(db: &Connection, sql: &str, parameters: impl Params) -> Result<usize, Failure> {
    Ok(db.prepare_cached(sql)?.execute(parameters)?)
}

/// What the row's first column keeps as JSON.
pub(crate) fn body<T: DeserializeOwned>(row: &Row<'_>) -> Result<T, Failure> {
    let text = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(serde_json::from_str(text)?)
}

/// A column as a text of ours.
pub(crate) fn text<T: TryFrom<String>>(row: &Row<'_>, column: usize) -> Result<T, Failure> {
    T::try_from(row.get(column)?).map_err(|_| Failure::Damaged)
}

/// SQLite's integers are signed. What does not fit is nothing that was ever stored.
pub(crate) fn integer(number: u64) -> Result<i64, Failure> {
    i64::try_from(number).map_err(|_| Failure::Conflict("a number is out of range"))
}

pub(crate) fn number(row: &Row<'_>, column: usize) -> Result<u64, Failure> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| Failure::Damaged)
}
