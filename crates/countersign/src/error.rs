//! What can go wrong in the engine, by whose fault it is.

use countersign_audit::AuditError;
use countersign_core::{ConnectionId, ConsentId, DocumentId, LeafHash, StoreError};
use countersign_evidence::EvidenceError;
use countersign_provision::risk::Needs;
use thiserror::Error;

use crate::account::AccountError;
use crate::token::TokenError;

/// Why the engine did not do what was asked. Whatever it is, nothing was given or signed.
///
/// A sign-in that is refused is no error: it is [`crate::SignIn::Refused`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The session is over, was closed, or never was; or its account is not active any more.
    #[error("the session is over")]
    SessionOver,
    /// No live grant of the account allows the action on the document's type.
    #[error("no live grant allows to {action} `{document_type}`")]
    NotAllowed {
        /// What was asked for, such as `sign`.
        action: &'static str,
        /// The document's type.
        document_type: String,
    },
    /// The session began with an invitation, and signs the document of that and no other.
    #[error("the invitation is not for `{document}`, a `{document_type}`")]
    NotInvited {
        /// The document that was presented.
        document: DocumentId,
        /// Its type.
        document_type: String,
    },
    /// The policy asks for a stronger sign-in to sign documents of this type:
    /// [`crate::Engine::step_up`] asks the provider for one.
    #[error("to sign `{document_type}` needs {needs}")]
    NotStrongEnough {
        /// The document's type.
        document_type: String,
        /// All that the sign-in has to be.
        needs: Needs,
    },
    /// The policy asks for a consent to electronic records to sign documents of this type:
    /// [`crate::Engine::give_consent`] records one.
    #[error("to sign `{document_type}` needs a consent to electronic records")]
    NoConsent {
        /// The document's type.
        document_type: String,
    },
    /// The account has no such consent: it never gave it, or has withdrawn it.
    #[error("there is no consent `{0}`")]
    UnknownConsent(ConsentId),
    /// The document was signed or declined before in this ceremony.
    #[error("the ceremony has come to its end")]
    CeremonyOver,
    /// There is no such account that waits for approval: it was approved or declined before, or
    /// never waited.
    #[error("no such account waits for approval")]
    NotAwaitingApproval,
    /// The host named a connection that the engine was not built with: misuse of the API.
    #[error("there is no connection `{0}`")]
    UnknownConnection(ConnectionId),
    /// The host handed over something that is no identifier, or is not of this ceremony: misuse
    /// of the API.
    #[error("{what} can not be used here")]
    Misuse {
        /// What was handed over.
        what: &'static str,
    },
    /// The account can not be changed like this.
    #[error("{0}")]
    Account(#[from] AccountError),
    /// A token is not good.
    #[error("{0}")]
    Token(#[from] TokenError),
    /// The store failed, or kept changing for too long.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// A record could not be sealed, or the ledger failed.
    #[error("the ledger failed")]
    Audit(#[from] AuditError),
    /// The account is erased, and its record written; what is left in the store's files could not
    /// be removed yet. Erasing again, or a sweep, finishes it.
    #[error(
        "the account is erased, and what the store's files hold of it could not be removed yet"
    )]
    ErasurePending {
        /// The `subject.erased` record.
        entry: LeafHash,
        /// Why not.
        source: StoreError,
    },
    /// The bundle could not be put together.
    #[error("the evidence could not be exported")]
    Evidence(#[from] EvidenceError),
}

impl EngineError {
    /// A stable code for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SessionOver => "engine.session_over",
            Self::NotAllowed { .. } => "engine.not_allowed",
            Self::NotInvited { .. } => "engine.not_invited",
            Self::NotStrongEnough { .. } => "engine.not_strong_enough",
            Self::NoConsent { .. } => "engine.no_consent",
            Self::UnknownConsent(_) => "engine.unknown_consent",
            Self::CeremonyOver => "engine.ceremony_over",
            Self::NotAwaitingApproval => "engine.not_awaiting_approval",
            Self::UnknownConnection(_) => "engine.unknown_connection",
            Self::Misuse { .. } => "engine.misuse",
            Self::Account(error) => error.code(),
            Self::Token(error) => error.code(),
            Self::Store(_) => "engine.store",
            Self::Audit(error) => error.code(),
            Self::ErasurePending { .. } => "engine.erasure_pending",
            Self::Evidence(error) => error.code(),
        }
    }
}
