//! A small policy, an account's grants and a person's facts, out of choices.
//!
//! There are few names and they resemble each other, so that rules, facts and grants meet often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::{
    ConnectionId, DocumentPattern, Email, EmailFact, Facts, Grant, GrantId, GrantOwner, Groups,
    LeafHash, RoleName, RuleId, Sha256Digest, SubjectKey, TenantId, Timestamp, UserId,
};
use countersign_roles::{
    Condition, DutySet, EMAIL, ExclusiveGroup, GROUPS, Role, RoleCatalog, RoleGrant, Rule, RuleSet,
    Test, Values,
};
use fuzz_shared::choices::Choices;

/// The last one is privileged.
const ROLES: [&str; 6] = ["a", "b", "c", "d", "e", "p"];
const ATTRIBUTES: [&str; 4] = [GROUPS, "x", "y", EMAIL];
const VALUES: [&str; 6] = ["v", "w", "vw", "wv", "vwv", "wvw"];
const DOMAINS: [&str; 3] = ["v.example", "w.example", "w.v.example"];
const ADDRESSES: [&str; 4] = [
    "v@v.example",
    "w@w.example",
    "vw@w.v.example",
    "v@w.v.example",
];
const PERMISSIONS: [&str; 7] = [
    "sign nda/*",
    "sign nda",
    "sign nda/x",
    "sign *",
    "view nda/x/*",
    "view *",
    "view hr",
];
const PATTERNS: [&str; 7] = ["nda/*", "nda", "nda/x", "nda/x/*", "hr", "hr/*", "*"];
const RULES: usize = 12;
const HOUR: Duration = Duration::from_secs(3600);

/// One sign-in.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Whose roles.
    pub(crate) catalog: RoleCatalog,
    /// The rules, each sound.
    pub(crate) rules: Vec<Rule>,
    /// The connection's default roles.
    pub(crate) default_roles: Vec<RoleName>,
    /// The most that the connection may give.
    pub(crate) max_privilege: Option<RoleName>,
    /// The connection.
    pub(crate) connection: ConnectionId,
    /// The account's grants.
    pub(crate) existing: Vec<Grant>,
    /// The person.
    pub(crate) facts: Facts,
    /// The time.
    pub(crate) now: Timestamp,
}

impl Case {
    /// The case that `choices` choose.
    pub(crate) fn of(choices: &mut Choices<'_>) -> Self {
        let catalog = catalog(choices);
        let facts = facts(choices);
        let default_roles: BTreeSet<RoleName> = list(choices, 2, role);
        let max_privilege = choices.once_in(6).then(|| role(choices));
        let mut rules = Vec::new();
        for number in 0..RULES {
            let rule = rule(choices, number);
            let is_sound = RuleSet::new(&catalog, vec![rule.clone()]).is_ok();
            rules.extend(Some(rule).filter(|_| is_sound));
            if choices.once_in(8) {
                break;
            }
        }
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        let mut existing = Vec::new();
        for number in 0..8 {
            if choices.once_in(5) {
                break;
            }
            existing.push(grant(choices, number, now, &rules));
        }
        Self {
            catalog,
            rules,
            default_roles: default_roles.into_iter().collect(),
            max_privilege,
            connection: acme(),
            existing,
            facts,
            now,
        }
    }
}

fn acme() -> ConnectionId {
    ConnectionId::new("acme").unwrap()
}

fn other() -> ConnectionId {
    ConnectionId::new("other").unwrap()
}

/// Up to `most` things.
fn list<T, L: FromIterator<T>>(
    choices: &mut Choices<'_>,
    most: usize,
    mut draw: impl FnMut(&mut Choices<'_>) -> T,
) -> L {
    let count = choices.below(most + 1);
    (0..count).map(|_| draw(choices)).collect()
}

fn role(choices: &mut Choices<'_>) -> RoleName {
    RoleName::new(choices.word(&ROLES)).unwrap()
}

fn value(choices: &mut Choices<'_>) -> String {
    choices.word(&VALUES).to_owned()
}

/// A value as it is sent: now and then it is empty.
fn sent(choices: &mut Choices<'_>) -> String {
    if choices.once_in(8) {
        return String::new();
    }
    value(choices)
}

fn pattern(choices: &mut Choices<'_>) -> DocumentPattern {
    choices.word(&PATTERNS).parse().unwrap()
}

fn hours(choices: &mut Choices<'_>) -> Duration {
    HOUR * u32::try_from(1 + choices.below(5)).unwrap()
}

fn catalog(choices: &mut Choices<'_>) -> RoleCatalog {
    let roles = ROLES.map(|name| {
        let permissions: Vec<_> = list(choices, 3, |choices| choices.word(&PERMISSIONS));
        let role = Role::new(RoleName::new(name).unwrap());
        let role = permissions
            .into_iter()
            .fold(role, |role, text| role.allow(text.parse().unwrap()));
        if name == "p" { role.privileged() } else { role }
    });
    let mut catalog = RoleCatalog::new(roles).unwrap();
    for _ in 0..choices.below(3) {
        let roles: Vec<RoleName> = list(choices, 3, role);
        if let Ok(set) = DutySet::new(roles) {
            catalog = catalog.with_separation_of_duty([set]).unwrap();
        }
    }
    for number in 0..choices.below(4) {
        let roles: Vec<RoleName> = list(choices, 4, role);
        if let Ok(group) = ExclusiveGroup::new(format!("g{number}"), roles)
            && let Ok(with_group) = catalog.clone().with_exclusive_groups([group])
        {
            catalog = with_group;
        }
    }
    catalog
}

fn condition(choices: &mut Choices<'_>) -> Condition {
    let attribute = choices.word(&ATTRIBUTES);
    let of = |choices: &mut Choices<'_>| {
        if attribute == EMAIL {
            choices.word(&ADDRESSES).to_owned()
        } else {
            value(choices)
        }
    };
    let test = match choices.below(10) {
        0..=3 => Test::Eq(of(choices)),
        4 | 5 => {
            let first = of(choices);
            let others: Vec<String> = list(choices, 2, of);
            Test::AnyOf(Values::new(others.into_iter().chain([first])).unwrap())
        }
        6 => Test::Prefix(value(choices)),
        7 => Test::Suffix(value(choices)),
        8 if attribute == EMAIL => Test::Domain(choices.word(&DOMAINS).to_owned()),
        _ => Test::Present,
    };
    Condition {
        attribute: attribute.to_owned(),
        test,
        negated: choices.once_in(4),
    }
}

