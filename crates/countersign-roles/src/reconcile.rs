//! The grants that a sign-in gives, renews, keeps and takes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::{ConnectionId, Facts, Grant, GrantOwner, RoleName, RuleId, Timestamp};

use crate::rule_set::{Evaluation, RuleSet, Verdict, verdict};

/// Where the roles of one sign-in come from.
#[derive(Debug, Clone, Copy)]
pub struct RoleSync<'a> {
    /// The connection, whose grants are the only ones that are touched.
    pub connection: &'a ConnectionId,
    /// The policy's rules.
    pub rules: &'a RuleSet,
    /// The roles that everybody gets who comes through the connection.
    pub default_roles: &'a [RoleName],
    /// The facts of this sign-in.
    pub facts: &'a Facts,
}

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
}

/// A grant that goes on with another end; the end has passed already where the policy shortened
/// its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The grant as it was.
    pub grant: Grant,
    /// When it counts as given.
    pub granted_at: Timestamp,
    /// When it will end.
    pub expires_at: Option<Timestamp>,
    /// Why.
    pub reason: RenewalReason,
}

/// Why a grant gets another end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RenewalReason {
    /// The rule renews at each sign-in.
    SignIn,
    /// The rule's time is another one than when the grant was given.
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

/// Why a grant is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TakeReason {
    /// Its rule does not match any more.
    RuleNoLongerMatches,
    /// Its rule is gone from the policy, or does not give this role any more.
    RuleChanged,
    /// It is no default role any more.
    NotDefault,
    /// Another rule that matches gives the role for a shorter time.
    ShorterRule,
    /// Another row of the same rule gives the same role.
    Duplicate,
}

impl TakeReason {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RuleNoLongerMatches => "roles.rule_no_longer_matches",
            Self::RuleChanged => "roles.rule_changed",
            Self::NotDefault => "roles.not_default",
            Self::ShorterRule => "roles.shorter_rule",
            Self::Duplicate => "roles.duplicate",
        }
    }
}

/// What a sign-in does to an account's grants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GrantDelta {
    /// To give.
    pub give: Vec<ProposedGrant>,
    /// To go on with another end.
    pub renew: Vec<Renewal>,
    /// To leave alone: live, and wanted as they are or not known to be lost.
    pub keep: Vec<Grant>,
    /// To take away.
    pub take: Vec<Taken>,
    /// Run out, and not renewed by their rule: to be left where they are, so that the next
    /// sign-in does not give them anew. They allow nothing.
    pub spent: Vec<Grant>,
    /// Of other owners, and live: not this sign-in's to touch.
    pub others: Vec<Grant>,
}

impl GrantDelta {
    /// Whether nothing has to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.give.is_empty() && self.renew.is_empty() && self.take.is_empty()
    }
}

/// What a grant row is known by: owner, rule, role.
type RowKey = (GrantOwner, Option<RuleId>, RoleName);

/// A row that should be there.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    ttl: Option<Duration>,
    renew: bool,
    /// Its rule is undecided: the row may end sooner, and never later.
    held: bool,
}

/// Compares the rows that an account has with those that this sign-in wants.
///
/// - Only rows that the connection owns are touched, `Jit` and `Default`.
/// - Roles are the union of what the rules that match and the defaults give. Where several give
///   one role, those with the shortest time count.
/// - A grant whose rule can not be decided, because it asks for a group and not all groups were
///   told, is neither taken nor renewed. Only [`countersign_core::Groups::Complete`] takes away
///   what only a group could.
/// - A grant ends `ttl` after it was given, also if the policy changed `ttl` since. It begins
///   anew only where the rule says `renew`; otherwise it stays spent while the rule matches.
///
/// `existing` must be one account's grants, expired ones too.
#[must_use]
pub fn reconcile(
    existing: &[Grant],
    sync: &RoleSync<'_>,
    evaluation: &Evaluation<'_>,
    now: Timestamp,
) -> GrantDelta {
    let mut delta = GrantDelta::default();
    let mut wanted = wanted(existing, sync, evaluation);
    let shorter = keep_shortest(&mut wanted);

    let mut rows: Vec<&Grant> = existing.iter().collect();
    rows.sort_by_key(|grant| (grant.granted_at, grant.id.clone()));
    let mut seen = BTreeSet::new();
    for grant in rows {
        if !is_owned(sync.connection, grant) {
            if grant.is_live(now) {
                delta.others.push(grant.clone());
            }
            continue;
        }
        let key = key(grant);
        match wanted.remove(&key) {
            Some(want) => {
                place(grant, want, now, &mut delta);
                seen.insert(key);
            }
            None => {
                let reason = if seen.contains(&key) {
                    TakeReason::Duplicate
                } else if shorter.contains(&key) {
                    TakeReason::ShorterRule
                } else {
                    take_reason(sync, grant)
                };
                delta.take.push(Taken {
                    grant: grant.clone(),
                    reason,
                });
            }
        }
    }
    for ((owner, rule, role), want) in wanted {
        delta.give.push(ProposedGrant {
            role,
            owner,
            rule,
            expires_at: want.ttl.map(|ttl| now.saturating_add(ttl)),
        });
    }
    delta
}

