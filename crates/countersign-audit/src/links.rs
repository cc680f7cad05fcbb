//! What a record and those that it rests on must agree on (`docs/spec/record.md` §6).
//!
//! These rules have one home. The ledger asks them before an entry becomes a leaf, so that a
//! signature without its live grant, or a grant without its user, is never part of a tree; whoever
//! checks a ledger or a bundle asks the same again.

use countersign_core::{LeafHash, Timestamp};
use thiserror::Error;

use crate::ceremony::{DocumentPresented, DocumentSigned};
use crate::kind::{Body, Kind};
use crate::record::Record;

/// Why a record can not rest on what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No earlier leaf has that hash \[record.md §6, rules 1 and 2\].
    #[error("names the cause {parent}, which is no earlier leaf")]
    Missing {
        /// The leaf hash it names.
        parent: LeafHash,
    },
    /// A record of that kind can not stand at its place \[record.md §6, rule 1\].
    #[error("names the cause {parent}, which is a `{found}` and can not be one here")]
    Kind {
        /// The leaf hash it names.
        parent: LeafHash,
        /// The kind that is there.
        found: Kind,
    },
    /// The cause is of another tenant \[record.md §6, rule 1\].
    #[error("names the cause {parent}, which is of another tenant")]
    Tenant {
        /// The leaf hash it names.
        parent: LeafHash,
    },
    /// The cause is about another account \[record.md §6, rules 3 and 7\].
    #[error("names the cause {parent}, which is about another account")]
    Subject {
        /// The leaf hash it names.
        parent: LeafHash,
    },
    /// It is dated before its cause \[record.md §6, rules 6 and 9\].
    #[error("is dated before its cause {parent}")]
    Time {
        /// The leaf hash it names.
        parent: LeafHash,
    },
    /// What was shown, confirmed and signed differ, or the session of one is not that of the
    /// other \[record.md §6, rule 4\].
    #[error("does not agree with {parent}, which it rests on")]
    Disagrees {
        /// The leaf hash of what it rests on.
        parent: LeafHash,
    },
    /// The session began with an invitation to sign another document \[record.md §6, rule 8\].
    #[error("shows a document that the person was not invited to sign")]
    NotInvited,
    /// The grant is not the one that the signature names, or does not cover the document
    /// \[record.md §6, rule 5\].
    #[error("names the grant {parent}, which does not allow to sign this document")]
    NotCovered {
        /// The leaf hash of the grant.
        parent: LeafHash,
    },
    /// The grant had expired, or expires at another time than the signature says
    /// \[record.md §6, rules 5 and 6\].
    #[error("names the grant {parent}, which was not live")]
    GrantOver {
        /// The leaf hash of the grant.
        parent: LeafHash,
    },
    /// The session had expired, or expires at another time than the signature says
    /// \[record.md §6, rules 5 and 6\].
    #[error("names the session {parent}, which was over")]
    SessionOver {
        /// The leaf hash of the session.
        parent: LeafHash,
    },
    /// The consent does not cover the document \[record.md §6, rule 9\].
    #[error("names the consent {parent}, which is not for this document")]
    NoConsent {
        /// The leaf hash of the consent.
        parent: LeafHash,
    },
}

impl LinkError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "link.missing",
            Self::Kind { .. } => "link.kind",
            Self::Tenant { .. } => "link.tenant",
            Self::Subject { .. } => "link.subject",
            Self::Time { .. } => "link.time",
            Self::Disagrees { .. } => "link.disagrees",
            Self::NotInvited => "link.not_invited",
            Self::NotCovered { .. } => "link.not_covered",
            Self::GrantOver { .. } => "link.grant_over",
            Self::SessionOver { .. } => "link.session_over",
            Self::NoConsent { .. } => "link.no_consent",
        }
    }
}

/// Checks a record against what it rests on; nothing is wrong if what it returns is empty.
///
/// `earlier` finds records that come before it, by their leaf hashes. It is asked for the
/// record's parents, and for the parents of those that [`beyond`] names.
pub fn check_links<'a>(
    record: &Record,
    earlier: impl Fn(&LeafHash) -> Option<&'a Record>,
) -> Vec<LinkError> {
    let mut errors = Vec::new();
    // INVARIANT: whoever read or sealed the record has checked how many parents there are.
    for (leaf, rule) in record.parents.iter().zip(record.kind().parents()) {
        let parent = *leaf;
        let Some(cause) = earlier(leaf) else {
            errors.push(LinkError::Missing { parent });
            continue;
        };
        let found = cause.kind();
        // [record.md §6, rule 1]
        if !rule.kinds.contains(&found) {
            errors.push(LinkError::Kind { parent, found });
        }
        if cause.tenant != record.tenant {
            errors.push(LinkError::Tenant { parent });
        }
        // [record.md §6, rules 3 and 7]
        if let (Some(theirs), Some(ours)) = (&cause.subject_ref, &record.subject_ref)
            && theirs != ours
        {
            errors.push(LinkError::Subject { parent });
        }
    }
    let mut links = Links {
        record,
        earlier,
        errors,
    };
    match &record.body {
        Body::DocumentPresented(shown) => links.check_presented(shown),
        Body::IntentConfirmed(body) => {
            links.check_shown(|shown| {
                body.ceremony == shown.ceremony && body.document_sha256 == shown.sha256
            });
        }
        Body::DocumentDeclined(body) => links.check_shown(|shown| {
            body.ceremony == shown.ceremony
                && body.document == shown.document
                && body.document_sha256 == shown.sha256
        }),
        Body::DocumentSigned(signed) => links.check_signed(signed),
        Body::ConsentGiven(_) => links.check_time(0),
        Body::ConsentWithdrawn(body) => links.check_withdrawn(&body.consent),
        _ => {}
    }
    links.errors
}

