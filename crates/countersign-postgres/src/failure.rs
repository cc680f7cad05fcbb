//! What can go wrong on the way to the server, and what a caller is told of it.

use std::fmt;

use countersign_core::{StoreError, StoreErrorKind};
use countersign_provision::foreign_tenant::ForeignTenant;
use thiserror::Error;
use tokio_postgres::error::SqlState;

/// What `countersign.require` and `countersign.refuse` end a transaction with.
const EXPECTATION: &str = "CS001";
const REFUSAL: &str = "CS002";
const NOT_THE_INTEGRATOR: &str = "CS003";

/// Why a request failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// Something that was expected does not hold. Nothing was written.
    #[error("{0}")]
    Conflict(&'static str),
    /// The request can not be carried out by any store.
    #[error("{0}")]
    Refused(&'static str),
    /// Not now.
    #[error("{0}")]
    Unavailable(&'static str),
    #[error(transparent)]
    ForeignTenant(#[from] ForeignTenant),
    /// A stored value is not what this crate writes.
    #[error("a stored row can not be read")]
    Damaged(#[source] serde_json::Error),
    /// A stored value is not one of those that this crate knows.
    #[error("a stored {0} is not known")]
    Unknown(&'static str),
    #[error("a number is out of range")]
    OutOfRange,
    /// The server said no.
    #[error(transparent)]
    Server(ServerError),
    /// The connection is lost, or there never was one.
    #[error("the connection failed")]
    Connection(#[source] tokio_postgres::Error),
    /// The client could not make sense of what it was given.
    #[error("the client failed")]
    Client(#[source] tokio_postgres::Error),
    #[error("the runtime that the store was opened in has ended")]
    RuntimeEnded,
}

impl Failure {
    /// Whether it only tells that the transaction had failed before.
    pub(crate) fn is_aftermath(&self) -> bool {
        matches!(self, Self::Server(error) if error.code == *SqlState::IN_FAILED_SQL_TRANSACTION.code())
    }

    /// Whether somebody else turns entries into leaves at this moment.
    pub(crate) fn is_not_the_integrator(&self) -> bool {
        matches!(self, Self::Server(error) if error.code == NOT_THE_INTEGRATOR)
    }

    /// Whether the session should not be used any more: its statements may be those of another
    /// schema, or the server is about to close it, which it says first.
    pub(crate) fn spoils_the_session(&self) -> bool {
        match self.kind() {
            StoreErrorKind::Conflict => false,
            StoreErrorKind::Unavailable => !self.is_not_the_integrator(),
            _ => true,
        }
    }

    pub(crate) fn into_store_error(self, doing: &'static str) -> StoreError {
        StoreError::new(self.kind(), doing).caused_by(self)
    }

    /// What a caller can do about it. `Conflict` is said only of what is certainly not there:
    /// the server has told so before the commit, or instead of it.
    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Conflict(_) => StoreErrorKind::Conflict,
            // Where the answer to a commit was lost, it may have been carried out.
            Self::Unavailable(_) | Self::Connection(_) | Self::RuntimeEnded => {
                StoreErrorKind::Unavailable
            }
            Self::Server(error) => kind_of_code(&error.code),
            _ => StoreErrorKind::Other,
        }
    }
}

/// \[PostgreSQL, appendix A\]
fn kind_of_code(code: &str) -> StoreErrorKind {
    let conflicts = [
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::UNIQUE_VIOLATION,
        // An account that a link, a grant or a session needs is not there.
        &SqlState::FOREIGN_KEY_VIOLATION,
    ];
    let passing = [
        // The server shuts down, has crashed, or is starting.
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::IDLE_SESSION_TIMEOUT,
        // Somebody cancelled it, or it took too long.
        &SqlState::QUERY_CANCELED,
        &SqlState::LOCK_NOT_AVAILABLE,
        &SqlState::TOO_MANY_CONNECTIONS,
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        // A standby, until somebody promotes it.
        &SqlState::READ_ONLY_SQL_TRANSACTION,
    ];
    if code == EXPECTATION || conflicts.iter().any(|one| one.code() == code) {
        StoreErrorKind::Conflict
    } else if code == NOT_THE_INTEGRATOR
        || code.starts_with("08")
        || passing.iter().any(|one| one.code() == code)
    {
        StoreErrorKind::Unavailable
    } else {
        StoreErrorKind::Other
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(said) => Self::Server(ServerError::of(said)),
            None if is_of_the_connection(&error) => Self::Connection(error),
            None => Self::Client(error),
        }
    }
}

/// Whether the server may never have heard of it, or we not of its answer.
fn is_of_the_connection(error: &tokio_postgres::Error) -> bool {
    let is_io =
        std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>());
    error.is_closed() || is_io
}

/// An error of the server's, without what it says of values: its details quote whole rows.
#[derive(Debug)]
pub(crate) struct ServerError {
    code: String,
    constraint: Option<String>,
    message: Option<String>,
}

impl ServerError {
    fn of(said: &tokio_postgres::error::DbError) -> Self {
        let code = said.code().code().to_owned();
        // Texts of ours, of connecting, of rights, of resources: none of them has a value in it.
        let is_plain = [
            EXPECTATION,
            REFUSAL,
            NOT_THE_INTEGRATOR,
            "42501",
            "3D000",
            "3F000",
        ]
        .contains(&code.as_str())
            || ["08", "25", "28", "40", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class));
        Self {
            constraint: said.constraint().map(str::to_owned),
            message: is_plain.then(|| said.message().to_owned()),
            code,
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.message, &self.constraint) {
            (Some(message), _) => write!(f, "{message} ({})", self.code),
            (None, Some(constraint)) => {
                write!(f, "the constraint `{constraint}` ({})", self.code)
            }
            (None, None) => write!(f, "the server answered with {}", self.code),
        }
    }
}

impl std::error::Error for ServerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_what_a_caller_can_do() {
        for (code, kind) in [
            ("40001", StoreErrorKind::Conflict),
            ("40P01", StoreErrorKind::Conflict),
            ("23505", StoreErrorKind::Conflict),
            ("23503", StoreErrorKind::Conflict),
            ("CS001", StoreErrorKind::Conflict),
            ("57P01", StoreErrorKind::Unavailable),
            ("57P02", StoreErrorKind::Unavailable),
            ("57P03", StoreErrorKind::Unavailable),
            ("57014", StoreErrorKind::Unavailable),
            ("55P03", StoreErrorKind::Unavailable),
            ("53300", StoreErrorKind::Unavailable),
            ("25006", StoreErrorKind::Unavailable),
            ("08006", StoreErrorKind::Unavailable),
            ("CS002", StoreErrorKind::Other),
            ("53100", StoreErrorKind::Other),
            ("23514", StoreErrorKind::Other),
            ("42501", StoreErrorKind::Other),
        ] {
            assert_eq!(kind_of_code(code), kind, "{code}");
        }
    }
}
