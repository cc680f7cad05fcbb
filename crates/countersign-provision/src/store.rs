//! The port to the host's users: read a snapshot, then write everything in one commit.

use std::fmt;

use async_trait::async_trait;
use countersign_core::{
    ConnectionId, CorrelationId, Email, Entry, Grant, GrantId, LeafHash, SessionId, StoreError,
    SubjectKey, TenantId, Timestamp, UserId,
};

use crate::user::User;

/// Ties a subject at an identity provider to an account. The subject is unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The key.
    pub subject: SubjectKey,
    /// The account.
    pub user: UserId,
    /// The connection through which it was linked.
    pub connection: ConnectionId,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// The `user.provisioned` or `user.linked` entry that records it.
    pub entry: LeafHash,
}

/// A signed-in session, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session.
    pub id: SessionId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub user: UserId,
    /// The connection it came through.
    pub connection: ConnectionId,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// From this instant on it does not exist.
    pub expires_at: Timestamp,
    /// The identity provider's `SessionIndex`, for logout.
    pub session_index: Option<String>,
    /// Ties its records together.
    pub correlation: CorrelationId,
    /// The `session.opened` entry.
    pub entry: LeafHash,
    /// When it was closed, if it was.
    pub closed_at: Option<Timestamp>,
}

/// Which sessions of a connection are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionQuery {
    /// The tenant to look in, and no other.
    pub tenant: TenantId,
    /// The connection that they came through.
    pub connection: ConnectionId,
    /// Whose they are.
    pub of: SessionsOf,
}

/// Whose sessions are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionsOf {
    /// Those of an account.
    User(UserId),
    /// Those with this `SessionIndex` of the identity provider's, byte for byte.
    Index(String),
}

/// A connection as the store knows it: a disabled one, or one whose configuration has moved on,
/// is refused again at commit (CVE-2025-64717, CVE-2026-3009).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionState {
    /// Whether sign-ins through it are allowed.
    pub enabled: bool,
    /// Grows with each change of the connection. A connection that the store has never heard of
    /// is enabled and has epoch 0.
    pub epoch: u64,
}

impl Default for ConnectionState {
    fn default() -> Self {
        Self {
            enabled: true,
            epoch: 0,
        }
    }
}

/// What a decision needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotQuery {
    /// The tenant to look in, and no other.
    pub tenant: TenantId,
    /// The connection that the sign-in came through.
    pub connection: ConnectionId,
    /// The subject to look up.
    pub subject: SubjectKey,
    /// The canonical e-mail address to look up, if the policy matches by it.
    pub email: Option<Email>,
}

/// A user together with its links and all grants that the store holds for it, expired ones too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserWithGrants {
    /// The account.
    pub user: User,
    /// Its grants, in no particular order.
    pub grants: Vec<Grant>,
    /// The subjects that are linked to it, in order. An account that a provider knows already
    /// under another subject is never matched by its address: the address was recycled.
    pub subjects: Vec<SubjectKey>,
}

/// What the store knew at one moment: one consistent read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The link of the subject, if there is one.
    pub link: Option<Link>,
    /// The user that the link points at, in whatever state; there exactly if `link` is.
    pub linked: Option<UserWithGrants>,
    /// Users of the tenant with exactly the queried e-mail address, in whatever state, ordered
    /// by id; empty if none was queried. Includes the linked one if it has that address.
    pub by_email: Vec<UserWithGrants>,
    /// Users of the tenant that take a seat: all but the deprovisioned ones.
    pub seats_taken: u64,
    /// The connection.
    pub connection: ConnectionState,
}

/// What to do with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserWrite {
    /// A new account; its id must be free. Its version becomes 1.
    Create(User),
    /// Replaces every field but the version, which must equal `expected_version` and becomes
    /// one more.
    Update {
        /// The account as it shall be.
        user: User,
        /// The version that was read.
        expected_version: u64,
    },
    /// Writes nothing and leaves the version alone: the commit conflicts unless the account had
    /// this version before it. A signing uses it, so that a grant taken away meanwhile is
    /// noticed.
    Expect {
        /// The account.
        user: UserId,
        /// The version that was read.
        version: u64,
    },
}

