//! What a sign-in or a sweep does to an account's grants.

use std::fmt;

use countersign_core::{DocumentPattern, Grant, GrantOwner, RoleName, RuleId, Timestamp};

use crate::exclusion::DutySet;

/// A grant to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedGrant {
    /// The role.
    pub role: RoleName,
    /// Whose row it will be.
    pub owner: GrantOwner,
    /// The rule that gives it; none for a default role.
    pub rule: Option<RuleId>,
    /// When it will end.
    pub expires_at: Option<Timestamp>,
    /// The document types that it is limited to, in canonical form
    /// ([`crate::scope::canonical`]); empty: all that the role allows.
    pub scope: Vec<DocumentPattern>,
}

/// A grant that goes on with another end or another scope; the end has passed already where the
/// policy shortened its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The grant as it was.
    pub grant: Grant,
    /// When it counts as given.
    pub granted_at: Timestamp,
    /// When it will end.
    pub expires_at: Option<Timestamp>,
    /// The document types that it will be limited to.
    pub scope: Vec<DocumentPattern>,
    /// Why.
    pub reason: RenewalReason,
}

impl Renewal {
    /// Whether the grant will exist at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// Why a grant goes on as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RenewalReason {
    /// The rule renews at each sign-in.
    SignIn,
    /// The rule's time or scope is another one than when the grant was given.
    PolicyChanged,
}

/// A grant to take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The grant as it was; it may have expired already.
    pub grant: Grant,
    /// Why.
    pub reason: TakeReason,
}

impl Taken {
    /// Whether the grant's row has to stay, run out from now on.
    ///
    /// That is so where the grant has an end and its rule still gives it: what stood against it
    /// may be gone tomorrow. The grant then goes on to where it would have ended, and does not
    /// begin anew.
    #[must_use]
    pub fn leaves_a_row(&self) -> bool {
        self.grant.expires_at.is_some() && matches!(self.reason, TakeReason::Obstacle(_))
    }
}

/// Why a grant is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeReason {
    /// Its rule does not match any more.
    RuleNoLongerMatches,
    /// Its rule is gone from the policy, or does not give this role any more.
    RuleChanged,
    /// It is no default role any more.
    NotDefault,
    /// Its connection is gone from the policy.
    ConnectionGone,
    /// Another row of the same rule gives the same role.
    Duplicate,
    /// Something stands against it.
    Obstacle(Obstacle),
}

impl TakeReason {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RuleNoLongerMatches => "roles.rule_no_longer_matches",
            Self::RuleChanged => "roles.rule_changed",
            Self::NotDefault => "roles.not_default",
            Self::ConnectionGone => "roles.connection_gone",
            Self::Duplicate => "roles.duplicate",
            Self::Obstacle(obstacle) => obstacle.code(),
        }
    }
}

/// What stands against a role that a rule or a default gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// An administrator took the role from the account for good.
    Barred,
    /// These rules deny it, by id.
    Denied {
        /// The rules that match.
        by: Vec<RuleId>,
    },
    /// These rules would deny it, and can not be decided, because not all groups were told.
    /// What is not known not to be denied is not given.
    DenialUndecided {
        /// The rules that are undecided.
        by: Vec<RuleId>,
    },
    /// It exceeds what the connection may give.
    ExceedsMaxPrivilege {
        /// The role that bounds it.
        max: RoleName,
    },
    /// Another rule that matches gives the role, for documents in common, for a shorter time.
    ShorterRule {
        /// The rule that does, the first by id.
        by: RuleId,
    },
    /// The person would hold two of these.
    SeparationOfDuty {
        /// The set.
        set: DutySet,
    },
    /// A role that is above it in an exclusive group is given too.
    NotHighest {
        /// The group.
        group: String,
        /// The role that is.
        highest: RoleName,
    },
}

