//! The port to the users.
//!
//! Queries name their index: without statistics SQLite takes the primary key's prefix, and walks
//! over every account of the tenant.

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign_core::{
    ConnectionId, Grant, LeafHash, RoleName, SessionId, StoreError, TenantId, Timestamp, UserId,
};
use countersign_provision::store::{
    Change, ConnectionState, ConsentRecord, SessionQuery, SessionRecord, SessionsOf, Snapshot,
    SnapshotQuery, UserQuery, UserStore, UserWithGrants,
};
use countersign_provision::user::User;
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Params};

use crate::commit;
use crate::failure::Failure;
use crate::replay;
use crate::rows::{self, CONSENT, GRANT, LINK, SESSION, USER, integer, number};
use crate::store::SqliteStore;

#[async_trait]
impl UserStore for SqliteStore {
    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
        let query = query.clone();
        self.read("read a snapshot", move |db| snapshot(db, &query))
            .await
    }

    async fn user(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<UserWithGrants>, StoreError> {
        let (tenant, user) = (tenant.clone(), user.clone());
        self.read("read a user", move |db| {
            user_with_grants(db, &tenant, &user)
        })
        .await
    }

    async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError> {
        let query = query.clone();
        self.read("read users", move |db| users(db, &query)).await
    }

    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        self.read("read what is spent", move |db| {
            let mut select =
                db.prepare_cached("SELECT 1 FROM spent WHERE leaf = ?1 AND tenant = ?2")?;
            Ok(select.exists((entry.as_bytes(), tenant.as_str()))?)
        })
        .await
    }

    async fn policy_entry(&self, tenant: &TenantId) -> Result<Option<LeafHash>, StoreError> {
        let tenant = tenant.clone();
        self.read("read the policy's entry", move |db| {
            policy_entry(db, &tenant)
        })
        .await
    }

    async fn session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let (tenant, session) = (tenant.clone(), session.clone());
        self.read("read a session", move |db| {
            let sql = format!("SELECT {SESSION} FROM sessions WHERE tenant = ?1 AND id = ?2");
            let parameters = (tenant.as_str(), session.as_str());
            first(db, &sql, parameters, rows::session)
        })
        .await
    }

    async fn open_sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRecord>, StoreError> {
        let query = query.clone();
        self.read("read sessions", move |db| open_sessions(db, &query))
            .await
    }

    async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, StoreError> {
        let (tenant, user) = (tenant.clone(), user.clone());
        self.read("read consents", move |db| {
            let sql = format!(
                "SELECT {CONSENT} FROM consents INDEXED BY consents_by_user
                     WHERE tenant = ?1 AND user = ?2 ORDER BY id"
            );
            all(db, &sql, (tenant.as_str(), user.as_str()), rows::consent)
        })
        .await
    }

    async fn commit(&self, change: &Change) -> Result<(), StoreError> {
        let change = change.clone();
        self.write("commit a change", move |db| commit::apply(db, &change))
            .await
    }

    async fn set_connection(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        enabled: bool,
    ) -> Result<ConnectionState, StoreError> {
        let (tenant, connection) = (tenant.clone(), connection.clone());
        self.write("set a connection", move |db| {
            let before = connection_state(db, &tenant, &connection)?;
            let epoch = before.epoch.saturating_add(1);
            let mut upsert = db.prepare_cached(
                "INSERT INTO connections (tenant, id, enabled, epoch) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (tenant, id) DO UPDATE
                     SET enabled = excluded.enabled, epoch = excluded.epoch",
            )?;
            let epoch_column = integer(epoch)?;
            upsert.execute((tenant.as_str(), connection.as_str(), enabled, epoch_column))?;
            Ok(ConnectionState { enabled, epoch })
        })
        .await
    }
}

