//! What time does to accounts and roles.
//!
//! Nothing waits for a sweep to lose its force: a grant that has run out allows nothing from that
//! instant on. A sweep moves accounts that nobody uses on through their life, says in the ledger
//! which roles have run out, takes what an edited policy does not give any more, and records that
//! another policy is in force.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use countersign_audit::lifecycle::UserSuspended;
use countersign_core::{Grant, GrantId, GrantOwner, LeafHash, RoleName, TenantId, UserId};
use countersign_provision::lifecycle::Transition;
use countersign_provision::store::{UserQuery, UserWithGrants};
use countersign_provision::user::{User, UserState};
use countersign_provision::{LifecyclePolicy, OnInactive};
use countersign_roles::{self as roles, ConnectionRoles, GrantDelta, RoleSweep, TakeReason};

use crate::account_step::{AccountStep, By, UNUSED};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::filing::Notes;

/// How a sweep goes over a tenant's accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    page: NonZeroU32,
    after: Option<UserId>,
    most: Option<u64>,
    dry_run: bool,
}

impl Sweep {
    /// How many accounts are read at once: some hundred kilobytes.
    pub const DEFAULT_PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(255);

    /// Over all accounts.
    #[must_use]
    pub fn new() -> Self {
        Self {
            page: Self::DEFAULT_PAGE,
            after: None,
            most: None,
            dry_run: false,
        }
    }

    /// Begins behind this account: where [`SweepReport::next`] says that the last one stopped.
    #[must_use]
    pub fn after(mut self, user: UserId) -> Self {
        self.after = Some(user);
        self
    }

    /// Stops after so many accounts.
    #[must_use]
    pub fn at_most(mut self, accounts: u64) -> Self {
        self.most = Some(accounts);
        self
    }

    /// How many accounts are read at once.
    pub(crate) fn page(&self) -> NonZeroU32 {
        self.page
    }

    /// Whether nothing is written.
    pub(crate) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Says what would happen, and writes nothing.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }
}

impl Default for Sweep {
    fn default() -> Self {
        Self::new()
    }
}

/// An account that a sweep has moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The account.
    pub user: UserId,
    /// The state that it was in.
    pub from: UserState,
    /// The state that it is in.
    pub to: UserState,
}

/// A role that a sweep has found to have run out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// The account.
    pub user: UserId,
    /// The grant.
    pub grant: GrantId,
    /// The role.
    pub role: RoleName,
}

impl Expired {
    fn of(grant: &Grant) -> Self {
        Self {
            user: grant.user.clone(),
            grant: grant.id.clone(),
            role: grant.role.clone(),
        }
    }
}

/// A grant that the policy in force does not give any more, or not for as long or as much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The account.
    pub user: UserId,
    /// The grant, which is gone or cut down.
    pub grant: GrantId,
    /// The role.
    pub role: RoleName,
    /// Why: a code.
    pub reason: &'static str,
}

impl Changed {
    fn of(grant: &Grant, reason: &'static str) -> Self {
        Self {
            user: grant.user.clone(),
            grant: grant.id.clone(),
            role: grant.role.clone(),
            reason,
        }
    }
}

/// An account that is due, or a role that is, and that was left as it is, because nobody else
/// holds the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The account.
    pub user: UserId,
    /// The role that must not be without a holder.
    pub role: RoleName,
}

/// What a sweep has done, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SweepReport {
    /// How many accounts were looked at.
    pub accounts: u64,
    /// Accounts that moved on.
    pub moved: Vec<Moved>,
    /// Roles whose running out was recorded.
    pub expired: Vec<Expired>,
    /// Grants that an edited policy took or cut down.
    pub changed: Vec<Changed>,
    /// Accounts and roles that are due and were left as they are.
    pub kept: Vec<Kept>,
    /// Accounts that somebody else changed at the same moment: the next sweep looks at them.
    pub skipped: Vec<UserId>,
    /// The `policy.changed` record, if another policy was found in force.
    pub policy: Option<LeafHash>,
    /// How many walks were erased that belong to no account and are older than the policy retains
    /// (in a dry run at least, and not counted past a page).
    pub unclaimed: u64,
    /// Something was erased, now or before, and what is left of it in the store's files could not
    /// be removed yet, because somebody reads what was before: the next sweep tries again. Of a
    /// sweep that stopped early: it has erased something, and whoever goes on to the last account
    /// removes what is left.
    pub erasure_pending: bool,
    /// The last account that was looked at, if there are more behind it.
    pub next: Option<UserId>,
}

