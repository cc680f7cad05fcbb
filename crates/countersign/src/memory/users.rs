//! The users' part of the memory store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use async_trait::async_trait;
use countersign_core::{
    ConnectionId, ConsentId, Grant, GrantId, LeafHash, RoleName, SessionId, StoreError,
    StoreErrorKind, SubjectKey, TenantId, Timestamp, UserId, VaultOwner,
};
use countersign_provision::store::{
    Change, ConnectionState, ConsentRecord, KeepHolders, Link, SessionQuery, SessionRecord,
    SessionsOf, Snapshot, SnapshotQuery, UserQuery, UserStore, UserWithGrants, UserWrite,
};
use countersign_provision::user::{User, UserState};

use super::{MemoryStore, conflict};

const COMMIT: &str = "commit a change";

/// Every tenant on its own: what one holds is not in reach of another.
#[derive(Debug, Default)]
pub(super) struct Users {
    tenants: BTreeMap<TenantId, Tenant>,
    /// Used up once, whoever's they are.
    spent: BTreeMap<LeafHash, TenantId>,
}

impl Users {
    /// Whether this is an account that is erased.
    pub(super) fn is_erased(&self, owner: &VaultOwner) -> bool {
        let VaultOwner::Account(tenant, user) = owner else {
            return false;
        };
        let tenant = self.tenants.get(tenant);
        let user = tenant.and_then(|tenant| tenant.users.get(user));
        user.is_some_and(|user| user.state == UserState::Erased)
    }
}

#[derive(Debug, Default)]
struct Tenant {
    users: BTreeMap<UserId, User>,
    links: BTreeMap<SubjectKey, Link>,
    grants: BTreeMap<GrantId, Grant>,
    sessions: BTreeMap<SessionId, SessionRecord>,
    consents: BTreeMap<ConsentId, ConsentRecord>,
    connections: BTreeMap<ConnectionId, ConnectionState>,
    policy: Option<LeafHash>,
}

impl Tenant {
    fn with_grants(&self, user: &User) -> UserWithGrants {
        let grants = self.grants.values();
        let links = self.links.values().filter(|link| link.user == user.id);
        UserWithGrants {
            user: user.clone(),
            grants: grants.filter(|g| g.user == user.id).cloned().collect(),
            subjects: links.map(|link| link.subject.clone()).collect(),
        }
    }

    fn connection(&self, connection: &ConnectionId) -> ConnectionState {
        self.connections
            .get(connection)
            .copied()
            .unwrap_or_default()
    }

    /// The accounts that hold a role at `now`.
    fn holders(&self, role: &RoleName, now: Timestamp) -> BTreeSet<&UserId> {
        holders(self.grants.values(), |id| self.users.get(id), role, now)
    }

    fn check_holders(
        &self,
        keep: &KeepHolders,
        change: &Change,
        written: &BTreeMap<UserId, User>,
    ) -> Result<(), StoreError> {
        let mut after: BTreeMap<&GrantId, &Grant> = self.grants.iter().collect();
        after.extend(change.put_grants.iter().map(|grant| (&grant.id, grant)));
        after.retain(|id, _| !change.remove_grants.contains(id));
        let user = |id: &UserId| written.get(id).or_else(|| self.users.get(id));
        let loses = |role: &RoleName| {
            let left = holders(after.values().copied(), user, role, keep.now);
            left.is_empty() && !self.holders(role, keep.now).is_empty()
        };
        if keep.roles.iter().any(loses) {
            return Err(conflict(COMMIT, "a role would lose its last holder"));
        }
        Ok(())
    }

    fn expect_version(&self, user: &UserId, version: u64) -> Result<(), StoreError> {
        match self.users.get(user) {
            Some(stored) if stored.version == version => Ok(()),
            Some(_) => Err(conflict(COMMIT, "the account has another version")),
            None => Err(conflict(COMMIT, "there is no such account")),
        }
    }

