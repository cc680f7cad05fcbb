//! A `Change` as one transaction. Whatever fails here, all of it is rolled back.

use std::collections::BTreeSet;

use countersign::provision::store::{Change, PolicyEntry, UserWrite};
use countersign::saml::replay::Seen;
use countersign::{Grant, RoleName, TenantId, UserId};
use rusqlite::Connection;

use crate::failure::Failure;
use crate::sql::{exists, first, run, text};
use crate::users::{connection_state, holders, policy_entry, put_session, seats_taken, session};
use crate::{accounts, ledger, replay, roles, vault};

pub(crate) fn apply(db: &Connection, change: &Change) -> Result<(), Failure> {
    let tenant = &change.tenant;
    change.check_tenant()?;
    // First what is expected, and what there was before.
    if let Some(once) = &change.once
        && replay::remember(db, once)? == Seen::Before
    {
        return Err(Failure::Conflict("it was seen before"));
    }
    if let Some((connection, epoch)) = &change.connection {
        let state = connection_state(db, tenant, connection)?;
        if !state.enabled || state.epoch != *epoch {
            return Err(Failure::Conflict("the connection has changed"));
        }
    }
    if let Some(policy) = &change.policy {
        move_policy_on(db, tenant, policy)?;
    }
    let seated = match change.seat_cap {
        Some(_) => seats_taken(db, tenant)?,
        None => 0,
    };
    let held = held_roles(db, change)?;
    // Then the accounts.
    let written = accounts::write(db, tenant, &change.users)?;
    if let Some(cap) = change.seat_cap
        && seats_taken(db, tenant)? > cap.max(seated)
    {
        return Err(Failure::Conflict("every seat is taken"));
    }
    if change.unique_email {
        check_emails(db, change)?;
    }
    // Then what belongs to them.
    write_links(db, change)?;
    let mut touched = write_belongings(db, change)?;
    touched.retain(|user| !written.contains(&user));
    for user in &touched {
        accounts::touch(db, tenant, user)?;
    }
    for user in written.into_iter().chain(&touched) {
        roles::publish(db, tenant, user)?;
    }
    if held_roles(db, change)?.len() < held.len() {
        return Err(Failure::Conflict("a role would lose its last holder"));
    }
    for entry in &change.spend {
        let insert = "INSERT INTO cs_spent (leaf, tenant) VALUES (?1, ?2)";
        run(db, insert, (entry.as_bytes(), tenant.as_str()))?;
    }
    // What is adopted comes before what is erased, and both before new entries are filed.
    for (walk, user) in &change.adopt {
        vault::adopt(db, tenant, walk, user)?;
    }
    for owner in &change.erase {
        vault::erase(db, owner)?;
    }
    ledger::add(db, &change.entries)
}

fn move_policy_on(db: &Connection, tenant: &TenantId, policy: &PolicyEntry) -> Result<(), Failure> {
    if policy_entry(db, tenant)? != policy.expected {
        return Err(Failure::Conflict("the policy has changed"));
    }
    let put = "INSERT INTO cs_policies (tenant, entry) VALUES (?1, ?2)
             ON CONFLICT (tenant) DO UPDATE SET entry = excluded.entry";
    run(db, put, (tenant.as_str(), policy.entry.as_bytes())).map(drop)
}

/// The guarded roles that somebody holds.
fn held_roles<'a>(db: &Connection, change: &'a Change) -> Result<BTreeSet<&'a RoleName>, Failure> {
    let mut held = BTreeSet::new();
    let Some(keep) = &change.keep_holders else {
        return Ok(held);
    };
    for role in &keep.roles {
        if !holders(db, &change.tenant, role, keep.now)?.is_empty() {
            held.insert(role);
        }
    }
    Ok(held)
}

