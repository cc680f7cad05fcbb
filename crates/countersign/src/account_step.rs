//! One step with one account as one change: the account, its grants and sessions, and the record
//! of each.

use std::collections::BTreeSet;

use countersign_audit::kind::RecordBody;
use countersign_audit::leaf::{Account, Leaf, Loss, State};
use countersign_audit::lifecycle::{
    SubjectErased, UserDeprovisioned, UserReactivated, UserStale, UserSuspended,
};
use countersign_audit::record::Actor;
use countersign_audit::role::{RoleExpired, RoleGranted, RoleRevoked};
use countersign_audit::seal::{Correlation, Draft};
use countersign_audit::session::{SessionClosed, SessionOpened};
use countersign_core::{
    ConnectionId, Grant, GrantId, GrantOwner, LeafHash, RoleName, SubjectKey, TenantId, Timestamp,
    UserId, VaultKeyId, VaultOwner,
};
use countersign_provision::lifecycle::Transition;
use countersign_provision::store::{
    Change, KeepHolders, SessionQuery, SessionRecord, SessionsOf, Snapshot, SnapshotQuery,
    UserWithGrants, UserWrite,
};
use countersign_provision::user::{User, UserState};

use crate::account::AccountError;
use crate::engine::{Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::filing::Notes;
use crate::identifier::{self, random};
use crate::session::is_live;

/// Why access ended, in records: somebody decided so.
pub(crate) const ADMINISTRATOR: &str = "administrator";

/// Why access ended, in records: nobody used the account.
pub(crate) const UNUSED: &str = "lifecycle.unused";

/// Why a session ended, in records: its account went out of use.
const OUT_OF_USE: &str = "account_out_of_use";

/// Why a role ended, in records: its account was deprovisioned.
const DEPROVISIONED: &str = "account_deprovisioned";

/// Who wants a step, and what they say of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct By<'a> {
    /// Nobody, where time passed.
    pub(crate) administrator: Option<&'a UserId>,
    pub(crate) note: Option<&'a str>,
}

impl<'a> By<'a> {
    pub(crate) fn administrator(by: &'a UserId, note: Option<&'a str>) -> Self {
        Self {
            administrator: Some(by),
            note,
        }
    }

    pub(crate) fn actor(&self) -> Actor {
        let administrator = self.administrator.cloned();
        administrator.map_or(Actor::System, Actor::User)
    }
}

/// An account that was read, and what is going to happen to it.
pub(crate) struct AccountStep<'a> {
    engine: &'a Engine,
    pub(crate) now: Timestamp,
    pub(crate) account: UserWithGrants,
    pub(crate) snapshot: Snapshot,
    /// The grants as they were read, of which some may be gone by now.
    pub(crate) as_read: Vec<Grant>,
    sessions: Vec<SessionRecord>,
    /// What an erasure destroys.
    vault_keys: Vec<VaultKeyId>,
    walk: Correlation,
    /// The account as it shall be, if it is not as it was.
    moved: Option<User>,
    change: Change,
}

