//! One action on some document types.

use std::fmt;
use std::str::FromStr;

use countersign_core::text::check_identifier;
use countersign_core::{DocumentPattern, ParseDocumentPatternError, TextError};
use thiserror::Error;

/// Why a text is no permission.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParsePermissionError {
    /// Not one action, one space and one document type.
    #[error("is not an action and a document type, such as `sign nda/*`")]
    NotTwoWords,
    /// The action or the document type holds what no name may hold.
    #[error("{0}")]
    Text(TextError),
    /// A wildcard where none is allowed: in the action, or before the last segment.
    #[error("has a `*` that is not the whole last segment of the document type")]
    Wildcard,
    /// Two slashes in a row, or one at an end.
    #[error("has an empty segment in its document type")]
    EmptySegment,
}

/// One action on some document types, written `ACTION DOCUMENT-TYPE`: `sign nda/mutual`,
/// `sign nda/*`, `view *`.
///
/// An action is always named. A document type is exact, or ends in one `*` segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    action: String,
    documents: DocumentPattern,
}

impl Permission {
    /// The action, such as `sign`.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The document types.
    #[must_use]
    pub fn documents(&self) -> &DocumentPattern {
        &self.documents
    }

    /// The same action on other document types.
    pub(crate) fn on(&self, documents: DocumentPattern) -> Self {
        Self {
            action: self.action.clone(),
            documents,
        }
    }

    /// Whether it allows `action` on `document_type`.
    #[must_use]
    pub fn allows(&self, action: &str, document_type: &str) -> bool {
        self.action == action && self.documents.covers(document_type)
    }
}

impl FromStr for Permission {
    type Err = ParsePermissionError;

    fn from_str(text: &str) -> Result<Self, ParsePermissionError> {
        check_identifier(text).map_err(ParsePermissionError::Text)?;
        let (action, documents) = text
            .split_once(' ')
            .ok_or(ParsePermissionError::NotTwoWords)?;
        if action.is_empty() || documents.is_empty() || documents.contains(char::is_whitespace) {
            return Err(ParsePermissionError::NotTwoWords);
        }
        if action.contains('*') {
            return Err(ParsePermissionError::Wildcard);
        }
        let documents = documents.parse().map_err(|error| match error {
            ParseDocumentPatternError::Wildcard => ParsePermissionError::Wildcard,
            ParseDocumentPatternError::EmptySegment => ParsePermissionError::EmptySegment,
            ParseDocumentPatternError::Text(error) => ParsePermissionError::Text(error),
            _ => ParsePermissionError::NotTwoWords,
        })?;
        Ok(Self {
            action: action.to_owned(),
            documents,
        })
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.documents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_star_covers_what_is_below_and_nothing_beside() {
        let below: Permission = "sign nda/*".parse().unwrap();
        assert!(below.allows("sign", "nda/mutual"));
        assert!(below.allows("sign", "nda/mutual/2026"));
        for other in ["nda", "nda/", "ndax", "ndax/y", "other/nda/x", "NDA/mutual"] {
            assert!(!below.allows("sign", other), "{other}");
        }
        assert!(!below.allows("view", "nda/mutual"));
        let any: Permission = "view *".parse().unwrap();
        assert!(any.allows("view", "whatever") && !any.allows("sign", "whatever"));
        let exact: Permission = "sign nda".parse().unwrap();
        assert!(exact.allows("sign", "nda") && !exact.allows("sign", "nda/x"));
    }

    #[test]
    fn the_text_form_round_trips() {
        for text in ["sign nda/*", "view *", "sign hr/onboarding"] {
            let permission: Permission = text.parse().unwrap();
            assert_eq!(permission.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_permission_is_refused() {
        use ParsePermissionError as E;
        for (text, error) in [
            ("sign", E::NotTwoWords),
            ("sign  nda", E::NotTwoWords),
            ("sign nda extra", E::NotTwoWords),
            ("* nda", E::Wildcard),
            ("sign n*", E::Wildcard),
            ("sign */x", E::Wildcard),
            ("sign a/*/b", E::Wildcard),
            ("sign */*", E::Wildcard),
            ("sign a//b", E::EmptySegment),
            ("sign /*", E::EmptySegment),
            ("sign a/", E::EmptySegment),
            ("", E::Text(TextError::Empty)),
            (
                "sign nda\u{7}",
                E::Text(TextError::ControlCharacter { code_point: 7 }),
            ),
        ] {
            assert_eq!(text.parse::<Permission>(), Err(error), "{text}");
        }
    }
}
