//! A SAML 2.0 service provider: from the bytes of a response to a verified identity.
//!
//! ```text
//! bytes ─ Inbound ─▶ Document ─ one signature that counts ─▶ SignedElement
//!                                                                │ canonical bytes and their tree
//!              Login ◀─ admit (replay) ─ Verified ◀─ all rules ──┘
//! ```
//!
//! [`verify`] is pure and binds one [`ServiceProvider`] to one [`IdentityProvider`] and one
//! [`Expect`]ation at one instant. What it returns, [`Verified`], gives no identity away before
//! [`Verified::admit`] has asked a [`replay::ReplayStore`] whether the assertion is new. (A host that
//! writes all that a login leads to in one commit makes sure in that very commit:
//! [`Verified::admit_by_commit`].)
//!
//! # What excludes the attacks on SAML
//! - *Signature wrapping.* The signature is found by an absolute path (a child of the root
//!   `Response`, or of its sole `Assertion`), its reference must name its own parent, and claims
//!   are read from the digested bytes alone. There is no second place to read from.
//! - *Two readings of one text.* One parser for everything, which refuses what is not well-formed,
//!   document types and processing instructions; canonical bytes hold no comments.
//! - *Keys and algorithms of the attacker's choice.* Keys come from the [`IdentityProvider`], never
//!   from the message, and a key's type fixes the family of algorithms.
//! - *What is left out.* It is refused: signature, issuer, audience, recipient, expiry, the request
//!   that is answered.
//!
//! `docs/attacks.md` in the repository lists 24 classes of them, each with its CVEs and its tests.
//!
//! An `Advice` may be there and is never read.
//!
//! # Signing in
//! The browser takes an [`AuthnRequest`] to the provider. What is pending stays in its session here,
//! and is taken out once, when the answer comes to the assertion consumer service:
//!
//! ```no_run
//! use countersign_core::Timestamp;
//! use countersign_saml::replay::ReplayStore;
//! use countersign_saml::{
//!     AuthnRequest, Expect, IdentityProvider, Inbound, Login, MessageId, PendingRequest,
//!     ServiceProvider, verify,
//! };
//! # type Failure = Box<dyn std::error::Error>;
//!
//! /// Where the browser is sent, and what its session keeps.
//! async fn ask(
//!     sp: &ServiceProvider,
//!     idp: &IdentityProvider,
//!     random: [u8; 20],
//!     now: Timestamp,
//! ) -> Result<(String, String), Failure> {
//!     let id = MessageId::from_random_bytes(random);
//!     let (url, pending) = AuthnRequest::new(sp, idp, id, now).redirect().await?;
//!     Ok((url.into(), serde_json::to_string(&pending)?))
//! }
//!
//! /// The raw body of the form that comes back, and what the session kept.
//! async fn answered(
//!     sp: &ServiceProvider,
//!     idp: &IdentityProvider,
//!     replay: &dyn ReplayStore,
//!     body: &[u8],
//!     kept: &str,
//!     now: Timestamp,
//! ) -> Result<Login, Failure> {
//!     let pending: PendingRequest = serde_json::from_str(kept)?;
//!     let expect = Expect::Request(&pending);
//!     let verified = verify(sp, idp, Inbound::Form(body), expect, now)?;
//!     Ok(verified.admit(replay, now).await?)
//! }
//! ```
//!
//! # Signing out
//! [`logout`] has both ways. They need [`ServiceProvider::with_slo_location`] (without one every
//! logout message is refused), a [`MessageSigner`], and of each login the whole
//! [`NameId`](countersign_core::NameId) and the `session_index` of its
//! [claims](countersign_core::IdentityClaims): keep both with the session.
//!
//! # Encryption
//! With [`ServiceProvider::with_decryption_key`], encrypted assertions, name identifiers and
//! attributes are decrypted: where a verified signature covers the ciphertext, by a key whose
//! certificate is valid now, and from the bytes that it covers. A signature inside must hold as
//! well, unless the host named the response's, and is the evidence then. AD FS signs the assertion
//! and nothing around the ciphertext: see [`ServiceProvider::insecure_decrypt_unsigned_response`].
//! What algorithms there are is told by [`countersign_dsig::encryption`], whose features `rsa` and
//! `aws-lc-rs` this crate passes on.
//!
//! # Metadata
//! [`IdentityProvider::from_metadata`] reads a single provider's; [`Metadata`] reads that of a whole
//! federation, and verifies its signature. [`ServiceProvider::metadata`] writes ours, with the
//! endpoints and certificates that the [`ServiceProvider`] was given.
//!
//! # Codes
//! A [`Rejection`] carries one of these; [`RejectCode`] cites the sections.
//!
//! | code | the rule |
//! |---|---|
//! | `saml.too_large` | bytes, elements, depth and attributes are within [`ServiceProvider::with_limits`]; no more than 64 keys are encrypted |
//! | `saml.ambiguous_parameters` | each parameter of a query or a form is there once, and no other excludes it |
//! | `saml.malformed_parameters` | and says what it should |
//! | `saml.malformed_deflate` | a message in a query is one complete DEFLATE stream |
//! | `saml.malformed_base64` | a form value is canonical base64, line breaks aside |
//! | `saml.malformed_xml` | the message is well-formed XML in UTF-8, without processing instructions |
//! | `saml.doctype_forbidden` | there is no document type declaration |
//! | `saml.duplicate_id` | no two elements have the same ID |
//! | `saml.not_a_response` | the root is `samlp:Response` |
//! | `saml.not_a_logout_request` | or, for [`logout::verify_request`], `samlp:LogoutRequest` |
//! | `saml.not_a_logout_response` | or, for [`logout::verify_response`], `samlp:LogoutResponse` |
//! | `saml.unsupported_version` | `Version` is `2.0` |
//! | `saml.malformed_response` | the `Response` has the parts that it must have, once, and no others |
//! | `saml.malformed_assertion` | so has the `Assertion` |
//! | `saml.malformed_logout` | so have the messages of logout |
//! | `saml.no_assertion` | there is an assertion |
//! | `saml.several_assertions` | there is only one |
//! | `saml.several_authn_statements` | it states at most one authentication |
//! | `saml.malformed_artifact` | an artifact is of type 4 |
//! | `saml.malformed_artifact_response` | what was fetched for it is an `ArtifactResponse` in a SOAP envelope |
//! | `saml.malformed_encryption` | what is encrypted has the parts that it must have; none is elsewhere |
//! | `saml.no_decryption_key` | there is a key for it: [`ServiceProvider::with_decryption_key`] |
//! | `saml.encryption_algorithm_unsupported` | that key, and this build, can undo its algorithms |
//! | `saml.unsigned` | the part that counts ([`SignedPart`]) is signed |
//! | `saml.response_signature_invalid` | a signature on the response verifies with the provider's keys, and signs the response |
//! | `saml.assertion_signature_invalid` | a signature on the assertion verifies with the provider's keys, and signs the assertion |
//! | `saml.query_signature_invalid` | a signature over the query verifies with the provider's keys |
//! | `saml.artifact_signature_invalid` | so does one on an artifact response |
//! | `saml.logout_signature_invalid` | so does one in a logout message |
//! | `saml.algorithm_not_allowed` | all its algorithms are in the profile; SHA-1 is not |
//! | `saml.ciphertext_unsigned` | a verified signature covers the ciphertext before anything is decrypted |
//! | `saml.encryption_algorithm_not_allowed` | no Triple DES, no RSA with PKCS#1 v1.5, AES-CBC under a signature only |
//! | `saml.decryption_failed` | it can be decrypted, to one element and nothing else |
//! | `saml.key_too_weak` | the key that verifies is long enough |
//! | `saml.key_outside_validity` | its certificate is valid now |
//! | `saml.metadata_expired` | so is the metadata |
//! | `saml.no_authn_context` | the provider can authenticate the person as strongly as was asked (not proved: see [`RejectCode::NoAuthnContext`]) |
//! | `saml.no_passive` | and without asking the person, if it was told not to |
//! | `saml.status_not_success` | the status is `Success` |
//! | `saml.artifact_unresolved` | the provider has a message for the artifact |
//! | `saml.issuer_mismatch` | response and assertion are issued by the identity provider |
//! | `saml.destination_mismatch` | `Destination` is our assertion consumer service; a signed response has one |
//! | `saml.recipient_mismatch` | so is `Recipient` |
//! | `saml.audience_mismatch` | there is an `AudienceRestriction`, and each names us |
//! | `saml.unknown_condition` | every condition is understood |
//! | `saml.no_bearer_confirmation` | the bearer is confirmed as the subject |
//! | `saml.several_bearer_confirmations` | in one way only |
//! | `saml.not_on_or_after_missing` | the confirmation ends at some time |
//! | `saml.expired` | no `NotOnOrAfter` has passed |
//! | `saml.not_yet_valid` | no `NotBefore`, `IssueInstant` or `AuthnInstant` is still to come |
//! | `saml.session_expired` | `SessionNotOnOrAfter` has not passed, by our own clock |
//! | `saml.in_response_to_mismatch` | `InResponseTo` is the pending request, in the response and in the confirmation |
//! | `saml.request_expired` | the pending request still waits |
//! | `saml.relay_state_mismatch` | its relay state comes back with the answer |
//! | `saml.unsolicited_not_allowed` | a response that answers nothing is accepted with [`Expect::Unsolicited`] only |
//! | `saml.in_response_to_unexpected` | and that accepts no other |
//! | `saml.name_id_missing` | there is a `NameID` with a value |
//! | `saml.authentication_too_old` | who was asked to authenticate anew did so |
//! | `saml.authn_context_mismatch` | the login meets [`ServiceProvider::require_authn_context`] and what the request asked for |
//! | `saml.replayed` | the assertion was never accepted before |
//!
//! # Modules
//! | module | what it holds |
//! |---|---|
//! | [`binding`] | how messages travel: redirect, form, artifact |
//! | [`class`] | the names of ways to authenticate |
//! | [`logout`] | single logout, both ways |
//! | [`replay`] | the port that remembers what was accepted |

