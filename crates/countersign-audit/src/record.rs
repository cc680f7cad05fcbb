//! One record: the envelope that every kind shares, and how its bytes are read
//! (`docs/spec/record.md` §1 and §3).

use std::collections::BTreeMap;

use countersign_core::{
    ConnectionId, CorrelationId, Entry, EntryId, LeafHash, Sha256Digest, TenantId, Timestamp,
    UserId, VaultKeyId,
};
use serde::de::DeserializeOwned;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use thiserror::Error;
use uuid::{Uuid, Variant};

use crate::canonical::to_canonical;
use crate::commitment::{Openings, is_field_name};
use crate::kind::{Body, Kind, RecordBody};
use crate::leaf::{Leaf, leaf_hash};
use crate::plain;

/// The version of the record format that is written.
pub const VERSION: u8 = 1;

/// Who did what a record says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ActorMembers")]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(!try_from, rename_all = "snake_case", tag = "type", content = "id")
)]
#[non_exhaustive]
pub enum Actor {
    /// An identity provider spoke, through this connection.
    Connection(ConnectionId),
    /// A signed-in person.
    User(UserId),
    /// The host's system, by its policy.
    System,
}

impl Serialize for Actor {
    /// In the order of canonical JSON, as [`Record`] is.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, id) = match self {
            Self::Connection(connection) => (ActorType::Connection, Some(connection.as_str())),
            Self::User(user) => (ActorType::User, Some(user.as_str())),
            Self::System => (ActorType::System, None),
        };
        let mut members = serializer.serialize_struct("Actor", 2)?;
        if let Some(id) = id {
            members.serialize_field("id", id)?;
        }
        members.serialize_field("type", &kind)?;
        members.end()
    }
}

/// An actor as it stands in a record: what it is comes after its name.
#[derive(Deserialize)]
struct ActorMembers {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: ActorType,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActorType {
    Connection,
    User,
    System,
}

impl TryFrom<ActorMembers> for Actor {
    type Error = &'static str;

    fn try_from(members: ActorMembers) -> Result<Self, &'static str> {
        const NO_IDENTIFIER: &str = "an actor's id is no identifier";
        match (members.kind, members.id) {
            (ActorType::Connection, Some(id)) => {
                let id = ConnectionId::new(id);
                id.map(Self::Connection).map_err(|_| NO_IDENTIFIER)
            }
            (ActorType::User, Some(id)) => {
                UserId::new(id).map(Self::User).map_err(|_| NO_IDENTIFIER)
            }
            (ActorType::System, None) => Ok(Self::System),
            _ => Err("an actor has an id unless it is the system"),
        }
    }
}

/// Bytes that are kept outside the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Blob {
    /// Their media type.
    pub media_type: String,
    /// Their SHA-256.
    pub sha256: Sha256Digest,
}

/// A record as it was read: everything in it, and nothing that is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The version of the format.
    pub v: u8,
    /// The record's id.
    pub id: EntryId,
    /// The tenant.
    pub tenant: TenantId,
    /// When it happened.
    pub at: Timestamp,
    /// Ties together the records of one walk.
    pub correlation: CorrelationId,
    /// Leaf hashes of what caused it, in the order of its kind.
    pub parents: Vec<LeafHash>,
    /// The record before it in the same walk, for people who read along.
    pub prev: Option<LeafHash>,
    /// Who did it.
    pub actor: Actor,
    /// The account that it is about.
    pub subject_ref: Option<UserId>,
    /// SHA-256 of the policy file in force.
    pub policy_hash: Option<Sha256Digest>,
    /// Commitments to personal values, by field.
    pub commitments: BTreeMap<String, Sha256Digest>,
    /// Bytes kept outside the record.
    pub blobs: Vec<Blob>,
    /// The vault key of the private part, if it is encrypted.
    pub key_id: Option<VaultKeyId>,
    /// What happened.
    pub body: Body,
}

impl Serialize for Record {
    /// Every member of record.md §3; in the order of canonical JSON, so that the writer has
    /// nothing to sort.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Record", 15)?;
        members.serialize_field("actor", &self.actor)?;
        members.serialize_field("at", &self.at)?;
        members.serialize_field("blobs", &self.blobs)?;
        members.serialize_field("body", &self.body)?;
        members.serialize_field("commitments", &self.commitments)?;
        members.serialize_field("correlation", &self.correlation)?;
        members.serialize_field("id", &self.id)?;
        members.serialize_field("key_id", &self.key_id)?;
        members.serialize_field("kind", &self.kind())?;
        members.serialize_field("parents", &self.parents)?;
        members.serialize_field("policy_hash", &self.policy_hash)?;
        members.serialize_field("prev", &self.prev)?;
        members.serialize_field("subject_ref", &self.subject_ref)?;
        members.serialize_field("tenant", &self.tenant)?;
        members.serialize_field("v", &self.v)?;
        members.end()
    }
}

