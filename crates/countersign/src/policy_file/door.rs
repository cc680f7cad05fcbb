//! `door = "email"` of a connection: what makes sense for signers without an identity provider.

use countersign_core::Door;

use crate::policy_file::span::{Problems, Section};

/// What only an identity provider has, by the table that it stands in.
const PROVIDERS_OWN: [&str; 4] = ["issuer", "preset", "attribute_names", "groups"];
const PROVIDERS_OWN_TO_MATCH: [&str; 2] = ["key", "on_email_change"];
const PROVIDERS_OWN_TO_CREATE: [&str; 2] = ["require_group", "accept_unverified_email"];

/// Reads `door`; an identity provider's if nothing is said.
pub(super) fn read_door(section: &mut Section<'_>, problems: &mut Problems) -> Door {
    let doors = [Door::Saml, Door::Email].map(|door| (door.name(), door));
    section
        .choice("door", &doors, problems)
        .unwrap_or(Door::Saml)
}

/// Refuses what a mailbox has not, in the connection's own table.
pub(super) fn check_hall(section: &mut Section<'_>, problems: &mut Problems) {
    refuse(&PROVIDERS_OWN, section, problems);
}

/// The same in `[connection.NAME.match]`.
pub(super) fn check_match(section: &mut Section<'_>, problems: &mut Problems) {
    refuse(&PROVIDERS_OWN_TO_MATCH, section, problems);
}

/// The same in `[connection.NAME.create]`.
pub(super) fn check_create(section: &mut Section<'_>, problems: &mut Problems) {
    refuse(&PROVIDERS_OWN_TO_CREATE, section, problems);
}

fn refuse(keys: &[&'static str], section: &mut Section<'_>, problems: &mut Problems) {
    for key in keys {
        if let Some(span) = section.key_span(key) {
            let message =
                format!("`{key}` is about an identity provider: the e-mail door has none");
            problems.add(&span, message);
        }
    }
}
