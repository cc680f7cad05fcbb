//! Which rules match a person of 300 groups.
//!
//! The floor is what nobody does without: the 300 groups looked up in a hash map of the standard
//! library, and the rules found there put in order. `linear scan` asks every rule for each of its
//! conditions, and is what the answer of the index is compared with.
//!
//! `5000x300` are rules of two exact conditions; `5000x300 mixed` uses the whole language. In the
//! cases after them the person shares a value with ten rules, however many rules there are: what
//! an evaluation costs is to grow with the rules that share a value, not with the rules there are.

use std::collections::{BTreeSet, HashMap};

use countersign::roles::condition::Answer;
use countersign::roles::{
    Condition, Evaluation, Role, RoleCatalog, RoleGrant, Rule, RuleSet, Values,
};
use countersign::{ConnectionId, Facts, Groups, RoleName, RuleId, SubjectKey, TenantId};

use crate::measure::{Effort, Subject, times};
use crate::row::Row;

const GROUPS: usize = 300;

/// Rules that share a value with the person where their number is held.
const SHARED: u32 = 10;

/// As many rules, and as many of them as share a value with the person.
const CASES: [(&str, Shape); 7] = [
    ("5000x300", Shape::new(5_000, None, false)),
    ("5000x300 mixed", Shape::new(5_000, None, true)),
    ("10x300 sharing 10", Shape::new(10, Some(SHARED), false)),
    ("100x300 sharing 10", Shape::new(100, Some(SHARED), false)),
    (
        "1000x300 sharing 10",
        Shape::new(1_000, Some(SHARED), false),
    ),
    (
        "10000x300 sharing 10",
        Shape::new(10_000, Some(SHARED), false),
    ),
    (
        "100000x300 sharing 10",
        Shape::new(100_000, Some(SHARED), false),
    ),
];

#[derive(Clone, Copy)]
struct Shape {
    rules: u32,
    shared: Option<u32>,
    is_mixed: bool,
}

impl Shape {
    const fn new(rules: u32, shared: Option<u32>, is_mixed: bool) -> Self {
        Self {
            rules,
            shared,
            is_mixed,
        }
    }

    /// The person's groups. Of some no rule speaks: without a number that is held, of half.
    fn groups(self) -> BTreeSet<String> {
        match self.shared {
            None => (0..self.rules.saturating_mul(2))
                .step_by(32)
                .take(GROUPS)
                .map(group)
                .collect(),
            Some(shared) => (0..shared)
                .chain(self.rules..)
                .take(GROUPS)
                .map(group)
                .collect(),
        }
    }

    fn conditions(self, number: u32) -> Vec<Condition> {
        let group = group(number);
        let sites = || Values::new(["ward", "theatre"]).expect("two values");
        let in_group = || Condition::eq("groups", group.as_str());
        let on_site = || Condition::any_of("department", sites());
        match (self.is_mixed, number % 16) {
            // Multiples of 32 are what the person has: a fourth of each kind.
            (true, 0) => match number / 32 % 4 {
                0 => vec![Condition::prefix("groups", prefix(&group)), on_site()],
                1 => vec![in_group(), !Condition::eq("title", "trainee")],
                2 => vec![in_group(), Condition::domain("acme.example")],
                _ => vec![in_group(), on_site()],
            },
            (true, 1) => vec![Condition::prefix("groups", prefix(&group)), on_site()],
            (true, 2) => vec![
                Condition::prefix("department", format!("ward-{number}-")),
                Condition::present("title"),
            ],
            (true, 3) => vec![
                Condition::domain(format!("d{number}.example")),
                !Condition::eq("groups", group.as_str()),
            ],
            (true, 4) => vec![Condition::suffix("title", format!("-{number}")), on_site()],
            (true, 5) => vec![
                Condition::any_of(
                    "groups",
                    Values::new([group.clone(), format!("{group}-x")]).expect("two values"),
                ),
                Condition::present("title"),
            ],
            _ => vec![in_group(), on_site()],
        }
    }
}

