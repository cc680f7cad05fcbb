//! `[connection.NAME]`.

use countersign_core::text::check_identifier;
use countersign_core::{ConnectionId, Door, TenantId};
use countersign_provision::{ConnectionPolicy, Preset, Strategy};
use countersign_roles::RoleCatalog;

use crate::policy_file::attribute_names::{read_attribute_names, read_groups};
use crate::policy_file::creation::read_create;
use crate::policy_file::domain::read_domains;
use crate::policy_file::door::{check_hall, read_door};
use crate::policy_file::matching::read_match;
use crate::policy_file::problem::bad_name;
use crate::policy_file::roles::known_role;
use crate::policy_file::span::{Problems, Section, Text};

/// The tenant of connections that name none.
const DEFAULT_TENANT: &str = "default";

/// Reads `[connection.NAME]`.
pub(super) fn read_connection(
    name: &Text<'_>,
    mut section: Section<'_>,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) -> Option<(ConnectionId, ConnectionPolicy)> {
    let id = ConnectionId::new(name.value)
        .map_err(|error| problems.add(&name.span, bad_name("connection", name.value, error)))
        .ok();
    let tenant = match section.text("tenant", problems) {
        Some(text) => TenantId::new(text.value)
            .map_err(|error| problems.add(&text.span, bad_name("tenant", text.value, error)))
            .ok(),
        None => TenantId::new(DEFAULT_TENANT).ok(),
    };
    let issuer = section.text("issuer", problems).filter(|text| {
        check_identifier(text.value)
            .map_err(|error| problems.add(&text.span, bad_name("issuer", text.value, error)))
            .is_ok()
    });
    let door = read_door(&mut section, problems);
    let presets = Preset::ALL.map(|preset| (preset.name(), preset));
    let preset = section.choice("preset", &presets, problems);
    let strategies = [
        Strategy::Jit,
        Strategy::PreProvisionedOnly,
        Strategy::SelfRegister,
    ];
    let strategies = strategies.map(|strategy| (strategy.name(), strategy));
    let strategy = section.choice("strategy", &strategies, problems);
    let (domains, domains_proved_until) = read_domains(&mut section, problems);
    for key in ["strategy", "domains"] {
        section.require(key);
    }
    match door {
        Door::Email => check_hall(&mut section, problems),
        _ => {
            section.require("issuer");
            section.require("preset");
        }
    }
    let max_privilege = section.text("max_privilege", problems);
    let max_privilege = max_privilege.and_then(|text| known_role(&text, catalog, problems));
    let matching = section.section("match", problems);
    let create = section.section("create", problems);
    let attribute_names = section.section("attribute_names", problems);
    let groups = section.section("groups", problems);
    section.finish(problems);

    // The rooms are read even if the hall is broken, so that all is said at once.
    let of = strategy.unwrap_or(Strategy::Jit);
    let mut connection = match door {
        Door::Email => ConnectionPolicy::email(tenant?, of),
        _ => ConnectionPolicy::new(
            tenant?,
            issuer.as_ref().map_or(DEFAULT_TENANT, |text| text.value),
            preset.unwrap_or(Preset::GENERIC),
            of,
        ),
    };
    connection.any_domain = domains.is_none();
    connection.domains = domains.unwrap_or_default();
    connection.max_privilege = max_privilege;
    connection.domains_proved_until = domains_proved_until;
    if let Some(section) = attribute_names {
        read_attribute_names(section, &mut connection, problems);
    }
    if let Some(section) = groups {
        read_groups(section, &mut connection, problems);
    }
    if let Some(section) = matching {
        read_match(section, &mut connection, catalog, problems);
    }
    if let Some(section) = create {
        read_create(section, &mut connection, catalog, problems);
    }
    let has_provider = issuer.is_some() && preset.is_some();
    let complete = strategy.is_some() && (door == Door::Email || has_provider);
    Some((id?, connection)).filter(|_| complete)
}
