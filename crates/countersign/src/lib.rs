//! Sign-in, account, role, signature and proof: the engine over every countersign crate.
//!
//! Somebody signs in through their company's identity provider. The engine verifies the SAML
//! response, finds or creates the account by policy at that very moment, gives exactly the roles
//! that the rules allow and for as long as they allow, and records it all, so that a signature
//! made in that session can be proved years later to somebody who trusts neither the host
//! application nor countersign.
//!
//! # Ten lines
//! ```no_run
//! # async fn host(body: &[u8], metadata: &[u8],
//! #     store: std::sync::Arc<countersign::memory::MemoryStore>) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use countersign::audit::Ed25519Signer;
//! use countersign::evidence::Export;
//! use countersign::saml::{Expect, IdentityProvider, Inbound, ServiceProvider};
//! use countersign::{ConnectionId, Document, DocumentId, Engine, Intent, PolicyFile, SignIn};
//!
//! let acme = ConnectionId::new("acme")?;
//! let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")?;
//! let engine = Engine::builder(PolicyFile::load("policy.toml")?)
//!     .connection(acme.clone(), sp, IdentityProvider::from_metadata(metadata)?)
//!     .store(store)
//!     .log("sign.example/log", Arc::new(Ed25519Signer::from_pkcs8(&std::fs::read("log.key")?)?))
//!     .build()
//!     .await?;
//!
//! // The browser is sent to the identity provider, and its session keeps what is pending:
//! let (url, pending) = engine.request(&acme)?.redirect().await?;
//! println!("Location: {url}");
//! let kept = serde_json::to_string(&pending)?;
//!
//! // It comes back to the assertion consumer service with a form, whose raw body this is:
//! let pending = serde_json::from_str(&kept)?;
//! let session = match engine.sign_in(&acme, Inbound::Form(body), Expect::Request(&pending)).await? {
//!     SignIn::Admitted(session) => session,
//!     SignIn::Refused(refused) => { eprintln!("{}: {refused}", refused.code()); return Ok(()) }
//! };
//!
//! // The person reads a document, says what the signature shall mean, and signs:
//! let nda = Document::new(DocumentId::new("nda-7")?, "nda/mutual", "application/pdf", b"%PDF-1.7");
//! let presented = engine.present(&session, &nda).await?;
//! let confirmed = engine.confirm(presented, &Intent::approval()).await?;
//! let signature = engine.sign(confirmed, "Given Family").await?;
//!
//! // One file that proves it:
//! let bundle = engine.export(&Export::of(signature.leaf())).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Somebody without an identity provider
//! A connection with `door = "email"` takes a mailed link for proof, and an invitation says what is to
//! be signed:
//! ```no_run
//! # async fn host(engine: countersign::Engine) -> Result<(), Box<dyn std::error::Error>> {
//! # fn mail(to: &str, link: &str) {}
//! use countersign::{ConnectionId, DocumentId, EmailChallenge, Invitation, SignIn, TenantId};
//!
//! let (tenant, visitors) = (TenantId::new("acme")?, ConnectionId::new("visitors")?);
//! let invitation = Invitation::new(
//!     tenant.clone(), DocumentId::new("nda-7")?, "nda/mutual", "guest@partner.example")?;
//! let invited = engine.invite(&invitation).await?;
//! mail("guest@partner.example", &format!("https://sign.example/i?t={}", invited.as_str()));
//!
//! // The guest opens the link. What it is for is shown, and another mail proves whose it is:
//! let open = engine.open_invitation(&tenant, invited.as_str()).await?;
//! let address = open.email().as_str();
//! let EmailChallenge::Issued(issued) = engine.challenge_email(&visitors, address).await? else {
//!     return Ok(()); // come through your company's own sign-in
//! };
//! mail(issued.to.as_str(), &format!("https://sign.example/in?t={}", issued.token.as_str()));
//! let pending = issued.pending; // stays in this browser's session
//!
//! // The link comes back, in the same browser:
//! let signing_in = engine.with_invitation(invited.as_str());
//! match signing_in.sign_in_by_email(&pending, issued.token.as_str()).await? {
//!     SignIn::Admitted(session) => println!("{} may sign nda-7", session.user()),
//!     SignIn::Refused(refused) => eprintln!("{}: {refused}", refused.code()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What a host brings
//! | port | what for | what is there |
//! |---|---|---|
//! | [`provision::store::UserStore`] | accounts, links, grants, sessions | [`memory::MemoryStore`], `countersign-sqlite` |
//! | [`saml::replay::ReplayStore`] | assertions that were used | the same |
//! | [`audit::store::LedgerStore`] | records and the tree over them | the same |
//! | [`audit::signer::Signer`] | the key that signs checkpoints | [`audit::Ed25519Signer`] |
//! | [`saml::MessageSigner`] | the key that signs requests, if a provider wants that | [`saml::SigningKey`] |
//! | [`Clock`] | the time | [`SystemClock`], [`ManualClock`] |
//!
//! # Where to find what
//! | module | what it holds |
//! |---|---|
//! | [`engine`] | [`Engine`]: sessions, present, confirm, sign |
//! | [`builder`] | putting an engine together |
//! | [`sign_in`] | asking a provider, and how a sign-in ends: [`SignIn`] |
//! | [`sign_out`] | signing out because a provider says so: [`SignOut`] |
//! | [`account`] | the steps of an account's life that administrators take |
//! | [`review`] | access reviews: the table to fill in, and what its answers do |
//! | [`role_by_hand`] | roles that administrators give and take |
//! | [`mod@sweep`] | what time does to accounts and roles |
//! | [`policy_record`] | the record of another policy |
//! | [`session`] | [`Session`] |
//! | [`step_up`] | when a sign-in is not strong enough for a document |
//! | [`approval`] | accounts that wait for an administrator's approval |
//! | [`ceremony`] | the steps of a signature as types |
//! | [`consent`] | agreeing to electronic records, and taking that back |
//! | [`link`] | tying a sign-in to an account that is there, by a proof from both sides |
//! | [`email_door`] | signers without an identity provider |
//! | [`invitation`] | who is invited to sign what |
//! | [`token`] | the tokens that go into links |
//! | [`corpus`] | sign-ins of the past, to try another policy on |
//! | [`anchor`] | time-stamps over checkpoints |
//! | [`rotation`] | another key for the log |
//! | [`export`] | checkpoints and evidence bundles |
//! | [`policy_file`] | policy and roles from one TOML file |
//! | [`memory`] | a store for tests and first steps |
//! | [`clock`], [`blocking`] | the time, and waiting without a runtime |
//! | [`error`] | what can go wrong, by whose fault |

