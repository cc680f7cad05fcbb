//! One audit record, as a store sees it.

use std::sync::Arc;

use crate::digest::LeafHash;
use crate::id::EntryId;
use crate::private::Private;

/// One sealed audit record: opaque bytes that a store keeps and never looks into.
///
/// Only `countersign-audit` seals records; a store gives back exactly what it was given.
/// The private part holds the personal values that the record commits to and the bytes that it
/// names; a store keeps it apart from the record (another table), because it is erased while the
/// record stays for ever. A clone is the same bytes, not a copy of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    id: EntryId,
    leaf: LeafHash,
    bytes: Vec<u8>,
    private: Option<Private>,
}

impl Entry {
    /// Longest record in bytes: an entry's length has 16 bits in C2SP `tlog-tiles`.
    pub const MAX_BYTES: usize = 65_535;

    /// Puts together what `countersign-audit` sealed or a store read back.
    ///
    /// `leaf` must be the RFC 6962 leaf hash of `bytes`; stores do not check it, the ledger does
    /// before it integrates an entry.
    #[must_use]
    pub fn from_parts(
        id: EntryId,
        leaf: LeafHash,
        bytes: Vec<u8>,
        private: Option<Private>,
    ) -> Self {
        Self(Arc::new(Parts {
            id,
            leaf,
            bytes,
            private,
        }))
    }

    /// The record's id.
    #[must_use]
    pub fn id(&self) -> &EntryId {
        &self.0.id
    }

    /// The hash that the ledger's tree has at its leaf.
    #[must_use]
    pub fn leaf(&self) -> LeafHash {
        self.0.leaf
    }

    /// The record: canonical JSON, at most [`Entry::MAX_BYTES`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// What the record leaves out, until it is erased.
    #[must_use]
    pub fn private(&self) -> Option<&Private> {
        self.0.private.as_ref()
    }
}
