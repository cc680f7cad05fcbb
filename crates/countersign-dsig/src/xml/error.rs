//! Why a document was refused.

use thiserror::Error;

/// What is wrong with a document, without where.
///
/// Its `Display` is a sentence for the log; [`XmlErrorKind::code`] is what records keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum XmlErrorKind {
    /// More bytes than [`Limits::max_bytes`](super::Limits::max_bytes).
    #[error("the document is too large")]
    TooLarge,
    /// More levels than [`Limits::max_depth_elements`](super::Limits::max_depth_elements).
    #[error("the elements are nested too deeply")]
    TooDeep,
    /// More elements than [`Limits::max_elements`](super::Limits::max_elements).
    #[error("the document has too many elements")]
    TooManyElements,
    /// More attributes than
    /// [`Limits::max_attributes_per_element`](super::Limits::max_attributes_per_element).
    #[error("an element has too many attributes")]
    TooManyAttributes,
    /// More declarations than
    /// [`Limits::max_namespaces_per_element`](super::Limits::max_namespaces_per_element),
    /// [`Limits::max_namespaces_in_scope`](super::Limits::max_namespaces_in_scope) or
    /// [`Limits::max_namespaces`](super::Limits::max_namespaces).
    #[error("too many namespaces are declared")]
    TooManyNamespaces,
    /// The input is not UTF-8.
    #[error("the document is not utf-8")]
    NotUtf8,
    /// A character outside of `Char` \[XML §2.2\].
    #[error("a character that xml forbids")]
    ForbiddenCharacter,
    /// Markup that the tokenizer can not read to its end.
    #[error("broken or unclosed markup")]
    Syntax,
    /// The XML declaration stands elsewhere than at the very start \[XML §2.8\].
    #[error("an xml declaration that is not at the start")]
    MisplacedDeclaration,
    /// The XML declaration does not follow its production \[XML §2.8\].
    #[error("a malformed xml declaration")]
    BadDeclaration,
    /// Another version than 1.0.
    #[error("an xml version other than 1.0")]
    UnsupportedVersion,
    /// The declared encoding is not UTF-8.
    #[error("an encoding other than utf-8")]
    UnsupportedEncoding,
    /// A document type declaration.
    #[error("a document type declaration")]
    Doctype,
    /// A processing instruction.
    #[error("a processing instruction")]
    ProcessingInstruction,
    /// `--` inside a comment, or one that ends in `--->` \[XML §2.5\].
    #[error("a comment that contains `--`")]
    DoubleHyphenInComment,
    /// `]]>` in character data \[XML §2.4\].
    #[error("`]]>` in text")]
    CdataEndInText,
    /// A reference to an entity other than the predefined five \[XML §4.6\].
    #[error("a reference to an unknown entity")]
    UnknownEntity,
    /// A character reference that names no `Char` \[XML §4.1\].
    #[error("a bad character reference")]
    BadCharacterReference,
    /// An `&` that starts no reference.
    #[error("an `&` that starts no reference")]
    BareAmpersand,
    /// A name that is no `QName` \[XML-Names §4\].
    #[error("a bad name")]
    BadName,
    /// An attribute without `=` or without quotes \[XML §3.1\].
    #[error("a malformed attribute")]
    BadAttribute,
    /// Two attributes without white space between them \[XML §3.1\].
    #[error("no white space between attributes")]
    MissingWhiteSpace,
    /// `<` in an attribute value \[XML §3.1\].
    #[error("`<` in an attribute value")]
    LessThanInAttribute,
    /// Two attributes of the same expanded name \[XML §3.1, XML-Names §6.3\].
    #[error("a duplicate attribute")]
    DuplicateAttribute,
    /// A prefix without a declaration \[XML-Names §5\].
    #[error("an undeclared namespace prefix")]
    UndeclaredPrefix,
    /// `xmlns:p=""` \[XML-Names §5\].
    #[error("a namespace prefix bound to nothing")]
    EmptyNamespace,
    /// A misuse of `xml`, `xmlns` or their namespaces \[XML-Names §3\].
    #[error("a misuse of the reserved prefixes `xml` and `xmlns`")]
    ReservedNamespace,
    /// Text, CDATA or a reference outside of the root element \[XML §2.1\].
    #[error("content outside of the root element")]
    ContentOutsideRoot,
    /// A second root element \[XML §2.1\].
    #[error("a second root element")]
    SecondRoot,
    /// No root element \[XML §2.1\].
    #[error("no root element")]
    NoRoot,
    /// An element that is not closed \[XML §3.1\].
    #[error("an unclosed element")]
    UnclosedElement,
    /// An end tag without its start tag \[XML §3\].
    #[error("an end tag that does not match")]
    MismatchedEndTag,
    /// Two IDs (`ID`, `Id`, `id`, `xml:id`) of the same value.
    #[error("the same id twice")]
    DuplicateId,
    /// A child element that may stand once, twice.
    #[error("a child element that may stand only once")]
    RepeatedChild,
    /// An element where only text may be.
    #[error("an element where only text may be")]
    ElementInText,
}

