//! Where in the file an error of the checked whole belongs.

use countersign_core::{ConnectionId, RuleId};
use countersign_provision::PolicyError;
use countersign_roles::RolesError;

use crate::policy_file::span::{Problems, Span, Text};

/// The rules that were read, and where the id of each stands.
pub(super) type RuleSpans = [(RuleId, Span)];

/// Says where in the file a rule's error is. Unknown roles were said where they stand.
pub(super) fn add_roles_error(error: &RolesError, rules: &RuleSpans, problems: &mut Problems) {
    let nth_last = matches!(error, RolesError::DuplicateRule(_));
    let Some(rule) = error.rule() else {
        if problems.is_empty() {
            problems.add(&(0..0), error.to_string());
        }
        return;
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
pub(super) fn add_policy_error(
    error: &PolicyError,
    connections: &[Text<'_>],
    attributes: &[Text<'_>],
    rules: &RuleSpans,
    problems: &mut Problems,
) {
    let attribute = |is_it: &dyn Fn(&str) -> bool| {
        let named = attributes.iter().find(|name| is_it(name.value));
        named.map(|name| name.span.clone())
    };
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
        | PolicyError::DefaultExceedsMax { connection: id, .. }
        | PolicyError::ProofOfUnclaimedDomain { connection: id, .. }
        | PolicyError::PassesOverApproval(id)
        | PolicyError::AttributeIsGroups { connection: id, .. }
        | PolicyError::SameIssuer { second: id, .. } => connection(id),
        PolicyError::NothingToClear(field) => attribute(&|name| name == field.name()),
        PolicyError::AccountWithoutProfile => {
            attribute(&|name| ["account_id", "permission_profile_id"].contains(&name))
        }
        PolicyError::RuleWithoutConnection(rule)
        | PolicyError::UnknownConnection { rule, .. }
        | PolicyError::DecodedPrivilege { rule, .. }
        | PolicyError::RuleExceedsMax { rule, .. } => {
            let named = rules.iter().find(|(id, _)| id == rule);
            named.map(|(_, span)| span.clone())
        }
        _ => None,
    };
    problems.add(&span.unwrap_or(0..0), error.to_string());
}
