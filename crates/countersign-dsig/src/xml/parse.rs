//! From bytes to the tree: quick-xml's tokens, and every check that it leaves to its caller.

use super::chars::is_space;
use super::error::{XmlError, XmlErrorKind};
use super::limits::Limits;
use super::scanner::Scanner;
use super::tokens::{Token, TokenKind, Tokens};
use super::tree::{
    AttributeData, Document, ElementData, NamespaceId, Node, QName, Range, Span, Tree, Value, index,
};
use super::{XML_NAMESPACE, XMLNS_NAMESPACE, declaration, input, reference};

pub(super) fn parse<'i>(input: &'i [u8], limits: &Limits) -> Result<Document<'i>, XmlError> {
    let text = input::read(input, limits)?;
    let mut tokens = Tokens::new(&text);
    let mut builder = Builder::new(&text, limits);
    while let Some(Token { kind, start, end }) = tokens.next()? {
        match kind {
            TokenKind::StartTag => builder.start_tag(start, end, false)?,
            TokenKind::EmptyTag => builder.start_tag(start, end, true)?,
            TokenKind::EndTag => builder.end_tag(start, end)?,
            TokenKind::Text => builder.character_data(start, end)?,
            TokenKind::Cdata => builder.cdata_section(start, end)?,
            TokenKind::Reference => builder.reference(start, end)?,
            TokenKind::Comment => builder.comment(start, end),
            TokenKind::Declaration => declaration::check(&text, start, end)?,
        }
    }
    let tree = builder.finish()?;
    Ok(Document { text, tree })
}

/// An element whose end tag is still to come.
struct Open {
    element: u32,
    /// How many namespaces were in scope around it.
    scope: usize,
}

/// A namespace declaration in scope.
struct InScope<'t> {
    prefix: &'t str,
    namespace: NamespaceId,
}

struct Builder<'t, 'l> {
    text: &'t str,
    limits: &'l Limits,
    tree: Tree,
    open: Vec<Open>,
    scope: Vec<InScope<'t>>,
}

impl<'t, 'l> Builder<'t, 'l> {
    fn new(text: &'t str, limits: &'l Limits) -> Self {
        // A guess that saves growing the arenas: SAML has some 80 bytes for each element. It is
        // bounded by the input's own length, which is paid for already.
        let guess = text.len() / 64;
        Self {
            text,
            limits,
            tree: Tree {
                elements: Vec::with_capacity(guess),
                attributes: Vec::with_capacity(guess),
                nodes: Vec::with_capacity(guess.saturating_mul(2)),
                ..Tree::default()
            },
            open: Vec::with_capacity(16),
            scope: Vec::with_capacity(16),
        }
    }

    fn start_tag(&mut self, start: usize, end: usize, is_empty: bool) -> Result<(), XmlError> {
        if self.open.is_empty() && !self.tree.elements.is_empty() {
            return Err(XmlErrorKind::SecondRoot.at(start));
        }
        if self.open.len() >= self.limits.max_depth_elements {
            return Err(XmlErrorKind::TooDeep.at(start));
        }
        if self.tree.elements.len() >= self.limits.max_elements {
            return Err(XmlErrorKind::TooManyElements.at(start));
        }
        let scope = self.scope.len();
        // Without `<` and `>` or `/>`.
        let close = if is_empty { 2 } else { 1 };
        let mut tag = Scanner::new(
            self.text,
            start.saturating_add(1),
            end.saturating_sub(close),
        );
        let name = tag.name().ok_or(XmlErrorKind::BadName.at(start))?;
        let first_attribute = self.tree.attributes.len();
        let first_declaration = self.tree.declarations.len();
        self.attributes(&mut tag, first_attribute, first_declaration)?;
        let attributes = range(first_attribute, self.tree.attributes.len());
        self.resolve_attributes(first_attribute, start)?;

        let element = index(self.tree.elements.len());
        self.index_ids(attributes, element);
        let namespace = self.resolve(name, true, start)?;
        self.tree.nodes.push(Node::Element(element));
        let content = self.tree.nodes.len();
        self.tree.elements.push(ElementData {
            name,
            namespace,
            span: Span::new(start, end),
            inner: Span::new(end, end),
            parent: self.open.last().map_or(element, |open| open.element),
            subtree_end: element.saturating_add(1),
            attributes,
            declarations: range(first_declaration, self.tree.declarations.len()),
            content: Range::empty_at(content),
        });
        if is_empty {
            self.scope.truncate(scope);
        } else {
            self.open.push(Open { element, scope });
        }
        Ok(())
    }

