//! A change as one transaction. Whatever fails here, the writer undoes all of it.

use std::collections::BTreeSet;

use countersign_core::{
    ConnectionId, ConsentId, Grant, GrantId, LeafHash, RoleName, SessionId, SubjectKey, TenantId,
    Timestamp, UserId,
};
use countersign_provision::store::{Change, ConsentRecord, Link, SessionRecord, UserWrite};
use countersign_provision::user::User;
use countersign_saml::replay::Seen;
use rusqlite::{Connection, OptionalExtension, params};

use crate::failure::Failure;
use crate::group::WriteConnection;
use crate::ledger;
use crate::replay;
use crate::rows::scope_lines;
use crate::users::{connection_state, holders, policy_entry, seats_taken};
use crate::vault;

/// Writes the change, or fails where something that it expects does not hold.
pub(crate) fn apply(db: &WriteConnection, change: &Change) -> Result<(), Failure> {
    let tenant = &change.tenant;
    change.check_tenant()?;
    // Before anything else is written: a replay costs the others in its transaction nothing.
    if let Some(once) = &change.once
        && replay::remember(db, once)? == Seen::Before
    {
        return Err(Failure::Conflict("it was seen before"));
    }
    check_connection(db, change)?;
    move_policy_on(db, change)?;
    let seated = match change.seat_cap {
        Some(_) => seats_taken(db, tenant)?,
        None => 0,
    };
    let held = held_roles(db, change)?;
    let written = write_users(db, change)?;
    check_seats(db, change, seated)?;
    check_emails(db, change)?;
    for subject in &change.remove_links {
        remove_link(db, subject)?;
    }
    for link in &change.links {
        add_link(db, link)?;
    }
    let mut touched = BTreeSet::new();
    for grant in &change.put_grants {
        put_grant(db, tenant, grant)?;
        touched.insert(grant.user.as_str().to_owned());
    }
    for grant in &change.remove_grants {
        touched.extend(remove_grant(db, tenant, grant)?);
    }
    for session in &change.open_sessions {
        open_session(db, session)?;
    }
    for (session, at) in &change.close_sessions {
        touched.extend(close_session(db, tenant, session, *at)?);
    }
    for consent in &change.put_consents {
        put_consent(db, tenant, consent)?;
        touched.insert(consent.user.as_str().to_owned());
    }
    for consent in &change.withdraw_consents {
        touched.insert(withdraw_consent(db, tenant, consent)?);
    }
    for user in touched
        .iter()
        .filter(|user| !written.contains(user.as_str()))
    {
        move_version_on(db, tenant, user)?;
    }
    check_holders(db, change, &held)?;
    for entry in &change.spend {
        spend(db, tenant, *entry)?;
    }
    if !change.adopt.is_empty() || !change.erase.is_empty() {
        // What they look for may be of another change in this transaction.
        db.new_entries().write(db)?;
    }
    for (walk, user) in &change.adopt {
        vault::adopt(db, tenant, walk, user)?;
    }
    for owner in &change.erase {
        vault::erase(db, owner)?;
    }
    ledger::enqueue(db, &change.entries)
}

/// The roles that must keep a holder, and have one before the change.
fn held_roles<'a>(db: &Connection, change: &'a Change) -> Result<Vec<&'a RoleName>, Failure> {
    let Some(keep) = &change.keep_holders else {
        return Ok(Vec::new());
    };
    let mut held = Vec::new();
    for role in &keep.roles {
        if !holders(db, &change.tenant, role, keep.now)?.is_empty() {
            held.push(role);
        }
    }
    Ok(held)
}

/// `held` had a holder before the change.
fn check_holders(db: &Connection, change: &Change, held: &[&RoleName]) -> Result<(), Failure> {
    let Some(keep) = &change.keep_holders else {
        return Ok(());
    };
    for role in held {
        if holders(db, &change.tenant, role, keep.now)?.is_empty() {
            return Err(Failure::Conflict("a role would lose its last holder"));
        }
    }
    Ok(())
}

