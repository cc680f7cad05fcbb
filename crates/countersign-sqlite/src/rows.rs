//! Between our types and SQLite's: texts, instants in milliseconds, hashes, states.

use countersign_core::{
    ConnectionId, ConsentId, CorrelationId, DocumentPattern, Door, Email, Grant, GrantId,
    GrantOwner, LeafHash, RoleName, RuleId, SessionId, Sha256Digest, SubjectKey, SubjectKeyError,
    TenantId, TextError, Timestamp, UserId, VaultOwner,
};
use countersign_provision::store::{ConsentRecord, Link, SessionRecord};
use countersign_provision::user::{User, UserState};
use rusqlite::Row;

use crate::failure::Failure;

/// The columns that [`user`] reads, in its order.
pub(crate) const USER: &str = "users.tenant, users.id, users.state, users.state_since, \
    users.state_entry, users.hold, users.email, users.email_verified_locally, \
    users.given_name, users.family_name, users.display_name, users.account_id, \
    users.permission_profile_id, users.created_at, users.last_sign_in_at, users.entry, \
    users.version";

pub(crate) fn user(row: &Row<'_>) -> Result<User, Failure> {
    Ok(User {
        tenant: text(row, 0, "tenant")?,
        id: text(row, 1, "user id")?,
        state: named(row, 2, "state of an account", UserState::from_name)?,
        state_since: instant(row, 3)?,
        state_entry: optional_leaf(row, 4)?,
        hold: optional_leaf(row, 5)?,
        email: optional_text::<Email>(row, 6, "e-mail address")?,
        email_verified_locally: row.get(7)?,
        given_name: row.get(8)?,
        family_name: row.get(9)?,
        display_name: row.get(10)?,
        account_id: row.get(11)?,
        permission_profile_id: row.get(12)?,
        created_at: instant(row, 13)?,
        last_sign_in_at: optional_instant(row, 14)?,
        entry: optional_leaf(row, 15)?,
        version: number(row.get(16)?)?,
    })
}

/// The columns that [`grant`] reads, in its order.
pub(crate) const GRANT: &str = "id, user, role, owner, owner_connection, rule, policy_hash, \
    first_given_at, granted_at, expires_at, scope, entry";

pub(crate) fn grant(row: &Row<'_>) -> Result<Grant, Failure> {
    let connection = optional_text::<ConnectionId>(row, 4, "connection")?;
    Ok(Grant {
        id: text::<GrantId>(row, 0, "grant id")?,
        user: text::<UserId>(row, 1, "user id")?,
        role: text::<RoleName>(row, 2, "role")?,
        owner: named(row, 3, "owner of a grant", |name| {
            GrantOwner::from_name(name, connection)
        })?,
        rule: optional_text::<RuleId>(row, 5, "rule")?,
        policy_hash: Sha256Digest::from_bytes(row.get(6)?),
        first_given_at: instant(row, 7)?,
        granted_at: instant(row, 8)?,
        expires_at: optional_instant(row, 9)?,
        scope: scope(row, 10)?,
        entry: LeafHash::from_bytes(row.get(11)?),
    })
}

/// The columns that [`consent`] reads, in its order.
pub(crate) const CONSENT: &str =
    "id, user, scope, disclosure_sha256, disclosure_version, given_at, entry";

pub(crate) fn consent(row: &Row<'_>) -> Result<ConsentRecord, Failure> {
    Ok(ConsentRecord {
        id: text::<ConsentId>(row, 0, "consent id")?,
        user: text::<UserId>(row, 1, "user id")?,
        scope: scope(row, 2)?,
        disclosure_sha256: Sha256Digest::from_bytes(row.get(3)?),
        disclosure_version: row.get(4)?,
        given_at: instant(row, 5)?,
        entry: LeafHash::from_bytes(row.get(6)?),
    })
}

/// The columns that [`link`] reads, in its order.
pub(crate) const LINK: &str = "tenant, issuer, subject, user, connection, linked_at, entry";

pub(crate) fn link(row: &Row<'_>) -> Result<Link, Failure> {
    let tenant: TenantId = text(row, 0, "tenant")?;
    let issuer: String = row.get(1)?;
    let subject: String = row.get(2)?;
    let subject =
        SubjectKey::from_stable_value(tenant, &issuer, &subject).map_err(|error| match error {
            SubjectKeyError::Issuer(source) | SubjectKeyError::Subject(source) => {
                Failure::Damaged {
                    what: "subject",
                    source,
                }
            }
            _ => Failure::Unknown("subject"),
        })?;
    Ok(Link {
        subject,
        user: text(row, 3, "user id")?,
        connection: text(row, 4, "connection")?,
        linked_at: instant(row, 5)?,
        entry: LeafHash::from_bytes(row.get(6)?),
    })
}

