//! The port to the host's users: read a snapshot, then write everything in one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;

use async_trait::async_trait;
use countersign_core::{
    ConnectionId, ConsentId, CorrelationId, DocumentPattern, Door, Email, Entry, Grant, GrantId,
    LeafHash, OneTimeKey, ReplayKey, RoleName, SessionId, Sha256Digest, StoreError, SubjectKey,
    TenantId, Timestamp, UserId, VaultOwner,
};
use serde::{Deserialize, Serialize};

use crate::user::{User, UserState};

/// Ties a subject at an identity provider to an account. The subject is unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The session.
    pub id: SessionId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub user: UserId,
    /// The connection it came through.
    pub connection: ConnectionId,
    /// The door that it came in by.
    pub door: Door,
    /// How the person authenticated, as the class of SAML that says most of what the provider told.
    pub authn_context: Option<String>,
    /// When the person authenticated, if the provider told.
    pub authn_instant: Option<Timestamp>,
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

/// A consent to electronic records that was not withdrawn, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRecord {
    /// The consent.
    pub id: ConsentId,
    /// Whose it is.
    pub user: UserId,
    /// The document types that it is for.
    pub scope: Vec<DocumentPattern>,
    /// SHA-256 of the disclosure that was shown before.
    pub disclosure_sha256: Sha256Digest,
    /// Which version of the disclosure that is.
    pub disclosure_version: String,
    /// When it was given.
    pub given_at: Timestamp,
    /// The `consent.given` entry.
    pub entry: LeafHash,
}

impl ConsentRecord {
    /// Whether it is for documents of this type.
    #[must_use]
    pub fn covers(&self, document_type: &str) -> bool {
        self.scope
            .iter()
            .any(|pattern| pattern.covers(document_type))
    }
}

/// Which sessions are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionQuery {
    /// The tenant to look in, and no other.
    pub tenant: TenantId,
    /// The connection that they came through; any if none is named.
    pub connection: Option<ConnectionId>,
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
    /// The roles whose last holder must not lose them.
    pub guarded_roles: BTreeSet<RoleName>,
    /// Whether to count the seats that are taken, as a cap needs it.
    pub seats: bool,
    /// What may be seen once and is to be looked up.
    pub once: Option<ReplayKey>,
    /// The instant that grants are live at.
    pub now: Timestamp,
}

/// A page of a tenant's accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery {
    /// The tenant to look in, and no other.
    pub tenant: TenantId,
    /// The states to look for; empty for every state.
    pub states: BTreeSet<UserState>,
    /// The last account of the page before; none for the first page.
    pub after: Option<UserId>,
    /// The most accounts of a page.
    pub limit: NonZeroU32,
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
    /// Users of the tenant that take a seat; see [`UserState::takes_a_seat`]. May be 0 if they were
    /// not asked for.
    pub seats_taken: u64,
    /// For each guarded role, accounts of the tenant that are in use and have a live grant of it:
    /// the first two by id, which is enough to know whether one is the last.
    pub holders: BTreeMap<RoleName, Vec<UserId>>,
    /// The connection.
    pub connection: ConnectionState,
    /// Whether the key that was asked for is remembered. Where it is not, a commit at the
    /// query's instant does not conflict by it.
    pub seen: bool,
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

/// Roles that a change must not leave without a holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepHolders {
    /// The roles.
    pub roles: BTreeSet<RoleName>,
    /// The instant that grants are live at.
    pub now: Timestamp,
}

/// A `policy.changed` entry that takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyEntry {
    /// The one before, if there was one.
    pub expected: Option<LeafHash>,
    /// The one from now on.
    pub entry: LeafHash,
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
    /// because one is created, or one that had given its seat up comes back.
    pub seat_cap: Option<u64>,
    /// Conflicts if a created or updated user would share its e-mail address with another user
    /// of the tenant that [takes a seat](UserState::takes_a_seat).
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
    /// Consents to add; conflicts if the id is taken. Like a grant, a consent needs its account to
    /// exist, and the version of the account grows as above.
    pub put_consents: Vec<ConsentRecord>,
    /// Consents to take away because they were withdrawn; conflicts if one is not there. The
    /// version of the account grows as above, so that a signing that is under way notices.
    pub withdraw_consents: Vec<ConsentId>,
    /// One-time entries, such as invitations, that this change uses up; conflicts if one was used
    /// up before, in whatever tenant, or is named twice.
    pub spend: Vec<LeafHash>,
    /// Conflicts if the key is remembered, by a commit of whatever tenant or by a call of
    /// `ReplayStore::insert_once`; remembers it otherwise, for both. It may be forgotten once `now`
    /// of a later one is past its `expires`. The replay of an assertion ends here.
    pub once: Option<OneTimeKey>,
    /// Conflicts if one of the roles had a holder before the change and has none after it. A
    /// holder is an account that [is in use](UserState::is_in_use) and has a live grant of the
    /// role.
    pub keep_holders: Option<KeepHolders>,
    /// Conflicts unless the tenant's latest `policy.changed` entry is the one that is expected;
    /// another one takes its place.
    pub policy: Option<PolicyEntry>,
    /// Walks whose private parts and vault keys are an account's from now on; a walk that has none
    /// is no conflict, an account that is erased is.
    pub adopt: Vec<(CorrelationId, UserId)>,
    /// Whose private parts and vault keys are deleted, before any entry is added; of an account's
    /// sessions also what they keep of how somebody signed in: `authn_context`,
    /// `authn_instant` and `session_index`. What it leaves in files is removed by
    /// `VaultStore::scrub`.
    pub erase: Vec<VaultOwner>,
    /// Audit entries for the outbox, in order; conflicts if an id or a leaf hash is there already, or
    /// its private part belongs to an account that is erased after the change, or names a vault key
    /// that is not its owner's.
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
            put_consents: Vec::new(),
            withdraw_consents: Vec::new(),
            spend: Vec::new(),
            once: None,
            keep_holders: None,
            policy: None,
            adopt: Vec::new(),
            erase: Vec::new(),
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

    /// Reads a page of accounts in the order of their ids, with their grants and subjects: those
    /// of the states that come after the one that is named, at most `limit` of them. A page that
    /// is not full is the last.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError>;

    /// Whether a change of this tenant has used up the one-time entry.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError>;

    /// Reads the tenant's latest `policy.changed` entry.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn policy_entry(&self, tenant: &TenantId) -> Result<Option<LeafHash>, StoreError>;

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

    /// Reads the consents of an account that were not withdrawn, in the order of their ids.
    ///
    /// # Errors
    /// If the store can not be read.
    async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, StoreError>;

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
            async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError> {
                (**self).users(query).await
            }
            async fn is_spent(
                &self,
                tenant: &TenantId,
                entry: LeafHash,
            ) -> Result<bool, StoreError> {
                (**self).is_spent(tenant, entry).await
            }
            async fn policy_entry(
                &self,
                tenant: &TenantId,
            ) -> Result<Option<LeafHash>, StoreError> {
                (**self).policy_entry(tenant).await
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
            async fn consents(
                &self,
                tenant: &TenantId,
                user: &UserId,
            ) -> Result<Vec<ConsentRecord>, StoreError> {
                (**self).consents(tenant, user).await
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
