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

use super::tree::{
    AttributeData, Declaration, Document, ElementData, Name, NamespaceId, Node, Range, Span, Tree,
    Value, index,
};

/// Writes one document from front to back.
///
/// The caller closes what it opens, and gives each start tag its parts in the order in which the
/// methods stand here.
pub(crate) struct TreeWriter {
    text: String,
    tree: Tree,
    /// The elements whose end tags are still to come.
    open: Vec<u32>,
}

impl TreeWriter {
    /// The capacities are guesses that save growing.
    pub(crate) fn with_capacity(bytes: usize, elements: usize, nodes: usize) -> Self {
        Self {
            text: String::with_capacity(bytes),
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

    /// Writes `<` and the element's name.
    pub(crate) fn start_tag(&mut self, prefix: &str, local: &str) {
        let start = self.text.len();
        self.text.push('<');
        let (prefix, local) = self.push_name(prefix, local);
        let element = index(self.tree.elements.len());
        self.tree.nodes.push(Node::Element(element));
        self.tree.elements.push(ElementData {
            name: Name {
                prefix,
                local,
                namespace: NamespaceId::None,
            },
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
        self.text.push_str(" xmlns");
        let prefix = if prefix.is_empty() {
            Span::empty()
        } else {
            self.text.push(':');
            self.push_spanned(prefix)
        };
        let known = self.tree.known_namespace(&self.text, uri);
        let declaration = Declaration {
            prefix,
            uri: self.push_attribute_value(uri),
            // Canonicalization refuses relative ones [C14N §1.3].
            is_relative: false,
        };
        self.tree.declare(declaration, known)
    }

    /// Writes an attribute into the start tag.
    pub(crate) fn attribute(
        &mut self,
        prefix: &str,
        local: &str,
        namespace: NamespaceId,
        value: &str,
    ) {
        self.text.push(' ');
        let (prefix, local_span) = self.push_name(prefix, local);
        let value = self.push_attribute_value(value);
        self.tree.attributes.push(AttributeData {
            name: Name {
                prefix,
                local: local_span,
                namespace,
            },
            value,
        });
        if namespace.makes_id(local)
            && let Some(element) = self.open.last()
        {
            self.tree.ids.push((value, *element));
        }
    }

    /// Ends the start tag; `namespace` is that of the element.
    pub(crate) fn start_tag_end(&mut self, namespace: NamespaceId) {
        self.text.push('>');
        // INVARIANT: the element that was opened last is the last one.
        if let Some(element) = self.tree.elements.last_mut() {
            element.name.namespace = namespace;
            element.inner = Span::new(self.text.len(), self.text.len());
            element.attributes.end = index(self.tree.attributes.len());
            element.declarations.end = index(self.tree.declarations.len());
        }
    }

    /// Writes character data.
    pub(crate) fn text(&mut self, text: &str) {
        if is_plain(text) {
            self.push_plain(text);
            return;
        }
        let mut rest = text;
        while let Some(special) = Special::find(rest, escape_in_text) {
            self.push_plain(special.before);
            self.text.push_str(special.escape);
            self.tree.push_decoded(special.itself);
            rest = special.after;
        }
        self.push_plain(rest);
    }

    /// Writes a comment; `inside` comes from one.
    pub(crate) fn comment(&mut self, inside: &str) {
        self.text.push_str("<!--");
        let inside = self.push_spanned(inside);
        self.text.push_str("-->");
        self.tree.nodes.push(Node::Comment(inside));
    }

    /// Closes the element that was opened last and is still open, which has this name.
    pub(crate) fn end_tag(&mut self, qualified_name: &str) {
        let start = self.text.len();
        self.text.push_str("</");
        self.text.push_str(qualified_name);
        self.text.push('>');
        if let Some(element) = self.open.pop() {
            self.tree.close(element, start, self.text.len());
        }
    }

    /// The document that was written.
    pub(crate) fn finish(mut self) -> Document<'static> {
        self.tree.sort_ids(&self.text);
        Document {
            text: Cow::Owned(self.text),
            tree: self.tree,
        }
    }

    fn push_spanned(&mut self, text: &str) -> Span {
        let start = self.text.len();
        self.text.push_str(text);
        Span::new(start, self.text.len())
    }

    fn push_name(&mut self, prefix: &str, local: &str) -> (Span, Span) {
        let prefix = if prefix.is_empty() {
            Span::empty()
        } else {
            let prefix = self.push_spanned(prefix);
            self.text.push(':');
            prefix
        };
        (prefix, self.push_spanned(local))
    }

    fn push_attribute_value(&mut self, value: &str) -> Value {
        self.text.push_str("=\"");
        let start = self.text.len();
        let mut rest = value;
        if !is_plain(value) {
            while let Some(special) = Special::find(rest, escape_in_attribute) {
                self.text.push_str(special.before);
                self.text.push_str(special.escape);
                rest = special.after;
            }
        }
        self.text.push_str(rest);
        let written = Span::new(start, self.text.len());
        self.text.push('"');
        if rest.len() == value.len() {
            Value::Verbatim(written)
        } else {
            self.tree.decode(value)
        }
    }

    /// Writes text that needs no escapes. What adjoins an earlier piece, because a comment or an
    /// element between them was left out, is one text with it.
    fn push_plain(&mut self, plain: &str) {
        if plain.is_empty() {
            return;
        }
        let span = self.push_spanned(plain);
        match self.tree.nodes.last_mut() {
            Some(Node::Text(Value::Verbatim(before))) if before.end() == span.start() => {
                *before = Span::new(before.start(), span.end());
            }
            _ => self.tree.nodes.push(Node::Text(Value::Verbatim(span))),
        }
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

/// Whether nothing has to be escaped, in text or in an attribute value: so it is with nearly all.
fn is_plain(text: &str) -> bool {
    let may_be_special = |byte| byte < 0x20 || matches!(byte, b'&' | b'<' | b'>' | b'"');
    // Without a branch for each byte the compiler looks at many at once.
    !text
        .bytes()
        .fold(false, |found, byte| found | may_be_special(byte))
}
