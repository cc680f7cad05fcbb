//! What is wrong with a rule beside another one, or beside default roles.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use countersign_core::RoleName;
use foldhash::{HashMap, HashMapExt as _};

use crate::case::{Budget, Case, Claim, Exhausted, Formula, cases, entails, not_failed};
use crate::finding::{Finding, Place, Severity};
use crate::lint::{Lint, Prepared};
use crate::rule::{RoleGrant, Rule};
use crate::scope;
use crate::weaker::ByHook;

const DUPLICATE: (Severity, &str) = (Severity::Error, "lint.duplicate_rule");
const SUBSUMED: (Severity, &str) = (Severity::Error, "lint.subsumed_rule");
const CONFLICT: (Severity, &str) = (Severity::Error, "lint.conflict");
const DUTY: (Severity, &str) = (Severity::Error, "lint.separation_of_duty");
const IDLE_GRANT: (Severity, &str) = (Severity::Warning, "lint.idle_grant");
const OUTRANKED: (Severity, &str) = (Severity::Warning, "lint.outranked");
const TOO_ENTANGLED: (Severity, &str) = (Severity::Note, ENTANGLED);

/// The code of the note that not all rules, or not all conditions of one, were compared.
pub(super) const ENTANGLED: &str = "lint.too_entangled";

