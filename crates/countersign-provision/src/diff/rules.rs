//! Rules.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{DocumentPattern, RuleId};
use countersign_roles::condition::Values;
use countersign_roles::{Condition, RoleGrant, Rule, RuleSet, Test, scope};

use super::section::{Section, duration, more_if, pairs, some, text, texts, wider};
use super::{Access, Difference};

pub(super) fn compare(old: &RuleSet, new: &RuleSet, all: &mut Vec<Difference>) {
    let (before, after) = (by_id(old), by_id(new));
    for (id, before, after) in pairs(&before, &after) {
        let mut section = Section::new(all, "rule", Some(id.to_string()));
        match (before, after) {
            (Some(before), Some(after)) => rule(before, after, &mut section),
            (before, after) => {
                let access = before.or(after).map_or(Access::Same, |rule| does(rule));
                let access = if after.is_some() {
                    access
                } else {
                    access.inverse()
                };
                let write = |rule: &&Rule| sentence(rule);
                section.whole(before.map(write), after.map(write), access);
            }
        }
    }
}

fn by_id(rules: &RuleSet) -> BTreeMap<&RuleId, &Rule> {
    let rules = rules.rules().iter();
    rules.map(|rule| (&rule.id, rule)).collect()
}

/// What it gives to match more people.
fn does(rule: &Rule) -> Access {
    match (rule.grant.is_empty(), rule.deny.is_empty()) {
        (false, true) => Access::More,
        (true, false) => Access::Less,
        (false, false) => Access::Unclear,
        (true, true) => Access::Same,
    }
}

fn sentence(rule: &Rule) -> String {
    let mut conditions: Vec<String> = rule.all.iter().map(condition).collect();
    conditions.sort();
    let list = |roles: BTreeSet<String>| roles.into_iter().collect::<Vec<_>>().join(", ");
    let mut said = format!("if {}", conditions.join(" and "));
    if !rule.grant.is_empty() {
        said.push_str(", gives ");
        said.push_str(&list(texts(rule.grant.iter().map(|grant| &grant.role))));
    }
    if !rule.deny.is_empty() {
        said.push_str(", denies ");
        said.push_str(&list(texts(&rule.deny)));
    }
    said
}

fn rule(old: &Rule, new: &Rule, section: &mut Section<'_>) {
    let Rule {
        id: _,
        note,
        connections,
        all,
        grant,
        deny,
    } = new;
    section.value("note", &old.note, note, some(text), |_, _| Access::Same);
    // What matching more people means, if the rule does the same before and after.
    let matching = match (does(old), does(new)) {
        (before, after) if before == after => after,
        _ => Access::Unclear,
    };
    let matching_less = matching.inverse();
    let (before, after) = (texts(&old.connections), texts(connections));
    match (before.is_empty(), after.is_empty()) {
        // None are all.
        (true, false) | (false, true) => {
            let write = |connections: &BTreeSet<String>| {
                let named: Vec<&str> = connections.iter().map(String::as_str).collect();
                Some(if named.is_empty() {
                    "all".to_owned()
                } else {
                    named.join(", ")
                })
            };
            let access = if after.is_empty() {
                matching
            } else {
                matching_less
            };
            section.value("connection", &before, &after, write, |_, _| access);
        }
        _ => section.set("connection", &before, &after, matching),
    }
    conditions(&old.all, all, (matching, matching_less), section);
    let grants = |grants: &'_ [RoleGrant]| -> BTreeMap<_, RoleGrant> {
        let grants = grants.iter();
        grants
            .map(|grant| (grant.role.clone(), grant.clone()))
            .collect()
    };
    let (before, after) = (grants(&old.grant), grants(grant));
    for (role, before, after) in pairs(&before, &after) {
        match (before, after) {
            (Some(before), Some(after)) => terms(before, after, section),
            (before, after) => {
                let write = |grant: &Option<&RoleGrant>| {
                    let grant = grant.as_ref()?;
                    let ttl = grant.ttl.as_ref().and_then(duration);
                    Some(ttl.map_or_else(|| "for good".to_owned(), |ttl| format!("for {ttl}")))
                };
                let field = format!("grant of {role}");
                section.value(field, &before, &after, write, |_, after| {
                    more_if(after.is_some())
                });
            }
        }
    }
    section.set("deny", &texts(&old.deny), &texts(deny), Access::Less);
}

