//! Roles, what keeps them apart, and what signing by them needs.

use std::collections::{BTreeMap, BTreeSet};

use countersign_roles::{
    CatalogParts, DutySet, ExclusiveGroup, Permission, Role, RoleCatalog, RoleParts, scope,
};

use super::section::{Section, duration, more_if, pairs, some, texts};
use super::{Access, Difference};
use crate::risk::{Needs, Risk, Risks};

pub(super) fn compare(old: &RoleCatalog, new: &RoleCatalog, all: &mut Vec<Difference>) {
    let CatalogParts {
        roles,
        separation_of_duty,
        exclusive_groups,
    } = new.parts();
    let old = old.parts();
    for (name, before, after) in pairs(old.roles, roles) {
        let mut section = Section::new(all, "role", Some(name.to_string()));
        match (before, after) {
            (Some(before), Some(after)) => role(before, after, &mut section),
            // A role that nothing gives yet gives nobody anything; one that is gone allows nothing
            // to whoever holds it.
            (before, after) => section.whole(
                before.map(allowed),
                after.map(allowed),
                if after.is_some() {
                    Access::Same
                } else {
                    Access::Less
                },
            ),
        }
    }
    let sets = |sets: &[DutySet]| texts(sets.iter().map(|set| names(set.roles())));
    Section::new(all, "separation_of_duty", None).set(
        "exclusive",
        &sets(old.separation_of_duty),
        &sets(separation_of_duty),
        Access::Less,
    );
    let groups = |groups: &[ExclusiveGroup]| -> BTreeMap<String, String> {
        let groups = groups.iter();
        groups
            .map(|group| (group.name().to_owned(), names(group.highest_first())))
            .collect()
    };
    let (before, after) = (groups(old.exclusive_groups), groups(exclusive_groups));
    for (name, before, after) in pairs(&before, &after) {
        let mut section = Section::new(all, "exclusive_group", Some(name.clone()));
        let field = "highest_first";
        let write = |roles: &Option<&String>| roles.cloned();
        section.value(field, &before, &after, write, |before, after| {
            match (before, after) {
                (None, _) => Access::Less,
                (_, None) => Access::More,
                _ => Access::Unclear,
            }
        });
    }
}

fn names<T: ToString>(roles: impl IntoIterator<Item = T>) -> String {
    let roles: Vec<String> = roles.into_iter().map(|role| role.to_string()).collect();
    roles.join(", ")
}

fn allowed(role: &Role) -> String {
    let permissions = role.parts().permissions;
    match permissions {
        [] => "allows nothing".to_owned(),
        some => format!("allows {}", names(some)),
    }
}

fn role(old: &Role, new: &Role, section: &mut Section<'_>) {
    let RoleParts {
        permissions,
        privileged,
        keep_last,
    } = new.parts();
    let old = old.parts();
    // What other permissions cover anyway is written differently, and means the same.
    let minimal = |permissions: &[Permission]| -> BTreeSet<String> {
        let mut by_action: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for permission in permissions {
            let documents = permission.documents().clone();
            by_action
                .entry(permission.action())
                .or_default()
                .push(documents);
        }
        let mut all = BTreeSet::new();
        for (action, documents) in by_action {
            let documents = scope::canonical(&documents);
            if documents.is_empty() {
                all.insert(format!("{action} *"));
            }
            all.extend(
                documents
                    .iter()
                    .map(|documents| format!("{action} {documents}")),
            );
        }
        all
    };
    section.set(
        "allow",
        &minimal(old.permissions),
        &minimal(permissions),
        Access::More,
    );
    // A privileged role is given by exact conditions only, and never by default.
    section.flag("privileged", old.privileged, privileged, Access::Less);
    // Somebody may keep a role that the rules would take.
    section.flag("keep_last", old.keep_last, keep_last, Access::More);
}

pub(super) fn compare_risks(old: &Risks, new: &Risks, all: &mut Vec<Difference>) {
    let by_name = |risks: &Risks| -> BTreeMap<String, Risk> {
        let risks = risks.iter();
        risks
            .map(|(name, risk)| (name.to_owned(), risk.clone()))
            .collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    for (name, before, after) in pairs(&before, &after) {
        let mut section = Section::new(all, "risk", Some(name.clone()));
        let (Some(before), Some(after)) = (before, after) else {
            let write = |risk: &Risk| format!("{} on {}", risk.needs, names(&risk.documents));
            let access = more_if(after.is_none());
            section.whole(before.map(write), after.map(write), access);
            continue;
        };
        let Risk { documents, needs } = after;
        let covered = |documents: &[_]| {
            let documents = scope::canonical(documents);
            if documents.is_empty() {
                texts(["*"])
            } else {
                texts(&documents)
            }
        };
        section.set(
            "documents",
            &covered(&before.documents),
            &covered(documents),
            Access::Less,
        );
        let Needs {
            multi_factor,
            federated,
            max_age,
            consent,
        } = *needs;
        section.flag(
            "require mfa",
            before.needs.multi_factor,
            multi_factor,
            Access::Less,
        );
        section.flag(
            "require federated",
            before.needs.federated,
            federated,
            Access::Less,
        );
        section.flag(
            "require consent",
            before.needs.consent,
            consent,
            Access::Less,
        );
        section.value(
            "max_age",
            &before.needs.max_age,
            &max_age,
            some(duration),
            super::section::wider,
        );
    }
}