/// Uses up a one-time entry; the primary key conflicts where it was used up before.
fn spend(db: &Connection, tenant: &TenantId, entry: LeafHash) -> Result<(), Failure> {
    let mut insert = db.prepare_cached("INSERT INTO spent (leaf, tenant) VALUES (?1, ?2)")?;
    insert.execute((entry.as_bytes(), tenant.as_str()))?;
    Ok(())
}

fn check_connection(db: &Connection, change: &Change) -> Result<(), Failure> {
    let Some((connection, epoch)) = &change.connection else {
        return Ok(());
    };
    let state = connection_state(db, &change.tenant, connection)?;
    if state.enabled && state.epoch == *epoch {
        Ok(())
    } else {
        Err(Failure::Conflict("the connection has changed"))
    }
}

fn move_policy_on(db: &Connection, change: &Change) -> Result<(), Failure> {
    let Some(policy) = &change.policy else {
        return Ok(());
    };
    let tenant = &change.tenant;
    if policy_entry(db, tenant)? != policy.expected {
        return Err(Failure::Conflict("the policy has changed"));
    }
    let mut upsert = db.prepare_cached(
        "INSERT INTO policies (tenant, entry) VALUES (?1, ?2)
             ON CONFLICT (tenant) DO UPDATE SET entry = excluded.entry",
    )?;
    upsert.execute((tenant.as_str(), policy.entry.as_bytes()))?;
    Ok(())
}

/// Creates and updates accounts, and gives the ids of those. Whoever is expected to have a
/// version is expected to have it before the change, so that comes first.
fn write_users<'a>(db: &Connection, change: &'a Change) -> Result<BTreeSet<&'a str>, Failure> {
    for write in &change.users {
        if let UserWrite::Expect { user, version } = write {
            expect_version(db, &change.tenant, user, *version)?;
        }
    }
    let mut written = BTreeSet::new();
    for write in &change.users {
        let user = match write {
            UserWrite::Create(user) => {
                create_user(db, user)?;
                user
            }
            UserWrite::Update {
                user,
                expected_version,
            } => {
                update_user(db, user, *expected_version)?;
                user
            }
            UserWrite::Expect { .. } => continue,
            _ => return Err(Failure::Refused("a write to an account is not known here")),
        };
        if !written.insert(user.id.as_str()) {
            return Err(Failure::Conflict("the account is written twice"));
        }
    }
    Ok(written)
}

fn expect_version(
    db: &Connection,
    tenant: &TenantId,
    user: &UserId,
    version: u64,
) -> Result<(), Failure> {
    let mut select =
        db.prepare_cached("SELECT 1 FROM users WHERE tenant = ?1 AND id = ?2 AND version = ?3")?;
    let version = storable_version(version)?;
    if select.exists((tenant.as_str(), user.as_str(), version))? {
        Ok(())
    } else {
        Err(OTHER_VERSION)
    }
}

const OTHER_VERSION: Failure = Failure::Conflict("the account has another version");

/// No account has a version that SQLite can not hold.
fn storable_version(version: u64) -> Result<i64, Failure> {
    i64::try_from(version).map_err(|_| OTHER_VERSION)
}

fn create_user(db: &Connection, user: &User) -> Result<(), Failure> {
    // `FAIL`, here and below: SQLite prepares for an `ABORT` of what has triggers by copying the pages
    // that are about to change, and what fails is undone as a whole in any case.
    let insert =
        "INSERT OR FAIL INTO users (tenant, id, state, state_since, state_entry, hold, email,
             email_verified_locally, given_name, family_name, display_name, account_id,
             permission_profile_id, created_at, last_sign_in_at, entry, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    write_user(db, insert, user, 1).map(drop)
}

fn update_user(db: &Connection, user: &User, expected_version: u64) -> Result<(), Failure> {
    let update =
        "UPDATE OR FAIL users SET state = ?3, state_since = ?4, state_entry = ?5, hold = ?6,
             email = ?7, email_verified_locally = ?8, given_name = ?9, family_name = ?10,
             display_name = ?11, account_id = ?12, permission_profile_id = ?13,
             created_at = ?14, last_sign_in_at = ?15, entry = ?16, version = version + 1
         WHERE tenant = ?1 AND id = ?2 AND version = ?17";
    match write_user(db, update, user, storable_version(expected_version)?)? {
        1 => Ok(()),
        _ => Err(OTHER_VERSION),
    }
}

