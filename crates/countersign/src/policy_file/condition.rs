//! `{ attribute = "…", eq = "…" }`: one condition of a rule.

use std::collections::HashSet;

use countersign_core::text::{check_identifier, is_hidden};
use countersign_provision::normalize;
use countersign_roles::{Condition, EMAIL, Finding, Place, Severity, Test, Values};

use crate::policy_file::problem::{bad_name, quote};
use crate::policy_file::span::{Problems, Section, Text};

/// What a condition may ask, as a message lists it.
const TESTS: &str = "`eq`, `any_of`, `prefix`, `suffix`, `domain`, `present` and `not`";

/// Reads a condition: `attribute` and one test, or `attribute` and `not = { … }` with one.
pub(super) fn read_condition(
    mut section: Section<'_>,
    problems: &mut Problems,
) -> Option<Condition> {
    let before = problems.len();
    let attribute = section.text("attribute", problems);
    section.require("attribute");
    if let Some(text) = &attribute
        && let Err(error) = check_identifier(text.value)
    {
        problems.add(&text.span, bad_name("attribute", text.value, error));
    }
    let span = section.span().clone();
    let mut tests = read_tests(&mut section, attribute.as_ref(), problems);
    let opposite = section.section("not", problems);
    section.finish(problems);
    let mut negated = false;
    if let Some(mut inner) = opposite {
        let inner_span = inner.span().clone();
        if inner.span_of("not").is_some() {
            problems.add(&inner_span, "`not` can not stand within `not`; remove both");
            return None;
        }
        let within = read_tests(&mut inner, attribute.as_ref(), problems);
        inner.finish(problems);
        if within.is_empty() {
            problems.add(
                &inner_span,
                "`not` needs one test; write `not = { eq = \"…\" }`",
            );
            return None;
        }
        negated = true;
        tests.extend(within);
    }
    let attribute = attribute?.value;
    let is_one = tests.len() == 1;
    match tests.pop() {
        Some(test) if is_one => Some(Condition {
            attribute: attribute.to_owned(),
            test: test?,
            // It is the only one, so it is the one within `not`, if there is that.
            negated,
        }),
        // What is there and could not be read, or was mistyped, was told.
        None if problems.len() > before => None,
        last => {
            let fix = if last.is_none() {
                "add one"
            } else {
                "write a condition for each"
            };
            problems.add(&span, format!("a condition needs one of {TESTS}; {fix}"));
            None
        }
    }
}

/// The tests in one table: `None` for one that has a problem of its own, which was added.
fn read_tests(
    section: &mut Section<'_>,
    attribute: Option<&Text<'_>>,
    problems: &mut Problems,
) -> Vec<Option<Test>> {
    let is_email = attribute.is_some_and(|text| text.value == EMAIL);
    let mut tests = Vec::new();
    if section.has("eq") {
        let text = section.text("eq", problems);
        tests.push(
            text.and_then(|text| whole(&text, is_email, problems))
                .map(Test::Eq),
        );
    }
    if section.has("any_of") {
        let span = section.span().clone();
        let texts = section.texts("any_of", problems);
        let values = texts.and_then(|texts| {
            let all = texts.len();
            let values = texts.iter();
            let values = values.filter_map(|text| whole(text, is_email, problems));
            let values: Vec<_> = values.collect();
            if all == 0 {
                problems.add(&span, "`any_of` needs a value; write `any_of = [\"…\"]`");
            }
            repeated(&texts, &values, problems);
            (values.len() == all).then_some(values)
        });
        tests.push(values.and_then(Values::new).map(Test::AnyOf));
    }
    if section.has("prefix") {
        let text = section.text("prefix", problems);
        tests.push(text.and_then(|text| {
            check_value(&text, problems)?;
            Some(Test::Prefix(part(&text, is_email)))
        }));
    }
    if section.has("suffix") {
        let text = section.text("suffix", problems);
        tests.push(text.and_then(|text| {
            check_value(&text, problems)?;
            Some(Test::Suffix(part(&text, is_email)))
        }));
    }
    if section.has("domain") {
        let text = section.text("domain", problems);
        tests.push(text.and_then(|text| match normalize::domain(text.value) {
            Ok(domain) => Some(Test::Domain(domain)),
            Err(_) => {
                let given = quote(text.value);
                let message = format!("{given} is no domain, such as `acme.example`");
                problems.add(&text.span, message);
                None
            }
        }));
    }
    if section.has("present") {
        let span = section.span().clone();
        tests.push(match section.flag("present", problems) {
            Some(true) => Some(Test::Present),
            Some(false) => {
                let message = "`present = false` is written `not = { present = true }`";
                problems.add(&span, message);
                None
            }
            None => None,
        });
    }
    tests
}

/// Says which value stands in a list twice.
fn repeated(texts: &[Text<'_>], values: &[String], problems: &mut Problems) {
    if texts.len() != values.len() {
        return;
    }
    let mut seen = HashSet::new();
    for (text, value) in texts.iter().zip(values) {
        if !seen.insert(value) {
            let value = quote(value);
            let finding = Finding::new(
                (Severity::Warning, "lint.repeated_value"),
                Place::Policy,
                format!("{value} is in the list already"),
                "remove it, or write the value that was meant",
            );
            problems.add_oddity(&text.span, finding);
        }
    }
}

/// Refuses what no provider sends and no reader of the file sees.
fn check_value(text: &Text<'_>, problems: &mut Problems) -> Option<()> {
    // Most values are ASCII without white space: nothing below can be wrong with these.
    if !text.value.is_empty() && text.value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(());
    }
    if text.value.trim().is_empty() {
        problems.add(&text.span, "the value is empty; write what is asked for");
        return None;
    }
    if text.value.contains(is_hidden) {
        let given = quote(text.value);
        let message =
            format!("the value {given} holds characters that nobody sees; write it without");
        problems.add(&text.span, message);
        return None;
    }
    if text.value.trim() != text.value {
        let given = quote(text.value);
        let finding = Finding::new(
            (Severity::Warning, "lint.surrounding_white_space"),
            Place::Policy,
            format!("the value {given} starts or ends with white space"),
            "write it without, unless the provider sends it so",
        );
        problems.add_oddity(&text.span, finding);
    }
    Some(())
}

/// A whole value in the form that facts have it in.
fn whole(text: &Text<'_>, is_email: bool, problems: &mut Problems) -> Option<String> {
    check_value(text, problems)?;
    if !is_email {
        return Some(normalize::text(text.value));
    }
    match normalize::email(text.value) {
        Ok(address) => Some(address.as_str().to_owned()),
        Err(_) => {
            let message = format!(
                "{} is no e-mail address, such as `nurse@acme.example`",
                quote(text.value)
            );
            problems.add(&text.span, message);
            None
        }
    }
}

/// The beginning or the end of a value in the form that facts have it in.
fn part(text: &Text<'_>, is_email: bool) -> String {
    let part = normalize::text(text.value);
    if is_email {
        part.to_ascii_lowercase()
    } else {
        part
    }
}
