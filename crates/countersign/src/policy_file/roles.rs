//! `[role.NAME]` and `[[rule]]`.

use std::time::Duration;

use countersign_core::text::check_identifier;
use countersign_core::{ConnectionId, DocumentPattern, RoleName, RuleId};
use countersign_roles::{ParsePermissionError, Role, RoleCatalog, RoleGrant, Rule};

use crate::policy_file::condition::read_condition;
use crate::policy_file::problem::{bad_name, quote};
use crate::policy_file::span::{Problems, Section, Span, Text};

/// Reads `[role.NAME]`.
pub(super) fn read_role(
    name: &Text<'_>,
    mut section: Section<'_>,
    problems: &mut Problems,
) -> Option<Role> {
    let mut role = RoleName::new(name.value)
        .map(Role::new)
        .map_err(|error| problems.add(&name.span, bad_name("role", name.value, error)))
        .ok();
    let permissions = section.texts("allow", problems);
    for text in permissions.into_iter().flatten() {
        match text.value.parse() {
            Ok(permission) => role = role.map(|role| role.allow(permission)),
            Err(error) => {
                let given = quote(text.value);
                let fix = match error {
                    ParsePermissionError::NotTwoWords => "",
                    _ => "; write one such as `sign nda/*`",
                };
                problems.add(&text.span, format!("the permission {given} {error}{fix}"));
            }
        }
    }
    section.require("allow");
    if section.flag("privileged", problems) == Some(true) {
        role = role.map(Role::privileged);
    }
    if section.flag("keep_last", problems) == Some(true) {
        role = role.map(Role::keep_last);
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
    let named = RoleName::new(text.value).ok();
    let known = named.filter(|name| catalog.role(name).is_some());
    if known.is_none() {
        let names: Vec<&str> = catalog.roles().map(|role| role.name().as_str()).collect();
        problems.add_unknown(&text.span, "role", text.value, &names);
    }
    known
}

/// Reads one `[[rule]]`.
pub(super) fn read_rule(
    mut section: Section<'_>,
    catalog: &RoleCatalog,
    connections: &[Text<'_>],
    temporary: Duration,
    problems: &mut Problems,
) -> Option<Rule> {
    let before = problems.len();
    let id = section.text("id", problems);
    let scope = section.text_or_texts("connection", problems);
    if scope.as_ref().is_some_and(Vec::is_empty) && problems.len() == before {
        let message = "`connection` names none; name one, or leave the key out for all";
        problems.add(section.span(), message);
    }
    let scope = scope.unwrap_or_default();
    let note = section.text("note", problems);
    let conditions = section.listed_sections("all", problems);
    let grants = section.listed_sections("grant", problems);
    let denied = section.texts("deny", problems);
    for key in ["id", "all"] {
        section.require(key);
    }
    if denied.is_none() {
        section.require("grant");
    }
    section.finish(problems);

    let scope = scope
        .iter()
        .filter_map(|name| known_connection(name, connections, problems));
    let connections = scope.collect();
    let note = note.filter(|note| {
        check_identifier(note.value)
            .map_err(|error| {
                problems.add(
                    &note.span,
                    format!("the note {error}; write it in one line"),
                )
            })
            .is_ok()
    });
    let denied = denied.unwrap_or_default();
    let conditions = conditions.into_iter();
    let all = conditions.filter_map(|condition| read_condition(condition, problems));
    let all = all.collect();
    let grants = grants.into_iter();
    let grant = grants.filter_map(|grant| read_grant(grant, catalog, temporary, problems));
    let grant = grant.collect();
    let denied = denied.iter();
    let deny = denied.filter_map(|text| known_role(text, catalog, problems));
    let deny = deny.collect();
    if problems.len() > before {
        // A rule with a part missing would only bring up problems that are not there.
        return None;
    }

    let text = id?;
    let id = RuleId::new(text.value)
        .map_err(|error| problems.add(&text.span, bad_name("rule", text.value, error)))
        .ok()?;
    Some(Rule {
        id,
        note: note.map(|note| note.value.to_owned()),
        connections,
        all,
        grant,
        deny,
    })
}

fn known_connection(
    text: &Text<'_>,
    connections: &[Text<'_>],
    problems: &mut Problems,
) -> Option<ConnectionId> {
    if connections.iter().any(|name| name.value == text.value) {
        return ConnectionId::new(text.value).ok();
    }
    let names: Vec<&str> = connections.iter().map(|name| name.value).collect();
    problems.add_unknown(&text.span, "connection", text.value, &names);
    None
}

/// `{ role = "…" }`, with `ttl = "…"` or `temporary = true`, `renew = true`, `cap = "…"` and
/// `scope = ["…"]`.
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
    let cap = section.duration("cap", problems);
    let scope = section.texts("scope", problems);
    section.require("role");
    let span = section.span().clone();
    section.finish(problems);
    if ttl.is_some() && is_temporary.is_some() {
        problems.add(
            &span,
            "a grant has `ttl` or `temporary`, not both; remove one",
        );
    }
    let scope = match scope {
        Some(texts) => read_scope(&texts, &span, problems)?,
        None => Vec::new(),
    };
    let role = known_role(&role?, catalog, problems)?;
    Some(RoleGrant {
        role,
        ttl: ttl.or((is_temporary == Some(true)).then_some(temporary)),
        renew,
        cap,
        scope,
    })
}

/// The document types of a scope. One that names none is no limit to a machine and the strictest
/// one to a reader, so it is refused.
fn read_scope(
    texts: &[Text<'_>],
    grant: &Span,
    problems: &mut Problems,
) -> Option<Vec<DocumentPattern>> {
    if texts.is_empty() {
        problems.add(grant, "`scope` needs a document type, such as `nda/*`");
        return None;
    }
    let mut scope = Vec::new();
    for text in texts {
        match text.value.parse() {
            Ok(pattern) => scope.push(pattern),
            Err(error) => {
                let given = quote(text.value);
                let message =
                    format!("the document type {given} {error}; write one such as `nda/*`");
                problems.add(&text.span, message);
            }
        }
    }
    (scope.len() == texts.len()).then_some(scope)
}
