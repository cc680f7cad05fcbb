//! `[attribute.NAME]`.

use countersign_provision::{AbsenceMode, AttributeRule, Attributes, SyncMode};

use crate::policy_file::span::{Problems, Section, Text};

/// How the groups are called among the attributes. They have no field in the account, so there is
/// nothing to sync.
const GROUPS: &str = "groups";

const ABSENCE: [(&str, AbsenceMode); 3] = [
    ("keep", AbsenceMode::Keep),
    ("clear", AbsenceMode::Clear),
    ("deny", AbsenceMode::Deny),
];

/// Reads one `[attribute.NAME]`.
pub(super) fn read_attribute(
    attribute: &Text<'_>,
    mut section: Section<'_>,
    attributes: &mut Attributes,
    problems: &mut Problems,
) {
    if attribute.value == GROUPS {
        if let Some(absent) = section.choice("absent", &ABSENCE, problems) {
            attributes.groups = absent;
        }
        return section.finish(problems);
    }
    let modes = [SyncMode::Create, SyncMode::Always, SyncMode::Never];
    let modes = modes.map(|mode| (mode.name(), mode));
    let rule = AttributeRule {
        sync: section.choice("sync", &modes, problems),
        absent: section
            .choice("absent", &ABSENCE, problems)
            .unwrap_or_default(),
    };
    section.finish(problems);
    let mut fields = Attributes::FIELDS.into_iter();
    match fields.find(|field| field.name() == attribute.value) {
        Some(field) => {
            attributes.fields.insert(field, rule);
        }
        None => {
            let names = Attributes::FIELDS.map(|field| field.name());
            let names: Vec<&str> = names.into_iter().chain([GROUPS]).collect();
            problems.add_unknown(&attribute.span, "attribute", attribute.value, &names);
        }
    }
}
