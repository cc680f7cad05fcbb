//! CAdES signatures and RFC 3161 time-stamps, made in two steps and verified in full.
//!
//! Synchronous and pure: no key, no clock and no network. Who signs has the key, in memory or in
//! an HSM; who asks a time-stamp authority has the connection. What comes back is believed only
//! after it was checked to a trust anchor that the caller names, at a time that the caller names.
//!
//! The structures are read and written by `der` and `x509-cert`, signatures are checked by ring,
//! and certificate paths by `rustls-webpki`. What is accepted is written down in
//! `docs/spec/time.md`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cades`] | detached signatures at level B-B \[EN 319 122-1\] |
//! | [`timestamp`] | asking for time-stamps, checking them, and renewing them \[RFC 3161, RFC 4998\] |
//! | [`trust`] | [`TrustAnchor`]: whom is trusted |
//! | [`algorithm`] | [`DigestAlgorithm`]: the hashes |
//! | [`error`] | [`CmsError`], by whose fault it is |

pub mod algorithm;
pub mod cades;
mod certificate;
pub mod error;
mod oid;
mod signed_data;
pub mod timestamp;
pub mod trust;
mod wire;

pub use crate::algorithm::DigestAlgorithm;
pub use crate::error::CmsError;
pub use crate::trust::TrustAnchor;
