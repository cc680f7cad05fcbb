//! Where rules are found.

use std::collections::BTreeMap;

use countersign_core::{ConnectionId, Facts};
use foldhash::{HashMap, HashMapExt as _};

use crate::condition::{Answer, Condition, EMAIL, GROUPS, Test, said};
use crate::rule::Rule;
use crate::rule_set::affix::{Affixes, End};

/// A run of a list. Half as large as two `usize` would be, so that more of an index is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Run {
    from: u32,
    to: u32,
}

impl Run {
    /// The run from one place to before another. Nobody has four thousand million rules; whoever
    /// had would find none of the last.
    pub(super) fn new(from: usize, to: usize) -> Self {
        let [from, to] = [from, to].map(|place| u32::try_from(place).unwrap_or(u32::MAX));
        Self { from, to }
    }

    /// That run of `list`; nothing, if it is not one of it.
    pub(super) fn of<T>(self, list: &[T]) -> &[T] {
        list.get(self.from as usize..self.to as usize)
            .unwrap_or_default()
    }
}

/// A rule, filed under an atom of one of its conditions: whoever finds it meets that one.
#[derive(Debug, Clone, Copy)]
struct Filed {
    /// Its place in the set.
    place: u32,
    scope: Scope,
    /// The run of its other conditions in [`Index::others`].
    others: Run,
}

/// The connections that a rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    /// One, by its place in [`Index::connections`].
    One(u32),
    /// Several: the rule has to be asked.
    Several,
}

type ByValue = HashMap<Box<str>, Run>;

/// The rules that are found by the values of one attribute.
#[derive(Debug, Clone, Default)]
struct ByAttribute {
    exact: ByValue,
    domains: ByValue,
    prefixes: Affixes,
    suffixes: Affixes,
    present: Run,
}

/// Where rules are found, and what is left to ask of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    by_attribute: HashMap<String, ByAttribute>,
    /// Rules that nothing is found by: all of their conditions are negated.
    always: Run,
    filed: Vec<Filed>,
    /// Places in `conditions`, one run for all rules that are left with the same.
    others: Vec<u32>,
    /// Each condition that is left to ask, once, however many rules share it.
    conditions: Vec<Condition>,
    connections: Vec<ConnectionId>,
}

