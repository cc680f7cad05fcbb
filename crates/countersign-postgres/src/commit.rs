//! A change as one statement: the value that `countersign.commit` takes, which has all of it.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{ConnectionId, Grant, RoleName, SubjectKey, TenantId, Timestamp, UserId};
use countersign_provision::store::{Change, ConsentRecord, Link, SessionRecord, UserWrite};
use countersign_provision::user::{User, UserState};

use crate::batch::{Batch, values};
use crate::composite::{Composite, composite};
use crate::entries;
use crate::failure::Failure;
use crate::replay;
use crate::rows::{bytes, integer, scope_column, vault_owner_columns};

/// Takes locks by name.
pub(crate) const LOCK: &str = "SELECT countersign.lock($1)";

const OTHER_VERSION: Failure = Failure::Conflict("the account has another version");

/// Everything that the change writes, and everything that it expects.
pub(crate) fn statements(change: &Change) -> Result<Batch, Failure> {
    change.check_tenant()?;
    let mut row = composite! { tenant: change.tenant.to_string() };
    put_expectations(&mut row, change)?;
    put_users(&mut row, change)?;
    put_what_hangs_on_users(&mut row, change)?;
    put_what_is_taken_away(&mut row, change);
    put_what_is_filed(&mut row, change);
    let mut batch = Batch::default();
    batch.add("SELECT countersign.commit($1)", values![row]);
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

fn put_expectations(row: &mut Composite, change: &Change) -> Result<(), Failure> {
    let tenant = &change.tenant;
    if let Some(once) = &change.once {
        row.put("once", replay::row(&once.key, once.expires));
        row.put("once_now", once.now.unix_millis());
    }
    if let Some((connection, epoch)) = &change.connection {
        // No connection has an epoch that PostgreSQL can not hold.
        let epoch = integer(*epoch).map_err(|_| Failure::Conflict("the connection has changed"))?;
        row.put("connection", connection.to_string());
        row.put("connection_lock", connection_lock(tenant, connection));
        row.put("connection_epoch", epoch);
    }
    row.put_all("locks", locks(change));
    if let Some(policy) = &change.policy {
        row.put("policy", bytes(&policy.entry));
        row.put("policy_before", policy.expected.as_ref().map(bytes));
    }
    // A cap that no number of accounts reaches is none.
    let cap = change.seat_cap;
    row.put(
        "seat_cap",
        cap.map(|cap| i64::try_from(cap).unwrap_or(i64::MAX)),
    );
    if let Some(keep) = &change.keep_holders {
        let roles: Vec<String> = keep.roles.iter().map(RoleName::to_string).collect();
        row.put("kept_roles", roles);
        row.put("kept_at", keep.now.unix_millis());
    }
    Ok(())
}

/// The names of the locks that a change needs, each once.
fn locks(change: &Change) -> Vec<String> {
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
    names.into_iter().collect()
}

fn put_users(row: &mut Composite, change: &Change) -> Result<(), Failure> {
    let (mut expected, mut created, mut updated) = (Vec::new(), Vec::new(), Vec::new());
    let mut written = BTreeSet::new();
    for write in &change.users {
        let user = match write {
            UserWrite::Expect { user, version } => {
                let version = storable_version(*version)?;
                expected.push(composite! { id: user.to_string(), version: version });
                continue;
            }
            UserWrite::Create(user) => {
                created.push(user_row(user, 1));
                user
            }
            UserWrite::Update {
                user,
                expected_version,
            } => {
                updated.push(user_row(user, storable_version(*expected_version)?));
                user
            }
            _ => return Err(Failure::Refused("a write to an account is not known here")),
        };
        if !written.insert(&user.id) {
            return Err(Failure::Conflict("the account is written twice"));
        }
    }
    row.put_all("expected_users", expected);
    row.put_all("created_users", created);
    row.put_all("updated_users", updated);
    row.put("has_unique_emails", change.unique_email);
    Ok(())
}

/// No account has a version that PostgreSQL can not hold.
fn storable_version(version: u64) -> Result<i64, Failure> {
    integer(version).map_err(|_| OTHER_VERSION)
}

fn user_row(user: &User, version: i64) -> Composite {
    composite! {
        tenant: user.tenant.to_string(),
        id: user.id.to_string(),
        state: user.state.name(),
        state_since: user.state_since.unix_millis(),
        state_entry: user.state_entry.as_ref().map(bytes),
        hold: user.hold.as_ref().map(bytes),
        email: user.email.as_ref().map(|email| email.as_str().to_owned()),
        email_verified_locally: user.email_verified_locally,
        given_name: user.given_name.clone(),
        family_name: user.family_name.clone(),
        display_name: user.display_name.clone(),
        account_id: user.account_id.clone(),
        permission_profile_id: user.permission_profile_id.clone(),
        created_at: user.created_at.unix_millis(),
        last_sign_in_at: user.last_sign_in_at.map(Timestamp::unix_millis),
        entry: user.entry.as_ref().map(bytes),
        version: version,
    }
}

fn put_what_hangs_on_users(row: &mut Composite, change: &Change) -> Result<(), Failure> {
    let links = change.links.iter().map(link_row);
    let grants = last_grants(change)?;
    let grants = grants.map(|grant| grant_row(&change.tenant, grant));
    let sessions = change.open_sessions.iter().map(session_row);
    let consents = change.put_consents.iter();
    let consents = consents.map(|consent| consent_row(&change.tenant, consent));
    row.put_all("links", links.collect());
    row.put_all("grants", grants.collect());
    row.put_all("sessions", sessions.collect());
    row.put_all("consents", consents.collect());
    // An account that is written has its new version already.
    let written: BTreeSet<&UserId> = users(change).map(|user| &user.id).collect();
    let put_grants = change.put_grants.iter().map(|grant| &grant.user);
    let put_consents = change.put_consents.iter().map(|consent| &consent.user);
    let touched: BTreeSet<&UserId> = put_grants.chain(put_consents).collect();
    let touched = touched.difference(&written).map(ToString::to_string);
    row.put_all("touched_users", touched.collect());
    Ok(())
}

/// Of two grants with one id the later one replaces the other, if it is the same account's.
fn last_grants(change: &Change) -> Result<impl Iterator<Item = &Grant>, Failure> {
    let mut last = BTreeMap::new();
    for grant in &change.put_grants {
        let before: Option<&Grant> = last.insert(&grant.id, grant);
        if before.is_some_and(|before| before.user != grant.user) {
            return Err(Failure::Conflict("the grant is another account's"));
        }
    }
    Ok(last.into_values())
}

fn link_row(link: &Link) -> Composite {
    let mut row = subject_row(&link.subject);
    row.put("user_id", link.user.to_string());
    row.put("connection", link.connection.to_string());
    row.put("linked_at", link.linked_at.unix_millis());
    row.put("entry", bytes(&link.entry));
    row
}

fn subject_row(subject: &SubjectKey) -> Composite {
    composite! {
        tenant: subject.tenant().to_string(),
        issuer: subject.issuer().to_owned(),
        subject: subject.subject().to_owned(),
    }
}

fn grant_row(tenant: &TenantId, grant: &Grant) -> Composite {
    composite! {
        tenant: tenant.to_string(),
        id: grant.id.to_string(),
        user_id: grant.user.to_string(),
        role: grant.role.to_string(),
        owner: grant.owner.name(),
        owner_connection: grant.owner.connection().map(ToString::to_string),
        rule: grant.rule.as_ref().map(ToString::to_string),
        policy_hash: grant.policy_hash.as_bytes().to_vec(),
        first_given_at: grant.first_given_at.unix_millis(),
        granted_at: grant.granted_at.unix_millis(),
        expires_at: grant.expires_at.map(Timestamp::unix_millis),
        scope: scope_column(&grant.scope),
        entry: bytes(&grant.entry),
    }
}

fn session_row(session: &SessionRecord) -> Composite {
    composite! {
        tenant: session.tenant.to_string(),
        id: session.id.to_string(),
        user_id: session.user.to_string(),
        connection: session.connection.to_string(),
        door: session.door.name(),
        authn_context: session.authn_context.clone(),
        authn_instant: session.authn_instant.map(Timestamp::unix_millis),
        opened_at: session.opened_at.unix_millis(),
        expires_at: session.expires_at.unix_millis(),
        session_index: session.session_index.clone(),
        correlation: session.correlation.to_string(),
        entry: bytes(&session.entry),
        closed_at: session.closed_at.map(Timestamp::unix_millis),
    }
}

fn consent_row(tenant: &TenantId, consent: &ConsentRecord) -> Composite {
    composite! {
        tenant: tenant.to_string(),
        id: consent.id.to_string(),
        user_id: consent.user.to_string(),
        scope: scope_column(&consent.scope),
        disclosure_sha256: consent.disclosure_sha256.as_bytes().to_vec(),
        disclosure_version: consent.disclosure_version.clone(),
        given_at: consent.given_at.unix_millis(),
        entry: bytes(&consent.entry),
    }
}

fn put_what_is_taken_away(row: &mut Composite, change: &Change) {
    let links = change.remove_links.iter().map(subject_row);
    let grants = change.remove_grants.iter().map(ToString::to_string);
    // Of two instants the first one counts.
    let mut seen = BTreeSet::new();
    let sessions = change.close_sessions.iter();
    let sessions = sessions.filter(|(session, _)| seen.insert(session));
    let sessions = sessions.map(|(session, at)| {
        composite! { id: session.to_string(), closed_at: at.unix_millis() }
    });
    let consents = change.withdraw_consents.iter().map(ToString::to_string);
    let spent = change.spend.iter().map(bytes);
    row.put_all("removed_links", links.collect());
    row.put_all("removed_grants", grants.collect());
    row.put_all("closed_sessions", sessions.collect());
    row.put_all("withdrawn_consents", consents.collect());
    row.put_all("spent", spent.collect());
}

fn put_what_is_filed(row: &mut Composite, change: &Change) {
    let adopted = change.adopt.iter();
    let adopted = adopted.map(|(walk, user)| {
        composite! { walk: walk.to_string(), account: user.to_string() }
    });
    let erased = change.erase.iter().map(|owner| {
        let (tenant, kind, id) = vault_owner_columns(owner);
        composite! { tenant: tenant, owner: kind, owner_id: id }
    });
    row.put_all("adopted", adopted.collect());
    row.put_all("erased", erased.collect());
    // Nobody else knows of an account that is not there before this change, or can erase it.
    let created: BTreeSet<(&TenantId, &UserId)> = change
        .users
        .iter()
        .filter_map(|write| match write {
            UserWrite::Create(user) if user.state != UserState::Erased => {
                Some((&user.tenant, &user.id))
            }
            _ => None,
        })
        .collect();
    entries::put(row, &change.entries, |owner| created.contains(&owner));
}