/// Why a grant never comes to anything on a connection.
#[derive(Debug, Clone, Copy)]
enum Cause<'a> {
    /// This rule matches too, and denies the role.
    Denied(&'a Rule),
    /// The same rule gives this role too, which does not go with it.
    OwnDuty(&'a RoleName),
    /// This rule matches too, and gives a role that does not go with it.
    Duty(&'a Rule, &'a RoleName),
    /// Everybody has this role, which does not go with it.
    DefaultDuty(&'a RoleName),
}

/// What other rules make of one rule.
#[derive(Default)]
struct Fate<'a> {
    /// For each grant that changes nothing: the rule that gives the same.
    given: BTreeMap<&'a RoleName, &'a Rule>,
    /// For each denial that changes nothing: the rule that denies the same.
    denied: BTreeMap<&'a RoleName, &'a Rule>,
    /// For each grant, where it never comes to anything, and why.
    lost: BTreeMap<&'a RoleName, BTreeMap<usize, Cause<'a>>>,
    /// For each grant: the rule that gives a role that outranks it.
    outranked: BTreeMap<&'a RoleName, (&'a Rule, &'a RoleName)>,
}

impl<'a> Lint<'a> {
    /// Compares each rule with those whose conditions its own imply.
    pub(super) fn pairs(&mut self) {
        let rules = std::mem::take(&mut self.rules);
        let duplicates = self.duplicates(&rules);
        let compared = || {
            let possible = rules
                .iter()
                .enumerate()
                .filter(|(number, _)| !duplicates.contains(number));
            possible.filter_map(|(number, rule)| Some((number, rule.matched.as_ref()?)))
        };
        let index = ByHook::new(compared());
        for (number, case) in compared() {
            let Some(rule) = rules.get(number) else {
                continue;
            };
            let mut fate = Fate::default();
            self.own_losses(rule, &mut fate);
            if !self.exhausted {
                let mut budget = std::mem::replace(&mut self.budget, Budget::new(0));
                let mut seen = BTreeSet::new();
                let looked = index.candidates(case, &mut budget, |budget, other| {
                    let is_new = other != number && seen.insert(other);
                    match rules.get(other).filter(|_| is_new) {
                        Some(weaker) => {
                            self.beside((number, rule, case), (other, weaker), budget, &mut fate)
                        }
                        None => Ok(()),
                    }
                });
                self.budget = budget;
                self.exhausted = looked.is_err();
            }
            self.judge(rule, &fate);
        }
        if self.exhausted {
            self.add(Finding::new(
                TOO_ENTANGLED,
                Place::Policy,
                "there are so many conditions, in one rule or shared by many, that not all were compared",
                "use fewer rules and conditions, with longer `any_of` lists",
            ));
        }
        self.rules = rules;
    }

    /// Rules that say the same as an earlier one.
    fn duplicates(&mut self, rules: &[Prepared<'a>]) -> BTreeSet<usize> {
        let mut first: HashMap<_, &Rule> = HashMap::with_capacity(rules.len());
        let mut duplicates = BTreeSet::new();
        for (number, prepared) in rules.iter().enumerate() {
            let Some(case) = &prepared.matched else {
                continue;
            };
            let rule = prepared.rule;
            let terms = |grant: &'a RoleGrant| {
                let scope = scope::canonical(&grant.scope);
                (&grant.role, grant.ttl, grant.renew, grant.cap, scope)
            };
            let mut grants: Vec<_> = rule.grant.iter().map(terms).collect();
            grants.sort();
            let mut deny: Vec<&RoleName> = rule.deny.iter().collect();
            deny.sort();
            match first.entry((case, &prepared.connections, grants, deny)) {
                Entry::Vacant(entry) => {
                    entry.insert(rule);
                }
                Entry::Occupied(entry) => {
                    duplicates.insert(number);
                    let earlier = &entry.get().id;
                    self.findings.push(Finding::new(
                        DUPLICATE,
                        Place::Rule(rule.id.clone()),
                        format!("rule `{}` says the same as rule `{earlier}`", rule.id),
                        "remove one of the two",
                    ));
                }
            }
        }
        duplicates
    }

    /// What a rule loses without another rule.
    fn own_losses(&self, prepared: &Prepared<'a>, fate: &mut Fate<'a>) {
        if self.duties.is_empty() {
            return;
        }
        let rule = prepared.rule;
        for grant in &rule.grant {
            let role = &grant.role;
            for other in rule.grant.iter().map(|other| &other.role) {
                if self.are_apart(role, other) {
                    for connection in &prepared.connections {
                        lose(fate, role, *connection, Cause::OwnDuty(other));
                    }
                }
            }
            for connection in &prepared.connections {
                let view = self.policy.connections.get(*connection);
                for other in view.into_iter().flat_map(|view| view.default_roles) {
                    if self.are_apart(role, other) && !self.may_be_denied(other, *connection) {
                        lose(fate, role, *connection, Cause::DefaultDuty(other));
                    }
                }
            }
        }
    }

    /// What a rule loses to one that may match whenever it does.
    fn beside(
        &self,
        (number, rule, case): (usize, &Prepared<'a>, &Case<'a>),
        (other, weaker): (usize, &Prepared<'a>),
        budget: &mut Budget,
        fate: &mut Fate<'a>,
    ) -> Result<(), Exhausted> {
        let weaker_case = weaker.matched.as_ref();
        let roles =
            |rule: &Prepared<'_>| rule.rule.grant.len().saturating_add(rule.rule.deny.len());
        budget.spend(roles(rule).saturating_mul(roles(weaker)).saturating_add(1))?;
        let shared: Vec<usize> = rule
            .connections
            .intersection(&weaker.connections)
            .copied()
            .collect();
        budget.spend(shared.len())?;
        let Some(weaker_case) = weaker_case.filter(|_| !shared.is_empty()) else {
            return Ok(());
        };

        let gives = |role: &RoleName| weaker.rule.grant.iter().any(|grant| grant.role == *role);
        let denies = |role: &RoleName| weaker.rule.deny.contains(role);
        let mut given = rule.rule.grant.iter();
        if given.any(|grant| denies(&grant.role))
            && entails(case, &not_failed(weaker.rule), budget)?
        {
            for grant in rule.rule.grant.iter().filter(|grant| denies(&grant.role)) {
                for connection in &shared {
                    lose(fate, &grant.role, *connection, Cause::Denied(weaker.rule));
                }
            }
        }

        let same_grant = rule.rule.grant.iter().any(|grant| gives(&grant.role));
        let same_denial = rule.rule.deny.iter().any(&denies);
        let of_duty = |grant: &'a RoleGrant| {
            let mut others = weaker.rule.grant.iter();
            let apart = others.find(|other| self.are_apart(&grant.role, &other.role));
            apart.map(|other| &other.role)
        };
        let kept_apart =
            !self.duties.is_empty() && rule.rule.grant.iter().any(|g| of_duty(g).is_some());
        let ranked = self.wants_all && !self.policy.catalog.exclusive_groups().is_empty();
        if !(same_grant || same_denial || kept_apart || ranked) {
            return Ok(());
        }
        budget.spend(
            case.claims()
                .count()
                .saturating_mul(weaker_case.claims().count()),
        )?;
        if !implies(case, weaker_case) {
            return Ok(());
        }

        for grant in &rule.rule.grant {
            if let Some(role) = of_duty(grant)
                && !rule.rule.deny.contains(role)
            {
                for connection in shared
                    .iter()
                    .filter(|number| !self.may_be_denied(role, **number))
                {
                    lose(
                        fate,
                        &grant.role,
                        *connection,
                        Cause::Duty(weaker.rule, role),
                    );
                }
            }
            if ranked
                && let Some(higher) = self.higher(&grant.role, weaker.rule)
                && shared.len() == rule.connections.len()
            {
                fate.outranked.insert(&grant.role, (weaker.rule, higher));
            }
        }
        let is_everywhere = shared.len() == rule.connections.len();
        if !is_everywhere
            || !(same_grant || same_denial)
            || !stays_open(rule.rule, weaker.rule, budget)?
        {
            return Ok(());
        }
        let equivalent = implies(weaker_case, case) && stays_open(weaker.rule, rule.rule, budget)?;
        if equivalent && weaker.connections == rule.connections && number < other {
            // Of two that say the same, the later one is too much.
            return Ok(());
        }
        for grant in &rule.rule.grant {
            let theirs = weaker.rule.grant_of(&grant.role);
            if theirs.is_some_and(|theirs| makes_idle(theirs, grant, equivalent)) {
                fate.given.entry(&grant.role).or_insert(weaker.rule);
            }
        }
        for role in rule.rule.deny.iter().filter(|role| denies(role)) {
            fate.denied.entry(role).or_insert(weaker.rule);
        }
        Ok(())
    }

    /// A role that `rule` gives and that outranks `role`.
    fn higher(&self, role: &RoleName, rule: &'a Rule) -> Option<&'a RoleName> {
        let groups = self.policy.catalog.exclusive_groups().iter();
        let above = |group: &'a crate::exclusion::ExclusiveGroup| {
            let roles = group.highest_first();
            let place = roles.iter().position(|other| other == role)?;
            roles
                .iter()
                .take(place)
                .find(|higher| rule.grant_of(higher).is_some())
        };
        groups.filter_map(above).next()
    }

    fn judge(&mut self, prepared: &Prepared<'a>, fate: &Fate<'a>) {
        let rule = prepared.rule;
        let id = &rule.id;
        let is_lost = |grant: &&RoleGrant| {
            let lost = fate.lost.get(&grant.role);
            lost.is_some_and(|lost| {
                !prepared.connections.is_empty()
                    && prepared
                        .connections
                        .iter()
                        .all(|number| lost.contains_key(number))
            })
        };
        for grant in rule.grant.iter().filter(is_lost) {
            let causes = fate
                .lost
                .get(&grant.role)
                .into_iter()
                .flat_map(BTreeMap::values);
            if let Some(cause) = causes.copied().next() {
                let finding = self.lost(rule, &grant.role, cause);
                self.add(finding);
            }
        }

        let idle = |grant: &&RoleGrant| fate.given.contains_key(&grant.role);
        let all_idle = rule.grant.iter().all(|grant| idle(&grant))
            && rule.deny.iter().all(|role| fate.denied.contains_key(role));
        let mut others = fate.given.values().chain(fate.denied.values());
        if let Some(other) = others.next().filter(|_| all_idle) {
            self.add(Finding::new(
                SUBSUMED,
                Place::Rule(id.clone()),
                format!(
                    "rule `{id}` changes nothing: whoever matches it matches rule `{}` too, which does the same",
                    other.id
                ),
                format!("remove rule `{id}`, or rule `{}` if it was meant to be narrower", other.id),
            ));
            return;
        }
        if !self.wants_all {
            return;
        }
        for grant in rule.grant.iter().filter(idle) {
            if let Some(other) = fate.given.get(&grant.role) {
                let role = &grant.role;
                self.add(Finding::new(
                    IDLE_GRANT,
                    Place::Grant(id.clone(), role.clone()),
                    format!(
                        "whoever matches rule `{id}` gets `{role}` from rule `{}` anyway",
                        other.id
                    ),
                    format!("remove `{role}` from rule `{id}`"),
                ));
            }
        }
        for (role, (other, higher)) in &fate.outranked {
            self.add(Finding::new(
                OUTRANKED,
                Place::Grant(id.clone(), (*role).clone()),
                format!(
                    "whoever matches rule `{id}` gets `{higher}` from rule `{}`, which outranks `{role}`",
                    other.id
                ),
                format!("remove `{role}` from rule `{id}`, unless others deny `{higher}`"),
            ));
        }
        self.defaults(prepared);
    }

    /// Grants of what everybody has by default.
    fn defaults(&mut self, prepared: &Prepared<'a>) {
        let rule = prepared.rule;
        for grant in rule.grant.iter().filter(|grant| grant.ttl.is_none()) {
            let is_default = |number: &usize| {
                let view = self.policy.connections.get(*number);
                view.is_some_and(|view| view.default_roles.contains(&grant.role))
            };
            if !prepared.connections.is_empty() && prepared.connections.iter().all(is_default) {
                let (id, role) = (&rule.id, &grant.role);
                self.add(Finding::new(
                    IDLE_GRANT,
                    Place::Grant(id.clone(), role.clone()),
                    format!("whoever matches rule `{id}` has `{role}` by default anyway"),
                    format!("remove `{role}` from rule `{id}`, or from `default_roles`"),
                ));
            }
        }
    }

    fn lost(&self, rule: &Rule, role: &RoleName, cause: Cause<'_>) -> Finding {
        let id = &rule.id;
        let place = Place::Grant(id.clone(), role.clone());
        match cause {
            Cause::Denied(other) => Finding::new(
                CONFLICT,
                place,
                format!(
                    "rule `{id}` never gives `{role}`: whoever matches it matches rule `{}` too, which denies `{role}`",
                    other.id
                ),
                format!(
                    "narrow the conditions of rule `{}`, or remove `{role}` from one of the two",
                    other.id
                ),
            ),
            Cause::OwnDuty(other) => Finding::new(
                DUTY,
                place,
                format!(
                    "rule `{id}` gives `{role}` and `{other}`, of which nobody may hold both, so it gives neither"
                ),
                "give one of the two, or take them out of `separation_of_duty`",
            ),
            Cause::Duty(weaker, other) => Finding::new(
                DUTY,
                place,
                format!(
                    "rule `{id}` never gives `{role}`: whoever matches it gets `{other}` from rule `{}` too, and nobody may hold both",
                    weaker.id
                ),
                format!(
                    "let rule `{id}` deny `{other}`, or narrow the conditions of rule `{}`",
                    weaker.id
                ),
            ),
            Cause::DefaultDuty(other) => Finding::new(
                DUTY,
                place,
                format!(
                    "rule `{id}` never gives `{role}`: everybody has `{other}` by default, and nobody may hold both"
                ),
                format!("let rule `{id}` deny `{other}`, or remove `{other}` from `default_roles`"),
            ),
        }
    }
}

fn lose<'a>(fate: &mut Fate<'a>, role: &'a RoleName, connection: usize, cause: Cause<'a>) {
    fate.lost
        .entry(role)
        .or_default()
        .entry(connection)
        .or_insert(cause);
}

