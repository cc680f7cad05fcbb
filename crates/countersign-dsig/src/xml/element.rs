//! What callers see of the tree: elements and their attributes.

use std::borrow::Cow;
use std::fmt;

use super::XML_NAMESPACE;
use super::chars::is_space;
use super::error::{XmlError, XmlErrorKind};
use super::tree::{AttributeData, Document, ElementData, NamespaceId, Node, QName, Span, Value};

/// One element of a [`Document`]; as cheap to copy as a reference.
///
/// Two are equal if they are the same node of the same document.
#[derive(Clone, Copy)]
pub struct Element<'d> {
    document: &'d Document<'d>,
    index: u32,
}

impl<'d> Element<'d> {
    /// INVARIANT: `index` is one of the document's elements.
    pub(super) const fn new(document: &'d Document<'d>, index: u32) -> Self {
        Self { document, index }
    }

    #[inline]
    fn data(self) -> Option<&'d ElementData> {
        // INVARIANT: always `Some`; elements are made only from indices of their own document.
        self.document.tree.elements.get(self.index as usize)
    }

    fn at(self, index: u32) -> Self {
        Self::new(self.document, index)
    }

    /// The document that it is part of.
    #[must_use]
    pub fn document(self) -> &'d Document<'d> {
        self.document
    }

    /// The URI of its namespace, or `None` if it has none.
    #[must_use]
    pub fn namespace(self) -> Option<&'d str> {
        Some(self.namespace_or_empty()).filter(|uri| !uri.is_empty())
    }

    #[inline]
    pub(crate) fn namespace_or_empty(self) -> &'d str {
        self.data()
            .map_or("", |data| self.document.namespace(data.namespace))
    }

    /// Its name without a prefix.
    #[must_use]
    #[inline]
    pub fn local_name(self) -> &'d str {
        self.data()
            .map_or("", |data| data.name.local().of(&self.document.text))
    }

    #[inline]
    pub(super) fn name(self) -> QName {
        self.data().map_or(QName::new(0, 0, 0), |data| data.name)
    }

    /// What its namespace is known as in its document.
    pub(crate) fn namespace_id(self) -> NamespaceId {
        self.data().map_or(NamespaceId::NONE, |data| data.namespace)
    }

    /// Its name as it is written, with the prefix.
    pub(crate) fn qualified_name(self) -> &'d str {
        self.data()
            .map_or("", |data| data.name.qualified().of(&self.document.text))
    }

    /// Its prefix; empty if it has none.
    pub(crate) fn prefix(self) -> &'d str {
        self.data()
            .map_or("", |data| data.name.prefix().of(&self.document.text))
    }

    /// Whether it has this expanded name.
    #[must_use]
    #[inline]
    pub fn is(self, namespace: &str, local_name: &str) -> bool {
        self.local_name() == local_name && self.namespace_or_empty() == namespace
    }

    /// The element that it is a child of; `None` for the root.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let parent = self.data()?.parent;
        (parent != self.index).then(|| self.at(parent))
    }

    /// Its child elements, in document order.
    #[inline]
    pub fn children(self) -> impl Iterator<Item = Self> + use<'d> {
        let end = self.data().map_or(0, |data| data.subtree_end);
        let mut next = self.index.saturating_add(1);
        std::iter::from_fn(move || {
            if next >= end {
                return None;
            }
            let child = self.at(next);
            next = child.data()?.subtree_end;
            Some(child)
        })
    }

    /// The elements below it at every depth, in document order.
    pub fn descendants(self) -> impl ExactSizeIterator<Item = Self> + use<'d> {
        let end = self.data().map_or(0, |data| data.subtree_end);
        (self.index.saturating_add(1)..end).map(move |index| self.at(index))
    }

    /// Its only child element of this expanded name, or `None`.
    ///
    /// # Errors
    /// [`XmlErrorKind::RepeatedChild`] if there are two: whoever reads the first and whoever
    /// reads the last must not see different documents.
    pub fn child(self, namespace: &str, local_name: &str) -> Result<Option<Self>, XmlError> {
        let mut found = self
            .children()
            .filter(|child| child.is(namespace, local_name));
        let first = found.next();
        match found.next() {
            None => Ok(first),
            Some(second) => Err(XmlErrorKind::RepeatedChild.at(second.span().start())),
        }
    }

    /// Whether it has child elements.
    #[must_use]
    #[inline]
    pub fn has_child_elements(self) -> bool {
        self.descendants().len() > 0
    }

    /// Whether a comment stands in it, at any depth.
    #[must_use]
    pub fn contains_comment(self) -> bool {
        self.content()
            .iter()
            .any(|node| matches!(node, Node::Comment(_)))
    }

    /// Whether text other than white space stands in it, that of its child elements not counted.
    #[must_use]
    pub fn has_text_beside_children(self) -> bool {
        let mut content = self.content().iter();
        while let Some(node) = content.next() {
            match node {
                Node::Text(value) if !is_white_space(self.document.value(*value)) => return true,
                Node::Text(_) | Node::Comment(_) => {}
                Node::Element(child) => {
                    let inside = self.at(*child).content().len();
                    if let Some(last) = inside.checked_sub(1) {
                        content.nth(last);
                    }
                }
            }
        }
        false
    }

    /// Its whole text: CDATA and references resolved, comments left out, nothing trimmed.
    ///
    /// A comment never ends the text early: `admin<!-- -->@acme.example` is
    /// `admin@acme.example`.
    ///
    /// # Errors
    /// [`XmlErrorKind::ElementInText`] if it has child elements.
    #[inline]
    pub fn text(self) -> Result<Cow<'d, str>, XmlError> {
        match self.content() {
            [] => Ok(Cow::Borrowed("")),
            [Node::Text(value)] => Ok(Cow::Borrowed(self.document.value(*value))),
            pieces => self.joined(pieces).map(Cow::Owned),
        }
    }

    fn joined(self, pieces: &[Node]) -> Result<String, XmlError> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Node::Text(value) => text.push_str(self.document.value(*value)),
                Node::Comment(_) => {}
                Node::Element(child) => {
                    return Err(XmlErrorKind::ElementInText.at(self.at(*child).span().start()));
                }
            }
        }
        Ok(text)
    }

    /// The value of its attribute `local_name` that has no namespace.
    #[must_use]
    #[inline]
    pub fn attribute(self, local_name: &str) -> Option<&'d str> {
        self.attributes()
            .find(|attribute| {
                !attribute.data.name.has_prefix() && attribute.local_name() == local_name
            })
            .map(Attribute::value)
    }

    /// The value of its attribute of this expanded name.
    #[must_use]
    #[inline]
    pub fn attribute_ns(self, namespace: &str, local_name: &str) -> Option<&'d str> {
        self.attributes()
            .find(|attribute| {
                attribute.local_name() == local_name && attribute.namespace_or_empty() == namespace
            })
            .map(Attribute::value)
    }

    /// Its attributes in document order, without namespace declarations.
    #[inline]
    pub fn attributes(self) -> impl ExactSizeIterator<Item = Attribute<'d>> + use<'d> {
        let attributes = self.data().map_or(&[][..], |data| {
            data.attributes.of(&self.document.tree.attributes)
        });
        attributes.iter().map(move |data| Attribute {
            document: self.document,
            data,
        })
    }

    /// What `prefix` stands for here, for names in content such as the value of `xsi:type`; the
    /// empty prefix asks for the default namespace.
    #[must_use]
    pub fn namespace_for_prefix(self, prefix: &str) -> Option<&'d str> {
        if prefix == "xml" {
            return Some(XML_NAMESPACE);
        }
        let mut element = Some(self);
        while let Some(here) = element {
            if let Some(declared) = here
                .declarations()
                .find(|declared| declared.prefix == prefix)
            {
                return Some(declared.uri).filter(|uri| !uri.is_empty());
            }
            element = here.parent();
        }
        None
    }

    /// The namespace declarations in its own start tag, in document order.
    pub(crate) fn declarations(self) -> impl ExactSizeIterator<Item = Declared<'d>> + use<'d> {
        let declarations = self.data().map_or(&[][..], |data| {
            data.declarations.of(&self.document.tree.declarations)
        });
        declarations.iter().map(move |data| Declared {
            prefix: data.prefix.of(&self.document.text),
            uri: self.document.value(data.uri),
            namespace: data.namespace,
            is_relative: data.is_relative,
        })
    }

    /// Everything in it, at every depth, in document order.
    #[inline]
    pub(crate) fn content(self) -> &'d [Node] {
        self.data()
            .map_or(&[][..], |data| data.content.of(&self.document.tree.nodes))
    }

    /// The element that a [`Node::Element`] of its content is.
    pub(crate) fn content_element(self, index: u32) -> Self {
        self.at(index)
    }

    /// From `<` of its start tag to the end of its end tag.
    pub(crate) fn span(self) -> Span {
        self.data().map_or(Span::empty(), |data| data.span)
    }

    /// What stands between its tags; empty in `<a/>`.
    pub(crate) fn inner(self) -> Span {
        self.data().map_or(Span::empty(), |data| data.inner)
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::from_ref(self.document).cast::<()>()
            == std::ptr::from_ref(other.document).cast::<()>()
            && self.index == other.index
    }
}

