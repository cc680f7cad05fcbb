//! `[separation_of_duty]` and `[exclusive_group.NAME]`: roles that do not go together.

use countersign_core::RoleName;
use countersign_core::text::check_identifier;
use countersign_roles::{DutySet, ExclusiveGroup, RoleCatalog};

use crate::policy_file::problem::quote;
use crate::policy_file::roles::known_role;
use crate::policy_file::span::{Problems, Section, Span, Text};

/// Reads both into `catalog`.
pub(super) fn read_exclusions(
    root: &mut Section<'_>,
    mut catalog: RoleCatalog,
    problems: &mut Problems,
) -> RoleCatalog {
    if let Some(section) = root.section("separation_of_duty", problems) {
        for (span, set) in read_separation_of_duty(section, &catalog, problems) {
            let with_set = catalog.clone().with_separation_of_duty([set]);
            catalog = or_problem(with_set, catalog, &span, problems);
        }
    }
    for (name, section) in root.named_sections("exclusive_group", problems) {
        if let Some(group) = read_exclusive_group(&name, section, &catalog, problems) {
            let with_group = catalog.clone().with_exclusive_groups([group]);
            catalog = or_problem(with_group, catalog, &name.span, problems);
        }
    }
    catalog
}

/// The catalog that was made, or the one before and the problem.
fn or_problem(
    made: Result<RoleCatalog, countersign_roles::RolesError>,
    before: RoleCatalog,
    span: &Span,
    problems: &mut Problems,
) -> RoleCatalog {
    made.unwrap_or_else(|error| {
        problems.add(span, error.to_string());
        before
    })
}

/// Reads `exclusive = [["sender", "auditor"]]`.
fn read_separation_of_duty(
    mut section: Section<'_>,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) -> Vec<(Span, DutySet)> {
    let lists = section.lists_of_texts("exclusive", problems);
    section.require("exclusive");
    section.finish(problems);
    let mut sets = Vec::new();
    for (span, texts) in lists.into_iter().flatten() {
        let Some(roles) = known_roles(&texts, catalog, problems) else {
            continue;
        };
        match DutySet::new(roles) {
            Ok(set) => sets.push((span, set)),
            Err(error) => problems.add(&span, error.to_string()),
        }
    }
    sets
}

/// Reads `highest_first = ["manager", "signer"]`.
fn read_exclusive_group(
    name: &Text<'_>,
    mut section: Section<'_>,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) -> Option<ExclusiveGroup> {
    if let Err(error) = check_identifier(name.value) {
        let given = quote(name.value);
        problems.add(&name.span, format!("exclusive group {given} {error}"));
    }
    let texts = section.texts("highest_first", problems);
    section.require("highest_first");
    section.finish(problems);
    let roles = known_roles(&texts?, catalog, problems)?;
    ExclusiveGroup::new(name.value, roles)
        .map_err(|error| problems.add(&name.span, error.to_string()))
        .ok()
}

/// All of the roles that `texts` name, or none and the problems.
fn known_roles(
    texts: &[Text<'_>],
    catalog: &RoleCatalog,
    problems: &mut Problems,
) -> Option<Vec<RoleName>> {
    let known = texts.iter().map(|text| known_role(text, catalog, problems));
    // Every unknown one is to be told, so not `collect::<Option<_>>` at once.
    let known: Vec<Option<RoleName>> = known.collect();
    known.into_iter().collect()
}
