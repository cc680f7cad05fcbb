//! Who could ever have a role, and how.
//!
//! [`who_can_reach`] answers for each connection with *paths*: minimal sets of facts about a
//! person, each enough for a first sign-in to give the role. It looks through everything that
//! stands between a rule and a role: rules that deny, separation of duty, exclusive groups, and
//! groups that were not all told. Whoever fits a path gets the role, and whoever gets it fits
//! one.
//!
//! ```
//! use countersign_core::{ConnectionId, RoleName, RuleId};
//! use countersign_roles::{
//!     Condition, ConnectionView, PolicyView, Role, RoleCatalog, RoleGrant, Rule, RuleSet,
//!     who_can_reach,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (signer, acme) = (RoleName::new("signer")?, ConnectionId::new("acme")?);
//! let catalog = RoleCatalog::new([Role::new(signer.clone())])?;
//! let rules = RuleSet::new(&catalog, vec![
//!     Rule::new(RuleId::new("nurses")?, [Condition::eq("groups", "nurse")])
//!         .gives(RoleGrant::permanent(signer.clone())),
//!     Rule::new(RuleId::new("left")?, [Condition::eq("status", "left")]).denies(signer.clone()),
//! ]).map_err(|mut errors| errors.remove(0))?;
//! let policy = PolicyView {
//!     catalog: &catalog,
//!     rules: &rules,
//!     connections: vec![ConnectionView { id: &acme, default_roles: &[], domains: None }],
//! };
//! let reach = who_can_reach(&policy, &signer);
//! let path = &reach.connections[0].paths[0];
//! let needs: Vec<_> = path.needs.iter().map(ToString::to_string).collect();
//! assert_eq!(needs, ["in the group `nurse`", "`status` is not `left`, or was not sent"]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is bounded
//! One rule can be reached in many ways: each rule that denies can fail in as many ways as it has
//! conditions. Of one rule at most [`MOST_WAYS`] paths are told, and for one question at most
//! [`MOST_STEPS`] claims are looked at. [`ConnectionReach::more`] names the rules of which not
//! all is told; where it is empty, the paths are all there are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use countersign_core::{ConnectionId, DocumentPattern, RoleName, RuleId};

use crate::case::{Budget, Case, Exhausted, Formula, cases, entails, matched};
use crate::reach::blockers::Blockers;
pub use crate::reach::need::Need;
use crate::rule::{RoleGrant, Rule};
use crate::view::{ConnectionView, PolicyView};
use crate::weaker::ByHook;

mod blockers;
mod need;

/// The most ways that are told of one rule: more than a person reads.
pub const MOST_WAYS: usize = 64;

/// The most cases that are looked at for one rule, of which most cover each other.
const MOST_CASES: usize = 16 * MOST_WAYS;

/// The most claims that are looked at for one question: a few seconds at worst.
pub const MOST_STEPS: usize = 20_000_000;

/// Who could ever have a role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reach {
    /// The role.
    pub role: RoleName,
    /// How it is reached through each connection, in the order of the policy; those that do not
    /// lead to it have no path.
    pub connections: Vec<ConnectionReach>,
}

impl Reach {
    /// Whether no sign-in gives the role, so that only administrators do.
    #[must_use]
    pub fn is_by_hand_only(&self) -> bool {
        let mut all = self.connections.iter();
        all.all(|connection| connection.paths.is_empty() && connection.more.is_empty())
    }
}

/// How a role is reached through one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionReach {
    /// The connection.
    pub connection: ConnectionId,
    /// The minimal ways, the shortest first.
    pub paths: Vec<Path>,
    /// Rules that give the role only to people of whom a path tells already.
    pub narrower: Vec<RuleId>,
    /// Rules of which not all ways are told, because there are too many.
    pub more: Vec<RuleId>,
}

/// Facts that together give the role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Path {
    /// All that is needed. Nothing, for what everybody gets by default.
    pub needs: Vec<Need>,
    /// What gives the role to whoever has what is needed.
    pub by: Vec<Source>,
}

impl Path {
    /// Whether these facts are all that is needed.
    #[must_use]
    pub fn holds_for(&self, facts: &countersign_core::Facts) -> bool {
        self.needs.iter().all(|need| need.holds_for(facts))
    }
}

/// What gives a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Source {
    /// It is a default role of the connection.
    Default,
    /// A rule gives it.
    Rule {
        /// The rule.
        id: RuleId,
        /// For how long.
        ttl: Option<Duration>,
        /// Whether each sign-in begins that time anew.
        renew: bool,
        /// How long renewals can go on.
        cap: Option<Duration>,
        /// The document types that it is limited to.
        scope: Vec<DocumentPattern>,
    },
}

impl Source {
    fn of(rule: &Rule, grant: &RoleGrant) -> Self {
        Self::Rule {
            id: rule.id.clone(),
            ttl: grant.ttl,
            renew: grant.renew,
            cap: grant.cap,
            scope: grant.scope.clone(),
        }
    }

    /// The rule, if it is one.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        match self {
            Self::Default => None,
            Self::Rule { id, .. } => Some(id),
        }
    }
}

