//! Between our types and PostgreSQL's: texts, instants in milliseconds, hashes.
//!
//! Accounts with what belongs to them come as one JSON value, because that is how one statement
//! answers with rows of several tables.

use std::collections::BTreeMap;

use countersign_core::{
    ConnectionId, ConsentId, CorrelationId, DocumentPattern, Door, Email, Grant, GrantId,
    GrantOwner, LeafHash, RoleName, RuleId, SessionId, Sha256Digest, SubjectKey, SubjectKeyError,
    TenantId, Timestamp, UserId, VaultOwner,
};
use countersign_provision::store::{
    ConnectionState, ConsentRecord, Link, SessionRecord, Snapshot, UserWithGrants,
};
use countersign_provision::user::{User, UserState};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use tokio_postgres::Row;

use crate::failure::Failure;

/// Reads the JSON text of a row's first column.
pub(crate) fn json<T: DeserializeOwned>(row: &Row) -> Result<T, Failure> {
    let text: &str = row.try_get(0)?;
    serde_json::from_str(text).map_err(Failure::Damaged)
}

fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    i64::deserialize(from).map(Timestamp::from_unix_millis)
}

fn optional_instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<i64>::deserialize(from)?.map(Timestamp::from_unix_millis))
}

/// A hash as PostgreSQL writes bytes: `\x` and hexadecimal digits.
fn digest<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String>,
{
    let text = String::deserialize(from)?;
    hash(&text).ok_or_else(|| D::Error::custom("a hash is damaged"))
}

fn optional_digest<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String>,
{
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| hash(&text).ok_or_else(|| D::Error::custom("a hash is damaged")))
        .transpose()
}

fn hash<T: TryFrom<String>>(text: &str) -> Option<T> {
    T::try_from(text.strip_prefix("\\x")?.to_owned()).ok()
}

#[derive(Deserialize)]
struct UserRow {
    tenant: TenantId,
    id: UserId,
    state: UserState,
    #[serde(deserialize_with = "instant")]
    state_since: Timestamp,
    #[serde(deserialize_with = "optional_digest")]
    state_entry: Option<LeafHash>,
    #[serde(deserialize_with = "optional_digest")]
    hold: Option<LeafHash>,
    email: Option<Email>,
    email_verified_locally: bool,
    given_name: Option<String>,
    family_name: Option<String>,
    display_name: Option<String>,
    account_id: Option<String>,
    permission_profile_id: Option<String>,
    #[serde(deserialize_with = "instant")]
    created_at: Timestamp,
    #[serde(deserialize_with = "optional_instant")]
    last_sign_in_at: Option<Timestamp>,
    #[serde(deserialize_with = "optional_digest")]
    entry: Option<LeafHash>,
    version: u64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            tenant: row.tenant,
            state: row.state,
            state_since: row.state_since,
            state_entry: row.state_entry,
            hold: row.hold,
            email: row.email,
            email_verified_locally: row.email_verified_locally,
            given_name: row.given_name,
            family_name: row.family_name,
            display_name: row.display_name,
            account_id: row.account_id,
            permission_profile_id: row.permission_profile_id,
            created_at: row.created_at,
            last_sign_in_at: row.last_sign_in_at,
            entry: row.entry,
            version: row.version,
        }
    }
}

#[derive(Deserialize)]
struct GrantRow {
    id: GrantId,
    user_id: UserId,
    role: RoleName,
    owner: String,
    owner_connection: Option<ConnectionId>,
    rule: Option<RuleId>,
    #[serde(deserialize_with = "digest")]
    policy_hash: Sha256Digest,
    #[serde(deserialize_with = "instant")]
    first_given_at: Timestamp,
    #[serde(deserialize_with = "instant")]
    granted_at: Timestamp,
    #[serde(deserialize_with = "optional_instant")]
    expires_at: Option<Timestamp>,
    scope: Vec<DocumentPattern>,
    #[serde(deserialize_with = "digest")]
    entry: LeafHash,
}

