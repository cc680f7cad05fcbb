//! Typed, linked audit records in canonical JSON, and the Merkle ledger that they are leaves of.
