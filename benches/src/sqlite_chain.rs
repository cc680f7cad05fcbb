//! The baseline that anyone would write first: a hash chain in one SQLite table, one transaction
//! an entry.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ring::digest::{Context, SHA256};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

/// A table whose every row names the hash of the one before.
#[derive(Debug)]
pub(crate) struct SqliteChain(Mutex<Connection>);

/// A new database with the table in it.
pub(crate) fn create(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a new database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             CREATE TABLE chain (
                 position INTEGER PRIMARY KEY,
                 entry BLOB NOT NULL,
                 hash BLOB NOT NULL
             ) STRICT;",
        )
        .expect("a table");
    connection
}

/// Chains `bytes` to the last row.
pub(crate) fn add(transaction: &Transaction<'_>, bytes: &[u8]) {
    let last: Option<Vec<u8>> = transaction
        .prepare_cached("SELECT hash FROM chain ORDER BY position DESC LIMIT 1")
        .and_then(|mut query| query.query_row([], |row| row.get(0)).optional())
        .expect("the last row");
    let mut hash = Context::new(&SHA256);
    hash.update(&last.unwrap_or_default());
    hash.update(bytes);
    transaction
        .prepare_cached("INSERT INTO chain (entry, hash) VALUES (?1, ?2)")
        .and_then(|mut insert| insert.execute(params![bytes, hash.finish().as_ref()]))
        .expect("a new row");
}

impl SqliteChain {
    pub(crate) fn create(path: &Path) -> Self {
        Self(Mutex::new(create(path)))
    }

    /// Returns when `bytes` are durable and chained.
    pub(crate) fn append(&self, bytes: &[u8]) {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .expect("the only writer");
        add(&transaction, bytes);
        transaction.commit().expect("a working disk");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_hashes_the_one_before() {
        let folder = crate::load::folder();
        let chain = SqliteChain::create(&folder.path().join("chain"));
        chain.append(b"one");
        chain.append(b"one");
        let connection = chain.0.lock().unwrap();
        let hashes: i64 = connection
            .query_row("SELECT count(DISTINCT hash) FROM chain", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(hashes, 2);
    }
}