fn check_emails(db: &Connection, change: &Change) -> Result<(), Failure> {
    let taken = "SELECT 1 FROM cs_accounts WHERE tenant = ?1 AND email = ?2 AND id <> ?3
             AND state NOT IN ('deprovisioned', 'erased')";
    for write in &change.users {
        if let UserWrite::Create(user) | UserWrite::Update { user, .. } = write
            && let Some(email) = &user.email
            && exists(
                db,
                taken,
                (change.tenant.as_str(), email.as_str(), user.id.as_str()),
            )?
        {
            return Err(Failure::Conflict("the e-mail address is taken"));
        }
    }
    Ok(())
}

fn write_links(db: &Connection, change: &Change) -> Result<(), Failure> {
    let tenant = change.tenant.as_str();
    for subject in &change.remove_links {
        let delete = "DELETE FROM cs_links WHERE tenant = ?1 AND issuer = ?2 AND subject = ?3";
        run(db, delete, (tenant, subject.issuer(), subject.subject()))?;
    }
    for link in &change.links {
        let insert = "INSERT INTO cs_links (tenant, issuer, subject, user, body)
                 VALUES (?1, ?2, ?3, ?4, ?5)";
        let (issuer, subject) = (link.subject.issuer(), link.subject.subject());
        let body = serde_json::to_string(link)?;
        run(
            db,
            insert,
            (tenant, issuer, subject, link.user.as_str(), body),
        )?;
    }
    Ok(())
}

/// Grants, sessions and consents; answers whose were touched.
fn write_belongings(db: &Connection, change: &Change) -> Result<BTreeSet<UserId>, Failure> {
    let tenant = &change.tenant;
    let mut touched = BTreeSet::new();
    for grant in &change.put_grants {
        put_grant(db, tenant, grant)?;
        touched.insert(grant.user.clone());
    }
    for grant in &change.remove_grants {
        touched.extend(remove(db, "cs_grants", tenant, grant.as_str())?);
    }
    for session in &change.open_sessions {
        let body = serde_json::to_string(session)?;
        insert(
            db,
            "cs_sessions",
            tenant,
            session.id.as_str(),
            &session.user,
            &body,
        )?;
    }
    for (id, at) in &change.close_sessions {
        if let Some(mut open) = session(db, tenant, id)?.filter(|open| open.closed_at.is_none()) {
            open.closed_at = Some(*at);
            put_session(db, &open)?;
            touched.insert(open.user);
        }
    }
    for consent in &change.put_consents {
        let body = serde_json::to_string(consent)?;
        insert(
            db,
            "cs_consents",
            tenant,
            consent.id.as_str(),
            &consent.user,
            &body,
        )?;
        touched.insert(consent.user.clone());
    }
    for consent in &change.withdraw_consents {
        let whose = remove(db, "cs_consents", tenant, consent.as_str())?;
        touched.insert(whose.ok_or(Failure::Conflict("there is no such consent"))?);
    }
    Ok(touched)
}

fn put_grant(db: &Connection, tenant: &TenantId, grant: &Grant) -> Result<(), Failure> {
    let put = "INSERT INTO cs_grants (tenant, id, user, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (tenant, id) DO UPDATE SET body = excluded.body
             WHERE user = excluded.user";
    let body = serde_json::to_string(grant)?;
    let row = (
        tenant.as_str(),
        grant.id.as_str(),
        grant.user.as_str(),
        body,
    );
    match run(db, put, row)? {
        1 => Ok(()),
        _ => Err(Failure::Conflict("the grant is another account's")),
    }
}

fn insert(
    db: &Connection,
    table: &str,
    tenant: &TenantId,
    id: &str,
    user: &UserId,
    body: &str,
) -> Result<(), Failure> {
    let insert = format!("INSERT INTO {table} (tenant, id, user, body) VALUES (?1, ?2, ?3, ?4)");
    run(db, &insert, (tenant.as_str(), id, user.as_str(), body)).map(drop)
}

/// Removes a row and answers whose it was.
fn remove(
    db: &Connection,
    table: &str,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<UserId>, Failure> {
    let delete = format!("DELETE FROM {table} WHERE tenant = ?1 AND id = ?2 RETURNING user");
    first(db, &delete, (tenant.as_str(), id), |row| text(row, 0))
}
