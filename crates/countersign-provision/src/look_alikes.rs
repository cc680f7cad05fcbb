//! Values in a policy that look like each other, and are not the same.
//!
//! A value is compared byte for byte, so one of two look-alikes is mostly a mistake: it matches
//! nobody, or it matches those who were let choose a name that a reviewer takes for another.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use countersign_core::ConnectionId;
use countersign_roles::{Finding, GROUPS, Place, Rule, Severity};
use foldhash::{HashMap, HashMapExt as _, HashSet};

use crate::confusable::Skeletons;
use crate::policy::PolicyParts;

const CONFUSABLE_VALUE: (Severity, &str) = (Severity::Warning, "lint.confusable_value");

/// A value that is asked for exactly, and of what.
type Value<'p> = (&'p str, &'p str);

/// Where a value stands that is asked for exactly.
#[derive(Clone, Copy)]
struct Asked<'p> {
    value: &'p str,
    by: By<'p>,
}

/// Who asks for it.
#[derive(Clone, Copy)]
enum By<'p> {
    /// The `require_group` of a connection.
    Connection(&'p ConnectionId),
    /// A condition of a rule, by its number.
    Rule(&'p Rule, usize),
}

/// How a value looks, white space aside: to whoever reads it, or to a reader who does not mind
/// the case. Two are equal if they look the same; most are told apart without being written out.
#[derive(Clone, Copy)]
struct Look<'p> {
    value: &'p str,
    minds_case: bool,
    skeletons: &'p Skeletons,
}

impl Look<'_> {
    fn skeleton(&self) -> String {
        let text: String = self.value.split_whitespace().collect();
        match self.minds_case {
            true => self.skeletons.skeleton(&text),
            false => self.skeletons.skeleton(&text.to_lowercase()),
        }
    }
}

impl PartialEq for Look<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.minds_case == other.minds_case
            && (self.value == other.value || self.skeleton() == other.skeleton())
    }
}

impl Eq for Look<'_> {}

impl Hash for Look<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut write = |skeleton: &str| skeleton.bytes().for_each(|byte| state.write_u8(byte));
        if !self.value.is_ascii() {
            return write(&self.skeleton());
        }
        let seen = self.value.bytes();
        for byte in seen.filter(|byte| !char::from(*byte).is_whitespace()) {
            let byte = match self.minds_case {
                true => byte,
                false => byte.to_ascii_lowercase(),
            };
            write(self.skeletons.of_ascii(byte));
        }
    }
}

/// Of the values that are asked for of one attribute at one connection: each that looks like an
/// earlier one, or differs from it in case or white space only.
pub(crate) fn look_alikes(parts: &PolicyParts) -> Vec<Finding> {
    let skeletons = Skeletons::new();
    let alike = alike(parts, &skeletons);
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for ((_, attribute), asked) in asked(parts, &alike) {
        let mut seen: HashMap<Look<'_>, Asked<'_>> = HashMap::new();
        for one in asked {
            let mut earlier = None;
            for look in looks(one.value, &skeletons) {
                let first = *seen.entry(look).or_insert(one);
                earlier = earlier.or(Some(first).filter(|first| first.value != one.value));
            }
            if let Some(earlier) = earlier
                && told.insert((attribute, earlier.value, one.value))
            {
                findings.push(finding(attribute, &earlier, &one));
            }
        }
    }
    findings
}

fn looks<'p>(value: &'p str, skeletons: &'p Skeletons) -> [Look<'p>; 2] {
    [true, false].map(|minds_case| Look {
        value,
        minds_case,
        skeletons,
    })
}

/// The values of which another one of the same attribute looks the same, at whatever connection:
/// mostly none.
fn alike<'p>(parts: &'p PolicyParts, skeletons: &'p Skeletons) -> HashSet<Value<'p>> {
    let groups = parts.connections.values();
    let groups = groups.filter_map(|connection| connection.create.require_group.as_deref());
    let conditions = parts.rules.rules().iter().flat_map(|rule| &rule.all);
    let values = conditions.flat_map(|condition| {
        let values = condition.test.exact_values().into_iter().flatten();
        values.map(|value| (condition.attribute.as_str(), value.as_str()))
    });
    // Most rules ask for one value, and a map that grows hashes all its keys again.
    let many = parts.rules.rules().len().saturating_mul(2);
    let mut seen: HashMap<(&str, Look<'_>), &str> = HashMap::with_capacity(many);
    let mut alike = HashSet::default();
    for (attribute, value) in groups.map(|group| (GROUPS, group)).chain(values) {
        for look in looks(value, skeletons) {
            let first = *seen.entry((attribute, look)).or_insert(value);
            if first != value {
                alike.extend([(attribute, first), (attribute, value)]);
            }
        }
    }
    alike
}

/// Where these values are asked for exactly, by connection and attribute, in the order of the
/// policy. What one provider calls something says nothing of what another does.
fn asked<'p>(
    parts: &'p PolicyParts,
    alike: &HashSet<Value<'p>>,
) -> BTreeMap<(&'p ConnectionId, &'p str), Vec<Asked<'p>>> {
    let mut asked: BTreeMap<_, Vec<Asked<'_>>> = BTreeMap::new();
    if alike.is_empty() {
        return asked;
    }
    let mut add = |connection, attribute, value, by| {
        if alike.contains(&(attribute, value)) {
            let asked = asked.entry((connection, attribute)).or_default();
            asked.push(Asked { value, by });
        }
    };
    for (id, connection) in &parts.connections {
        if let Some(group) = &connection.create.require_group {
            add(id, GROUPS, group, By::Connection(id));
        }
    }
    for rule in parts.rules.rules() {
        // A rule that names none speaks of the only one.
        let named = rule.connections.iter();
        let all = parts.connections.keys();
        let connections = named.chain(all.filter(|_| rule.connections.is_empty()));
        for connection in connections {
            for (number, condition) in rule.all.iter().enumerate() {
                for value in condition.test.exact_values().into_iter().flatten() {
                    let by = By::Rule(rule, number);
                    add(connection, &condition.attribute, value, by);
                }
            }
        }
    }
    asked
}

fn finding(attribute: &str, earlier: &Asked<'_>, later: &Asked<'_>) -> Finding {
    let (one, other) = (later.value, earlier.value);
    let there = match earlier.by {
        By::Connection(id) => format!("`require_group` of connection `{id}`"),
        By::Rule(rule, _) => format!("rule `{}`", rule.id),
    };
    let here = match later.by {
        By::Connection(id) => Place::Connection(id.clone()),
        By::Rule(rule, number) => Place::Condition(rule.id.clone(), number),
    };
    let plain = |text: &str| -> String {
        let text: String = text.split_whitespace().collect();
        text.to_lowercase()
    };
    let (message, fix) = if plain(one) == plain(other) {
        (
            format!(
                "`{one}` differs from `{other}` in {there} in case or white space only, and is another value of `{attribute}`"
            ),
            "write both as the provider sends it, unless it sends both",
        )
    } else {
        (
            format!(
                "`{one}` looks like `{other}` in {there}, and is another value of `{attribute}`{}",
                difference(one, other)
            ),
            "write both as the provider sends it; if it sends both, rename one of them there",
        )
    };
    Finding::new(CONFUSABLE_VALUE, here, message, fix)
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
