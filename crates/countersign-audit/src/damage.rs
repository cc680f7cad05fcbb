//! What can be wrong with a ledger, and where.

use countersign_core::LeafHash;
use thiserror::Error;

use crate::links::LinkError;
use crate::record::RecordError;
use crate::store::NodeId;
use crate::tiles::TilePath;

/// What is wrong with a ledger, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The tree, or the last checkpoint, is smaller than what was signed: someone brought an old
    /// copy back.
    #[error("the ledger was rolled back: it has {size} leaves, and {signed_size} were signed")]
    RolledBack {
        /// Leaves that are there.
        size: u64,
        /// Leaves that were signed.
        signed_size: u64,
    },
    /// The tree does not continue what was signed at this size.
    #[error("the ledger was forked: it does not continue what was signed at {signed_size} leaves")]
    Forked {
        /// The size that was signed.
        signed_size: u64,
    },
    /// The last checkpoint can not be read, or is not signed by the ledger's key.
    #[error("the last checkpoint is not one that this ledger's key has signed")]
    Checkpoint,
    /// A checkpoint that was time-stamped can not be read, or no key of the ledger has signed it.
    #[error("the time-stamped checkpoint of {size} leaves is not one that this ledger has signed")]
    Anchor {
        /// The size that it is kept under.
        size: u64,
    },
    /// The record by which the ledger's key was replaced is not there, or is another.
    #[error("the record of the last rotation of the ledger's key is not there")]
    Rotation,
    /// A file of an exported log is missing.
    #[error("the file {0} is missing")]
    MissingFile(TilePath),
    /// A file of an exported log is not what the entries make it.
    #[error("the file {0} is wrong")]
    WrongFile(TilePath),
    /// A file of an exported log is published already with other bytes, and never changes: two
    /// histories were exported to one place, or somebody wrote there.
    #[error("the file {0} is published already, and is another")]
    OtherFile(TilePath),
    /// A node of the tree is missing.
    #[error("the node at level {}, index {} is missing", .0.level, .0.index)]
    MissingNode(NodeId),
    /// A node of the tree is not the hash of what is below it.
    #[error("the node at level {}, index {} is wrong", .0.level, .0.index)]
    WrongNode(NodeId),
    /// An entry is missing.
    #[error("the entry at leaf {index} is missing")]
    MissingEntry {
        /// The position of its leaf.
        index: u64,
    },
    /// An entry's bytes do not have the leaf hash that is stored with them.
    #[error("the bytes of the entry at leaf {index} were changed")]
    ChangedEntry {
        /// The position that its leaf has, or would have had.
        index: u64,
    },
    /// An entry is no record.
    #[error("the entry at leaf {index} is no record: it {error}")]
    NotARecord {
        /// The position of its leaf.
        index: u64,
        /// What is wrong with it.
        error: RecordError,
    },
    /// An entry is stored under an id that is not the one in the record.
    #[error("the entry at leaf {index} is stored under another id than its own")]
    OtherId {
        /// The position of its leaf.
        index: u64,
    },
    /// A record names a cause that no earlier leaf is.
    #[error("the record at leaf {index} names the cause {parent}, which is no earlier leaf")]
    MissingParent {
        /// The position of its leaf.
        index: u64,
        /// The leaf hash it names.
        parent: LeafHash,
    },
    /// A record can not rest on what it names.
    #[error("the record at leaf {index} {error}")]
    Link {
        /// The position of its leaf.
        index: u64,
        /// What is wrong with it.
        error: LinkError,
    },
    /// The same entry is there twice.
    #[error("the entry at leaf {index} is there twice")]
    Duplicate {
        /// The position of the second.
        index: u64,
    },
}

impl Damage {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RolledBack { .. } => "ledger.rolled_back",
            Self::Forked { .. } => "ledger.forked",
            Self::Checkpoint => "ledger.checkpoint",
            Self::Anchor { .. } => "ledger.anchor",
            Self::Rotation => "ledger.rotation",
            Self::MissingFile(_) => "ledger.missing_file",
            Self::WrongFile(_) => "ledger.wrong_file",
            Self::OtherFile(_) => "ledger.other_file",
            Self::MissingNode(_) => "ledger.missing_node",
            Self::WrongNode(_) => "ledger.wrong_node",
            Self::MissingEntry { .. } => "ledger.missing_entry",
            Self::ChangedEntry { .. } => "ledger.changed_entry",
            Self::NotARecord { .. } => "ledger.not_a_record",
            Self::OtherId { .. } => "ledger.other_id",
            Self::MissingParent { .. } => "ledger.missing_parent",
            Self::Link { error, .. } => error.code(),
            Self::Duplicate { .. } => "ledger.duplicate",
        }
    }

    /// What is wrong with the record at `index`.
    pub(crate) fn link(index: u64, error: LinkError) -> Self {
        match error {
            LinkError::Missing { parent } => Self::MissingParent { index, parent },
            error => Self::Link { index, error },
        }
    }
}
