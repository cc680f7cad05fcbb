//! A log published into object storage: whatever [`object_store`] speaks to.
//!
//! [`ObjectTiles`] is a [`TileStore`](countersign_audit::tiles::TileStore) over the host's own
//! `Arc<dyn ObjectStore>`: this crate turns on none of that crate's features, so which clouds are
//! built in, and with which credentials, is the host's to say.
//! [`LedgerReader::publish`](countersign_audit::LedgerReader::publish) writes there and
//! [`verify_tiles`](countersign_audit::tile_check::verify_tiles) checks what is there; the objects
//! are the files of C2SP tlog-tiles, so that a bucket that serves them is a log that others read.
//!
//! # What the store has to do
//! - *Put if absent* (`PutMode::Create`), for tiles. One that is there with other bytes stays, and
//!   the export stops.
//! - *Put if unchanged* (`PutMode::Update`), for the checkpoint. Without it two exports could set
//!   the checkpoint back, so it is never replaced blindly: a store that can not do it is refused,
//!   unless all who publish there hold one lock, [`ObjectTiles::with_lock_file`]. The local file
//!   system is such a store.
//! - Be durable when it answers. `LocalFileSystem` is `with_fsync(true)` only.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use countersign_audit::tile_check::verify_tiles;
//! use countersign_audit::{Ed25519Signer, Ledger, LedgerStore, TrustedKey, VerifierKey};
//! use countersign_object_store::ObjectTiles;
//! use object_store::memory::InMemory;
//! # use countersign::memory::MemoryStore;
//! # use countersign_audit::assertion::AssertionRejected;
//! # use countersign_audit::{Correlation, SystemEntropy};
//! # use countersign_core::{ConnectionId, CorrelationId, Door, Sha256Digest, TenantId, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # pollster::block_on(async {
//! # let store = Arc::new(MemoryStore::new());
//! # let rejected = AssertionRejected {
//! #     door: Door::Saml,
//! #     connection: ConnectionId::new("acme-idp")?,
//! #     code: "saml.expired".to_owned(),
//! #     received_sha256: Sha256Digest::from_bytes([7; 32]),
//! # };
//! # let entry = Correlation::begin(TenantId::new("acme")?, CorrelationId::new("walk-1")?)
//! #     .seal(rejected.draft(), Timestamp::UNIX_EPOCH, &SystemEntropy::new())?
//! #     .entry()
//! #     .clone();
//! # store.enqueue(&[entry]).await?;
//! let (signer, _) = Ed25519Signer::generate()?;
//! let keys: [TrustedKey; 1] = [VerifierKey::of_signer("log.example/audit", &signer)?.into()];
//! let ledger = Ledger::open(store, Arc::new(signer), "log.example/audit").await?;
//! ledger.advance().await?;
//!
//! // Elsewhere: AmazonS3Builder, GoogleCloudStorageBuilder, …
//! let bucket = Arc::new(InMemory::new());
//! let tiles = ObjectTiles::new(bucket).below("audit".into());
//! ledger.reader().publish(&keys, &tiles, &mut |_| {}).await?;
//!
//! let check = verify_tiles(&tiles, &keys, &mut |_| {}).await?;
//! assert!(check.is_sound());
//! assert_eq!(check.size, 1);
//! # Ok(())
//! # })
//! # }
//! ```

pub mod object_tiles;

pub use crate::object_tiles::ObjectTiles;
