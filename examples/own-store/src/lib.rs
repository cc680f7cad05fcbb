//! A store of a host's own: its table of users stays the only truth about who is there, and
//! everything else that countersign keeps stands beside it, in the same database and written in
//! the same transaction.
//!
//! It is blocking and needs no runtime: each method does its work and returns, and the futures of
//! the ports never have to wait. Copy it, and put your database in the place of SQLite.
//!
//! | file | what it holds |
//! |---|---|
//! | `host.sql` | the host's tables, with their own ideas of what a user is |
//! | `ours.sql` | what stands beside them |
//! | [`store`] | [`OwnStore`]: one transaction for each call |
//! | `accounts` | from the host's row to an account and back |
//! | `roles` | what the host's own programs read of roles |
//! | `change` | a `Change` as one transaction |
//! | `users`, `ledger`, `replay`, `vault` | the four ports |
//! | `failure`, `sql` | errors and queries |

mod accounts;
mod change;
mod failure;
mod ledger;
mod replay;
mod roles;
mod sql;
pub mod store;
mod users;
mod vault;

pub use crate::store::OwnStore;
