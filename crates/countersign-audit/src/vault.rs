//! Opening private parts: those in the clear, and those that a vault key encrypts.

use countersign_core::{LeafHash, VaultKeyId};
use thiserror::Error;

use crate::private::ParsePrivateError;

/// Why a private part was not opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// What is stored, or what was decrypted, is no private part.
    #[error("the private part of the record {leaf} can not be read")]
    Malformed {
        /// The record.
        leaf: LeafHash,
        /// That it is none.
        source: ParsePrivateError,
    },
    /// It is encrypted, and whoever reads it was given no vault.
    #[error("the private part of the record {leaf} is encrypted with the vault key `{key}`")]
    NoVault {
        /// The record.
        leaf: LeafHash,
        /// The key.
        key: VaultKeyId,
    },
}

impl VaultError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "vault.malformed",
            Self::NoVault { .. } => "vault.none",
        }
    }
}
