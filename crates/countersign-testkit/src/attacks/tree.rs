//! A tree over a message that forgives what an attacker needs forgiven: duplicate IDs, entities,
//! instructions, unknown prefixes.
//!
//! It is not the tree of `countersign-dsig`, so that attacks do not depend on what they attack, and
//! the broken verifiers can read what it would refuse.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// The namespace of XML signatures.
pub(crate) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The namespace of assertions.
pub(crate) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// The namespace of the protocol.
pub(crate) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";

/// A message and where its elements stand in it.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    text: String,
    nodes: Vec<Node>,
}

/// One element.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    parent: Option<usize>,
    start_tag: Range<usize>,
    /// Empty for `<a/>`.
    end_tag: Range<usize>,
    name: String,
    /// Qualified names and values as they are written.
    attributes: Vec<(String, String)>,
    pieces: Vec<Piece>,
}

/// A part of an element's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Comment(String),
    /// `&name;` or `&#n;`, without the marks.
    Reference(String),
    Child(usize),
}

impl Tree {
    /// Reads a message; `None` if tags can not be paired.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut tree = Self {
            text: text.to_owned(),
            nodes: Vec::new(),
        };
        let mut open: Vec<usize> = Vec::new();
        let mut at = 0;
        loop {
            let event = reader.read_event().ok()?;
            let end = usize::try_from(reader.buffer_position()).ok()?;
            let span = at..end;
            at = end;
            let piece = match event {
                Event::Start(tag) => {
                    let index = tree.add(&tag, span, open.last().copied())?;
                    open.push(index);
                    continue;
                }
                Event::Empty(tag) => {
                    tree.add(&tag, span, open.last().copied())?;
                    continue;
                }
                Event::End(_) => {
                    let index = open.pop()?;
                    tree.nodes.get_mut(index)?.end_tag = span;
                    continue;
                }
                Event::Text(text) => Piece::Text(text.to_string()),
                Event::CData(text) => Piece::Text(text.to_string()),
                Event::Comment(text) => Piece::Comment(text.to_string()),
                Event::GeneralRef(name) => Piece::Reference(name.to_string()),
                Event::Eof => break,
                _ => continue,
            };
            if let Some(node) = open.last().and_then(|open| tree.nodes.get_mut(*open)) {
                node.pieces.push(piece);
            }
        }
        (open.is_empty() && !tree.nodes.is_empty()).then_some(tree)
    }

    fn add(
        &mut self,
        tag: &BytesStart<'_>,
        start_tag: Range<usize>,
        parent: Option<usize>,
    ) -> Option<usize> {
        let index = self.nodes.len();
        let mut attributes = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.ok()?;
            attributes.push((
                attribute.key.as_ref().to_owned(),
                attribute.value.to_string(),
            ));
        }
        self.nodes.push(Node {
            parent,
            end_tag: start_tag.end..start_tag.end,
            start_tag,
            name: tag.name().as_ref().to_owned(),
            attributes,
            pieces: Vec::new(),
        });
        if let Some(parent) = parent {
            self.nodes.get_mut(parent)?.pieces.push(Piece::Child(index));
        }
        Some(index)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// All elements in document order; the first is the root.
    pub(crate) fn elements(&self) -> impl Iterator<Item = At<'_>> {
        (0..self.nodes.len()).filter_map(|index| self.at(index))
    }

    /// The root.
    pub(crate) fn root(&self) -> Option<At<'_>> {
        self.at(0)
    }

    pub(crate) fn at(&self, index: usize) -> Option<At<'_>> {
        let node = self.nodes.get(index)?;
        Some(At {
            tree: self,
            node,
            index,
        })
    }

    /// The text between two places.
    pub(crate) fn cut(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The message with something else in place of a part of it.
    pub(crate) fn with(&self, range: Range<usize>, replacement: &str) -> String {
        [
            self.cut(0..range.start),
            replacement,
            self.cut(range.end..self.text.len()),
        ]
        .concat()
    }
}

/// One element in its tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'t> {
    tree: &'t Tree,
    node: &'t Node,
    index: usize,
}

impl PartialEq for At<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.node, other.node)
    }
}

impl<'t> At<'t> {
    pub(crate) fn index(self) -> usize {
        self.index
    }