    /// Reads the attributes of a start tag into the arenas, prefixes still unresolved.
    fn attributes(
        &mut self,
        tag: &mut Scanner<'t>,
        first_attribute: usize,
        first_declaration: usize,
    ) -> Result<(), XmlError> {
        loop {
            let spaced = tag.skip_space();
            if tag.is_done() {
                return Ok(());
            }
            let at = tag.at();
            if !spaced {
                // Right after the element's name anything but white space belongs to the name.
                let after_name = self.tree.attributes.len() == first_attribute
                    && self.tree.declarations.len() == first_declaration;
                return Err(if after_name {
                    XmlErrorKind::BadName.at(at)
                } else {
                    XmlErrorKind::MissingWhiteSpace.at(at)
                });
            }
            let name = tag.name().ok_or(XmlErrorKind::BadName.at(at))?;
            let value = tag
                .eq_and_quoted()
                .ok_or(XmlErrorKind::BadAttribute.at(at))?;
            let value = self.attribute_value(value)?;
            let prefix = name.prefix().of(self.text);
            let local = name.local().of(self.text);
            if prefix == "xmlns" {
                self.declare(name.local(), value, first_declaration, at)?;
            } else if prefix.is_empty() && local == "xmlns" {
                self.declare(Span::empty(), value, first_declaration, at)?;
            } else if local == "xmlns" {
                // `xml:xmlns` and `p:xmlns` are read as declarations by some other parsers.
                return Err(XmlErrorKind::ReservedNamespace.at(at));
            } else {
                let count = self.tree.attributes.len().saturating_sub(first_attribute);
                if count >= self.limits.max_attributes_per_element {
                    return Err(XmlErrorKind::TooManyAttributes.at(at));
                }
                self.tree.attributes.push(AttributeData {
                    name,
                    namespace: NamespaceId::NONE,
                    value,
                });
            }
        }
    }

    /// Resolves references and normalizes white space \[XML §3.3.3\]; `span` is what stands
    /// between the quotes.
    fn attribute_value(&mut self, span: Span) -> Result<Value, XmlError> {
        let raw = span.of(self.text);
        let is_special = |byte: u8| matches!(byte, b'&' | b'<' | b'\t' | b'\n');
        // Without a branch for each byte the compiler looks at many at once.
        if !raw
            .bytes()
            .fold(false, |found, byte| found | is_special(byte))
        {
            return Ok(Value::Verbatim(span));
        }
        let start = self.tree.decoded.len();
        let mut rest = raw;
        while let Some(at) = rest.bytes().position(is_special) {
            let offset = span.end().saturating_sub(rest.len()).saturating_add(at);
            let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.tree.decoded.push_str(plain);
            rest = if special.starts_with('<') {
                return Err(XmlErrorKind::LessThanInAttribute.at(offset));
            } else if let Some(reference) = special.strip_prefix('&') {
                let (name, rest) = reference
                    .split_once(';')
                    .ok_or(XmlErrorKind::BareAmpersand.at(offset))?;
                let c = reference::resolve(name).map_err(|kind| kind.at(offset))?;
                self.tree.decoded.push(c);
                rest
            } else {
                // Tab and line feed; a carriage return was made one before.
                self.tree.decoded.push(' ');
                special.get(1..).unwrap_or_default()
            };
        }
        self.tree.decoded.push_str(rest);
        Ok(Value::Decoded(Span::new(start, self.tree.decoded.len())))
    }

