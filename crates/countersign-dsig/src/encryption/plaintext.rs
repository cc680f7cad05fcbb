//! From decrypted octets to a tree.

use std::borrow::Cow;
use std::fmt::Write as _;

use quick_xml::events::Event;
use quick_xml::name::PrefixDeclaration;
use quick_xml::reader::Reader;

use crate::xml::{Document, Element, Limits};

/// The tree of a plaintext that takes the place of `replaced`; nothing unless it is one element
/// and no more.
///
/// An encrypted element may use namespaces that are declared around the place where it stood
/// \[XMLEnc §4.4\]. It gets declarations of its own for them, so that the tree stands for itself.
/// Both the place and the declarations are those of the tree that `replaced` stands in: where a
/// signature covers that tree, nothing that it does not cover gives the plaintext a meaning. What
/// exclusive canonicalization left out of it is gone: a prefix is undeclared then, and a name
/// without one is in no namespace.
pub(super) fn parse(
    plaintext: &[u8],
    replaced: Element<'_>,
    limits: &Limits,
) -> Option<Document<'static>> {
    let text = std::str::from_utf8(plaintext).ok()?;
    // A byte order mark in front would be read over.
    if !text.starts_with('<') {
        return None;
    }
    let text = declare_namespaces(text, replaced)?;
    let document = Document::parse(text.as_bytes(), limits).ok()?;
    // Nothing in front of the element and nothing behind it, not even what XML would allow around
    // a root.
    let (span, len) = (document.root().span(), document.text().len());
    (span.start() == 0 && span.end() == len).then(|| document.into_owned())
}

/// `text` with a declaration in its first tag for each namespace that is in scope around
/// `replaced` and is not declared there anew.
fn declare_namespaces<'t>(text: &'t str, replaced: Element<'_>) -> Option<Cow<'t, str>> {
    // The tokenizer only finds the tag's name and its declarations. Whatever else is in it is
    // judged when the whole is parsed: a declaration too many is refused then, and one too few
    // leaves a prefix undeclared.
    let mut reader = Reader::from_str(text);
    let (Event::Start(tag) | Event::Empty(tag)) = reader.read_event().ok()? else {
        return None;
    };
    let mut prefixes = Vec::new();
    for attribute in tag.attributes().with_checks(false) {
        match attribute.ok()?.key.as_namespace_binding() {
            Some(PrefixDeclaration::Default) => prefixes.push(String::new()),
            Some(PrefixDeclaration::Named(prefix)) => {
                prefixes.push(prefix.to_owned());
            }
            None => {}
        }
    }
    let mut declarations = String::new();
    let mut around = replaced.parent();
    while let Some(element) = around {
        for declared in element.declarations() {
            if prefixes.iter().any(|prefix| prefix == declared.prefix) {
                continue;
            }
            prefixes.push(declared.prefix.to_owned());
            match declared.prefix {
                "xml" => {}
                // Undeclared there is undeclared here.
                "" if declared.uri.is_empty() => {}
                "" => declare(&mut declarations, "xmlns", declared.uri)?,
                prefix => declare(&mut declarations, &format!("xmlns:{prefix}"), declared.uri)?,
            }
        }
        around = element.parent();
    }
    if declarations.is_empty() {
        return Some(Cow::Borrowed(text));
    }
    let (name, rest) = text.split_at_checked(tag.name().as_ref().len().checked_add(1)?)?;
    Some(Cow::Owned(format!("{name}{declarations}{rest}")))
}

fn declare(declarations: &mut String, name: &str, uri: &str) -> Option<()> {
    write!(declarations, " {name}=\"").ok()?;
    for c in uri.chars() {
        match c {
            '&' | '<' | '"' | '\t' | '\n' | '\r' => {
                write!(declarations, "&#x{:X};", u32::from(c)).ok()?;
            }
            _ => declarations.push(c),
        }
    }
    declarations.push('"');
    Some(())
}
