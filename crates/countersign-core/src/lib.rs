//! The words that every countersign crate speaks: ids, time, a verified identity, the facts
//! drawn from it, roles, grants, and the bytes of one audit record.
//!
//! Nothing here does I/O, knows a clock, or computes a hash. The crates that verify
//! (`countersign-saml`), decide (`countersign-roles`, `countersign-provision`) and record
//! (`countersign-audit`) never depend on each other: they meet in these types.
//!
//! | module | what it holds |
//! |---|---|
//! | [`time`] | [`Timestamp`]: milliseconds since the Unix epoch, always passed by value |
//! | [`id`] | one newtype for each kind of identifier, so that none is taken for another |
//! | [`digest`] | [`Sha256Digest`] and [`LeafHash`] |
//! | [`identity`] | [`VerifiedIdentity`]: what a door proved, with its evidence |
//! | [`subject`] | [`SubjectKey`]: the one key that an account is found by |
//! | [`document`] | [`DocumentPattern`]: which document types a role or a grant is for |
//! | [`facts`] | [`Facts`] and [`Groups`]: a provider's attributes, normalized and typed |
//! | [`grant`] | [`RoleName`], [`Grant`] and who owns it |
//! | [`entry`] | [`Entry`]: one audit record as opaque bytes |
//! | [`private`] | [`Private`]: what a record leaves out, kept beside it until it is erased |
//! | [`replay`] | [`ReplayKey`] and [`OneTimeKey`]: what may be seen once |
//! | [`error`] | [`StoreError`], which every port returns |
//! | [`text`] | what a text has to be to become an id or an e-mail address |

pub mod digest;
pub mod document;
pub mod entry;
pub mod error;
pub mod facts;
pub mod grant;
pub mod id;
pub mod identity;
pub mod private;
pub mod replay;
#[cfg(feature = "schema")]
pub mod schema;
pub mod subject;
pub mod text;
pub mod time;

pub use crate::digest::{LeafHash, ParseDigestError, Sha256Digest};
pub use crate::document::{DocumentPattern, ParseDocumentPatternError};
pub use crate::entry::Entry;
pub use crate::error::{StoreError, StoreErrorKind};
pub use crate::facts::{Email, EmailFact, FactNote, Facts, Groups, Invited};
pub use crate::grant::{Grant, GrantOwner, RoleName, RuleId};
pub use crate::id::{
    CeremonyId, ConnectionId, ConsentId, CorrelationId, DocumentId, EntryId, GrantId, SessionId,
    TenantId, UserId, VaultKeyId,
};
pub use crate::identity::{
    Assurance, Attribute, AttributeValue, DisclosedKey, Door, IdentityClaims, IdentityEvidence,
    MailedEvidence, NameId, SignedEvidence, VerifiedIdentity,
};
pub use crate::private::{Private, VaultOwner};
pub use crate::replay::{OneTimeKey, ReplayKey};
pub use crate::subject::{SubjectKey, SubjectKeyError};
pub use crate::text::TextError;
pub use crate::time::{ParseTimestampError, Timestamp};