pub mod account;
mod account_step;
mod admission;
pub mod anchor;
pub mod approval;
mod arrival;
pub mod blocking;
pub mod builder;
pub mod ceremony;
pub mod clock;
pub mod consent;
pub mod corpus;
mod draws;
pub mod email_door;
pub mod engine;
pub mod error;
pub mod export;
mod filing;
mod identifier;
pub mod invitation;
pub mod link;
pub mod memory;
mod new_account;
pub mod policy_file;
pub mod policy_record;
pub mod review;
pub mod role_by_hand;
pub mod rotation;
pub mod session;
pub mod sign_in;
pub mod sign_out;
pub mod step_up;
pub mod sweep;
pub mod token;

pub use countersign_audit as audit;
pub use countersign_cms as cms;
pub use countersign_core::*;
pub use countersign_dsig as dsig;
pub use countersign_evidence as evidence;
pub use countersign_provision as provision;
pub use countersign_roles as roles;
pub use countersign_saml as saml;

pub use crate::account::AccountError;
pub use crate::builder::{BuildError, EngineBuilder};
pub use crate::ceremony::{Confirmed, Declined, Document, Intent, Presented, Signature};
pub use crate::clock::{Clock, ManualClock, SystemClock};
pub use crate::consent::Consent;
pub use crate::email_door::{EmailChallenge, PendingEmail};
pub use crate::engine::Engine;
pub use crate::error::EngineError;
pub use crate::invitation::{Invitation, OpenInvitation};
pub use crate::policy_file::PolicyFile;
pub use crate::role_by_hand::RoleByHand;
pub use crate::rotation::LogKeyRotated;
pub use crate::session::Session;
pub use crate::sign_in::{Refused, SignIn};
pub use crate::sign_out::{SignOut, SignedOut};
pub use crate::sweep::{Sweep, SweepReport};
pub use crate::token::{BrowserHalf, Token, TokenError};