/// The three columns of an owner: tenant, what it is, its id.
pub(crate) fn vault_owner_columns(owner: &VaultOwner) -> (&str, &'static str, &str) {
    (owner.tenant().as_str(), owner.kind(), owner.id())
}

/// The owner in three columns, of which `first` is the first.
pub(crate) fn vault_owner(row: &Row<'_>, first: usize) -> Result<VaultOwner, Failure> {
    let tenant = text(row, first, "tenant")?;
    let id: String = row.get(first.saturating_add(2))?;
    named(
        row,
        first.saturating_add(1),
        "owner of a private part",
        |kind| VaultOwner::from_parts(tenant, kind, &id),
    )
}

/// The columns that [`session`] reads, in its order.
pub(crate) const SESSION: &str = "tenant, id, user, connection, door, authn_context, \
    authn_instant, opened_at, expires_at, session_index, correlation, entry, closed_at";

pub(crate) fn session(row: &Row<'_>) -> Result<SessionRecord, Failure> {
    Ok(SessionRecord {
        tenant: text(row, 0, "tenant")?,
        id: text::<SessionId>(row, 1, "session id")?,
        user: text(row, 2, "user id")?,
        connection: text(row, 3, "connection")?,
        door: named(row, 4, "door of a session", Door::from_name)?,
        authn_context: row.get(5)?,
        authn_instant: optional_instant(row, 6)?,
        opened_at: instant(row, 7)?,
        expires_at: instant(row, 8)?,
        session_index: row.get(9)?,
        correlation: text::<CorrelationId>(row, 10, "correlation id")?,
        entry: LeafHash::from_bytes(row.get(11)?),
        closed_at: optional_instant(row, 12)?,
    })
}

/// A scope in the file, a pattern a line: no pattern has a line break in it.
pub(crate) fn scope_lines(scope: &[DocumentPattern]) -> String {
    let lines: Vec<String> = scope.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn scope(row: &Row<'_>, column: usize) -> Result<Vec<DocumentPattern>, Failure> {
    let lines = row
        .get_ref(column)?
        .as_str()
        .map_err(rusqlite::Error::from)?;
    let patterns = lines.lines().map(str::parse);
    let scope: Result<_, _> = patterns.collect();
    scope.map_err(|_| Failure::Unknown("scope"))
}

/// What the name in a column stands for.
fn named<T>(
    row: &Row<'_>,
    column: usize,
    what: &'static str,
    find: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Failure> {
    let name = row
        .get_ref(column)?
        .as_str()
        .map_err(rusqlite::Error::from)?;
    find(name).ok_or(Failure::Unknown(what))
}

/// SQLite's integers are signed.
pub(crate) fn number(value: i64) -> Result<u64, Failure> {
    u64::try_from(value).map_err(|_| Failure::OutOfRange)
}

/// The other way: what SQLite can not hold is refused, never wrapped.
pub(crate) fn integer(value: u64) -> Result<i64, Failure> {
    i64::try_from(value).map_err(|_| Failure::OutOfRange)
}

pub(crate) fn text<T>(row: &Row<'_>, column: usize, what: &'static str) -> Result<T, Failure>
where
    T: TryFrom<String, Error = TextError>,
{
    T::try_from(row.get(column)?).map_err(|source| Failure::Damaged { what, source })
}

pub(crate) fn optional_text<T>(
    row: &Row<'_>,
    column: usize,
    what: &'static str,
) -> Result<Option<T>, Failure>
where
    T: TryFrom<String, Error = TextError>,
{
    row.get::<_, Option<String>>(column)?
        .map(T::try_from)
        .transpose()
        .map_err(|source| Failure::Damaged { what, source })
}

fn optional_leaf(row: &Row<'_>, column: usize) -> Result<Option<LeafHash>, Failure> {
    let leaf = row.get::<_, Option<[u8; 32]>>(column)?;
    Ok(leaf.map(LeafHash::from_bytes))
}

pub(crate) fn instant(row: &Row<'_>, column: usize) -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_unix_millis(row.get(column)?))
}

fn optional_instant(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Failure> {
    Ok(row
        .get::<_, Option<i64>>(column)?
        .map(Timestamp::from_unix_millis))
}