impl Engine {
    /// Goes over a tenant's accounts, each in a transaction of its own with its records.
    ///
    /// Where the policy lets a sign-in reactivate a deprovisioned account, one that somebody has
    /// suspended stays suspended until an administrator deprovisions it.
    ///
    /// When it comes to the last account, it also erases what belongs to no account (refused
    /// sign-ins, invitations that nobody used) and is older than the policy retains, or than
    /// [seven years](LifecyclePolicy::DEFAULT_RETAIN) where it says nothing; and it removes what was
    /// erased, now or before, from the store's files.
    ///
    /// A sweep may be stopped at any account and go on there, may run twice or on two machines at
    /// once: what was done is not due any more, and whoever loses a race leaves the account to
    /// the next sweep.
    ///
    /// # Errors
    /// If the store fails; what was done until then stays done.
    pub async fn sweep(
        &self,
        tenant: &TenantId,
        sweep: &Sweep,
    ) -> Result<SweepReport, EngineError> {
        let mut report = SweepReport::default();
        if !sweep.dry_run {
            report.policy = self.record_policy(tenant, None, None).await?;
        }
        let mut query = UserQuery {
            tenant: tenant.clone(),
            states: [
                UserState::Invited,
                UserState::Active,
                UserState::Stale,
                UserState::PendingApproval,
                UserState::Suspended,
                UserState::Deprovisioned,
            ]
            .into(),
            after: sweep.after.clone(),
            limit: sweep.page,
        };
        loop {
            let page = self.shared.users.users(&query).await?;
            let is_last = page.len() < usize::try_from(query.limit.get()).unwrap_or(usize::MAX);
            for account in page {
                if sweep.most.is_some_and(|most| report.accounts >= most) {
                    report.next = query.after;
                    let mut moved = report.moved.iter();
                    let erased = moved.any(|moved| moved.to == UserState::Erased);
                    report.erasure_pending = erased && !sweep.dry_run;
                    return Ok(report);
                }
                report.accounts = report.accounts.saturating_add(1);
                query.after = Some(account.user.id.clone());
                self.sweep_account(account, sweep, &mut report).await?;
            }
            if is_last {
                break;
            }
        }
        let now = self.shared.clock.now();
        let retain = self.policy().lifecycle().retain;
        let retain = retain.unwrap_or(LifecyclePolicy::DEFAULT_RETAIN);
        let before = now.saturating_sub(retain);
        report.unclaimed = self.erase_unclaimed(tenant, before, sweep).await?;
        if !sweep.dry_run {
            report.erasure_pending = self.shared.vault_store.scrub().await.is_err();
        }
        Ok(report)
    }

    async fn sweep_account(
        &self,
        account: UserWithGrants,
        sweep: &Sweep,
        report: &mut SweepReport,
    ) -> Result<(), EngineError> {
        let now = self.shared.clock.now();
        let tenant = account.user.tenant.clone();
        let user = account.user.id.clone();
        let mut due = self.policy().lifecycle().decide_sweep(&account.user, now);
        if let Some(step) = due
            && self.would_undo_suspension(&account.user, step).await?
        {
            due = None;
        }
        let delta = roles::sweep(&account.grants, &self.role_sweep(&tenant), now);
        let taken = delta.take.iter().map(|taken| &taken.grant);
        let over = delta.spent.iter().chain(taken);
        let mut unrecorded = Vec::new();
        for grant in over.filter(|grant| !grant.is_live(now)) {
            if grant.owner != GrantOwner::Barred
                && !self.shared.users.is_spent(&tenant, grant.entry).await?
            {
                unrecorded.push(grant.clone());
            }
        }
        if due.is_none() && unrecorded.is_empty() && delta.take.is_empty() && delta.renew.is_empty()
        {
            return Ok(());
        }
        let mut step = self.read_step(account, Notes::None).await?;
        let mut done = SweepReport::default();
        for grant in &unrecorded {
            step.expire(grant)?;
            done.expired.push(Expired::of(grant));
        }
        edit_roles(&mut step, delta, &mut done)?;
        if let Some(due) = due {
            let leaves = due.from().is_in_use() && !due.to().is_in_use();
            if let Some(role) = step.last_held().filter(|_| leaves).cloned() {
                let user = user.clone();
                done.kept.push(Kept { user, role });
            } else {
                step.move_on(due, UNUSED, By::default())?;
                done.moved.push(Moved {
                    user: user.clone(),
                    from: due.from(),
                    to: due.to(),
                });
            }
        }
        report.kept.append(&mut done.kept);
        if step.is_empty() {
            return Ok(());
        }
        if sweep.dry_run || self.commits(&step.into_change()).await? {
            report.expired.append(&mut done.expired);
            report.changed.append(&mut done.changed);
            report.moved.append(&mut done.moved);
        } else {
            report.skipped.push(user);
        }
        Ok(())
    }

