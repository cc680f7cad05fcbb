//! `[connection.NAME]`.

use std::collections::BTreeSet;

use countersign_core::text::check_identifier;
use countersign_core::{ConnectionId, RoleName, TenantId};
use countersign_provision::{
    ConnectionPolicy, CreationMode, EmailLink, Key, OnEmailChange, OnInactive, Preset, Strategy,
    normalize,
};
use countersign_roles::RoleCatalog;

use crate::policy_file::problem::quote;
use crate::policy_file::roles::known_role;
use crate::policy_file::span::{Problems, Section, Text};

/// The tenant of connections that name none.
const DEFAULT_TENANT: &str = "default";

/// How a key name says that the `NameID` is the key, of whatever format but transient.
const NAME_ID: &str = "name_id";

/// What linking by address needs. All of it, always: the file names it so that a reader of the
/// file knows.
const LINK_NEEDS: [&str; 3] = ["idp_verified", "locally_verified", "owned_domain"];

/// Reads `[connection.NAME]`.
pub(super) fn read_connection(
    name: &Text<'_>,
    mut section: Section<'_>,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) -> Option<(ConnectionId, ConnectionPolicy)> {
    let id = ConnectionId::new(name.value)
        .map_err(|error| {
            let given = quote(name.value);
            problems.add(&name.span, format!("connection {given} {error}"));
        })
        .ok();
    let tenant = match section.text("tenant", problems) {
        Some(text) => TenantId::new(text.value)
            .map_err(|error| problems.add(&text.span, format!("the tenant {error}")))
            .ok(),
        None => TenantId::new(DEFAULT_TENANT).ok(),
    };
    let issuer = section.text("issuer", problems).filter(|text| {
        check_identifier(text.value)
            .map_err(|error| problems.add(&text.span, format!("the issuer {error}")))
            .is_ok()
    });
    let presets = Preset::ALL.map(|preset| (preset.name(), preset));
    let preset = choice(&mut section, "preset", &presets, problems);
    let strategies = [
        Strategy::Jit,
        Strategy::PreProvisionedOnly,
        Strategy::SelfRegister,
    ];
    let strategies = strategies.map(|strategy| (strategy.name(), strategy));
    let strategy = choice(&mut section, "strategy", &strategies, problems);
    let domains = read_domains(&mut section, problems);
    for key in ["issuer", "preset", "strategy", "domains"] {
        section.require(key);
    }
    let matching = section.section("match", problems);
    let create = section.section("create", problems);
    section.finish(problems);

    // The two rooms are read even if the hall is broken, so that all is said at once.
    let mut connection = ConnectionPolicy::new(
        tenant?,
        issuer.as_ref().map_or(DEFAULT_TENANT, |text| text.value),
        preset.unwrap_or(Preset::GENERIC),
        strategy.unwrap_or(Strategy::Jit),
    );
    connection.domains = domains;
    if let Some(section) = matching {
        read_match(section, &mut connection, catalog, problems);
    }
    if let Some(section) = create {
        read_create(section, &mut connection, catalog, problems);
    }
    let complete = issuer.is_some() && preset.is_some() && strategy.is_some();
    Some((id?, connection)).filter(|_| complete)
}

fn read_domains(section: &mut Section<'_>, problems: &mut Problems) -> BTreeSet<String> {
    let mut domains = BTreeSet::new();
    for text in section.texts("domains", problems).into_iter().flatten() {
        match normalize::domain(text.value) {
            Ok(domain) => {
                domains.insert(domain);
            }
            Err(_) => {
                let given = quote(text.value);
                problems.add(
                    &text.span,
                    format!("{given} is no domain, such as `acme.example`"),
                );
            }
        }
    }
    domains
}

