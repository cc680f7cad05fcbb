//! From text to policy.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_core::{ConnectionId, Sha256Digest};
use countersign_provision::{Policy, PolicyError, SessionPolicy};
use countersign_roles::{RoleCatalog, RolesError, RuleSet};
use toml::de::DeTable;

use crate::policy_file::connection::read_connection;
use crate::policy_file::problem::Problem;
use crate::policy_file::roles::{read_role, read_rule};
use crate::policy_file::span::{Problems, Section, Span, Text};

/// Reads the whole file, or says everything that is wrong with it.
pub(super) fn read(text: &str, hash: Sha256Digest) -> Result<Policy, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut problems = Problems::default();
    for error in &errors {
        let span = error.span().unwrap_or_default();
        problems.add(&span, error.message().replace('\n', ", "));
    }
    if !problems.is_empty() {
        // What follows a syntax error would be guesses, further syntax errors among them.
        let mut problems = problems.locate(text);
        problems.truncate(1);
        return Err(problems);
    }
    let root = Section::new(document.get_ref(), 0..0);
    let policy = read_policy(root, hash, &mut problems);
    match policy {
        Some(policy) if problems.is_empty() => Ok(policy),
        _ => Err(problems.locate(text)),
    }
}

fn read_policy(
    mut root: Section<'_>,
    hash: Sha256Digest,
    problems: &mut Problems,
) -> Option<Policy> {
    let session = match root.section("session", problems) {
        Some(section) => read_session(section, problems),
        None => SessionPolicy::default(),
    };
    let temporary = match root.section("policy", problems) {
        Some(section) => read_defaults(section, problems),
        None => Policy::DEFAULT_TEMPORARY_ROLE,
    };
    let sections = root.named_sections("role", problems);
    let roles = sections.into_iter();
    let roles: Vec<_> = roles
        .filter_map(|(name, section)| read_role(&name, section, problems))
        .collect();
    // A table's keys are unique, so the names of the roles are.
    let catalog = RoleCatalog::new(roles).ok()?;

    let sections = root.named_sections("connection", problems);
    let names: Vec<Text<'_>> = sections.iter().map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        problems.add(&(0..0), "there is no `[connection.NAME]`");
    }
    let mut connections = BTreeMap::new();
    for (name, section) in sections {
        connections.extend(read_connection(&name, section, &catalog, problems));
    }

    let mut rules = Vec::new();
    let mut rule_spans = Vec::new();
    for section in root.listed_sections("rule", problems) {
        let read = read_rule(section, &catalog, &names, temporary, problems);
        if let Some((rule, span)) = read {
            rule_spans.push((rule.id.clone(), span));
            rules.push(rule);
        }
    }
    root.finish(problems);

    let rules = match RuleSet::new(&catalog, rules) {
        Ok(rules) => rules,
        Err(errors) => {
            for error in errors {
                add_roles_error(&error, &rule_spans, problems);
            }
            return None;
        }
    };
    if !problems.is_empty() {
        return None;
    }
    match Policy::new(hash, catalog, rules, session, connections) {
        Ok(policy) => Some(policy),
        Err(errors) => {
            for error in errors {
                add_policy_error(&error, &names, &rule_spans, problems);
            }
            None
        }
    }
}

fn read_session(mut section: Section<'_>, problems: &mut Problems) -> SessionPolicy {
    let lifetime = section.duration("lifetime", problems);
    section.finish(problems);
    lifetime.map_or_else(SessionPolicy::default, SessionPolicy::new)
}

fn read_defaults(mut section: Section<'_>, problems: &mut Problems) -> Duration {
    let temporary = section.duration("temporary_role", problems);
    section.finish(problems);
    temporary.unwrap_or(Policy::DEFAULT_TEMPORARY_ROLE)
}

type RuleSpans = [(countersign_core::RuleId, Span)];

/// Says where in the file a rule's error is. Unknown roles were said where they stand.
fn add_roles_error(error: &RolesError, rules: &RuleSpans, problems: &mut Problems) {
    let (rule, nth_last) = match error {
        RolesError::DuplicateRule(rule) => (rule, true),
        RolesError::NoCondition(rule)
        | RolesError::NoValue(rule)
        | RolesError::NoGrant(rule)
        | RolesError::DuplicateGrant { rule, .. }
        | RolesError::NoTime { rule, .. }
        | RolesError::NothingToRenew { rule, .. } => (rule, false),
        _ if problems.is_empty() => return problems.add(&(0..0), error.to_string()),
        _ => return,
    };
    let mut named = rules.iter().filter(|(id, _)| id == rule);
    let found = if nth_last {
        named.next_back()
    } else {
        named.next()
    };
    let span = found.map_or(0..0, |(_, span)| span.clone());
    problems.add(&span, error.to_string());
}

/// Says where in the file an error of the whole policy is.
fn add_policy_error(
    error: &PolicyError,
    connections: &[Text<'_>],
    rules: &RuleSpans,
    problems: &mut Problems,
) {
    let connection = |id: &ConnectionId| {
        let named = connections.iter().find(|name| name.value == id.as_str());
        named.map(|name| name.span.clone())
    };
    let span = match error {
        PolicyError::NoDomain(id)
        | PolicyError::Domain { connection: id, .. }
        | PolicyError::PrivilegedDefault { connection: id, .. }
        | PolicyError::CreatesPreProvisioned(id)
        | PolicyError::NotDocuSign(id)
        | PolicyError::HalfAccount(id)
        | PolicyError::SameIssuer { second: id, .. } => connection(id),
        PolicyError::RuleWithoutConnection(rule) | PolicyError::UnknownConnection { rule, .. } => {
            let named = rules.iter().find(|(id, _)| id == rule);
            named.map(|(_, span)| span.clone())
        }
        _ => None,
    };
    problems.add(&span.unwrap_or(0..0), error.to_string());
}