pub mod binding;
mod clock;
mod code;
mod decryption;
mod element;
mod endpoint;
mod identity_provider;
mod inbound;
mod inspect;
mod login;
pub mod logout;
mod markup;
mod message_id;
mod metadata;
mod names;
mod pinned;
mod rejection;
pub mod replay;
mod request;
mod response;
mod service_provider;
mod verify;

pub use crate::code::{Culprit, RejectCode};
pub use crate::endpoint::{Endpoint, EndpointError, IndexedEndpoint};
pub use crate::identity_provider::IdentityProvider;
pub use crate::inbound::Inbound;
pub use crate::inspect::{
    UnverifiedAssertion, UnverifiedConfirmation, UnverifiedResponse, UnverifiedSignature,
    UnverifiedStatus, inspect,
};
pub use crate::login::{AdmitError, Login, Verified};
pub use crate::message_id::MessageId;
pub use crate::metadata::{
    Contact, ContactKind, Metadata, MetadataError, MetadataPolicy, Organization, Scope, ScopeError,
    Scoped, ServiceProviderMetadata,
};
pub use crate::rejection::Rejection;
pub use crate::request::{
    AuthnRequest, Comparison, DEFAULT_REQUEST_LIFETIME, Expect, MAX_REQUEST_LIFETIME, MultiFactor,
    PendingRequest, RequestError, RequestedAuthnContext, class, is_multi_factor,
};
pub use crate::service_provider::{ServiceProvider, ServiceProviderError, SignedPart};
pub use crate::verify::verify;

/// What [`IdentityProvider::new`], [`ServiceProvider::with_limits`] and
/// [`ServiceProvider::with_decryption_key`] take.
#[cfg(feature = "aws-lc-rs")]
pub use countersign_dsig::encryption::AwsLcKey;
#[cfg(feature = "rsa")]
pub use countersign_dsig::encryption::RustCryptoKey;
pub use countersign_dsig::{encryption::KeyUnwrap, key::VerificationKey, xml::Limits};
/// What signs messages of ours.
pub use countersign_dsig::{sign::SigningKey, signer::MessageSigner};
