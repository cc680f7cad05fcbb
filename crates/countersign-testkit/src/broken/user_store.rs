//! User stores that lose updates, mix tenants, count wrong, or commit in two steps.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use countersign_audit::store::{
    EntryQuery, Integration, LedgerStore, NodeId, PendingEntry, StoredCheckpoint, StoredEntry,
};
use countersign_core::{
    ConnectionId, Entry, LeafHash, SessionId, Sha256Digest, StoreError, StoreErrorKind, TenantId,
    Timestamp, UserId,
};
use countersign_provision::store::{
    Change, ConnectionState, SessionQuery, SessionRecord, SessionsOf, Snapshot, SnapshotQuery,
    UserQuery, UserStore, UserWithGrants, UserWrite,
};
use countersign_provision::user::{User, UserState};

use super::{dawdle, defects};

defects! {
    /// What is wrong with a [`BrokenUserStore`].
    UserDefect {
        /// It takes a connection that it does not know for a disabled one.
        DisablesUnknownConnections: "an_empty_store_knows_nobody",
        /// It acknowledges a change and writes nothing.
        AcknowledgesWithoutWriting: "an_account_comes_back_as_it_was_given",
        /// It takes white space away from names.
        TrimsNames: "an_account_comes_back_as_it_was_given",
        /// It keeps the version that a created account came with.
        LetsTheCallerSetTheVersion: "an_account_comes_back_as_it_was_given",
        /// It does not show accounts that are not active.
        HidesInactiveAccounts: "a_snapshot_shows_link_user_and_email",
        /// It shows the first subject of an account only.
        ShowsOneSubject: "an_account_shows_its_subjects",
        /// It replaces an account whose id is taken.
        OverwritesAccounts: "a_user_id_is_taken_once",
        /// It does not compare versions.
        IgnoresVersions: "an_update_needs_the_version_that_was_read",
        /// It compares the version, and writes in a second step.
        LooksBeforeItUpdates: "of_two_updates_at_once_one_conflicts",
        /// It does not compare a version that is only expected.
        IgnoresExpectations: "an_expected_version_holds_or_conflicts",
        /// It moves on a version that is only expected.
        WritesWhatIsExpected: "an_expected_version_holds_or_conflicts",
        /// It links a subject to its last account.
        LinksAnew: "a_subject_is_linked_once",
        /// It looks whether a subject is linked, and links it in a second step.
        LooksBeforeItLinks: "one_subject_at_once_makes_one_user",
        /// It never takes a link away.
        KeepsLinks: "a_link_is_taken_away_before_one_is_added",
        /// It does not show grants that ended before they began.
        HidesExpiredGrants: "a_grant_comes_back_as_it_was_given",
        /// It does not replace a grant.
        KeepsTheOlderGrant: "a_grant_is_replaced_and_removed_by_its_id",
        /// It lets a grant go over to another account.
        MovesGrants: "a_grant_stays_with_its_account",
        /// It takes grants away without moving the account's version on.
        LeavesTheVersionToGrants: "touching_grants_moves_the_version_on",
        /// It closes a session again.
        ClosesSessionsAgain: "a_session_opens_once_and_closes_once",
        /// It finds sessions that were closed, too.
        FindsClosedSessions: "open_sessions_are_found_by_user_and_by_index",
        /// It finds the sessions of a user through every connection.
        FindsSessionsOfAnyConnection: "open_sessions_are_found_by_user_and_by_index",
        /// It drops what belongs to an account that is not there.
        DropsOrphans: "links_grants_and_sessions_need_their_account",
        /// It allows one seat more than there are.
        MiscountsSeats: "the_seat_cap_holds_at_the_edge",
        /// It counts the seats, and takes one in a second step.
        LooksBeforeItSeats: "seats_taken_at_once_stop_at_the_cap",
        /// It does not compare e-mail addresses.
        IgnoresUniqueEmails: "an_email_is_unique_where_the_policy_says_so",
        /// It looks for the e-mail address, and takes it in a second step.
        LooksBeforeItTakesAnEmail: "an_email_taken_at_once_is_taken_by_one",
        /// It does not look at the connection again.
        IgnoresConnections: "a_connection_that_changed_conflicts",
        /// It finds accounts of any tenant by their id.
        FindsAccountsOfAnyTenant: "tenants_never_cross",
        /// It takes the accounts of another tenant for its own.
        AdoptsAccountsOfOtherTenants: "tenants_never_cross",
        /// It does not record.
        ForgetsEntries: "entries_reach_the_outbox_in_order",
        /// It records the last entry of a change first.
        ReversesEntries: "entries_reach_the_outbox_in_order",
        /// It takes an entry that is there already for one that need not be written.
        SkipsKnownEntries: "an_entry_is_recorded_once",
        /// It records before it knows whether the change holds.
        RecordsBeforehand: "a_failing_change_leaves_nothing",
        /// It writes the accounts, and everything else in a second step.
        CommitsInTwoSteps: "a_failing_change_leaves_nothing",
        /// It does not record while it is busy.
        LosesEntriesInARush: "changes_at_once_keep_all_their_entries",
        /// It reads an account, and its grants in a second step.
        ReadsInTwoSteps: "a_read_is_of_one_moment",
    }
}

/// A user store with one defect, over one that is right.
#[derive(Debug)]
pub struct BrokenUserStore<S> {
    inner: S,
    defect: UserDefect,
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
    /// How far a version is ahead of the one that is shown.
    hidden_versions: BTreeMap<UserId, u64>,
}

impl<S: UserStore + LedgerStore> BrokenUserStore<S> {
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
        let touched: BTreeSet<&UserId> = change.put_grants.iter().map(|g| &g.user).collect();
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
impl<S: UserStore + LedgerStore> UserStore for BrokenUserStore<S> {
    async fn snapshot(&self, query: &SnapshotQuery) -> Result<Snapshot, StoreError> {
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
        let found = self.inner.users(query).await?.into_iter();
        found.map(|found| self.shown(found)).collect()
    }

    async fn is_spent(&self, tenant: &TenantId, entry: LeafHash) -> Result<bool, StoreError> {
        self.inner.is_spent(tenant, entry).await
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
            UserDefect::KeepsLinks => change.remove_links.clear(),
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
            UserDefect::LeavesTheVersionToGrants => {
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
            UserDefect::IgnoresUniqueEmails => change.unique_email = false,
            UserDefect::IgnoresConnections => change.connection = None,
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

/// The outbox is the right one's.
#[async_trait]
impl<S: UserStore + LedgerStore> LedgerStore for BrokenUserStore<S> {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        self.inner.enqueue(entries).await
    }

    async fn pending(&self, limit: usize) -> Result<Vec<PendingEntry>, StoreError> {
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

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        self.inner.entries(range).await
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.inner.checkpoint().await
    }

    async fn put_checkpoint(
        &self,
        expected_size: Option<u64>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        self.inner.put_checkpoint(expected_size, checkpoint).await
    }
}
