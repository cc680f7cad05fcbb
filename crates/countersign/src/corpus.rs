//! Sign-ins of the past, a line of JSON each, to try another policy on them.
//!
//! A host that wants to know tomorrow what a new policy would have done today writes a line for
//! each sign-in ([`crate::SignIn::past`]); `countersign policy simulate` reads them, or a
//! [`Corpus`] and a [`Simulator`](countersign_provision::Simulator) do. The form is
//! `docs/spec/corpus.md`.
//!
//! # Security
//! A corpus holds names, addresses and groups: it is personal data, to be kept no longer and seen
//! by no more people than the accounts themselves. Nothing in it is signed, so whoever can write it
//! can make a simulation say what they like; it proves nothing, and nobody is let in by it.
//!
//! ```
//! use countersign::corpus::{Corpus, to_line};
//! use countersign::provision::PastSignIn;
//! use countersign::{ConnectionId, Facts, SubjectKey, TenantId, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let subject = SubjectKey::from_stable_value(TenantId::new("acme")?, "https://idp.example", "7")?;
//! let at = "2026-03-01T09:30:00Z".parse()?;
//! let past = PastSignIn::new(ConnectionId::new("acme")?, at, Facts::new(subject));
//!
//! let mut file = to_line(&past)?;
//! file.push('\n');
//! let read: Vec<_> = Corpus::new(file.as_bytes()).collect::<Result<_, _>>()?;
//! assert_eq!(read, [past]);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::io::{self, BufRead, Read};

use countersign_provision::PastSignIn;
use thiserror::Error;

/// The longest line that is read: the largest response that is accepted has 1 MiB
/// (`countersign_saml`), and what is made of one is not larger.
pub const LINE_LIMIT_BYTES: usize = 1 << 20;

/// A sign-in as one line of a corpus, without the end of the line.
///
/// # Errors
/// None that a sign-in can cause: only if memory can not be had for it.
pub fn to_line(sign_in: &PastSignIn) -> Result<String, serde_json::Error> {
    serde_json::to_string(sign_in)
}

/// Why a corpus can not be read. Nothing of a line that is refused is shown: it is personal data.
#[derive(Debug, Error)]
#[error("line {line}{}: {kind}", At(*.column))]
pub struct CorpusError {
    line: u64,
    column: Option<usize>,
    kind: CorpusErrorKind,
}

impl CorpusError {
    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// What is wrong with it.
    #[must_use]
    pub fn kind(&self) -> &CorpusErrorKind {
        &self.kind
    }
}

/// What is wrong with a line of a corpus.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CorpusErrorKind {
    /// It can not be read.
    #[error("can not be read")]
    Io(#[source] io::Error),
    /// It is longer than [`LINE_LIMIT_BYTES`].
    #[error("is longer than {LINE_LIMIT_BYTES} bytes")]
    TooLong,
    /// It is no JSON.
    #[error("is no JSON object")]
    Syntax,
    /// It is JSON, and no sign-in of this version.
    #[error("is no sign-in of a corpus of version 1: {0}")]
    Form(String),
    /// Its facts are not in canonical form.
    #[error("holds facts that are not in canonical form, as presets make them")]
    NotCanonical,
}

impl CorpusErrorKind {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "corpus.unreadable",
            Self::TooLong => "corpus.too_long",
            Self::Syntax => "corpus.syntax",
            Self::Form(_) => "corpus.form",
            Self::NotCanonical => "corpus.not_canonical",
        }
    }
}

struct At(Option<usize>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(column) => write!(f, ", column {column}"),
            None => Ok(()),
        }
    }
}

/// The sign-ins of a corpus, one line after the other; the first line that is none is the last
/// thing that is read.
#[derive(Debug)]
pub struct Corpus<R> {
    from: R,
    line: u64,
    bytes: u64,
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> Corpus<R> {
    /// Of the lines of `from`.
    pub fn new(from: R) -> Self {
        Self {
            from,
            line: 0,
            bytes: 0,
            buffer: Vec::new(),
            ended: false,
        }
    }

    /// The bytes that were read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes
    }

    fn read(&mut self) -> Result<Option<PastSignIn>, CorpusError> {
        let line = self.line;
        let error = move |column, kind| CorpusError { line, column, kind };
        self.buffer.clear();
        let most = u64::try_from(LINE_LIMIT_BYTES).unwrap_or(u64::MAX);
        let read = self
            .from
            .by_ref()
            .take(most.saturating_add(1))
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| error(None, CorpusErrorKind::Io(source)))?;
        if read == 0 {
            return Ok(None);
        }
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        let text = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        if text.len() > LINE_LIMIT_BYTES {
            return Err(error(None, CorpusErrorKind::TooLong));
        }
        let sign_in: PastSignIn = serde_json::from_slice(text)
            .map_err(|json| error(Some(json.column()), kind_of(&json)))?;
        if !sign_in.is_canonical() {
            return Err(error(None, CorpusErrorKind::NotCanonical));
        }
        Ok(Some(sign_in))
    }
}