    /// Takes up a namespace declaration, `prefix` being empty for the default namespace
    /// \[XML-Names §3, §5\].
    fn declare(
        &mut self,
        prefix: Span,
        uri: Value,
        first_declaration: usize,
        at: usize,
    ) -> Result<(), XmlError> {
        let earlier = self
            .tree
            .declarations
            .len()
            .saturating_sub(first_declaration);
        if earlier >= self.limits.max_namespaces_per_element
            || self.scope.len() >= self.limits.max_namespaces_in_scope
        {
            return Err(XmlErrorKind::TooManyNamespaces.at(at));
        }
        let name = prefix.of(self.text);
        let value = self.value(uri);
        let is_xml = name == "xml";
        if name == "xmlns" || value == XMLNS_NAMESPACE || is_xml != (value == XML_NAMESPACE) {
            return Err(XmlErrorKind::ReservedNamespace.at(at));
        }
        if value.is_empty() && !prefix.is_empty() {
            return Err(XmlErrorKind::EmptyNamespace.at(at));
        }
        let is_relative = !value.is_empty() && !has_scheme(value);
        let duplicate = self
            .tree
            .declarations
            .iter()
            .skip(first_declaration)
            .any(|other| other.prefix.of(self.text) == name);
        if duplicate {
            return Err(XmlErrorKind::DuplicateAttribute.at(at));
        }
        let known = self.tree.known_namespace(self.text, value);
        if known.is_none() && self.tree.namespaces.len() >= self.limits.max_namespaces {
            return Err(XmlErrorKind::TooManyNamespaces.at(at));
        }
        let namespace = self.tree.declare(prefix, uri, known, is_relative);
        self.scope.push(InScope {
            prefix: name,
            namespace,
        });
        Ok(())
    }

    /// Resolves the prefixes of an element's attributes and refuses duplicates
    /// \[XML-Names §6.3\].
    fn resolve_attributes(&mut self, first: usize, at: usize) -> Result<(), XmlError> {
        for current in first..self.tree.attributes.len() {
            let Some(attribute) = self.tree.attributes.get(current) else {
                continue;
            };
            let name = attribute.name;
            let namespace = self.resolve(name, false, at)?;
            let local = name.local().of(self.text);
            let earlier = range(first, current).of(&self.tree.attributes);
            let duplicate = earlier.iter().any(|other| {
                other.namespace == namespace && other.name.local().of(self.text) == local
            });
            if duplicate {
                return Err(XmlErrorKind::DuplicateAttribute.at(name.local().start()));
            }
            if let Some(attribute) = self.tree.attributes.get_mut(current) {
                attribute.namespace = namespace;
            }
        }
        Ok(())
    }

    /// Looks up a prefix; without one, an element takes the default namespace and an attribute
    /// none \[XML-Names §6.2\].
    fn resolve(&self, name: QName, is_element: bool, at: usize) -> Result<NamespaceId, XmlError> {
        if !name.has_prefix() && !is_element {
            return Ok(NamespaceId::NONE);
        }
        let prefix = name.prefix().of(self.text);
        let mut scope = self.scope.iter().rev();
        if let Some(in_scope) = scope.find(|in_scope| in_scope.prefix == prefix) {
            return Ok(in_scope.namespace);
        }
        match prefix {
            "" => Ok(NamespaceId::NONE),
            // It needs no declaration [XML-Names §3].
            "xml" => Ok(NamespaceId::XML),
            // An element may not have it [XML-Names §3]; no attribute comes here with it.
            "xmlns" => Err(XmlErrorKind::ReservedNamespace.at(at)),
            _ => Err(XmlErrorKind::UndeclaredPrefix.at(at)),
        }
    }

    fn index_ids(&mut self, attributes: Range, element: u32) {
        for attribute in attributes.of(&self.tree.attributes) {
            let local = attribute.name.local().of(self.text);
            if attribute.namespace.makes_id(local) {
                self.tree.ids.push((attribute.value, element));
            }
        }
    }

