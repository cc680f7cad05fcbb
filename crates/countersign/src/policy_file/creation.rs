//! `[connection.NAME.create]`.

use countersign_core::Door;
use countersign_provision::{ConnectionPolicy, CreationMode, OnConfusable, normalize};
use countersign_roles::RoleCatalog;

use crate::policy_file::door::check_create;
use crate::policy_file::roles::known_role;
use crate::policy_file::span::{Problems, Section};

/// Reads `[connection.NAME.create]`.
pub(super) fn read_create(
    mut section: Section<'_>,
    connection: &mut ConnectionPolicy,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) {
    if connection.door == Door::Email {
        check_create(&mut section, problems);
    }
    let create = &mut connection.create;
    let modes = [
        CreationMode::Allow,
        CreationMode::Approve,
        CreationMode::Deny,
    ];
    let modes = modes.map(|mode| (mode.name(), mode));
    if let Some(mode) = section.choice("mode", &modes, problems) {
        create.mode = mode;
    }
    let group = section.text("require_group", problems);
    create.require_group = group.map(|text| normalize::text(text.value));
    create.seats = section.count("seats", problems);
    let roles = section.texts("default_roles", problems).unwrap_or_default();
    let roles = roles
        .iter()
        .filter_map(|text| known_role(text, catalog, problems));
    create.default_roles = roles.collect();
    create.accepts_unverified_email = section
        .flag("accept_unverified_email", problems)
        .unwrap_or(false);
    create.requires_invitation = section
        .flag("require_invitation", problems)
        .unwrap_or(false);
    let confusable = [("flag", OnConfusable::Flag), ("deny", OnConfusable::Deny)];
    if let Some(chosen) = section.choice("confusable_email", &confusable, problems) {
        create.on_confusable = chosen;
    }
    let account = section.text("account_id", problems);
    create.account_id = account.map(|text| text.value.to_owned());
    let profile = section.text("permission_profile_id", problems);
    create.permission_profile_id = profile.map(|text| text.value.to_owned());
    section.finish(problems);
}