/// Which parents of a record its children are checked against, too: what was shown for what was
/// confirmed, and the invitation that a session began with.
#[must_use]
pub fn beyond(record: &Record) -> Option<&LeafHash> {
    match record.body {
        Body::IntentConfirmed(_) | Body::InvitationUsed(_) => record.parents.first(),
        // [record.md §5]: assertion, account, invitation.
        Body::SessionOpened(_) => record.parents.get(2),
        _ => None,
    }
}

struct Links<'r, F> {
    record: &'r Record,
    earlier: F,
    errors: Vec<LinkError>,
}

/// The parent at a place, if it is there and of the kind that stands there. What is not was told
/// before.
macro_rules! cause {
    ($links:expr, $place:literal, $kind:ident) => {
        $links
            .parent($place)
            .and_then(|(leaf, record)| match &record.body {
                Body::$kind(body) => Some((leaf, record, body)),
                _ => None,
            })
    };
}

impl<'a, F: Fn(&LeafHash) -> Option<&'a Record>> Links<'_, F> {
    fn parent(&self, place: usize) -> Option<(LeafHash, &'a Record)> {
        let leaf = self.record.parents.get(place)?;
        Some((*leaf, (self.earlier)(leaf)?))
    }

    fn require(&mut self, holds: bool, error: LinkError) {
        if !holds {
            self.errors.push(error);
        }
    }

    /// [record.md §6, rules 6 and 9]
    fn check_time(&mut self, place: usize) {
        if let Some((parent, cause)) = self.parent(place) {
            self.require(cause.at <= self.record.at, LinkError::Time { parent });
        }
    }

    fn check_presented(&mut self, shown: &DocumentPresented) {
        self.check_time(0);
        let Some((_, session, _)) = cause!(self, 0, SessionOpened) else {
            return;
        };
        // [record.md §6, rule 8]
        if let Some(used) = beyond(session) {
            let used = (self.earlier)(used);
            let issued = used.and_then(beyond).and_then(&self.earlier);
            let is_invited = matches!(
                issued.map(|issued| &issued.body),
                Some(Body::InvitationIssued(invited))
                    if invited.document == shown.document
                        && invited.document_type == shown.document_type
            );
            self.require(is_invited, LinkError::NotInvited);
        }
    }

    /// Of what follows a presentation, and ends or continues its ceremony.
    fn check_shown(&mut self, agrees: impl Fn(&DocumentPresented) -> bool) {
        self.check_time(0);
        if let Some((parent, cause, shown)) = cause!(self, 0, DocumentPresented) {
            // [record.md §6, rule 4]
            let agrees = agrees(shown) && cause.correlation == self.record.correlation;
            self.require(agrees, LinkError::Disagrees { parent });
        }
    }

    fn check_signed(&mut self, signed: &DocumentSigned) {
        for place in 0..self.record.parents.len() {
            self.check_time(place);
        }
        let at = self.record.at;
        if let Some((parent, cause, intent)) = cause!(self, 0, IntentConfirmed) {
            // [record.md §6, rule 4]
            let agrees = signed.ceremony == intent.ceremony
                && signed.document_sha256 == intent.document_sha256
                && signed.meaning == intent.meaning
                && cause.correlation == self.record.correlation;
            self.require(agrees, LinkError::Disagrees { parent });
            self.check_what_was_shown(signed, cause);
        }
        if let Some((parent, _, session)) = cause!(self, 1, SessionOpened) {
            // [record.md §6, rules 5 and 6]
            let is_live = signed.session_expires_at == session.expires_at;
            let is_live = is_live && at < session.expires_at;
            self.require(is_live, LinkError::SessionOver { parent });
        }
        if let Some((parent, _, grant)) = cause!(self, 2, RoleGranted) {
            // [record.md §6, rule 5]
            let covers = signed.grant == grant.grant
                && signed.role == grant.role
                && grant.covers_signing(&signed.document_type);
            self.require(covers, LinkError::NotCovered { parent });
            // [record.md §6, rules 5 and 6]
            let before = |expires: Timestamp| at < expires;
            let is_live =
                signed.grant_expires_at == grant.expires_at && grant.expires_at.is_none_or(before);
            self.require(is_live, LinkError::GrantOver { parent });
        }
        if let Some((parent, _, consent)) = cause!(self, 3, ConsentGiven) {
            // [record.md §6, rule 9]
            let covers = consent.covers(&signed.document_type);
            self.require(covers, LinkError::NoConsent { parent });
        }
    }

    /// What was shown is what was signed, within the session of the signature
    /// \[record.md §6, rule 4\].
    fn check_what_was_shown(&mut self, signed: &DocumentSigned, intent: &Record) {
        let Some(parent) = beyond(intent) else {
            return;
        };
        let session = self.record.parents.get(1);
        let agrees = (self.earlier)(parent).is_some_and(|cause| match &cause.body {
            Body::DocumentPresented(shown) => {
                signed.ceremony == shown.ceremony
                    && signed.document == shown.document
                    && signed.document_type == shown.document_type
                    && signed.document_sha256 == shown.sha256
                    && cause.parents.first() == session
                    && cause.correlation == self.record.correlation
            }
            _ => false,
        });
        self.require(agrees, LinkError::Disagrees { parent: *parent });
    }

    fn check_withdrawn(&mut self, consent: &countersign_core::ConsentId) {
        if let Some((parent, _, given)) = cause!(self, 0, ConsentGiven) {
            let agrees = given.consent == *consent;
            self.require(agrees, LinkError::Disagrees { parent });
        }
    }
}
