//! The evidence bundle: one file that proves a signature, and its offline verifier.
//!
//! [`export()`] walks from a `document.signed` entry back through its causes, and writes the
//! records, their proofs, the log's checkpoint, what shall be disclosed, and the document or its
//! hash into one container, whose bytes follow from its content. [`verify()`] checks such a file
//! from its bytes, the log keys that are trusted, and a time; it needs no network, no database
//! and no clock. The format is written down in `docs/spec/bundle.md`; each bundle also carries
//! the commands to check it with openssl, sha256sum and jq.
//!
//! | module | what it holds |
//! |---|---|
//! | [`export`](mod@export), [`seal`] | from a ledger to a bundle, and a signature over it |
//! | [`verify`](mod@verify), [`trust`] | from a bundle to a report, by whom is trusted |
//! | [`report`] | what is proved, not proved or refuted, and by what |
//! | [`trail`] | the story that the records tell, for people |
//! | [`error`] | why a bundle was not exported |
//!
//! # Example
//! ```
//! use countersign_core::Timestamp;
//! use countersign_evidence::{TrustPolicy, verify};
//!
//! let report = verify(b"not a bundle", &TrustPolicy::new(), Timestamp::UNIX_EPOCH);
//! assert!(!report.accepted());
//! for line in report.failed() {
//!     println!("{}: {}", line.subject, line.by);
//! }
//! ```

mod assertion;
mod canonical_xml;
mod certificate;
mod container;
mod erasure;
pub mod error;
pub mod export;
mod head;
mod known;
mod layout;
mod links;
mod manifest;
mod members;
mod person;
pub mod report;
mod said;
pub mod seal;
mod signed_element;
mod signed_info;
mod sink;
pub mod trail;
pub mod trust;
mod unpack;
pub mod verify;
mod visible;

pub use crate::error::EvidenceError;
pub use crate::export::{Disclosure, Export, export};
pub use crate::report::{Claim, Line, Report, Status};
pub use crate::seal::Sealer;
pub use crate::trail::Trail;
pub use crate::trust::TrustPolicy;
pub use crate::unpack::unpack;
pub use crate::verify::verify;
