//! A change as statements of one transaction.
//!
//! They are written for `READ COMMITTED`: each statement sees what is committed when it begins.
//! So whatever is checked is locked first, by a row or by a name, and then read.

use std::collections::BTreeSet;

use countersign_core::{
    ConnectionId, ConsentId, Grant, GrantId, RoleName, SessionId, SubjectKey, TenantId, Timestamp,
    UserId,
};
use countersign_provision::store::{
    Change, ConsentRecord, KeepHolders, Link, PolicyEntry, SessionRecord, UserWrite,
};
use countersign_provision::user::User;

use crate::batch::{Batch, values};
use crate::entries;
use crate::failure::Failure;
use crate::replay;
use crate::rows::{bytes, integer, scope_column};
use crate::vault;

/// Takes locks by name.
pub(crate) const LOCK: &str = "SELECT countersign.lock($1)";

const OTHER_VERSION: Failure = Failure::Conflict("the account has another version");

/// Everything that the change writes, and everything that it expects.
pub(crate) fn statements(change: &Change) -> Result<Batch, Failure> {
    let tenant = &change.tenant;
    change.check_tenant()?;
    let mut batch = Batch::default();
    if let Some(once) = &change.once {
        replay::remember(&mut batch, once);
    }
    if let Some((connection, epoch)) = &change.connection {
        expect_connection(&mut batch, tenant, connection, *epoch)?;
    }
    lock(&mut batch, change);
    if let Some(policy) = &change.policy {
        move_policy_on(&mut batch, tenant, policy);
    }
    if let Some(cap) = change.seat_cap {
        before_seats(&mut batch, change, cap);
    }
    if let Some(keep) = &change.keep_holders {
        before_holders(&mut batch, tenant, keep);
    }
    let written = write_users(&mut batch, change)?;
    if let Some(cap) = change.seat_cap {
        check_seats(&mut batch, tenant, cap);
    }
    if change.unique_email {
        check_emails(&mut batch, change);
    }
    for subject in &change.remove_links {
        remove_link(&mut batch, subject);
    }
    for link in &change.links {
        add_link(&mut batch, link);
    }
    for grant in &change.put_grants {
        put_grant(&mut batch, tenant, grant)?;
    }
    for session in &change.open_sessions {
        open_session(&mut batch, session);
    }
    for consent in &change.put_consents {
        put_consent(&mut batch, tenant, consent)?;
    }
    take_away(&mut batch, change, &written);
    if let Some(keep) = &change.keep_holders {
        check_holders(&mut batch, tenant, keep);
    }
    if !change.spend.is_empty() {
        let leaves: Vec<Vec<u8>> = change.spend.iter().map(bytes).collect();
        batch.add(
            "INSERT INTO countersign.spent (leaf, tenant) SELECT leaf, $2 FROM unnest($1::bytea[]) AS leaf",
            values![leaves, tenant.to_string()],
        );
    }
    for (walk, user) in &change.adopt {
        vault::adopt(&mut batch, tenant, walk, user);
    }
    for owner in &change.erase {
        vault::erase(&mut batch, owner);
    }
    entries::add(&mut batch, &change.entries);
    Ok(batch)
}

/// Accounts that are created or updated.
fn users(change: &Change) -> impl Iterator<Item = &User> {
    change.users.iter().filter_map(|write| match write {
        UserWrite::Create(user) | UserWrite::Update { user, .. } => Some(user),
        _ => None,
    })
}

/// What stands for nothing that has a row. No identifier has a line break in it.
fn lock_name(kind: &str, tenant: &TenantId, what: &str) -> String {
    format!("{kind}\n{tenant}\n{what}")
}

/// The lock of a connection's state: shared by those who rely on it.
pub(crate) fn connection_lock(tenant: &TenantId, connection: &ConnectionId) -> String {
    lock_name("connection", tenant, connection.as_str())
}

fn lock(batch: &mut Batch, change: &Change) {
    let tenant = &change.tenant;
    let mut names = BTreeSet::new();
    if change.unique_email {
        let emails = users(change).filter_map(|user| user.email.as_ref());
        names.extend(emails.map(|email| lock_name("email", tenant, email.as_str())));
    }
    if let Some(keep) = &change.keep_holders {
        let roles = keep.roles.iter();
        names.extend(roles.map(|role| lock_name("role", tenant, role.as_str())));
    }
    if !names.is_empty() {
        let names: Vec<String> = names.into_iter().collect();
        batch.add(LOCK, values![names]);
    }
}