fn snapshot(db: &Connection, query: &SnapshotQuery) -> Result<Snapshot, Failure> {
    let tenant = &query.tenant;
    // A subject of another tenant is not in this one.
    let link = if query.subject.tenant() == tenant {
        let sql =
            format!("SELECT {LINK} FROM links WHERE tenant = ?1 AND issuer = ?2 AND subject = ?3");
        let subject = (
            tenant.as_str(),
            query.subject.issuer(),
            query.subject.subject(),
        );
        first(db, &sql, subject, rows::link)?
    } else {
        None
    };
    let linked = match &link {
        Some(link) => user_with_grants(db, tenant, &link.user)?,
        None => None,
    };
    let by_email = match &query.email {
        Some(email) => {
            let sql = format!(
                "SELECT {USER} FROM users INDEXED BY users_by_email
                     WHERE tenant = ?1 AND email = ?2 ORDER BY id"
            );
            let parameters = (tenant.as_str(), email.as_str());
            all(db, &sql, parameters, rows::user)?
                .into_iter()
                .map(|user| with_grants(db, user))
                .collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let mut guarded = BTreeMap::new();
    for role in &query.guarded_roles {
        guarded.insert(role.clone(), holders(db, tenant, role, query.now)?);
    }
    let seen = match &query.once {
        Some(key) => replay::is_seen(db, key, query.now)?,
        None => false,
    };
    Ok(Snapshot {
        link,
        linked,
        by_email,
        seats_taken: seats_taken(db, tenant)?,
        connection: connection_state(db, tenant, &query.connection)?,
        holders: guarded,
        seen,
    })
}

fn open_sessions(db: &Connection, query: &SessionQuery) -> Result<Vec<SessionRecord>, Failure> {
    let (index, column, value) = match &query.of {
        SessionsOf::User(user) => ("sessions_by_user", "user", user.as_str()),
        SessionsOf::Index(index) => ("sessions_by_index", "session_index", index.as_str()),
        _ => return Err(Failure::Refused("a query of a kind that is not known")),
    };
    let sql = format!(
        "SELECT {SESSION} FROM sessions INDEXED BY {index}
             WHERE tenant = ?1 AND {column} = ?2 AND connection = coalesce(?3, connection)
                 AND closed_at IS NULL
             ORDER BY id"
    );
    let connection = query.connection.as_ref().map(ConnectionId::as_str);
    let parameters = (query.tenant.as_str(), value, connection);
    all(db, &sql, parameters, rows::session)
}

fn user_with_grants(
    db: &Connection,
    tenant: &TenantId,
    user: &UserId,
) -> Result<Option<UserWithGrants>, Failure> {
    let sql = format!("SELECT {USER} FROM users WHERE tenant = ?1 AND id = ?2");
    let found = first(db, &sql, (tenant.as_str(), user.as_str()), rows::user)?;
    found.map(|user| with_grants(db, user)).transpose()
}

fn with_grants(db: &Connection, user: User) -> Result<UserWithGrants, Failure> {
    let parameters = (user.tenant.as_str(), user.id.as_str());
    let sql = format!(
        "SELECT {GRANT} FROM grants INDEXED BY grants_by_user WHERE tenant = ?1 AND user = ?2"
    );
    let grants: Vec<Grant> = all(db, &sql, parameters, rows::grant)?;
    let sql = format!(
        "SELECT {LINK} FROM links INDEXED BY links_by_user
             WHERE tenant = ?1 AND user = ?2 ORDER BY issuer, subject"
    );
    let links = all(db, &sql, parameters, rows::link)?;
    let subjects = links.into_iter().map(|link| link.subject).collect();
    Ok(UserWithGrants {
        user,
        grants,
        subjects,
    })
}

fn users(db: &Connection, query: &UserQuery) -> Result<Vec<UserWithGrants>, Failure> {
    let mut states = Vec::new();
    for state in &query.states {
        states.push(state.name());
    }
    // The primary key has the order of the page, and no index could be better: a page of few
    // states among many others walks past those.
    let mut sql = format!("SELECT {USER} FROM users WHERE tenant = ?1 AND id > ?2");
    let after = query.after.as_ref().map_or("", |after| after.as_str());
    let (tenant, limit) = (query.tenant.as_str(), query.limit.get());
    let mut parameters: Vec<&dyn ToSql> = vec![&tenant, &after];
    if !states.is_empty() {
        let marks = vec!["?"; states.len()].join(", ");
        sql.push_str(&format!(" AND state IN ({marks})"));
        parameters.extend(states.iter().map(|state| state as &dyn ToSql));
    }
    sql.push_str(" ORDER BY id LIMIT ?");
    parameters.push(&limit);
    all(db, &sql, &*parameters, rows::user)?
        .into_iter()
        .map(|user| with_grants(db, user))
        .collect()
}

/// The first two accounts that are in use and have a live grant of a role. (`CROSS JOIN` keeps
/// SQLite from walking over the accounts first.)
pub(crate) fn holders(
    db: &Connection,
    tenant: &TenantId,
    role: &RoleName,
    now: Timestamp,
) -> Result<Vec<UserId>, Failure> {
    let sql = "SELECT DISTINCT grants.user FROM grants INDEXED BY grants_by_role
             CROSS JOIN users ON users.tenant = grants.tenant AND users.id = grants.user
             WHERE grants.tenant = ?1 AND grants.role = ?2
                 AND coalesce(grants.expires_at > ?3, TRUE)
                 AND users.state IN ('active', 'stale')
             ORDER BY grants.user LIMIT 2";
    let parameters = (tenant.as_str(), role.as_str(), now.unix_millis());
    all(db, sql, parameters, |row| rows::text(row, 0, "user id"))
}

/// The tenant's latest `policy.changed` entry.
pub(crate) fn policy_entry(
    db: &Connection,
    tenant: &TenantId,
) -> Result<Option<LeafHash>, Failure> {
    let sql = "SELECT entry FROM policies WHERE tenant = ?1";
    first(db, sql, [tenant.as_str()], |row| {
        Ok(LeafHash::from_bytes(row.get(0)?))
    })
}

/// Accounts of the tenant that take a seat.
pub(crate) fn seats_taken(db: &Connection, tenant: &TenantId) -> Result<u64, Failure> {
    let mut select = db.prepare_cached("SELECT taken FROM seats WHERE tenant = ?1")?;
    let taken = select.query_row([tenant.as_str()], |row| row.get(0));
    number(taken.optional()?.unwrap_or(0))
}

/// The connection's state; enabled and of epoch 0 if it was never set.
pub(crate) fn connection_state(
    db: &Connection,
    tenant: &TenantId,
    connection: &ConnectionId,
) -> Result<ConnectionState, Failure> {
    let sql = "SELECT enabled, epoch FROM connections WHERE tenant = ?1 AND id = ?2";
    let parameters = (tenant.as_str(), connection.as_str());
    let stored = first(db, sql, parameters, |row| {
        Ok(ConnectionState {
            enabled: row.get(0)?,
            epoch: number(row.get(1)?)?,
        })
    })?;
    Ok(stored.unwrap_or_default())
}

/// The first row of a query, if there is one.
pub(crate) fn first<T>(
    db: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(parameters)?;
    rows.next()?.map(read).transpose()
}

/// Every row of a query.
pub(crate) fn all<T>(
    db: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}