/// The members of a record as they are read: the kind, which says how to read the body, comes
/// after it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Envelope<'a> {
    actor: Actor,
    at: Timestamp,
    blobs: Vec<Blob>,
    #[serde(borrow)]
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::AnyObject"))]
    body: &'a RawValue,
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Commitments"))]
    commitments: BTreeMap<String, Sha256Digest>,
    correlation: CorrelationId,
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::RecordId"))]
    id: EntryId,
    key_id: Option<VaultKeyId>,
    kind: Kind,
    parents: Vec<LeafHash>,
    policy_hash: Option<Sha256Digest>,
    prev: Option<LeafHash>,
    subject_ref: Option<UserId>,
    tenant: TenantId,
    v: u8,
}

impl Envelope<'_> {
    fn open(self) -> serde_json::Result<Record> {
        Ok(Record {
            body: Body::parse(self.kind, self.body.get())?,
            v: self.v,
            id: self.id,
            tenant: self.tenant,
            at: self.at,
            correlation: self.correlation,
            parents: self.parents,
            prev: self.prev,
            actor: self.actor,
            subject_ref: self.subject_ref,
            policy_hash: self.policy_hash,
            commitments: self.commitments,
            blobs: self.blobs,
            key_id: self.key_id,
        })
    }
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Longer than an entry may be \[record.md §1\].
    #[error("is longer than {} bytes", Entry::MAX_BYTES)]
    TooLong,
    /// No JSON, or a member is missing or is not of its type \[record.md §3, §5\].
    #[error("is not a record of a kind that is known here")]
    Malformed,
    /// A version that is not known here \[record.md §3\].
    #[error("has the version {version}, which is not known here")]
    Version {
        /// The version found.
        version: u8,
    },
    /// Not the bytes that a writer would have written \[record.md §1\].
    #[error("is not in canonical form")]
    NotCanonical,
    /// The id is no UUID of version 7 that holds the record's time \[record.md §3\].
    #[error("has an id that is no version 7 uuid of its time")]
    Id,
    /// More or fewer parents than its kind has \[record.md §5\].
    #[error("has {found} parents, which a `{kind}` can not have")]
    Parents {
        /// The kind.
        kind: Kind,
        /// How many parents it names.
        found: usize,
    },
    /// About an account where its kind is about none, or the other way round \[record.md §5\].
    #[error("names the wrong subject for a `{kind}`")]
    Subject {
        /// The kind.
        kind: Kind,
    },
    /// Not committed to what every record of its kind is \[record.md §5\].
    #[error("does not commit to the `{field}` that a `{kind}` has")]
    Commitment {
        /// The kind.
        kind: Kind,
        /// The field that is missing.
        field: &'static str,
    },
    /// A committed field has a name that is none \[record.md §4\].
    #[error("commits to a field whose name is not allowed")]
    FieldName,
    /// Another kind than the one that was asked for.
    #[error("is a `{found}`, not a `{expected}`")]
    OtherKind {
        /// The kind that was asked for.
        expected: Kind,
        /// The kind it has.
        found: Kind,
    },
}

impl RecordError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "record.too_long",
            Self::Malformed => "record.malformed",
            Self::Version { .. } => "record.version",
            Self::NotCanonical => "record.not_canonical",
            Self::Id => "record.id",
            Self::Parents { .. } => "record.parents",
            Self::Subject { .. } => "record.subject",
            Self::Commitment { .. } => "record.commitment",
            Self::FieldName => "record.field_name",
            Self::OtherKind { .. } => "record.other_kind",
        }
    }
}

/// Reads a record from the bytes of an entry.
///
/// # Errors
/// If the bytes are not exactly those of one record of version 1 and of a known kind.
///
/// # Security
/// The caller hashes `bytes`, never what this returns written again. That the two are the same
/// is checked here, so that no two readers can see different records in the same bytes.
pub fn parse_record(bytes: &[u8]) -> Result<Record, RecordError> {
    // [C2SP tlog-tiles]: an entry's length has 16 bits.
    if bytes.len() > Entry::MAX_BYTES {
        return Err(RecordError::TooLong);
    }
    // Once here, and not with each text in it.
    let text = std::str::from_utf8(bytes).map_err(|_| RecordError::Malformed)?;
    // Whoever reads in this way takes no other form than the canonical one.
    let plain = plain::read(text).ok();
    if let Some(record) = plain.filter(|record| record.check().is_ok()) {
        debug_assert!(to_canonical(&record).is_ok_and(|written| written == bytes));
        return Ok(record);
    }
    // Of all else: why it is refused, or that it is canonical all the same.
    let record = serde_json::from_str(text)
        .and_then(Envelope::open)
        .map_err(|_| RecordError::Malformed)?;
    record.check()?;
    // [record.md §1]: what was read, written again, must be what was read. This one comparison
    // finds white space, order, escapes, floats, members twice, missing or unknown.
    if to_canonical(&record).is_ok_and(|written| written == bytes) {
        Ok(record)
    } else {
        Err(RecordError::NotCanonical)
    }
}

