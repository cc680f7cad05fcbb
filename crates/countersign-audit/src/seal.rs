//! From a draft to an entry: ids, salts, commitments, bytes.

use std::collections::BTreeMap;
use std::fmt;

use countersign_core::{
    CorrelationId, Entry, EntryId, LeafHash, Sha256Digest, TenantId, Timestamp, UserId, VaultOwner,
};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::canonical::to_canonical;
use crate::commitment::{Opening, Openings, Salt};
use crate::error::AuditError;
use crate::kind::RecordBody;
use crate::leaf::{Leaf, leaf_hash};
use crate::private::PrivatePart;
use crate::record::{Actor, Blob, Record, RecordError, Recorded, VERSION, id_millis};
use crate::vault::Filing;

/// Where random bytes come from.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` with random bytes that nobody can foresee.
    ///
    /// # Errors
    /// If there are none; nothing is sealed then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source of random bytes failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there are no random bytes")]
pub struct EntropyError;

/// The operating system's random bytes.
#[derive(Debug, Clone)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// Takes the operating system's source.
    #[must_use]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(bytes).map_err(|_| EntropyError)
    }
}

/// Why a draft may not become a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The session or the grant does not exist any more at that time \[record.md §6, rule 6\].
    #[error("the {what} has expired")]
    Expired {
        /// `session` or `grant`.
        what: &'static str,
    },
    /// The grant's permissions do not cover signing this type \[record.md §6, rule 5\].
    #[error("the grant does not cover the document's type")]
    NotCovered,
    /// The consent's scope does not cover this type \[record.md §6, rule 9\].
    #[error("the consent does not cover the document's type")]
    NoConsent,
    /// What was shown, what was confirmed and the session do not belong together
    /// \[record.md §6, rule 4\].
    #[error("the records are of different ceremonies")]
    OtherCeremony,
    /// The grant or the consent is another account's than the session
    /// \[record.md §6, rules 3 and 7\].
    #[error("the session and what the signature rests on are of different accounts")]
    OtherSubject,
    /// The draft follows a record of another walk or another tenant
    /// \[record.md §6, rules 1 and 4\].
    #[error("the draft belongs to another walk")]
    OtherCorrelation,
    /// A personal value can not be written as canonical JSON, or its field's name is not allowed
    /// \[record.md §4\].
    #[error("the personal value `{field}` can not be committed to")]
    Personal {
        /// The field.
        field: &'static str,
    },
    /// The result would be no record.
    #[error("the record would break the format: it {0}")]
    Format(RecordError),
}

impl SealError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "seal.expired",
            Self::NotCovered => "seal.not_covered",
            Self::NoConsent => "seal.no_consent",
            Self::OtherCeremony => "seal.other_ceremony",
            Self::OtherSubject => "seal.other_subject",
            Self::OtherCorrelation => "seal.other_correlation",
            Self::Personal { .. } => "seal.personal",
            Self::Format(error) => error.code(),
        }
    }
}

