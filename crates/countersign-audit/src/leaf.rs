//! Names of records: their leaf hashes, typed by the kind of record.

use std::fmt;
use std::marker::PhantomData;

use countersign_core::LeafHash;
use ring::digest::{Context, SHA256};

use crate::account::{UserLinked, UserProvisioned, UserUpdated};
use crate::approval::{UserApproved, UserDeclined};
use crate::assertion::AssertionVerified;
use crate::lifecycle::{UserDeprovisioned, UserReactivated, UserStale, UserSuspended};
use crate::review::AccessReviewed;

/// The hash of a ledger leaf, SHA-256(0x00 ‖ bytes) \[RFC 6962 §2.1\].
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> LeafHash {
    let mut context = Context::new(&SHA256);
    context.update(&[0x00]);
    context.update(bytes);
    LeafHash::from_bytes(into_array(&context.finish()))
}

/// The 32 bytes of a SHA-256 digest.
pub(crate) fn into_array(digest: &ring::digest::Digest) -> [u8; 32] {
    // INVARIANT: a SHA-256 digest has 32 bytes.
    digest.as_ref().try_into().unwrap_or([0; 32])
}

/// The leaf hash of a record of kind `K`: what a later record of another kind needs as its cause.
///
/// Sealing a record returns one. A signature takes a `Leaf<IntentConfirmed>` and nothing else, so
/// that a signature without a confirmed intent can not be written down.
pub struct Leaf<K> {
    hash: LeafHash,
    kind: PhantomData<fn() -> K>,
}

impl<K> Leaf<K> {
    /// For a hash that was kept in a store, beside what the record is about.
    ///
    /// The caller states that the record is of this kind. If it is not, the chain is still
    /// found to be broken when it is verified: parents' kinds are checked \[record.md §6\].
    #[must_use]
    pub fn from_store(hash: LeafHash) -> Self {
        Self {
            hash,
            kind: PhantomData,
        }
    }

    /// The hash.
    #[must_use]
    pub fn hash(self) -> LeafHash {
        self.hash
    }
}

impl<K> Clone for Leaf<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Leaf<K> {}

impl<K> PartialEq for Leaf<K> {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl<K> Eq for Leaf<K> {}

impl<K> fmt::Debug for Leaf<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({})", self.hash)
    }
}

impl<K> From<Leaf<K>> for LeafHash {
    fn from(leaf: Leaf<K>) -> Self {
        leaf.hash
    }
}

/// The record that tied a subject to an account: `user.provisioned` or `user.linked`. It is what
/// a store keeps as a link's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {}

impl From<Leaf<UserProvisioned>> for Leaf<Account> {
    fn from(leaf: Leaf<UserProvisioned>) -> Self {
        Self::from_store(leaf.hash)
    }
}

impl From<Leaf<UserLinked>> for Leaf<Account> {
    fn from(leaf: Leaf<UserLinked>) -> Self {
        Self::from_store(leaf.hash)
    }
}

/// A record that brought an account into the state that it is in. It is what a store keeps as
/// the entry of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {}

/// What a role or a session was lost with: a sign-in, the end of the account's use, or a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {}

macro_rules! stands_for {
    ($($kind:ident => $marker:ident;)*) => {$(
        impl From<Leaf<$kind>> for Leaf<$marker> {
            fn from(leaf: Leaf<$kind>) -> Self {
                Self::from_store(leaf.hash)
            }
        }
    )*};
}
stands_for! {
    UserProvisioned => State;
    UserUpdated => State;
    UserApproved => State;
    UserDeclined => State;
    UserStale => State;
    UserSuspended => State;
    UserReactivated => State;
    UserDeprovisioned => State;
    AssertionVerified => Loss;
    UserSuspended => Loss;
    UserDeprovisioned => Loss;
    AccessReviewed => Loss;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leaf_hash_is_that_of_rfc_6962() {
        // SHA-256 of the single byte 0x00: the leaf hash of an empty entry.
        assert_eq!(
            leaf_hash(b"").to_string(),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }
}
