//! Suites that check a port's contract on any implementation of it.
//!
//! A host runs them on its own store in five lines:
//!
//! ```
//! # use std::{collections::HashMap, sync::Mutex};
//! # use countersign_core::{StoreError, Timestamp};
//! # use countersign_saml::replay::{ReplayKey, ReplayStore, Seen};
//! # #[derive(Debug, Default)]
//! # struct MyStore(Mutex<HashMap<ReplayKey, Timestamp>>);
//! # #[async_trait::async_trait]
//! # impl ReplayStore for MyStore {
//! #     async fn insert_once(
//! #         &self,
//! #         key: &ReplayKey,
//! #         expires: Timestamp,
//! #         now: Timestamp,
//! #     ) -> Result<Seen, StoreError> {
//! #         let mut seen = self.0.lock().unwrap();
//! #         seen.retain(|_, expires| now <= *expires);
//! #         if seen.contains_key(key) {
//! #             return Ok(Seen::Before);
//! #         }
//! #         seen.insert(key.clone(), expires);
//! #         Ok(Seen::First)
//! #     }
//! # }
//! use countersign_testkit::conformance;
//!
//! let report = conformance::replay_store(|| async { MyStore::default() });
//! pollster::block_on(report).assert_passed();
//! ```
//!
//! Each check gets a fresh, empty store from `make`, has a name, and says what it saw. The
//! suites run on any executor; where they need callers at the same time, they start threads of
//! their own and do not block the executor's.
//!
//! What they can not see: whether an acknowledged write survives the machine. Crash tests are
//! for that.

mod at_once;
mod check;
mod ledger_anchors;
mod ledger_entries;
mod ledger_store;
mod ledger_tree;
mod replay_store;
mod report;
mod samples;
mod user_accounts;
mod user_consents;
mod user_grants;
mod user_holders;
mod user_limits;
mod user_one_time;
mod user_pages;
mod user_record;
mod user_store;
mod vault;
mod witness;

pub use ledger_store::ledger_store;
pub use replay_store::replay_store;
pub use report::{Failure, Report};
pub use user_store::user_store;
pub use vault::{Vaulted, vault};
pub use witness::witness;
