//! What hosts and countersign itself use in tests. Never part of a release build: it holds
//! private keys that everybody knows.

pub mod attacks;
pub mod authority;
pub mod broken;
pub mod conformance;
pub mod encryption;
pub mod fixtures;
pub mod identity;
pub mod idp;
pub mod keys;
#[cfg(unix)]
pub mod postgres_cluster;
pub mod providers;
pub mod suite;
pub mod witness;