impl XmlErrorKind {
    /// The stable name of this kind, for logs and records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "xml.too_large",
            Self::TooDeep => "xml.too_deep",
            Self::TooManyElements => "xml.too_many_elements",
            Self::TooManyAttributes => "xml.too_many_attributes",
            Self::TooManyNamespaces => "xml.too_many_namespaces",
            Self::NotUtf8 => "xml.not_utf8",
            Self::ForbiddenCharacter => "xml.forbidden_character",
            Self::Syntax => "xml.syntax",
            Self::MisplacedDeclaration => "xml.misplaced_declaration",
            Self::BadDeclaration => "xml.bad_declaration",
            Self::UnsupportedVersion => "xml.unsupported_version",
            Self::UnsupportedEncoding => "xml.unsupported_encoding",
            Self::Doctype => "xml.doctype",
            Self::ProcessingInstruction => "xml.processing_instruction",
            Self::DoubleHyphenInComment => "xml.double_hyphen_in_comment",
            Self::CdataEndInText => "xml.cdata_end_in_text",
            Self::UnknownEntity => "xml.unknown_entity",
            Self::BadCharacterReference => "xml.bad_character_reference",
            Self::BareAmpersand => "xml.bare_ampersand",
            Self::BadName => "xml.bad_name",
            Self::BadAttribute => "xml.bad_attribute",
            Self::MissingWhiteSpace => "xml.missing_white_space",
            Self::LessThanInAttribute => "xml.less_than_in_attribute",
            Self::DuplicateAttribute => "xml.duplicate_attribute",
            Self::UndeclaredPrefix => "xml.undeclared_prefix",
            Self::EmptyNamespace => "xml.empty_namespace",
            Self::ReservedNamespace => "xml.reserved_namespace",
            Self::ContentOutsideRoot => "xml.content_outside_root",
            Self::SecondRoot => "xml.second_root",
            Self::NoRoot => "xml.no_root",
            Self::UnclosedElement => "xml.unclosed_element",
            Self::MismatchedEndTag => "xml.mismatched_end_tag",
            Self::DuplicateId => "xml.duplicate_id",
            Self::RepeatedChild => "xml.repeated_child",
            Self::ElementInText => "xml.element_in_text",
        }
    }

    pub(crate) const fn at(self, offset: usize) -> XmlError {
        XmlError { kind: self, offset }
    }
}

/// A document was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} (at byte {offset})")]
pub struct XmlError {
    kind: XmlErrorKind,
    offset: usize,
}

impl XmlError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> XmlErrorKind {
        self.kind
    }

    /// The stable name of what is wrong, such as `xml.doctype`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// Near which byte it is, counted from 0 without a byte order mark and with line ends already
    /// normalized to one byte each.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}
