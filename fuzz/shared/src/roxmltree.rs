//! A second opinion on a document's tree: that of roxmltree, which shares no code with ours.

use countersign_dsig::xml::{Attribute, Document, Element};
use roxmltree::{Node, ParsingOptions};
use thiserror::Error;

/// The two do not agree about a document that we accept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Disagreement {
    /// The other refuses it.
    #[error("roxmltree refuses it: {0}")]
    Refused(String),
    /// The other reads something else in it.
    #[error("roxmltree reads something else: {0}")]
    Different(String),
}

/// Compares names, namespaces, attributes and text of a whole tree with what roxmltree reads.
///
/// # Errors
/// The first [`Disagreement`].
pub fn compare(document: &Document<'_>) -> Result<(), Disagreement> {
    // Line ends are normalized in our text. The other mixes up a line end and a reference to one
    // that follows it [XML §2.11].
    let options = ParsingOptions {
        allow_dtd: false,
        ..ParsingOptions::default()
    };
    let theirs = match roxmltree::Document::parse_with_options(document.text(), options) {
        Ok(theirs) => theirs,
        // The other loses the prefix that needs no declaration in some scopes [XML-Names §3].
        Err(roxmltree::Error::UnknownNamespace(prefix, _)) if prefix == "xml" => return Ok(()),
        Err(error) => return Err(Disagreement::Refused(error.to_string())),
    };
    let ours = std::iter::once(document.root()).chain(document.root().descendants());
    let mut others = theirs.root_element().descendants().filter(Node::is_element);
    for element in ours {
        let Some(other) = others.next() else {
            return Err(different("we have more elements", element));
        };
        compare_element(element, other)?;
    }
    match others.next() {
        None => Ok(()),
        Some(_) => Err(different("we have fewer elements", document.root())),
    }
}

fn different(what: &str, element: Element<'_>) -> Disagreement {
    Disagreement::Different(format!("{what} ({})", element.local_name()))
}

fn compare_element(ours: Element<'_>, theirs: Node<'_, '_>) -> Result<(), Disagreement> {
    let same = |same: bool, what| {
        if same {
            Ok(())
        } else {
            Err(different(what, ours))
        }
    };
    let name = theirs.tag_name();
    same(ours.local_name() == name.name(), "local name")?;
    // A default namespace that was taken back is an empty one to the other.
    let namespace = name.namespace().filter(|uri| !uri.is_empty());
    same(ours.namespace() == namespace, "namespace")?;
    let our_parent = ours.parent().map(Element::local_name);
    let their_parent = theirs
        .parent_element()
        .map(|parent| parent.tag_name().name());
    same(our_parent == their_parent, "parent")?;

    let our_attributes = ours.attributes().map(of_ours);
    let their_attributes = theirs.attributes().map(|attribute| {
        (
            attribute.namespace(),
            attribute.name().to_owned(),
            attribute.value().to_owned(),
        )
    });
    same(our_attributes.eq(their_attributes), "attributes")?;

    for declared in theirs.namespaces() {
        let bound = ours.namespace_for_prefix(declared.name().unwrap_or_default());
        let theirs = Some(declared.uri()).filter(|uri| !uri.is_empty());
        same(bound == theirs, "namespace in scope")?;
    }

    let texts = || {
        let children = theirs.children().filter(Node::is_text);
        children.filter_map(|child| child.text())
    };
    match ours.text() {
        Ok(text) => same(text == texts().collect::<String>(), "text"),
        Err(_) => {
            let is_white_space = |text: &str| {
                text.bytes()
                    .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
            };
            let said = !texts().all(is_white_space);
            same(
                theirs.children().any(|child| child.is_element())
                    && ours.has_text_beside_children() == said,
                "text beside children",
            )
        }
    }
}

fn of_ours(attribute: Attribute<'_>) -> (Option<&str>, String, String) {
    (
        attribute.namespace(),
        attribute.local_name().to_owned(),
        attribute.value().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::Choices;
    use countersign_dsig::xml::Limits;

    #[test]
    fn generated_documents_read_the_same() {
        for seed in 0..2_000 {
            let xml = crate::document::document(&mut Choices::from_seed(seed)).xml;
            let document = Document::parse(xml.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(compare(&document), Ok(()), "{seed}: {xml}");
        }
    }
}
