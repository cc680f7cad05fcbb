//! The tree itself: arenas of small records that point into the text.
//!
//! Elements are stored in document order, so the subtree of one is a range, and so are its
//! attributes, its namespace declarations and its content. No record owns memory.

use std::borrow::Cow;
use std::fmt;

use super::error::XmlError;
use super::limits::Limits;
use super::{Element, XML_NAMESPACE, parse};

/// Bytes of the text. INVARIANT: the text is shorter than 4 GiB, which `parse` and
/// canonicalization check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

    /// With the byte before it.
    pub(super) const fn and_before(self) -> Self {
        Self {
            start: self.start.saturating_sub(1),
            end: self.end,
        }
    }

    #[inline]
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start()..self.end()).unwrap_or_default()
    }
}

/// A length or offset as the arenas keep it; see the invariant of [`Span`].
pub(super) fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Text as it reads, with references resolved and white space normalized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// It stands in the text just so. INVARIANT: it holds no carriage return, no `&` and no `<`; in
    /// an attribute no other white space than spaces, either.
    Verbatim(Span),
    /// It had to be rewritten and stands in [`Tree::decoded`].
    Decoded(Span),
}

/// What a prefix stands for. Two of one document are equal if and only if the URIs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamespaceId(u32);

impl NamespaceId {
    /// No namespace.
    pub(crate) const NONE: Self = Self(0);
    /// The one of the prefix `xml`.
    pub(crate) const XML: Self = Self(1);

    /// That of the declaration with this index, the first one of its URI.
    const fn declared(index: u32) -> Self {
        Self(index.saturating_add(2))
    }

    /// Whether an attribute of this name is an ID.
    pub(super) fn makes_id(self, local: &str) -> bool {
        match self {
            Self::NONE => matches!(local, "ID" | "Id" | "id"),
            Self::XML => local == "id",
            Self(_) => false,
        }
    }
}

/// A name in a tag: a prefix and a colon, or neither, and a local name \[XML-Names §4\].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct QName {
    start: u32,
    /// Where the local name starts.
    local: u32,
    end: u32,
}

impl QName {
    pub(super) fn new(start: usize, local: usize, end: usize) -> Self {
        Self {
            start: index(start),
            local: index(local),
            end: index(end),
        }
    }

    /// The same name, where it stands in another text.
    pub(super) fn moved_to(self, start: usize) -> Self {
        let start = index(start);
        let from = |at: u32| start.saturating_add(at.saturating_sub(self.start));
        Self {
            start,
            local: from(self.local),
            end: from(self.end),
        }
    }

    pub(super) const fn start(self) -> usize {
        self.start as usize
    }

    pub(super) const fn end(self) -> usize {
        self.end as usize
    }

    pub(super) const fn has_prefix(self) -> bool {
        self.start < self.local
    }

    /// Empty if there is no prefix.
    pub(super) fn prefix(self) -> Span {
        Span {
            start: self.start,
            end: self.local.saturating_sub(1).max(self.start),
        }
    }

    pub(super) const fn local(self) -> Span {
        Span {
            start: self.local,
            end: self.end,
        }
    }

    /// All of it, as it stands.
    pub(super) const fn qualified(self) -> Span {
        Span {
            start: self.start,
            end: self.end,
        }
    }
}

