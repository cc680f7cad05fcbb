//! `[role.NAME]` and `[[rule]]`.

use std::time::Duration;

use countersign_core::{ConnectionId, RoleName, RuleId};
use countersign_provision::normalize;
use countersign_roles::{Condition, Role, RoleCatalog, RoleGrant, Rule};

use crate::policy_file::problem::quote;
use crate::policy_file::span::{Problems, Section, Span, Text};

/// Reads `[role.NAME]`.
pub(super) fn read_role(
    name: &Text<'_>,
    mut section: Section<'_>,
    problems: &mut Problems,
) -> Option<Role> {
    let mut role = RoleName::new(name.value)
        .map(Role::new)
        .map_err(|error| problems.add(&name.span, format!("role {} {error}", quote(name.value))))
        .ok();
    let permissions = section.texts("allow", problems);
    for text in permissions.into_iter().flatten() {
        match text.value.parse() {
            Ok(permission) => role = role.map(|role| role.allow(permission)),
            Err(error) => {
                let given = quote(text.value);
                problems.add(&text.span, format!("the permission {given} {error}"));
            }
        }
    }
    section.require("allow");
    if section.flag("privileged", problems) == Some(true) {
        role = role.map(Role::privileged);
    }
    section.finish(problems);
    role
}

/// The role that `text` names.
pub(super) fn known_role(
    text: &Text<'_>,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) -> Option<RoleName> {
    let known = catalog
        .roles()
        .find(|role| role.name().as_str() == text.value);
    if known.is_none() {
        let names: Vec<&str> = catalog.roles().map(|role| role.name().as_str()).collect();
        problems.add_unknown(&text.span, "role", text.value, &names);
    }
    known.map(|role| role.name().clone())
}

/// Reads one `[[rule]]`, and where its id stands.
pub(super) fn read_rule(
    mut section: Section<'_>,
    catalog: &RoleCatalog,
    connections: &[Text<'_>],
    temporary: Duration,
    problems: &mut Problems,
) -> Option<(Rule, Span)> {
    let id = section.text("id", problems);
    let scope = section
        .text_or_texts("connection", problems)
        .unwrap_or_default();
    let conditions = section.listed_sections("all", problems);
    let grants = section.listed_sections("grant", problems);
    for key in ["id", "all", "grant"] {
        section.require(key);
    }
    section.finish(problems);

    let scope = scope
        .iter()
        .filter_map(|name| known_connection(name, connections, problems));
    let connections = scope.collect();
    let parts = (conditions.len(), grants.len());
    let conditions = conditions.into_iter();
    let all = conditions.filter_map(|condition| read_condition(condition, problems));
    let all: Vec<_> = all.collect();
    let grants = grants.into_iter();
    let grant = grants.filter_map(|grant| read_grant(grant, catalog, temporary, problems));
    let grant: Vec<_> = grant.collect();
    if parts != (all.len(), grant.len()) {
        // A rule with a part missing would only bring up problems that are not there.
        return None;
    }

    let text = id?;
    let id = RuleId::new(text.value)
        .map_err(|error| problems.add(&text.span, format!("rule {} {error}", quote(text.value))))
        .ok()?;
    let rule = Rule {
        id,
        connections,
        all,
        grant,
    };
    Some((rule, text.span))
}

fn known_connection(
    text: &Text<'_>,
    connections: &[Text<'_>],
    problems: &mut Problems,
) -> Option<ConnectionId> {
    let names: Vec<&str> = connections.iter().map(|name| name.value).collect();
    if names.contains(&text.value) {
        return ConnectionId::new(text.value).ok();
    }
    problems.add_unknown(&text.span, "connection", text.value, &names);
    None
}

/// `{ attribute = "…", eq = "…" }` or `{ attribute = "…", any_of = ["…"] }`.
fn read_condition(mut section: Section<'_>, problems: &mut Problems) -> Option<Condition> {
    let attribute = section.text("attribute", problems);
    let eq = section.text("eq", problems);
    let any_of = section.texts("any_of", problems);
    section.require("attribute");
    let span = section.span().clone();
    let attribute = attribute.map(|text| text.value.to_owned());
    let condition = match (attribute, eq, any_of) {
        (Some(attribute), Some(value), None) => Some(Condition::Eq {
            attribute,
            value: normalize::text(value.value),
        }),
        (Some(attribute), None, Some(values)) => Some(Condition::AnyOf {
            attribute,
            values: values
                .iter()
                .map(|text| normalize::text(text.value))
                .collect(),
        }),
        (None, ..) => None,
        _ => {
            problems.add(&span, "a condition needs one of `eq` and `any_of`");
            None
        }
    };
    section.finish(problems);
    condition
}

/// `{ role = "…" }`, with `ttl = "…"` or `temporary = true`, and `renew = true`.
fn read_grant(
    mut section: Section<'_>,
    catalog: &RoleCatalog,
    temporary: Duration,
    problems: &mut Problems,
) -> Option<RoleGrant> {
    let role = section.text("role", problems);
    let ttl = section.duration("ttl", problems);
    let is_temporary = section.flag("temporary", problems);
    let renew = section.flag("renew", problems).unwrap_or(false);
    section.require("role");
    let span = section.span().clone();
    section.finish(problems);
    if ttl.is_some() && is_temporary.is_some() {
        problems.add(&span, "a grant has `ttl` or `temporary`, not both");
    }
    let role = known_role(&role?, catalog, problems)?;
    let ttl = ttl.or((is_temporary == Some(true)).then_some(temporary));
    Some(RoleGrant { role, ttl, renew })
}