impl TryFrom<GrantRow> for Grant {
    type Error = Failure;
    fn try_from(row: GrantRow) -> Result<Self, Failure> {
        Ok(Self {
            id: row.id,
            user: row.user_id,
            role: row.role,
            owner: GrantOwner::from_name(&row.owner, row.owner_connection)
                .ok_or(Failure::Unknown("owner of a grant"))?,
            rule: row.rule,
            policy_hash: row.policy_hash,
            first_given_at: row.first_given_at,
            granted_at: row.granted_at,
            expires_at: row.expires_at,
            scope: row.scope,
            entry: row.entry,
        })
    }
}

#[derive(Deserialize)]
struct LinkRow {
    tenant: TenantId,
    issuer: String,
    subject: String,
    user_id: UserId,
    connection: ConnectionId,
    #[serde(deserialize_with = "instant")]
    linked_at: Timestamp,
    #[serde(deserialize_with = "digest")]
    entry: LeafHash,
}

impl TryFrom<LinkRow> for Link {
    type Error = Failure;
    fn try_from(row: LinkRow) -> Result<Self, Failure> {
        Ok(Self {
            subject: SubjectKey::from_stable_value(row.tenant, &row.issuer, &row.subject)
                .map_err(|_: SubjectKeyError| Failure::Unknown("subject"))?,
            user: row.user_id,
            connection: row.connection,
            linked_at: row.linked_at,
            entry: row.entry,
        })
    }
}

/// An account with its grants and its links, as `countersign.account` makes it.
#[derive(Deserialize)]
pub(crate) struct AccountRow {
    user: UserRow,
    grants: Vec<GrantRow>,
    links: Vec<LinkRow>,
}

impl TryFrom<AccountRow> for UserWithGrants {
    type Error = Failure;
    fn try_from(row: AccountRow) -> Result<Self, Failure> {
        let links = row.links.into_iter().map(Link::try_from);
        Ok(Self {
            user: row.user.into(),
            grants: row
                .grants
                .into_iter()
                .map(Grant::try_from)
                .collect::<Result<_, _>>()?,
            subjects: links
                .map(|link| Ok(link?.subject))
                .collect::<Result<_, Failure>>()?,
        })
    }
}

#[derive(Deserialize)]
struct ConnectionRow {
    enabled: bool,
    epoch: u64,
}

/// What a decision needs, in one value.
#[derive(Deserialize)]
pub(crate) struct SnapshotRow {
    link: Option<LinkRow>,
    linked: Option<AccountRow>,
    by_email: Vec<AccountRow>,
    seats_taken: u64,
    connection: Option<ConnectionRow>,
    holders: BTreeMap<RoleName, Vec<UserId>>,
    seen: bool,
}