/// What begins a group's name and no other's.
fn prefix(group: &str) -> &str {
    group.get(..18).unwrap_or(group)
}

/// A policy, and a person that it is about.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rules: RuleSet,
    pub(crate) facts: Facts,
    connection: ConnectionId,
}

impl Case {
    fn new(name: &'static str, shape: Shape) -> Self {
        let role = RoleName::new("signer").expect("a name");
        let catalog = RoleCatalog::new([Role::new(role.clone())]).expect("one role");
        let rules = (0..shape.rules).map(|number| {
            let id = RuleId::new(format!("rule-{number}")).expect("an id");
            Rule::new(id, shape.conditions(number)).gives(RoleGrant::permanent(role.clone()))
        });
        Self {
            name,
            rules: RuleSet::new(&catalog, rules.collect()).expect("sound rules"),
            facts: facts(shape.groups()),
            connection: ConnectionId::new("acme").expect("an id"),
        }
    }

    pub(crate) fn evaluate(&self) -> Evaluation<'_> {
        self.rules.evaluate(&self.connection, &self.facts)
    }

    /// What [`Case::evaluate`] finds, without an index.
    fn scan(&self) -> Vec<&Rule> {
        let meets = |condition: &Condition| condition.answer(&self.facts) == Answer::Met;
        let all = self.rules.rules().iter();
        all.filter(|rule| rule.is_about(&self.connection) && rule.all.iter().all(meets))
            .collect()
    }
}

/// The cases, each made when it is asked for: the largest takes its time and memory.
pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let cases = CASES.into_iter();
    cases.map(|(name, shape)| Case::new(name, shape))
}

/// Without peers: floor, countersign and linear scan.
pub(crate) fn run(effort: Effort) -> Vec<Row> {
    cases()
        .flat_map(|case| measure(effort, &case, Vec::new()))
        .collect()
}

/// Measures one case: the floor, countersign, linear scan, and whoever else is given.
pub(crate) fn measure(effort: Effort, case: &Case, peers: Vec<Subject<'_>>) -> Vec<Row> {
    let groups = case.facts.groups.known().expect("all of them");
    let index: HashMap<String, u32> = (0_u32..)
        .zip(case.rules.rules())
        .map(|(number, _)| (group(number), number))
        .collect();
    let floor = || {
        let found = groups.iter().filter_map(|group| index.get(group).copied());
        let mut found: Vec<u32> = found.collect();
        found.sort_unstable();
        found
    };
    assert_eq!(
        case.scan(),
        case.evaluate().matched(),
        "both find the same rules"
    );
    assert_eq!(
        floor().len(),
        case.evaluate().matched().len(),
        "and as many as there are groups to find them by"
    );
    let mut subjects = vec![
        Subject::new("floor", floor),
        Subject::new("countersign", || case.evaluate()),
        Subject::new("linear scan", || case.scan()),
    ];
    subjects.extend(peers);
    times("policy_evaluate", case.name, effort, subjects)
}

fn facts(groups: BTreeSet<String>) -> Facts {
    let subject = SubjectKey::from_stable_value(
        TenantId::new("acme").expect("an id"),
        "https://idp.acme.example",
        "7",
    );
    let mut facts = Facts::new(subject.expect("a subject"));
    for (name, value) in [("department", "ward"), ("title", "nurse")] {
        facts
            .attributes
            .insert(name.to_owned(), vec![value.to_owned()]);
    }
    facts.email = Some(countersign::EmailFact {
        address: countersign::Email::from_canonical("nurse@acme.example").expect("an address"),
        verified_by_idp: true,
    });
    facts.groups = Groups::Complete(groups);
    facts
}

/// A group as Entra names it, by its object id; the multiplier (Knuth's) scatters the numbers.
fn group(number: u32) -> String {
    let scattered = number.wrapping_mul(2_654_435_761);
    format!("{scattered:08x}-5d2c-4f7e-9a31-{number:012x}")
}
