//! What a record can say, and what each kind of record needs as its cause.

use serde::{Deserialize, Serialize};

use crate::account::{UserLinked, UserProvisioned, UserRefused, UserUpdated};
use crate::approval::{UserApproved, UserDeclined};
use crate::assertion::{AssertionRejected, AssertionVerified};
use crate::ceremony::{DocumentDeclined, DocumentPresented, DocumentSigned, IntentConfirmed};
use crate::consent::{ConsentGiven, ConsentWithdrawn};
use crate::email::EmailChallenged;
use crate::invitation::{InvitationIssued, InvitationUsed, InvitationWithdrawn};
use crate::lifecycle::{
    HoldPlaced, HoldReleased, SubjectErased, UserDeprovisioned, UserReactivated, UserStale,
    UserSuspended,
};
use crate::link::LinkProposed;
use crate::log::{CheckpointAnchored, KeyRotated};
use crate::plain::{NotPlain, Plain};
use crate::policy::PolicyChanged;
use crate::review::AccessReviewed;
use crate::role::{RoleExpired, RoleGranted, RoleRevoked};
use crate::session::{SessionClosed, SessionOpened};

/// What a record of one kind says: the type of its `body`.
///
/// Implemented by the bodies in this crate, and by nothing else. They declare their members in the
/// order of canonical JSON, so that the writer has nothing to sort.
pub trait RecordBody: Clone + sealed::Sealed {
    /// The kind.
    const KIND: Kind;

    /// Forgets which kind it is.
    fn into_body(self) -> Body;

    /// The body, if it is one of this kind.
    fn from_body(body: Body) -> Option<Self>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $body:ident = $name:literal,)*) => {
        /// What happened \[record.md §5\].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $body,)*
        }

        impl Kind {
            /// Every kind, in the order of record.md §5.
            pub const ALL: &'static [Self] = &[$(Self::$body),*];

            /// Its name, such as `document.signed`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$body => $name,)*
                }
            }
        }

        /// What a record says beside its envelope.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum Body {
            $($(#[$doc])* $body($body),)*
        }

        #[cfg(feature = "schema")]
        impl Kind {
            /// The schema of the body of a record of this kind.
            pub(crate) fn body_schema(
                self,
                generator: &mut schemars::SchemaGenerator,
            ) -> schemars::Schema {
                match self {
                    $(Self::$body => generator.subschema_for::<$body>(),)*
                }
            }
        }

        impl Body {
            /// The kind of record that it belongs to.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$body(_) => Kind::$body,)*
                }
            }

            /// Reads the body of a record of this kind.
            pub(crate) fn parse(kind: Kind, json: &str) -> serde_json::Result<Self> {
                match kind {
                    $(Kind::$body => serde_json::from_str(json).map(Self::$body),)*
                }
            }
        }

        impl Body {
            /// As [`parse`](Self::parse), of what is left in a reader of plain canonical JSON.
            pub(crate) fn read_plain(kind: Kind, reader: &mut Plain<'_>) -> Result<Self, NotPlain> {
                match kind {
                    $(Kind::$body => $body::deserialize(reader).map(Self::$body),)*
                }
            }
        }

        $(
            impl sealed::Sealed for $body {}
            impl RecordBody for $body {
                const KIND: Kind = Kind::$body;
                fn into_body(self) -> Body {
                    Body::$body(self)
                }
                fn from_body(body: Body) -> Option<Self> {
                    match body {
                        Body::$body(body) => Some(body),
                        _ => None,
                    }
                }
            }
        )*
    };
}

