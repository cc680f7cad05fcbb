//! The canonical form, written once from front to back, and the tree over it in the same pass.

use super::C14nError;
use super::method::{Canonicalization, Form};
use crate::xml::{Attribute, Document, Element, NamespaceId, Node, TreeWriter, XML_NAMESPACE};

/// How many times the document's length the canonical form may have. Escaping alone grows a
/// hostile text sixfold (`"` in an attribute); real messages stay under two.
const MAX_GROWTH: usize = 8;
/// Room for the namespaces of a small element in a small document.
const MIN_ROOM_BYTES: usize = 64 * 1024;
/// What a tree can point into.
const MAX_BYTES: usize = u32::MAX as usize;

pub(super) fn write<'d>(
    apex: Element<'d>,
    method: &Canonicalization,
    omit: Option<Element<'_>>,
) -> Result<Document<'static>, C14nError> {
    let document = apex.document();
    let content = apex.content();
    let mut writer = Writer {
        method,
        source: document,
        // A third more than the source: end tags for empty elements, namespaces.
        out: TreeWriter::new(
            document,
            apex.span().len().saturating_mul(4) / 3,
            apex.descendants().len().saturating_add(1),
            content.len().saturating_add(1),
        ),
        max_bytes: document
            .text()
            .len()
            .saturating_mul(MAX_GROWTH)
            .saturating_add(MIN_ROOM_BYTES)
            .min(MAX_BYTES),
        rendered: Vec::with_capacity(16),
        attributes: Vec::new(),
    };
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
            writer.out.end_tag(closed.element);
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
            Node::Text(value) => writer.out.text(value),
            Node::Comment(span) => {
                if method.comments {
                    writer.out.comment(span);
                }
            }
        }
        writer.check_length()?;
    }
    writer.check_length()?;
    Ok(writer.out.finish())
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
    /// What the prefix stands for, as the source knows it.
    source: NamespaceId,
    /// The same as the output knows it, once the declaration is written there.
    output: NamespaceId,
}

struct Writer<'d, 'm> {
    method: &'m Canonicalization,
    source: &'d Document<'d>,
    out: TreeWriter<'d>,
    max_bytes: usize,
    rendered: Vec<Rendered<'d>>,
    /// Reused for every start tag.
    attributes: Vec<Attribute<'d>>,
}

impl<'d> Writer<'d, '_> {
    const fn check_length(&self) -> Result<(), C14nError> {
        if self.out.len_bytes() > self.max_bytes {
            return Err(C14nError::TooLarge);
        }
        Ok(())
    }

    fn start_tag(&mut self, element: Element<'d>, is_apex: bool) -> Result<(), C14nError> {
        let around = self.rendered.len();
        let in_scope = self.select_namespaces(element, is_apex)?;
        self.out.start_tag(element);

        // The default namespace has the empty prefix, so it comes first [C14N §2.2].
        let selected = self.rendered.get_mut(around..).unwrap_or_default();
        selected.sort_unstable_by_key(|namespace| namespace.prefix);
        for rendered in selected {
            let uri = self.source.namespace(rendered.source);
            rendered.output = self.out.declaration(rendered.prefix, uri);
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
            let prefix = attribute.prefix();
            // Without a prefix an attribute has no namespace [XML-Names §6.2].
            let namespace = if prefix.is_empty() {
                NamespaceId::NONE
            } else {
                output_namespace(&self.rendered, prefix)
            };
            self.out.attribute(*attribute, namespace);
        }
        let namespace =
            in_scope.unwrap_or_else(|| output_namespace(&self.rendered, element.prefix()));
        self.out.start_tag_end(element, namespace);
        Ok(())
    }

    /// Puts on `rendered` what this start tag has to declare; gives the namespace of the element,
    /// if it is known to be in scope already.
    fn select_namespaces(
        &mut self,
        element: Element<'d>,
        is_apex: bool,
    ) -> Result<Option<NamespaceId>, C14nError> {
        let is_inclusive = self.method.form != Form::Exclusive;
        let mut in_scope = None;
        if !is_inclusive {
            // What the tag visibly utilizes [EXC-C14N §3].
            in_scope = self.need(element.prefix(), element.namespace_id());
            for attribute in element.attributes() {
                if !attribute.prefix().is_empty() {
                    self.need(attribute.prefix(), attribute.namespace_id());
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
                    self.need(declared.prefix, declared.namespace);
                    if is_apex {
                        hidden.push(declared.prefix);
                    }
                }
            }
            here = ancestor.parent().filter(|_| is_apex);
        }
        Ok(in_scope)
    }

    /// Declares `prefix` here, unless the output has it in scope with this value already, which is
    /// given then.
    fn need(&mut self, prefix: &'d str, namespace: NamespaceId) -> Option<NamespaceId> {
        if prefix == "xml" {
            return Some(NamespaceId::XML);
        }
        let (source, output) = nearest(&self.rendered, prefix)
            .map_or((NamespaceId::NONE, NamespaceId::NONE), |rendered| {
                (rendered.source, rendered.output)
            });
        if source == namespace {
            return Some(output);
        }
        self.rendered.push(Rendered {
            prefix,
            source: namespace,
            output: NamespaceId::NONE,
        });
        None
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
}

/// The declaration of `prefix` that is in scope.
fn nearest<'r, 'd>(rendered: &'r [Rendered<'d>], prefix: &str) -> Option<&'r Rendered<'d>> {
    rendered
        .iter()
        .rev()
        .find(|rendered| rendered.prefix == prefix)
}

/// What a prefix stands for in the output: what was read there has no say in it.
fn output_namespace(rendered: &[Rendered<'_>], prefix: &str) -> NamespaceId {
    match nearest(rendered, prefix) {
        Some(rendered) => rendered.output,
        // It needs no declaration [XML-Names §3].
        None if prefix == "xml" => NamespaceId::XML,
        None => NamespaceId::NONE,
    }
}
