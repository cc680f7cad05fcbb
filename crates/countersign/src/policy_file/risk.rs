//! `[risk.NAME]`.

use countersign_core::DocumentPattern;
use countersign_provision::risk::{Needs, Risk};

use crate::policy_file::problem::quote;
use crate::policy_file::span::{Problems, Section, Text};

/// What a risk may require.
const REQUIREMENTS: [&str; 3] = ["mfa", "federated", "consent"];

/// Reads `[risk.NAME]`.
pub(super) fn read_risk(
    name: &Text<'_>,
    mut section: Section<'_>,
    problems: &mut Problems,
) -> Option<(String, Risk)> {
    let patterns = section.texts("documents", problems);
    let required = section.texts("require", problems).unwrap_or_default();
    let max_age = section.duration("max_age", problems);
    section.require("documents");
    section.finish(problems);

    let mut needs = Needs {
        max_age,
        ..Needs::default()
    };
    for text in &required {
        match text.value {
            "mfa" => needs.multi_factor = true,
            "federated" => needs.federated = true,
            "consent" => needs.consent = true,
            other => problems.add_unknown(&text.span, "requirement", other, &REQUIREMENTS),
        }
    }
    let given = quote(name.value);
    if required.is_empty() && max_age.is_none() {
        problems.add(
            &name.span,
            format!("risk {given} asks for nothing: it needs `require` or `max_age`"),
        );
    }
    let patterns = patterns?;
    if patterns.is_empty() {
        problems.add(&name.span, format!("risk {given} is about no documents"));
    }
    let mut documents: Vec<DocumentPattern> = Vec::new();
    for text in patterns {
        match text.value.parse() {
            Ok(pattern) => documents.push(pattern),
            Err(error) => {
                let given = quote(text.value);
                problems.add(&text.span, format!("the document type {given} {error}"));
            }
        }
    }
    Some((name.value.to_owned(), Risk { documents, needs }))
}
