//! Values in a policy that look like each other, and are not the same.
//!
//! A value is compared byte for byte, so one of two look-alikes is mostly a mistake: it matches
//! nobody, or it matches those who were let choose a name that a reviewer takes for another.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::ConnectionId;
use countersign_roles::{Finding, GROUPS, Place, Severity};
use foldhash::{HashMap, HashMapExt as _};

use crate::confusable::Skeletons;
use crate::policy::PolicyParts;

const CONFUSABLE_VALUE: (Severity, &str) = (Severity::Warning, "lint.confusable_value");

/// Where a value stands that is asked for exactly.
struct Asked<'p> {
    value: &'p str,
    place: Place,
}

/// How a value looks, white space aside.
struct Look {
    /// To whoever reads it.
    exact: String,
    /// To a reader who does not mind the case; none if that is the same.
    caseless: Option<String>,
}

impl Look {
    fn of(value: &str, skeletons: &Skeletons) -> Self {
        let text: String = value.split_whitespace().collect();
        let lower = text.to_lowercase();
        Self {
            exact: skeletons.skeleton(&text),
            caseless: (lower != text).then(|| skeletons.skeleton(&lower)),
        }
    }

    fn both(&self) -> [&str; 2] {
        [&self.exact, self.caseless.as_ref().unwrap_or(&self.exact)]
    }
}

/// Of the values that are asked for of one attribute at one connection: each that looks like an
/// earlier one, or differs from it in case or white space only.
pub(crate) fn look_alikes(parts: &PolicyParts) -> Vec<Finding> {
    let asked = asked(parts);
    let skeletons = Skeletons::new();
    let mut looks: HashMap<&str, Look> = HashMap::new();
    for one in asked.values().flatten() {
        let look = looks.entry(one.value);
        look.or_insert_with(|| Look::of(one.value, &skeletons));
    }
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for ((_, attribute), asked) in &asked {
        let mut seen: [HashMap<&str, &Asked<'_>>; 2] = Default::default();
        for one in asked {
            let look = looks.get(one.value).into_iter().flat_map(Look::both);
            let mut earlier = None;
            for (seen, look) in seen.iter_mut().zip(look) {
                let first = *seen.entry(look).or_insert(one);
                earlier = earlier.or(Some(first).filter(|first| first.value != one.value));
            }
            if let Some(earlier) = earlier
                && told.insert((*attribute, earlier.value, one.value))
            {
                findings.push(finding(attribute, earlier, one));
            }
        }
    }
    findings
}

/// The values that are asked for exactly, by connection and attribute, in the order of the policy.
/// What one provider calls something says nothing of what another does.
fn asked(parts: &PolicyParts) -> BTreeMap<(&ConnectionId, &str), Vec<Asked<'_>>> {
    let mut asked: BTreeMap<_, Vec<Asked<'_>>> = BTreeMap::new();
    for (id, connection) in &parts.connections {
        if let Some(group) = &connection.create.require_group {
            asked.entry((id, GROUPS)).or_default().push(Asked {
                value: group,
                place: Place::Connection(id.clone()),
            });
        }
    }
    for rule in parts.rules.rules() {
        // A rule that names none speaks of the only one.
        let named = rule.connections.iter();
        let all = parts.connections.keys();
        let connections = named.chain(all.filter(|_| rule.connections.is_empty()));
        for connection in connections {
            for (number, condition) in rule.all.iter().enumerate() {
                let asked = asked
                    .entry((connection, condition.attribute.as_str()))
                    .or_default();
                let values = condition.test.exact_values().into_iter().flatten();
                asked.extend(values.map(|value| Asked {
                    value,
                    place: Place::Condition(rule.id.clone(), number),
                }));
            }
        }
    }
    asked
}

fn finding(attribute: &str, earlier: &Asked<'_>, later: &Asked<'_>) -> Finding {
    let (one, other) = (later.value, earlier.value);
    let place = match &earlier.place {
        Place::Connection(id) => format!("`require_group` of connection `{id}`"),
        place => place
            .rule()
            .map_or_else(String::new, |rule| format!("rule `{rule}`")),
    };
    let plain = |text: &str| -> String {
        let text: String = text.split_whitespace().collect();
        text.to_lowercase()
    };
    let (message, fix) = if plain(one) == plain(other) {
        (
            format!(
                "`{one}` differs from `{other}` in {place} in case or white space only, and is another value of `{attribute}`"
            ),
            "write both as the provider sends it, unless it sends both",
        )
    } else {
        (
            format!(
                "`{one}` looks like `{other}` in {place}, and is another value of `{attribute}`{}",
                difference(one, other)
            ),
            "write both as the provider sends it; if it sends both, rename one of them there",
        )
    };
    Finding::new(CONFUSABLE_VALUE, later.place.clone(), message, fix)
}

/// The first characters that differ, which a reader can not tell apart.
fn difference(one: &str, other: &str) -> String {
    let mut pairs = one.chars().zip(other.chars());
    match pairs.find(|(one, other)| one != other) {
        Some((one, other)) => format!(
            ": it has U+{:04X} where that has U+{:04X}",
            u32::from(one),
            u32::from(other)
        ),
        None => String::new(),
    }
}
