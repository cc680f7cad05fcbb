//! A universe that is small enough to try everything, and has of every kind of person one: for
//! each test a value that passes it and that no condition names.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{
    ConnectionId, Email, EmailFact, Facts, Groups, RoleName, RuleId, SubjectKey, TenantId,
    Timestamp,
};
use countersign_roles::{
    Condition, ConnectionView, DutySet, EMAIL, ExclusiveGroup, GROUPS, PolicyView, Role,
    RoleCatalog, RoleGrant, RoleSync, Rule, RuleSet, Test, Values, reconcile,
};
use proptest::prelude::*;

pub const ROLES: [&str; 4] = ["r0", "r1", "r2", "r3"];

pub fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub fn id(name: &str) -> RuleId {
    RuleId::new(name).unwrap()
}

pub fn acme() -> ConnectionId {
    ConnectionId::new("acme").unwrap()
}

/// Subsets of `values` with at most `most` of them.
fn subsets(values: &[&str], most: usize) -> Vec<BTreeSet<String>> {
    let all = (0_u32..1 << values.len()).filter(|bits| bits.count_ones() as usize <= most);
    let chosen = |bits: u32| {
        let values = values.iter().enumerate();
        let chosen = values.filter(move |(place, _)| bits & (1 << place) != 0);
        chosen.map(|(_, value)| (*value).to_owned()).collect()
    };
    all.map(chosen).collect()
}

const DEPARTMENTS: [&str; 6] = ["a", "ab", "ac", "cb", "db", "c"];
const KNOWN_GROUPS: [&str; 4] = ["x", "y", "xz", "q"];

/// Who has one value more than `facts`: everybody has two of an attribute at most, so that what
/// two conditions leave open in the world can be settled among them.
pub fn with_one_more(facts: &Facts) -> Vec<Facts> {
    let mut more = Vec::new();
    for department in DEPARTMENTS {
        let mut facts = facts.clone();
        let has = facts.attributes.entry("department".into()).or_default();
        has.push(department.into());
        more.push(facts);
    }
    for group in KNOWN_GROUPS {
        let mut facts = facts.clone();
        if let Groups::Partial(known) | Groups::Complete(known) = &mut facts.groups {
            known.insert(group.into());
        }
        more.push(facts);
    }
    more
}

/// Everybody.
pub fn people() -> Vec<Facts> {
    let tenant = TenantId::new("t").unwrap();
    let subject = SubjectKey::from_stable_value(tenant, "https://idp.example", "s").unwrap();
    let departments = subsets(&DEPARTMENTS, 2);
    let sites = subsets(&["p", "q"], 2);
    let mut groups = vec![Groups::Absent];
    for known in subsets(&KNOWN_GROUPS, 2) {
        groups.push(Groups::Partial(known.clone()));
        groups.push(Groups::Complete(known));
    }
    let addresses = [
        None,
        Some("n@a.example"),
        Some("m@a.example"),
        Some("n@b.example"),
        Some("m@b.example"),
        Some("n@c.example"),
        Some("m@c.example"),
        Some("n@c.test"),
        Some("m@c.test"),
    ];
    let mut people = Vec::new();
    for department in &departments {
        for site in &sites {
            for groups in &groups {
                for address in addresses {
                    let mut facts = Facts::new(subject.clone());
                    facts.groups = groups.clone();
                    facts.email = address.map(|address| EmailFact {
                        address: Email::from_canonical(address).unwrap(),
                        verified_by_idp: true,
                    });
                    for (name, values) in [("department", department), ("site", site)] {
                        if !values.is_empty() {
                            let values = values.iter().cloned().collect();
                            facts.attributes.insert(name.into(), values);
                        }
                    }
                    people.push(facts);
                }
            }
        }
    }
    people
}

pub fn condition() -> impl Strategy<Value = Condition> {
    let any_of = |values: &[&str]| Test::AnyOf(Values::new(values.iter().copied()).unwrap());
    let eq = |value: &str| Test::Eq(value.into());
    let of = |attribute: &'static str, tests: Vec<Test>| {
        proptest::sample::select(tests).prop_map(move |test| Condition::new(attribute, test))
    };
    let department = of(
        "department",
        vec![
            eq("a"),
            eq("ab"),
            any_of(&["a", "ab"]),
            any_of(&["ab", "cb"]),
            Test::Prefix("a".into()),
            Test::Suffix("b".into()),
            Test::Present,
        ],
    );
    let site = of("site", vec![eq("p"), Test::Present]);
    let groups = of(
        GROUPS,
        vec![
            eq("x"),
            eq("y"),
            any_of(&["x", "y"]),
            Test::Prefix("x".into()),
            Test::Present,
        ],
    );
    let email = of(
        EMAIL,
        vec![
            Test::Domain("a.example".into()),
            Test::Domain("b.example".into()),
            eq("n@a.example"),
            any_of(&["n@a.example", "n@b.example"]),
            Test::Prefix("n@".into()),
            Test::Suffix(".example".into()),
            Test::Present,
        ],
    );
    let plain = prop_oneof![3 => department, 1 => site, 3 => groups, 2 => email];
    (plain, proptest::bool::weighted(0.3))
        .prop_map(|(plain, negated)| if negated { !plain } else { plain })
}

