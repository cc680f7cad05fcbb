//! What broken user stores make of a change.

use std::collections::BTreeSet;

use countersign_audit::store::LedgerStore;
use countersign_core::{
    ConnectionId, StoreError, StoreErrorKind, SubjectKey, TenantId, Timestamp, UserId,
};
use countersign_provision::store::{
    Change, Snapshot, SnapshotQuery, UserStore, UserWithGrants, UserWrite,
};
use countersign_provision::user::User;
use countersign_saml::replay::ReplayStore;

use super::dawdle;
use super::user_defect::UserDefect;
use super::user_store::BrokenUserStore;

impl<S: UserStore + LedgerStore + ReplayStore> BrokenUserStore<S> {
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
            seats: true,
            once: None,
            now: Timestamp::UNIX_EPOCH,
        };
        self.inner.snapshot(&query).await
    }

    /// Versions as this store shows them.
    pub(super) fn shown(&self, mut found: UserWithGrants) -> Result<UserWithGrants, StoreError> {
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
    pub(super) async fn commit_with_hidden_versions(
        &self,
        change: &Change,
    ) -> Result<(), StoreError> {
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
    pub(super) async fn drop_orphans(&self, change: &mut Change) -> Result<(), StoreError> {
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
    pub(super) async fn withdraw_late(&self, change: &Change) -> Result<(), StoreError> {
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
            seats: false,
            once: None,
            now: Timestamp::UNIX_EPOCH,
        })
    }

    /// Turns writes of accounts into others.
    pub(super) async fn spoil_users(&self, change: &mut Change) -> Result<(), StoreError> {
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
    pub(super) async fn commit_strays<T>(
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
    pub(super) async fn leap(&self, change: &mut Change) -> Result<(), StoreError> {
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
    pub(super) async fn spend_wrongly(&self, mut change: Change) -> Result<(), StoreError> {
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
    pub(super) async fn leap_over_holders(&self, change: &mut Change) -> Result<(), StoreError> {
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
    pub(super) async fn update_in_two_steps(&self, change: &Change) -> Result<(), StoreError> {
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