impl Record {
    /// What happened, by name.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.body.kind()
    }

    /// The rules of record.md that the types do not hold by themselves.
    pub(crate) fn check(&self) -> Result<(), RecordError> {
        let kind = self.kind();
        if self.v != VERSION {
            return Err(RecordError::Version { version: self.v });
        }
        if record_id_millis(&self.id) != Some(id_millis(self.at)) {
            return Err(RecordError::Id);
        }
        if !kind.allows_parents(self.parents.len()) {
            return Err(RecordError::Parents {
                kind,
                found: self.parents.len(),
            });
        }
        if !kind.allows_subject(self.subject_ref.is_some()) {
            return Err(RecordError::Subject { kind });
        }
        // [record.md §5.1]: a signature where there is one, a challenge where there is none.
        if let Body::AssertionVerified(body) = &self.body
            && !body.is_whole(self.parents.len(), &self.blobs)
        {
            return Err(RecordError::Malformed);
        }
        if !self.commitments.keys().all(|field| is_field_name(field)) {
            return Err(RecordError::FieldName);
        }
        let committed = |field: &str| self.commitments.contains_key(field);
        let mut fields = kind.committed_fields().iter();
        match fields.find(|field| !committed(field)) {
            Some(field) => Err(RecordError::Commitment { kind, field }),
            None => Ok(()),
        }
    }
}

/// The 48 bits of time that an id of a record at `at` begins with \[RFC 9562 §5.7\].
pub(crate) fn id_millis(at: Timestamp) -> u64 {
    u64::try_from(at.unix_millis()).unwrap_or(0)
}

fn record_id_millis(id: &EntryId) -> Option<u64> {
    let uuid = Uuid::try_parse(id.as_str()).ok()?;
    if uuid.get_version_num() != 7
        || uuid.get_variant() != Variant::RFC4122
        || uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) != id.as_str()
    {
        return None;
    }
    let millis = uuid.as_u128().checked_shr(80)?;
    u64::try_from(millis).ok()
}

/// A record of kind `K` that is written down: just sealed, or read back.
///
/// Later steps of a ceremony take it as proof that the step before them was recorded, and take
/// over from it what both must agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded<K> {
    leaf: Leaf<K>,
    tenant: TenantId,
    correlation: CorrelationId,
    at: Timestamp,
    subject_ref: Option<UserId>,
    parents: Vec<LeafHash>,
    commitments: BTreeMap<String, Sha256Digest>,
    body: K,
}

impl<K: RecordBody> Recorded<K> {
    /// Reads a record of kind `K` from the bytes of an entry.
    ///
    /// # Errors
    /// As [`parse_record`], or [`RecordError::OtherKind`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        Self::from_record(leaf_hash(bytes), parse_record(bytes)?)
    }

    pub(crate) fn from_record(leaf: LeafHash, record: Record) -> Result<Self, RecordError> {
        let found = record.kind();
        let body = K::from_body(record.body).ok_or(RecordError::OtherKind {
            expected: K::KIND,
            found,
        })?;
        Ok(Self {
            leaf: Leaf::from_store(leaf),
            tenant: record.tenant,
            correlation: record.correlation,
            at: record.at,
            subject_ref: record.subject_ref,
            parents: record.parents,
            commitments: record.commitments,
            body,
        })
    }
}

impl<K> Recorded<K> {
    /// Its leaf hash.
    #[must_use]
    pub fn leaf(&self) -> Leaf<K> {
        self.leaf
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The walk that it belongs to.
    #[must_use]
    pub fn correlation(&self) -> &CorrelationId {
        &self.correlation
    }

    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The account that it is about.
    #[must_use]
    pub fn subject_ref(&self) -> Option<&UserId> {
        self.subject_ref.as_ref()
    }

    /// Leaf hashes of what caused it.
    #[must_use]
    pub fn parents(&self) -> &[LeafHash] {
        &self.parents
    }

    /// What happened.
    #[must_use]
    pub fn body(&self) -> &K {
        &self.body
    }

    /// The personal value that the record commits to as `field`, if `openings` still has it, it is
    /// the one that was committed to, and it is a `T` \[record.md §4\].
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, field: &str, openings: &Openings) -> Option<T> {
        let opening = openings.field(field)?;
        let commitment = opening.commit(field).ok()?;
        (self.commitments.get(field) == Some(&commitment))
            .then(|| serde_json::from_value(opening.value().clone()).ok())?
    }
}
