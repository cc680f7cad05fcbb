//! The grants that a sign-in gives, renews, keeps and takes.

use std::collections::BTreeMap;

use countersign_core::{ConnectionId, Facts, Grant, GrantOwner, RoleName, RuleId, Timestamp};

use crate::catalog::RoleCatalog;
use crate::grant_delta::{GrantDelta, ProposedGrant, Renewal, TakeReason, Taken, Withheld};
use crate::reconcile::row::{Placed, Row, Standing, Terms, place};
use crate::rule_set::{Evaluation, RuleSet, Verdict, verdict};

mod obstacles;
mod row;
mod sweep;

pub use crate::reconcile::sweep::{ConnectionRoles, RoleSweep, sweep};

/// Where the roles of one sign-in come from.
#[derive(Debug, Clone, Copy)]
pub struct RoleSync<'a> {
    /// The connection, whose grants are the only ones that are touched.
    pub connection: &'a ConnectionId,
    /// The policy's roles, and which do not go together.
    pub catalog: &'a RoleCatalog,
    /// The policy's rules.
    pub rules: &'a RuleSet,
    /// The roles that everybody gets who comes through the connection.
    pub default_roles: &'a [RoleName],
    /// The role that nothing which the connection gives may exceed.
    pub max_privilege: Option<&'a RoleName>,
    /// The facts of this sign-in.
    pub facts: &'a Facts,
}

/// What a row of one connection is known by: its rule (none for a default) and role.
type RowKey<'a> = (Option<&'a RuleId>, &'a RoleName);

/// The rows of one connection, by key. Of several with one key the oldest stands for them.
type Rows<'a> = BTreeMap<RowKey<'a>, &'a Grant>;

/// Compares the rows that an account has with those that this sign-in wants.
///
/// Only rows that the connection owns are touched, `Jit` and `Default`. Which of them are wanted
/// is found in this order, and nothing depends on the order of the rules:
///
/// 1. The union of what the defaults and the rules that match give.
/// 2. Less what an administrator has barred the account from, and what a rule that matches
///    denies.
/// 3. Less what exceeds the connection's `max_privilege`.
/// 4. Where several give one role for documents in common, those with the shortest time count.
/// 5. Separation of duty: whoever would hold two roles of a set gets none of the set from this
///    connection. Live grants of other owners count as held.
/// 6. Exclusive groups: of what is left, the highest. Grants of other owners do not count.
///
/// What is not known takes nothing away, and gives nothing:
///
/// - A grant whose rule is undecided, because it asks for groups and not all groups were told,
///   is *held*: neither taken nor renewed, it may end sooner and be narrowed, never the reverse.
/// - So is a grant that something undecided stands against: a denial, a shorter rule, another
///   role of a duty set, a higher role of an exclusive group. What is not there yet is not given
///   then. A rule that is undecided and has given nothing stands against nothing, unless it
///   denies.
///
/// Times and scopes:
///
/// - A grant ends `ttl` after it was given, also if the policy changed `ttl` since. It begins
///   anew only where the rule says `renew`, and never past `cap` after it was first given;
///   otherwise it stays spent for as long as the rule matches, also while something stands
///   against it. What something stands against while it lives is taken, and its row has to stay
///   ([`Taken::leaves_a_row`]): it goes on to its old end once nothing does. A rule that has
///   stopped matching and matches again begins anew.
/// - A grant's scope is that of its rule in the policy in force.
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
    let mut rows = Rows::new();
    for grant in oldest_first(existing) {
        if !is_owned(sync.connection, grant) {
            if grant.is_live(now) {
                delta.others.push(grant.clone());
            }
        } else if is_sound(grant) && !rows.contains_key(&key(grant)) {
            rows.insert(key(grant), grant);
        } else {
            let reason = if is_sound(grant) {
                TakeReason::Duplicate
            } else {
                take_reason(sync, grant)
            };
            delta.take.push(Taken {
                grant: grant.clone(),
                reason,
            });
        }
    }

    let mut wanted = wanted(&rows, sync, evaluation);
    let others: Vec<&RoleName> = delta.others.iter().map(|grant| &grant.role).collect();
    let bars = existing
        .iter()
        .filter(|row| row.owner == GrantOwner::Barred);
    let barred = bars.map(|row| &row.role).collect();
    obstacles::raise(&mut wanted, sync, evaluation, &barred, &others, now);
    for row in wanted {
        rows.remove(&row.key());
        settle(row, sync.connection, now, &mut delta);
    }
    for (_, grant) in rows {
        delta.take.push(Taken {
            grant: grant.clone(),
            reason: take_reason(sync, grant),
        });
    }
    delta
}

