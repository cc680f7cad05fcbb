//! The life of an account: which state may follow which, by whom, and when a sweep moves it on.
//!
//! ```text
//! invited ──▸ active ◂─▸ stale ──▸ suspended ──▸ deprovisioned ──▸ erased
//! ```
//!
//! [`Transition`] is the only way from one state to another, and [`Transition::new`] has the
//! table. *Stale* is a flag of disuse and no lock: the person may sign in, and the account is
//! active again. A suspended account never comes back by itself. A deprovisioned one has lost
//! its roles and keeps its links as tombstones, so that its subject is refused and never becomes
//! somebody new; an erased one has lost those as well.

use std::fmt;
use std::time::Duration;

use countersign_core::{LeafHash, Timestamp};
use thiserror::Error;

use crate::user::{User, UserState};

/// What moves an account from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mover {
    /// The person, by signing in.
    SignIn,
    /// A sweep, because time has passed.
    Sweep,
    /// An administrator.
    Administrator,
}

impl Mover {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::SignIn, Self::Sweep, Self::Administrator];
}

impl fmt::Display for Mover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignIn => "a sign-in",
            Self::Sweep => "a sweep",
            Self::Administrator => "an administrator",
        })
    }
}

/// A step that an account may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transition {
    from: UserState,
    to: UserState,
    by: Mover,
}

/// A step that no account may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{by} does not make an account that is {} one that is {}", .from.name(), .to.name())]
pub struct RefusedTransition {
    from: UserState,
    to: UserState,
    by: Mover,
}

impl Transition {
    /// The step from one state to another.
    ///
    /// # Errors
    /// If nothing leads from the one to the other, or somebody else would have to take it there.
    pub fn new(from: UserState, to: UserState, by: Mover) -> Result<Self, RefusedTransition> {
        use Mover::{Administrator, SignIn, Sweep};
        use UserState::{
            Active, Deprovisioned, Erased, Invited, PendingApproval, Stale, Suspended,
        };
        let movers: &[Mover] = match (from, to) {
            // The first sign-in claims what was made ahead.
            (Invited, Active) => &[SignIn],
            // A request that nobody granted is over some day.
            (PendingApproval, Active) => &[Administrator],
            (Active, Stale) => &[Sweep],
            (Stale, Active) => &[SignIn, Administrator],
            (Invited | Active | Stale, Suspended) => &[Sweep, Administrator],
            // Never by itself: GitLab #8869 let a sign-in unblock.
            (Suspended, Active) => &[Administrator],
            (Invited | PendingApproval | Active | Stale | Suspended, Deprovisioned) => {
                &[Sweep, Administrator]
            }
            // A sign-in only where the connection opts in (`reactivate_deprovisioned`).
            (Deprovisioned, Active) => &[SignIn, Administrator],
            (Deprovisioned, Erased) => &[Sweep, Administrator],
            _ => &[],
        };
        if movers.contains(&by) {
            Ok(Self { from, to, by })
        } else {
            Err(RefusedTransition { from, to, by })
        }
    }

    /// The state before.
    #[must_use]
    pub fn from(self) -> UserState {
        self.from
    }

    /// The state after.
    #[must_use]
    pub fn to(self) -> UserState {
        self.to
    }

    /// What takes the step.
    #[must_use]
    pub fn by(self) -> Mover {
        self.by
    }

    /// The account after the step, of which `entry` is the record. Erasing takes the personal
    /// fields away.
    #[must_use]
    pub fn apply(self, user: &User, now: Timestamp, entry: Option<LeafHash>) -> User {
        let moved = User {
            state: self.to,
            state_since: now,
            state_entry: entry,
            ..user.clone()
        };
        if self.to != UserState::Erased {
            return moved;
        }
        User {
            email: None,
            email_verified_locally: false,
            given_name: None,
            family_name: None,
            display_name: None,
            account_id: None,
            permission_profile_id: None,
            last_sign_in_at: None,
            ..moved
        }
    }
}

