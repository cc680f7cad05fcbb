//! Why a bundle was not exported.

use countersign_audit::AuditError;
use countersign_audit::record::RecordError;
use countersign_core::LeafHash;
use thiserror::Error;

use crate::report::Report;
use crate::seal::SealError;

/// Why a bundle was not exported. Verifying never fails: it reports.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The ledger could not be read.
    #[error("the ledger could not be read")]
    Ledger(#[from] AuditError),
    /// A record of the chain is not in the ledger.
    #[error("the record {0} is not in the ledger")]
    MissingRecord(LeafHash),
    /// A record of the chain is not covered by the last checkpoint yet: advance the ledger first.
    #[error("the record {0} is not covered by a checkpoint yet")]
    NotCheckpointed(LeafHash),
    /// An entry of the chain is no record.
    #[error("the entry {leaf} is no record")]
    NotARecord {
        /// The entry.
        leaf: LeafHash,
        /// What is wrong with it.
        #[source]
        error: RecordError,
    },
    /// The stored openings of a record can not be read.
    #[error("the openings of the record {0} can not be read")]
    Openings(LeafHash),
    /// The file name of the document or an attachment is not allowed \[bundle.md §2\].
    #[error("a file name is not made of letters, digits, `.`, `_` and `-`")]
    FileName,
    /// None of the ledger's keys that were given has signed the checkpoint.
    #[error("no key that was given has signed the checkpoint")]
    LogKey,
    /// The bundle could not be sealed.
    #[error("the bundle could not be sealed")]
    Seal(#[from] SealError),
    /// More records or more bytes than a bundle can hold \[bundle.md §1, §2\].
    #[error("is more than a bundle can hold")]
    TooLarge,
    /// What was put together would not be accepted by a verifier that trusts the log: the chain
    /// or the document is not what the ledger says.
    #[error("the bundle would not be accepted")]
    NotAcceptable(Box<Report>),
}

impl EvidenceError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ledger(error) => error.code(),
            Self::MissingRecord(_) => "evidence.missing_record",
            Self::NotCheckpointed(_) => "evidence.not_checkpointed",
            Self::NotARecord { error, .. } => error.code(),
            Self::Openings(_) => "evidence.openings",
            Self::FileName => "evidence.file_name",
            Self::LogKey => "evidence.log_key",
            Self::Seal(error) => error.code(),
            Self::TooLarge => "evidence.too_large",
            Self::NotAcceptable(_) => "evidence.not_acceptable",
        }
    }
}