/// A record before it is sealed. Each kind's `draft` makes one, and takes the records that must
/// have caused it.
#[derive(Clone)]
pub struct Draft<K> {
    body: K,
    actor: Actor,
    subject_ref: Option<UserId>,
    parents: Vec<LeafHash>,
    personal: Vec<(&'static str, Option<Value>)>,
    blobs: Vec<Blob>,
    private: PrivatePart,
    follows: Option<(TenantId, CorrelationId)>,
    not_earlier_than: Timestamp,
    deadlines: Vec<(&'static str, Timestamp)>,
}

impl<K> Draft<K> {
    pub(crate) fn new(body: K, actor: Actor) -> Self {
        Self {
            body,
            actor,
            subject_ref: None,
            parents: Vec::new(),
            personal: Vec::new(),
            blobs: Vec::new(),
            private: PrivatePart::default(),
            follows: None,
            not_earlier_than: Timestamp::MIN,
            deadlines: Vec::new(),
        }
    }

    /// The next step after `cause`: about the same account, by that account, in the same walk,
    /// not before it.
    pub(crate) fn following<C>(body: K, cause: &Recorded<C>) -> Self {
        let subject = cause.subject_ref().cloned();
        let actor = subject.clone().map_or(Actor::System, Actor::User);
        let mut draft = Self::new(body, actor)
            .caused_by(cause.leaf())
            .not_earlier_than(cause.at());
        draft.subject_ref = subject;
        draft.follows = Some((cause.tenant().clone(), cause.correlation().clone()));
        draft
    }

    pub(crate) fn about(mut self, user: UserId) -> Self {
        self.subject_ref = Some(user);
        self
    }

    pub(crate) fn caused_by<C>(mut self, cause: Leaf<C>) -> Self {
        self.parents.push(cause.hash());
        self
    }

    pub(crate) fn not_earlier_than(mut self, at: Timestamp) -> Self {
        self.not_earlier_than = self.not_earlier_than.max(at);
        self
    }

    pub(crate) fn before(mut self, what: &'static str, deadline: Option<Timestamp>) -> Self {
        self.deadlines
            .extend(deadline.map(|deadline| (what, deadline)));
        self
    }

    /// Commits to one more personal value. A field that is there already is replaced.
    #[must_use]
    pub fn personal(mut self, field: &'static str, value: &impl Serialize) -> Self {
        self.personal
            .push((field, serde_json::to_value(value).ok()));
        self
    }

    pub(crate) fn personal_if_any(
        self,
        field: &'static str,
        value: Option<&impl Serialize>,
    ) -> Self {
        match value {
            Some(value) => self.personal(field, value),
            None => self,
        }
    }

    /// Names bytes that are kept outside the record.
    #[must_use]
    pub fn blob(mut self, blob: Blob) -> Self {
        self.blobs.push(blob);
        self
    }

    /// Names bytes that are kept in the record's private part.
    #[must_use]
    pub fn enclose(mut self, media_type: &str, bytes: Vec<u8>) -> Self {
        let sha256 = self.private.enclose(bytes);
        self.blob(Blob {
            media_type: media_type.to_owned(),
            sha256,
        })
    }

    /// Whether its record will have a private part.
    #[must_use]
    pub fn is_private(&self) -> bool {
        !self.personal.is_empty() || !self.private.is_empty()
    }

    /// Names who did it, where it is not whom the kind says, such as an administrator.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }
}

impl<K: fmt::Debug> fmt::Debug for Draft<K> {
    /// Leaves the personal values out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("body", &self.body)
            .field("parents", &self.parents)
            .finish_non_exhaustive()
    }
}

/// A sealed record: the entry to commit, and the record to cite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed<K> {
    entry: Entry,
    recorded: Recorded<K>,
}

impl<K> Sealed<K> {
    /// What a store keeps.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What later records cite as their cause.
    #[must_use]
    pub fn leaf(&self) -> Leaf<K> {
        self.recorded.leaf()
    }

    /// What the next step of a ceremony rests on.
    #[must_use]
    pub fn recorded(&self) -> &Recorded<K> {
        &self.recorded
    }

    /// Takes it apart.
    #[must_use]
    pub fn into_parts(self) -> (Entry, Recorded<K>) {
        (self.entry, self.recorded)
    }
}

/// One walk from a sign-in to its signatures: what all its records share.
///
/// A copy of it may be thrown away: a decision that lost a race is taken again with a copy from
/// before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correlation {
    tenant: TenantId,
    id: CorrelationId,
    policy_hash: Option<Sha256Digest>,
    last: Option<LeafHash>,
    filing: Filing,
}

impl Correlation {
    /// A walk that begins.
    #[must_use]
    pub fn begin(tenant: TenantId, id: CorrelationId) -> Self {
        Self {
            filing: Filing::in_the_clear(VaultOwner::Walk(tenant.clone(), id.clone())),
            tenant,
            id,
            policy_hash: None,
            last: None,
        }
    }

    /// The walk that `recorded` belongs to, after it.
    #[must_use]
    pub fn resume<K>(recorded: &Recorded<K>) -> Self {
        let (tenant, id) = (recorded.tenant().clone(), recorded.correlation().clone());
        Self {
            last: Some(recorded.leaf().hash()),
            ..Self::begin(tenant, id)
        }
    }

    /// Names the policy file that is in force.
    #[must_use]
    pub fn under_policy(mut self, policy_hash: Sha256Digest) -> Self {
        self.policy_hash = Some(policy_hash);
        self
    }