impl Obstacle {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Barred => "roles.barred",
            Self::Denied { .. } => "roles.denied",
            Self::DenialUndecided { .. } => "roles.denial_undecided",
            Self::ExceedsMaxPrivilege { .. } => "roles.exceeds_max_privilege",
            Self::ShorterRule { .. } => "roles.shorter_rule",
            Self::SeparationOfDuty { .. } => "roles.separation_of_duty",
            Self::NotHighest { .. } => "roles.not_highest",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Barred => f.write_str("an administrator took it from the account for good"),
            Self::Denied { by } => write!(f, "it is denied by {}", quoted(by)),
            Self::DenialUndecided { by } => {
                write!(f, "it is not known whether it is denied by {}", quoted(by))
            }
            Self::ExceedsMaxPrivilege { max } => {
                write!(
                    f,
                    "it exceeds `{max}`, the most that the connection may give"
                )
            }
            Self::ShorterRule { by } => write!(f, "rule `{by}` gives it for a shorter time"),
            Self::SeparationOfDuty { set } => {
                write!(f, "nobody may hold two of {}", quoted(set.roles()))
            }
            Self::NotHighest { group, highest } => {
                write!(f, "`{highest}` is higher in the exclusive group `{group}`")
            }
        }
    }
}

/// `a`, `b`
fn quoted<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names = names.into_iter().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}

/// A role that a rule or a default gives, and that the person does not get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The role.
    pub role: RoleName,
    /// The rule that gives it; none for a default role.
    pub rule: Option<RuleId>,
    /// What stands against it.
    pub obstacle: Obstacle,
}

/// What a sign-in or a sweep does to an account's grants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GrantDelta {
    /// To give.
    pub give: Vec<ProposedGrant>,
    /// To go on with another end or scope.
    pub renew: Vec<Renewal>,
    /// To leave alone: live, and wanted as they are or not known to be lost.
    pub keep: Vec<Grant>,
    /// To take away.
    pub take: Vec<Taken>,
    /// Run out, and to be left where they are, so that the next sign-in does not give them anew.
    /// They allow nothing. After a sweep, those of other owners are here too.
    pub spent: Vec<Grant>,
    /// Of other owners, and live: not this sign-in's to touch.
    pub others: Vec<Grant>,
    /// Not given, though a rule or a default gives it, and not there to be taken either.
    pub withheld: Vec<Withheld>,
}

impl GrantDelta {
    /// Whether nothing has to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.give.is_empty() && self.renew.is_empty() && self.take.is_empty()
    }

    /// Whether the account holds a live grant of `role` afterwards, of whatever owner.
    #[must_use]
    pub fn leaves(&self, role: &RoleName, now: Timestamp) -> bool {
        let gives = self.give.iter().any(|give| give.role == *role);
        let mut renewed = self.renew.iter();
        let mut left = self.keep.iter().chain(&self.others);
        gives
            || renewed.any(|renewal| renewal.grant.role == *role && renewal.is_live(now))
            || left.any(|grant| grant.role == *role && grant.is_live(now))
    }

    /// The roles of which the account has a live grant now, and none afterwards.
    pub fn lost_roles(&self, now: Timestamp) -> impl Iterator<Item = &RoleName> {
        let taken = self.take.iter().map(|taken| &taken.grant);
        let renewed = self.renew.iter().map(|renewal| &renewal.grant);
        let live = taken.chain(renewed).filter(move |grant| grant.is_live(now));
        live.map(|grant| &grant.role)
            .filter(move |role| !self.leaves(role, now))
    }

    /// Keeps a role that the account would lose: of the live grants of `role` that would be
    /// taken or cut short, the one that lasts longest stays as it is. Returns it.
    ///
    /// For roles that a tenant must not be without ([`crate::Role::keeps_last`]). Nothing
    /// changes if the account holds the role afterwards anyway, or does not hold it now.
    pub fn keep_instead_of_losing(&mut self, role: &RoleName, now: Timestamp) -> Option<Grant> {
        if self.leaves(role, now) {
            return None;
        }
        let taken = self.take.iter().map(|taken| &taken.grant);
        let renewed = self.renew.iter().map(|renewal| &renewal.grant);
        let kept = taken
            .chain(renewed)
            .filter(|grant| grant.role == *role && grant.is_live(now))
            .max_by_key(|grant| (grant.expires_at.unwrap_or(Timestamp::MAX), grant.id.clone()))?
            .clone();
        self.take.retain(|taken| taken.grant.id != kept.id);
        self.renew.retain(|renewal| renewal.grant.id != kept.id);
        self.keep.push(kept.clone());
        Some(kept)
    }
}
