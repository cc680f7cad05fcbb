//! Typed, linked audit records, and the Merkle ledger that they are leaves of.

pub mod signer;
pub mod store;
