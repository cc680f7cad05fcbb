//! User stores that lose updates, mix tenants, count wrong, or commit in two steps.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_core::{
    ConnectionId, Entry, LeafHash, ReplayKey, SessionId, Sha256Digest, StoreError, StoreErrorKind,
    SubjectKey, TenantId, Timestamp, UserId, VaultOwner,
};
use countersign_provision::store::{
    Change, ConnectionState, ConsentRecord, SessionQuery, SessionRecord, SessionsOf, Snapshot,
    SnapshotQuery, UserQuery, UserStore, UserWithGrants, UserWrite,
};
use countersign_provision::user::{User, UserState};
use countersign_saml::replay::{ReplayStore, Seen};

use super::dawdle;
use super::user_defect::UserDefect;

/// A user store with one defect, over one that is right.
#[derive(Debug)]
pub struct BrokenUserStore<S> {
    pub(super) inner: S,
    pub(super) defect: UserDefect,
    aside: Mutex<Aside>,
    busy: AtomicUsize,
}

/// What some defects have to remember.
#[derive(Debug, Default)]
struct Aside {
    tenants: BTreeSet<TenantId>,
    closed: BTreeMap<SessionId, Timestamp>,
    opened: Vec<SessionRecord>,
    closed_once: BTreeSet<SessionId>,
    spent: BTreeSet<LeafHash>,
    /// How far a version is ahead of the one that is shown.
    hidden_versions: BTreeMap<UserId, u64>,
}

impl<S: UserStore + LedgerStore + ReplayStore> BrokenUserStore<S> {
    /// Spoils a store that is right.
    pub fn new(inner: S, defect: UserDefect) -> Self {
        Self {
            inner,
            defect,
            aside: Mutex::default(),
            busy: AtomicUsize::new(0),
        }
    }

