//! `[connection.NAME.attribute_names]` and `[connection.NAME.groups]`.

use std::num::NonZeroUsize;

use countersign_core::text::check_identifier;
use countersign_provision::{
    AttributeNames, AttributeSource, ConnectionPolicy, Decoder, FetchGroups,
};

use crate::policy_file::problem::quote;
use crate::policy_file::span::{Entry, Problems, Section, Text};

/// The decoders that need nothing else.
const PLAIN: [&str; 4] = ["values", "dn_cn", "path", "json"];

/// Reads `[connection.NAME.attribute_names]`: `short = "full"`, `short = ["full", "other"]` or
/// `short = { names = ["full"], decode = …, scoped = true }`.
pub(super) fn read_attribute_names(
    section: Section<'_>,
    connection: &mut ConnectionPolicy,
    problems: &mut Problems,
) {
    for (short, entry) in section.entries() {
        let Some(source) = read_source(&short, entry, problems) else {
            continue;
        };
        let names: &mut AttributeNames = &mut connection.attribute_names;
        if let Err(error) = names.insert(short.value, source) {
            let given = quote(short.value);
            problems.add(&short.span, format!("the attribute {given} {error}"));
        }
    }
}

fn read_source(
    short: &Text<'_>,
    entry: Entry<'_>,
    problems: &mut Problems,
) -> Option<AttributeSource> {
    let mut source = AttributeSource::default();
    let names = match entry.texts() {
        Some(names) => names,
        None => {
            let mut section = entry.section(short.value, problems)?;
            let names = section.text_or_texts("names", problems);
            if let Some(entry) = section.entry("decode") {
                source.decode = read_decoder(entry, problems)?;
            }
            source.scoped = section.flag("scoped", problems).unwrap_or(false);
            section.require("names");
            section.finish(problems);
            names?
        }
    };
    source.names = names.iter().map(|name| name.value.to_owned()).collect();
    Some(source)
}

/// Reads `[connection.NAME.groups]`.
pub(super) fn read_groups(
    mut section: Section<'_>,
    connection: &mut ConnectionPolicy,
    problems: &mut Problems,
) {
    let groups = &mut connection.groups;
    for name in section
        .text_or_texts("names", problems)
        .into_iter()
        .flatten()
    {
        match check_identifier(name.value) {
            Ok(()) => groups.names.push(name.value.to_owned()),
            Err(error) => problems.add(&name.span, format!("the name of the groups {error}")),
        }
    }
    if let Some(entry) = section.entry("decode") {
        groups.decode = read_decoder(entry, problems);
    }
    let most = section.count("most", problems);
    groups.most = most.and_then(|most| NonZeroUsize::new(usize::try_from(most).ok()?));
    let fetch = FetchGroups::ALL.map(|fetch| (fetch.name(), fetch));
    if let Some(fetch) = section.choice("fetch", &fetch, problems) {
        groups.fetch = fetch;
    }
    section.finish(problems);
}

/// `"values"`, `"dn_cn"`, `"path"`, `"json"`, `{ split = ";" }`, `{ dn_cn = "OU=…" }` or
/// `{ path = "/…" }`.
fn read_decoder(entry: Entry<'_>, problems: &mut Problems) -> Option<Decoder> {
    if let Some(text) = entry.text() {
        return match text.value {
            "values" => Some(Decoder::values()),
            "dn_cn" => Some(Decoder::common_name()),
            "path" => Some(Decoder::path()),
            "json" => Some(Decoder::json()),
            "split" => {
                let message = "`split` needs what stands between the names: `{ split = \";\" }`";
                problems.add(&text.span, message);
                None
            }
            other => {
                problems.add_unknown(&text.span, "decode", other, &PLAIN);
                None
            }
        };
    }
    let mut section = entry.section("decode", problems)?;
    let span = section.span().clone();
    let split = section.text("split", problems);
    let below_name = section.text("dn_cn", problems);
    let below_path = section.text("path", problems);
    section.finish(problems);
    match (split, below_name, below_path) {
        (Some(text), None, None) => {
            let decoder = Decoder::split(text.value);
            if decoder.is_none() {
                problems.add(
                    &text.span,
                    "`split` is empty, and nothing stands between all letters",
                );
            }
            decoder
        }
        (None, Some(text), None) => {
            let decoder = Decoder::common_name_below(text.value);
            if decoder.is_none() {
                let given = quote(text.value);
                let message = format!(
                    "{given} is no distinguished name, such as `OU=Groups,DC=acme,DC=example`"
                );
                problems.add(&text.span, message);
            }
            decoder
        }
        (None, None, Some(text)) => {
            let decoder = Decoder::path_below(text.value);
            if decoder.is_none() {
                let given = quote(text.value);
                problems.add(
                    &text.span,
                    format!("{given} is no path, such as `/apps/sign`"),
                );
            }
            decoder
        }
        _ => {
            problems.add(&span, "`decode` needs one of `split`, `dn_cn` and `path`");
            None
        }
    }
}