/// Runs a statement with an account's columns as its parameters, and answers how many rows it
/// wrote.
fn write_user(
    db: &Connection,
    statement: &str,
    user: &User,
    version: i64,
) -> Result<usize, Failure> {
    let mut statement = db.prepare_cached(statement)?;
    Ok(statement.execute(params![
        user.tenant.as_str(),
        user.id.as_str(),
        user.state.name(),
        user.state_since.unix_millis(),
        user.state_entry.as_ref().map(|entry| entry.as_bytes()),
        user.hold.as_ref().map(|entry| entry.as_bytes()),
        user.email.as_ref().map(|email| email.as_str()),
        user.email_verified_locally,
        user.given_name,
        user.family_name,
        user.display_name,
        user.account_id,
        user.permission_profile_id,
        user.created_at.unix_millis(),
        user.last_sign_in_at.map(Timestamp::unix_millis),
        user.entry.as_ref().map(|entry| entry.as_bytes()),
        version,
    ])?)
}

/// An account whose grants or sessions were touched without it is another one to whoever decided
/// by it.
fn move_version_on(db: &Connection, tenant: &TenantId, user: &str) -> Result<(), Failure> {
    let mut update =
        db.prepare_cached("UPDATE users SET version = version + 1 WHERE tenant = ?1 AND id = ?2")?;
    update.execute((tenant.as_str(), user))?;
    Ok(())
}

/// `seated` is how many took a seat before the change.
fn check_seats(db: &Connection, change: &Change, seated: u64) -> Result<(), Failure> {
    let Some(cap) = change.seat_cap else {
        return Ok(());
    };
    if seats_taken(db, &change.tenant)? > cap.max(seated) {
        return Err(Failure::Conflict("every seat is taken"));
    }
    Ok(())
}

fn check_emails(db: &Connection, change: &Change) -> Result<(), Failure> {
    if !change.unique_email {
        return Ok(());
    }
    let mut select = db.prepare_cached(
        "SELECT 1 FROM users INDEXED BY users_by_email
             WHERE tenant = ?1 AND email = ?2 AND id <> ?3
                 AND state NOT IN ('deprovisioned', 'erased')",
    )?;
    for write in &change.users {
        let (UserWrite::Create(user) | UserWrite::Update { user, .. }) = write else {
            continue;
        };
        let Some(email) = &user.email else {
            continue;
        };
        if select.exists((user.tenant.as_str(), email.as_str(), user.id.as_str()))? {
            return Err(Failure::Conflict("the e-mail address is taken"));
        }
    }
    Ok(())
}

fn remove_link(db: &Connection, subject: &SubjectKey) -> Result<(), Failure> {
    let mut delete =
        db.prepare_cached("DELETE FROM links WHERE tenant = ?1 AND issuer = ?2 AND subject = ?3")?;
    delete.execute((
        subject.tenant().as_str(),
        subject.issuer(),
        subject.subject(),
    ))?;
    Ok(())
}

fn add_link(db: &Connection, link: &Link) -> Result<(), Failure> {
    let mut insert = db.prepare_cached(
        "INSERT INTO links (tenant, issuer, subject, user, connection, linked_at, entry)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute(params![
        link.subject.tenant().as_str(),
        link.subject.issuer(),
        link.subject.subject(),
        link.user.as_str(),
        link.connection.as_str(),
        link.linked_at.unix_millis(),
        link.entry.as_bytes(),
    ])?;
    Ok(())
}

