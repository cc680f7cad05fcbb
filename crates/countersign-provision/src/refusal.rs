//! Why somebody stays out, and what would change it.

use countersign_core::UserId;

use crate::reason::Reason;

/// What kind of refusal it is: what an administrator has to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The policy says no.
    Denied,
    /// An account that is there has what the person came with, and may not be theirs.
    Conflict {
        /// That account.
        with: UserId,
    },
    /// The person, or the address, belonged to an account that was taken out of use for good. No
    /// other is made beside it.
    Tombstone {
        /// That account.
        of: UserId,
    },
    /// More than one account matches, and nobody guesses.
    Ambiguous {
        /// They, ordered by id.
        candidates: Vec<UserId>,
    },
    /// Everything fits but that nobody ever proved here that the account's address is the
    /// account's: a link in a mail to it would.
    NeedsProof {
        /// The account that could be linked.
        account: UserId,
    },
    /// An administrator has to approve the account first.
    NeedsApproval {
        /// The account.
        account: UserId,
    },
}

impl RefusalKind {
    /// Its name in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Conflict { .. } => "conflict",
            Self::Tombstone { .. } => "tombstone",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NeedsProof { .. } => "needs_proof",
            Self::NeedsApproval { .. } => "needs_approval",
        }
    }
}

/// A refusal with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Box<Said>);

/// Behind a box, so that what is let in does not carry room for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    kind: RefusalKind,
    first: Reason,
    reasons: Vec<Reason>,
    user: Option<UserId>,
}

impl Refusal {
    fn of_kind(kind: RefusalKind, reason: Reason) -> Self {
        Self(Box::new(Said {
            kind,
            reasons: vec![reason.clone()],
            first: reason,
            user: None,
        }))
    }

    pub(crate) fn denied(reason: Reason) -> Self {
        Self::of_kind(RefusalKind::Denied, reason)
    }

    pub(crate) fn conflict(reason: Reason, with: &UserId) -> Self {
        Self::of_kind(RefusalKind::Conflict { with: with.clone() }, reason).about(with)
    }

    pub(crate) fn tombstone(reason: Reason, of: &UserId) -> Self {
        Self::of_kind(RefusalKind::Tombstone { of: of.clone() }, reason).about(of)
    }

    pub(crate) fn ambiguous(mut candidates: Vec<UserId>) -> Self {
        candidates.sort();
        let reason = Reason::Ambiguous {
            candidates: candidates.clone(),
        };
        Self::of_kind(RefusalKind::Ambiguous { candidates }, reason)
    }

    pub(crate) fn needs_proof(reason: Reason, account: &UserId) -> Self {
        let kind = RefusalKind::NeedsProof {
            account: account.clone(),
        };
        Self::of_kind(kind, reason).about(account)
    }

    pub(crate) fn needs_approval(reason: Reason, account: &UserId) -> Self {
        let kind = RefusalKind::NeedsApproval {
            account: account.clone(),
        };
        Self::of_kind(kind, reason).about(account)
    }

    pub(crate) fn about(mut self, user: &UserId) -> Self {
        self.0.user = Some(user.clone());
        self
    }

    /// Adds reasons that did not decide, but that whoever looks at it should know.
    pub(crate) fn noting(mut self, reasons: impl IntoIterator<Item = Reason>) -> Self {
        for reason in reasons {
            if !self.0.reasons.contains(&reason) {
                self.0.reasons.push(reason);
            }
        }
        self
    }

    /// What kind of refusal it is.
    #[must_use]
    pub fn kind(&self) -> &RefusalKind {
        &self.0.kind
    }

    /// What decided.
    #[must_use]
    pub fn reason(&self) -> &Reason {
        &self.0.first
    }

    /// All reasons; the first decided.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.0.reasons
    }

    /// The stable code of what decided.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.first.code()
    }

    /// The account that it is about, if there is exactly one.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        self.0.user.as_ref()
    }
}
