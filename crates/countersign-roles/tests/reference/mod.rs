//! What a sign-in does to an account's grants, read straight off the documentation.
//!
//! Every rule is asked every condition, every row is compared with every other, and what
//! document types a scope covers is found by trying them. Nothing of the crate is used but its
//! data types. What comes out is a list of lines that can be compared.

pub(crate) mod case;
pub(crate) mod comparison;

use std::collections::BTreeSet;

use countersign_core::{DocumentPattern, Facts, Grant, GrantOwner, Groups, RoleName, Timestamp};
use countersign_roles::{
    Condition, EMAIL, GROUPS, GrantDelta, Role, RoleGrant, Rule, TakeReason, Test,
};

use self::case::Case;

/// Yes, no, or not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    No,
    Maybe,
    Yes,
}

/// Document types enough to tell every pattern that a case has from every other.
const DOCUMENTS: [&str; 9] = [
    "nda", "nda/x", "nda/y", "nda/x/x", "nda/x/y", "hr", "hr/x", "hr/y", "other",
];

/// One condition.
pub(crate) fn answer(condition: &Condition, facts: &Facts) -> Known {
    let values: Vec<String> = if condition.attribute == GROUPS {
        match &facts.groups {
            Groups::Absent => vec![],
            Groups::Partial(known) | Groups::Complete(known) => known.iter().cloned().collect(),
        }
    } else if condition.attribute == EMAIL {
        facts
            .email
            .iter()
            .map(|email| email.address.to_string())
            .collect()
    } else {
        facts
            .attributes
            .get(&condition.attribute)
            .cloned()
            .unwrap_or_default()
    };
    let said: Vec<String> = values
        .into_iter()
        .filter(|value| !value.is_empty())
        .collect();
    let mut passed = false;
    for value in &said {
        passed = passed
            || match &condition.test {
                Test::Eq(wanted) => value == wanted,
                Test::AnyOf(wanted) => wanted.as_slice().iter().any(|wanted| wanted == value),
                Test::Prefix(prefix) => value.as_bytes().starts_with(prefix.as_bytes()),
                Test::Suffix(suffix) => value.as_bytes().ends_with(suffix.as_bytes()),
                Test::Domain(domain) => value.split('@').nth(1) == Some(domain),
                Test::Present => true,
                other => panic!("{other:?}"),
            };
    }
    let complete = matches!(facts.groups, Groups::Complete(_));
    if condition.attribute == GROUPS && !complete && !passed {
        return Known::Maybe;
    }
    let met = if !condition.negated {
        passed
    } else if condition.attribute == GROUPS || condition.test == Test::Present {
        !passed
    } else {
        !passed && !said.is_empty()
    };
    if met { Known::Yes } else { Known::No }
}

/// One rule: no if a condition failed, else not known if one is not, else yes.
pub(crate) fn matches(rule: &Rule, case: &Case) -> Known {
    if !rule.connections.is_empty() && !rule.connections.contains(&case.connection) {
        return Known::No;
    }
    let answers = rule.all.iter().map(|c| answer(c, &case.facts));
    answers.min().unwrap()
}

/// A row that a rule or a default gives, as far as it is known.
#[derive(Debug, Clone)]
struct Row {
    rule: Option<Rule>,
    role: RoleName,
    gives: RoleGrant,
    existing: Option<Grant>,
    wanted: Known,
    code: Option<&'static str>,
}

/// What becomes of a row that exists.
#[derive(Debug, Clone, PartialEq)]
enum Fate {
    Spent,
    Nothing,
    On {
        granted_at: Timestamp,
        expires_at: Option<Timestamp>,
        documents: BTreeSet<&'static str>,
        changed: bool,
    },
}

impl Row {
    fn live(&self, now: Timestamp) -> bool {
        match (&self.existing, self.wanted) {
            (_, Known::No) | (None, Known::Maybe) => false,
            (None, Known::Yes) => true,
            (Some(grant), wanted) => match fate(grant, &self.gives, wanted, now) {
                Fate::On { expires_at, .. } => expires_at.is_none_or(|end| end > now),
                Fate::Spent | Fate::Nothing => false,
            },
        }
    }

