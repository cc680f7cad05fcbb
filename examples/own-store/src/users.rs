//! The port to the users: reads, each of one snapshot, and the commit.

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign::provision::store::{
    Change, ConnectionState, ConsentRecord, Link, SessionQuery, SessionRecord, SessionsOf,
    Snapshot, SnapshotQuery, UserQuery, UserStore, UserWithGrants,
};
use countersign::provision::user::User;
use countersign::{
    ConnectionId, LeafHash, RoleName, SessionId, StoreError, TenantId, Timestamp, UserId,
};
use rusqlite::{Connection, params};

use crate::failure::Failure;
use crate::sql::{all, body, exists, first, integer, number, run};
use crate::store::OwnStore;
use crate::{accounts, change, replay, roles};

#[async_trait]
impl UserStore for OwnStore {
    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
        self.read("read a snapshot", |db| snapshot(db, query))
    }

    async fn user(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<UserWithGrants>, StoreError> {
        self.read("read a user", |db| user_with_grants(db, tenant, user))
    }

    async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError> {
        self.read("read users", |db| users(db, query))
    }

    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError> {
        self.read("read what is spent", |db| {
            let sql = "SELECT 1 FROM cs_spent WHERE leaf = ?1 AND tenant = ?2";
            exists(db, sql, (entry.as_bytes(), tenant.as_str()))
        })
    }

    async fn policy_entry(&self, tenant: &TenantId) -> Result<Option<LeafHash>, StoreError> {
        self.read("read the policy's entry", |db| policy_entry(db, tenant))
    }

    async fn session(
        &self,
        tenant: &TenantId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.read("read a session", |db| session(db, tenant, id))
    }

    async fn open_sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRecord>, StoreError> {
        self.read("read sessions", |db| open_sessions(db, query))
    }

    async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, StoreError> {
        self.read("read consents", |db| {
            let sql = "SELECT body FROM cs_consents WHERE tenant = ?1 AND user = ?2 ORDER BY id";
            all(db, sql, (tenant.as_str(), user.as_str()), body)
        })
    }

    async fn commit(&self, change: &Change) -> Result<(), StoreError> {
        self.write("commit a change", |db| change::apply(db, change))
    }

    async fn set_connection(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        enabled: bool,
    ) -> Result<ConnectionState, StoreError> {
        self.write("set a connection", |db| {
            let before = connection_state(db, tenant, connection)?;
            let epoch = before.epoch.saturating_add(1);
            let put = "INSERT OR REPLACE INTO cs_connections (tenant, id, enabled, epoch)
                     VALUES (?1, ?2, ?3, ?4)";
            let row = (
                tenant.as_str(),
                connection.as_str(),
                enabled,
                integer(epoch)?,
            );
            run(db, put, row)?;
            Ok(ConnectionState { enabled, epoch })
        })
    }
}

fn snapshot(db: &Connection, query: &SnapshotQuery) -> Result<Snapshot, Failure> {
    let tenant = &query.tenant;
    let subject = &query.subject;
    let sql = "SELECT body FROM cs_links WHERE tenant = ?1 AND issuer = ?2 AND subject = ?3";
    let parameters = (tenant.as_str(), subject.issuer(), subject.subject());
    let link: Option<Link> = match subject.tenant() == tenant {
        true => first(db, sql, parameters, body)?,
        // A subject of another tenant is not in this one.
        false => None,
    };
    let linked = match &link {
        Some(link) => user_with_grants(db, tenant, &link.user)?,
        None => None,
    };
    let mut by_email = Vec::new();
    if let Some(email) = &query.email {
        let sql = "SELECT account FROM cs_accounts WHERE tenant = ?1 AND email = ?2 ORDER BY id";
        for user in all(db, sql, (tenant.as_str(), email.as_str()), body)? {
            by_email.push(with_grants(db, user)?);
        }
    }
    let mut guarded = BTreeMap::new();
    for role in &query.guarded_roles {
        guarded.insert(role.clone(), holders(db, tenant, role, query.now)?);
    }
    let seen = match &query.once {
        Some(key) => replay::is_seen(db, key, query.now)?,
        None => false,
    };
    Ok(Snapshot {
        seen,
        link,
        linked,
        by_email,
        seats_taken: seats_taken(db, tenant)?,
        holders: guarded,
        connection: connection_state(db, tenant, &query.connection)?,
    })
}

fn user_with_grants(
    db: &Connection,
    tenant: &TenantId,
    id: &UserId,
) -> Result<Option<UserWithGrants>, Failure> {
    let user = accounts::account(db, tenant, id)?;
    user.map(|user| with_grants(db, user)).transpose()
}

