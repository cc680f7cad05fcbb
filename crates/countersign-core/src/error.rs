//! The error that every port returns.

use std::error::Error;
use std::fmt;

/// What a caller can do about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// What was expected no longer holds: a version moved on, a unique key is taken, a seat cap
    /// was reached, a connection changed. Nothing was written. Read again and decide again.
    Conflict,
    /// The store can not be reached or is too busy. It is unknown whether anything was written.
    Unavailable,
    /// Anything else: a damaged file, a full disk, a bug. Not to be retried blindly.
    Other,
}

/// A port failed. Absence is never an error: it is `None`.
///
/// `Display` gives the kind and what was being done; the cause is in [`Error::source`].
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    doing: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error of `kind` that came up while `doing` something, such as `commit a change`.
    #[must_use]
    pub fn new(kind: StoreErrorKind, doing: &'static str) -> Self {
        Self {
            kind,
            doing,
            source: None,
        }
    }

    /// [`StoreErrorKind::Conflict`].
    #[must_use]
    pub fn conflict(doing: &'static str) -> Self {
        Self::new(StoreErrorKind::Conflict, doing)
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a caller can do about it.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether to read again and decide again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind == StoreErrorKind::Conflict
    }

    /// What was being done when it failed.
    #[must_use]
    pub fn doing(&self) -> &'static str {
        self.doing
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            StoreErrorKind::Conflict => "the store has moved on",
            StoreErrorKind::Unavailable => "the store is unavailable",
            StoreErrorKind::Other => "the store failed",
        };
        write!(f, "could not {}: {what}", self.doing)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