    fn lower(&mut self, to: Known, code: &'static str) {
        if to < self.wanted {
            self.wanted = to;
            self.code = Some(code);
        }
    }

    fn rule_name(&self) -> String {
        let rule = self.rule.as_ref();
        rule.map_or("default".to_owned(), |rule| rule.id.to_string())
    }
}

fn documents(scope: &[DocumentPattern]) -> BTreeSet<&'static str> {
    let all = DOCUMENTS.into_iter();
    all.filter(|document| scope.is_empty() || scope.iter().any(|of| of.covers(document)))
        .collect()
}

fn fate(grant: &Grant, gives: &RoleGrant, wanted: Known, now: Timestamp) -> Fate {
    let held = wanted == Known::Maybe;
    let granted_at = if gives.renew && !held {
        now
    } else {
        grant.granted_at
    };
    let mut expires_at = None;
    if let Some(ttl) = gives.ttl {
        let mut end = granted_at.saturating_add(ttl);
        if let Some(cap) = gives.cap {
            end = std::cmp::min(end, grant.first_given_at.saturating_add(cap));
        }
        expires_at = Some(end);
    }
    let mut covered = documents(&gives.scope);
    if held {
        if let Some(stored) = grant.expires_at
            && expires_at.is_none_or(|end| end > stored)
        {
            expires_at = Some(stored);
        }
        let before = documents(&grant.scope);
        covered = covered.intersection(&before).copied().collect();
    }
    let was_live = grant.expires_at.is_none_or(|end| end > now);
    if !was_live && expires_at.is_some_and(|end| end <= now) {
        return Fate::Spent;
    }
    if covered.is_empty() {
        return Fate::Nothing;
    }
    Fate::On {
        granted_at,
        expires_at,
        changed: expires_at != grant.expires_at || covered != documents(&grant.scope),
        documents: covered,
    }
}

/// Whether a role allows something that another does not, by trying.
fn exceeds(role: &Role, limit: &Role) -> bool {
    let acts = ["sign", "view"].into_iter();
    let mut acts = acts.flat_map(|action| DOCUMENTS.map(|document| (action, document)));
    let more = acts
        .any(|(action, document)| role.allows(action, document) && !limit.allows(action, document));
    more || role.is_privileged() && !limit.is_privileged()
}

