//! A text and the tree over it, written together.
//!
//! Whatever appends markup to the text adds the records that [`parse`](super::parse) would make of
//! that markup, with spans into the same text, so the tree needs no second reading. Both are in one
//! value from the first byte to the finished [`Document`]: there is no way to pair a tree with
//! another text.
//!
//! What is written is the markup of canonical XML \[C14N §2.3\]: double quotes, one space, no empty
//! element tags, the fewest escapes. That the two ways to a tree agree, record for record, is held
//! by tests that compare them on generated documents, on all fixtures and on what a fuzzer finds.

use std::borrow::Cow;

use memchr::memchr;

use super::element::{Attribute, Element};
use super::tree::{
    AttributeData, Document, ElementData, NamespaceId, Node, Range, Span, Tree, Value, index,
};

/// Writes one document from front to back, out of the parts of another.
///
/// The caller closes what it opens, and gives each start tag its parts in the order in which the
/// methods stand here.
pub(crate) struct TreeWriter<'s> {
    source: &'s Document<'s>,
    text: Text<'s>,
    tree: Tree,
    /// The elements whose end tags are still to come.
    open: Vec<u32>,
}

impl<'s> TreeWriter<'s> {
    /// A writer of what will be made of parts of `source`. The capacities are guesses that save
    /// growing.
    pub(crate) fn new(
        source: &'s Document<'s>,
        bytes: usize,
        elements: usize,
        nodes: usize,
    ) -> Self {
        Self {
            source,
            text: Text {
                source: source.text(),
                run: Span::empty(),
                written: String::with_capacity(bytes),
            },
            tree: Tree {
                elements: Vec::with_capacity(elements),
                attributes: Vec::with_capacity(elements),
                nodes: Vec::with_capacity(nodes),
                ..Tree::default()
            },
            open: Vec::with_capacity(16),
        }
    }

    /// How many bytes have been written.
    pub(crate) const fn len_bytes(&self) -> usize {
        self.text.len()
    }

    /// Writes `<` and the name of `element`.
    #[inline]
    pub(crate) fn start_tag(&mut self, element: Element<'s>) {
        let name = element.name();
        // Nothing stands between the two.
        let start = self.text.copy(name.qualified().and_before());
        let element = index(self.tree.elements.len());
        self.tree.nodes.push(Node::Element(element));
        self.tree.elements.push(ElementData {
            name: name.moved_to(start.saturating_add(1)),
            namespace: NamespaceId::NONE,
            span: Span::new(start, start),
            inner: Span::empty(),
            parent: self.open.last().copied().unwrap_or(element),
            subtree_end: element.saturating_add(1),
            attributes: Range::empty_at(self.tree.attributes.len()),
            declarations: Range::empty_at(self.tree.declarations.len()),
            content: Range::empty_at(self.tree.nodes.len()),
        });
        self.open.push(element);
    }

    /// Declares a namespace in the start tag; gives what its prefix stands for from there on.
    pub(crate) fn declaration(&mut self, prefix: &str, uri: &str) -> NamespaceId {
        self.text.push(" xmlns");
        let prefix = if prefix.is_empty() {
            Span::empty()
        } else {
            self.text.push(":");
            self.text.push(prefix)
        };
        let known = self.tree.known_namespace(&self.text.written, uri);
        let uri = self.push_value(uri);
        // Canonicalization refuses relative ones [C14N §1.3].
        self.tree.declare(prefix, uri, known, false)
    }

    /// Writes an attribute into the start tag; `namespace` is what its prefix stands for.
    pub(crate) fn attribute(&mut self, attribute: Attribute<'s>, namespace: NamespaceId) {
        let name = attribute.name();
        let start = if self.text.source_has(name.start().saturating_sub(1), b" ") {
            self.text.copy(name.qualified().and_before())
        } else {
            self.text.push(" ");
            self.text.copy(name.qualified()).saturating_sub(1)
        };
        let value = self.attribute_value(attribute);
        self.tree.attributes.push(AttributeData {
            name: name.moved_to(start.saturating_add(1)),
            namespace,
            value,
        });
        if namespace.makes_id(attribute.local_name())
            && let Some(element) = self.open.last()
        {
            self.tree.ids.push((value, *element));
        }
    }

    /// Writes `=` and the quoted value behind an attribute's name.
    fn attribute_value(&mut self, attribute: Attribute<'s>) -> Value {
        let name_end = attribute.name().end();
        // Verbatim and in double quotes, it holds nothing that is escaped.
        if let Value::Verbatim(span) = attribute.raw_value()
            && span.start() == name_end.saturating_add(2)
            && self.text.source_has(name_end, b"=\"")
        {
            let quoted = Span::new(name_end, span.end().saturating_add(1));
            let start = self.text.copy(quoted).saturating_add(2);
            return Value::Verbatim(Span::new(start, start.saturating_add(span.len())));
        }
        self.push_value(attribute.value())
    }

    /// Ends the start tag of `element`; `namespace` is what its prefix stands for.
    #[inline]
    pub(crate) fn start_tag_end(&mut self, element: Element<'s>, namespace: NamespaceId) {
        // Where its start tag is read to its end, that end is copied too. A `/` before it is none.
        let close = element.inner().start().saturating_sub(1);
        if self.text.run.end() == close {
            self.text.copy(Span::new(close, close.saturating_add(1)));
        } else {
            self.text.push(">");
        }
        let inner = Span::new(self.text.len(), self.text.len());
        // INVARIANT: the element that was opened last is the last one.
        if let Some(element) = self.tree.elements.last_mut() {
            element.namespace = namespace;
            element.inner = inner;
            element.attributes.end = index(self.tree.attributes.len());
            element.declarations.end = index(self.tree.declarations.len());
        }
    }

