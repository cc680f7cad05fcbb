//! The text, cut into tokens by quick-xml.
//!
//! Tags and the text between them, nearly all of a document, are cut by quick-xml's
//! [`ElementParser`]; everything else by its [`Reader`]. The reader alone would do, but it has no
//! way to be told that its input is UTF-8, so it looks at every token again, and it keeps the names
//! of open elements that we keep, too: a quarter of the time of a whole verification. That both
//! ways cut alike is held by a test.

use memchr::memchr2;
use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::Event;
use quick_xml::parser::{ElementParser, Parser as _};

use super::error::{XmlError, XmlErrorKind};

/// What a token is. Its inside is not looked at here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// `<…>`
    StartTag,
    /// `<…/>`
    EmptyTag,
    /// `</…>`
    EndTag,
    /// Character data without markup and references; never empty.
    Text,
    /// `<![CDATA[…]]>`
    Cdata,
    /// `&…;`
    Reference,
    /// `<!--…-->`, without two hyphens in it.
    Comment,
    /// `<?xml …?>`
    Declaration,
}

/// A token and its place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Gives the tokens of a text, which follow each other without a gap.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Tokens<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token; `None` at the end of the text.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Token>, XmlError> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let (kind, len) = match rest {
            [] => return Ok(None),
            [b'&', ..] | [b'<', b'!' | b'?', ..] => self.rare()?,
            [b'<', second, ..] => {
                let close = ElementParser::Outside
                    .feed(rest)
                    .ok_or(XmlErrorKind::Syntax.at(start))?;
                let before_close = close.checked_sub(1).and_then(|at| rest.get(at));
                let kind = match (second, before_close) {
                    (b'/', _) => TokenKind::EndTag,
                    (_, Some(b'/')) => TokenKind::EmptyTag,
                    _ => TokenKind::StartTag,
                };
                (kind, close.saturating_add(1))
            }
            [b'<'] => return Err(XmlErrorKind::Syntax.at(start)),
            _ => (
                TokenKind::Text,
                memchr2(b'<', b'&', rest).unwrap_or(rest.len()),
            ),
        };
        self.at = start.saturating_add(len);
        Ok(Some(Token {
            kind,
            start,
            end: self.at,
        }))
    }

    /// What starts with `&`, `<!` or `<?`.
    #[cold]
    fn rare(&self) -> Result<(TokenKind, usize), XmlError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut reader = Reader::from_str(rest);
        reader.config_mut().check_comments = true;
        let kind = match reader.read_event() {
            Ok(Event::GeneralRef(_)) => TokenKind::Reference,
            Ok(Event::Comment(_)) => TokenKind::Comment,
            Ok(Event::CData(_)) => TokenKind::Cdata,
            Ok(Event::Decl(_)) => TokenKind::Declaration,
            Ok(Event::PI(_)) => return Err(XmlErrorKind::ProcessingInstruction.at(self.at)),
            Ok(Event::DocType(_)) => return Err(XmlErrorKind::Doctype.at(self.at)),
            // There is nothing else that starts so.
            Ok(_) => return Err(XmlErrorKind::Syntax.at(self.at)),
            Err(error) => return Err(refusal(rest, &error).at(self.at)),
        };
        let len = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        Ok((kind, len))
    }
}

/// What the reader itself refuses at the start of `rest`.
fn refusal(rest: &str, error: &Error) -> XmlErrorKind {
    let is_doctype = rest
        .as_bytes()
        .get(..9)
        .is_some_and(|markup| markup.eq_ignore_ascii_case(b"<!DOCTYPE"));
    match error {
        _ if is_doctype => XmlErrorKind::Doctype,
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => {
            XmlErrorKind::DoubleHyphenInComment
        }
        Error::IllFormed(IllFormedError::UnclosedReference) => XmlErrorKind::BareAmpersand,
        _ => XmlErrorKind::Syntax,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The tokens up to the first error, and whether there was one.
    fn cut(text: &str) -> (Vec<Token>, bool) {
        let mut tokens = Tokens::new(text);
        let mut cut = Vec::new();
        loop {
            match tokens.next() {
                Ok(Some(token)) => cut.push(token),
                Ok(None) => return (cut, false),
                Err(_) => return (cut, true),
            }
        }
    }

    /// The same by quick-xml's reader alone.
    fn read(text: &str) -> (Vec<Token>, bool) {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_comments = true;
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        let mut read = Vec::new();
        loop {
            let start = usize::try_from(reader.buffer_position()).unwrap();
            let kind = match reader.read_event() {
                Ok(Event::Start(_)) => TokenKind::StartTag,
                Ok(Event::Empty(_)) => TokenKind::EmptyTag,
                Ok(Event::End(_)) => TokenKind::EndTag,
                Ok(Event::Text(_)) => TokenKind::Text,
                Ok(Event::CData(_)) => TokenKind::Cdata,
                Ok(Event::GeneralRef(_)) => TokenKind::Reference,
                Ok(Event::Comment(_)) => TokenKind::Comment,
                Ok(Event::Decl(_)) => TokenKind::Declaration,
                Ok(Event::PI(_) | Event::DocType(_)) | Err(_) => return (read, true),
                Ok(Event::Eof) => return (read, false),
            };
            let end = usize::try_from(reader.buffer_position()).unwrap();
            read.push(Token { kind, start, end });
        }
    }

    #[test]
    fn a_document_is_cut_at_its_markup() {
        use TokenKind::*;
        let (tokens, failed) =
            cut("<?xml version='1.0'?><a b='>'>t&amp;<b/><!-- c --><![CDATA[<]]></a>");
        let kinds: Vec<_> = tokens.iter().map(|token| token.kind).collect();
        assert_eq!(
            kinds,
            [
                Declaration,
                StartTag,
                Text,
                Reference,
                EmptyTag,
                Comment,
                Cdata,
                EndTag
            ]
        );
        assert!(!failed);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn tokens_are_those_of_quick_xmls_reader(
            pieces in proptest::collection::vec(prop_oneof![
                Just("<"), Just("</"), Just("<!"), Just("<!--"), Just("--"), Just("-"), Just("-->"),
                Just("<![CDATA["), Just("]]>"), Just("<?"), Just("<?xml "), Just("?>"), Just(">"),
                Just("/>"), Just("/"), Just("&"), Just("&amp;"), Just(";"), Just("'"), Just("\""),
                Just("<a>"), Just("</a>"), Just("<a b='"), Just(" "), Just("a"), Just("é"),
                Just("<!DOCTYPE"), Just("["), Just("]"), Just("="), Just("\n"),
            ], 0..12)
        ) {
            let text = pieces.concat();
            prop_assert_eq!(cut(&text), read(&text), "{}", text);
        }
    }
}