    /// The accounts as the change writes them, with their new versions. Whoever is expected to
    /// have a version is expected to have it before the change.
    fn written(&self, change: &Change) -> Result<BTreeMap<UserId, User>, StoreError> {
        let mut written: BTreeMap<UserId, User> = BTreeMap::new();
        for write in &change.users {
            let user = match write {
                UserWrite::Create(user) if self.users.contains_key(&user.id) => {
                    return Err(conflict(COMMIT, "the account's id is taken"));
                }
                UserWrite::Create(user) => User {
                    version: 1,
                    ..user.clone()
                },
                UserWrite::Update {
                    user,
                    expected_version,
                } => {
                    self.expect_version(&user.id, *expected_version)?;
                    User {
                        version: expected_version.saturating_add(1),
                        ..user.clone()
                    }
                }
                UserWrite::Expect { user, version } => {
                    self.expect_version(user, *version)?;
                    continue;
                }
                _ => return Err(StoreError::new(StoreErrorKind::Other, COMMIT)),
            };
            if written.insert(user.id.clone(), user).is_some() {
                return Err(conflict(COMMIT, "the account is written twice"));
            }
        }
        Ok(written)
    }

    /// Checks the change against what is there, and gives the accounts that it writes. Nothing
    /// is changed before all of it has passed.
    fn check(&self, change: &Change) -> Result<BTreeMap<UserId, User>, StoreError> {
        if let Some((connection, epoch)) = &change.connection {
            let state = self.connection(connection);
            if !state.enabled || state.epoch != *epoch {
                return Err(conflict(COMMIT, "the connection has changed"));
            }
        }
        if change
            .policy
            .is_some_and(|policy| policy.expected != self.policy)
        {
            return Err(conflict(COMMIT, "the policy has changed"));
        }
        let mut written = self.written(change)?;
        let after = || {
            let untouched = self.users.values();
            untouched
                .filter(|user| !written.contains_key(&user.id))
                .chain(written.values())
                .filter(takes_a_seat)
        };
        if let Some(cap) = change.seat_cap {
            let count = |users: usize| u64::try_from(users).unwrap_or(u64::MAX);
            let seated = count(self.users.values().filter(takes_a_seat).count());
            if count(after().count()) > cap.max(seated) {
                return Err(conflict(COMMIT, "every seat is taken"));
            }
        }
        if change.unique_email {
            let shares = |user: &User| {
                user.email.is_some()
                    && after().any(|other| other.id != user.id && other.email == user.email)
            };
            if written.values().any(shares) {
                return Err(conflict(COMMIT, "the e-mail address is taken"));
            }
        }
        let exists = |user: &UserId| self.users.contains_key(user) || written.contains_key(user);
        let mut subjects = BTreeSet::new();
        for link in &change.links {
            let stays = !change.remove_links.contains(&link.subject);
            let linked = stays && self.links.contains_key(&link.subject);
            if linked || !subjects.insert(&link.subject) {
                return Err(conflict(COMMIT, "the subject is linked already"));
            }
        }
        let mut grants = BTreeMap::new();
        for grant in &change.put_grants {
            let owner = self.grants.get(&grant.id).map(|stored| &stored.user);
            let owner = owner.or_else(|| grants.get(&grant.id).copied());
            if owner.is_some_and(|owner| *owner != grant.user) {
                return Err(conflict(COMMIT, "the grant is another account's"));
            }
            grants.insert(&grant.id, &grant.user);
        }
        let mut sessions = BTreeSet::new();
        for session in &change.open_sessions {
            if self.sessions.contains_key(&session.id) || !sessions.insert(&session.id) {
                return Err(conflict(COMMIT, "the session's id is taken"));
            }
        }
        let mut consents = BTreeSet::new();
        for consent in &change.put_consents {
            if self.consents.contains_key(&consent.id) || !consents.insert(&consent.id) {
                return Err(conflict(COMMIT, "the consent's id is taken"));
            }
        }
        let mut withdrawn = BTreeSet::new();
        for id in &change.withdraw_consents {
            if !self.consents.contains_key(id) || !withdrawn.insert(id) {
                return Err(conflict(COMMIT, "there is no such consent"));
            }
        }
        let named = change.links.iter().map(|link| &link.user);
        let named = named.chain(change.put_grants.iter().map(|grant| &grant.user));
        let named = named.chain(change.open_sessions.iter().map(|session| &session.user));
        let mut named = named.chain(change.put_consents.iter().map(|consent| &consent.user));
        if !named.all(exists) {
            return Err(conflict(COMMIT, "there is no such account"));
        }
        if let Some(keep) = &change.keep_holders {
            self.check_holders(keep, change, &written)?;
        }
        for user in self.touched(change) {
            if let Some(stored) = self.users.get(user).filter(|_| !written.contains_key(user)) {
                let user = User {
                    version: stored.version.saturating_add(1),
                    ..stored.clone()
                };
                written.insert(user.id.clone(), user);
            }
        }
        Ok(written)
    }

