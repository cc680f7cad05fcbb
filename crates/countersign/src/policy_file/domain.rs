//! `domains` of a connection: names, or names with the instant that their proof ends.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::Timestamp;
use countersign_provision::normalize;

use crate::policy_file::problem::quote;
use crate::policy_file::span::{Problems, Section, Text, TextOrSection};

/// How the file says that an address in any domain is accepted.
const ANY: &str = "any";

/// Reads `domains = ["acme.example", { name = "labs.example", proved_until = "…" }]`. Without
/// names: `domains = "any"`.
pub(super) fn read_domains(
    section: &mut Section<'_>,
    problems: &mut Problems,
) -> (Option<BTreeSet<String>>, BTreeMap<String, Timestamp>) {
    if section.is_text("domains", ANY) {
        return (None, BTreeMap::new());
    }
    let mut domains = BTreeSet::new();
    let mut proved_until = BTreeMap::new();
    for item in section.texts_or_sections("domains", problems) {
        match item {
            TextOrSection::Text(text) => domains.extend(read_domain(&text, problems)),
            TextOrSection::Section(mut section) => {
                let name = section.text("name", problems);
                let until = section.timestamp("proved_until", problems);
                section.require("name");
                section.finish(problems);
                let name = name.and_then(|text| read_domain(&text, problems));
                if let (Some(name), Some(until)) = (&name, until) {
                    proved_until.insert(name.clone(), until);
                }
                domains.extend(name);
            }
        }
    }
    (Some(domains), proved_until)
}

fn read_domain(text: &Text<'_>, problems: &mut Problems) -> Option<String> {
    let domain = normalize::domain(text.value);
    domain
        .map_err(|_| {
            let given = quote(text.value);
            let message = format!("{given} is no domain, such as `acme.example`");
            problems.add(&text.span, message);
        })
        .ok()
}
