//! Authorities in process: one that issues certificates and one that stamps time, so that tests
//! and first steps need no network. Both can be wrong on request.
//!
//! They write their structures with a few functions of their own ([`der`]), not with those of
//! `countersign-cms`: what the one writes and the other reads is compared by that.
//!
//! ```
//! use countersign_cms::{DigestAlgorithm, TrustAnchor, timestamp};
//! use countersign_core::Timestamp;
//! use countersign_testkit::authority::{CertificateAuthority, TimeStampAuthority};
//!
//! let now: Timestamp = "2026-03-01T09:30:00Z".parse()?;
//! let root = CertificateAuthority::new("Test Root");
//! let authority = TimeStampAuthority::new(&root, "Test Time", now);
//!
//! let imprint = timestamp::Imprint::of(DigestAlgorithm::Sha256, b"data");
//! let request = timestamp::request(&imprint, [7; 16]);
//! let token = timestamp::read_response(&authority.answer(&request), &request)?;
//!
//! let trust = [TrustAnchor::from_certificate(root.certificate())?];
//! let verified = timestamp::verify_token(&token, b"data", &trust, now)?;
//! assert_eq!(verified.gen_time, now);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod certificate;
pub mod der;
mod key;
mod signed_data;
mod time_stamp;

pub use certificate::{CertificateAuthority, CertificateSpec, Issued};
pub use key::KeyKind;
pub use signed_data::{AttributeSpec, SignedDataSpec};
pub use time_stamp::{Fault, TimeStampAuthority};
