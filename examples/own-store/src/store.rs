//! One connection to the host's database, and one transaction for each call.

use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use countersign::{StoreError, StoreErrorKind};
use rusqlite::{Connection, TransactionBehavior};

use crate::accounts;
use crate::failure::Failure;

/// How long to wait for another program that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The ports over the host's database.
///
/// One connection serves all calls, one after the other, and a call blocks its thread until it is
/// done. A host whose executor must not stand still gives the work to a thread of its own instead.
pub struct OwnStore {
    db: Mutex<Connection>,
}

impl OwnStore {
    /// Takes a connection to the host's database, and puts our tables beside the host's if they are
    /// not there.
    ///
    /// # Errors
    /// If it can not be written, or has no `users`.
    pub fn over(mut db: Connection) -> Result<Self, rusqlite::Error> {
        db.busy_timeout(BUSY_TIMEOUT)?;
        // Durable before `Ok`: a commit is on the disk when it returns.
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        // What is deleted is overwritten, because some of it is deleted for good.
        db.pragma_update(None, "secure_delete", true)?;
        let setup = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !setup.table_exists(None, "cs_accounts")? {
            setup.execute_batch(include_str!("../ours.sql"))?;
        }
        setup.commit()?;
        Ok(Self { db: Mutex::new(db) })
    }

    fn lock(&self, doing: &'static str) -> Result<MutexGuard<'_, Connection>, StoreError> {
        let panicked = |_| {
            StoreError::new(StoreErrorKind::Unavailable, doing)
                .caused_by("a call has panicked; open the store again")
        };
        self.db.lock().map_err(panicked)
    }

    /// Reads in one snapshot, in which every account is up to date with the host's row.
    pub(crate) fn read<T>(
        &self,
        doing: &'static str,
        read: impl Fn(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        loop {
            let found = read_if_current(&mut *self.lock(doing)?, &read);
            if let Some(answer) = found.map_err(|failure| failure.into_store_error(doing))? {
                return Ok(answer);
            }
            // A transaction that has begun to read can not always begin to write, so this is
            // another one.
            self.write(doing, |_| Ok(()))?;
        }
    }

    /// Writes in one transaction. Whatever fails rolls all of it back.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        write: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let mut db = self.lock(doing)?;
        let begun = db.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(|e| Failure::from(e).into_store_error(doing))?;
        let written = accounts::catch_up(&transaction).and_then(|()| write(&transaction));
        let answer = written.map_err(|failure| failure.into_store_error(doing))?;
        // From here on nobody knows: a commit that fails may be on the disk.
        transaction.commit().map_err(|error| {
            StoreError::new(StoreErrorKind::Unavailable, doing).caused_by(error)
        })?;
        Ok(answer)
    }

    /// Does what can not be done in a transaction.
    pub(crate) fn alone<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let db = self.lock(doing)?;
        work(&db).map_err(|failure| failure.into_store_error(doing))
    }
}

fn read_if_current<T>(
    db: &mut Connection,
    read: impl Fn(&Connection) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let snapshot = db.transaction()?;
    if accounts::are_behind(&snapshot)? {
        return Ok(None);
    }
    read(&snapshot).map(Some)
}

impl fmt::Debug for OwnStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnStore").finish_non_exhaustive()
    }
}
