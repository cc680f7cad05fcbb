//! What stands against the rows that are wanted.
//!
//! Each step reads how the rows stood before it, so that no order of rules or rows matters. What
//! is certain takes a row out; what is not certain puts it in doubt. Only a row that is there
//! can stand against others without being certain: what was never given is held by nobody.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{RoleName, RuleId, Timestamp};

use crate::catalog::RoleCatalog;
use crate::grant_delta::Obstacle;
use crate::reconcile::RoleSync;
use crate::reconcile::row::{Row, Standing};
use crate::rule_set::Evaluation;

/// How sure it is that something stands against a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    Perhaps,
    Sure,
}

/// Takes out and puts in doubt what the policy does not let be.
pub(super) fn raise(
    rows: &mut [Row<'_>],
    sync: &RoleSync<'_>,
    evaluation: &Evaluation<'_>,
    barred: &BTreeSet<&RoleName>,
    others: &[&RoleName],
    now: Timestamp,
) {
    bar(rows, barred);
    deny(rows, sync, evaluation);
    bound(rows, sync);
    keep_shortest(rows);
    separate_duties(rows, sync.catalog, others, now);
    keep_highest(rows, sync.catalog, now);
}

fn bar(rows: &mut [Row<'_>], barred: &BTreeSet<&RoleName>) {
    for row in rows {
        if barred.contains(row.role) {
            row.refuse(Obstacle::Barred);
        }
    }
}

fn deny(rows: &mut [Row<'_>], sync: &RoleSync<'_>, evaluation: &Evaluation<'_>) {
    let mut denied: BTreeMap<&RoleName, BTreeSet<&RuleId>> = BTreeMap::new();
    for rule in evaluation.matched() {
        for role in &rule.deny {
            denied.entry(role).or_default().insert(&rule.id);
        }
    }
    for row in rows {
        if let Some(by) = denied.get(row.role) {
            let by = by.iter().map(|id| (*id).clone()).collect();
            row.refuse(Obstacle::Denied { by });
        } else {
            let by = sync
                .rules
                .undecided_denials(row.role, sync.connection, sync.facts);
            if !by.is_empty() {
                row.doubt(Obstacle::DenialUndecided { by });
            }
        }
    }
}

fn bound(rows: &mut [Row<'_>], sync: &RoleSync<'_>) {
    let Some(max) = sync.max_privilege else {
        return;
    };
    for row in rows {
        if sync.catalog.exceeds(row.role, max) {
            row.refuse(Obstacle::ExceedsMaxPrivilege { max: max.clone() });
        }
    }
}

fn keep_shortest(rows: &mut [Row<'_>]) {
    let before = rows.to_vec();
    let mut by_role: BTreeMap<&RoleName, Vec<(&Row<'_>, Certainty)>> = BTreeMap::new();
    for row in &before {
        let certainty = match row.standing {
            Standing::In => Certainty::Sure,
            Standing::Doubt(_) if row.existing.is_some() => Certainty::Perhaps,
            Standing::Doubt(_) | Standing::Out(_) => continue,
        };
        by_role.entry(row.role).or_default().push((row, certainty));
    }
    for row in rows {
        let rivals = by_role.get(row.role).into_iter().flatten();
        let shorter = rivals.filter(|(rival, _)| {
            rival.terms.span() < row.terms.span() && rival.terms.overlaps(&row.terms)
        });
        let mut shorter: Vec<_> = shorter.collect();
        // The surest one decides, and of equally sure ones the first by id.
        shorter.sort_by_key(|(rival, certainty)| (std::cmp::Reverse(*certainty), rival.rule));
        if let Some((rival, certainty)) = shorter.first()
            && let Some(by) = rival.rule
        {
            let obstacle = Obstacle::ShorterRule { by: by.clone() };
            object(row, *certainty, obstacle);
        }
    }
}

fn separate_duties(
    rows: &mut [Row<'_>],
    catalog: &RoleCatalog,
    others: &[&RoleName],
    now: Timestamp,
) {
    let sets = catalog.separation_of_duty();
    if sets.is_empty() {
        return;
    }
    let mut sure: BTreeSet<&RoleName> = others.iter().copied().collect();
    let mut perhaps = sure.clone();
    for row in rows.iter().filter(|row| row.will_live(now)) {
        if row.standing == Standing::In {
            sure.insert(row.role);
        }
        perhaps.insert(row.role);
    }
    let violated = |held: &BTreeSet<&RoleName>, role: &RoleName| {
        let mut sets = sets.iter().filter(|set| set.roles().contains(role));
        sets.find(|set| {
            let of_set = held.iter().filter(|held| set.roles().contains(**held));
            of_set.take(2).count() == 2
        })
    };
    let objections: Vec<_> = rows
        .iter()
        .map(|row| {
            let certain = violated(&sure, row.role).map(|set| (Certainty::Sure, set));
            certain.or_else(|| Some((Certainty::Perhaps, violated(&perhaps, row.role)?)))
        })
        .collect();
    for (row, objection) in rows.iter_mut().zip(objections) {
        if let Some((certainty, set)) = objection {
            let set = set.clone();
            object(row, certainty, Obstacle::SeparationOfDuty { set });
        }
    }
}

fn keep_highest(rows: &mut [Row<'_>], catalog: &RoleCatalog, now: Timestamp) {
    // Whoever is above a role has been settled when it is that role's turn.
    for role in catalog.exclusive_order() {
        let mut objection: Option<(Certainty, Obstacle)> = None;
        for group in catalog.exclusive_groups() {
            let roles = group.highest_first();
            if !roles.contains(role) {
                continue;
            }
            for higher in roles.iter().take_while(|higher| *higher != role) {
                let Some(certainty) = certainty_of(rows, higher, now) else {
                    continue;
                };
                if objection.as_ref().is_none_or(|(most, _)| certainty > *most) {
                    let obstacle = Obstacle::NotHighest {
                        group: group.name().to_owned(),
                        highest: higher.clone(),
                    };
                    objection = Some((certainty, obstacle));
                }
            }
        }
        let Some((certainty, obstacle)) = objection else {
            continue;
        };
        for row in rows.iter_mut().filter(|row| row.role == role) {
            if row.will_live(now) {
                object(row, certainty, obstacle.clone());
            }
        }
    }
}

/// How sure it is that the person will hold `role` from this connection.
fn certainty_of(rows: &[Row<'_>], role: &RoleName, now: Timestamp) -> Option<Certainty> {
    let rows = rows.iter().filter(|row| row.role == role);
    let live = rows.filter(|row| row.will_live(now));
    live.map(|row| match row.standing {
        Standing::In => Certainty::Sure,
        _ => Certainty::Perhaps,
    })
    .max()
}

fn object(row: &mut Row<'_>, certainty: Certainty, obstacle: Obstacle) {
    match certainty {
        Certainty::Sure => row.refuse(obstacle),
        Certainty::Perhaps => row.doubt(obstacle),
    }
}
