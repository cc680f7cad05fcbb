//! From text to policy: the table of contents of the file. Each section is read in a file of its
//! own, into its place in [`PolicyParts`].

use countersign_core::Sha256Digest;
use countersign_provision::{Policy, PolicyError, PolicyParts};
use countersign_roles::{Finding, RoleCatalog, RuleSet};

use crate::policy_file::attribute::read_attribute;
use crate::policy_file::connection::read_connection;
use crate::policy_file::defaults::read_defaults;
use crate::policy_file::exclusion::read_exclusions;
use crate::policy_file::lifecycle::read_lifecycle;
use crate::policy_file::place::Places;
use crate::policy_file::problem::Problem;
use crate::policy_file::risk::read_risk;
use crate::policy_file::roles::{read_role, read_rule};
use crate::policy_file::session::read_session;
use crate::policy_file::span::{Problems, Section, Text};
use crate::policy_file::syntax;
use crate::policy_file::tree::Tree;

/// How the whole is checked, and what is odd in it found.
pub(super) type Check = fn(PolicyParts) -> Result<(Policy, Vec<Finding>), Vec<PolicyError>>;

/// Looks for what is wrong alone.
pub(super) const ERRORS: Check = |parts| Ok((Policy::new(parts)?, Vec::new()));

/// Looks for what is odd, too.
pub(super) const EVERYTHING: Check = Policy::linted;

/// A policy, and what is odd in it, at these byte offsets of the file.
pub(super) type Read = (Policy, Vec<(usize, Finding)>);

/// Reads the whole file, or says everything that is wrong with it.
pub(super) fn read(text: &str, hash: Sha256Digest, check: Check) -> Result<Read, Vec<Problem>> {
    let tree = Tree::parse(text).map_err(|errors| not_toml(text, &errors))?;
    let mut problems = Problems::default();
    let root = tree.root();
    let mut places = Places::new(root);
    let root = Section::new(root, 0..0);
    let parts = read_parts(root, hash, &mut places, &mut problems);
    let checked = parts.filter(|_| problems.is_empty()).map(check);
    match checked {
        Some(Ok((policy, findings))) => {
            let findings = findings.into_iter();
            let found = findings.map(|finding| (places.start(&finding.place), finding));
            Ok((policy, found.chain(problems.into_oddities()).collect()))
        }
        Some(Err(errors)) => {
            for error in errors {
                places.add_policy_error(&error, &mut problems);
            }
            Err(problems.locate(text))
        }
        None => Err(problems.locate(text)),
    }
}

/// The first syntax error: what follows it would be guesses, further syntax errors among them.
fn not_toml(text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut problems = Problems::default();
    for error in errors {
        let span = error.span().unwrap_or_default();
        problems.add(&span, syntax::message(text, &span, error.message()));
    }
    let mut problems = problems.locate(text);
    problems.truncate(1);
    problems
}

fn read_parts<'d>(
    mut root: Section<'d>,
    hash: Sha256Digest,
    places: &mut Places<'d>,
    problems: &mut Problems,
) -> Option<PolicyParts> {
    let mut parts = PolicyParts::new(hash);
    if let Some(section) = root.section("session", problems) {
        parts.session = read_session(section, problems);
    }
    let temporary = match root.section("policy", problems) {
        Some(section) => read_defaults(section, problems),
        None => Policy::DEFAULT_TEMPORARY_ROLE,
    };
    let mut roles = Vec::new();
    for (name, section) in root.named_sections("role", problems) {
        roles.extend(read_role(&name, section, problems));
    }
    // A table's keys are unique, so the names of the roles are.
    let catalog = RoleCatalog::new(roles).ok()?;
    let catalog = read_exclusions(&mut root, catalog, places, problems);

    let sections = root.named_sections("connection", problems);
    let names: Vec<Text<'_>> = sections.iter().map(|(name, _)| name.clone()).collect();
    if names.is_empty() {
        problems.add(&(0..0), "there is no `[connection.NAME]`; `countersign policy preset` prints files to start from");
    }
    for (name, section) in sections {
        if section.is_only_rooms() && meant_another(&name, &names, problems) {
            continue;
        }
        let read = read_connection(&name, section, &catalog, problems);
        parts.connections.extend(read);
    }
    for (name, section) in root.named_sections("attribute", problems) {
        read_attribute(&name, section, &mut parts.attributes, problems);
    }

    let mut rules = Vec::new();
    for section in root.listed_sections("rule", problems) {
        let table = section.table();
        if let Some(rule) = read_rule(section, &catalog, &names, temporary, problems) {
            places.add_rule(table);
            rules.push(rule);
        }
    }
    if let Some(section) = root.section("lifecycle", problems) {
        parts.lifecycle = read_lifecycle(section, problems);
    }
    for (name, section) in root.named_sections("risk", problems) {
        parts.risks.extend(read_risk(&name, section, problems));
    }
    root.finish(problems);

    match RuleSet::new(&catalog, rules) {
        Ok(rules) => parts.rules = rules,
        Err(errors) => {
            for error in errors {
                places.add_roles_error(&error, problems);
            }
            return None;
        }
    }
    parts.catalog = catalog;
    Some(parts)
}

/// Whether a connection of which only rooms are there is another one, mistyped.
fn meant_another(name: &Text<'_>, names: &[Text<'_>], problems: &mut Problems) -> bool {
    let others = names.iter().map(|other| other.value);
    let others = others.filter(|other| *other != name.value);
    let others: Vec<&str> = others.collect();
    let is_near = countersign_roles::nearest(name.value, others.iter().copied()).is_some();
    if is_near {
        problems.add_unknown(&name.span, "connection", name.value, &others);
    }
    is_near
}
