//! The canonical form, written once from front to back.

use super::C14nError;
use super::method::{Canonicalization, Form};
use crate::xml::{Attribute, Document, Element, Node, Value, XML_NAMESPACE};

/// How many times the document's length the canonical form may have. Escaping alone grows a
/// hostile text sixfold (`"` in an attribute); real messages stay under two.
const MAX_GROWTH: usize = 8;
/// Room for the namespaces of a small element in a small document.
const MIN_ROOM_BYTES: usize = 64 * 1024;

pub(super) fn write<'d>(
    apex: Element<'d>,
    method: &Canonicalization,
    omit: Option<Element<'_>>,
) -> Result<Vec<u8>, C14nError> {
    let document = apex.document();
    let mut writer = Writer {
        document,
        method,
        // A third more than the source: end tags for empty elements, namespaces.
        out: Vec::with_capacity(apex.span().len().saturating_mul(4) / 3),
        max_bytes: document
            .text()
            .len()
            .saturating_mul(MAX_GROWTH)
            .saturating_add(MIN_ROOM_BYTES),
        rendered: Vec::with_capacity(16),
        attributes: Vec::new(),
    };
    let content = apex.content();
    let mut open = Vec::with_capacity(16);
    writer.start_tag(apex, true)?;
    open.push(Open {
        element: apex,
        end: content.len(),
        rendered: 0,
    });
    let mut at = 0_usize;
    loop {
        while let Some(closed) = open.pop_if(|open| open.end <= at) {
            writer.end_tag(closed.element);
            writer.rendered.truncate(closed.rendered);
        }
        let Some(node) = content.get(at) else {
            break;
        };
        at = at.saturating_add(1);
        match *node {
            Node::Element(index) => {
                let element = apex.content_element(index);
                let end = at.saturating_add(element.content().len());
                if omit == Some(element) {
                    at = end;
                    continue;
                }
                let rendered = writer.rendered.len();
                writer.start_tag(element, false)?;
                open.push(Open {
                    element,
                    end,
                    rendered,
                });
            }
            Node::Text(value) => writer.text(value),
            Node::Comment(span) => {
                if method.comments {
                    writer.push("<!--");
                    writer.push(span.of(document.text()));
                    writer.push("-->");
                }
            }
        }
        if writer.out.len() > writer.max_bytes {
            return Err(C14nError::TooLarge);
        }
    }
    Ok(writer.out)
}

/// An element whose end tag is still to be written.
struct Open<'d> {
    element: Element<'d>,
    /// Where in the apex's content its own ends.
    end: usize,
    /// How many namespaces were rendered around it.
    rendered: usize,
}

/// A namespace declaration that the output has in scope.
struct Rendered<'d> {
    prefix: &'d str,
    uri: &'d str,
}

struct Writer<'d, 'm> {
    document: &'d Document<'d>,
    method: &'m Canonicalization,
    out: Vec<u8>,
    max_bytes: usize,
    rendered: Vec<Rendered<'d>>,
    /// Reused for every start tag.
    attributes: Vec<Attribute<'d>>,
}

impl<'d> Writer<'d, '_> {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn start_tag(&mut self, element: Element<'d>, is_apex: bool) -> Result<(), C14nError> {
        let around = self.rendered.len();
        self.select_namespaces(element, is_apex)?;
        self.push("<");
        self.push(element.qualified_name());

        // The default namespace has the empty prefix, so it comes first [C14N §2.2].
        let selected = self.rendered.get_mut(around..).unwrap_or_default();
        selected.sort_unstable_by_key(|namespace| namespace.prefix);
        for namespace in selected {
            if namespace.prefix.is_empty() {
                self.out.extend_from_slice(b" xmlns=\"");
            } else {
                self.out.extend_from_slice(b" xmlns:");
                self.out.extend_from_slice(namespace.prefix.as_bytes());
                self.out.extend_from_slice(b"=\"");
            }
            push_escaped(&mut self.out, namespace.uri, escape_in_attribute);
            self.out.push(b'"');
        }

