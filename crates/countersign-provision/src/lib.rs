//! From facts to one decision: match, link, create or refuse.

pub mod store;
pub mod user;
