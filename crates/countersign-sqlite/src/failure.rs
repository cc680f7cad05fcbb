//! What can go wrong inside a transaction, and what a caller is told of it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use countersign_core::{StoreError, StoreErrorKind, TextError};
use countersign_provision::foreign_tenant::ForeignTenant;
use rusqlite::ErrorCode;
use rusqlite::ffi;
use thiserror::Error;

/// Why a request failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// Something that was expected does not hold.
    #[error("{0}")]
    Conflict(&'static str),
    /// Somebody else is in the way, for now.
    #[error("{0}")]
    Busy(&'static str),
    /// The request can not be carried out by any store.
    #[error("{0}")]
    Refused(&'static str),
    #[error(transparent)]
    ForeignTenant(#[from] ForeignTenant),
    /// A stored value is not what this crate writes.
    #[error("a stored {what} {source}")]
    Damaged {
        what: &'static str,
        source: TextError,
    },
    /// A stored value is not one of those that this crate knows.
    #[error("a stored {0} is not known")]
    Unknown(&'static str),
    #[error("a number is out of range")]
    OutOfRange,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl Failure {
    pub(crate) fn into_store_error(self, doing: &'static str) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::new(kind(&error), doing).caused_by(error),
            Self::Conflict(reason) => StoreError::conflict(doing).caused_by(reason),
            Self::Busy(reason) => {
                StoreError::new(StoreErrorKind::Unavailable, doing).caused_by(reason)
            }
            other => StoreError::new(StoreErrorKind::Other, doing).caused_by(other),
        }
    }
}

/// What a caller can do about an error of SQLite's while the transaction is open. Nothing was
/// written then, whatever it was.
fn kind(error: &rusqlite::Error) -> StoreErrorKind {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return StoreErrorKind::Other;
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreErrorKind::Unavailable,
        // A key is taken, or an account that a link, a grant or a session needs is not there.
        ErrorCode::ConstraintViolation
            if matches!(
                failure.extended_code,
                ffi::SQLITE_CONSTRAINT_UNIQUE
                    | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                    | ffi::SQLITE_CONSTRAINT_ROWID
                    | ffi::SQLITE_CONSTRAINT_FOREIGNKEY
            ) =>
        {
            StoreErrorKind::Conflict
        }
        _ => StoreErrorKind::Other,
    }
}

/// A whole transaction failed, and with it every request that shared it.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    /// What each of its callers is told.
    kind: StoreErrorKind,
    cause: Arc<dyn Error + Send + Sync>,
    /// Whether it may be on the disk nevertheless.
    pub(crate) is_in_doubt: bool,
}

impl Lost {
    /// It failed before it was committed: nothing of it is there.
    pub(crate) fn before_commit(cause: rusqlite::Error) -> Self {
        let kind = match kind(&cause) {
            StoreErrorKind::Conflict => StoreErrorKind::Other,
            kind => kind,
        };
        Self {
            kind,
            cause: Arc::new(cause),
            is_in_doubt: false,
        }
    }

    /// The commit itself failed. If the disk was full or the file was locked, nothing of it is
    /// there: the frame that makes a transaction count is the last one of it. After any other
    /// error it may be found on the disk, or not.
    pub(crate) fn in_commit(cause: rusqlite::Error) -> Self {
        let (kind, is_in_doubt) = match cause.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => (StoreErrorKind::Other, false),
            Some(ErrorCode::DatabaseBusy) => (StoreErrorKind::Unavailable, false),
            _ => (StoreErrorKind::Unavailable, true),
        };
        Self {
            kind,
            cause: Arc::new(cause),
            is_in_doubt,
        }
    }

    /// It was committed, and its sync failed.
    pub(crate) fn in_sync(cause: io::Error) -> Self {
        Self {
            kind: StoreErrorKind::Unavailable,
            cause: Arc::new(cause),
            is_in_doubt: true,
        }
    }

    pub(crate) fn to_store_error(&self, doing: &'static str) -> StoreError {
        StoreError::new(self.kind, doing).caused_by(Arc::clone(&self.cause))
    }
}

/// The thread that should have answered is gone.
pub(crate) fn gone(doing: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, doing)
        .caused_by("the store's thread has stopped; open the file again")
}