fn role_grant(choices: &mut Choices<'_>) -> RoleGrant {
    let ttl = choices.once_in(2).then(|| hours(choices));
    let renew = ttl.is_some() && choices.once_in(2);
    let cap = (renew && choices.once_in(2)).then(|| hours(choices) + HOUR * 2);
    let scope = if choices.once_in(4) {
        list(choices, 2, pattern)
    } else {
        Vec::new()
    };
    RoleGrant {
        role: role(choices),
        ttl,
        renew,
        cap,
        scope,
    }
}

fn rule(choices: &mut Choices<'_>, number: usize) -> Rule {
    let first = condition(choices);
    let most = choices.below(3);
    let others: Vec<Condition> = list(choices, most, condition);
    let connections = match choices.below(8) {
        5 => vec![acme()],
        6 => vec![other()],
        7 => vec![other(), acme()],
        _ => Vec::new(),
    };
    let deny: Vec<RoleName> = if choices.once_in(4) {
        list(choices, 2, role)
    } else {
        Vec::new()
    };
    let mut grant: Vec<RoleGrant> = list(choices, 2, role_grant);
    if deny.is_empty() && grant.is_empty() {
        grant.push(role_grant(choices));
    }
    Rule {
        id: rule_id(number),
        note: None,
        connections,
        all: others.into_iter().chain([first]).collect(),
        grant,
        deny,
    }
}

fn rule_id(number: usize) -> RuleId {
    RuleId::new(format!("r{number:02}")).unwrap()
}

fn grant(choices: &mut Choices<'_>, number: usize, now: Timestamp, rules: &[Rule]) -> Grant {
    let (owner, rule) = match choices.below(16) {
        0 => (GrantOwner::Manual, None),
        1 => (GrantOwner::Temporary, None),
        2 => (GrantOwner::Scim, None),
        3 => (GrantOwner::Default(other()), None),
        4 | 5 => (GrantOwner::Default(acme()), None),
        6 => (
            GrantOwner::Jit(other()),
            Some(rule_id(choices.below(RULES))),
        ),
        // A row that nobody writes.
        7 => (GrantOwner::Jit(acme()), None),
        _ => (GrantOwner::Jit(acme()), Some(rule_id(choices.below(RULES)))),
    };
    // Mostly a role that the rule gives, on its terms.
    let given = rules.iter().find(|of| Some(&of.id) == rule.as_ref());
    let given = given.and_then(|rule| choices.among(&rule.grant));
    let given = given.filter(|_| !choices.once_in(4));
    let role = given.map_or_else(|| role(choices), |given| given.role.clone());
    let before = |from: Timestamp, hours: usize| {
        let millis = i64::try_from(hours).unwrap() * 3_600_000;
        Timestamp::from_unix_millis(from.unix_millis() - millis)
    };
    let granted_at = before(now, choices.below(6));
    let first_given_at = before(granted_at, choices.below(4));
    let (ttl, scope) = match given {
        Some(given) if !choices.once_in(3) => (given.ttl, given.scope.clone()),
        _ => {
            let ttl = choices.once_in(2).then(|| hours(choices));
            (ttl, list(choices, 1, pattern))
        }
    };
    Grant {
        id: GrantId::new(format!("g{number}")).unwrap(),
        user: UserId::new("u").unwrap(),
        role,
        owner,
        rule,
        policy_hash: Sha256Digest::from_bytes([0; 32]),
        first_given_at,
        granted_at,
        expires_at: ttl.map(|ttl| granted_at.saturating_add(ttl)),
        scope,
        entry: LeafHash::from_bytes([0; 32]),
    }
}

fn facts(choices: &mut Choices<'_>) -> Facts {
    let tenant = TenantId::new("t").unwrap();
    let subject = SubjectKey::from_stable_value(tenant, "https://idp.example", "s").unwrap();
    let mut facts = Facts::new(subject);
    let known = |choices: &mut Choices<'_>| list(choices, 4, sent);
    facts.groups = match choices.below(4) {
        0 => Groups::Absent,
        1 => Groups::Partial(known(choices)),
        _ => Groups::Complete(known(choices)),
    };
    facts.email = (!choices.once_in(3)).then(|| EmailFact {
        address: Email::from_canonical(choices.word(&ADDRESSES)).unwrap(),
        verified_by_idp: true,
    });
    let mut attributes = BTreeMap::new();
    // Attributes that are called as what is not one must not pass for it.
    for attribute in ATTRIBUTES {
        if !choices.once_in(3) {
            attributes.insert(attribute.to_owned(), list(choices, 3, sent));
        }
    }
    facts.attributes = attributes;
    facts
}