/// Whether whoever fits `case` fits `weaker`.
fn implies<'a>(case: &Case<'a>, weaker: &Case<'a>) -> bool {
    weaker.claims().all(|claim| case.implies(&claim))
}

/// Whether, where not all groups were told, `weaker` is not failed wherever `rule` is not: what a
/// person holds by an undecided rule stays.
fn stays_open(rule: &Rule, weaker: &Rule, budget: &mut Budget) -> Result<bool, Exhausted> {
    let asks = |rule: &Rule| rule.all.iter().any(|condition| condition.asks_for_groups());
    if !asks(rule) && !asks(weaker) {
        return Ok(true);
    }
    let open = Formula::All(vec![not_failed(rule), Claim::NotAllGroups.into()]);
    let weaker = not_failed(weaker);
    let mut open_cases = Vec::new();
    cases(&Case::default(), &open, budget, |case| {
        open_cases.push(case);
        ControlFlow::Continue(())
    })?;
    for case in &open_cases {
        if !entails(case, &weaker, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether `grant` gives nobody anything because whoever gets it gets `theirs`, of a rule that
/// matches at least as often.
///
/// - The shorter time counts, so a longer one does nothing.
/// - Two permanent ones are the same, and so are two that each sign-in renews without a bound.
/// - Two of the same time that are not renewed, or up to a cap, are the same only if they begin
///   together: if both rules match always at once.
fn makes_idle(theirs: &RoleGrant, grant: &RoleGrant, equivalent: bool) -> bool {
    if scope::canonical(&theirs.scope) != scope::canonical(&grant.scope) {
        return false;
    }
    match (theirs.ttl, grant.ttl) {
        (None, None) => true,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (Some(shorter), Some(longer)) if shorter < longer => true,
        (Some(one), Some(other)) => {
            let same = (theirs.renew, theirs.cap) == (grant.renew, grant.cap);
            let unbounded = theirs.renew && theirs.cap.is_none();
            one == other && same && (unbounded || equivalent)
        }
    }
}