fn put_grant(db: &Connection, tenant: &TenantId, grant: &Grant) -> Result<(), Failure> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO grants (tenant, id, user, role, owner, owner_connection, rule, policy_hash,
                 first_given_at, granted_at, expires_at, scope, entry)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (tenant, id) DO UPDATE
             SET role = excluded.role, owner = excluded.owner,
                 owner_connection = excluded.owner_connection, rule = excluded.rule,
                 policy_hash = excluded.policy_hash, first_given_at = excluded.first_given_at,
                 granted_at = excluded.granted_at, expires_at = excluded.expires_at,
                 scope = excluded.scope, entry = excluded.entry
             WHERE user = excluded.user",
    )?;
    let put = upsert.execute(params![
        tenant.as_str(),
        grant.id.as_str(),
        grant.user.as_str(),
        grant.role.as_str(),
        grant.owner.name(),
        grant.owner.connection().map(ConnectionId::as_str),
        grant.rule.as_ref().map(|rule| rule.as_str()),
        grant.policy_hash.as_bytes(),
        grant.first_given_at.unix_millis(),
        grant.granted_at.unix_millis(),
        grant.expires_at.map(Timestamp::unix_millis),
        scope_lines(&grant.scope),
        grant.entry.as_bytes(),
    ])?;
    if put == 1 {
        Ok(())
    } else {
        Err(Failure::Conflict("the grant is another account's"))
    }
}

/// Removes a grant and answers whose it was.
fn remove_grant(
    db: &Connection,
    tenant: &TenantId,
    grant: &GrantId,
) -> Result<Option<String>, Failure> {
    let mut delete =
        db.prepare_cached("DELETE FROM grants WHERE tenant = ?1 AND id = ?2 RETURNING user")?;
    let user = delete.query_row((tenant.as_str(), grant.as_str()), |row| row.get(0));
    Ok(user.optional()?)
}

fn put_consent(db: &Connection, tenant: &TenantId, consent: &ConsentRecord) -> Result<(), Failure> {
    let mut insert = db.prepare_cached(
        "INSERT INTO consents (tenant, id, user, scope, disclosure_sha256, disclosure_version,
                 given_at, entry)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute(params![
        tenant.as_str(),
        consent.id.as_str(),
        consent.user.as_str(),
        scope_lines(&consent.scope),
        consent.disclosure_sha256.as_bytes(),
        consent.disclosure_version,
        consent.given_at.unix_millis(),
        consent.entry.as_bytes(),
    ])?;
    Ok(())
}

/// Takes a consent away and answers whose it was.
fn withdraw_consent(
    db: &Connection,
    tenant: &TenantId,
    consent: &ConsentId,
) -> Result<String, Failure> {
    let mut delete =
        db.prepare_cached("DELETE FROM consents WHERE tenant = ?1 AND id = ?2 RETURNING user")?;
    let user = delete.query_row((tenant.as_str(), consent.as_str()), |row| row.get(0));
    user.optional()?
        .ok_or(Failure::Conflict("there is no such consent"))
}

fn open_session(db: &Connection, session: &SessionRecord) -> Result<(), Failure> {
    let mut insert = db.prepare_cached(
        "INSERT INTO sessions (tenant, id, user, connection, door, authn_context, authn_instant,
                 opened_at, expires_at, session_index, correlation, entry, closed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    insert.execute(params![
        session.tenant.as_str(),
        session.id.as_str(),
        session.user.as_str(),
        session.connection.as_str(),
        session.door.name(),
        session.authn_context,
        session.authn_instant.map(Timestamp::unix_millis),
        session.opened_at.unix_millis(),
        session.expires_at.unix_millis(),
        session.session_index,
        session.correlation.as_str(),
        session.entry.as_bytes(),
        session.closed_at.map(Timestamp::unix_millis),
    ])?;
    Ok(())
}

fn close_session(
    db: &Connection,
    tenant: &TenantId,
    session: &SessionId,
    at: Timestamp,
) -> Result<Option<String>, Failure> {
    let mut update = db.prepare_cached(
        "UPDATE sessions SET closed_at = ?3
             WHERE tenant = ?1 AND id = ?2 AND closed_at IS NULL RETURNING user",
    )?;
    let closed = (tenant.as_str(), session.as_str(), at.unix_millis());
    let user = update.query_row(closed, |row| row.get(0));
    Ok(user.optional()?)
}
