//! The tree itself: arenas of small records that point into the text.
//!
//! Elements are stored in document order, so the subtree of one is a range, and so are its
//! attributes, its namespace declarations and its content. No record owns memory.

use std::borrow::Cow;
use std::fmt;

use super::error::XmlError;
use super::limits::Limits;
use super::{Element, XML_NAMESPACE, parse};

/// Bytes of the text. INVARIANT: the text is shorter than 4 GiB, which `parse` checks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) const fn empty() -> Self {
        Self { start: 0, end: 0 }
    }

    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: index(start),
            end: index(end),
        }
    }

    pub(crate) const fn start(self) -> usize {
        self.start as usize
    }

    pub(crate) const fn end(self) -> usize {
        self.end as usize
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.start >= self.end
    }

    pub(crate) const fn len(self) -> usize {
        self.end().saturating_sub(self.start())
    }

    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start()..self.end()).unwrap_or_default()
    }
}

/// A length or offset as the arenas keep it; see the invariant of [`Span`].
pub(super) fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Text as it reads, with references resolved and white space normalized.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    /// It stands in the text just so.
    Verbatim(Span),
    /// It had to be rewritten and stands in [`Tree::decoded`].
    Decoded(Span),
}

/// What a prefix stands for. Two are equal if and only if the URIs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamespaceId {
    /// No namespace.
    None,
    /// The one of the prefix `xml`.
    Xml,
    /// That of the declaration with this index, the first one of its URI.
    Declared(u32),
}

/// A name in a tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    /// Empty if there is no prefix.
    pub(super) prefix: Span,
    pub(super) local: Span,
    pub(super) namespace: NamespaceId,
}

impl Name {
    /// Prefix, colon and local name as they stand.
    pub(super) fn qualified(self) -> Span {
        if self.prefix.is_empty() {
            self.local
        } else {
            Span {
                start: self.prefix.start,
                end: self.local.end,
            }
        }
    }
}

/// A range of one of the arenas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Range {
    pub(super) fn of<T>(self, arena: &[T]) -> &[T] {
        arena
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

#[derive(Debug)]
pub(super) struct ElementData {
    pub(super) name: Name,
    /// From `<` of the start tag to the end of the end tag.
    pub(super) span: Span,
    /// From the end of the start tag to the start of the end tag; empty in `<a/>`.
    pub(super) inner: Span,
    /// The element's own index if it is the root.
    pub(super) parent: u32,
    /// The index after its last descendant.
    pub(super) subtree_end: u32,
    pub(super) attributes: Range,
    pub(super) declarations: Range,
    /// What it contains, at every depth.
    pub(super) content: Range,
}

#[derive(Debug)]
pub(super) struct AttributeData {
    pub(super) name: Name,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) struct Declaration {
    /// Empty for the default namespace.
    pub(super) prefix: Span,
    pub(super) uri: Value,
    /// The URI has no scheme, which canonicalization forbids \[C14N §1.3\].
    pub(super) is_relative: bool,
}

/// One piece of content, in document order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node {
    /// A start tag; the element's content follows.
    Element(u32),
    /// Character data, from plain text, CDATA or references.
    Text(Value),
    /// The inside of a comment.
    Comment(Span),
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) elements: Vec<ElementData>,
    pub(super) attributes: Vec<AttributeData>,
    pub(super) declarations: Vec<Declaration>,
    /// The content of all elements; the root itself is the first.
    pub(super) nodes: Vec<Node>,
    /// The text of every [`Value::Decoded`].
    pub(super) decoded: String,
    /// The IDs with their elements, sorted by value.
    pub(super) ids: Vec<(Value, u32)>,
}

impl Tree {
    pub(super) fn value<'a>(&'a self, text: &'a str, value: Value) -> &'a str {
        match value {
            Value::Verbatim(span) => span.of(text),
            Value::Decoded(span) => span.of(&self.decoded),
        }
    }

    /// The URI; empty for no namespace.
    pub(super) fn namespace<'a>(&'a self, text: &'a str, id: NamespaceId) -> &'a str {
        match id {
            NamespaceId::None => "",
            NamespaceId::Xml => XML_NAMESPACE,
            NamespaceId::Declared(index) => self
                .declarations
                .get(index as usize)
                .map_or("", |declaration| self.value(text, declaration.uri)),
        }
    }
}

/// A well-formed document with namespaces, parsed once.
///
/// It borrows its input, unless line ends had to be normalized. What it promises is listed at the
/// [module](super).
pub struct Document<'i> {
    pub(super) text: Cow<'i, str>,
    pub(super) tree: Tree,
}

impl<'i> Document<'i> {
    /// Parses the whole of `input`: UTF-8, with or without a byte order mark.
    ///
    /// # Errors
    /// The first thing found that XML 1.0, Namespaces in XML 1.0, `limits` or the
    /// [module's](super) own rules forbid.
    ///
    /// # Security
    /// Work and memory are linear in the input's length for given limits.
    pub fn parse(input: &'i [u8], limits: &Limits) -> Result<Self, XmlError> {
        parse::parse(input, limits)
    }

    /// The root element.
    #[must_use]
    pub fn root(&self) -> Element<'_> {
        // INVARIANT: `parse` refuses a document without an element.
        Element::new(self, 0)
    }

    /// The element whose `ID`, `Id`, `id` (without namespace) or `xml:id` is `id`. There is never
    /// more than one: `parse` refuses the second.
    #[must_use]
    pub fn element_by_id(&self, id: &str) -> Option<Element<'_>> {
        let ids = &self.tree.ids;
        let at = ids
            .binary_search_by(|(value, _)| self.value(*value).cmp(id))
            .ok()?;
        ids.get(at).map(|(_, index)| Element::new(self, *index))
    }

    /// The text that all spans point into: the input without a byte order mark and with its line
    /// ends normalized.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn value(&self, value: Value) -> &str {
        self.tree.value(&self.text, value)
    }

    pub(super) fn namespace(&self, id: NamespaceId) -> &str {
        self.tree.namespace(&self.text, id)
    }
}

impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("root", &self.root())
            .field("bytes", &self.text.len())
            .field("elements", &self.tree.elements.len())
            .finish()
    }
}
