//! The store for many machines: users, links, grants, replay, outbox and ledger in PostgreSQL,
//! beside the host's own tables.
//!
//! [`PostgresStore`] implements the four ports that an engine needs, [`UserStore`],
//! [`LedgerStore`], [`VaultStore`] and [`ReplayStore`], over the schema `countersign` of one
//! database. Any number of nodes may use it at once.
//!
//! ```no_run
//! use countersign_audit::store::LedgerStore;
//! use countersign_postgres::Database;
//!
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! // As the owner of the schema, once for each version of this crate.
//! Database::at_url("postgresql:///app?host=/run/postgresql&user=owner")?.migrate().await?;
//! // As a user with the rights of `countersign_application` alone.
//! let database = Database::at_url("postgresql:///app?host=/run/postgresql&user=app")?;
//! let store = database.open().await?;
//! assert_eq!(store.size().await?, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # The host's transaction
//! [`PostgresStore::commit_in`] writes a change in a transaction of the host's, so that its own row
//! and our account are committed together or not at all. Where an engine decides and commits,
//! [`PostgresStore::along_with`] has the host's rows written in the engine's transaction.
//!
//! # The runtime
//! The client needs a tokio runtime to drive its connections: [`Database::open`] keeps the one that
//! it is called in. Every method of the ports may be called from any executor, also from a thread
//! that waits for a future without one, as long as that runtime runs.
//!
//! # How it works
//! A change is some dozen statements that are sent together with their commit: each of them ends the
//! transaction if what it expects does not hold, so no answer has to be waited for in between.
//! Transactions are `READ COMMITTED`; what no row stands for, such as a free seat or an address that
//! nobody has, is locked by a name. Entries go to an outbox, in no order that anybody waits for; the
//! order of the tree is given when they become leaves. Any node may do that, in turns, or one for
//! all: [`Integrator`].
//!
//! | module | what it holds |
//! |---|---|
//! | `store` | [`Database`], [`PostgresStore`] |
//! | `connect`, `session` | connections on the runtime, and those that a store shares |
//! | `schema` | the numbered migrations of `migrations/` |
//! | `batch` | statements that are sent together |
//! | `commit` | a [`Change`] as statements |
//! | `entries`, `outbox` | entries on their way in, and to the integrator |
//! | `users`, `ledger`, `vault`, `replay` | the ports |
//! | `integrator` | the one who turns entries into leaves |
//! | `transaction` | a change in the host's transaction |
//! | `rows` | between our types and PostgreSQL's |
//! | `failure` | what a [`StoreError`] is made from |
//!
//! [`UserStore`]: countersign_provision::store::UserStore
//! [`LedgerStore`]: countersign_audit::store::LedgerStore
//! [`VaultStore`]: countersign_audit::vault_store::VaultStore
//! [`ReplayStore`]: countersign_saml::replay::ReplayStore
//! [`Change`]: countersign_provision::store::Change
//! [`StoreError`]: countersign_core::StoreError

mod batch;
mod commit;
mod composite;
mod connect;
mod entries;
mod failure;
mod integrator;
mod ledger;
mod outbox;
mod replay;
mod rows;
mod schema;
mod session;
mod store;
mod transaction;
mod users;
mod vault;

pub use tokio_postgres;

pub use crate::integrator::Integrator;
pub use crate::schema::SchemaVersion;
pub use crate::store::{Database, OpenError, PostgresStore};
pub use crate::transaction::{HostRows, store_error};