fn expect_connection(
    batch: &mut Batch,
    tenant: &TenantId,
    connection: &ConnectionId,
    epoch: u64,
) -> Result<(), Failure> {
    // No connection has an epoch that PostgreSQL can not hold.
    let epoch = integer(epoch).map_err(|_| Failure::Conflict("the connection has changed"))?;
    batch.add(
        "SELECT countersign.expect_connection($1, $2, $3, $4)",
        values![
            connection_lock(tenant, connection),
            tenant.to_string(),
            connection.to_string(),
            epoch
        ],
    );
    Ok(())
}

fn move_policy_on(batch: &mut Batch, tenant: &TenantId, policy: &PolicyEntry) {
    match &policy.expected {
        None => batch.add(
            "WITH put AS (
                 INSERT INTO countersign.policies (tenant, entry) VALUES ($1, $2)
                     ON CONFLICT (tenant) DO NOTHING RETURNING 1
             )
             SELECT countersign.require(EXISTS (SELECT FROM put), 'the policy has changed')",
            values![tenant.to_string(), bytes(&policy.entry)],
        ),
        Some(expected) => batch.add(
            "WITH put AS (
                 UPDATE countersign.policies SET entry = $2 WHERE tenant = $1 AND entry = $3
                     RETURNING 1
             )
             SELECT countersign.require(EXISTS (SELECT FROM put), 'the policy has changed')",
            values![tenant.to_string(), bytes(&policy.entry), bytes(expected)],
        ),
    }
}

/// Creates and updates accounts, and gives the ids of those. Whoever is expected to have a
/// version is expected to have it before the change, so that comes first.
fn write_users(batch: &mut Batch, change: &Change) -> Result<BTreeSet<String>, Failure> {
    for write in &change.users {
        if let UserWrite::Expect { user, version } = write {
            // Nobody moves it on before this change is committed.
            batch.add(
                "WITH expected AS (
                     SELECT FROM countersign.users WHERE tenant = $1 AND id = $2 AND version = $3
                         FOR SHARE
                 )
                 SELECT countersign.require(EXISTS (SELECT FROM expected),
                     'the account has another version')",
                values![
                    change.tenant.to_string(),
                    user.to_string(),
                    storable_version(*version)?
                ],
            );
        }
    }
    let mut written = BTreeSet::new();
    for write in &change.users {
        let user = match write {
            UserWrite::Create(user) => {
                write_user(batch, CREATE_USER, user, 1);
                user
            }
            UserWrite::Update {
                user,
                expected_version,
            } => {
                write_user(
                    batch,
                    UPDATE_USER,
                    user,
                    storable_version(*expected_version)?,
                );
                user
            }
            UserWrite::Expect { .. } => continue,
            _ => return Err(Failure::Refused("a write to an account is not known here")),
        };
        if !written.insert(user.id.to_string()) {
            return Err(Failure::Conflict("the account is written twice"));
        }
    }
    Ok(written)
}

/// No account has a version that PostgreSQL can not hold.
fn storable_version(version: u64) -> Result<i64, Failure> {
    integer(version).map_err(|_| OTHER_VERSION)
}

const CREATE_USER: &str = "INSERT INTO countersign.users (tenant, id, state, state_since,
        state_entry, hold, email, email_verified_locally, given_name, family_name, display_name,
        account_id, permission_profile_id, created_at, last_sign_in_at, entry, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

const UPDATE_USER: &str = "WITH updated AS (
        UPDATE countersign.users SET state = $3, state_since = $4, state_entry = $5, hold = $6,
                email = $7, email_verified_locally = $8, given_name = $9, family_name = $10,
                display_name = $11, account_id = $12, permission_profile_id = $13,
                created_at = $14, last_sign_in_at = $15, entry = $16, version = version + 1
            WHERE tenant = $1 AND id = $2 AND version = $17
            RETURNING 1
    )
    SELECT countersign.require(EXISTS (SELECT FROM updated), 'the account has another version')";

fn write_user(batch: &mut Batch, sql: &'static str, user: &User, version: i64) {
    batch.add(
        sql,
        values![
            user.tenant.to_string(),
            user.id.to_string(),
            user.state.name(),
            user.state_since.unix_millis(),
            user.state_entry.as_ref().map(bytes),
            user.hold.as_ref().map(bytes),
            user.email.as_ref().map(|email| email.as_str().to_owned()),
            user.email_verified_locally,
            user.given_name.clone(),
            user.family_name.clone(),
            user.display_name.clone(),
            user.account_id.clone(),
            user.permission_profile_id.clone(),
            user.created_at.unix_millis(),
            user.last_sign_in_at.map(Timestamp::unix_millis),
            user.entry.as_ref().map(bytes),
            version,
        ],
    );
}