/// A range of one of the arenas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Range {
    pub(super) fn empty_at(at: usize) -> Self {
        Self {
            start: index(at),
            end: index(at),
        }
    }

    pub(super) fn of<T>(self, arena: &[T]) -> &[T] {
        arena
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ElementData {
    pub(super) name: QName,
    pub(super) namespace: NamespaceId,
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttributeData {
    pub(super) name: QName,
    pub(super) namespace: NamespaceId,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declaration {
    /// Empty for the default namespace.
    pub(super) prefix: Span,
    pub(super) uri: Value,
    /// What the URI is known as.
    pub(super) namespace: NamespaceId,
    /// The URI has no scheme, which canonicalization forbids \[C14N §1.3\].
    pub(super) is_relative: bool,
}

/// One piece of content, in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    /// A start tag; the element's content follows.
    Element(u32),
    /// Character data, from plain text, CDATA or references.
    Text(Value),
    /// The inside of a comment.
    Comment(Span),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) elements: Vec<ElementData>,
    pub(super) attributes: Vec<AttributeData>,
    pub(super) declarations: Vec<Declaration>,
    /// The first declaration of each URI.
    pub(super) namespaces: Vec<u32>,
    /// The content of all elements; the root itself is the first.
    pub(super) nodes: Vec<Node>,
    /// The text of every [`Value::Decoded`].
    pub(super) decoded: String,
    /// The IDs with their elements, sorted by value.
    pub(super) ids: Vec<(Value, u32)>,
}

impl Tree {
    #[inline]
    pub(super) fn value<'a>(&'a self, text: &'a str, value: Value) -> &'a str {
        match value {
            Value::Verbatim(span) => span.of(text),
            Value::Decoded(span) => span.of(&self.decoded),
        }
    }

    /// The URI; empty for no namespace.
    #[inline]
    pub(super) fn namespace<'a>(&'a self, text: &'a str, id: NamespaceId) -> &'a str {
        match id {
            NamespaceId::NONE => "",
            NamespaceId::XML => XML_NAMESPACE,
            NamespaceId(declared) => self
                .declarations
                .get(declared.saturating_sub(2) as usize)
                .map_or("", |declaration| self.value(text, declaration.uri)),
        }
    }

    /// What a declared URI is known as; `None` if it is a new one.
    pub(super) fn known_namespace(&self, text: &str, uri: &str) -> Option<NamespaceId> {
        match uri {
            "" => Some(NamespaceId::NONE),
            XML_NAMESPACE => Some(NamespaceId::XML),
            _ => self
                .namespaces
                .iter()
                .map(|first| NamespaceId::declared(*first))
                .find(|known| self.namespace(text, *known) == uri),
        }
    }

    /// Adds a declaration whose URI is `known` or new; gives what its prefix stands for.
    pub(super) fn declare(
        &mut self,
        prefix: Span,
        uri: Value,
        known: Option<NamespaceId>,
        is_relative: bool,
    ) -> NamespaceId {
        let at = index(self.declarations.len());
        let namespace = known.unwrap_or_else(|| {
            self.namespaces.push(at);
            NamespaceId::declared(at)
        });
        self.declarations.push(Declaration {
            prefix,
            uri,
            namespace,
            is_relative,
        });
        namespace
    }

    /// Keeps text that does not stand in the document as it reads.
    pub(super) fn decode(&mut self, text: &str) -> Value {
        let start = self.decoded.len();
        self.decoded.push_str(text);
        Value::Decoded(Span::new(start, self.decoded.len()))
    }

    /// The same for a piece of content.
    pub(super) fn push_decoded(&mut self, piece: &str) {
        let value = self.decode(piece);
        self.nodes.push(Node::Text(value));
    }

    /// Completes an element, given where its end tag is.
    #[inline]
    pub(super) fn close(&mut self, element: u32, start: usize, end: usize) {
        let subtree_end = index(self.elements.len());
        let content_end = index(self.nodes.len());
        if let Some(element) = self.elements.get_mut(element as usize) {
            element.span = Span::new(element.span.start(), end);
            element.inner = Span::new(element.inner.start(), start);
            element.subtree_end = subtree_end;
            element.content.end = content_end;
        }
    }

    /// Brings the IDs into the order in which they are looked up.
    pub(super) fn sort_ids(&mut self, text: &str) {
        let mut ids = std::mem::take(&mut self.ids);
        ids.sort_unstable_by(|(a, _), (b, _)| self.value(text, *a).cmp(self.value(text, *b)));
        self.ids = ids;
    }
}

/// A well-formed document with namespaces.
///
/// It borrows its input, unless line ends had to be normalized; one that
/// [`canonical_document`](crate::c14n::canonical_document) wrote owns its text. What it promises
/// is listed at the [module](super).
///
/// Two are equal if they have the same text and the same tree over it: every name with its
/// namespace, every attribute, declaration, piece of text, comment and ID, each at the same place.
#[derive(Clone, PartialEq, Eq)]
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
        // INVARIANT: `parse` refuses a document without an element, and a canonical form starts
        // with one.
        Element::new(self, 0)
    }

    /// The element whose `ID`, `Id`, `id` (without namespace) or `xml:id` is `id`. There is never
    /// more than one: `parse` refuses the second, and canonicalization adds none.
    #[must_use]
    pub fn element_by_id(&self, id: &str) -> Option<Element<'_>> {
        let ids = &self.tree.ids;
        let at = ids
            .binary_search_by(|(value, _)| self.value(*value).cmp(id))
            .ok()?;
        ids.get(at).map(|(_, index)| Element::new(self, *index))
    }

    /// The text that the tree points into: the input without a byte order mark and with its line
    /// ends normalized.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The IDs, sorted by value.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tree.ids.iter().map(|(value, _)| self.value(*value))
    }

    /// The same document with a text of its own.
    pub(crate) fn into_owned(self) -> Document<'static> {
        Document {
            text: Cow::Owned(self.text.into_owned()),
            tree: self.tree,
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.text.into_owned().into_bytes()
    }

    #[inline]
    pub(crate) fn value(&self, value: Value) -> &str {
        self.tree.value(&self.text, value)
    }

    #[inline]
    pub(crate) fn namespace(&self, id: NamespaceId) -> &str {
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
