//! One sign-in under two policies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use countersign_core::{DocumentPattern, RoleName, RuleId, Timestamp};
use countersign_roles::{GrantDelta, ProposedGrant, Renewal, Role};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::corpus::PastSignIn;
use crate::decide::decide;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::refusal::RefusalKind;
use crate::store::Snapshot;

/// What a sign-in comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The person is in.
    Admitted,
    /// The person waits for an administrator's approval.
    AwaitsApproval,
    /// The person has to prove that the account is theirs.
    NeedsProof,
    /// An account that is there has what the person came with, and somebody has to look at it.
    Conflict,
    /// The person is not let in.
    Refused,
}

impl Outcome {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::AwaitsApproval => "awaits_approval",
            Self::NeedsProof => "needs_proof",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
        }
    }

    /// Whether the person is in.
    #[must_use]
    pub fn is_admitted(self) -> bool {
        self == Self::Admitted
    }
}

/// What a sign-in comes to, and the first reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it comes to.
    pub outcome: Outcome,
    /// Why.
    pub reason: Option<Reason>,
}

impl Standing {
    fn of(plan: &Plan) -> Self {
        Self {
            outcome: match plan {
                Plan::Admit(_) => Outcome::Admitted,
                Plan::Queue(_) => Outcome::AwaitsApproval,
                Plan::Refuse(refusal) => match refusal.kind() {
                    RefusalKind::NeedsApproval { .. } => Outcome::AwaitsApproval,
                    RefusalKind::NeedsProof { .. } => Outcome::NeedsProof,
                    RefusalKind::Conflict { .. } | RefusalKind::Ambiguous { .. } => {
                        Outcome::Conflict
                    }
                    RefusalKind::Denied | RefusalKind::Tombstone { .. } => Outcome::Refused,
                },
            },
            reason: plan.reasons().first().cloned(),
        }
    }
}

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Standing", 3)?;
        members.serialize_field("outcome", &self.outcome)?;
        members.serialize_field("code", &self.reason.as_ref().map(Reason::code))?;
        let message = self.reason.as_ref().map(ToString::to_string);
        members.serialize_field("message", &message)?;
        members.end()
    }
}

/// How a person has a role: of several grants of it, what they allow together.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// When the last of them ends; `None` if one has no end.
    pub expires_at: Option<Timestamp>,
    /// The document types; empty if one of them has no limit.
    pub scope: BTreeSet<DocumentPattern>,
    /// The rules that give it; none for roles of other owners and default roles.
    pub rules: BTreeSet<RuleId>,
}

impl Held {
    fn is_same(&self, other: &Self) -> bool {
        // By which rule is how it comes about, not what it is.
        (self.expires_at, &self.scope) == (other.expires_at, &other.scope)
    }
}

/// How a person has a role under one policy, and how under the other.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Altered {
    /// Under the old one.
    pub before: Held,
    /// Under the new one.
    pub after: Held,
}

/// Why one policy gives a person a role that the other does not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "cause", content = "rule")]
#[non_exhaustive]
pub enum Cause {
    /// The other policy does not admit the person.
    NotAdmitted,
    /// It has no such rule.
    NoSuchRule(RuleId),
    /// Its rule does not give the role.
    RuleDoesNotGive(RuleId),
    /// Its rule does not match.
    RuleDoesNotMatch(RuleId),
    /// Its rule matches and gives the role, and something takes it away again: a deny, a separation
    /// of duty, an exclusive group, a time that has run out.
    Withheld(RuleId),
    /// It is a default role, and not one there.
    NotDefault,
    /// The person has the role there too, and it does not allow all of the same there.
    AllowsLess,
}

impl Cause {
    /// The rule that it is about.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        match self {
            Self::NoSuchRule(rule)
            | Self::RuleDoesNotGive(rule)
            | Self::RuleDoesNotMatch(rule)
            | Self::Withheld(rule) => Some(rule),
            Self::NotAdmitted | Self::NotDefault | Self::AllowsLess => None,
        }
    }
}