impl TryFrom<SnapshotRow> for Snapshot {
    type Error = Failure;
    fn try_from(row: SnapshotRow) -> Result<Self, Failure> {
        Ok(Self {
            link: row.link.map(Link::try_from).transpose()?,
            linked: row.linked.map(UserWithGrants::try_from).transpose()?,
            by_email: row
                .by_email
                .into_iter()
                .map(UserWithGrants::try_from)
                .collect::<Result<_, _>>()?,
            seats_taken: row.seats_taken,
            holders: row.holders,
            connection: row
                .connection
                .map(|row| ConnectionState {
                    enabled: row.enabled,
                    epoch: row.epoch,
                })
                .unwrap_or_default(),
            seen: row.seen,
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct SessionRow {
    tenant: TenantId,
    id: SessionId,
    user_id: UserId,
    connection: ConnectionId,
    door: String,
    authn_context: Option<String>,
    #[serde(deserialize_with = "optional_instant")]
    authn_instant: Option<Timestamp>,
    #[serde(deserialize_with = "instant")]
    opened_at: Timestamp,
    #[serde(deserialize_with = "instant")]
    expires_at: Timestamp,
    session_index: Option<String>,
    correlation: CorrelationId,
    #[serde(deserialize_with = "digest")]
    entry: LeafHash,
    #[serde(deserialize_with = "optional_instant")]
    closed_at: Option<Timestamp>,
}

impl TryFrom<SessionRow> for SessionRecord {
    type Error = Failure;
    fn try_from(row: SessionRow) -> Result<Self, Failure> {
        Ok(Self {
            id: row.id,
            tenant: row.tenant,
            user: row.user_id,
            connection: row.connection,
            door: Door::from_name(&row.door).ok_or(Failure::Unknown("door of a session"))?,
            authn_context: row.authn_context,
            authn_instant: row.authn_instant,
            opened_at: row.opened_at,
            expires_at: row.expires_at,
            session_index: row.session_index,
            correlation: row.correlation,
            entry: row.entry,
            closed_at: row.closed_at,
        })
    }
}

#[derive(Deserialize)]
pub(crate) struct ConsentRow {
    id: ConsentId,
    user_id: UserId,
    scope: Vec<DocumentPattern>,
    #[serde(deserialize_with = "digest")]
    disclosure_sha256: Sha256Digest,
    disclosure_version: String,
    #[serde(deserialize_with = "instant")]
    given_at: Timestamp,
    #[serde(deserialize_with = "digest")]
    entry: LeafHash,
}

impl From<ConsentRow> for ConsentRecord {
    fn from(row: ConsentRow) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            scope: row.scope,
            disclosure_sha256: row.disclosure_sha256,
            disclosure_version: row.disclosure_version,
            given_at: row.given_at,
            entry: row.entry,
        }
    }
}

/// A scope as an array of texts.
pub(crate) fn scope_column(scope: &[DocumentPattern]) -> Vec<String> {
    scope.iter().map(ToString::to_string).collect()
}

/// The columns of an owner: tenant, what it is, its id.
pub(crate) fn vault_owner_columns(owner: &VaultOwner) -> (String, &'static str, String) {
    (
        owner.tenant().to_string(),
        owner.kind(),
        owner.id().to_owned(),
    )
}

/// The owner in three columns, of which `first` is the first.
pub(crate) fn vault_owner(row: &Row, first: usize) -> Result<VaultOwner, Failure> {
    let tenant = text(row, first, "tenant")?;
    let kind = row.try_get(first.saturating_add(1))?;
    let id = row.try_get(first.saturating_add(2))?;
    VaultOwner::from_parts(tenant, kind, id).ok_or(Failure::Unknown("owner of a private part"))
}

/// PostgreSQL's integers are signed.
pub(crate) fn number(value: i64) -> Result<u64, Failure> {
    u64::try_from(value).map_err(|_| Failure::OutOfRange)
}

/// The other way: what it can not hold is refused, never wrapped.
pub(crate) fn integer(value: u64) -> Result<i64, Failure> {
    i64::try_from(value).map_err(|_| Failure::OutOfRange)
}

pub(crate) fn text<T: TryFrom<String>>(
    row: &Row,
    column: usize,
    what: &'static str,
) -> Result<T, Failure> {
    T::try_from(row.try_get(column)?).map_err(|_| Failure::Unknown(what))
}

pub(crate) fn optional_text<T: TryFrom<String>>(
    row: &Row,
    column: usize,
    what: &'static str,
) -> Result<Option<T>, Failure> {
    let value: Option<String> = row.try_get(column)?;
    value
        .map(|value| T::try_from(value).map_err(|_| Failure::Unknown(what)))
        .transpose()
}

pub(crate) fn leaf(row: &Row, column: usize) -> Result<LeafHash, Failure> {
    let bytes: &[u8] = row.try_get(column)?;
    let bytes = bytes.try_into().map_err(|_| Failure::Unknown("hash"))?;
    Ok(LeafHash::from_bytes(bytes))
}

pub(crate) fn timestamp(row: &Row, column: usize) -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_unix_millis(row.try_get(column)?))
}

/// A hash as a parameter.
pub(crate) fn bytes(leaf: &LeafHash) -> Vec<u8> {
    leaf.as_bytes().to_vec()
}