/// A cap that no number of accounts reaches is none.
fn storable_cap(cap: u64) -> i64 {
    i64::try_from(cap).unwrap_or(i64::MAX)
}

/// Looks how many seats are taken, once nobody else can take the last ones.
fn before_seats(batch: &mut Batch, change: &Change, cap: u64) {
    let wanted = i64::try_from(users(change).count()).unwrap_or(i64::MAX);
    batch.add(
        "SELECT countersign.lock_seats($1, $2, $3)",
        values![change.tenant.to_string(), storable_cap(cap), wanted],
    );
}

fn check_seats(batch: &mut Batch, tenant: &TenantId, cap: u64) {
    batch.add(
        "SELECT countersign.check_seats($1, $2)",
        values![tenant.to_string(), storable_cap(cap)],
    );
}

fn check_emails(batch: &mut Batch, change: &Change) {
    let (ids, emails): (Vec<String>, Vec<String>) = users(change)
        .filter_map(|user| {
            Some((
                user.id.to_string(),
                user.email.as_ref()?.as_str().to_owned(),
            ))
        })
        .unzip();
    if ids.is_empty() {
        return;
    }
    batch.add(
        "SELECT countersign.check_emails($1, $2, $3)",
        values![change.tenant.to_string(), ids, emails],
    );
}

fn roles_column(keep: &KeepHolders) -> Vec<String> {
    keep.roles.iter().map(RoleName::to_string).collect()
}

/// Remembers which of the roles have a holder.
fn before_holders(batch: &mut Batch, tenant: &TenantId, keep: &KeepHolders) {
    batch.add(
        "SELECT set_config('countersign.held', ARRAY(
             SELECT role FROM unnest($2::text[]) AS role
                 WHERE cardinality(countersign.holders($1, role, $3)) > 0
         )::text, true)",
        values![
            tenant.to_string(),
            roles_column(keep),
            keep.now.unix_millis()
        ],
    );
}

fn check_holders(batch: &mut Batch, tenant: &TenantId, keep: &KeepHolders) {
    batch.add(
        "SELECT countersign.require(NOT EXISTS (
             SELECT FROM unnest(current_setting('countersign.held')::text[]) AS role
                 WHERE cardinality(countersign.holders($1, role, $2)) = 0
         ), 'a role would lose its last holder')",
        values![tenant.to_string(), keep.now.unix_millis()],
    );
}

fn remove_link(batch: &mut Batch, subject: &SubjectKey) {
    batch.add(
        "DELETE FROM countersign.links WHERE key = countersign.key_of($1, $2, $3)
             AND tenant = $1 AND issuer = $2 AND subject = $3",
        values![
            subject.tenant().to_string(),
            subject.issuer().to_owned(),
            subject.subject().to_owned(),
        ],
    );
}

fn add_link(batch: &mut Batch, link: &Link) {
    batch.add(
        "INSERT INTO countersign.links (tenant, issuer, subject, user_id, connection, linked_at,
                 entry)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        values![
            link.subject.tenant().to_string(),
            link.subject.issuer().to_owned(),
            link.subject.subject().to_owned(),
            link.user.to_string(),
            link.connection.to_string(),
            link.linked_at.unix_millis(),
            bytes(&link.entry),
        ],
    );
}

fn put_grant(batch: &mut Batch, tenant: &TenantId, grant: &Grant) -> Result<(), Failure> {
    batch.add(
        "WITH put AS (
             INSERT INTO countersign.grants AS g (tenant, id, user_id, role, owner,
                     owner_connection, rule, policy_hash, first_given_at, granted_at, expires_at,
                     scope, entry)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                 ON CONFLICT (tenant, id) DO UPDATE
                 SET role = excluded.role, owner = excluded.owner,
                     owner_connection = excluded.owner_connection, rule = excluded.rule,
                     policy_hash = excluded.policy_hash,
                     first_given_at = excluded.first_given_at,
                     granted_at = excluded.granted_at, expires_at = excluded.expires_at,
                     scope = excluded.scope, entry = excluded.entry
                 WHERE g.user_id = excluded.user_id
                 RETURNING 1
         )
         SELECT countersign.require(EXISTS (SELECT FROM put), 'the grant is another account''s')",
        values![
            tenant.to_string(),
            grant.id.to_string(),
            grant.user.to_string(),
            grant.role.to_string(),
            grant.owner.name(),
            grant.owner.connection().map(ToString::to_string),
            grant.rule.as_ref().map(ToString::to_string),
            grant.policy_hash.as_bytes().to_vec(),
            grant.first_given_at.unix_millis(),
            grant.granted_at.unix_millis(),
            grant.expires_at.map(Timestamp::unix_millis),
            scope_column(&grant.scope),
            bytes(&grant.entry),
        ],
    );
    Ok(())
}