/// What a rule is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Atom<'a> {
    Value(&'a str),
    Domain(&'a str),
    Prefix(&'a str),
    Suffix(&'a str),
    Present,
}

impl<'a> Atom<'a> {
    /// The atoms of a condition; whoever meets it has one of them. None for a negated one.
    fn of(condition: &'a Condition) -> impl Iterator<Item = Self> {
        let test = Some(&condition.test).filter(|_| !condition.negated);
        let values = test.and_then(Test::exact_values).unwrap_or_default();
        let other = test.and_then(|test| match test {
            Test::Eq(_) | Test::AnyOf(_) => None,
            Test::Domain(domain) => Some(Self::Domain(domain)),
            Test::Prefix(prefix) => Some(Self::Prefix(prefix)),
            Test::Suffix(suffix) => Some(Self::Suffix(suffix)),
            Test::Present => Some(Self::Present),
        });
        values.iter().map(|value| Self::Value(value)).chain(other)
    }

    /// How many values it stands for, by guess: an affix is met by more people than a value, and
    /// nearly everybody has an attribute.
    fn breadth(self) -> usize {
        match self {
            Self::Value(_) | Self::Domain(_) => 1,
            Self::Prefix(_) | Self::Suffix(_) => 8,
            Self::Present => 1024,
        }
    }
}

/// All atoms of all conditions, each with a number, in the order in which they first stand.
#[derive(Default)]
struct Atoms<'a> {
    /// Each atom, of the attribute before it.
    all: Vec<(&'a str, Atom<'a>)>,
    /// By how much of all conditions together each is asked for.
    asked: Vec<usize>,
    /// The numbers of the atoms of each condition, one condition after the other.
    of_conditions: Vec<usize>,
}

impl<'a> Atoms<'a> {
    fn of(rules: &'a [Rule]) -> Self {
        let mut atoms = Self::default();
        // Most rules bring an atom of their own; a map that grows hashes all its keys again.
        let mut numbers: HashMap<(&str, Atom<'_>), usize> = HashMap::with_capacity(rules.len());
        for condition in rules.iter().flat_map(|rule| &rule.all) {
            for atom in Atom::of(condition) {
                let key = (condition.attribute.as_str(), atom);
                let number = *numbers.entry(key).or_insert_with(|| {
                    atoms.all.push(key);
                    atoms.asked.push(0);
                    atoms.asked.len().saturating_sub(1)
                });
                if let Some(asked) = atoms.asked.get_mut(number) {
                    *asked = asked.saturating_add(atom.breadth());
                }
                atoms.of_conditions.push(number);
            }
        }
        atoms
    }

    /// How many conditions ask for one of these atoms.
    fn asked(&self, numbers: &[usize]) -> usize {
        let counts = numbers.iter().filter_map(|number| self.asked.get(*number));
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }
}

impl Index {
    /// Files each rule under the atoms of its rarest condition: the one whose atoms are asked for
    /// by the fewest conditions of all rules together.
    pub(super) fn of(rules: &[Rule]) -> Self {
        let atoms = Atoms::of(rules);
        let mut rest = atoms.of_conditions.as_slice();
        let mut index = Self::default();
        let mut files: Vec<(usize, Filed)> = Vec::with_capacity(rules.len());
        let mut always = Vec::new();
        let mut places: HashMap<&Condition, u32> = HashMap::new();
        let mut runs: HashMap<Vec<u32>, Run> = HashMap::new();
        for (place, rule) in rules.iter().enumerate() {
            let mut found_by: Option<(usize, &Condition, &[usize])> = None;
            for condition in &rule.all {
                let (own, others) = rest
                    .split_at_checked(Atom::of(condition).count())
                    .unwrap_or_default();
                rest = others;
                let asked = atoms.asked(own);
                if !own.is_empty() && found_by.is_none_or(|(least, ..)| asked < least) {
                    found_by = Some((asked, condition, own));
                }
            }
            let mut others = Vec::new();
            for condition in &rule.all {
                if found_by.is_none_or(|(_, found_by, _)| condition != found_by) {
                    others.push(*places.entry(condition).or_insert_with(|| {
                        let place = index.conditions.len();
                        index.conditions.push(condition.clone());
                        u32::try_from(place).unwrap_or(u32::MAX)
                    }));
                }
            }
            let all_others = &mut index.others;
            let run = runs.entry(others).or_insert_with_key(|others| {
                let from = all_others.len();
                all_others.extend(others);
                Run::new(from, all_others.len())
            });
            let filed = Filed {
                place: u32::try_from(place).unwrap_or(u32::MAX),
                others: *run,
                scope: index.scope(rule),
            };
            match found_by {
                None => always.push(filed),
                Some((.., own)) => files.extend(own.iter().map(|number| (*number, filed))),
            }
        }
        index.always = index.file(always);
        index.take(&atoms, files);
        index
    }

    fn scope(&mut self, rule: &Rule) -> Scope {
        match rule.connections.as_slice() {
            [] => Scope::All,
            [one] => {
                let known = self.place_of(one);
                Scope::One(known.unwrap_or_else(|| {
                    self.connections.push(one.clone());
                    self.place_of(one).unwrap_or(u32::MAX)
                }))
            }
            _ => Scope::Several,
        }
    }

    fn place_of(&self, connection: &ConnectionId) -> Option<u32> {
        let mut known = self.connections.iter();
        let place = known.position(|known| known == connection)?;
        u32::try_from(place).ok()
    }

    fn file(&mut self, filed: impl IntoIterator<Item = Filed>) -> Run {
        let from = self.filed.len();
        self.filed.extend(filed);
        Run::new(from, self.filed.len())
    }

    /// Puts the rules of each atom side by side, and each atom where it is looked for.
    fn take(&mut self, atoms: &Atoms<'_>, mut files: Vec<(usize, Filed)>) {
        // Stable: those of one atom stay in the order of the policy.
        files.sort_by_key(|(number, _)| *number);
        let mut affixes: BTreeMap<&str, [Vec<(String, Run)>; 2]> = BTreeMap::new();
        for file in files.chunk_by(|(one, _), (other, _)| one == other) {
            let number = file.first().map(|(number, _)| *number);
            let Some((attribute, atom)) = number.and_then(|number| atoms.all.get(number)) else {
                continue;
            };
            let run = self.file(file.iter().map(|(_, filed)| *filed));
            if !self.by_attribute.contains_key(*attribute) {
                let nothing = ByAttribute::default();
                self.by_attribute.insert((*attribute).to_owned(), nothing);
            }
            let Some(found) = self.by_attribute.get_mut(*attribute) else {
                continue;
            };
            let mut affix = |end: End, affix: &str| {
                let [prefixes, suffixes] = affixes.entry(attribute).or_default();
                let of_end = match end {
                    End::Start => prefixes,
                    End::Finish => suffixes,
                };
                of_end.push((affix.to_owned(), run));
            };
            match atom {
                Atom::Value(value) => {
                    found.exact.insert((*value).into(), run);
                }
                Atom::Domain(domain) => {
                    found.domains.insert((*domain).into(), run);
                }
                Atom::Prefix(prefix) => affix(End::Start, prefix),
                Atom::Suffix(suffix) => affix(End::Finish, suffix),
                Atom::Present => found.present = run,
            }
        }
        for (attribute, [prefixes, suffixes]) in affixes {
            if let Some(found) = self.by_attribute.get_mut(attribute) {
                found.prefixes = Affixes::new(End::Start, prefixes);
                found.suffixes = Affixes::new(End::Finish, suffixes);
            }
        }
    }

    /// The places of the rules that match, sorted.
    pub(super) fn matched(
        &self,
        rules: &[Rule],
        connection: &ConnectionId,
        facts: &Facts,
    ) -> Vec<u32> {
        let mut survivors = Survivors {
            index: self,
            rules,
            connection,
            here: self.place_of(connection),
            facts,
            answers: Answers::default(),
            places: Vec::new(),
        };
        survivors.keep(self.always);
        if let Some(groups) = facts.groups.known() {
            survivors.find(GROUPS, groups.iter().map(String::as_str));
        }
        survivors.find(EMAIL, said(facts, EMAIL));
        for (attribute, values) in &facts.attributes {
            // These two are asked of other facts than of attributes that are called so.
            if attribute != GROUPS && attribute != EMAIL {
                survivors.find(attribute, values.iter().map(String::as_str));
            }
        }
        let mut places = survivors.places;
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// The rules that were found and whose other conditions are met too.
struct Survivors<'a> {
    index: &'a Index,
    rules: &'a [Rule],
    connection: &'a ConnectionId,
    /// The connection's place in [`Index::connections`].
    here: Option<u32>,
    facts: &'a Facts,
    answers: Answers,
    places: Vec<u32>,
}

impl Survivors<'_> {
    /// Looks up what is said of one attribute. Empty values say nothing, and find nothing.
    fn find<'f>(&mut self, attribute: &str, values: impl Iterator<Item = &'f str>) {
        let Some(found_by) = self.index.by_attribute.get(attribute) else {
            return;
        };
        let mut is_present = false;
        let has_affixes = !found_by.prefixes.is_empty() || !found_by.suffixes.is_empty();
        let has_domains = !found_by.domains.is_empty();
        for value in values {
            is_present |= !value.is_empty();
            if let Some(run) = found_by.exact.get(value) {
                self.keep(*run);
            }
            if has_affixes {
                for run in found_by.prefixes.of(value) {
                    self.keep(run);
                }
                for run in found_by.suffixes.of(value) {
                    self.keep(run);
                }
            }
            if has_domains
                && let Some((_, domain)) = value.rsplit_once('@')
                && let Some(run) = found_by.domains.get(domain)
            {
                self.keep(*run);
            }
        }
        if is_present {
            self.keep(found_by.present);
        }
    }

    fn keep(&mut self, run: Run) {
        let index = self.index;
        for filed in run.of(&index.filed) {
            if self.is_about(filed) && self.meets_others(filed) {
                self.places.push(filed.place);
            }
        }
    }

    fn is_about(&self, filed: &Filed) -> bool {
        match filed.scope {
            Scope::All => true,
            Scope::One(place) => self.here == Some(place),
            Scope::Several => {
                let rule = self.rules.get(filed.place as usize);
                rule.is_some_and(|rule| rule.is_about(self.connection))
            }
        }
    }

    fn meets_others(&mut self, filed: &Filed) -> bool {
        let index = self.index;
        let mut others = filed.others.of(&index.others).iter();
        others.all(|place| {
            let condition = index.conditions.get(*place as usize);
            // INVARIANT: places were made with the index; what is not there is not met.
            condition.is_some_and(|condition| self.answers.of(*place, condition, self.facts))
        })
    }
}

/// The answers that were given last: most rules that are found together ask the same. As many as
/// fit into a few cache lines, so that nothing grows with the rules there are.
#[derive(Default)]
struct Answers([Option<(u32, bool)>; 32]);

impl Answers {
    /// Whether the condition at `place` is met.
    fn of(&mut self, place: u32, condition: &Condition, facts: &Facts) -> bool {
        let ask = || condition.answer(facts) == Answer::Met;
        let slot = (place as usize).checked_rem(self.0.len());
        let slot = slot.and_then(|slot| self.0.get_mut(slot));
        match slot {
            Some(Some((known, answer))) if *known == place => *answer,
            Some(slot) => {
                let answer = ask();
                *slot = Some((place, answer));
                answer
            }
            None => ask(),
        }
    }
}