impl Engine {
    /// Reads an account, lets `work` say what is to happen, and commits it; all of it again where
    /// the commit lost a race.
    pub(crate) async fn step_account<T>(
        &self,
        tenant: &TenantId,
        user: &UserId,
        notes: Notes,
        work: impl Fn(&mut AccountStep<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        for _ in 0..MOST_ATTEMPTS {
            let account = self.shared.users.user(tenant, user).await?;
            let account = account.ok_or_else(|| AccountError::Unknown(user.clone()))?;
            let mut step = self.read_step(account, notes).await?;
            let done = work(&mut step)?;
            if self.commits(&step.into_change()).await? {
                return Ok(done);
            }
        }
        Err(too_many_conflicts())
    }

    /// Reads what a step with an account needs to know beside the account.
    pub(crate) async fn read_step(
        &self,
        account: UserWithGrants,
        notes: Notes,
    ) -> Result<AccountStep<'_>, EngineError> {
        let now = self.shared.clock.now();
        let (tenant, user) = (account.user.tenant.clone(), account.user.id.clone());
        let live = account.grants.iter().filter(|grant| grant.is_live(now));
        let guarded = live.filter(|grant| self.keeps_last(&grant.role));
        let query = SnapshotQuery {
            tenant: tenant.clone(),
            connection: ConnectionId::new("none").map_err(not_a_name)?,
            subject: match account.subjects.first() {
                Some(subject) => subject.clone(),
                // Nobody's: there is no such issuer.
                None => SubjectKey::from_stable_value(tenant.clone(), "urn:countersign:none", "-")
                    .map_err(|_| not_a_name(()))?,
            },
            email: account.user.email.clone(),
            guarded_roles: guarded.map(|grant| grant.role.clone()).collect(),
            seats: self.has_seat_cap(&tenant),
            once: None,
            now,
        };
        let snapshot = self.shared.users.snapshot(&query).await?;
        let query = SessionQuery {
            tenant: tenant.clone(),
            connection: None,
            of: SessionsOf::User(user.clone()),
        };
        let mut sessions = self.shared.users.open_sessions(&query).await?;
        sessions.retain(|session| is_live(session, now));
        let id = identifier::correlation(random(&*self.shared.entropy)?)?;
        let walk = Correlation::begin(tenant.clone(), id).under_policy(self.policy().hash());
        let owner = VaultOwner::Account(tenant.clone(), user.clone());
        Ok(AccountStep {
            engine: self,
            now,
            vault_keys: self.vault_keys_of(&owner).await?,
            as_read: account.grants.clone(),
            account,
            snapshot,
            sessions,
            walk: self.filed_for(walk, &user, notes).await?,
            moved: None,
            change: Change::new(tenant),
        })
    }

    /// Whether a tenant must not be without the role.
    pub(crate) fn keeps_last(&self, role: &RoleName) -> bool {
        let role = self.policy().catalog().role(role);
        role.is_some_and(countersign_roles::Role::keeps_last)
    }
}

fn not_a_name<E>(_: E) -> EngineError {
    EngineError::Misuse {
        what: "a name that was made here",
    }
}

