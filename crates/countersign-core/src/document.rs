//! Which document types a role or a grant is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text::{TextError, check_identifier};

/// Why a text is no pattern of document types.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseDocumentPatternError {
    /// It holds what no name may hold.
    #[error("{0}")]
    Text(TextError),
    /// White space in it.
    #[error("has white space in it")]
    WhiteSpace,
    /// A wildcard that is not the whole last segment.
    #[error("has a `*` that is not the whole last segment of the document type")]
    Wildcard,
    /// Two slashes in a row, or one at an end.
    #[error("has an empty segment in its document type")]
    EmptySegment,
}

/// Document types: all of them, one, or those below one.
///
/// Its text is `*`, `nda/mutual` or `nda/*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum DocumentPattern {
    /// `*`: every document type.
    Any,
    /// `nda`: this one. Made by parsing, so that every pattern has a text that reads back.
    #[non_exhaustive]
    Exact(String),
    /// `nda/*`: every one below `nda`, at any depth; not `nda` itself. Made by parsing.
    #[non_exhaustive]
    Below(String),
}

impl DocumentPattern {
    /// Whether it covers `document_type`, compared byte for byte.
    #[must_use]
    pub fn covers(&self, document_type: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => name == document_type,
            Self::Below(parent) => document_type
                .strip_prefix(parent.as_str())
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|below| !below.is_empty()),
        }
    }

    /// Whether it covers everything that `narrow` covers.
    #[must_use]
    pub fn contains(&self, narrow: &Self) -> bool {
        match (self, narrow) {
            (Self::Any, _) => true,
            (wide, Self::Exact(name)) => wide.covers(name),
            (Self::Below(wide), Self::Below(narrow)) => {
                let below = narrow.strip_prefix(wide.as_str());
                below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
            }
            _ => false,
        }
    }
}

impl FromStr for DocumentPattern {
    type Err = ParseDocumentPatternError;

    fn from_str(text: &str) -> Result<Self, ParseDocumentPatternError> {
        check_identifier(text).map_err(ParseDocumentPatternError::Text)?;
        if text.contains(char::is_whitespace) {
            return Err(ParseDocumentPatternError::WhiteSpace);
        }
        let (parent, pattern) = match text.strip_suffix("/*") {
            Some(parent) => (parent, Self::Below(parent.to_owned())),
            None if text == "*" => ("any", Self::Any),
            None => (text, Self::Exact(text.to_owned())),
        };
        if parent.contains('*') {
            return Err(ParseDocumentPatternError::Wildcard);
        }
        if parent.split('/').any(str::is_empty) {
            return Err(ParseDocumentPatternError::EmptySegment);
        }
        Ok(pattern)
    }
}

impl fmt::Display for DocumentPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(name) => f.write_str(name),
            Self::Below(parent) => write!(f, "{parent}/*"),
        }
    }
}

#[cfg(feature = "schema")]
crate::schema::text_schema!(DocumentPattern, crate::schema::document_pattern);

impl TryFrom<String> for DocumentPattern {
    type Error = ParseDocumentPatternError;
    fn try_from(text: String) -> Result<Self, ParseDocumentPatternError> {
        text.parse()
    }
}

impl From<DocumentPattern> for String {
    fn from(pattern: DocumentPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_round_trips_also_through_serde() {
        for text in ["*", "nda", "nda/*", "hr/onboarding", "hr/onboarding/*"] {
            let pattern: DocumentPattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), text);
            let json = serde_json::to_string(&pattern).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            let again: DocumentPattern = serde_json::from_str(&json).unwrap();
            assert_eq!(again, pattern);
        }
        assert!(serde_json::from_str::<DocumentPattern>("\"n*\"").is_err());
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        use ParseDocumentPatternError as E;
        for (text, error) in [
            ("n*", E::Wildcard),
            ("*/x", E::Wildcard),
            ("a/*/b", E::Wildcard),
            ("*/*", E::Wildcard),
            ("a//b", E::EmptySegment),
            ("/*", E::EmptySegment),
            ("a/", E::EmptySegment),
            ("nda mutual", E::WhiteSpace),
            ("", E::Text(TextError::Empty)),
        ] {
            assert_eq!(text.parse::<DocumentPattern>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_pattern_contains_what_it_covers_and_nothing_beside() {
        let contains = |(wide, narrow): (&str, &str)| {
            let parse = |text: &str| text.parse::<DocumentPattern>().unwrap();
            parse(wide).contains(&parse(narrow))
        };
        for pair in [
            ("*", "*"),
            ("*", "nda/*"),
            ("*", "nda"),
            ("nda/*", "nda/*"),
            ("nda/*", "nda/mutual/*"),
            ("nda/*", "nda/mutual"),
            ("nda", "nda"),
        ] {
            assert!(contains(pair), "{pair:?}");
        }
        for pair in [
            ("nda/*", "*"),
            ("nda/*", "nda"),
            ("nda/*", "ndax/*"),
            ("nda/mutual/*", "nda/*"),
            ("nda", "nda/*"),
            ("nda", "*"),
        ] {
            assert!(!contains(pair), "{pair:?}");
        }
    }
}