fn terms(old: &RoleGrant, new: &RoleGrant, section: &mut Section<'_>) {
    let RoleGrant {
        role,
        ttl,
        renew,
        cap,
        scope,
    } = new;
    let field = |what: &str| format!("{what} of {role}");
    section.value(field("ttl"), &old.ttl, ttl, some(duration), |a, b| {
        wider(a, b)
    });
    section.value(field("renew"), &old.renew, renew, text, |_, after| {
        more_if(*after)
    });
    section.value(
        field("cap"),
        &old.cap,
        cap,
        some(duration),
        |before, after| {
            // Without renewals there is nothing to cap; that they are gone is told by itself.
            if old.renew && *renew {
                wider(before, after)
            } else {
                Access::Same
            }
        },
    );
    let (before, after) = (scope::canonical(&old.scope), scope::canonical(scope));
    let write = |scope: &Vec<DocumentPattern>| {
        let patterns: Vec<String> = scope.iter().map(ToString::to_string).collect();
        Some(if patterns.is_empty() {
            "no limit".to_owned()
        } else {
            patterns.join(", ")
        })
    };
    section.value(field("scope"), &before, &after, write, |before, after| {
        let within = |inner: &[DocumentPattern], outer: &[DocumentPattern]| {
            outer.is_empty()
                || (!inner.is_empty()
                    && inner
                        .iter()
                        .all(|inner| outer.iter().any(|outer| outer.contains(inner))))
        };
        match (within(before, after), within(after, before)) {
            (true, _) => Access::More,
            (false, true) => Access::Less,
            (false, false) => Access::Unclear,
        }
    });
}

/// A condition in its one form, where several say the same.
fn canonical(condition: &Condition) -> Condition {
    let Condition {
        attribute,
        test,
        negated,
    } = condition;
    let test = match test {
        Test::AnyOf(values) => match values.as_slice() {
            [value] => Test::Eq(value.clone()),
            _ => test.clone(),
        },
        other => other.clone(),
    };
    Condition {
        attribute: attribute.clone(),
        test,
        negated: *negated,
    }
}

/// A condition as it is written, with all of its values.
fn condition(of: &Condition) -> String {
    let Condition {
        attribute,
        test,
        negated,
    } = of;
    let not = if *negated { "not " } else { "" };
    let asked = match test {
        Test::AnyOf(values) => format!("any_of {}", list(values)),
        Test::Eq(value) | Test::Prefix(value) | Test::Suffix(value) | Test::Domain(value) => {
            format!("{} `{value}`", test.name())
        }
        _ => test.name().to_owned(),
    };
    format!("{not}{attribute} {asked}")
}

fn list(values: &Values) -> String {
    let values: Vec<String> = values
        .as_slice()
        .iter()
        .map(|value| format!("`{value}`"))
        .collect();
    values.join(", ")
}

/// Whether whoever meets `one` meets `other`, as far as it can be told from the two alone.
fn implies(one: &Condition, other: &Condition) -> bool {
    if one == other {
        return true;
    }
    if one.attribute != other.attribute || one.negated != other.negated {
        return false;
    }
    let passes = |one: &Test, other: &Test| match (one.exact_values(), one) {
        (Some(values), _) => values.iter().all(|value| other.passes(value)),
        (None, Test::Prefix(one)) => match other {
            Test::Prefix(other) => one.starts_with(other.as_str()),
            other => *other == Test::Present,
        },
        (None, Test::Suffix(one)) => match other {
            Test::Suffix(other) => one.ends_with(other.as_str()),
            other => *other == Test::Present,
        },
        (None, Test::Domain(_)) => *other == Test::Present,
        _ => false,
    };
    if one.negated {
        passes(&other.test, &one.test)
    } else {
        passes(&one.test, &other.test)
    }
}

fn conditions(
    old: &[Condition],
    new: &[Condition],
    (matching_more, matching_less): (Access, Access),
    section: &mut Section<'_>,
) {
    let all = |conditions: &[Condition]| -> BTreeSet<Condition> {
        conditions.iter().map(canonical).collect()
    };
    let (before, after) = (all(old), all(new));
    let follows = |from: &BTreeSet<Condition>, all: &BTreeSet<Condition>| {
        all.iter()
            .all(|one| from.iter().any(|given| implies(given, one)))
    };
    let access = match (follows(&after, &before), follows(&before, &after)) {
        (true, true) => Access::Same,
        (true, false) => matching_less,
        (false, true) => matching_more,
        (false, false) => Access::Unclear,
    };
    let write = |conditions: &BTreeSet<Condition>| {
        let conditions: Vec<String> = conditions.iter().map(condition).collect();
        Some(conditions.join(" and "))
    };
    section.value("all", &before, &after, write, |_, _| access);
}
