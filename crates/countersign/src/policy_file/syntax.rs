//! Errors of the TOML syntax, in words that say what to write.

use crate::policy_file::problem::quote;
use crate::policy_file::span::Span;

/// What is wrong with the syntax of `text` at `span`, of which the parser says `said`.
pub(super) fn message(text: &str, span: &Span, said: &str) -> String {
    let here = text.get(span.clone()).unwrap_or_default();
    let said = said.replace('\n', ", ");
    let is = |what: &str| said.starts_with(what);
    if here.contains('\0') || text.contains('\0') {
        return "holds the character U+0000; save the file as UTF-8".to_owned();
    }
    if is("duplicate key") {
        let key = quote(here);
        return if here == "rule" {
            format!("{key} is there already; write each as `[[rule]]`, with two brackets")
        } else {
            format!("{key} is there already; remove one of the two")
        };
    }
    if is("string values must be quoted") {
        return format!("text stands in quotes; write `\"{}\"`", visible(here));
    }
    if said.contains("basic string") || said.contains("literal string") {
        return "a text is not closed, or holds what it may not; end it with the quote that it begins with".to_owned();
    }
    if is("unclosed table") {
        return "the name of a table is not closed; end it with `]`".to_owned();
    }
    if is("cannot recurse") || is("recursion limit") {
        return "is nested deeper than any policy; remove what is too much".to_owned();
    }
    if is("carriage return") {
        return "lines end with CR alone; save the file with LF or CRLF".to_owned();
    }
    format!("is no TOML: {said}")
}

/// The text without backticks around it.
fn visible(here: &str) -> String {
    quote(here).trim_matches('`').to_owned()
}
