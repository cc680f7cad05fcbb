//! What is wrong with roles that do not go together.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::RoleName;

use crate::finding::{Finding, Place, Severity};
use crate::lint::Lint;

const BOTH: (Severity, &str) = (Severity::Error, "lint.exclusive_twice");
const DEFAULTS: (Severity, &str) = (Severity::Error, "lint.separation_of_duty");
const MAY_MEET: (Severity, &str) = (Severity::Note, "lint.duties_may_meet");

impl<'a> Lint<'a> {
    /// Looks at separation of duty and at exclusive groups.
    pub(super) fn exclusion(&mut self) {
        self.in_both();
        for connection in &self.policy.connections {
            let defaults = connection.default_roles;
            let pairs = defaults.iter().enumerate().flat_map(|(number, one)| {
                let later = defaults.iter().skip(number.saturating_add(1));
                later.map(move |other| (one, other))
            });
            let mut apart = pairs.filter(|(one, other)| self.are_apart(one, other));
            if let Some((one, other)) = apart.next() {
                self.findings.push(Finding::new(
                    DEFAULTS,
                    Place::Connection(connection.id.clone()),
                    format!(
                        "connection `{}` gives `{one}` and `{other}` by default, of which nobody may hold both, so it gives neither",
                        connection.id
                    ),
                    "remove one of the two from `default_roles`, or take them out of `separation_of_duty`",
                ));
            }
        }
        if self.wants_all {
            self.may_meet();
        }
    }

    /// Two roles that separation of duty keeps apart, and of which a group lets the higher be
    /// given.
    fn in_both(&mut self) {
        let mut findings = Vec::new();
        for group in self.policy.catalog.exclusive_groups() {
            // The first role of the group that is in each set.
            let mut first: BTreeMap<usize, &RoleName> = BTreeMap::new();
            let mut told = false;
            for role in group.highest_first() {
                for set in self.duties.get(role).into_iter().flatten() {
                    match first.get(set) {
                        Some(one) if !told => {
                            told = true;
                            findings.push(Finding::new(
                                BOTH,
                                Place::ExclusiveGroup(group.name().to_owned()),
                                format!(
                                    "exclusive group `{}` gives the higher of `{one}` and `{role}`, and `separation_of_duty` gives neither",
                                    group.name()
                                ),
                                "take the two out of one of them",
                            ));
                        }
                        Some(_) => {}
                        None => {
                            first.insert(*set, role);
                        }
                    }
                }
                if told {
                    break;
                }
            }
        }
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// Sets of which one person may match two rules: an example of each.
    fn may_meet(&mut self) {
        let mut giving: BTreeMap<&RoleName, Vec<usize>> = BTreeMap::new();
        for (number, prepared) in self.rules.iter().enumerate() {
            if prepared.matched.is_some() {
                for grant in &prepared.rule.grant {
                    giving.entry(&grant.role).or_default().push(number);
                }
            }
        }
        let mut findings = Vec::new();
        for (number, set) in self.policy.catalog.separation_of_duty().iter().enumerate() {
            // The first rule of each role stands for all: this is a note.
            let first: Vec<_> = set
                .roles()
                .iter()
                .filter_map(|role| {
                    let rule = giving.get(role)?.first()?;
                    Some((role, self.rules.get(*rule)?))
                })
                .take(2)
                .collect();
            let [(one, giver), (other, second)] = first.as_slice() else {
                continue;
            };
            let shared: BTreeSet<_> = giver
                .connections
                .intersection(&second.connections)
                .collect();
            let meet = giver
                .matched
                .clone()
                .zip(second.matched.as_ref())
                .is_some_and(|(mut both, second)| second.claims().all(|claim| both.add(&claim)));
            if meet && !shared.is_empty() && giver.rule.id != second.rule.id {
                findings.push(Finding::new(
                    MAY_MEET,
                    Place::DutySet(number),
                    format!(
                        "whoever matches rule `{}` and rule `{}` gets neither `{one}` nor `{other}`",
                        giver.rule.id, second.rule.id
                    ),
                    "nothing, if that is what separation of duty is for",
                ));
            }
        }
        findings.into_iter().for_each(|finding| self.add(finding));
    }
}
