//! What stands between what a rule gives and a role.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::RoleName;

use crate::case::{Budget, Exhausted, Formula, matched, not_failed};
use crate::rule::Rule;
use crate::view::{ConnectionView, PolicyView};

/// The rules of one connection, by the roles that they are about.
pub(super) struct Blockers<'a> {
    policy: &'a PolicyView<'a>,
    defaults: &'a [RoleName],
    giving: BTreeMap<&'a RoleName, Vec<&'a Rule>>,
    denying: BTreeMap<&'a RoleName, Vec<&'a Rule>>,
}

impl<'a> Blockers<'a> {
    pub(super) fn new(policy: &'a PolicyView<'a>, connection: &'a ConnectionView<'a>) -> Self {
        let mut blockers = Self {
            policy,
            defaults: connection.default_roles,
            giving: BTreeMap::new(),
            denying: BTreeMap::new(),
        };
        for rule in policy.rules.rules() {
            if rule.is_about(connection.id) {
                for grant in &rule.grant {
                    blockers.giving.entry(&grant.role).or_default().push(rule);
                }
                for role in &rule.deny {
                    blockers.denying.entry(role).or_default().push(rule);
                }
            }
        }
        blockers
    }

    /// Where a role that something gives is not lost again.
    pub(super) fn of(
        &self,
        role: &RoleName,
        budget: &mut Budget,
    ) -> Result<Formula<'a>, Exhausted> {
        Ok(Formula::All(vec![
            self.not_denied(role, budget)?,
            self.no_duty(role, budget)?,
            self.outranked(role, budget)?.opposite(),
        ]))
    }

    /// Where each rule that denies the role is known not to match.
    fn not_denied(&self, role: &RoleName, budget: &mut Budget) -> Result<Formula<'a>, Exhausted> {
        let denying = self.denying.get(role).into_iter().flatten();
        let failed = denying.map(|rule| {
            budget.spend(rule.all.len())?;
            Ok(not_failed(rule).opposite())
        });
        Ok(Formula::All(failed.collect::<Result<_, _>>()?))
    }

    /// Where rules or defaults give the role, and none denies it.
    fn given(&self, role: &RoleName, budget: &mut Budget) -> Result<Formula<'a>, Exhausted> {
        let mut ways = Vec::new();
        if self.defaults.contains(role) {
            ways.push(Formula::TRUE);
        }
        for rule in self.giving.get(role).into_iter().flatten() {
            budget.spend(rule.all.len())?;
            ways.push(matched(rule));
        }
        let denied = self.not_denied(role, budget)?;
        Ok(Formula::All(vec![Formula::Any(ways), denied]))
    }

    /// Where no role is given that separation of duty keeps apart from this one.
    fn no_duty(&self, role: &RoleName, budget: &mut Budget) -> Result<Formula<'a>, Exhausted> {
        let sets = self.policy.catalog.separation_of_duty().iter();
        let sets = sets.filter(|set| set.roles().contains(role));
        let others: BTreeSet<&RoleName> = sets.flat_map(|set| set.roles()).collect();
        let others = others.into_iter().filter(|other| *other != role);
        let none = others.map(|other| Ok(self.given(other, budget)?.opposite()));
        Ok(Formula::All(none.collect::<Result<_, _>>()?))
    }

    /// The roles that some exclusive group puts above this one.
    fn above(&self, role: &RoleName) -> BTreeSet<&'a RoleName> {
        let groups = self.policy.catalog.exclusive_groups().iter();
        let above = groups.filter_map(|group| {
            let roles = group.highest_first();
            let place = roles.iter().position(|other| other == role)?;
            Some(roles.iter().take(place))
        });
        above.flatten().collect()
    }

    /// Where a role above this one is given.
    ///
    /// A higher role that is lost to a still higher one does not count. Those that are above
    /// this one too need no look, for then it is they that outrank it.
    fn outranked(&self, role: &RoleName, budget: &mut Budget) -> Result<Formula<'a>, Exhausted> {
        let above = self.above(role);
        let mut ways = Vec::new();
        for higher in &above {
            budget.spend(1)?;
            let mut parts = vec![self.given(higher, budget)?, self.no_duty(higher, budget)?];
            for highest in self.above(higher).difference(&above) {
                let kept = [
                    self.given(highest, budget)?,
                    self.no_duty(highest, budget)?,
                    self.outranked(highest, budget)?.opposite(),
                ];
                parts.push(Formula::All(kept.into()).opposite());
            }
            ways.push(Formula::All(parts));
        }
        Ok(Formula::Any(ways))
    }
}
