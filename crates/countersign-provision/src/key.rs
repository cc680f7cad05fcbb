//! Which part of an identity is the subject that an account is found by.

use countersign_core::SubjectKeyError;
use thiserror::Error;

/// What the subject is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key {
    /// The `NameID`, if its format says that it stands for the person: transient and
    /// unspecified ones are refused.
    NameId,
    /// The `NameID`, also of unspecified format: the connection states that it is stable.
    StableNameId,
    /// One attribute, by its short name in the preset or its full name, with exactly one value.
    Attribute(String),
}

/// Why an identity gives no facts. Every one refuses the sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The attribute that the connection names as its key was not sent.
    #[error("the attribute `{attribute}`, which the connection names as its key, was not sent")]
    KeyMissing {
        /// The attribute.
        attribute: String,
    },
    /// The attribute that the connection names as its key has several values, or one that is no
    /// text.
    #[error("the attribute `{attribute}`, which the connection names as its key, is not one text")]
    KeyNotOne {
        /// The attribute.
        attribute: String,
    },
    /// The identifier can not stand for a person.
    #[error("{0}")]
    Subject(SubjectKeyError),
}

impl FactsError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyMissing { .. } => "provision.key_missing",
            Self::KeyNotOne { .. } => "provision.key_not_one",
            Self::Subject(SubjectKeyError::Transient) => "provision.key_transient",
            Self::Subject(SubjectKeyError::Unspecified) => "provision.key_unspecified",
            Self::Subject(_) => "provision.key_unusable",
        }
    }
}