fn some_roles(most: usize) -> impl Strategy<Value = Vec<RoleName>> {
    proptest::sample::subsequence(ROLES.to_vec(), 0..=most)
        .prop_map(|names| names.into_iter().map(role).collect())
}

pub fn rule(
    grant: impl Strategy<Value = fn(RoleName) -> RoleGrant>,
) -> impl Strategy<Value = Rule> {
    let all = proptest::collection::vec(condition(), 1..=3);
    (all, some_roles(2), some_roles(1), grant).prop_filter_map(
        "it gives or denies something, and nothing both",
        |(all, give, deny, grant)| {
            let mut rule = Rule::new(id("later"), all);
            rule.deny = deny
                .into_iter()
                .filter(|role| !give.contains(role))
                .collect();
            rule.grant = give.into_iter().map(grant).collect();
            let says = !rule.grant.is_empty() || !rule.deny.is_empty();
            says.then_some(rule)
        },
    )
}

/// A policy of one connection.
#[derive(Debug, Clone)]
pub struct Small {
    pub catalog: RoleCatalog,
    pub rules: RuleSet,
    pub defaults: Vec<RoleName>,
    pub connection: ConnectionId,
}

impl Small {
    pub fn new(catalog: RoleCatalog, mut rules: Vec<Rule>, defaults: Vec<RoleName>) -> Self {
        for (number, rule) in rules.iter_mut().enumerate() {
            if rule.id == id("later") {
                rule.id = id(&format!("rule-{number}"));
            }
        }
        Self {
            rules: RuleSet::new(&catalog, rules).unwrap(),
            catalog,
            defaults,
            connection: acme(),
        }
    }

    pub fn view(&self) -> PolicyView<'_> {
        PolicyView {
            catalog: &self.catalog,
            rules: &self.rules,
            connections: vec![ConnectionView {
                id: &self.connection,
                default_roles: &self.defaults,
                domains: None,
            }],
        }
    }

    /// The roles that the engine gives to somebody who has none, and by which rules.
    pub fn given(&self, facts: &Facts) -> BTreeMap<RoleName, Vec<Option<RuleId>>> {
        let sync = RoleSync {
            connection: &self.connection,
            catalog: &self.catalog,
            rules: &self.rules,
            default_roles: &self.defaults,
            max_privilege: None,
            facts,
        };
        let evaluation = self.rules.evaluate(&self.connection, facts);
        let delta = reconcile(&[], &sync, &evaluation, Timestamp::UNIX_EPOCH);
        let mut given: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for grant in delta.give {
            given.entry(grant.role).or_default().push(grant.rule);
        }
        given
    }
}

fn subset_pairs() -> impl Strategy<Value = Vec<Vec<RoleName>>> {
    let one = proptest::sample::subsequence(ROLES.to_vec(), 2..=3)
        .prop_map(|names| names.into_iter().map(role).collect());
    proptest::collection::vec(one, 0..=2)
}

/// Policies with everything in them.
pub fn policy(
    rules: std::ops::RangeInclusive<usize>,
    grant: impl Strategy<Value = fn(RoleName) -> RoleGrant>,
) -> impl Strategy<Value = Small> {
    let rules = proptest::collection::vec(rule(grant), rules);
    (
        rules,
        some_roles(1),
        subset_pairs(),
        subset_pairs(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(rules, defaults, duties, groups, with_duties, with_groups)| {
                let mut catalog =
                    RoleCatalog::new(ROLES.map(|name| Role::new(role(name)))).unwrap();
                if with_duties {
                    let sets = duties.into_iter().map(|set| DutySet::new(set).unwrap());
                    catalog = catalog.with_separation_of_duty(sets).unwrap();
                }
                if with_groups {
                    let groups = groups.into_iter().enumerate();
                    let groups = groups.map(|(number, roles)| {
                        ExclusiveGroup::new(format!("group-{number}"), roles).unwrap()
                    });
                    catalog = catalog.with_exclusive_groups(groups).unwrap();
                }
                Small::new(catalog, rules, defaults)
            },
        )
}

pub fn permanent() -> impl Strategy<Value = fn(RoleName) -> RoleGrant> {
    Just(RoleGrant::permanent as fn(RoleName) -> RoleGrant)
}
