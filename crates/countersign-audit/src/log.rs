//! `key.rotated` and `checkpoint.anchored`: what happened to the log itself.

use countersign_core::{Sha256Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::leaf::Leaf;
use crate::note::VerifierKey;
use crate::record::Actor;
use crate::seal::Draft;

/// The log signs its checkpoints with another key from now on \[record.md §5.1\].
///
/// Written while the retired key still signs: a checkpoint by that key covers this record, and so
/// vouches for the key after it. The position of its leaf is the largest size that the retired key
/// signs alone; it is not in the record, because nobody knows it before the leaf has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyRotated {
    /// The key from now on.
    pub key: VerifierKey,
    /// The log's name.
    pub origin: String,
    /// The key until now.
    pub retired_key: VerifierKey,
}

impl KeyRotated {
    /// The record of a rotation; `last` is the record of the one before it.
    #[must_use]
    pub fn draft(self, last: Option<Leaf<Self>>, by: Actor, note: Option<&str>) -> Draft<Self> {
        let draft = Draft::new(self, by);
        let draft = match last {
            Some(last) => draft.caused_by(last),
            None => draft,
        };
        draft.personal_if_any("note", note.as_ref())
    }
}

/// A time-stamp was taken of a checkpoint \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckpointAnchored {
    /// When the authority says that it was.
    pub gen_time: Timestamp,
    /// SHA-256 of the checkpoint's note, as it was stamped.
    pub note_sha256: Sha256Digest,
    /// The root that the checkpoint commits to.
    pub root: Sha256Digest,
    /// The size that the checkpoint commits to; at most 2^53 − 1.
    pub size: u64,
    /// SHA-256 of the token (DER).
    pub token_sha256: Sha256Digest,
    /// How many tokens there are over this checkpoint with this one: 1 for the first, more for a
    /// renewal.
    pub tokens: u32,
}

impl CheckpointAnchored {
    /// The record of a time-stamp.
    #[must_use]
    pub fn draft(self) -> Draft<Self> {
        Draft::new(self, Actor::System)
    }
}