impl<'a> AccountStep<'a> {
    pub(crate) fn engine(&self) -> &'a Engine {
        self.engine
    }

    pub(crate) fn user(&self) -> &User {
        &self.account.user
    }

    pub(crate) fn change(&mut self) -> &mut Change {
        &mut self.change
    }

    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.change.entries.is_empty()
    }

    /// The change, which happens only if the account is as it was read.
    pub(crate) fn into_change(mut self) -> Change {
        let (user, version) = (self.account.user.id, self.account.user.version);
        self.change.users.push(match self.moved {
            Some(user) => UserWrite::Update {
                user,
                expected_version: version,
            },
            None => UserWrite::Expect { user, version },
        });
        self.change
    }

    pub(crate) fn seal<K: RecordBody>(&mut self, draft: Draft<K>) -> Result<Leaf<K>, EngineError> {
        let sealed = self.engine.seal(&mut self.walk, draft, self.now)?;
        let (entry, recorded) = sealed.into_parts();
        self.change.entries.push(entry);
        Ok(recorded.leaf())
    }

    /// The record of how the account came into its state.
    pub(crate) fn state(&self) -> Option<Leaf<State>> {
        let user = &self.account.user;
        user.state_entry.or(user.entry).map(Leaf::from_store)
    }

    /// Writes another hold, and nothing else, of the account.
    pub(crate) fn set_hold(&mut self, hold: Option<LeafHash>) {
        let mut user = self.account.user.clone();
        user.hold = hold;
        self.moved = Some(user);
    }

    /// The role that a tenant must not be without, and that nobody but this account holds.
    pub(crate) fn last_held(&self) -> Option<&RoleName> {
        let mut roles = self.snapshot.holders.keys();
        roles.find(|role| self.last_holds(role))
    }

    /// Whether nobody but this account holds the role.
    pub(crate) fn last_holds(&self, role: &RoleName) -> bool {
        let holders = self.snapshot.holders.get(role);
        holders.is_some_and(|holders| *holders == [self.account.user.id.clone()])
    }

    /// Lets the commit fail if this leaves one of the roles without a holder.
    pub(crate) fn keep_holders(&mut self, roles: BTreeSet<RoleName>) {
        if !roles.is_empty() {
            let now = self.now;
            let mut keep = self.change.keep_holders.take().unwrap_or(KeepHolders {
                roles: BTreeSet::new(),
                now,
            });
            keep.roles.extend(roles);
            self.change.keep_holders = Some(keep);
        }
    }

    /// Takes the account from one state to another, with all that goes with it; returns the
    /// record.
    pub(crate) fn move_on(
        &mut self,
        transition: Transition,
        reason: &str,
        by: By<'_>,
    ) -> Result<LeafHash, EngineError> {
        let (user, state) = (self.account.user.id.clone(), self.state());
        let before = transition.from().name().to_owned();
        let (actor, note) = (by.actor(), by.note);
        let leaving = transition.from().is_in_use() && !transition.to().is_in_use();
        if leaving {
            if let Some(role) = self.last_held() {
                return Err(AccountError::LastHolder { role: role.clone() }.into());
            }
            self.keep_holders(self.snapshot.holders.keys().cloned().collect());
        }
        let reason = reason.to_owned();
        let entry = match transition.to() {
            UserState::Stale => {
                let lifecycle = self.engine.policy().lifecycle();
                let unused_since = lifecycle.unused_since(&self.account.user);
                let body = UserStale { unused_since };
                self.seal(body.draft(user, state, actor, note))?.hash()
            }
            UserState::Suspended => {
                let body = UserSuspended { before, reason };
                let suspended = self.seal(body.draft(user, state, actor, note))?;
                self.close_sessions(suspended.into())?;
                suspended.hash()
            }
            UserState::Active => {
                let body = UserReactivated { before };
                self.seal(body.draft(user, state, actor, note))?.hash()
            }
            UserState::Deprovisioned => {
                let body = UserDeprovisioned { before, reason };
                let deprovisioned = self.seal(body.draft(user, state, actor, note))?;
                let live = |grant: &&Grant| grant.is_live(self.now);
                let live: Vec<Grant> = self.account.grants.iter().filter(live).cloned().collect();
                for grant in &live {
                    self.revoke(
                        grant,
                        DEPROVISIONED,
                        Some(deprovisioned.into()),
                        By::default(),
                    )?;
                }
                self.close_sessions(deprovisioned.into())?;
                deprovisioned.hash()
            }
            UserState::Erased => self.erase(transition, by)?,
            _ => {
                return Err(EngineError::Misuse {
                    what: "a step that no account takes like this",
                });
            }
        };
        self.moved = Some(transition.apply(&self.account.user, self.now, Some(entry)));
        Ok(entry)
    }

    fn erase(&mut self, transition: Transition, by: By<'_>) -> Result<LeafHash, EngineError> {
        let user = &self.account.user;
        let erased = transition.apply(user, self.now, None);
        let fields = [
            ("email", user.email.is_some()),
            ("given_name", user.given_name != erased.given_name),
            ("family_name", user.family_name != erased.family_name),
            ("display_name", user.display_name != erased.display_name),
            ("account_id", user.account_id != erased.account_id),
            (
                "permission_profile_id",
                user.permission_profile_id != erased.permission_profile_id,
            ),
            (
                "last_sign_in_at",
                user.last_sign_in_at != erased.last_sign_in_at,
            ),
        ];
        let had = fields.into_iter().filter(|(_, had)| *had);
        let body = SubjectErased {
            erased: had.map(|(name, _)| name.to_owned()).collect(),
            subjects: u32::try_from(self.account.subjects.len()).unwrap_or(u32::MAX),
            keys: self.vault_keys.clone(),
            deprovisioned_at: user.state_since,
        };
        let (id, state) = (user.id.clone(), self.state());
        let entry = self.seal(body.draft(id, state, by.actor(), by.note))?;
        self.change.remove_links.clone_from(&self.account.subjects);
        let rows = self.account.grants.iter().map(|grant| grant.id.clone());
        self.change.remove_grants.extend(rows);
        let user = &self.account.user;
        let owner = VaultOwner::Account(user.tenant.clone(), user.id.clone());
        self.change.erase.push(owner);
        Ok(entry.hash())
    }

    fn close_sessions(&mut self, loss: Leaf<Loss>) -> Result<(), EngineError> {
        for session in std::mem::take(&mut self.sessions) {
            let body = SessionClosed {
                session: session.id.clone(),
                reason: OUT_OF_USE.to_owned(),
            };
            let opened = Leaf::<SessionOpened>::from_store(session.entry);
            let opened_at = session.opened_at;
            self.seal(body.draft_with(session.user, opened, opened_at, loss))?;
            let closed_at = self.now.max(opened_at);
            self.change.close_sessions.push((session.id, closed_at));
        }
        Ok(())
    }

    /// Takes a grant away; returns the record.
    pub(crate) fn revoke(
        &mut self,
        grant: &Grant,
        reason: &str,
        loss: Option<Leaf<Loss>>,
        by: By<'_>,
    ) -> Result<LeafHash, EngineError> {
        let body = RoleRevoked {
            grant: grant.id.clone(),
            role: grant.role.clone(),
            owner: grant.owner.clone(),
            reason: reason.to_owned(),
        };
        let granted = Leaf::<RoleGranted>::from_store(grant.entry);
        let mut draft = body.draft(grant.user.clone(), granted, loss);
        draft = draft.by(by.actor());
        if let Some(note) = by.note {
            draft = draft.personal("note", &note);
        }
        let revoked = self.seal(draft)?;
        self.remove(&grant.id);
        Ok(revoked.hash())
    }

    fn remove(&mut self, grant: &GrantId) {
        self.account.grants.retain(|row| row.id != *grant);
        self.change.remove_grants.push(grant.clone());
    }

    /// The record that grants of the account rest on, if there is one.
    pub(crate) fn account_record(&self) -> Option<Leaf<Account>> {
        let link = self.snapshot.link.as_ref().map(|link| link.entry);
        let record = self.account.user.entry.or(link);
        record.map(Leaf::from_store)
    }

    /// Records a grant and puts it in its place; what it says of policy and record is overwritten.
    pub(crate) fn give(&mut self, grant: Grant, by: By<'_>) -> Result<Grant, EngineError> {
        let account = self.account_record().ok_or(AccountError::NoRecord)?;
        let policy = self.engine.policy();
        let role = policy.catalog().role(&grant.role);
        let permissions = role.map(|role| role.permissions_within(&grant.scope));
        let permissions = permissions.unwrap_or_default();
        let body = RoleGranted {
            grant: grant.id.clone(),
            role: grant.role.clone(),
            owner: grant.owner.clone(),
            rule: grant.rule.clone(),
            expires_at: grant.expires_at,
            permissions: permissions.iter().map(ToString::to_string).collect(),
        };
        let mut draft = body.draft(grant.user.clone(), account, None);
        draft = draft.by(by.actor());
        if let Some(note) = by.note {
            draft = draft.personal("note", &note);
        }
        let given = Grant {
            policy_hash: policy.hash(),
            entry: self.seal(draft)?.hash(),
            ..grant
        };
        self.account.grants.retain(|row| row.id != given.id);
        self.account.grants.push(given.clone());
        self.change.put_grants.push(given.clone());
        Ok(given)
    }

    /// Records that a grant has run out. The record of the grant is used up with it, so that this
    /// is said once; the row of a sync stays, so that the next one does not give the role anew.
    pub(crate) fn expire(&mut self, grant: &Grant) -> Result<LeafHash, EngineError> {
        let body = RoleExpired {
            grant: grant.id.clone(),
            role: grant.role.clone(),
            owner: grant.owner.clone(),
            expires_at: grant.expires_at.unwrap_or(self.now),
        };
        let granted = Leaf::<RoleGranted>::from_store(grant.entry);
        let expired = self.seal(body.draft(grant.user.clone(), granted))?;
        self.change.spend.push(grant.entry);
        if !is_synced(&grant.owner) {
            self.remove(&grant.id);
        }
        Ok(expired.hash())
    }
}

/// Whether a sync gives and takes grants of this owner.
pub(crate) fn is_synced(owner: &GrantOwner) -> bool {
    matches!(
        owner,
        GrantOwner::Jit(_) | GrantOwner::Default(_) | GrantOwner::Scim
    )
}