/// The rows that the defaults and the matched rules want, and those that are undecided.
fn wanted(
    existing: &[Grant],
    sync: &RoleSync<'_>,
    evaluation: &Evaluation<'_>,
) -> BTreeMap<RowKey, Wanted> {
    let mut wanted = BTreeMap::new();
    for role in sync.default_roles {
        let owner = GrantOwner::Default(sync.connection.clone());
        let forever = Wanted {
            ttl: None,
            renew: false,
            held: false,
        };
        wanted.insert((owner, None, role.clone()), forever);
    }
    let jit = GrantOwner::Jit(sync.connection.clone());
    for rule in evaluation.matched() {
        for grant in &rule.grant {
            let key = (jit.clone(), Some(rule.id.clone()), grant.role.clone());
            let want = Wanted {
                ttl: grant.ttl,
                renew: grant.renew,
                held: false,
            };
            wanted.insert(key, want);
        }
    }
    for grant in existing.iter().filter(|grant| grant.owner == jit) {
        let rule = grant.rule.as_ref().and_then(|id| sync.rules.rule(id));
        let gives = rule.and_then(|rule| Some((rule, rule.grant_of(&grant.role)?)));
        if let Some((rule, gives)) = gives
            && matches!(
                verdict(rule, sync.connection, sync.facts),
                Verdict::Undecided(_)
            )
        {
            let held = Wanted {
                ttl: gives.ttl,
                renew: false,
                held: true,
            };
            wanted.insert(key(grant), held);
        }
    }
    wanted
}

/// Leaves, for each role, the rows with the shortest time; returns the keys of the others.
fn keep_shortest(wanted: &mut BTreeMap<RowKey, Wanted>) -> BTreeSet<RowKey> {
    let span = |want: &Wanted| want.ttl.unwrap_or(Duration::MAX);
    let mut shortest: BTreeMap<RoleName, Duration> = BTreeMap::new();
    for ((_, _, role), want) in wanted.iter() {
        let least = shortest.entry(role.clone()).or_insert(Duration::MAX);
        *least = span(want).min(*least);
    }
    let is_longer = |key: &RowKey, want: &Wanted| shortest.get(&key.2) != Some(&span(want));
    let longer = wanted.iter().filter(|(key, want)| is_longer(key, want));
    let longer: BTreeSet<RowKey> = longer.map(|(key, _)| key.clone()).collect();
    wanted.retain(|key, _| !longer.contains(key));
    longer
}

/// Files a wanted row that exists.
fn place(grant: &Grant, want: Wanted, now: Timestamp, delta: &mut GrantDelta) {
    let granted_at = if want.renew { now } else { grant.granted_at };
    let expires_at = want.ttl.map(|ttl| granted_at.saturating_add(ttl));
    let end = |expires_at: Option<Timestamp>| expires_at.unwrap_or(Timestamp::MAX);
    let stays_out = !grant.is_live(now) && end(expires_at) <= now;
    let would_outlast_doubt = want.held && end(expires_at) > end(grant.expires_at);
    if expires_at != grant.expires_at && !stays_out && !would_outlast_doubt {
        delta.renew.push(Renewal {
            grant: grant.clone(),
            granted_at,
            expires_at,
            reason: if want.renew {
                RenewalReason::SignIn
            } else {
                RenewalReason::PolicyChanged
            },
        });
    } else if grant.is_live(now) {
        delta.keep.push(grant.clone());
    } else {
        delta.spent.push(grant.clone());
    }
}

fn key(grant: &Grant) -> RowKey {
    (grant.owner.clone(), grant.rule.clone(), grant.role.clone())
}

fn is_owned(connection: &ConnectionId, grant: &Grant) -> bool {
    match &grant.owner {
        GrantOwner::Jit(owner) | GrantOwner::Default(owner) => owner == connection,
        _ => false,
    }
}

fn take_reason(sync: &RoleSync<'_>, grant: &Grant) -> TakeReason {
    let Some(id) = &grant.rule else {
        return TakeReason::NotDefault;
    };
    let rule = sync.rules.rule(id);
    match rule.and_then(|rule| rule.grant_of(&grant.role)) {
        Some(_) => TakeReason::RuleNoLongerMatches,
        None => TakeReason::RuleChanged,
    }
}
