//! The port to the users.
//!
//! Each read is one statement, and so one snapshot, in a host's transaction too.

use async_trait::async_trait;
use countersign_core::{ConnectionId, LeafHash, RoleName, SessionId, StoreError, TenantId, UserId};
use countersign_provision::store::{
    Change, ConnectionState, ConsentRecord, SessionQuery, SessionRecord, SessionsOf, Snapshot,
    SnapshotQuery, UserQuery, UserStore, UserWithGrants,
};
use tokio_postgres::Row;

use crate::batch::{Batch, Value, values};
use crate::commit;
use crate::failure::Failure;
use crate::rows::{self, AccountRow, ConsentRow, SessionRow, SnapshotRow, bytes, json, number};
use crate::store::PostgresStore;

const SNAPSHOT: &str = "SELECT countersign.snapshot($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const USER: &str = "SELECT countersign.account(u)::text FROM countersign.users u
    WHERE u.tenant = $1 AND u.id = $2";

// The primary key has the order of the page, and no index could be better: a page of few states
// among many others walks past those.
const USERS: &str = "SELECT countersign.account(u)::text FROM countersign.users u
    WHERE u.tenant = $1 AND u.id > $2 AND (cardinality($3::text[]) = 0 OR u.state = ANY ($3))
    ORDER BY u.id LIMIT $4";

const SESSION: &str = "SELECT row_to_json(s)::text FROM countersign.sessions s
    WHERE s.tenant = $1 AND s.id = $2";

const SESSIONS_OF_USER: &str = "SELECT row_to_json(s)::text FROM countersign.sessions s
    WHERE s.tenant = $1 AND s.user_id = $2 AND s.connection = coalesce($3, s.connection)
        AND s.closed_at IS NULL
    ORDER BY s.id";