/// When accounts that are not used move on. What is not set does not happen by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LifecyclePolicy {
    /// Unused for so long, an account is stale.
    pub stale_after: Option<Duration>,
    /// Unused for so long, it is suspended.
    pub suspend_after: Option<Duration>,
    /// Unused for so long, it is deprovisioned.
    pub deprovision_after: Option<Duration>,
    /// Deprovisioned for so long, it is erased by the next sweep, and may be erased by an
    /// administrator; [`LifecyclePolicy::DEFAULT_RETAIN`] has to pass for the latter if it is not
    /// set.
    pub retain: Option<Duration>,
}

/// What is wrong with a [`LifecyclePolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// Every account would be due at once.
    #[error("`{0}` is no time at all")]
    NoTime(&'static str),
    /// An earlier stage would come after a later one.
    #[error("`{earlier}` is not shorter than `{later}`, which comes after it")]
    Order {
        /// The stage that comes first.
        earlier: &'static str,
        /// The stage that follows it.
        later: &'static str,
    },
}

impl LifecycleError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoTime(_) => "lifecycle.no_time",
            Self::Order { .. } => "lifecycle.order",
        }
    }
}

impl LifecyclePolicy {
    /// Seven years: six in which a claim on a contract can be brought in many places, and one for
    /// it to be served (docs/evidence.md names the laws).
    pub const DEFAULT_RETAIN: Duration = Duration::from_secs(2555 * 24 * 60 * 60);

