//! `[connection.NAME.match]`.

use std::collections::BTreeSet;

use countersign_core::text::check_identifier;
use countersign_core::{Door, RoleName};
use countersign_provision::{ConnectionPolicy, EmailLink, Key, OnEmailChange, OnInactive, Preset};
use countersign_roles::RoleCatalog;

use crate::policy_file::door::check_match;
use crate::policy_file::roles::known_role;
use crate::policy_file::span::{Problems, Section};

/// How a key name says that the `NameID` is the key, of whatever format but transient.
const NAME_ID: &str = "name_id";

/// What linking by address needs. All of it, always: the file names it so that a reader of the
/// file knows.
const LINK_NEEDS: [&str; 3] = ["idp_verified", "locally_verified", "owned_domain"];

/// Reads `[connection.NAME.match]`.
pub(super) fn read_match(
    mut section: Section<'_>,
    connection: &mut ConnectionPolicy,
    catalog: &RoleCatalog,
    problems: &mut Problems,
) {
    if connection.door == Door::Email {
        check_match(&mut section, problems);
    }
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
    if let Some(chosen) = section.choice("on_inactive", &on_inactive, problems) {
        matching.on_inactive = chosen;
    }
    let on_email_change = [
        ("keep", OnEmailChange::Keep),
        ("update_if_owned_domain", OnEmailChange::UpdateIfOwnedDomain),
        ("deny", OnEmailChange::Deny),
    ];
    if let Some(chosen) = section.choice("on_email_change", &on_email_change, problems) {
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