    fn aside(&self) -> Result<MutexGuard<'_, Aside>, StoreError> {
        let poisoned = |_| StoreError::new(StoreErrorKind::Other, "lock what is remembered");
        self.aside.lock().map_err(poisoned)
    }

    async fn version(&self, user: &User) -> Result<Option<u64>, StoreError> {
        let found = self.inner.user(&user.tenant, &user.id).await?;
        Ok(found.map(|found| found.user.version))
    }

    async fn look(&self, change: &Change, user: Option<&User>) -> Result<Snapshot, StoreError> {
        let link = change.links.first();
        let connection = link.map(|link| link.connection.clone());
        let subject = link.map(|link| link.subject.clone());
        let (Some(connection), Some(subject)) = (connection, subject) else {
            return Ok(Snapshot::default());
        };
        let query = SnapshotQuery {
            tenant: change.tenant.clone(),
            connection,
            subject,
            email: user.and_then(|user| user.email.clone()),
            guarded_roles: BTreeSet::new(),
            once: None,
            now: Timestamp::UNIX_EPOCH,
        };
        self.inner.snapshot(&query).await
    }

    /// Versions as this store shows them.
    fn shown(&self, mut found: UserWithGrants) -> Result<UserWithGrants, StoreError> {
        let user = &mut found.user;
        let hidden = self.aside()?.hidden_versions.get(&user.id).copied();
        user.version = user.version.saturating_sub(hidden.unwrap_or(0));
        match self.defect {
            UserDefect::HidesExpiredGrants => {
                found.grants.retain(|grant| grant.is_live(grant.granted_at));
            }
            UserDefect::ShowsOneSubject => found.subjects.truncate(1),
            UserDefect::ForgetsLegalHolds => found.user.hold = None,
            UserDefect::LetsTheCallerSetTheVersion if user.version == 1 => user.version = 77,
            _ => {}
        }
        Ok(found)
    }

    /// Commits without moving versions on for grants alone.
    async fn commit_with_hidden_versions(&self, change: &Change) -> Result<(), StoreError> {
        let mut change = change.clone();
        let mut written = BTreeSet::new();
        let hidden = self.aside()?.hidden_versions.clone();
        let ahead = |user: &UserId| hidden.get(user).copied().unwrap_or(0);
        for write in &mut change.users {
            match write {
                UserWrite::Update {
                    user,
                    expected_version,
                } => {
                    *expected_version = expected_version.saturating_add(ahead(&user.id));
                    written.insert(user.id.clone());
                }
                UserWrite::Expect { user, version } => {
                    *version = version.saturating_add(ahead(user));
                }
                UserWrite::Create(user) => drop(written.insert(user.id.clone())),
                _ => {}
            }
        }
        self.inner.commit(&change).await?;
        let mut aside = self.aside()?;
        let granted = change.put_grants.iter().map(|grant| &grant.user);
        let consenting = change.put_consents.iter().map(|consent| &consent.user);
        let touched: BTreeSet<&UserId> = match self.defect {
            UserDefect::LeavesTheVersionOfWhoConsents => consenting.collect(),
            _ => granted.collect(),
        };
        for user in touched.into_iter().filter(|user| !written.contains(*user)) {
            let hidden = aside.hidden_versions.entry(user.clone()).or_default();
            *hidden = hidden.saturating_add(1);
        }
        Ok(())
    }

    /// Drops links, grants and sessions whose account is not there.
    async fn drop_orphans(&self, change: &mut Change) -> Result<(), StoreError> {
        let mut known: BTreeSet<UserId> = BTreeSet::new();
        for write in &change.users {
            if let UserWrite::Create(user) = write {
                known.insert(user.id.clone());
            }
        }
        let links = change.links.iter().map(|link| &link.user);
        let grants = change.put_grants.iter().map(|grant| &grant.user);
        let sessions = change.open_sessions.iter().map(|session| &session.user);
        for user in links.chain(grants).chain(sessions) {
            if self.inner.user(&change.tenant, user).await?.is_some() {
                known.insert(user.clone());
            }
        }
        change.links.retain(|link| known.contains(&link.user));
        change
            .put_grants
            .retain(|grant| known.contains(&grant.user));
        change
            .open_sessions
            .retain(|session| known.contains(&session.user));
        Ok(())
    }

    /// Withdraws what is there, and acknowledges what is not.
    async fn withdraw_late(&self, change: &Change) -> Result<(), StoreError> {
        let mut change = change.clone();
        let mut there = BTreeSet::new();
        for write in &change.users {
            if let UserWrite::Expect { user, .. } = write {
                let consents = self.inner.consents(&change.tenant, user).await?;
                there.extend(consents.into_iter().map(|consent| consent.id));
            }
        }
        change.withdraw_consents.retain(|id| there.contains(id));
        self.inner.commit(&change).await
    }

    /// A question that finds nobody.
    pub(super) fn nobody(&self, tenant: &TenantId) -> Result<SnapshotQuery, StoreError> {
        let failed = || StoreError::new(StoreErrorKind::Other, "name nobody");
        let subject = SubjectKey::from_stable_value(tenant.clone(), "nobody", "nobody");
        Ok(SnapshotQuery {
            tenant: tenant.clone(),
            connection: ConnectionId::new("none").map_err(|_| failed())?,
            subject: subject.map_err(|_| failed())?,
            email: None,
            guarded_roles: BTreeSet::new(),
            once: None,
            now: Timestamp::UNIX_EPOCH,
        })
    }

    /// Turns writes of accounts into others.
    async fn spoil_users(&self, change: &mut Change) -> Result<(), StoreError> {
        for write in &mut change.users {
            match (self.defect, &mut *write) {
                (UserDefect::TrimsNames, UserWrite::Create(user)) => {
                    user.family_name = user
                        .family_name
                        .as_deref()
                        .map(str::trim)
                        .map(str::to_owned);
                }
                (UserDefect::OverwritesAccounts, UserWrite::Create(user)) => {
                    if let Some(expected_version) = self.version(user).await? {
                        *write = UserWrite::Update {
                            user: user.clone(),
                            expected_version,
                        };
                    }
                }
                (
                    UserDefect::IgnoresVersions,
                    UserWrite::Update {
                        user,
                        expected_version,
                    },
                ) => {
                    *expected_version = self.version(user).await?.unwrap_or(0);
                }
                (UserDefect::WritesWhatIsExpected, UserWrite::Expect { user, version }) => {
                    let found = self.inner.user(&change.tenant, user).await?;
                    if let Some(found) = found {
                        *write = UserWrite::Update {
                            user: found.user,
                            expected_version: *version,
                        };
                    }
                }
                (
                    UserDefect::AdoptsAccountsOfOtherTenants,
                    UserWrite::Create(user) | UserWrite::Update { user, .. },
                ) => user.tenant = change.tenant.clone(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes parts of another tenant into that tenant.
    async fn commit_strays<T>(
        &self,
        here: &TenantId,
        parts: &mut Vec<T>,
        tenant: impl Fn(&T) -> &TenantId,
        put: impl Fn(&mut Change, T),
    ) -> Result<(), StoreError> {
        let all = std::mem::take(parts).into_iter();
        let (ours, strays): (Vec<T>, Vec<T>) = all.partition(|part| tenant(part) == here);
        *parts = ours;
        for stray in strays {
            let mut change = Change::new(tenant(&stray).clone());
            put(&mut change, stray);
            self.inner.commit(&change).await?;
        }
        Ok(())
    }

    /// Looks first, then lets others look, then writes whatever it saw.
    async fn leap(&self, change: &mut Change) -> Result<(), StoreError> {
        let conflict = || Err(StoreError::conflict("commit a change"));
        let user = change.users.iter().find_map(|write| match write {
            UserWrite::Create(user) | UserWrite::Update { user, .. } => Some(user),
            _ => None,
        });
        let looked = self.look(change, user).await?;
        match self.defect {
            UserDefect::LooksBeforeItLinks => {
                if looked.link.is_some() {
                    return conflict();
                }
                dawdle();
                let subjects = change.links.iter().map(|link| link.subject.clone());
                change.remove_links.extend(subjects);
            }
            UserDefect::LooksBeforeItSeats => {
                if change.seat_cap.is_some_and(|cap| looked.seats_taken >= cap) {
                    return conflict();
                }
                dawdle();
                change.seat_cap = None;
            }
            UserDefect::LooksBeforeItTakesAnEmail => {
                if change.unique_email && !looked.by_email.is_empty() {
                    return conflict();
                }
                dawdle();
                change.unique_email = false;
            }
            _ => {}
        }
        Ok(())
    }

    /// Uses one-time entries up in some wrong way.
    async fn spend_wrongly(&self, mut change: Change) -> Result<(), StoreError> {
        let entries = std::mem::take(&mut change.spend);
        let mut unspent = Vec::new();
        for entry in &entries {
            let here = self.inner.is_spent(&change.tenant, *entry).await?;
            let elsewhere = self.aside()?.spent.contains(entry);
            match self.defect {
                UserDefect::SpendsByTenant | UserDefect::LooksBeforeItSpends if here => {
                    return Err(StoreError::conflict("commit a change"));
                }
                UserDefect::SpendsByTenant if elsewhere => {}
                UserDefect::SpendsAgain if here || elsewhere || unspent.contains(entry) => {}
                _ => unspent.push(*entry),
            }
        }
        self.aside()?.spent.extend(entries);
        let mut spending = Change::new(change.tenant.clone());
        spending.spend.extend(unspent);
        match self.defect {
            UserDefect::LooksBeforeItSpends => {
                dawdle();
                self.inner.commit(&change).await?;
                // Whoever else has looked meanwhile has spent it, too.
                drop(self.inner.commit(&spending).await);
                return Ok(());
            }
            UserDefect::SpendsBeforehand => self.inner.commit(&spending).await?,
            _ => change.spend = spending.spend,
        }
        self.inner.commit(&change).await
    }

    /// Looks whether each role has more than one holder, then lets others look.
    async fn leap_over_holders(&self, change: &mut Change) -> Result<(), StoreError> {
        let Some(keep) = change.keep_holders.take() else {
            return Ok(());
        };
        let mut query = self.nobody(&change.tenant)?;
        query.guarded_roles = keep.roles;
        query.now = keep.now;
        let holders = self.inner.snapshot(&query).await?.holders;
        if holders.values().any(|holders| holders.len() == 1) {
            return Err(StoreError::conflict("commit a change"));
        }
        dawdle();
        Ok(())
    }

    /// Compares versions, lets others compare theirs, then writes over whatever is there.
    async fn update_in_two_steps(&self, change: &Change) -> Result<(), StoreError> {
        let mut change = change.clone();
        for write in &change.users {
            if let UserWrite::Update {
                user,
                expected_version,
            } = write
                && self.version(user).await? != Some(*expected_version)
            {
                return Err(StoreError::conflict("commit a change"));
            }
        }
        dawdle();
        for write in &mut change.users {
            if let UserWrite::Update {
                user,
                expected_version,
            } = write
            {
                *expected_version = self.version(user).await?.unwrap_or(0);
            }
        }
        self.inner.commit(&change).await
    }
}

#[async_trait]
impl<S: UserStore + LedgerStore + ReplayStore> UserStore for BrokenUserStore<S> {
    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
        let mut query = query.clone();
        if self.defect == UserDefect::ShowsFormerHolders {
            query.now = Timestamp::UNIX_EPOCH;
        }
        let once = query.once.as_ref();
        query.once = once.and_then(|key| self.renamed(&query.tenant, key));
        let query = &query;
        let mut snapshot = self.inner.snapshot(query).await?;
        match self.defect {
            UserDefect::DisablesUnknownConnections if snapshot.connection.epoch == 0 => {
                snapshot.connection.enabled = false;
            }
            UserDefect::HidesInactiveAccounts => {
                let is_active = |u: &UserWithGrants| u.user.state == UserState::Active;
                snapshot.by_email.retain(is_active);
                snapshot.linked = snapshot.linked.filter(is_active);
            }
            UserDefect::HidesKeys => snapshot.seen = false,
            UserDefect::ReadsInTwoSteps => {
                dawdle();
                let later = self.inner.snapshot(query).await?;
                if let (Some(linked), Some(later)) = (&mut snapshot.linked, later.linked) {
                    linked.grants = later.grants;
                }
            }
            _ => {}
        }
        snapshot.linked = snapshot.linked.map(|user| self.shown(user)).transpose()?;
        let by_email = snapshot.by_email.into_iter();
        snapshot.by_email = by_email
            .map(|user| self.shown(user))
            .collect::<Result<_, _>>()?;
        Ok(snapshot)
    }

    async fn user(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Option<UserWithGrants>, StoreError> {
        let mut found = self.inner.user(tenant, user).await?;
        if self.defect == UserDefect::FindsAccountsOfAnyTenant {
            let tenants = self.aside()?.tenants.clone();
            for tenant in tenants {
                found = found.or(self.inner.user(&tenant, user).await?);
            }
        }
        found.map(|found| self.shown(found)).transpose()
    }

    async fn users(&self, query: &UserQuery) -> Result<Vec<UserWithGrants>, StoreError> {
        let mut query = query.clone();
        let states = query.states.clone();
        match self.defect {
            UserDefect::IgnoresLimits => query.limit = NonZeroU32::MAX,
            UserDefect::IgnoresStates | UserDefect::FiltersAfterItLimits => query.states.clear(),
            _ => {}
        }
        let mut found = self.inner.users(&query).await?;
        match (self.defect, &query.after) {
            (UserDefect::FiltersAfterItLimits, _) if !states.is_empty() => {
                found.retain(|found| states.contains(&found.user.state));
            }
            (UserDefect::RepeatsTheLastOfAPage, Some(after)) => {
                found.splice(0..0, self.inner.user(&query.tenant, after).await?);
            }
            (UserDefect::ListsWithoutGrants, _) => {
                found.iter_mut().for_each(|found| found.grants.clear());
            }
            _ => {}
        }
        let found = found.into_iter();
        found.map(|found| self.shown(found)).collect()
    }

    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError> {
        self.inner.is_spent(tenant, entry).await
    }

    async fn policy_entry(&self, tenant: &TenantId) -> Result<Option<LeafHash>, StoreError> {
        self.inner.policy_entry(tenant).await
    }

    async fn session(
        &self,
        tenant: &TenantId,
        session: &SessionId,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let mut found = self.inner.session(tenant, session).await?;
        if let Some(found) = &mut found
            && self.defect == UserDefect::ClosesSessionsAgain
        {
            found.closed_at = self.aside()?.closed.get(session).copied();
        }
        if let Some(found) = &mut found
            && self.defect == UserDefect::ForgetsHowSomebodyCameIn
        {
            found.authn_context = None;
        }
        Ok(found)
    }

    async fn open_sessions(&self, query: &SessionQuery) -> Result<Vec<SessionRecord>, StoreError> {
        let mut found = self.inner.open_sessions(query).await?;
        let (opened, closed) = {
            let aside = self.aside()?;
            (aside.opened.clone(), aside.closed_once.clone())
        };
        for session in opened {
            let is_open = !closed.contains(&session.id);
            let is_of_connection = query
                .connection
                .as_ref()
                .is_none_or(|c| session.connection == *c);
            let is_meant = match self.defect {
                UserDefect::FindsClosedSessions => is_of_connection,
                UserDefect::FindsSessionsOfAnyConnection => is_open,
                _ => false,
            };
            let is_of = match &query.of {
                SessionsOf::User(user) => session.user == *user,
                SessionsOf::Index(index) => session.session_index.as_ref() == Some(index),
                _ => false,
            };
            if is_meant && is_of && !found.iter().any(|there| there.id == session.id) {
                found.push(session);
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    async fn consents(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> Result<Vec<ConsentRecord>, StoreError> {
        self.inner.consents(tenant, user).await
    }

    async fn commit(&self, change: &Change) -> Result<(), StoreError> {
        let mut change = change.clone();
        {
            let mut aside = self.aside()?;
            aside.opened.extend(change.open_sessions.iter().cloned());
            let closed = change.close_sessions.iter().map(|(id, _)| id.clone());
            aside.closed_once.extend(closed);
        }
        self.aside()?.tenants.insert(change.tenant.clone());
        self.spoil_users(&mut change).await?;
        match self.defect {
            UserDefect::AcknowledgesWithoutWriting => return Ok(()),
            UserDefect::LooksBeforeItUpdates => return self.update_in_two_steps(&change).await,
            UserDefect::IgnoresExpectations => {
                let is_write = |write: &UserWrite| !matches!(write, UserWrite::Expect { .. });
                change.users.retain(is_write);
            }
            UserDefect::LinksAnew => {
                let subjects = change.links.iter().map(|link| link.subject.clone());
                change.remove_links.extend(subjects);
            }
            UserDefect::LooksBeforeItLinks
            | UserDefect::LooksBeforeItSeats
            | UserDefect::LooksBeforeItTakesAnEmail => self.leap(&mut change).await?,
            UserDefect::LinksInOtherTenants => {
                let put = |change: &mut Change, link| change.links.push(link);
                let links = &mut change.links;
                self.commit_strays(&change.tenant, links, |link| link.subject.tenant(), put)
                    .await?;
            }
            UserDefect::UnlinksInOtherTenants => {
                let put = |change: &mut Change, subject| change.remove_links.push(subject);
                let subjects = &mut change.remove_links;
                self.commit_strays(&change.tenant, subjects, SubjectKey::tenant, put)
                    .await?;
            }
            UserDefect::OpensSessionsInOtherTenants => {
                let put = |change: &mut Change, session| change.open_sessions.push(session);
                let sessions = &mut change.open_sessions;
                self.commit_strays(&change.tenant, sessions, |session| &session.tenant, put)
                    .await?;
            }
            UserDefect::ErasesInOtherTenants => {
                let put = |change: &mut Change, owner| change.erase.push(owner);
                let owners = &mut change.erase;
                self.commit_strays(&change.tenant, owners, VaultOwner::tenant, put)
                    .await?;
            }
            UserDefect::RefusesLongKeys => {
                let length =
                    |key: &SubjectKey| key.issuer().len().saturating_add(key.subject().len());
                if change.links.iter().any(|link| length(&link.subject) > 1500) {
                    return Err(StoreError::new(StoreErrorKind::Other, "commit a change"));
                }
            }
            UserDefect::KeepsLinks => change.remove_links.clear(),
            UserDefect::AcknowledgesASecondConsent => {
                for consent in std::mem::take(&mut change.put_consents) {
                    let there = self.inner.consents(&change.tenant, &consent.user).await?;
                    if !there.iter().any(|there| there.id == consent.id) {
                        change.put_consents.push(consent);
                    }
                }
            }
            UserDefect::KeepsWithdrawnConsents => change.withdraw_consents.clear(),
            UserDefect::AcknowledgesASecondWithdrawal => return self.withdraw_late(&change).await,
            UserDefect::ForgetsTheScope => {
                for consent in &mut change.put_consents {
                    consent.scope.truncate(1);
                }
            }
            UserDefect::KeepsTheOlderGrant => {
                let mut kept = BTreeSet::new();
                for grant in &change.put_grants {
                    let found = self.inner.user(&change.tenant, &grant.user).await?;
                    let grants = found.map(|found| found.grants).unwrap_or_default();
                    kept.extend(grants.into_iter().map(|grant| grant.id));
                }
                change.put_grants.retain(|grant| !kept.contains(&grant.id));
            }
            UserDefect::MovesGrants => {
                let mut removal = Change::new(change.tenant.clone());
                let ids = change.put_grants.iter().map(|grant| grant.id.clone());
                removal.remove_grants.extend(ids);
                self.inner.commit(&removal).await?;
            }
            UserDefect::LeavesTheVersionToGrants | UserDefect::LeavesTheVersionOfWhoConsents => {
                return self.commit_with_hidden_versions(&change).await;
            }
            UserDefect::ClosesSessionsAgain => {
                self.inner.commit(&change).await?;
                self.aside()?.closed.extend(change.close_sessions);
                return Ok(());
            }
            UserDefect::DropsOrphans => self.drop_orphans(&mut change).await?,
            UserDefect::MiscountsSeats => {
                change.seat_cap = change.seat_cap.map(|cap| cap.saturating_add(1));
            }
            UserDefect::ForgetsScopes => {
                change
                    .put_grants
                    .iter_mut()
                    .for_each(|grant| grant.scope.clear());
            }
            UserDefect::MovesTheFirstGiving => {
                for grant in &mut change.put_grants {
                    grant.first_given_at = grant.granted_at;
                }
            }
            UserDefect::SpendsAgain
            | UserDefect::SpendsByTenant
            | UserDefect::LooksBeforeItSpends
            | UserDefect::SpendsBeforehand => return self.spend_wrongly(change).await,
            UserDefect::ForgetsKeys
            | UserDefect::SeesByTenant
            | UserDefect::RemembersChangesApart
            | UserDefect::LooksBeforeItRemembers
            | UserDefect::RemembersBeforehand
            | UserDefect::ForgetsAnInstantTooSoon => return self.remember_wrongly(change).await,
            UserDefect::LosesLastHolders => change.keep_holders = None,
            UserDefect::CountsOnFormerHolders => {
                if let Some(keep) = &mut change.keep_holders {
                    keep.now = Timestamp::UNIX_EPOCH;
                }
            }
            UserDefect::LooksBeforeItTakesARole => self.leap_over_holders(&mut change).await?,
            UserDefect::IgnoresUniqueEmails => change.unique_email = false,
            UserDefect::IgnoresConnections => change.connection = None,
            UserDefect::OverwritesPolicyEntries => {
                let there = self.inner.policy_entry(&change.tenant).await?;
                if let Some(policy) = &mut change.policy {
                    policy.expected = there;
                }
            }
            UserDefect::ForgetsEntries => change.entries.clear(),
            UserDefect::ReversesEntries => change.entries.reverse(),
            UserDefect::SkipsKnownEntries => {
                let mut unknown: Vec<Entry> = Vec::new();
                for entry in change.entries {
                    let id = EntryQuery::Id(entry.id().clone());
                    let leaf = EntryQuery::Leaf(entry.leaf());
                    if self.inner.entry(&id).await?.is_none()
                        && self.inner.entry(&leaf).await?.is_none()
                        && !unknown.contains(&entry)
                    {
                        unknown.push(entry);
                    }
                }
                change.entries = unknown;
            }
            UserDefect::RecordsBeforehand => {
                let entries = std::mem::take(&mut change.entries);
                self.inner.enqueue(&entries).await?;
            }
            UserDefect::CommitsInTwoSteps => {
                let mut accounts = Change::new(change.tenant.clone());
                accounts.users = std::mem::take(&mut change.users);
                self.inner.commit(&accounts).await?;
            }
            UserDefect::LosesEntriesInARush => {
                let others = self.busy.fetch_add(1, Ordering::SeqCst);
                dawdle();
                if others > 0 {
                    change.entries.clear();
                }
                let answer = self.inner.commit(&change).await;
                self.busy.fetch_sub(1, Ordering::SeqCst);
                return answer;
            }
            _ => {}
        }
        self.inner.commit(&change).await
    }

    async fn set_connection(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
        enabled: bool,
    ) -> Result<ConnectionState, StoreError> {
        self.inner.set_connection(tenant, connection, enabled).await
    }
}

/// What calls remember is the right one's.
#[async_trait]
impl<S: ReplayStore> ReplayStore for BrokenUserStore<S> {
    async fn insert_once(
        &self,
        key: &ReplayKey,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Seen, StoreError> {
        self.inner.insert_once(key, expires, now).await
    }
}

/// The outbox is the right one's.
#[async_trait]
impl<S: UserStore + LedgerStore + ReplayStore> LedgerStore for BrokenUserStore<S> {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.inner.enqueue(entries).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.pending(limit).await
    }

    async fn size(&self) -> Result<u64, StoreError> {
        self.inner.size().await
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        self.inner.integrate(integration).await
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        self.inner.nodes(ids).await
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        self.inner.entry(query).await
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        self.inner.leaves(leaves).await
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        self.inner.entries(range).await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.inner.checkpoint().await
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        self.inner.put_checkpoint(expected, checkpoint).await
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        self.inner.put_anchor(anchor, expected_tokens).await
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        self.inner.anchor(covering).await
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        self.inner.anchors().await
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        self.inner.rotation().await
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        self.inner.rotate(expected, entry).await
    }
}