    /// Everything that is wrong with it.
    #[must_use]
    pub fn faults(&self) -> Vec<LifecycleError> {
        let stages = [
            ("stale_after", self.stale_after),
            ("suspend_after", self.suspend_after),
            ("deprovision_after", self.deprovision_after),
        ];
        let named = stages.into_iter().chain([("retain", self.retain)]);
        let mut faults: Vec<LifecycleError> = named
            .filter(|(_, after)| after.is_some_and(|after| after.is_zero()))
            .map(|(name, _)| LifecycleError::NoTime(name))
            .collect();
        let set = stages
            .into_iter()
            .filter_map(|(name, after)| Some((name, after?)));
        let set: Vec<(&'static str, Duration)> = set.collect();
        for ((earlier, before), (later, after)) in set.iter().zip(set.iter().skip(1)) {
            if before >= after {
                faults.push(LifecycleError::Order { earlier, later });
            }
        }
        faults
    }

    /// Since when nobody has used the account, as far as its row tells.
    ///
    /// Coming into use counts as use. An account that a sweep has moved on was unused for the
    /// time that led there when it did, so that one which an administrator had reactivated is not
    /// judged by its last sign-in.
    #[must_use]
    pub fn unused_since(&self, user: &User) -> Timestamp {
        let last = user.last_sign_in_at.unwrap_or(user.created_at);
        let before = match user.state {
            UserState::Stale => self.stale_after,
            UserState::Suspended => self.suspend_after,
            _ => Some(Duration::ZERO),
        };
        let moved = before.map(|before| user.state_since.saturating_sub(before));
        last.max(user.created_at).max(moved.unwrap_or(last))
    }

    /// The step that a sweep takes with an account at `now`, if one is due: the furthest that is,
    /// so that an account which nobody looked after for years does not begin at the first.
    #[must_use]
    pub fn decide_sweep(&self, user: &User, now: Timestamp) -> Option<Transition> {
        if user.state == UserState::Deprovisioned {
            return self
                .retain
                .and_then(|_| self.decide_erase(user, now, Mover::Sweep).ok());
        }
        let unused = now.since(self.unused_since(user));
        let due = |after: Option<Duration>| after.is_some_and(|after| unused >= after);
        let stages = [
            (self.deprovision_after, UserState::Deprovisioned),
            (self.suspend_after, UserState::Suspended),
            (self.stale_after, UserState::Stale),
        ];
        let mut due = stages.into_iter().filter(|(after, _)| due(*after));
        due.find_map(|(_, to)| Transition::new(user.state, to, Mover::Sweep).ok())
    }

    /// Whether an account may be erased at `now`.
    ///
    /// # Errors
    /// Why not: it is in use, on hold, or has to be kept for longer.
    pub fn decide_erase(
        &self,
        user: &User,
        now: Timestamp,
        by: Mover,
    ) -> Result<Transition, EraseRefusal> {
        let transition = Transition::new(user.state, UserState::Erased, by)?;
        if user.hold.is_some() {
            return Err(EraseRefusal::OnHold);
        }
        let retain = self.retain.unwrap_or(Self::DEFAULT_RETAIN);
        let until = user.state_since.saturating_add(retain);
        if now < until {
            return Err(EraseRefusal::Retained { until });
        }
        Ok(transition)
    }
}

/// Why an account is not erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EraseRefusal {
    /// It was not deprovisioned.
    #[error("{0}")]
    Transition(#[from] RefusedTransition),
    /// A legal hold is on it.
    #[error("a legal hold is on the account")]
    OnHold,
    /// It has to be kept for longer.
    #[error("the account is kept until {until}")]
    Retained {
        /// From this instant on it may be erased.
        until: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use countersign_core::{TenantId, UserId};

    use super::*;

    const STATES: [UserState; 7] = [
        UserState::Invited,
        UserState::Active,
        UserState::Stale,
        UserState::PendingApproval,
        UserState::Suspended,
        UserState::Deprovisioned,
        UserState::Erased,
    ];

    const fn days(number: u32) -> Duration {
        Duration::from_secs((number as u64).saturating_mul(86_400))
    }

    fn day(number: u32) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add(days(number))
    }

    fn policy() -> LifecyclePolicy {
        LifecyclePolicy {
            stale_after: Some(days(90)),
            suspend_after: Some(days(180)),
            deprovision_after: Some(days(365)),
            retain: Some(days(2555)),
        }
    }

    fn user(state: UserState, since: u32, last_sign_in: Option<u32>) -> User {
        User {
            id: UserId::new("u").unwrap(),
            tenant: TenantId::new("acme").unwrap(),
            state,
            state_since: day(since),
            state_entry: None,
            hold: None,
            email: None,
            email_verified_locally: true,
            given_name: Some("Given".to_owned()),
            family_name: None,
            display_name: None,
            account_id: None,
            permission_profile_id: None,
            created_at: day(0),
            last_sign_in_at: last_sign_in.map(day),
            entry: None,
            version: 1,
        }
    }

    fn swept_to(user: &User, on: u32) -> Option<UserState> {
        let step = policy().decide_sweep(user, day(on));
        step.map(Transition::to)
    }

    /// Every step that is not in this table is refused, and there are 7 · 7 · 3 of them.
    #[test]
    fn the_steps_are_these_and_no_others() {
        use Mover::{Administrator, SignIn, Sweep};
        use UserState::{
            Active, Deprovisioned, Erased, Invited, PendingApproval, Stale, Suspended,
        };
        let allowed = [
            (Invited, Active, SignIn),
            (Stale, Active, SignIn),
            (Deprovisioned, Active, SignIn),
            (Active, Stale, Sweep),
            (Invited, Suspended, Sweep),
            (Active, Suspended, Sweep),
            (Stale, Suspended, Sweep),
            (Invited, Deprovisioned, Sweep),
            (PendingApproval, Deprovisioned, Sweep),
            (Active, Deprovisioned, Sweep),
            (Stale, Deprovisioned, Sweep),
            (Suspended, Deprovisioned, Sweep),
            (Deprovisioned, Erased, Sweep),
            (PendingApproval, Active, Administrator),
            (Stale, Active, Administrator),
            (Suspended, Active, Administrator),
            (Deprovisioned, Active, Administrator),
            (Invited, Suspended, Administrator),
            (Active, Suspended, Administrator),
            (Stale, Suspended, Administrator),
            (Invited, Deprovisioned, Administrator),
            (PendingApproval, Deprovisioned, Administrator),
            (Active, Deprovisioned, Administrator),
            (Stale, Deprovisioned, Administrator),
            (Suspended, Deprovisioned, Administrator),
            (Deprovisioned, Erased, Administrator),
        ];
        for from in STATES {
            for to in STATES {
                for by in Mover::ALL {
                    let expected = allowed.contains(&(from, to, by));
                    let step = Transition::new(from, to, by);
                    assert_eq!(step.is_ok(), expected, "{from:?} to {to:?} by {by}");
                }
            }
        }
    }

    macro_rules! refused {
        ($($name:ident: $from:ident, $to:ident, $by:ident;)*) => {$(
            #[test]
            fn $name() {
                let step = Transition::new(UserState::$from, UserState::$to, Mover::$by);
                assert!(step.is_err());
            }
        )*};
    }
    refused! {
        a_sign_in_does_not_bring_a_suspended_account_back: Suspended, Active, SignIn;
        a_sign_in_does_not_approve_an_account: PendingApproval, Active, SignIn;
        a_sign_in_does_not_suspend: Active, Suspended, SignIn;
        a_sign_in_does_not_deprovision: Active, Deprovisioned, SignIn;
        a_sign_in_does_not_erase: Deprovisioned, Erased, SignIn;
        a_sweep_does_not_bring_a_stale_account_back: Stale, Active, Sweep;
        a_sweep_does_not_bring_a_suspended_account_back: Suspended, Active, Sweep;
        a_sweep_does_not_bring_a_deprovisioned_account_back: Deprovisioned, Active, Sweep;
        a_sweep_does_not_approve_an_account: PendingApproval, Active, Sweep;
        a_sweep_does_not_suspend_who_waits_for_approval: PendingApproval, Suspended, Sweep;
        a_sweep_does_not_make_an_invited_account_stale: Invited, Stale, Sweep;
        an_administrator_does_not_make_an_account_stale: Active, Stale, Administrator;
        an_administrator_does_not_claim_an_invitation: Invited, Active, Administrator;
        an_active_account_is_not_erased: Active, Erased, Administrator;
        a_suspended_account_is_not_erased: Suspended, Erased, Administrator;
        an_invited_account_is_not_erased: Invited, Erased, Sweep;
        an_erased_account_does_not_come_back_by_signing_in: Erased, Active, SignIn;
        nobody_brings_an_erased_account_back: Erased, Active, Administrator;
        a_suspended_account_does_not_become_stale: Suspended, Stale, Sweep;
        an_account_is_not_suspended_twice: Suspended, Suspended, Administrator;
        a_deprovisioned_account_is_not_suspended: Deprovisioned, Suspended, Administrator;
        nobody_invites_an_account_anew: Active, Invited, Administrator;
    }

    #[test]
    fn a_refused_step_says_who_and_what() {
        let step = Transition::new(UserState::Suspended, UserState::Active, Mover::SignIn);
        assert_eq!(
            step.unwrap_err().to_string(),
            "a sign-in does not make an account that is suspended one that is active"
        );
    }

    #[test]
    fn an_unused_account_moves_on_at_the_instant_and_not_before() {
        let active = user(UserState::Active, 0, Some(10));
        assert_eq!(swept_to(&active, 99), None);
        assert_eq!(swept_to(&active, 100), Some(UserState::Stale));
        assert_eq!(swept_to(&active, 190), Some(UserState::Suspended));
        assert_eq!(swept_to(&active, 375), Some(UserState::Deprovisioned));
        let stale = user(UserState::Stale, 100, Some(10));
        assert_eq!(swept_to(&stale, 189), None);
        assert_eq!(swept_to(&stale, 190), Some(UserState::Suspended));
        let suspended = user(UserState::Suspended, 190, Some(10));
        assert_eq!(swept_to(&suspended, 374), None);
        assert_eq!(swept_to(&suspended, 375), Some(UserState::Deprovisioned));
    }

    #[test]
    fn an_account_that_nobody_signed_in_to_counts_from_its_making() {
        let active = user(UserState::Active, 0, None);
        assert_eq!(swept_to(&active, 90), Some(UserState::Stale));
        let invited = user(UserState::Invited, 0, None);
        assert_eq!(swept_to(&invited, 179), None);
        assert_eq!(swept_to(&invited, 180), Some(UserState::Suspended));
        let waiting = user(UserState::PendingApproval, 0, None);
        assert_eq!(swept_to(&waiting, 364), None);
        assert_eq!(swept_to(&waiting, 365), Some(UserState::Deprovisioned));
    }

    #[test]
    fn coming_back_into_use_counts_as_use() {
        let reactivated = user(UserState::Active, 1000, Some(10));
        assert_eq!(swept_to(&reactivated, 1089), None);
        assert_eq!(swept_to(&reactivated, 1090), Some(UserState::Stale));
        let stale_again = user(UserState::Stale, 1090, Some(10));
        assert_eq!(swept_to(&stale_again, 1091), None);
        assert_eq!(swept_to(&stale_again, 1180), Some(UserState::Suspended));
    }

    #[test]
    fn what_is_not_set_does_not_happen() {
        let active = user(UserState::Active, 0, None);
        let never = LifecyclePolicy::default();
        assert_eq!(never.decide_sweep(&active, day(100_000)), None);
        let gone = user(UserState::Deprovisioned, 0, None);
        assert_eq!(never.decide_sweep(&gone, day(100_000)), None);
        let only_suspends = LifecyclePolicy {
            suspend_after: Some(days(1)),
            ..never
        };
        let step = only_suspends.decide_sweep(&active, day(1)).unwrap();
        assert_eq!((step.to(), step.by()), (UserState::Suspended, Mover::Sweep));
    }

    #[test]
    fn an_account_is_erased_after_it_was_kept_and_never_on_hold() {
        let mut gone = user(UserState::Deprovisioned, 400, Some(10));
        assert_eq!(swept_to(&gone, 400 + 2554), None);
        assert_eq!(swept_to(&gone, 400 + 2555), Some(UserState::Erased));
        let by = Mover::Administrator;
        assert_eq!(
            policy().decide_erase(&gone, day(500), by),
            Err(EraseRefusal::Retained {
                until: day(400 + 2555)
            })
        );
        gone.hold = Some(LeafHash::from_bytes([1; 32]));
        assert_eq!(swept_to(&gone, 400 + 2555), None);
        let erased = policy().decide_erase(&gone, day(9999), by);
        assert_eq!(erased, Err(EraseRefusal::OnHold));
        let active = user(UserState::Active, 0, None);
        let erased = policy().decide_erase(&active, day(9999), by);
        assert!(matches!(erased, Err(EraseRefusal::Transition(_))));
    }

    #[test]
    fn an_administrator_waits_seven_years_where_the_policy_says_nothing() {
        let gone = user(UserState::Deprovisioned, 0, None);
        let policy = LifecyclePolicy::default();
        let by = Mover::Administrator;
        let erase = |on| policy.decide_erase(&gone, day(on), by).is_ok();
        assert!(!erase(2554));
        assert!(erase(2555));
    }

    #[test]
    fn an_erased_account_keeps_nothing_of_the_person() {
        let gone = user(UserState::Deprovisioned, 400, Some(10));
        let step = Transition::new(gone.state, UserState::Erased, Mover::Sweep).unwrap();
        let entry = Some(LeafHash::from_bytes([1; 32]));
        let erased = step.apply(&gone, day(500), entry);
        let expected = User {
            state_entry: entry,
            email_verified_locally: false,
            given_name: None,
            ..user(UserState::Erased, 500, None)
        };
        assert_eq!(erased, expected);
    }

    #[test]
    fn times_that_follow_each_other_grow() {
        assert_eq!(policy().faults(), []);
        let disordered = LifecyclePolicy {
            suspend_after: Some(days(365)),
            retain: Some(days(1)),
            ..policy()
        };
        let faults = disordered.faults();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].code(), "lifecycle.order");
        assert_eq!(
            faults[0].to_string(),
            "`suspend_after` is not shorter than `deprovision_after`, which comes after it"
        );
        let gap = LifecyclePolicy {
            stale_after: Some(days(400)),
            suspend_after: None,
            ..policy()
        };
        assert_eq!(gap.faults()[0].code(), "lifecycle.order");
    }

    #[test]
    fn no_time_at_all_is_no_time() {
        let none = LifecyclePolicy {
            stale_after: Some(Duration::ZERO),
            retain: Some(Duration::ZERO),
            ..LifecyclePolicy::default()
        };
        let codes: Vec<_> = none.faults().iter().map(LifecycleError::code).collect();
        assert_eq!(codes, ["lifecycle.no_time", "lifecycle.no_time"]);
    }
}