fn read_match(
    mut section: Section<'_>,
    connection: &mut ConnectionPolicy,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) {
    let matching = &mut connection.matching;
    if let Some(text) = section.text("key", problems) {
        match check_identifier(text.value) {
            Ok(()) if text.value == NAME_ID => matching.key = Key::StableNameId,
            Ok(()) => matching.key = Key::Attribute(text.value.to_owned()),
            Err(error) => problems.add(&text.span, format!("the key {error}")),
        }
    }
    let on_inactive = [
        ("deny", OnInactive::Deny),
        (
            "reactivate_deprovisioned",
            OnInactive::ReactivateDeprovisioned,
        ),
    ];
    if let Some(chosen) = choice(&mut section, "on_inactive", &on_inactive, problems) {
        matching.on_inactive = chosen;
    }
    let on_email_change = [
        ("keep", OnEmailChange::Keep),
        ("update_if_owned_domain", OnEmailChange::UpdateIfOwnedDomain),
        ("deny", OnEmailChange::Deny),
    ];
    if let Some(chosen) = choice(&mut section, "on_email_change", &on_email_change, problems) {
        matching.on_email_change = chosen;
    }
    if let Some(link) = section.section("link", problems)
        && let Some(link) = read_link(link, connection.preset, catalog, problems)
    {
        matching.link = link;
    }
    section.finish(problems);
}

/// `{ by = "email", require = […], exclude_roles = […] }`; `by = "email_and_name"` only with the
/// preset that brings it.
fn read_link(
    mut section: Section<'_>,
    preset: Preset,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) -> Option<EmailLink> {
    let by = section.text("by", problems);
    let needs = section.texts("require", problems);
    let excluded = section.texts("exclude_roles", problems).unwrap_or_default();
    section.require("by");
    let span = section.span().clone();
    section.finish(problems);

    let excluded = excluded
        .iter()
        .filter_map(|text| known_role(text, catalog, problems));
    let exclude_roles: BTreeSet<RoleName> = excluded.collect();
    let named = needs.unwrap_or_default();
    for text in named
        .iter()
        .filter(|text| !LINK_NEEDS.contains(&text.value))
    {
        problems.add_unknown(&text.span, "requirement", text.value, &LINK_NEEDS);
    }
    let by = by?;
    match by.value {
        "email" => {
            for need in LINK_NEEDS {
                if !named.iter().any(|text| text.value == need) {
                    let message = format!("linking by e-mail needs `{need}` in `require`");
                    problems.add(&span, message);
                }
            }
            Some(EmailLink::Verified { exclude_roles })
        }
        "email_and_name" if preset == Preset::DOCUSIGN => {
            Some(EmailLink::EmailAndName { exclude_roles })
        }
        "email_and_name" => {
            let message =
                "`email_and_name` is how DocuSign matches: it needs `preset = \"docusign\"`";
            problems.add(&by.span, message);
            None
        }
        other => {
            let ways = ["email", "email_and_name"];
            problems.add_unknown(&by.span, "way to link", other, &ways);
            None
        }
    }
}

fn read_create(
    mut section: Section<'_>,
    connection: &mut ConnectionPolicy,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) {
    let create = &mut connection.create;
    let modes = [("allow", CreationMode::Allow), ("deny", CreationMode::Deny)];
    if let Some(mode) = choice(&mut section, "mode", &modes, problems) {
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
    let account = section.text("account_id", problems);
    create.account_id = account.map(|text| text.value.to_owned());
    let profile = section.text("permission_profile_id", problems);
    create.permission_profile_id = profile.map(|text| text.value.to_owned());
    section.finish(problems);
}

/// The value that the text at `key` names.
fn choice<T: Copy>(
    section: &mut Section<'_>,
    key: &'static str,
    choices: &[(&str, T)],
    problems: &mut Problems,
) -> Option<T> {
    let text = section.text(key, problems)?;
    let chosen = choices.iter().find(|(name, _)| *name == text.value);
    if chosen.is_none() {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        problems.add_unknown(&text.span, key, text.value, &names);
    }
    chosen.map(|(_, value)| *value)
}
