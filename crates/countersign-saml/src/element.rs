//! Reading elements the way a schema would: nothing twice, nothing unknown, nothing absent.

use std::borrow::Cow;

use countersign_core::Timestamp;
use countersign_dsig::xml::Element;

use crate::code::RejectCode;
use crate::rejection::{Quoted, Rejection};

/// An element and the code for anything in it that is not as its schema says.
#[derive(Clone, Copy)]
pub(crate) struct Part<'d> {
    pub(crate) element: Element<'d>,
    malformed: RejectCode,
}

impl<'d> Part<'d> {
    pub(crate) fn new(element: Element<'d>, malformed: RejectCode) -> Self {
        Self { element, malformed }
    }

    /// Another element in the place of this one.
    pub(crate) fn replaced_by(self, element: Element<'_>) -> Part<'_> {
        Part {
            element,
            malformed: self.malformed,
        }
    }

    /// The refusal of this part.
    pub(crate) fn malformed(self, message: impl Into<String>) -> Rejection {
        Rejection::new(self.malformed, message)
    }

    pub(crate) fn name(self) -> &'d str {
        self.element.local_name()
    }

    /// The children of one name.
    pub(crate) fn children(
        self,
        namespace: &'static str,
        name: &'static str,
    ) -> impl Iterator<Item = Part<'d>> {
        self.element
            .children()
            .filter(move |child| child.is(namespace, name))
            .map(move |element| Part { element, ..self })
    }

    /// The child of one name, which must not be there twice.
    pub(crate) fn optional_child(
        self,
        namespace: &'static str,
        name: &'static str,
    ) -> Result<Option<Part<'d>>, Rejection> {
        let mut children = self.children(namespace, name);
        let first = children.next();
        if children.next().is_some() {
            return Err(self.malformed(format!("the {} has several {name} elements", self.name())));
        }
        Ok(first)
    }

    /// The child of one name, which must be there once.
    pub(crate) fn child(
        self,
        namespace: &'static str,
        name: &'static str,
    ) -> Result<Part<'d>, Rejection> {
        self.optional_child(namespace, name)?
            .ok_or_else(|| self.malformed(format!("the {} has no {name}", self.name())))
    }

    /// Refuses children that the schema does not know: nothing rides along.
    pub(crate) fn check_children(self, known: &[(&str, &str)]) -> Result<(), Rejection> {
        let unknown = self.element.children().find(|child| {
            !known
                .iter()
                .any(|(namespace, name)| child.is(namespace, name))
        });
        match unknown {
            None => Ok(()),
            Some(child) => Err(self.unknown_child(child)),
        }
    }

    /// All children, in one pass; one of another name refuses.
    pub(crate) fn only_children(
        self,
        namespace: &'static str,
        name: &'static str,
    ) -> impl Iterator<Item = Result<Part<'d>, Rejection>> {
        self.element.children().map(move |element| {
            if element.is(namespace, name) {
                Ok(Part { element, ..self })
            } else {
                Err(self.unknown_child(element))
            }
        })
    }

    fn unknown_child(self, child: Element<'_>) -> Rejection {
        self.malformed(format!(
            "the {} has a child that does not belong there, {}",
            self.name(),
            Quoted(child.local_name())
        ))
    }

    pub(crate) fn attribute(self, name: &str) -> Result<&'d str, Rejection> {
        self.element
            .attribute(name)
            .ok_or_else(|| self.malformed(format!("the {} has no {name}", self.name())))
    }

    /// An attribute of type `xs:dateTime` \[SAML-Core §1.3.3\].
    pub(crate) fn optional_instant(self, name: &str) -> Result<Option<Timestamp>, Rejection> {
        let Some(text) = self.element.attribute(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(at) => Ok(Some(at)),
            Err(error) => Err(self.malformed(format!(
                "{name} of the {}, {}, {error}",
                self.name(),
                Quoted(text)
            ))),
        }
    }

    /// As [`optional_instant`](Self::optional_instant), and it must be there.
    pub(crate) fn instant(self, name: &str) -> Result<Timestamp, Rejection> {
        self.optional_instant(name)?
            .ok_or_else(|| self.malformed(format!("the {} has no {name}", self.name())))
    }

    /// All text, verbatim. Comments do not split it; an element in it refuses.
    #[inline]
    pub(crate) fn text(self) -> Result<Cow<'d, str>, Rejection> {
        self.element
            .text()
            .map_err(|_| self.malformed(format!("the {} holds elements, not text", self.name())))
    }
}