    /// Says whose the private parts of its records are from here on, and what they are encrypted
    /// with; otherwise they are the walk's own, in the clear.
    #[must_use]
    pub fn filed(mut self, filing: Filing) -> Self {
        self.filing = filing;
        self
    }

    /// Whose the private parts of its records are.
    #[must_use]
    pub fn filing(&self) -> &Filing {
        &self.filing
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &CorrelationId {
        &self.id
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Seals a draft as what happened at `now`.
    ///
    /// The time written is never before that of a record that the draft follows, even if the
    /// clocks of two machines differ.
    ///
    /// # Errors
    /// [`AuditError::Seal`] if the draft may not become a record: its session or grant has
    /// expired, or it would break the format. [`AuditError::Entropy`] if there are no random
    /// bytes.
    pub fn seal<K: RecordBody>(
        &mut self,
        draft: Draft<K>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Sealed<K>, AuditError> {
        let at = now.max(draft.not_earlier_than);
        // [record.md §6, rule 6]
        if let Some((what, _)) = draft.deadlines.iter().find(|(_, deadline)| at >= *deadline) {
            return Err(SealError::Expired { what }.into());
        }
        // [record.md §6, rules 1 and 4]
        if let Some((tenant, correlation)) = &draft.follows
            && (*tenant != self.tenant || *correlation != self.id)
        {
            return Err(SealError::OtherCorrelation.into());
        }
        let mut content = draft.private;
        let commitments = commit(draft.personal, content.openings_mut(), entropy)?;
        let record = Record {
            v: VERSION,
            id: record_id(at, entropy)?,
            tenant: self.tenant.clone(),
            at,
            correlation: self.id.clone(),
            parents: draft.parents,
            prev: self.last,
            actor: draft.actor,
            subject_ref: draft.subject_ref,
            policy_hash: self.policy_hash,
            commitments,
            blobs: draft.blobs,
            key_id: self
                .filing
                .key_id()
                .cloned()
                .filter(|_| !content.is_empty()),
            body: draft.body.into_body(),
        };
        record.check().map_err(SealError::Format)?;
        let bytes = to_canonical(&record).map_err(|_| SealError::Format(RecordError::Malformed))?;
        if bytes.len() > Entry::MAX_BYTES {
            return Err(SealError::Format(RecordError::TooLong).into());
        }
        let leaf = leaf_hash(&bytes);
        let private = if content.is_empty() {
            None
        } else {
            // Each value was written once above, so this one can not fail for its values.
            let content = content
                .to_bytes()
                .map_err(|_| SealError::Format(RecordError::Malformed))?;
            let private = self.filing.file(leaf, at, content, entropy)?;
            Some(private.ok_or(SealError::Format(RecordError::TooLong))?)
        };
        let entry = Entry::from_parts(record.id.clone(), leaf, bytes, private);
        let recorded = Recorded::from_record(leaf, record).map_err(SealError::Format)?;
        self.last = Some(leaf);
        Ok(Sealed { entry, recorded })
    }
}

fn commit(
    personal: Vec<(&'static str, Option<Value>)>,
    openings: &mut Openings,
    entropy: &dyn Entropy,
) -> Result<BTreeMap<String, Sha256Digest>, AuditError> {
    let mut commitments = BTreeMap::new();
    for (field, value) in personal {
        let refused = SealError::Personal { field };
        let value = value.ok_or(refused)?;
        let mut salt = [0_u8; 32];
        entropy.fill(&mut salt)?;
        let opening = Opening::new(Salt::from_bytes(salt), value);
        let commitment = opening.commit(field).map_err(|_| refused)?;
        commitments.insert(field.to_owned(), commitment);
        openings.insert(field, opening);
    }
    Ok(commitments)
}

/// A UUID of version 7 \[RFC 9562 §5.7\]: the time, and 74 random bits.
fn record_id(at: Timestamp, entropy: &dyn Entropy) -> Result<EntryId, AuditError> {
    let mut random = [0_u8; 10];
    entropy.fill(&mut random)?;
    let uuid = uuid::Builder::from_unix_timestamp_millis(id_millis(at), &random).into_uuid();
    EntryId::new(uuid.hyphenated().to_string())
        .map_err(|_| SealError::Format(RecordError::Id).into())
}