fn kind_of(error: &serde_json::Error) -> CorpusErrorKind {
    if !error.is_data() {
        return CorpusErrorKind::Syntax;
    }
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(message, _)| message);
    // These two quote the value.
    let quotes = ["invalid type", "invalid value"];
    CorpusErrorKind::Form(
        if quotes.iter().any(|quoting| message.starts_with(quoting)) {
            "a member holds something else than it should".to_owned()
        } else {
            message.to_owned()
        },
    )
}

impl<R: BufRead> Iterator for Corpus<R> {
    type Item = Result<PastSignIn, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        self.line = self.line.saturating_add(1);
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}

/// A sign-in that is kept beside its outcome, for [`crate::SignIn::past`].
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Kept(Option<Box<PastSignIn>>);

impl Kept {
    pub(crate) fn new(past: PastSignIn) -> Self {
        Self(Some(Box::new(past)))
    }

    pub(crate) fn past(&self) -> Option<&PastSignIn> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Kept {
    /// Without the facts, which are personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"v":1,"connection":"acme","at":"2026-03-01T09:30:00.000Z","facts":{"subject":{"tenant":"acme","issuer":"https://idp.example","subject":"7"},"groups":{"complete":["a"]}}}"#;

    fn codes(text: &str) -> Vec<Result<(), (u64, &'static str)>> {
        Corpus::new(text.as_bytes())
            .map(|read| read.map(drop).map_err(|e| (e.line(), e.kind().code())))
            .collect()
    }

    #[test]
    fn a_line_is_written_as_it_was_read() {
        let read = Corpus::new(LINE.as_bytes()).next().unwrap().unwrap();
        assert_eq!(to_line(&read).unwrap(), LINE);
        assert_eq!(codes(""), []);
        assert_eq!(codes(&format!("{LINE}\n{LINE}\n")), [Ok(()), Ok(())]);
        assert_eq!(codes(&format!("{LINE}\r\n{LINE}")), [Ok(()), Ok(())]);
    }

    #[test]
    fn the_example_of_the_specification_is_one() {
        let text = include_str!("../../../docs/spec/corpus.md");
        let example = text
            .lines()
            .find(|line| line.starts_with("{\"v\""))
            .unwrap();
        let read = Corpus::new(example.as_bytes()).next().unwrap().unwrap();
        assert_eq!(to_line(&read).unwrap(), example);
    }

    #[test]
    fn what_is_no_sign_in_is_refused_with_its_line_and_ends_the_reading() {
        for (bad, code) in [
            ("", "corpus.syntax"),
            ("{", "corpus.syntax"),
            ("\u{feff}{}", "corpus.syntax"),
            ("{}", "corpus.form"),
            ("[]", "corpus.form"),
            (&LINE.replace("\"v\":1", "\"v\":2"), "corpus.form"),
            (&LINE.replace("\"v\":1,", ""), "corpus.form"),
            (&LINE.replace("\"at\"", "\"on\""), "corpus.form"),
            (
                &LINE.replace("\"v\"", "\"at\":\"2026-03-01T09:30:00Z\",\"v\""),
                "corpus.form",
            ),
            (&LINE.replace("\"7\"", "\"\""), "corpus.form"),
            (
                &LINE.replace("[\"a\"]", "[\"e\\u0301\"]"),
                "corpus.not_canonical",
            ),
            (
                &LINE.replace('7', &"7".repeat(LINE_LIMIT_BYTES)),
                "corpus.too_long",
            ),
        ] {
            let shown: String = bad.chars().take(100).collect();
            assert_eq!(
                codes(&format!("{LINE}\n{bad}\n{LINE}\n")),
                [Ok(()), Err((2, code))],
                "{shown}"
            );
        }
        let mut bytes = LINE.as_bytes().to_vec();
        bytes[10] = 0xff;
        let error = Corpus::new(&*bytes).next().unwrap().unwrap_err();
        assert_eq!(error.kind().code(), "corpus.syntax");
    }

    #[test]
    fn an_error_says_where_and_shows_nothing_of_the_line() {
        let bad = LINE.replace("{\"complete\":[\"a\"]}", "\"Given Family\"");
        let error = Corpus::new(bad.as_bytes()).next().unwrap().unwrap_err();
        assert!(error.to_string().starts_with("line 1, column "), "{error}");
        let bad = LINE.replace("[\"a\"]", "\"Given Family\"");
        let error = Corpus::new(bad.as_bytes()).next().unwrap().unwrap_err();
        assert!(!error.to_string().contains("Given"), "{error}");
    }
}
