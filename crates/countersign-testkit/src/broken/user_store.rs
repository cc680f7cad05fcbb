//! User stores that lose updates, mix tenants, count wrong, or commit in two steps.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use countersign_audit::store::{EntryQuery, LedgerStore};
use countersign_core::{
    ConnectionId, Entry, LeafHash, SessionId, StoreError, StoreErrorKind, SubjectKey, TenantId,
    Timestamp, UserId, VaultOwner,
};
use countersign_provision::store::{
    Change, ConnectionState, ConsentRecord, SessionQuery, SessionRecord, SessionsOf, Snapshot,
    SnapshotQuery, UserQuery, UserStore, UserWithGrants, UserWrite,
};
use countersign_provision::user::UserState;
use countersign_saml::replay::ReplayStore;

use super::dawdle;
use super::user_defect::UserDefect;

/// A user store with one defect, over one that is right.
#[derive(Debug)]
pub struct BrokenUserStore<S> {
    pub(super) inner: S,
    pub(super) defect: UserDefect,
    aside: Mutex<Aside>,
    pub(super) busy: AtomicUsize,
}

/// What some defects have to remember.
#[derive(Debug, Default)]
pub(super) struct Aside {
    pub(super) tenants: BTreeSet<TenantId>,
    pub(super) closed: BTreeMap<SessionId, Timestamp>,
    pub(super) opened: Vec<SessionRecord>,
    pub(super) closed_once: BTreeSet<SessionId>,
    pub(super) spent: BTreeSet<LeafHash>,
    /// How far a version is ahead of the one that is shown.
    pub(super) hidden_versions: BTreeMap<UserId, u64>,
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

    pub(super) fn aside(&self) -> Result<MutexGuard<'_, Aside>, StoreError> {
        let poisoned = |_| StoreError::new(StoreErrorKind::Other, "lock what is remembered");
        self.aside.lock().map_err(poisoned)
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