fn with_grants(db: &Connection, user: User) -> Result<UserWithGrants, Failure> {
    let sql = "SELECT body FROM cs_links WHERE tenant = ?1 AND user = ?2 ORDER BY issuer, subject";
    let links: Vec<Link> = all(db, sql, (user.tenant.as_str(), user.id.as_str()), body)?;
    Ok(UserWithGrants {
        grants: roles::grants(db, &user.tenant, &user.id)?,
        subjects: links.into_iter().map(|link| link.subject).collect(),
        user,
    })
}

fn users(db: &Connection, query: &UserQuery) -> Result<Vec<UserWithGrants>, Failure> {
    let states: Vec<&str> = query.states.iter().map(|state| state.name()).collect();
    let sql = "SELECT account FROM cs_accounts WHERE tenant = ?1 AND id > ?2
             AND (?3 = '[]' OR state IN (SELECT value FROM json_each(?3)))
             ORDER BY id LIMIT ?4";
    let after = query.after.as_ref().map_or("", |after| after.as_str());
    let states = serde_json::to_string(&states)?;
    let page = params![query.tenant.as_str(), after, states, query.limit.get()];
    let page: Vec<User> = all(db, sql, page, body)?;
    page.into_iter().map(|user| with_grants(db, user)).collect()
}

pub(crate) fn session(
    db: &Connection,
    tenant: &TenantId,
    id: &SessionId,
) -> Result<Option<SessionRecord>, Failure> {
    let sql = "SELECT body FROM cs_sessions WHERE tenant = ?1 AND id = ?2";
    first(db, sql, (tenant.as_str(), id.as_str()), body)
}

/// Writes a session that is there already.
pub(crate) fn put_session(db: &Connection, session: &SessionRecord) -> Result<(), Failure> {
    let sql = "UPDATE cs_sessions SET body = ?3 WHERE tenant = ?1 AND id = ?2";
    let body = serde_json::to_string(session)?;
    run(
        db,
        sql,
        (session.tenant.as_str(), session.id.as_str(), body),
    )
    .map(drop)
}

fn open_sessions(db: &Connection, query: &SessionQuery) -> Result<Vec<SessionRecord>, Failure> {
    let (column, value) = match &query.of {
        SessionsOf::User(user) => ("user", user.as_str()),
        SessionsOf::Index(index) => ("session_index", index.as_str()),
        _ => return Err(Failure::Unknown),
    };
    let sql = format!(
        "SELECT body FROM cs_sessions
             WHERE tenant = ?1 AND {column} = ?2 AND closed_at IS NULL ORDER BY id"
    );
    let mut found: Vec<SessionRecord> = all(db, &sql, (query.tenant.as_str(), value), body)?;
    if let Some(connection) = &query.connection {
        found.retain(|session| session.connection == *connection);
    }
    Ok(found)
}

pub(crate) fn policy_entry(
    db: &Connection,
    tenant: &TenantId,
) -> Result<Option<LeafHash>, Failure> {
    let sql = "SELECT entry FROM cs_policies WHERE tenant = ?1";
    first(db, sql, [tenant.as_str()], |row| {
        Ok(LeafHash::from_bytes(row.get(0)?))
    })
}

/// A connection that nobody has set is enabled, with epoch 0.
pub(crate) fn connection_state(
    db: &Connection,
    tenant: &TenantId,
    connection: &ConnectionId,
) -> Result<ConnectionState, Failure> {
    let sql = "SELECT enabled, epoch FROM cs_connections WHERE tenant = ?1 AND id = ?2";
    let found = first(db, sql, (tenant.as_str(), connection.as_str()), |row| {
        Ok(ConnectionState {
            enabled: row.get(0)?,
            epoch: number(row, 1)?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// How many accounts take a seat. It counts an index; a host with a million users keeps a counter.
pub(crate) fn seats_taken(db: &Connection, tenant: &TenantId) -> Result<u64, Failure> {
    let sql = "SELECT count(*) FROM cs_accounts
             WHERE tenant = ?1 AND state NOT IN ('deprovisioned', 'erased')";
    let taken = first(db, sql, [tenant.as_str()], |row| number(row, 0))?;
    Ok(taken.unwrap_or(0))
}

/// The first two accounts in use with a live grant of a role: enough to know whether one is the
/// last.
pub(crate) fn holders(
    db: &Connection,
    tenant: &TenantId,
    role: &RoleName,
    now: Timestamp,
) -> Result<Vec<UserId>, Failure> {
    let sql = "SELECT body FROM cs_grants JOIN cs_accounts ON cs_accounts.tenant = cs_grants.tenant
                 AND cs_accounts.id = cs_grants.user
             WHERE cs_grants.tenant = ?1 AND role = ?2 AND state IN ('active', 'stale')
             ORDER BY user";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query((tenant.as_str(), role.as_str()))?;
    let mut holders: Vec<UserId> = Vec::new();
    while let Some(row) = rows.next()?
        && holders.len() < 2
    {
        let grant: countersign::Grant = body(row)?;
        if grant.is_live(now) && holders.last() != Some(&grant.user) {
            holders.push(grant.user);
        }
    }
    Ok(holders)
}
