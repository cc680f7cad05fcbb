//! How well an entry is kept: levels that a caller can wait for.

use std::fmt;

use crate::proof::LogProof;

/// How well an entry is kept. Each level has what those before it have; where a ledger has no
/// witnesses, a time-stamped entry has no cosignatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// The store has acknowledged it: it survives the machine, and waits to become a leaf or to be
    /// covered by a checkpoint.
    Durable,
    /// A checkpoint that the log has signed covers it.
    Checkpointed,
    /// And enough witnesses have cosigned that checkpoint: the log can not show others another
    /// history.
    Witnessed,
    /// And a time-stamp authority has said by when it was there: the log can not make it look
    /// younger, nor change it since.
    Timestamped,
}

impl Level {
    /// The level's name, for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Checkpointed => "checkpointed",
            Self::Witnessed => "witnessed",
            Self::Timestamped => "timestamped",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is promised of an entry that was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Receipt {
    /// It is kept.
    Durable,
    /// A signed checkpoint covers it.
    Checkpointed(LogProof),
    /// A checkpoint covers it that enough witnesses have cosigned: it is in the proof, with the
    /// cosignatures.
    Witnessed {
        /// That the entry is in the tree of the cosigned checkpoint.
        proof: LogProof,
        /// How many witnesses have cosigned.
        k: usize,
        /// How many witnesses the ledger has.
        of: usize,
    },
    /// A checkpoint covers it that a time-stamp was taken of.
    Timestamped {
        /// That the entry is in the tree of the time-stamped checkpoint.
        proof: LogProof,
        /// `TimeStampToken`s in DER, the oldest first.
        tokens: Vec<Vec<u8>>,
    },
}

impl Receipt {
    /// The level that it is a promise of.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::Durable => Level::Durable,
            Self::Checkpointed(_) => Level::Checkpointed,
            Self::Witnessed { .. } => Level::Witnessed,
            Self::Timestamped { .. } => Level::Timestamped,
        }
    }

    /// The proof, from the level [`Level::Checkpointed`] on.
    #[must_use]
    pub fn proof(&self) -> Option<&LogProof> {
        match self {
            Self::Durable => None,
            Self::Checkpointed(proof)
            | Self::Witnessed { proof, .. }
            | Self::Timestamped { proof, .. } => Some(proof),
        }
    }
}
