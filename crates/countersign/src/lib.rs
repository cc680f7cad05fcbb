//! Sign-in, account, role, signature and proof: the engine over every countersign crate.

pub mod memory;
pub mod policy_file;