/// What the policy that does not give the role is like.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAdmitted => f.write_str("not admitted"),
            Self::NoSuchRule(rule) => write!(f, "no rule `{rule}`"),
            Self::RuleDoesNotGive(rule) => write!(f, "rule `{rule}` does not give it"),
            Self::RuleDoesNotMatch(rule) => write!(f, "rule `{rule}` does not match"),
            Self::Withheld(rule) => write!(f, "rule `{rule}` gives it, and it is withheld"),
            Self::NotDefault => f.write_str("no default role"),
            Self::AllowsLess => f.write_str("the role allows less"),
        }
    }
}

/// One sign-in under two policies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// What it comes to under the old one.
    pub before: Standing,
    /// What it comes to under the new one.
    pub after: Standing,
    /// The roles that the person has under the old one.
    pub had: BTreeMap<RoleName, Held>,
    /// The roles that the person has under the new one.
    pub has: BTreeMap<RoleName, Held>,
    /// The rules of the old one that match.
    pub matched_before: BTreeSet<RuleId>,
    /// The rules of the new one that match.
    pub matched_after: BTreeSet<RuleId>,
    /// The roles that only the old one gives, or that allow something only there, and why the new
    /// one does not.
    pub lost: BTreeMap<RoleName, Cause>,
    /// The roles that only the new one gives, or that allow something only there, and why the old
    /// one does not.
    pub gained: BTreeMap<RoleName, Cause>,
    /// The roles that both give for another time or other documents.
    pub changed: BTreeMap<RoleName, Altered>,
}

impl Comparison {
    /// Decides `sign_in` under both policies, each with what the store answers to its query.
    #[must_use]
    pub fn of(
        (old, before): (&Policy, &Snapshot),
        (new, after): (&Policy, &Snapshot),
        sign_in: &PastSignIn,
    ) -> Self {
        let before = Side::of(old, before, sign_in);
        let after = Side::of(new, after, sign_in);
        let changed = before.roles.iter().filter_map(|(role, had)| {
            let has = after.roles.get(role).filter(|has| !has.is_same(had))?;
            let altered = Altered {
                before: had.clone(),
                after: has.clone(),
            };
            Some((role.clone(), altered))
        });
        Self {
            changed: changed.collect(),
            lost: before.more_than(old, &after, new),
            gained: after.more_than(new, &before, old),
            before: before.standing,
            after: after.standing,
            had: before.roles,
            has: after.roles,
            matched_before: before.matched,
            matched_after: after.matched,
        }
    }

    /// Whether the person would not be admitted any more.
    #[must_use]
    pub fn loses_access(&self) -> bool {
        self.before.outcome.is_admitted() && !self.after.outcome.is_admitted()
    }

    /// Whether the person would be admitted.
    #[must_use]
    pub fn gains_access(&self) -> bool {
        !self.before.outcome.is_admitted() && self.after.outcome.is_admitted()
    }

    /// Whether anything is different that the person would notice.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.before.outcome != self.after.outcome
            || !(self.lost.is_empty() && self.gained.is_empty() && self.changed.is_empty())
    }
}

/// A sign-in under one policy.
struct Side {
    standing: Standing,
    roles: BTreeMap<RoleName, Held>,
    matched: BTreeSet<RuleId>,
}

impl Side {
    fn of(policy: &Policy, snapshot: &Snapshot, sign_in: &PastSignIn) -> Self {
        let PastSignIn {
            connection,
            facts,
            at,
            ..
        } = sign_in;
        let plan = decide(policy, connection, facts, snapshot, *at);
        let grants = plan.admission().map(|admission| &admission.grants);
        let matched = match policy.connection(connection) {
            Some(rules) => {
                let facts = policy.facts_for_rules(rules, facts);
                let evaluation = policy.rules().evaluate(connection, &facts);
                super::ids(evaluation.matched().iter().map(|rule| &rule.id))
            }
            None => BTreeSet::new(),
        };
        Self {
            standing: Standing::of(&plan),
            roles: grants.map(|delta| held(delta, *at)).unwrap_or_default(),
            matched,
        }
    }

