//! What can go wrong inside a transaction, and which kind of error a caller gets for it.

use countersign::provision::foreign_tenant::ForeignTenant;
use countersign::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;
use rusqlite::ffi;
use thiserror::Error;

/// Why a transaction was rolled back.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// Something that was expected does not hold: the caller reads again and decides again.
    #[error("{0}")]
    Conflict(&'static str),
    /// Somebody is in the way, for now.
    #[error("{0}")]
    Busy(&'static str),
    #[error(transparent)]
    ForeignTenant(#[from] ForeignTenant),
    #[error("a kind of write or query that is not known here")]
    Unknown,
    #[error("what is stored is not what this store writes")]
    Damaged,
    #[error("what is stored can not be read")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl Failure {
    /// Nothing was written, whatever it was: the transaction was still open.
    pub(crate) fn into_store_error(self, doing: &'static str) -> StoreError {
        StoreError::new(self.kind(), doing).caused_by(self)
    }

    fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Conflict(_) => StoreErrorKind::Conflict,
            Self::Busy(_) => StoreErrorKind::Unavailable,
            Self::Sqlite(rusqlite::Error::SqliteFailure(failure, _)) => match failure.code {
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreErrorKind::Unavailable,
                // A key is taken, or the account is not there. Anything else that a constraint or
                // a trigger refuses is no race, and reading again would not help.
                ErrorCode::ConstraintViolation => match failure.extended_code {
                    ffi::SQLITE_CONSTRAINT_UNIQUE
                    | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                    | ffi::SQLITE_CONSTRAINT_FOREIGNKEY => StoreErrorKind::Conflict,
                    _ => StoreErrorKind::Other,
                },
                _ => StoreErrorKind::Other,
            },
            _ => StoreErrorKind::Other,
        }
    }
}