kinds! {
    /// A door verified what an identity provider said.
    AssertionVerified = "assertion.verified",
    /// A door refused what it received.
    AssertionRejected = "assertion.rejected",
    /// An account came into being.
    UserProvisioned = "user.provisioned",
    /// A subject was tied to an account that was there.
    UserLinked = "user.linked",
    /// Fields of an account changed.
    UserUpdated = "user.updated",
    /// No account, or none that may be used.
    UserRefused = "user.refused",
    /// A role was given, or given anew.
    RoleGranted = "role.granted",
    /// A role was taken away.
    RoleRevoked = "role.revoked",
    /// A session began.
    SessionOpened = "session.opened",
    /// A session was ended before its time.
    SessionClosed = "session.closed",
    /// A document was shown.
    DocumentPresented = "document.presented",
    /// The signer confirmed what the signature means.
    IntentConfirmed = "intent.confirmed",
    /// The document was signed.
    DocumentSigned = "document.signed",
    /// The signer declined to sign.
    DocumentDeclined = "document.declined",
    /// A token was issued to whoever reads the mail of an address.
    EmailChallenged = "email.challenged",
    /// Somebody was invited to sign a document.
    InvitationIssued = "invitation.issued",
    /// The person who was invited came.
    InvitationUsed = "invitation.used",
    /// An invitation was taken back before it was used.
    InvitationWithdrawn = "invitation.withdrawn",
    /// A token was issued that ties a subject to an account.
    LinkProposed = "link.proposed",
    /// An administrator approved an account that waited for it.
    UserApproved = "user.approved",
    /// An administrator declined an account that waited for approval.
    UserDeclined = "user.declined",
    /// Nobody has used an account for long.
    UserStale = "user.stale",
    /// An account was taken out of use.
    UserSuspended = "user.suspended",
    /// An account was taken back into use.
    UserReactivated = "user.reactivated",
    /// An account's access was removed for good.
    UserDeprovisioned = "user.deprovisioned",
    /// The personal values of an account were erased.
    SubjectErased = "subject.erased",
    /// A legal hold was placed on an account.
    HoldPlaced = "hold.placed",
    /// A legal hold was taken off an account.
    HoldReleased = "hold.released",
    /// A role ran out.
    RoleExpired = "role.expired",
    /// A grant was reviewed.
    AccessReviewed = "access.reviewed",
    /// Another policy file is in force.
    PolicyChanged = "policy.changed",

    /// Somebody agreed to electronic records.
    ConsentGiven = "consent.given",
    /// A consent was withdrawn.
    ConsentWithdrawn = "consent.withdrawn",
    /// The log signs with another key.
    KeyRotated = "key.rotated",
    /// A time-stamp was taken of a checkpoint.
    CheckpointAnchored = "checkpoint.anchored",
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One place in `parents`: which kinds may stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParentRule {
    /// The kinds, one of which the parent must have.
    pub kinds: &'static [Kind],
    /// Whether the parent must be there. What may be absent comes last.
    pub required: bool,
}

const fn required(kinds: &'static [Kind]) -> ParentRule {
    ParentRule {
        kinds,
        required: true,
    }
}

const fn optional(kinds: &'static [Kind]) -> ParentRule {
    ParentRule {
        kinds,
        required: false,
    }
}

const ASSERTION: &[Kind] = &[Kind::AssertionVerified];
const ACCOUNT: &[Kind] = &[Kind::UserProvisioned, Kind::UserLinked];
const GRANT: &[Kind] = &[Kind::RoleGranted];
const SESSION: &[Kind] = &[Kind::SessionOpened];
const CONSENT: &[Kind] = &[Kind::ConsentGiven];
/// What brings an account into a state.
const STATE: &[Kind] = &[
    Kind::UserProvisioned,
    Kind::UserUpdated,
    Kind::UserApproved,
    Kind::UserDeclined,
    Kind::UserStale,
    Kind::UserSuspended,
    Kind::UserReactivated,
    Kind::UserDeprovisioned,
];
const INVITATION: &[Kind] = &[Kind::InvitationIssued];

impl Kind {
    /// The places of `parents`, in their order \[record.md §5\].
    #[must_use]
    pub fn parents(self) -> &'static [ParentRule] {
        match self {
            Self::AssertionRejected => &[],
            Self::AssertionVerified => const { &[optional(&[Self::EmailChallenged])] },
            Self::UserProvisioned => {
                const { &[required(ASSERTION), optional(&[Self::InvitationUsed])] }
            }
            Self::UserRefused => const { &[required(ASSERTION)] },
            Self::UserLinked => {
                const {
                    &[
                        required(ASSERTION),
                        optional(&[Self::UserProvisioned, Self::LinkProposed]),
                        optional(&[Self::LinkProposed]),
                    ]
                }
            }
            Self::LinkProposed => const { &[required(ASSERTION)] },
            Self::UserApproved | Self::UserDeclined => {
                const { &[required(&[Self::UserProvisioned])] }
            }
            Self::UserUpdated => const { &[required(ASSERTION), required(ACCOUNT)] },
            Self::SessionOpened => {
                const {
                    &[
                        required(ASSERTION),
                        required(ACCOUNT),
                        optional(&[Self::InvitationUsed]),
                    ]
                }
            }
            Self::RoleGranted => const { &[required(ACCOUNT), optional(ASSERTION)] },
            Self::RoleRevoked => {
                const {
                    &[
                        required(GRANT),
                        optional(&[
                            Self::AssertionVerified,
                            Self::UserDeprovisioned,
                            Self::AccessReviewed,
                        ]),
                    ]
                }
            }
            Self::RoleExpired | Self::AccessReviewed => const { &[required(GRANT)] },
            Self::SessionClosed => {
                const {
                    &[
                        required(SESSION),
                        optional(&[Self::UserSuspended, Self::UserDeprovisioned]),
                    ]
                }
            }
            Self::DocumentPresented | Self::ConsentGiven => const { &[required(SESSION)] },
            Self::ConsentWithdrawn => const { &[required(CONSENT)] },
            Self::IntentConfirmed | Self::DocumentDeclined => {
                const { &[required(&[Self::DocumentPresented])] }
            }
            Self::DocumentSigned => {
                const {
                    &[
                        required(&[Self::IntentConfirmed]),
                        required(SESSION),
                        required(GRANT),
                        optional(CONSENT),
                    ]
                }
            }
            Self::EmailChallenged | Self::InvitationIssued | Self::CheckpointAnchored => &[],
            Self::InvitationUsed => const { &[required(INVITATION), required(ASSERTION)] },
            Self::InvitationWithdrawn => const { &[required(INVITATION)] },
            Self::UserStale
            | Self::UserSuspended
            | Self::UserReactivated
            | Self::UserDeprovisioned
            | Self::SubjectErased
            | Self::HoldPlaced => const { &[optional(STATE)] },
            Self::HoldReleased => const { &[required(&[Self::HoldPlaced])] },
            Self::PolicyChanged => const { &[optional(&[Self::PolicyChanged])] },
            Self::KeyRotated => const { &[optional(&[Self::KeyRotated])] },
        }
    }

    /// Whether a record of this kind may have `count` parents.
    #[must_use]
    pub fn allows_parents(self, count: usize) -> bool {
        let rules = self.parents();
        let least = rules.iter().filter(|rule| rule.required).count();
        (least..=rules.len()).contains(&count)
    }

    /// The fields that a record of this kind must commit to \[record.md §5\].
    #[must_use]
    pub fn committed_fields(self) -> &'static [&'static str] {
        match self {
            Self::AssertionVerified => &["name_id"],
            Self::UserProvisioned | Self::UserLinked => &["subject"],
            Self::LinkProposed => &["subject", "email"],
            Self::DocumentSigned => &["printed_name"],
            Self::EmailChallenged | Self::InvitationIssued => &["email"],
            _ => &[],
        }
    }

    /// Whether `subject_ref` fits: which account the record is about \[record.md §5\].
    #[must_use]
    pub fn allows_subject(self, is_present: bool) -> bool {
        match self {
            Self::AssertionVerified | Self::AssertionRejected => !is_present,
            Self::EmailChallenged | Self::InvitationIssued | Self::InvitationWithdrawn => {
                !is_present
            }
            Self::PolicyChanged | Self::KeyRotated | Self::CheckpointAnchored => !is_present,
            Self::UserRefused => true,
            _ => is_present,
        }
    }
}