    /// Writes character data.
    #[inline]
    pub(crate) fn text(&mut self, value: Value) {
        let text = self.source.value(value);
        // Verbatim, it holds neither a carriage return nor `&` nor `<`.
        if let Value::Verbatim(span) = value
            && memchr(b'>', text.as_bytes()).is_none()
        {
            let start = self.text.copy(span);
            self.plain(Span::new(start, start.saturating_add(span.len())));
            return;
        }
        let mut rest = text;
        while let Some(special) = Special::find(rest, escape_in_text) {
            self.push_plain(special.before);
            self.text.push(special.escape);
            self.tree.push_decoded(special.itself);
            rest = special.after;
        }
        self.push_plain(rest);
    }

    /// Writes a comment, given its inside.
    pub(crate) fn comment(&mut self, inside: Span) {
        let comment = Span::new(
            inside.start().saturating_sub("<!--".len()),
            inside.end().saturating_add("-->".len()),
        );
        let start = self.text.copy(comment).saturating_add("<!--".len());
        let inside = Span::new(start, start.saturating_add(inside.len()));
        self.tree.nodes.push(Node::Comment(inside));
    }

    /// Closes `element`, which was opened last and is still open.
    #[inline]
    pub(crate) fn end_tag(&mut self, element: Element<'s>) {
        let name = element.name().qualified();
        let tag = Span::new(element.inner().end(), element.span().end());
        // `</`, the name and `>`; white space may have stood before that.
        let start = if tag.len() == name.len().saturating_add(3) {
            self.text.copy(tag)
        } else {
            let start = self.text.push("</").start();
            self.text.copy(name);
            self.text.push(">");
            start
        };
        if let Some(element) = self.open.pop() {
            self.tree.close(element, start, self.text.len());
        }
    }

    /// The document that was written.
    pub(crate) fn finish(mut self) -> Document<'static> {
        self.text.flush();
        self.tree.sort_ids(&self.text.written);
        Document {
            text: Cow::Owned(self.text.written),
            tree: self.tree,
        }
    }

    fn push_value(&mut self, value: &str) -> Value {
        self.text.push("=\"");
        let start = self.text.len();
        let mut rest = value;
        while let Some(special) = Special::find(rest, escape_in_attribute) {
            self.text.push(special.before);
            self.text.push(special.escape);
            rest = special.after;
        }
        self.text.push(rest);
        let written = Span::new(start, self.text.len());
        self.text.push("\"");
        if rest.len() == value.len() {
            Value::Verbatim(written)
        } else {
            self.tree.decode(value)
        }
    }

    /// Writes text that needs no escapes.
    fn push_plain(&mut self, plain: &str) {
        if !plain.is_empty() {
            let span = self.text.push(plain);
            self.plain(span);
        }
    }

    /// Takes up text that was written as it is. What adjoins an earlier piece, because a comment or
    /// an element between them was left out, is one text with it.
    #[inline]
    fn plain(&mut self, span: Span) {
        match self.tree.nodes.last_mut() {
            Some(Node::Text(Value::Verbatim(before))) if before.end() == span.start() => {
                *before = Span::new(before.start(), span.end());
            }
            _ => self.tree.nodes.push(Node::Text(Value::Verbatim(span))),
        }
    }
}

/// The text that is written. Most of it stands in the source just so, piece after piece, and is
/// copied from there in long runs.
struct Text<'s> {
    source: &'s str,
    /// The part of the source that follows `written` and is not copied yet.
    run: Span,
    written: String,
}

impl Text<'_> {
    const fn len(&self) -> usize {
        self.written.len().saturating_add(self.run.len())
    }

    /// Adds a part of the source; gives where it starts.
    #[inline]
    fn copy(&mut self, part: Span) -> usize {
        let start = self.len();
        if self.run.end() == part.start() {
            self.run = Span::new(self.run.start(), part.end());
        } else {
            self.flush();
            self.run = part;
        }
        start
    }

    /// Adds what does not stand in the source; gives where.
    fn push(&mut self, text: &str) -> Span {
        self.flush();
        let start = self.written.len();
        self.written.push_str(text);
        Span::new(start, self.written.len())
    }

    fn flush(&mut self) {
        self.written.push_str(self.run.of(self.source));
        self.run = Span::empty();
    }

    /// Whether `bytes` stand in the source at this place.
    fn source_has(&self, at: usize, bytes: &[u8]) -> bool {
        self.source
            .as_bytes()
            .get(at..)
            .is_some_and(|rest| rest.starts_with(bytes))
    }
}

/// A character that is not written as it is, in the text that it was found in.
struct Special<'t> {
    before: &'t str,
    itself: &'t str,
    escape: &'static str,
    after: &'t str,
}

impl<'t> Special<'t> {
    fn find(text: &'t str, escape: fn(u8) -> Option<&'static str>) -> Option<Self> {
        let (at, escape) = text
            .bytes()
            .enumerate()
            .find_map(|(at, byte)| Some((at, escape(byte)?)))?;
        let (before, rest) = text.split_at_checked(at)?;
        let (itself, after) = rest.split_at_checked(1)?;
        Some(Self {
            before,
            itself,
            escape,
            after,
        })
    }
}

/// How a byte of character data is written \[C14N §2.3\].
const fn escape_in_text(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    }
}

/// How a byte of an attribute value is written \[C14N §2.3\].
const fn escape_in_attribute(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    }
}