    /// Whether a step would let a sign-in bring an account back that somebody has suspended:
    /// deprovisioned, it could be put back into use by whoever waited for long enough.
    async fn would_undo_suspension(
        &self,
        user: &User,
        step: Transition,
    ) -> Result<bool, EngineError> {
        let mut connections = self.policy().connections().map(|(_, rules)| rules);
        let reactivates = connections.any(|rules| {
            let on_inactive = rules.matching.on_inactive;
            rules.tenant == user.tenant && on_inactive == OnInactive::ReactivateDeprovisioned
        });
        if step.from() != UserState::Suspended || !reactivates {
            return Ok(false);
        }
        let Some(entry) = user.state_entry else {
            return Ok(true);
        };
        match self.recorded::<UserSuspended>(entry).await {
            Ok(suspended) => Ok(suspended.body().reason != UNUSED),
            Err(EngineError::Store(error)) => Err(error.into()),
            // The application has suspended it by itself.
            Err(_) => Ok(true),
        }
    }

    /// What the policy in force says of the roles that the tenant's connections give.
    fn role_sweep(&self, tenant: &TenantId) -> RoleSweep<'_> {
        let connections = self.policy().connections();
        let connections = connections.filter(|(_, connection)| connection.tenant == *tenant);
        let roles = connections.map(|(id, connection)| {
            let roles = ConnectionRoles {
                default_roles: &connection.create.default_roles,
                max_privilege: connection.max_privilege.as_ref(),
            };
            (id, roles)
        });
        RoleSweep {
            catalog: self.policy().catalog(),
            rules: self.policy().rules(),
            connections: roles.collect(),
        }
    }
}

/// Does to grants what an edited policy demands of those who do not sign in.
fn edit_roles(
    step: &mut AccountStep<'_>,
    mut delta: GrantDelta,
    done: &mut SweepReport,
) -> Result<(), EngineError> {
    let now = step.now;
    let lost: BTreeSet<RoleName> = delta.lost_roles(now).cloned().collect();
    let mut guarded = BTreeSet::new();
    for role in lost {
        if !step.engine().keeps_last(&role) {
            continue;
        }
        if step.last_holds(&role) {
            delta.keep_instead_of_losing(&role, now);
            let user = step.user().id.clone();
            done.kept.push(Kept { user, role });
        } else {
            guarded.insert(role);
        }
    }
    step.keep_holders(guarded);
    for taken in &delta.take {
        let reason = taken.reason.code();
        step.revoke(&taken.grant, reason, None, By::default())?;
        done.changed.push(Changed::of(&taken.grant, reason));
    }
    for renewal in &delta.renew {
        let reason = TakeReason::RuleChanged.code();
        let grant = &renewal.grant;
        if step.account_record().is_some() {
            let cut = Grant {
                granted_at: renewal.granted_at,
                expires_at: renewal.expires_at,
                scope: renewal.scope.clone(),
                ..grant.clone()
            };
            step.give(cut, By::default())?;
        } else {
            // Without a record to rest on it can not go on as another.
            step.revoke(grant, reason, None, By::default())?;
        }
        done.changed.push(Changed::of(grant, reason));
    }
    Ok(())
}
