//! Asking an identity provider to authenticate somebody, and what its answer is held against.

mod authn_context;
mod authn_request;
mod pending;

pub use authn_context::{Comparison, MultiFactor, RequestedAuthnContext, class, is_multi_factor};
pub use authn_request::{AuthnRequest, RequestError};
pub use pending::{DEFAULT_REQUEST_LIFETIME, Expect, MAX_REQUEST_LIFETIME, PendingRequest};
