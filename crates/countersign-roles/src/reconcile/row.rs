//! One row that should be there, and what becomes of one that is.

use std::time::Duration;

use countersign_core::{DocumentPattern, Grant, RoleName, RuleId, Timestamp};

use crate::grant_delta::{Obstacle, RenewalReason};
use crate::rule::RoleGrant;
use crate::scope;

/// On what terms a role is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) ttl: Option<Duration>,
    renew: bool,
    cap: Option<Duration>,
    scope: &'a [DocumentPattern],
}

impl<'a> Terms<'a> {
    /// Those of a default role.
    pub(super) const DEFAULT: Self = Self {
        ttl: None,
        renew: false,
        cap: None,
        scope: &[],
    };

    pub(super) fn of(grant: &'a RoleGrant) -> Self {
        Self {
            ttl: grant.ttl,
            renew: grant.renew,
            cap: grant.cap,
            scope: &grant.scope,
        }
    }

    pub(super) fn scope(&self) -> Vec<DocumentPattern> {
        scope::canonical(self.scope)
    }

    /// Whether both give something of one role.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        scope::overlap(self.scope, other.scope)
    }

    /// How long it is given for; [`Duration::MAX`] without an end.
    pub(super) fn span(&self) -> Duration {
        self.ttl.unwrap_or(Duration::MAX)
    }
}

/// Whether a row is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Yes.
    In,
    /// Not known: its rule is undecided, or something undecided stands against it.
    Doubt(Option<Obstacle>),
    /// No: this stands against it.
    Out(Obstacle),
}

/// A row that a rule or a default gives.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    pub(super) rule: Option<&'a RuleId>,
    pub(super) role: &'a RoleName,
    pub(super) terms: Terms<'a>,
    pub(super) existing: Option<&'a Grant>,
    pub(super) standing: Standing,
}

impl<'a> Row<'a> {
    pub(super) fn key(&self) -> (Option<&'a RuleId>, &'a RoleName) {
        (self.rule, self.role)
    }

    /// Whether the person holds it after this sign-in, as it stands now.
    pub(super) fn will_live(&self, now: Timestamp) -> bool {
        let held = match self.standing {
            Standing::In => false,
            Standing::Doubt(_) => true,
            Standing::Out(_) => return false,
        };
        let Some(grant) = self.existing else {
            return !held;
        };
        match place(grant, &self.terms, held, now) {
            Placed::Keep => true,
            Placed::Renew(renewal) => end(renewal.expires_at) > now,
            Placed::Spent | Placed::Nothing => false,
        }
    }

    /// Takes it out, unless it is out already.
    pub(super) fn refuse(&mut self, obstacle: Obstacle) {
        if !matches!(self.standing, Standing::Out(_)) {
            self.standing = Standing::Out(obstacle);
        }
    }

    /// Puts it in doubt, unless it is in doubt or out already.
    pub(super) fn doubt(&mut self, obstacle: Obstacle) {
        if self.standing == Standing::In {
            self.standing = Standing::Doubt(Some(obstacle));
        }
    }
}

/// What becomes of a row that is there and wanted, or held.
#[derive(Debug, Clone)]
pub(super) enum Placed {
    /// It stays as it is, and lives.
    Keep,
    /// It goes on as another.
    Renew(Renewed),
    /// It has run out, and stays out.
    Spent,
    /// It is held, and the policy in force gives nothing that it gave.
    Nothing,
}

/// A row as it goes on.
#[derive(Debug, Clone)]
pub(super) struct Renewed {
    pub(super) granted_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) scope: Vec<DocumentPattern>,
    pub(super) reason: RenewalReason,
}

/// What becomes of `grant` on `terms`. If it is `held`, it may end sooner and cover less than it
/// does, never later or more.
pub(super) fn place(grant: &Grant, terms: &Terms<'_>, held: bool, now: Timestamp) -> Placed {
    let renews = terms.renew && !held;
    let granted_at = if renews { now } else { grant.granted_at };
    let cap = terms
        .cap
        .map(|cap| grant.first_given_at.saturating_add(cap));
    let ends = terms.ttl.map(|ttl| granted_at.saturating_add(ttl));
    let ends = ends.map(|ends| ends.min(end(cap)));
    let expires_at = if held && end(ends) > end(grant.expires_at) {
        grant.expires_at
    } else {
        ends
    };
    let is_live = grant.is_live(now);
    if !is_live && end(expires_at) <= now {
        return Placed::Spent;
    }
    let before = scope::canonical(&grant.scope);
    let scope = if held {
        match scope::intersection(&before, terms.scope) {
            Some(shared) => shared,
            None => return Placed::Nothing,
        }
    } else {
        terms.scope()
    };
    if expires_at == grant.expires_at && scope == before {
        Placed::Keep
    } else {
        Placed::Renew(Renewed {
            granted_at,
            expires_at,
            scope,
            reason: if renews {
                RenewalReason::SignIn
            } else {
                RenewalReason::PolicyChanged
            },
        })
    }
}

/// An end that can be compared.
fn end(expires_at: Option<Timestamp>) -> Timestamp {
    expires_at.unwrap_or(Timestamp::MAX)
}