fn open_session(batch: &mut Batch, session: &SessionRecord) {
    batch.add(
        "INSERT INTO countersign.sessions (tenant, id, user_id, connection, door, authn_context,
                 authn_instant, opened_at, expires_at, session_index, correlation, entry,
                 closed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        values![
            session.tenant.to_string(),
            session.id.to_string(),
            session.user.to_string(),
            session.connection.to_string(),
            session.door.name(),
            session.authn_context.clone(),
            session.authn_instant.map(Timestamp::unix_millis),
            session.opened_at.unix_millis(),
            session.expires_at.unix_millis(),
            session.session_index.clone(),
            session.correlation.to_string(),
            bytes(&session.entry),
            session.closed_at.map(Timestamp::unix_millis),
        ],
    );
}

fn put_consent(
    batch: &mut Batch,
    tenant: &TenantId,
    consent: &ConsentRecord,
) -> Result<(), Failure> {
    batch.add(
        "INSERT INTO countersign.consents (tenant, id, user_id, scope, disclosure_sha256,
                 disclosure_version, given_at, entry)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        values![
            tenant.to_string(),
            consent.id.to_string(),
            consent.user.to_string(),
            scope_column(&consent.scope),
            consent.disclosure_sha256.as_bytes().to_vec(),
            consent.disclosure_version.clone(),
            consent.given_at.unix_millis(),
            bytes(&consent.entry),
        ],
    );
    Ok(())
}

/// Takes away grants, sessions and consents, and moves the versions of all accounts on whose
/// grants, sessions or consents were touched without them being written: such an account is another
/// one to whoever decided by it.
fn take_away(batch: &mut Batch, change: &Change, written: &BTreeSet<String>) {
    let put_grants = change.put_grants.iter().map(|grant| &grant.user);
    let put_consents = change.put_consents.iter().map(|consent| &consent.user);
    let touched: BTreeSet<String> = put_grants
        .chain(put_consents)
        .map(UserId::to_string)
        .collect();
    let touched: Vec<String> = touched.difference(written).cloned().collect();
    let takes_nothing = change.remove_grants.is_empty()
        && change.close_sessions.is_empty()
        && change.withdraw_consents.is_empty();
    if takes_nothing && touched.is_empty() {
        return;
    }
    let grants: Vec<String> = change
        .remove_grants
        .iter()
        .map(GrantId::to_string)
        .collect();
    // Of two instants the first one counts.
    let mut seen = BTreeSet::new();
    let (sessions, closed_at): (Vec<String>, Vec<i64>) = change
        .close_sessions
        .iter()
        .filter(|(session, _)| seen.insert(session))
        .map(|(session, at): &(SessionId, Timestamp)| (session.to_string(), at.unix_millis()))
        .unzip();
    let consents: Vec<String> = change
        .withdraw_consents
        .iter()
        .map(ConsentId::to_string)
        .collect();
    let written: Vec<String> = written.iter().cloned().collect();
    batch.add(
        "WITH removed AS (
             DELETE FROM countersign.grants WHERE tenant = $1 AND id = ANY ($2)
                 RETURNING user_id
         ), closed AS (
             UPDATE countersign.sessions AS s SET closed_at = closing.at
                 FROM unnest($3::text[], $4::bigint[]) AS closing (id, at)
                 WHERE s.tenant = $1 AND s.id = closing.id COLLATE \"C\" AND s.closed_at IS NULL
                 RETURNING s.user_id
         ), withdrawn AS (
             DELETE FROM countersign.consents WHERE tenant = $1 AND id = ANY ($5)
                 RETURNING user_id
         ), touched AS (
             SELECT user_id FROM removed UNION SELECT user_id FROM closed
             UNION SELECT user_id FROM withdrawn UNION SELECT unnest($6::text[])
         ), moved AS (
             UPDATE countersign.users SET version = version + 1
                 WHERE tenant = $1 AND id IN (SELECT user_id FROM touched)
                     AND id <> ALL ($7::text[])
         )
         SELECT countersign.require(
             (SELECT count(*) FROM withdrawn) = cardinality($5::text[]),
             'there is no such consent')",
        values![
            change.tenant.to_string(),
            grants,
            sessions,
            closed_at,
            consents,
            touched,
            written,
        ],
    );
}
