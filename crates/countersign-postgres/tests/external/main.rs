//! The PostgreSQL store on a real server: the ports' contracts, the host's transaction, the
//! integrator, rights, migrations.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod common;
mod conformance;
mod failures;
mod integrator;
mod migrations;
mod rights;
mod transaction;
