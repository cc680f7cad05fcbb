//! `[separation_of_duty]` and `[exclusive_group.NAME]`: roles that do not go together.

use countersign_core::RoleName;
use countersign_core::text::check_identifier;
use countersign_roles::{DutySet, ExclusiveGroup, Place, RoleCatalog, RolesError};

use crate::policy_file::place::{Places, said};
use crate::policy_file::problem::bad_name;
use crate::policy_file::roles::known_role;
use crate::policy_file::span::{Problems, Section, Text};

/// Reads both into `catalog`.
pub(super) fn read_exclusions(
    root: &mut Section<'_>,
    mut catalog: RoleCatalog,
    places: &Places<'_>,
    problems: &mut Problems,
) -> RoleCatalog {
    if let Some(section) = root.section("separation_of_duty", problems) {
        let sets = read_separation_of_duty(section, &catalog, problems);
        let with_sets = catalog.clone().with_separation_of_duty(sets);
        catalog = or_problem(with_sets, catalog, 0, problems);
    }
    let mut groups = Vec::new();
    for (name, section) in root.named_sections("exclusive_group", problems) {
        groups.extend(read_exclusive_group(&name, section, &catalog, problems));
    }
    let with_groups = catalog.clone().with_exclusive_groups(groups);
    let closing = match &with_groups {
        Err(RolesError::ExclusiveCycle { group, .. }) => {
            places.start(&Place::ExclusiveGroup(group.clone()))
        }
        _ => 0,
    };
    or_problem(with_groups, catalog, closing, problems)
}

/// The catalog that was made, or the one before and the problem.
fn or_problem(
    made: Result<RoleCatalog, RolesError>,
    before: RoleCatalog,
    start: usize,
    problems: &mut Problems,
) -> RoleCatalog {
    made.unwrap_or_else(|error| {
        problems.add_at(start, said(&error));
        before
    })
}

/// Reads `exclusive = [["sender", "auditor"]]`.
fn read_separation_of_duty(
    mut section: Section<'_>,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) -> Vec<DutySet> {
    let lists = section.lists_of_texts("exclusive", problems);
    section.require("exclusive");
    section.finish(problems);
    let mut sets = Vec::new();
    for (span, texts) in lists.into_iter().flatten() {
        let Some(roles) = known_roles(&texts, catalog, problems) else {
            continue;
        };
        match DutySet::new(roles) {
            Ok(set) => sets.push(set),
            Err(error) => problems.add(&span, said(&error)),
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
        problems.add(&name.span, bad_name("exclusive group", name.value, error));
    }
    let texts = section.texts("highest_first", problems);
    section.require("highest_first");
    section.finish(problems);
    let roles = known_roles(&texts?, catalog, problems)?;
    ExclusiveGroup::new(name.value, roles)
        .map_err(|error| problems.add(&name.span, said(&error)))
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