const SESSIONS_OF_INDEX: &str = "SELECT row_to_json(s)::text FROM countersign.sessions s
    WHERE hashtextextended(s.session_index, hashtextextended(s.tenant, 0))
            = hashtextextended($2 COLLATE \"C\", hashtextextended($1 COLLATE \"C\", 0))
        AND s.tenant = $1 AND s.session_index = $2 AND s.connection = coalesce($3, s.connection)
        AND s.closed_at IS NULL
    ORDER BY s.id";

const CONSENTS: &str = "SELECT row_to_json(c)::text FROM countersign.consents c
    WHERE c.tenant = $1 AND c.user_id = $2 ORDER BY c.id";

const IS_SPENT: &str =
    "SELECT EXISTS (SELECT FROM countersign.spent WHERE leaf = $1 AND tenant = $2)";

const POLICY_ENTRY: &str = "SELECT entry FROM countersign.policies WHERE tenant = $1";

/// A question to the tables of accounts: what to say of it, its statement, its parameters.
type Question = (&'static str, &'static str, Vec<Value>);

fn snapshot(query: &SnapshotQuery) -> Question {
    // A subject of another tenant is not in this one.
    let subject = Some(&query.subject).filter(|subject| *subject.tenant() == query.tenant);
    let roles: Vec<String> = query
        .guarded_roles
        .iter()
        .map(RoleName::to_string)
        .collect();
    let values = values![
        query.tenant.to_string(),
        subject.map(|subject| subject.issuer().to_owned()),
        subject.map(|subject| subject.subject().to_owned()),
        query.email.as_ref().map(|email| email.as_str().to_owned()),
        query.connection.to_string(),
        roles,
        query.seats,
        query.now.unix_millis(),
        query.once.as_ref().map(|key| key.issuer.clone()),
        query.once.as_ref().map(|key| key.id.clone()),
    ];
    ("read a snapshot", SNAPSHOT, values)
}

fn read_snapshot(row: &Row) -> Result<Snapshot, Failure> {
    json::<SnapshotRow>(row)?.try_into()
}

fn user(tenant: &TenantId, user: &UserId) -> Question {
    let values = values![tenant.to_string(), user.to_string()];
    ("read a user", USER, values)
}

fn read_account(row: &Row) -> Result<UserWithGrants, Failure> {
    json::<AccountRow>(row)?.try_into()
}

fn users(query: &UserQuery) -> Question {
    let states: Vec<&'static str> = query.states.iter().map(|state| state.name()).collect();
    let after = query.after.as_ref().map(ToString::to_string);
    let values = values![
        query.tenant.to_string(),
        after.unwrap_or_default(),
        states,
        i64::from(query.limit.get()),
    ];
    ("read users", USERS, values)
}

fn open_sessions(query: &SessionQuery) -> Result<Question, Failure> {
    let (sql, value) = match &query.of {
        SessionsOf::User(user) => (SESSIONS_OF_USER, user.to_string()),
        SessionsOf::Index(index) => (SESSIONS_OF_INDEX, index.clone()),
        _ => return Err(Failure::Refused("a query of a kind that is not known")),
    };
    let connection = query.connection.as_ref().map(ConnectionId::to_string);
    let values = values![query.tenant.to_string(), value, connection];
    Ok(("read sessions", sql, values))
}

fn read_session(row: &Row) -> Result<SessionRecord, Failure> {
    json::<SessionRow>(row)?.try_into()
}

#[async_trait]
impl UserStore for PostgresStore {
    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
        let (doing, sql, values) = snapshot(query);
        let mut rows = self.read(doing, sql, values, read_snapshot).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    async fn user(
        &self,
        tenant: &TenantId,
        id: &UserId,
    ) -> Result<Option<UserWithGrants>, StoreError> {
        let (doing, sql, values) = user(tenant, id);
        Ok(self.read(doing, sql, values, read_account).await?.pop())
    }

    async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError> {
        let (doing, sql, values) = users(query);
        self.read(doing, sql, values, read_account).await
    }

    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError> {
        let values = values![bytes(&entry), tenant.to_string()];
        let read = |row: &Row| Ok(row.try_get(0)?);
        let mut rows = self
            .read("read what is spent", IS_SPENT, values, read)
            .await?;
        Ok(rows.pop().unwrap_or_default())
    }

    async fn policy_entry(&self, tenant: &TenantId) -> Result<Option<LeafHash>, StoreError> {
        let values = values![tenant.to_string()];
        let doing = "read the policy's entry";
        let read = |row: &Row| rows::leaf(row, 0);
        Ok(self.read(doing, POLICY_ENTRY, values, read).await?.pop())
    }

    async fn session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let values = values![tenant.to_string(), session.to_string()];
        let mut rows = self
            .read("read a session", SESSION, values, read_session)
            .await?;
        Ok(rows.pop())
    }

    async fn open_sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRecord>, StoreError> {
        let question = open_sessions(query);
        let (doing, sql, values) =
            question.map_err(|failure| failure.into_store_error("read sessions"))?;
        self.read(doing, sql, values, read_session).await
    }

    async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, StoreError> {
        let values = values![tenant.to_string(), user.to_string()];
        let read = |row: &Row| Ok(json::<ConsentRow>(row)?.into());
        self.read("read consents", CONSENTS, values, read).await
    }

    async fn commit(&self, change: &Change) -> Result<(), StoreError> {
        if let Some(rows) = &self.host_rows {
            self.commit_along_with(&**rows, change).await?;
        } else {
            let doing = "commit a change";
            let batch = commit::statements(change);
            let batch = batch.map_err(|failure| failure.into_store_error(doing))?;
            self.write(doing, &batch).await?;
        }
        self.committed(&change.entries);
        Ok(())
    }

    async fn set_connection(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        enabled: bool,
    ) -> Result<ConnectionState, StoreError> {
        let doing = "set a connection";
        let mut batch = Batch::default();
        // Waits for the sign-ins that have seen it as it was.
        batch.add(
            commit::LOCK,
            values![vec![commit::connection_lock(tenant, connection)]],
        );
        batch.add(
            "INSERT INTO countersign.connections AS c (tenant, id, enabled, epoch)
                 VALUES ($1, $2, $3, 1)
                 ON CONFLICT (tenant, id) DO UPDATE
                 SET enabled = excluded.enabled, epoch = c.epoch + 1
                 RETURNING epoch",
            values![tenant.to_string(), connection.to_string(), enabled],
        );
        let rows = self.write(doing, &batch).await?;
        let epoch = || -> Result<u64, Failure> {
            let row = rows.get(1).and_then(|rows| rows.first());
            number(row.ok_or(Failure::Unknown("connection"))?.try_get(0)?)
        };
        let epoch = epoch().map_err(|failure| failure.into_store_error(doing))?;
        Ok(ConnectionState { enabled, epoch })
    }
}
