//! The embedded default store: users, links, grants, replay, outbox and ledger in one SQLite
//! file.
//!
//! [`SqliteStore`] implements the four ports that an engine needs, [`UserStore`],
//! [`LedgerStore`], [`VaultStore`] and [`ReplayStore`], over one file in write-ahead mode: what is
//! acknowledged is on the disk.
//!
//! ```
//! use countersign_audit::store::LedgerStore;
//! use countersign_sqlite::SqliteStore;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("countersign.db");
//! let store = SqliteStore::open(&path)?;
//! assert_eq!(pollster::block_on(store.size())?, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//! One thread writes. What arrives while it does shares the next transaction, so many writers cost
//! little more than one; each fails alone and learns of its own conflict. Another thread syncs what
//! was committed, and tells whom it was written for; meanwhile the next transaction is written. A few
//! threads read, each call in one read transaction, so no caller ever waits for the disk on its own
//! thread, and any executor will do. The threads' names begin with `csign-sql-`: Linux shows fifteen
//! letters.
//!
//! Several processes may open one file: SQLite's locks keep their transactions apart, and the
//! ledger's compare-and-set keeps two engines from forking it. One machine only: its locks do
//! not work over network file systems.
//!
//! # When something is wrong
//! A full disk, a lock that somebody holds: the call fails, nothing of it is written, and the next
//! one may succeed. A sync that fails leaves nobody knowing what the disk holds: nothing more is
//! written until the file is opened again, while reading goes on, also of what may be lost. A damaged
//! page is an error to whoever needs it; [`SqliteStore::check_integrity`] looks for all of them. A store that is only
//! looked at is opened by [`SqliteStore::open_read_only`], also where the folder may not be written.
//!
//! [`SqliteStore::backup_to`] copies the store while it is in use. Do not copy the file itself: what
//! was committed last is in the log beside it.
//!
//! # What it is not
//! Whoever can write the file can change it; that is what the ledger's signed checkpoints are
//! for. The triggers that forbid changing an entry catch mistakes, not attackers. Nothing in the
//! file is encrypted by this crate; what records leave out is, if the engine has a vault.
//!
//! | module | what it holds |
//! |---|---|
//! | `store` | [`SqliteStore`] and its three ways to open a file |
//! | `file` | what is checked of a file before and while it is opened: [`OpenError`] |
//! | `schema` | the numbered migrations of `migrations/` |
//! | `writer`, `syncer`, `checkpointer`, `readers` | the threads |
//! | `group` | the requests that share a transaction |
//! | `aside` | long work on a connection of its own |
//! | `backup` | [`SqliteStore::backup_to`] |
//! | `integrity` | [`SqliteStore::check_integrity`] |
//! | `commit` | a [`Change`] as one transaction |
//! | `users`, `ledger`, `vault`, `replay` | the ports |
//! | `new_entries`, `outbox` | what a transaction adds to the ledger; what was added last |
//! | `runs`, `private`, `parts` | the entries and what they leave out, several in one row |
//! | `leaf_index`, `nodes` | where a leaf hash is found; the tree's nodes |
//! | `rows` | between our types and SQLite's |
//! | `failure` | what a [`StoreError`] is made from |
//!
//! [`UserStore`]: countersign_provision::store::UserStore
//! [`LedgerStore`]: countersign_audit::store::LedgerStore
//! [`VaultStore`]: countersign_audit::vault_store::VaultStore
//! [`ReplayStore`]: countersign_saml::replay::ReplayStore
//! [`Change`]: countersign_provision::store::Change
//! [`StoreError`]: countersign_core::StoreError

mod anchors;
mod aside;
mod backup;
mod checkpointer;
mod commit;
mod failure;
mod file;
mod group;
mod integrity;
mod leaf_index;
mod ledger;
mod new_entries;
mod nodes;
mod outbox;
mod parts;
mod private;
mod readers;
mod replay;
mod rows;
mod runs;
mod schema;
mod store;
mod syncer;
mod users;
mod vault;
mod writer;

pub use crate::backup::{BackupError, BackupFailure};
pub use crate::file::{OpenError, OpenFailure, SchemaVersion};
pub use crate::integrity::Finding;
pub use crate::store::SqliteStore;