/// One transaction: all of it or nothing.
///
/// No account without its record, no record without its account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The tenant that everything in it belongs to; a part that names another one is refused.
    pub tenant: TenantId,
    /// Conflicts unless the connection is enabled and has this epoch.
    pub connection: Option<(ConnectionId, u64)>,
    /// Accounts to create, update or hold; conflicts if one account is written twice.
    pub users: Vec<UserWrite>,
    /// Conflicts if more users of the tenant than this would take a seat, and more than before:
    /// because one is created, or a deprovisioned one comes back.
    pub seat_cap: Option<u64>,
    /// Conflicts if a created or updated user would share its e-mail address with another user
    /// of the tenant that is not deprovisioned.
    pub unique_email: bool,
    /// Links to remove, before any is added; a subject that is not linked is no conflict. A
    /// policy that matches active accounts only (DocuSign's) takes the subject of an inactive
    /// one to a new account; expect the inactive one's version along with it.
    pub remove_links: Vec<SubjectKey>,
    /// Links to add; conflicts if a subject is linked already. Like a grant and a session, a
    /// link needs its account to exist; the change may create it.
    pub links: Vec<Link>,
    /// Grants to add, or to replace where the id exists; conflicts if the id is a grant of
    /// another account. The version of an account that is not written in this change grows by
    /// one if its grants are touched.
    pub put_grants: Vec<Grant>,
    /// Grants to remove; one that is not there is no conflict. Versions grow as above.
    pub remove_grants: Vec<GrantId>,
    /// Sessions to open.
    pub open_sessions: Vec<SessionRecord>,
    /// Sessions to close, with the instant; one that is closed already stays as it is, one that
    /// is not there is no conflict. The version of the account of one that is closed grows as
    /// above, so that a signing that is under way notices.
    pub close_sessions: Vec<(SessionId, Timestamp)>,
    /// Audit entries for the outbox, in order; conflicts if an id or a leaf hash is there already.
    pub entries: Vec<Entry>,
}

impl Change {
    /// A change of `tenant` that does nothing yet.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            connection: None,
            users: Vec::new(),
            seat_cap: None,
            unique_email: false,
            remove_links: Vec::new(),
            links: Vec::new(),
            put_grants: Vec::new(),
            remove_grants: Vec::new(),
            open_sessions: Vec::new(),
            close_sessions: Vec::new(),
            entries: Vec::new(),
        }
    }
}

/// The host's users, or one of our stores.
///
/// # Contract
/// - [`commit`](Self::commit) is one transaction: if it returns `Ok`, everything in the change is
///   durable (it survives a crash of the process and of the machine); otherwise nothing of it is
///   there, with the one exception of [`countersign_core::StoreErrorKind::Unavailable`], where
///   it is unknown.
/// - Transactions are serializable: of two commits that expect the same version or take the same
///   unique key, one conflicts.
/// - Entries reach the ledger's outbox in the order of the commits, and within a change in the
///   order given. The store never looks into them and never hashes.
/// - Every read is one consistent snapshot, and sees every commit that was acknowledged before
///   it began.
///
/// `countersign_testkit::conformance::user_store` checks all of it on any implementation.
///
/// # Cancellation
/// Dropping a future leaves the store consistent; whether the commit happened is then unknown.
#[async_trait]
pub trait UserStore: Send + Sync + fmt::Debug {
    /// Reads what a decision needs, in one consistent snapshot.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError>;

    /// Reads a user and its grants.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn user(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<UserWithGrants>, StoreError>;

    /// Reads a session, expired and closed ones too.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> Result<Option<SessionRecord>, StoreError>;

    /// Reads the sessions that were not closed, in the order of their ids; expired ones may be
    /// among them.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn open_sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRecord>, StoreError>;

    /// Writes the change, or nothing.
    ///
    /// # Errors
    /// [`countersign_core::StoreErrorKind::Conflict`] where an expectation of the change does
    /// not hold.
    async fn commit(&self, change: &Change) -> Result<(), StoreError>;

    /// Enables or disables a connection, and moves its epoch on.
    ///
    /// # Errors
    /// If the store can not be written.
    async fn set_connection(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        enabled: bool,
    ) -> Result<ConnectionState, StoreError>;
}

macro_rules! forward {
    ($pointer:ty) => {
        #[async_trait]
        impl<S: UserStore + ?Sized> UserStore for $pointer {
            async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
                (**self).snapshot(query).await
            }
            async fn user(
                &self,
                tenant: &TenantId,
                user: &UserId,
            ) -> Result<Option<UserWithGrants>, StoreError> {
                (**self).user(tenant, user).await
            }
            async fn session(
                &self,
                tenant: &TenantId,
                session: &SessionId,
            ) -> Result<Option<SessionRecord>, StoreError> {
                (**self).session(tenant, session).await
            }
            async fn open_sessions(
                &self,
                query: &SessionQuery,
            ) -> Result<Vec<SessionRecord>, StoreError> {
                (**self).open_sessions(query).await
            }
            async fn commit(&self, change: &Change) -> Result<(), StoreError> {
                (**self).commit(change).await
            }
            async fn set_connection(
                &self,
                tenant: &TenantId,
                connection: &ConnectionId,
                enabled: bool,
            ) -> Result<ConnectionState, StoreError> {
                (**self).set_connection(tenant, connection, enabled).await
            }
        }
    };
}
forward!(std::sync::Arc<S>);
forward!(Box<S>);
