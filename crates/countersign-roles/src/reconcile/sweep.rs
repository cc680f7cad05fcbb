//! What can be done to grants without a sign-in.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{ConnectionId, Grant, RoleName, Timestamp};

use crate::catalog::RoleCatalog;
use crate::grant_delta::{GrantDelta, Obstacle, TakeReason, Taken};
use crate::reconcile::row::{Terms, place};
use crate::reconcile::{connection_of, file, is_sound, key, oldest_first};
use crate::rule_set::RuleSet;

/// What a policy says of one connection's roles.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionRoles<'a> {
    /// The roles that everybody gets who comes through the connection.
    pub default_roles: &'a [RoleName],
    /// The role that nothing which the connection gives may exceed.
    pub max_privilege: Option<&'a RoleName>,
}

/// The policy by which accounts are swept.
#[derive(Debug, Clone)]
pub struct RoleSweep<'a> {
    /// The policy's roles.
    pub catalog: &'a RoleCatalog,
    /// The policy's rules.
    pub rules: &'a RuleSet,
    /// The policy's connections.
    pub connections: BTreeMap<&'a ConnectionId, ConnectionRoles<'a>>,
}

/// What an edited policy does to the grants of an account that does not sign in.
///
/// Without a person's facts nothing is known of which rules match, so nothing is given, renewed
/// or lengthened. What the policy alone decides is done, for the rows of every connection:
///
/// - A grant is taken whose rule is gone, gives the role no more or speaks of the connection no
///   more; whose role is no default any more, or exceeds the connection's `max_privilege`; or
///   whose connection is gone.
/// - A grant that the policy gives for a shorter time or for fewer documents than it has is cut
///   down to that.
/// - Grants that have run out are listed in [`GrantDelta::spent`], whoever's they are, so that
///   their end can be recorded. They stay: a rule that still matches must not give them anew.
///
/// Rows of other owners are not touched. `existing` must be one account's grants.
#[must_use]
pub fn sweep(existing: &[Grant], policy: &RoleSweep<'_>, now: Timestamp) -> GrantDelta {
    let mut delta = GrantDelta::default();
    let mut seen = BTreeSet::new();
    for grant in oldest_first(existing) {
        let Some(connection) = connection_of(grant) else {
            if grant.is_live(now) {
                delta.others.push(grant.clone());
            } else {
                delta.spent.push(grant.clone());
            }
            continue;
        };
        let terms = terms(grant, connection, policy).and_then(|terms| {
            let is_first = seen.insert((connection, key(grant)));
            is_first.then_some(terms).ok_or(TakeReason::Duplicate)
        });
        match terms {
            Ok(terms) => file(place(grant, &terms, true, now), grant, &mut delta),
            Err(reason) => delta.take.push(Taken {
                grant: grant.clone(),
                reason,
            }),
        }
    }
    delta
}

/// On what terms the policy may still give `grant`, or why it does not.
fn terms<'a>(
    grant: &Grant,
    connection: &ConnectionId,
    policy: &RoleSweep<'a>,
) -> Result<Terms<'a>, TakeReason> {
    let roles = policy.connections.get(connection);
    let roles = roles.ok_or(TakeReason::ConnectionGone)?;
    let given = match &grant.rule {
        _ if !is_sound(grant) => None,
        None => roles
            .default_roles
            .contains(&grant.role)
            .then_some(Terms::DEFAULT),
        Some(id) => {
            let rule = policy
                .rules
                .rule(id)
                .filter(|rule| rule.is_about(connection));
            rule.and_then(|rule| rule.grant_of(&grant.role))
                .map(Terms::of)
        }
    };
    let terms = given.ok_or(match &grant.rule {
        None => TakeReason::NotDefault,
        Some(_) => TakeReason::RuleChanged,
    })?;
    match roles.max_privilege {
        Some(max) if policy.catalog.exceeds(&grant.role, max) => {
            let max = max.clone();
            Err(TakeReason::Obstacle(Obstacle::ExceedsMaxPrivilege { max }))
        }
        _ => Ok(terms),
    }
}