    /// The roles that are here, by `mine`, and not there, by `theirs`, or that allow something
    /// here that they do not there; and why.
    fn more_than(&self, mine: &Policy, other: &Self, theirs: &Policy) -> BTreeMap<RoleName, Cause> {
        let more = self.roles.iter().filter_map(|(role, held)| {
            let cause = match other.roles.get(role) {
                None => other.lacks(role, held, theirs),
                Some(has) if allows_more((mine, held), (theirs, has), role) => Cause::AllowsLess,
                Some(_) => return None,
            };
            Some((role.clone(), cause))
        });
        more.collect()
    }

    /// Why `policy`, which this is a sign-in under, does not give the role.
    fn lacks(&self, role: &RoleName, held: &Held, policy: &Policy) -> Cause {
        if !self.standing.outcome.is_admitted() {
            return Cause::NotAdmitted;
        }
        // Of several rules, the one that came nearest to giving it.
        let causes = held.rules.iter().map(|id| match policy.rules().rule(id) {
            None => (3, Cause::NoSuchRule(id.clone())),
            Some(rule) if rule.grant_of(role).is_none() => (2, Cause::RuleDoesNotGive(id.clone())),
            Some(_) if !self.matched.contains(id) => (1, Cause::RuleDoesNotMatch(id.clone())),
            Some(_) => (0, Cause::Withheld(id.clone())),
        });
        let nearest = causes.min_by_key(|(far, _)| *far);
        nearest.map_or(Cause::NotDefault, |(_, cause)| cause)
    }
}

/// Whether a role whose permissions the two policies write differently allows something to the one
/// that it does not to the other, each within the documents of what is held.
fn allows_more(
    (mine, held): (&Policy, &Held),
    (theirs, other): (&Policy, &Held),
    role: &RoleName,
) -> bool {
    let [one, two] = [mine, theirs].map(|policy| policy.catalog().role(role));
    if one.map(Role::permissions) == two.map(Role::permissions) {
        // Then a difference is one of scope, and told as such.
        return false;
    }
    let within = |role: Option<&Role>, held: &Held| {
        let scope: Vec<DocumentPattern> = held.scope.iter().cloned().collect();
        role.map(|role| role.permissions_within(&scope))
            .unwrap_or_default()
    };
    let wide = within(two, other);
    within(one, held).iter().any(|permission| {
        !wide.iter().any(|wide| {
            wide.action() == permission.action()
                && wide.documents().contains(permission.documents())
        })
    })
}

/// The roles that an account has when a sign-in has done its work, and only those that are live.
fn held(delta: &GrantDelta, now: Timestamp) -> BTreeMap<RoleName, Held> {
    type Row<'a> = (
        &'a RoleName,
        Option<&'a RuleId>,
        Option<Timestamp>,
        &'a [DocumentPattern],
    );
    let given = delta.give.iter().map(|give| -> Row<'_> {
        let ProposedGrant {
            role,
            rule,
            expires_at,
            scope,
            ..
        } = give;
        (role, rule.as_ref(), *expires_at, scope)
    });
    let renewed = delta.renew.iter().map(|renewal| -> Row<'_> {
        let Renewal {
            grant,
            expires_at,
            scope,
            ..
        } = renewal;
        (&grant.role, grant.rule.as_ref(), *expires_at, scope)
    });
    let left = delta.keep.iter().chain(&delta.others);
    let left = left.map(|grant| -> Row<'_> {
        let rule = grant.rule.as_ref();
        (&grant.role, rule, grant.expires_at, &grant.scope)
    });
    let live = |row: &Row<'_>| row.2.is_none_or(|expires_at| now < expires_at);
    let mut roles: BTreeMap<RoleName, Held> = BTreeMap::new();
    for (role, rule, expires_at, scope) in given.chain(renewed).chain(left).filter(live) {
        let scope: BTreeSet<_> = scope.iter().cloned().collect();
        match roles.get_mut(role) {
            Some(held) => {
                held.expires_at = held.expires_at.zip(expires_at).map(|(a, b)| a.max(b));
                if held.scope.is_empty() || scope.is_empty() {
                    held.scope.clear();
                } else {
                    held.scope.extend(scope);
                }
                held.rules.extend(rule.cloned());
            }
            None => {
                let rules = rule.cloned().into_iter().collect();
                let held = Held {
                    expires_at,
                    scope,
                    rules,
                };
                roles.insert(role.clone(), held);
            }
        }
    }
    roles
}