    pub(crate) fn parent(self) -> Option<Self> {
        self.tree.at(self.node.parent?)
    }

    pub(crate) fn children(self) -> impl Iterator<Item = Self> {
        self.node
            .pieces
            .iter()
            .filter_map(move |piece| match piece {
                Piece::Child(index) => self.tree.at(*index),
                _ => None,
            })
    }

    /// Itself and everything within, in document order.
    pub(crate) fn descendants(self) -> impl Iterator<Item = Self> {
        let whole = self.whole();
        let within = move |element: &Self| whole.contains(&element.node.start_tag.start);
        self.tree.elements().filter(within)
    }

    pub(crate) fn pieces(self) -> &'t [Piece] {
        &self.node.pieces
    }

    pub(crate) fn name(self) -> &'t str {
        &self.node.name
    }

    pub(crate) fn local_name(self) -> &'t str {
        let name = self.name();
        name.split_once(':').map_or(name, |(_, local)| local)
    }

    /// The namespace of its name; empty if there is none.
    pub(crate) fn namespace(self) -> &'t str {
        let prefix = self.name().split_once(':').map_or("", |(prefix, _)| prefix);
        self.namespace_of(prefix)
    }

    fn namespace_of(self, prefix: &str) -> &'t str {
        let declared = |element: Self| {
            element
                .declarations()
                .find(|(declared, _)| *declared == prefix)
                .map(|(_, namespace)| namespace)
        };
        let mut element = Some(self);
        while let Some(here) = element {
            if let Some(namespace) = declared(here) {
                return namespace;
            }
            element = here.parent();
        }
        ""
    }

    /// The prefixes that it declares, and what they stand for.
    fn declarations(self) -> impl Iterator<Item = (&'t str, &'t str)> {
        self.node.attributes.iter().filter_map(|(name, value)| {
            let prefix = match name.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) => rest.strip_prefix(':')?,
                None => return None,
            };
            Some((prefix, value.as_str()))
        })
    }

    pub(crate) fn is(self, namespace: &str, local_name: &str) -> bool {
        self.local_name() == local_name && self.namespace() == namespace
    }

    pub(crate) fn child(self, namespace: &str, local_name: &str) -> Option<Self> {
        self.children()
            .find(|child| child.is(namespace, local_name))
    }

    /// The value of an attribute as it is written.
    pub(crate) fn attribute(self, name: &str) -> Option<&'t str> {
        let mut attributes = self.node.attributes.iter();
        attributes
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    /// From its start tag to its end tag.
    pub(crate) fn whole(self) -> Range<usize> {
        self.node.start_tag.start..self.node.end_tag.end
    }

    pub(crate) fn start_tag(self) -> Range<usize> {
        self.node.start_tag.clone()
    }

    /// Between its tags.
    pub(crate) fn inner(self) -> Range<usize> {
        self.node.start_tag.end..self.node.end_tag.start
    }

    /// What stands between its tags.
    pub(crate) fn inner_text(self) -> &'t str {
        self.tree.cut(self.inner())
    }

    /// Where its first attribute goes.
    pub(crate) fn after_name(self) -> usize {
        let name = self.node.name.len().saturating_add(1);
        self.node.start_tag.start.saturating_add(name)
    }

    /// Its text as it stands elsewhere: with every namespace that is declared around it, so that
    /// its canonical form stays what it was, and without the element `leave_out`.
    pub(crate) fn on_its_own(self, leave_out: Option<Self>) -> String {
        let mut declared: Vec<_> = self.declarations().map(|(prefix, _)| prefix).collect();
        let mut added = String::new();
        let mut around = self.parent();
        while let Some(element) = around {
            for (prefix, namespace) in element.declarations() {
                if !declared.contains(&prefix) {
                    declared.push(prefix);
                    let colon = if prefix.is_empty() { "" } else { ":" };
                    added.push_str(&format!(" xmlns{colon}{prefix}=\"{namespace}\""));
                }
            }
            around = element.parent();
        }
        let cut = |range| self.tree.cut(range);
        let whole = self.whole();
        let gap = leave_out.map_or(whole.end..whole.end, Self::whole);
        [
            cut(whole.start..self.after_name()),
            &added,
            cut(self.after_name()..gap.start),
            cut(gap.end..whole.end),
        ]
        .concat()
    }
}