        self.attributes.clear();
        self.attributes.extend(element.attributes());
        if is_apex && self.method.form != Form::Exclusive {
            self.inherit_xml_attributes(element)?;
        }
        // Attributes without a namespace come first [C14N §2.2].
        self.attributes.sort_unstable_by_key(|attribute| {
            (attribute.namespace_or_empty(), attribute.local_name())
        });
        for attribute in &self.attributes {
            self.out.push(b' ');
            self.out
                .extend_from_slice(attribute.qualified_name().as_bytes());
            self.out.extend_from_slice(b"=\"");
            push_escaped(&mut self.out, attribute.value(), escape_in_attribute);
            self.out.push(b'"');
        }
        self.push(">");
        Ok(())
    }

    fn end_tag(&mut self, element: Element<'d>) {
        self.push("</");
        self.push(element.qualified_name());
        self.push(">");
    }

    /// Puts on `rendered` what this start tag has to declare.
    fn select_namespaces(&mut self, element: Element<'d>, is_apex: bool) -> Result<(), C14nError> {
        let is_inclusive = self.method.form != Form::Exclusive;
        if !is_inclusive {
            // What the tag visibly utilizes [EXC-C14N §3].
            self.need(element.prefix(), element.namespace_or_empty());
            for attribute in element.attributes() {
                if !attribute.prefix().is_empty() {
                    self.need(attribute.prefix(), attribute.namespace_or_empty());
                }
            }
        }
        // What inclusive canonicalization adds: everything newly in scope, or the prefixes listed.
        // A nearer declaration hides a farther one of the same prefix, also where it adds nothing.
        let mut hidden: Vec<&str> = Vec::new();
        let mut here = Some(element);
        while let Some(ancestor) = here {
            for declared in ancestor.declarations() {
                if declared.is_relative {
                    return Err(C14nError::RelativeNamespace);
                }
                let listed = is_inclusive
                    || self
                        .method
                        .inclusive_prefixes
                        .iter()
                        .any(|prefix| prefix == declared.prefix);
                if listed && !hidden.contains(&declared.prefix) {
                    self.need(declared.prefix, declared.uri);
                    if is_apex {
                        hidden.push(declared.prefix);
                    }
                }
            }
            here = ancestor.parent().filter(|_| is_apex);
        }
        Ok(())
    }

    /// Declares `prefix` here, unless the output has it in scope with this value already.
    fn need(&mut self, prefix: &'d str, uri: &'d str) {
        if prefix == "xml" {
            return;
        }
        let current = self
            .rendered
            .iter()
            .rev()
            .find(|rendered| rendered.prefix == prefix)
            .map_or("", |rendered| rendered.uri);
        if current != uri {
            self.rendered.push(Rendered { prefix, uri });
        }
    }

    /// Adds the attributes of the `xml` namespace that the apex inherits from ancestors left out
    /// \[C14N §2.4, C14N11 §2.4\].
    fn inherit_xml_attributes(&mut self, apex: Element<'d>) -> Result<(), C14nError> {
        let mut here = apex.parent();
        while let Some(ancestor) = here {
            for attribute in ancestor.attributes() {
                if attribute.namespace_or_empty() != XML_NAMESPACE {
                    continue;
                }
                let name = attribute.local_name();
                if self.method.form == Form::Inclusive1_1 {
                    match name {
                        "base" => return Err(C14nError::InheritedBase),
                        "lang" | "space" => {}
                        _ => continue,
                    }
                }
                let has_its_own = self.attributes.iter().any(|own| {
                    own.local_name() == name && own.namespace_or_empty() == XML_NAMESPACE
                });
                if !has_its_own {
                    self.attributes.push(attribute);
                }
            }
            here = ancestor.parent();
        }
        Ok(())
    }

    fn text(&mut self, value: Value) {
        push_escaped(&mut self.out, self.document.value(value), escape_in_text);
    }
}

/// How a byte of character data is written \[C14N §2.3\].
const fn escape_in_text(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        b'\r' => Some(b"&#xD;"),
        _ => None,
    }
}

/// How a byte of an attribute value is written \[C14N §2.3\].
const fn escape_in_attribute(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'"' => Some(b"&quot;"),
        b'\t' => Some(b"&#x9;"),
        b'\n' => Some(b"&#xA;"),
        b'\r' => Some(b"&#xD;"),
        _ => None,
    }
}

/// Whether a byte may have to be escaped, in text or in an attribute value.
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'&' | b'<' | b'>' | b'"')
}

fn push_escaped(out: &mut Vec<u8>, text: &str, escape: fn(u8) -> Option<&'static [u8]>) {
    // Nearly all text is plain. Without a branch for each byte the compiler looks at many at once.
    let any_special = text
        .bytes()
        .fold(false, |found, byte| found | is_special(byte));
    if !any_special {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut plain = text.as_bytes();
    while let Some((at, escaped)) = plain
        .iter()
        .enumerate()
        .find_map(|(at, byte)| Some((at, escape(*byte)?)))
    {
        let (before, rest) = plain.split_at_checked(at).unwrap_or((plain, &[]));
        out.extend_from_slice(before);
        out.extend_from_slice(escaped);
        plain = rest.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(plain);
}