/// What a sign-in does, as lines.
pub(crate) fn expected(case: &Case) -> BTreeSet<String> {
    let now = case.now;
    let mut lines = BTreeSet::new();
    let is_live = |grant: &Grant| grant.expires_at.is_none_or(|end| end > now);

    // Rows of others, and doubles, and rows that nobody writes.
    let mut existing = case.existing.clone();
    existing.sort_by_key(|grant| (grant.granted_at, grant.id.clone()));
    let mut own: Vec<Grant> = Vec::new();
    let mut other_roles: Vec<RoleName> = Vec::new();
    for grant in existing {
        let ours = grant.owner == GrantOwner::Jit(case.connection.clone())
            || grant.owner == GrantOwner::Default(case.connection.clone());
        let same = |other: &&Grant| other.role == grant.role && other.rule == grant.rule;
        if !ours {
            if is_live(&grant) {
                lines.insert(format!("other {}", grant.id));
                other_roles.push(grant.role);
            }
        } else if grant.owner == GrantOwner::Jit(case.connection.clone()) && grant.rule.is_none() {
            lines.insert(format!("take {} roles.not_default", grant.id));
        } else if own.iter().any(|other| same(&other)) {
            lines.insert(format!("take {} roles.duplicate", grant.id));
        } else {
            own.push(grant);
        }
    }

    // 1. The union.
    let mut rows: Vec<Row> = Vec::new();
    for role in &case.default_roles {
        let existing = own.iter().find(|g| g.rule.is_none() && g.role == *role);
        rows.push(Row {
            rule: None,
            role: role.clone(),
            gives: RoleGrant::permanent(role.clone()),
            existing: existing.cloned(),
            wanted: Known::Yes,
            code: None,
        });
    }
    for rule in &case.rules {
        for gives in &rule.grant {
            let mut stored = own.iter();
            let existing =
                stored.find(|g| g.rule.as_ref() == Some(&rule.id) && g.role == gives.role);
            let wanted = matches(rule, case);
            if wanted == Known::Yes || wanted == Known::Maybe && existing.is_some() {
                rows.push(Row {
                    rule: Some(rule.clone()),
                    role: gives.role.clone(),
                    gives: gives.clone(),
                    existing: existing.cloned(),
                    wanted,
                    code: None,
                });
            }
        }
    }

    // 2. What is denied.
    for rule in case.rules.iter() {
        for row in rows.iter_mut().filter(|row| rule.deny.contains(&row.role)) {
            match matches(rule, case) {
                Known::Yes => row.lower(Known::No, "roles.denied"),
                Known::Maybe => row.lower(Known::Maybe, "roles.denial_undecided"),
                Known::No => {}
            }
        }
    }

    // 3. What exceeds the most.
    if let Some(max) = &case.max_privilege {
        let limit = case.catalog.role(max).unwrap();
        for row in &mut rows {
            if exceeds(case.catalog.role(&row.role).unwrap(), limit) {
                row.lower(Known::No, "roles.exceeds_max_privilege");
            }
        }
    }

    // 4. The shortest time.
    let before = rows.clone();
    for row in &mut rows {
        for rival in &before {
            let shares = documents(&rival.gives.scope)
                .intersection(&documents(&row.gives.scope))
                .count();
            let shorter = match (rival.gives.ttl, row.gives.ttl) {
                (Some(rival), Some(own)) => rival < own,
                (Some(_), None) => true,
                (None, _) => false,
            };
            if rival.role == row.role && shorter && shares > 0 {
                match rival.wanted {
                    Known::Yes => row.lower(Known::No, "roles.shorter_rule"),
                    Known::Maybe if rival.existing.is_some() => {
                        row.lower(Known::Maybe, "roles.shorter_rule");
                    }
                    _ => {}
                }
            }
        }
    }

    // 5. Duties that are kept apart.
    let before = rows.clone();
    for row in &mut rows {
        for set in case.catalog.separation_of_duty() {
            if !set.roles().contains(&row.role) {
                continue;
            }
            let held = |least: Known| {
                let rows = before
                    .iter()
                    .filter(|row| row.live(now) && row.wanted >= least);
                let roles = rows.map(|row| &row.role).chain(&other_roles);
                roles
                    .filter(|role| set.roles().contains(*role))
                    .collect::<BTreeSet<_>>()
                    .len()
            };
            if held(Known::Yes) >= 2 {
                row.lower(Known::No, "roles.separation_of_duty");
            } else if held(Known::Maybe) >= 2 {
                row.lower(Known::Maybe, "roles.separation_of_duty");
            }
        }
    }

    // 6. The highest: a role is settled when all that are above it in any group are.
    let groups = case.catalog.exclusive_groups();
    let mut left: BTreeSet<RoleName> = groups
        .iter()
        .flat_map(|group| group.highest_first().to_vec())
        .collect();
    while !left.is_empty() {
        let above = |role: &RoleName| -> BTreeSet<RoleName> {
            let groups = groups.iter().map(|group| group.highest_first());
            groups
                .filter(|roles| roles.contains(role))
                .flat_map(|roles| roles.iter().take_while(|higher| *higher != role).cloned())
                .collect()
        };
        let next = left.iter().find(|role| above(role).is_disjoint(&left));
        let role = next.expect("no circles").clone();
        let above = above(&role);
        let higher = rows.iter().filter(|row| above.contains(&row.role));
        let most = higher
            .filter(|row| row.live(now))
            .map(|row| row.wanted)
            .max();
        for row in &mut rows {
            if row.role == role && row.live(now) {
                match most {
                    Some(Known::Yes) => row.lower(Known::No, "roles.not_highest"),
                    Some(Known::Maybe) => row.lower(Known::Maybe, "roles.not_highest"),
                    _ => {}
                }
            }
        }
        left.remove(&role);
    }

    // What becomes of each.
    for row in &rows {
        let (role, rule) = (&row.role, row.rule_name());
        let code = row.code.unwrap_or("");
        match (&row.existing, row.wanted) {
            (None, Known::Yes) => {
                let end = row.gives.ttl.map(|ttl| now.saturating_add(ttl));
                let documents = documents(&row.gives.scope);
                lines.insert(format!("give {rule} {role} {end:?} {documents:?}"));
            }
            (None, _) => {
                lines.insert(format!("withheld {rule} {role} {code}"));
            }
            (Some(grant), Known::No) if is_live(grant) => {
                lines.insert(format!("take {} {code}", grant.id));
            }
            (Some(grant), Known::No) => {
                lines.insert(format!("spent {}", grant.id));
            }
            (Some(grant), wanted) => {
                lines.insert(match fate(grant, &row.gives, wanted, now) {
                    Fate::Spent => format!("spent {}", grant.id),
                    Fate::Nothing => format!("take {} roles.rule_changed", grant.id),
                    Fate::On { changed: false, .. } => format!("keep {}", grant.id),
                    Fate::On {
                        granted_at,
                        expires_at,
                        documents,
                        ..
                    } => format!(
                        "renew {} {granted_at} {expires_at:?} {documents:?}",
                        grant.id
                    ),
                });
            }
        }
    }

    // What nothing wants.
    for grant in own {
        let wanted = |row: &&Row| row.existing.as_ref().is_some_and(|of| of.id == grant.id);
        if rows.iter().any(|row| wanted(&row)) {
            continue;
        }
        let reason = match &grant.rule {
            None => "roles.not_default",
            Some(id) => {
                let rule = case.rules.iter().find(|rule| rule.id == *id);
                let gives = |rule: &Rule| rule.grant.iter().any(|of| of.role == grant.role);
                if rule.is_some_and(gives) {
                    "roles.rule_no_longer_matches"
                } else {
                    "roles.rule_changed"
                }
            }
        };
        lines.insert(format!("take {} {reason}", grant.id));
    }
    lines
}

