//! What an administrator wants to know of a tenant's accounts, computed page by page.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{GrantId, GrantOwner, RoleName, RuleId, TenantId, Timestamp, UserId};

use crate::lifecycle::Transition;
use crate::policy::Policy;
use crate::store::UserWithGrants;
use crate::user::UserState;

/// An account that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedAccount {
    /// The account.
    pub user: UserId,
    /// Where it is in its life.
    pub state: UserState,
    /// Since when it was not used.
    pub unused_since: Timestamp,
    /// The step that the next sweep takes with it, if one is due.
    pub due: Option<Transition>,
}

/// A live grant that nothing in the policy stands behind, or that is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrphanedGrant {
    /// The account.
    pub user: UserId,
    /// The grant.
    pub grant: GrantId,
    /// The role.
    pub role: RoleName,
    /// Why it is one.
    pub reason: OrphanReason,
}

/// Why a grant is orphaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OrphanReason {
    /// The policy has no such role any more.
    RoleGone,
    /// The policy has no such rule any more, or it gives another role.
    RuleGone,
    /// The policy has no such connection any more.
    ConnectionGone,
    /// The account is out of use.
    AccountOutOfUse,
}

impl OrphanReason {
    /// A stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RoleGone => "report.role_gone",
            Self::RuleGone => "report.rule_gone",
            Self::ConnectionGone => "report.connection_gone",
            Self::AccountOutOfUse => "report.account_out_of_use",
        }
    }
}

/// A live grant, by account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedGrant {
    /// The account.
    pub user: UserId,
    /// The grant.
    pub grant: GrantId,
    /// The role.
    pub role: RoleName,
    /// When it was given or last renewed.
    pub granted_at: Timestamp,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct AccountReport {
    /// How many accounts there are of each state.
    pub states: BTreeMap<UserState, u64>,
    /// How many accounts take a seat.
    pub seats_taken: u64,
    /// How many live grants there are.
    pub grants: u64,
    /// Accounts that are stale, or that the next sweep moves on.
    pub unused: Vec<UnusedAccount>,
    /// Live grants that nothing stands behind.
    pub orphaned: Vec<OrphanedGrant>,
    /// Live grants that were given under another policy than the one in force.
    pub drifted: Vec<ReportedGrant>,
    /// Live grants that were first given since an instant that was asked for: entitlements to
    /// review.
    pub new: Vec<ReportedGrant>,
    /// Rules about the tenant's connections of which no account has a row, not even one that has
    /// run out: nobody has matched them who still matches.
    pub unmatched_rules: BTreeSet<RuleId>,
}

/// Looks at a tenant's accounts, one after the other.
#[derive(Debug)]
pub struct Reporter<'a> {
    policy: &'a Policy,
    now: Timestamp,
    since: Option<Timestamp>,
    report: AccountReport,
}

impl<'a> Reporter<'a> {
    /// A report on a tenant's accounts at `now`, with the grants that were given from `since` on.
    #[must_use]
    pub fn new(
        policy: &'a Policy,
        tenant: &TenantId,
        now: Timestamp,
        since: Option<Timestamp>,
    ) -> Self {
        let connections = policy.connections();
        let connections = connections.filter(|(_, connection)| connection.tenant == *tenant);
        let ids: Vec<_> = connections.map(|(id, _)| id).collect();
        let rules = policy.rules().rules().iter().filter(|rule| {
            let gives = !rule.grant.is_empty();
            gives && ids.iter().any(|connection| rule.is_about(connection))
        });
        let report = AccountReport {
            unmatched_rules: rules.map(|rule| rule.id.clone()).collect(),
            ..AccountReport::default()
        };
        Self {
            policy,
            now,
            since,
            report,
        }
    }

    /// Looks at one account.
    pub fn add(&mut self, account: &UserWithGrants) {
        let user = &account.user;
        let count = self.report.states.entry(user.state).or_default();
        *count = count.saturating_add(1);
        if user.state.takes_a_seat() {
            self.report.seats_taken = self.report.seats_taken.saturating_add(1);
        }
        let lifecycle = self.policy.lifecycle();
        let due = lifecycle.decide_sweep(user, self.now);
        if due.is_some() || user.state == UserState::Stale {
            self.report.unused.push(UnusedAccount {
                user: user.id.clone(),
                state: user.state,
                unused_since: lifecycle.unused_since(user),
                due,
            });
        }
        for grant in &account.grants {
            if let Some(rule) = &grant.rule {
                self.report.unmatched_rules.remove(rule);
            }
            if !grant.is_live(self.now) {
                continue;
            }
            self.report.grants = self.report.grants.saturating_add(1);
            let reported = ReportedGrant {
                user: user.id.clone(),
                grant: grant.id.clone(),
                role: grant.role.clone(),
                granted_at: grant.granted_at,
            };
            if self
                .since
                .is_some_and(|since| grant.first_given_at >= since)
            {
                self.report.new.push(reported.clone());
            }
            if let Some(reason) = self.orphan_reason(account, grant) {
                self.report.orphaned.push(OrphanedGrant {
                    user: user.id.clone(),
                    grant: grant.id.clone(),
                    role: grant.role.clone(),
                    reason,
                });
            }
            if grant.policy_hash != self.policy.hash() {
                self.report.drifted.push(reported);
            }
        }
    }

    fn orphan_reason(
        &self,
        account: &UserWithGrants,
        grant: &countersign_core::Grant,
    ) -> Option<OrphanReason> {
        if self.policy.catalog().role(&grant.role).is_none() {
            return Some(OrphanReason::RoleGone);
        }
        if let GrantOwner::Jit(connection) | GrantOwner::Default(connection) = &grant.owner
            && self.policy.connection(connection).is_none()
        {
            return Some(OrphanReason::ConnectionGone);
        }
        if let Some(rule) = &grant.rule {
            let rule = self.policy.rules().rule(rule);
            if rule.and_then(|rule| rule.grant_of(&grant.role)).is_none() {
                return Some(OrphanReason::RuleGone);
            }
        }
        (!account.user.state.is_in_use()).then_some(OrphanReason::AccountOutOfUse)
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> AccountReport {
        self.report
    }
}