impl Eq for Element<'_> {}

impl fmt::Debug for Element<'_> {
    /// The name only: contents may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Element({{{}}}{})",
            self.namespace_or_empty(),
            self.local_name()
        )
    }
}

/// One attribute of an [`Element`].
#[derive(Clone, Copy)]
pub struct Attribute<'d> {
    document: &'d Document<'d>,
    data: &'d AttributeData,
}

impl<'d> Attribute<'d> {
    /// The URI of its namespace, or `None`: an attribute without a prefix has none.
    #[must_use]
    pub fn namespace(self) -> Option<&'d str> {
        Some(self.namespace_or_empty()).filter(|uri| !uri.is_empty())
    }

    pub(crate) fn namespace_or_empty(self) -> &'d str {
        self.document.namespace(self.data.namespace)
    }

    /// Its name without a prefix.
    #[must_use]
    pub fn local_name(self) -> &'d str {
        self.data.name.local().of(&self.document.text)
    }

    pub(crate) fn prefix(self) -> &'d str {
        self.data.name.prefix().of(&self.document.text)
    }

    pub(super) fn name(self) -> QName {
        self.data.name
    }

    pub(super) fn raw_value(self) -> Value {
        self.data.value
    }

    /// What its namespace is known as in its document.
    pub(crate) fn namespace_id(self) -> NamespaceId {
        self.data.namespace
    }

    /// Its value, normalized as XML does it for attributes without a DTD \[XML §3.3.3\].
    #[must_use]
    pub fn value(self) -> &'d str {
        self.document.value(self.data.value)
    }
}

impl fmt::Debug for Attribute<'_> {
    /// The name only: values may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Attribute({{{}}}{})",
            self.namespace_or_empty(),
            self.local_name()
        )
    }
}

/// One namespace declaration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared<'d> {
    /// Empty for the default namespace.
    pub(crate) prefix: &'d str,
    /// Empty in `xmlns=""`.
    pub(crate) uri: &'d str,
    /// What the URI is known as in the document.
    pub(crate) namespace: NamespaceId,
    pub(crate) is_relative: bool,
}

fn is_white_space(text: &str) -> bool {
    text.bytes().all(is_space)
}