/// The same lines of what was done.
pub(crate) fn lines(delta: &GrantDelta) -> BTreeSet<String> {
    let rule = |rule: &Option<countersign_core::RuleId>| match rule {
        Some(rule) => rule.to_string(),
        None => "default".to_owned(),
    };
    let mut lines = BTreeSet::new();
    let mut put = |line: String| assert!(lines.insert(line.clone()), "twice: {line}");
    for give in &delta.give {
        let documents = documents(&give.scope);
        let (rule, role, end) = (rule(&give.rule), &give.role, give.expires_at);
        put(format!("give {rule} {role} {end:?} {documents:?}"));
    }
    for renewal in &delta.renew {
        let documents = documents(&renewal.scope);
        put(format!(
            "renew {} {} {:?} {documents:?}",
            renewal.grant.id, renewal.granted_at, renewal.expires_at
        ));
    }
    for taken in &delta.take {
        let code = TakeReason::code(&taken.reason);
        put(format!("take {} {code}", taken.grant.id));
    }
    for withheld in &delta.withheld {
        let code = withheld.obstacle.code();
        put(format!(
            "withheld {} {} {code}",
            rule(&withheld.rule),
            withheld.role
        ));
    }
    for grant in &delta.keep {
        put(format!("keep {}", grant.id));
    }
    for grant in &delta.spent {
        put(format!("spent {}", grant.id));
    }
    for grant in &delta.others {
        put(format!("other {}", grant.id));
    }
    lines
}