/// The rows that the defaults and the matched rules want, and those that exist and whose rule is
/// undecided; by key.
fn wanted<'a>(rows: &Rows<'a>, sync: &RoleSync<'a>, evaluation: &Evaluation<'a>) -> Vec<Row<'a>> {
    let mut wanted: BTreeMap<RowKey<'a>, Row<'a>> = BTreeMap::new();
    let mut want = |rule, role, terms, standing| {
        let row = Row {
            rule,
            role,
            terms,
            existing: rows.get(&(rule, role)).copied(),
            standing,
        };
        wanted.insert(row.key(), row);
    };
    for role in sync.default_roles {
        want(None, role, Terms::DEFAULT, Standing::In);
    }
    for rule in evaluation.matched() {
        for grant in &rule.grant {
            want(Some(&rule.id), &grant.role, Terms::of(grant), Standing::In);
        }
    }
    for (rule, role) in rows.keys() {
        let rule = rule.and_then(|id| sync.rules.rule(id));
        if let Some(rule) = rule
            && let Some(grant) = rule.grant_of(role)
            && let Verdict::Undecided(_) = verdict(rule, sync.connection, sync.facts)
        {
            let terms = Terms::of(grant);
            want(Some(&rule.id), &grant.role, terms, Standing::Doubt(None));
        }
    }
    let mut wanted: Vec<Row<'a>> = wanted.into_values().collect();
    // What somebody earned by a rule is told before what everybody gets.
    wanted.sort_by_key(|row| row.rule.is_none());
    wanted
}

/// Files one row where it belongs.
fn settle(row: Row<'_>, connection: &ConnectionId, now: Timestamp, delta: &mut GrantDelta) {
    let (rule, role) = (row.rule.cloned(), row.role.clone());
    let Some(grant) = row.existing else {
        match row.standing {
            Standing::In => delta.give.push(ProposedGrant {
                role,
                owner: owner(connection, rule.as_ref()),
                rule,
                expires_at: row.terms.ttl.map(|ttl| now.saturating_add(ttl)),
                scope: row.terms.scope(),
            }),
            Standing::Doubt(Some(obstacle)) | Standing::Out(obstacle) => {
                delta.withheld.push(Withheld {
                    role,
                    rule,
                    obstacle,
                });
            }
            Standing::Doubt(None) => {}
        }
        return;
    };
    match row.standing {
        Standing::Out(_) if !grant.is_live(now) => delta.spent.push(grant.clone()),
        Standing::Out(obstacle) => delta.take.push(Taken {
            grant: grant.clone(),
            reason: TakeReason::Obstacle(obstacle),
        }),
        Standing::In => file(place(grant, &row.terms, false, now), grant, delta),
        Standing::Doubt(_) => file(place(grant, &row.terms, true, now), grant, delta),
    }
}

/// Files a row that goes on, or of which nothing is left.
fn file(placed: Placed, grant: &Grant, delta: &mut GrantDelta) {
    match placed {
        Placed::Keep => delta.keep.push(grant.clone()),
        Placed::Spent => delta.spent.push(grant.clone()),
        Placed::Renew(renewal) => delta.renew.push(Renewal {
            grant: grant.clone(),
            granted_at: renewal.granted_at,
            expires_at: renewal.expires_at,
            scope: renewal.scope,
            reason: renewal.reason,
        }),
        Placed::Nothing => delta.take.push(Taken {
            grant: grant.clone(),
            reason: TakeReason::RuleChanged,
        }),
    }
}

fn oldest_first(existing: &[Grant]) -> Vec<&Grant> {
    let mut rows: Vec<&Grant> = existing.iter().collect();
    rows.sort_by_key(|grant| (grant.granted_at, &grant.id));
    rows
}

fn key(grant: &Grant) -> RowKey<'_> {
    (grant.rule.as_ref(), &grant.role)
}

/// Whose a row is that `rule`, or else a default, gives.
fn owner(connection: &ConnectionId, rule: Option<&RuleId>) -> GrantOwner {
    match rule {
        Some(_) => GrantOwner::Jit(connection.clone()),
        None => GrantOwner::Default(connection.clone()),
    }
}

/// The connection that a row belongs to, if it is one's.
fn connection_of(grant: &Grant) -> Option<&ConnectionId> {
    match &grant.owner {
        GrantOwner::Jit(owner) | GrantOwner::Default(owner) => Some(owner),
        _ => None,
    }
}

fn is_owned(connection: &ConnectionId, grant: &Grant) -> bool {
    connection_of(grant) == Some(connection)
}

/// Whether it is a rule's and names it, or a default and names none.
fn is_sound(grant: &Grant) -> bool {
    matches!(grant.owner, GrantOwner::Jit(_)) == grant.rule.is_some()
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
