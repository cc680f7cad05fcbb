//! Typed, linked audit records in canonical JSON, and the Merkle ledger that they are leaves of.
//!
//! Something happens; a typed [`seal::Draft`] says what, and takes the records that caused it.
//! [`Correlation::seal`] makes it an [`countersign_core::Entry`], which the host's store commits
//! in the same transaction as the change itself. Later a [`Ledger`] turns the entries of the
//! outbox into leaves of an RFC 6962 tree and signs its head. From then on anybody can check that
//! an entry is in the log, and that the log only ever grew.
//!
//! The formats are written down in `docs/spec/record.md`; the tree and its notes are those of
//! RFC 6962, RFC 9162 and C2SP.
//!
//! | module | what it holds |
//! |---|---|
//! | [`record`] | the envelope, and how bytes become a [`Record`] |
//! | [`kind`] | the kinds of record and what each needs as its cause |
//! | [`assertion`], [`account`], [`approval`], [`role`], [`session`], [`ceremony`], [`lifecycle`], [`review`], [`policy`], [`consent`], [`log`] | what each kind says, and its draft |
//! | [`email`], [`invitation`], [`link`] | the kinds that issue a token, and what becomes of it |
//! | [`token`] | what such a record says of its token |
//! | [`seal`] | from a draft to an entry |
//! | [`links`] | what a record and those that it rests on must agree on |
//! | [`leaf`] | [`Leaf`]: the hash of a record, typed by its kind |
//! | [`commitment`] | salted commitments to personal data, and their openings |
//! | [`private`] | the content of a record's private part |
//! | [`vault`] | encrypting and opening private parts |
//! | [`key_wrap`], [`vault_store`] | the ports to the host's wrapping key and to where wrapped keys live |
//! | [`local_key_wrap`] | a wrapping key in memory |
//! | [`canonical`] | canonical JSON by our profile |
//! | [`merkle`] | hashes and proofs of the tree |
//! | [`note`], [`checkpoint`], [`proof`] | C2SP signed notes, checkpoints, proof files |
//! | [`verifier_key`], [`cosignature`] | whose signatures count: the log's keys, and k of n witnesses |
//! | [`ledger`], [`reader`], [`fsck`] | writing a ledger, reading it, checking all of it |
//! | [`receipt`], [`damage`] | what is promised of an entry, and what can be wrong with a ledger |
//! | [`rotation`] | replacing the log's key |
//! | [`tiles`], [`tile_folder`], [`publish`], [`tile_check`] | the log as files that any C2SP client reads |
//! | [`witness`] | the port to the witnesses, and collecting their cosignatures |
//! | [`node_runs`] | nodes in the order of their completion, for stores that keep several in a row |
//! | [`store`], [`signer`] | the ports to where it lives and to what signs |
//! | [`ed25519`], [`ecdsa`], [`rsa`] | keys in memory |
//!
//! # Example
//! ```
//! use countersign_audit::assertion::AssertionRejected;
//! use countersign_audit::{Correlation, SystemEntropy, parse_record};
//! use countersign_core::{ConnectionId, CorrelationId, Door, Sha256Digest, TenantId, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut walk = Correlation::begin(TenantId::new("acme")?, CorrelationId::new("walk-1")?);
//! let rejected = AssertionRejected {
//!     door: Door::Saml,
//!     connection: ConnectionId::new("acme-idp")?,
//!     code: "saml.expired".to_owned(),
//!     received_sha256: Sha256Digest::from_bytes([7; 32]),
//! };
//! let sealed = walk.seal(rejected.draft(), Timestamp::UNIX_EPOCH, &SystemEntropy::new())?;
//! let record = parse_record(sealed.entry().bytes())?;
//! assert_eq!(record.kind().as_str(), "assertion.rejected");
//! # Ok(())
//! # }
//! ```

pub mod account;
mod aead;
pub mod anchor;
pub mod approval;
pub mod assertion;
pub mod canonical;
mod causes;
pub mod ceremony;
pub mod checkpoint;
pub mod commitment;
pub mod consent;
pub mod cosignature;
pub mod damage;
pub mod ecdsa;
pub mod ed25519;
pub mod email;
pub mod error;
pub mod fsck;
pub mod invitation;
pub mod key_wrap;
pub mod kind;
pub mod leaf;
pub mod ledger;
pub mod lifecycle;
pub mod link;
pub mod links;
pub mod local_key_wrap;
pub mod log;
pub mod merkle;
pub mod node_runs;
pub mod note;
mod plain;
pub mod policy;
pub mod private;
pub mod proof;
mod proved;
pub mod publish;
pub mod reader;
pub mod receipt;
pub mod record;
pub mod review;
pub mod role;
pub mod rotation;
pub mod rsa;
#[cfg(feature = "schema")]
pub mod schema;
pub mod seal;
pub mod session;
pub mod signer;
mod spki;
pub mod store;
pub mod tile_check;
pub mod tile_folder;
pub mod tiles;
pub mod time_stamp_authority;
pub mod token;
pub mod vault;
pub mod vault_store;
pub mod verifier_key;
pub mod witness;
mod writer;

pub use crate::anchor::{AnchorDue, Anchored, TimeStamps};
pub use crate::checkpoint::{Checkpoint, SignedCheckpoint};
pub use crate::cosignature::{WitnessKey, WitnessPolicy};
pub use crate::damage::Damage;
pub use crate::ecdsa::EcdsaP256Signer;
pub use crate::ed25519::Ed25519Signer;
pub use crate::error::AuditError;
pub use crate::key_wrap::{DataKey, KeyWrap, KeyWrapError};
pub use crate::kind::{Body, Kind};
pub use crate::leaf::{Account, Leaf, leaf_hash};
pub use crate::ledger::Ledger;
pub use crate::links::LinkError;
pub use crate::local_key_wrap::LocalKeyWrap;
pub use crate::private::PrivatePart;
pub use crate::reader::LedgerReader;
pub use crate::receipt::{Level, Receipt};
pub use crate::record::{Record, Recorded, parse_record};
pub use crate::rsa::RsaSigner;
pub use crate::seal::{Correlation, Entropy, Sealed, SystemEntropy};
pub use crate::signer::Signer;
pub use crate::store::LedgerStore;
pub use crate::time_stamp_authority::TimeStampAuthority;
pub use crate::vault::{Filing, Rewrapped, Vault, VaultError};
pub use crate::vault_store::VaultStore;
pub use crate::verifier_key::{TrustedKey, VerifierKey};
pub use crate::witness::{Witness, Witnesses};