    /// The accounts whose grants or consents the change touches, or whose open sessions it closes.
    fn touched<'a>(&'a self, change: &'a Change) -> BTreeSet<&'a UserId> {
        let granted = change.put_grants.iter().map(|grant| &grant.user);
        let removed = change.remove_grants.iter();
        let revoked = removed.filter_map(|id| self.grants.get(id).map(|grant| &grant.user));
        let closed = change.close_sessions.iter().filter_map(|(id, _)| {
            let mut opened = change.open_sessions.iter();
            let session = self.sessions.get(id);
            session.or_else(|| opened.find(|session| session.id == *id))
        });
        let was_open = closed.filter(|session| session.closed_at.is_none());
        let signed_out = was_open.map(|session| &session.user);
        let given = change.put_consents.iter().map(|consent| &consent.user);
        let withdrawn = change.withdraw_consents.iter();
        let withdrawn = withdrawn.filter_map(|id| self.consents.get(id));
        let consenting = given.chain(withdrawn.map(|consent| &consent.user));
        let touched = granted.chain(revoked).chain(signed_out);
        touched.chain(consenting).collect()
    }

    /// Whether the account is erased after the change.
    fn will_be_erased(&self, user: &UserId, written: &BTreeMap<UserId, User>) -> bool {
        let user = written.get(user).or_else(|| self.users.get(user));
        user.is_some_and(|user| user.state == UserState::Erased)
    }

    fn apply(&mut self, change: &Change, written: BTreeMap<UserId, User>) {
        self.users.extend(written);
        for subject in &change.remove_links {
            self.links.remove(subject);
        }
        let links = change.links.iter().cloned();
        self.links
            .extend(links.map(|link| (link.subject.clone(), link)));
        let grants = change.put_grants.iter().cloned();
        self.grants
            .extend(grants.map(|grant| (grant.id.clone(), grant)));
        for id in &change.remove_grants {
            self.grants.remove(id);
        }
        let sessions = change.open_sessions.iter().cloned();
        self.sessions
            .extend(sessions.map(|session| (session.id.clone(), session)));
        let consents = change.put_consents.iter().cloned();
        self.consents
            .extend(consents.map(|consent| (consent.id.clone(), consent)));
        for id in &change.withdraw_consents {
            self.consents.remove(id);
        }
        self.policy = change.policy.map(|policy| policy.entry).or(self.policy);
        for (id, at) in &change.close_sessions {
            if let Some(session) = self.sessions.get_mut(id) {
                session.closed_at.get_or_insert(*at);
            }
        }
        for owner in &change.erase {
            let whose = |session: &&mut SessionRecord| match owner {
                VaultOwner::Account(_, user) => session.user == *user,
                VaultOwner::Walk(..) => false,
            };
            for session in self.sessions.values_mut().filter(whose) {
                session.authn_context = None;
                session.authn_instant = None;
                session.session_index = None;
            }
        }
    }
}

