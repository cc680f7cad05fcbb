//! Single logout, both ways \[SAML-Profiles §4.4\].
//!
//! ```text
//! a person signs out here:    LogoutRequest ─ send ─▶ provider ─▶ verify_response ─▶ LogoutOutcome
//! a person signs out there:   verify_request ─▶ VerifiedLogoutRequest ─ admit (replay) ─▶ Logout
//!                                                            provider ◀─ send ─ LogoutResponse
//! ```
//!
//! Every message is signed, both ways: over the query when it travels by redirect, in the message
//! when it travels by form. What comes in is read from what was signed and from nothing else, by
//! the same core as a login. A request comes once: [`VerifiedLogoutRequest`] tells nothing before
//! a [`ReplayStore`](crate::replay::ReplayStore) was asked.
//!
//! ```no_run
//! use countersign_core::Timestamp;
//! use countersign_saml::binding::{Binding, Outbound};
//! use countersign_saml::logout::{self, LogoutResponse, LogoutStatus};
//! use countersign_saml::replay::ReplayStore;
//! use countersign_saml::{IdentityProvider, Inbound, MessageId, MessageSigner, ServiceProvider};
//!
//! async fn sign_out(
//!     sp: &ServiceProvider,
//!     idp: &IdentityProvider,
//!     replay: &dyn ReplayStore,
//!     signer: &dyn MessageSigner,
//!     raw_query: &[u8],
//!     id: &MessageId,
//!     now: Timestamp,
//! ) -> Result<Outbound, Box<dyn std::error::Error>> {
//!     let message = Inbound::RedirectQuery(raw_query);
//!     let logout = logout::verify_request(sp, idp, message, now)?
//!         .admit(replay, now)
//!         .await?;
//!     // Here the host ends the sessions of `logout.name_id()` with `logout.session_indexes()`.
//!     let status = LogoutStatus::Complete;
//!     let answer = LogoutResponse::new(sp, idp, Binding::Redirect, &logout, status, id, now)?;
//!     Ok(answer.send(signer).await?)
//! }
//! ```

mod demand;
mod error;
mod outcome;
mod pending;
mod request;
mod response;
mod status;
mod trusted;

pub use self::demand::{Logout, VerifiedLogoutRequest, verify_request};
pub use self::error::LogoutError;
pub use self::outcome::{LogoutOutcome, verify_response};
pub use self::pending::PendingLogout;
pub use self::request::LogoutRequest;
pub use self::response::LogoutResponse;
pub use self::status::LogoutStatus;