/// Who could ever get `role` by signing in, and how.
///
/// It answers for a person without grants. What others gave, by hand or by SCIM, can keep a role
/// away by separation of duty; it never adds one.
#[must_use]
pub fn who_can_reach(policy: &PolicyView<'_>, role: &RoleName) -> Reach {
    let mut budget = Budget::new(MOST_STEPS);
    let connections = policy.connections.iter();
    Reach {
        role: role.clone(),
        connections: connections
            .map(|connection| through(policy, connection, role, &mut budget))
            .collect(),
    }
}

/// What gives the role, and whom.
struct Way<'a> {
    source: Source,
    formula: Formula<'a>,
}

fn through(
    policy: &PolicyView<'_>,
    connection: &ConnectionView<'_>,
    role: &RoleName,
    budget: &mut Budget,
) -> ConnectionReach {
    let rules = policy.rules.rules().iter();
    let rules = rules.filter(|rule| rule.is_about(connection.id));
    let giving = rules.filter_map(|rule| {
        let source = Source::of(rule, rule.grant_of(role)?);
        let formula = matched(rule);
        Some(Way { source, formula })
    });
    let by_default = connection.default_roles.contains(role).then_some(Way {
        source: Source::Default,
        formula: Formula::TRUE,
    });
    let mut more = Vec::new();
    let mut found: BTreeMap<Case<'_>, BTreeSet<Source>> = BTreeMap::new();
    let blockers = Blockers::new(policy, connection).of(role, budget);
    for way in by_default.into_iter().chain(giving) {
        let mut ways = BTreeSet::new();
        let all_told = match &blockers {
            Ok(blockers) => ways_of(&way.formula, blockers, budget, &mut ways),
            Err(Exhausted) => Err(Exhausted),
        };
        if all_told.is_err() {
            more.extend(way.source.rule().cloned());
        }
        for case in ways {
            found.entry(case).or_default().insert(way.source.clone());
        }
    }
    let (paths, narrower) = weakest(found, budget);
    ConnectionReach {
        connection: connection.id.clone(),
        paths,
        narrower,
        more,
    }
}

/// The minimal cases in which `formula` holds and nothing blocks.
fn ways_of<'a>(
    formula: &Formula<'a>,
    blockers: &Formula<'a>,
    budget: &mut Budget,
    ways: &mut BTreeSet<Case<'a>>,
) -> Result<(), Exhausted> {
    let goal = Formula::All(vec![formula.clone(), blockers.clone()]);
    let mut found = Vec::new();
    let looked = cases(&Case::default(), &goal, budget, |case| {
        found.push(case);
        match found.len() < MOST_CASES {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    });
    let all_found = looked.is_ok() && found.len() < MOST_CASES;
    for case in found {
        // One that is covered already tells nothing new.
        if ways.iter().any(|way| implies(&case, way)) {
            continue;
        }
        if ways.len() >= MOST_WAYS {
            return Err(Exhausted);
        }
        let least = minimal(case, &goal, budget)?;
        ways.retain(|way| !implies(way, &least));
        ways.insert(least);
    }
    all_found.then_some(()).ok_or(Exhausted)
}

/// The case without what `goal` does not need.
fn minimal<'a>(
    case: Case<'a>,
    goal: &Formula<'a>,
    budget: &mut Budget,
) -> Result<Case<'a>, Exhausted> {
    let claims: Vec<_> = case.claims().collect();
    let mut least = case;
    for claim in claims {
        budget.spend(1)?;
        let without = least.without(&claim);
        if without.implies(&claim) || entails(&without, goal, budget)? {
            least = without;
        }
    }
    Ok(least)
}

fn implies<'a>(case: &Case<'a>, weaker: &Case<'a>) -> bool {
    weaker.claims().all(|claim| case.implies(&claim))
}

/// The cases that imply no other, as paths; and the rules that are left without one.
fn weakest(
    found: BTreeMap<Case<'_>, BTreeSet<Source>>,
    budget: &mut Budget,
) -> (Vec<Path>, Vec<RuleId>) {
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_cached_key(|(case, _)| case.claims().count());
    let index = ByHook::new(found.iter().map(|(case, _)| case).enumerate());
    let mut paths = Vec::new();
    let mut dropped = BTreeSet::new();
    for (number, (case, sources)) in found.iter().enumerate() {
        let mut is_covered = false;
        // What a budget that is spent leaves is told twice, and is true.
        let _ = index.candidates(case, budget, |budget, other| {
            let Some((weaker, _)) = found.get(other).filter(|_| other != number && !is_covered)
            else {
                return Ok(());
            };
            budget.spend(case.claims().count())?;
            // Of two that say the same, the first stays.
            is_covered = implies(case, weaker) && (other < number || !implies(weaker, case));
            Ok(())
        });
        if is_covered {
            dropped.extend(sources.iter().filter_map(Source::rule).cloned());
            continue;
        }
        paths.push(Path {
            needs: need::needs(case),
            by: sources.iter().cloned().collect(),
        });
    }
    for source in paths.iter().flat_map(|path| &path.by) {
        if let Some(rule) = source.rule() {
            dropped.remove(rule);
        }
    }
    (paths, dropped.into_iter().collect())
}