    fn end_tag(&mut self, start: usize, end: usize) -> Result<(), XmlError> {
        let mismatched = XmlErrorKind::MismatchedEndTag.at(start);
        let open = self.open.pop().ok_or(mismatched)?;
        // Between `</` and `>`.
        let inside = Span::new(start.saturating_add(2), end.saturating_sub(1)).of(self.text);
        let name = self.tree.elements.get(open.element as usize);
        let name = name.map_or("", |data| data.name.qualified().of(self.text));
        // White space may follow the name, nothing else [XML §3.1].
        let rest = inside.strip_prefix(name).ok_or(mismatched)?;
        if !rest.bytes().all(is_space) {
            return Err(mismatched);
        }
        self.scope.truncate(open.scope);
        self.tree.close(open.element, start, end);
        Ok(())
    }

    fn character_data(&mut self, start: usize, end: usize) -> Result<(), XmlError> {
        let span = Span::new(start, end);
        let text = span.of(self.text);
        if self.open.is_empty() {
            return if text.bytes().all(is_space) {
                Ok(())
            } else {
                Err(XmlErrorKind::ContentOutsideRoot.at(start))
            };
        }
        let bytes = text.as_bytes();
        let cdata_end = memchr::memchr_iter(b'>', bytes).find(|at| {
            bytes
                .get(..*at)
                .is_some_and(|before| before.ends_with(b"]]"))
        });
        if let Some(at) = cdata_end {
            return Err(XmlErrorKind::CdataEndInText.at(start.saturating_add(at)));
        }
        if !span.is_empty() {
            self.tree.nodes.push(Node::Text(Value::Verbatim(span)));
        }
        Ok(())
    }

    fn cdata_section(&mut self, start: usize, end: usize) -> Result<(), XmlError> {
        if self.open.is_empty() {
            return Err(XmlErrorKind::ContentOutsideRoot.at(start));
        }
        let inside = Span::new(
            start.saturating_add("<![CDATA[".len()),
            end.saturating_sub("]]>".len()),
        );
        if !inside.is_empty() {
            // It may hold `&` and `<`, which verbatim text never does.
            self.tree.push_decoded(inside.of(self.text));
        }
        Ok(())
    }

    fn reference(&mut self, start: usize, end: usize) -> Result<(), XmlError> {
        if self.open.is_empty() {
            return Err(XmlErrorKind::ContentOutsideRoot.at(start));
        }
        let name = Span::new(start.saturating_add(1), end.saturating_sub(1)).of(self.text);
        let c = reference::resolve(name).map_err(|kind| kind.at(start))?;
        self.tree.push_decoded(c.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn comment(&mut self, start: usize, end: usize) {
        if !self.open.is_empty() {
            let inside = Span::new(
                start.saturating_add("<!--".len()),
                end.saturating_sub("-->".len()),
            );
            self.tree.nodes.push(Node::Comment(inside));
        }
    }

    fn finish(mut self) -> Result<Tree, XmlError> {
        if !self.open.is_empty() {
            return Err(XmlErrorKind::UnclosedElement.at(self.text.len()));
        }
        if self.tree.elements.is_empty() {
            return Err(XmlErrorKind::NoRoot.at(self.text.len()));
        }
        self.tree.sort_ids(self.text);
        for pair in self.tree.ids.windows(2) {
            if let [(first, _), (second, element)] = pair
                && self.value(*first) == self.value(*second)
            {
                let at = self.tree.elements.get(*element as usize);
                return Err(XmlErrorKind::DuplicateId.at(at.map_or(0, |data| data.span.start())));
            }
        }
        Ok(self.tree)
    }

    fn value(&self, value: Value) -> &str {
        self.tree.value(self.text, value)
    }
}

fn range(start: usize, end: usize) -> Range {
    Range {
        start: index(start),
        end: index(end),
    }
}

/// Whether a URI reference is absolute: it starts with a scheme \[RFC 3986 §3.1\].
fn has_scheme(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    })
}

#[cfg(test)]
mod tests;
