//! A position in a piece of the text: what tags and the XML declaration are read with.

use super::chars::{is_space, ncname_len};
use super::tree::{QName, Span};

/// Reads `text` from `at` up to `end`, both byte offsets.
#[derive(Debug)]
pub(super) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    end: usize,
}

impl<'t> Scanner<'t> {
    pub(super) const fn new(text: &'t str, at: usize, end: usize) -> Self {
        Self { text, at, end }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn is_done(&self) -> bool {
        self.at >= self.end
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }

    fn rest_bytes(&self) -> &'t [u8] {
        self.text
            .as_bytes()
            .get(self.at..self.end)
            .unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    /// Skips white space; whether there was any.
    #[inline]
    pub(super) fn skip_space(&mut self) -> bool {
        let rest = self.rest_bytes();
        let spaces = rest
            .iter()
            .position(|byte| !is_space(*byte))
            .unwrap_or(rest.len());
        self.advance(spaces);
        spaces > 0
    }

    /// Skips `byte` if it comes next; whether it did.
    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let next = self.rest_bytes().first() == Some(&byte);
        if next {
            self.advance(1);
        }
        next
    }

    /// Reads a `QName` \[XML-Names §4\]; `None` if none comes next.
    #[inline]
    pub(super) fn name(&mut self) -> Option<QName> {
        let start = self.at;
        self.ncname()?;
        let mut local = start;
        if self.eat(b':') {
            local = self.at;
            self.ncname()?;
        }
        Some(QName::new(start, local, self.at))
    }

    #[inline]
    fn ncname(&mut self) -> Option<()> {
        let len = ncname_len(self.rest());
        self.advance(len);
        (len > 0).then_some(())
    }

    /// Reads `=` and a quoted value, with the white space that `Eq` allows \[XML §3.1\], and gives
    /// the span between the quotes; `None` if anything else comes.
    #[inline]
    pub(super) fn eq_and_quoted(&mut self) -> Option<Span> {
        self.skip_space();
        if !self.eat(b'=') {
            return None;
        }
        self.skip_space();
        let quote = *self.rest_bytes().first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        self.advance(1);
        let start = self.at;
        let len = memchr::memchr(quote, self.rest_bytes())?;
        self.advance(len);
        let value = Span::new(start, self.at);
        self.advance(1);
        Some(value)
    }
}