/// The accounts that are in use and have a live one of these grants of the role.
fn holders<'a, 'u>(
    grants: impl Iterator<Item = &'a Grant>,
    user: impl Fn(&UserId) -> Option<&'u User>,
    role: &RoleName,
    now: Timestamp,
) -> BTreeSet<&'a UserId> {
    let is_in_use = |id: &UserId| user(id).is_some_and(|user| user.state.is_in_use());
    grants
        .filter(|grant| grant.role == *role && grant.is_live(now) && is_in_use(&grant.user))
        .map(|grant| &grant.user)
        .collect()
}

#[async_trait]
impl UserStore for MemoryStore {
    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
        let shared = self.lock("read a snapshot")?;
        let once = query.once.as_ref();
        let seen = once.is_some_and(|key| shared.seen.has(key, query.now));
        let Some(tenant) = shared.users.tenants.get(&query.tenant) else {
            let nobody = |role: &RoleName| (role.clone(), Vec::new());
            return Ok(Snapshot {
                holders: query.guarded_roles.iter().map(nobody).collect(),
                seen,
                ..Snapshot::default()
            });
        };
        let link = tenant.links.get(&query.subject);
        let linked = link.and_then(|link| tenant.users.get(&link.user));
        let users = tenant.users.values();
        let has_email = |user: &&User| query.email.is_some() && user.email == query.email;
        let seats = users.clone().filter(takes_a_seat);
        let guarded = query.guarded_roles.iter();
        let holders = |role: &RoleName| {
            let holders = tenant.holders(role, query.now).into_iter();
            (role.clone(), holders.take(2).cloned().collect())
        };
        Ok(Snapshot {
            link: link.cloned(),
            linked: linked.map(|user| tenant.with_grants(user)),
            by_email: users
                .filter(has_email)
                .map(|user| tenant.with_grants(user))
                .collect(),
            seats_taken: u64::try_from(seats.count()).unwrap_or(u64::MAX),
            connection: tenant.connection(&query.connection),
            holders: guarded.map(holders).collect(),
            seen,
        })
    }

    async fn user(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<UserWithGrants>, StoreError> {
        let shared = self.lock("read a user")?;
        let tenant = shared.users.tenants.get(tenant);
        Ok(tenant.and_then(|tenant| {
            let user = tenant.users.get(user)?;
            Some(tenant.with_grants(user))
        }))
    }

    async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError> {
        let shared = self.lock("read users")?;
        let Some(tenant) = shared.users.tenants.get(&query.tenant) else {
            return Ok(Vec::new());
        };
        let start = match &query.after {
            Some(after) => Bound::Excluded(after),
            None => Bound::Unbounded,
        };
        let users = tenant.users.range::<UserId, _>((start, Bound::Unbounded));
        let is_meant = |user: &&User| query.states.is_empty() || query.states.contains(&user.state);
        let limit = usize::try_from(query.limit.get()).unwrap_or(usize::MAX);
        let page = users.map(|(_, user)| user).filter(is_meant).take(limit);
        Ok(page.map(|user| tenant.with_grants(user)).collect())
    }

    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError> {
        let shared = self.lock("read what is spent")?;
        Ok(shared.users.spent.get(&entry) == Some(tenant))
    }

    async fn policy_entry(&self, tenant: &TenantId) -> Result<Option<LeafHash>, StoreError> {
        let shared = self.lock("read the policy's entry")?;
        let tenant = shared.users.tenants.get(tenant);
        Ok(tenant.and_then(|tenant| tenant.policy))
    }

    async fn session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let shared = self.lock("read a session")?;
        let tenant = shared.users.tenants.get(tenant);
        Ok(tenant.and_then(|tenant| tenant.sessions.get(session).cloned()))
    }

    async fn open_sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRecord>, StoreError> {
        let shared = self.lock("read sessions")?;
        let Some(tenant) = shared.users.tenants.get(&query.tenant) else {
            return Ok(Vec::new());
        };
        let is_meant = |session: &&SessionRecord| {
            session.closed_at.is_none()
                && query
                    .connection
                    .as_ref()
                    .is_none_or(|c| session.connection == *c)
                && match &query.of {
                    SessionsOf::User(user) => session.user == *user,
                    SessionsOf::Index(index) => session.session_index.as_ref() == Some(index),
                    _ => false,
                }
        };
        Ok(tenant.sessions.values().filter(is_meant).cloned().collect())
    }

    async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, StoreError> {
        let shared = self.lock("read consents")?;
        let tenant = shared.users.tenants.get(tenant);
        let consents = tenant
            .into_iter()
            .flat_map(|tenant| tenant.consents.values());
        let of_user = consents.filter(|consent| consent.user == *user);
        Ok(of_user.cloned().collect())
    }

    async fn commit(&self, change: &Change) -> Result<(), StoreError> {
        let refused = |error| StoreError::new(StoreErrorKind::Other, COMMIT).caused_by(error);
        change.check_tenant().map_err(refused)?;
        let mut guard = self.lock(COMMIT)?;
        let shared = &mut *guard;
        if !shared.ledger.has_room_for(&change.entries) {
            return Err(conflict(COMMIT, "an entry is there already"));
        }
        let mut spend = BTreeSet::new();
        let spent = &shared.users.spent;
        if !change
            .spend
            .iter()
            .all(|leaf| !spent.contains_key(leaf) && spend.insert(*leaf))
        {
            return Err(conflict(COMMIT, "a one-time entry is used up"));
        }
        let once = change.once.as_ref();
        if once.is_some_and(|once| shared.seen.has(&once.key, once.now)) {
            return Err(conflict(COMMIT, "it was seen before"));
        }
        let tenant = shared.users.tenants.entry(change.tenant.clone());
        let tenant = tenant.or_default();
        let written = tenant.check(change)?;
        let mut vault = shared.vault.clone();
        let mut adopted = Vec::new();
        for (walk, user) in &change.adopt {
            if tenant.will_be_erased(user, &written) {
                return Err(conflict(COMMIT, "the account is erased"));
            }
            let walk = VaultOwner::Walk(change.tenant.clone(), walk.clone());
            let account = VaultOwner::Account(change.tenant.clone(), user.clone());
            vault.adopt(&walk, &account);
            adopted.push((walk, account));
        }
        for owner in &change.erase {
            vault.erase(owner);
        }
        let erased = |owner: &VaultOwner| match owner {
            VaultOwner::Account(_, user) => tenant.will_be_erased(user, &written),
            VaultOwner::Walk(..) => false,
        };
        if !change
            .entries
            .iter()
            .all(|entry| vault.allow(entry, erased))
        {
            return Err(conflict(COMMIT, "a private part can not be filed"));
        }
        tenant.apply(change, written);
        shared.vault = vault;
        for (walk, account) in &adopted {
            shared.ledger.refile(walk, Some(account));
        }
        for owner in &change.erase {
            shared.ledger.refile(owner, None);
        }
        let spend = spend.into_iter().map(|leaf| (leaf, change.tenant.clone()));
        shared.users.spent.extend(spend);
        if let Some(once) = once {
            shared.seen.remember(once);
        }
        shared.ledger.append(&change.entries);
        Ok(())
    }

    async fn set_connection(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        enabled: bool,
    ) -> Result<ConnectionState, StoreError> {
        let mut shared = self.lock("set a connection")?;
        let tenant = shared.users.tenants.entry(tenant.clone()).or_default();
        let epoch = tenant.connection(connection).epoch.saturating_add(1);
        let state = ConnectionState { enabled, epoch };
        tenant.connections.insert(connection.clone(), state);
        Ok(state)
    }
}

fn takes_a_seat(user: &&User) -> bool {
    user.state.takes_a_seat()
}
