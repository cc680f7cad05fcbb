//! How output looks: the one place for colours, columns, folding and wrapping.
//!
//! A command says what it has found as a [`Page`] of lines and tables, whose words carry what they
//! mean ([`Tone`]), never how they look. [`Page::show`] draws it as [`Look`] allows: colours
//! and wrapped lines on a terminal only, so that what a program reads is plain, and one line stays
//! one line.
//!
//! Whatever becomes part of a page has been made visible first, so that no provider's text moves a
//! terminal's cursor. The exception is [`Page::verbatim`], for what programs read.

mod draw;
mod look;

use std::fmt::Display;

pub(crate) use self::draw::refused;
pub(crate) use self::look::Look;
use crate::text::visible;

/// How many rows of a long list people see, unless they ask for all.
pub(crate) const FOLDED_ROWS: usize = 20;

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// As it should be: accepted, given, gained.
    Good,
    /// As it should not be: refused, taken, lost.
    Bad,
    /// To be looked at.
    Warn,
    /// Less important than what stands beside it.
    Dim,
    /// What something is called: a role, a rule, a connection.
    Name,
    /// What stands above others.
    Heading,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    tone: Tone,
    text: String,
}

/// Words in a row, to be wrapped where they are too long for the terminal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Line {
    spans: Vec<Span>,
}

impl Line {
    fn of(tone: Tone, text: &impl Display) -> Self {
        let text = visible(&text.to_string());
        Self {
            spans: vec![Span { tone, text }],
        }
    }

    /// This, and then that.
    pub(crate) fn and(mut self, more: impl Into<Self>) -> Self {
        self.spans.extend(more.into().spans);
        self
    }

    /// The lines in one, with `separator` between them.
    pub(crate) fn joined(lines: impl IntoIterator<Item = Self>, separator: &str) -> Self {
        let mut all = Self::default();
        for (number, line) in lines.into_iter().enumerate() {
            if number > 0 {
                all = all.and(separator);
            }
            all = all.and(line);
        }
        all
    }
}

/// Without a meaning of its own; a line break in it is made visible.
impl From<&str> for Line {
    fn from(text: &str) -> Self {
        plain(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        plain(text)
    }
}

/// Nothing special.
pub(crate) fn plain(text: impl Display) -> Line {
    Line::of(Tone::Plain, &text)
}

/// As it should be.
pub(crate) fn good(text: impl Display) -> Line {
    Line::of(Tone::Good, &text)
}

/// As it should not be.
pub(crate) fn bad(text: impl Display) -> Line {
    Line::of(Tone::Bad, &text)
}

/// To be looked at.
pub(crate) fn warn(text: impl Display) -> Line {
    Line::of(Tone::Warn, &text)
}

/// Less important than what stands beside it.
pub(crate) fn dim(text: impl Display) -> Line {
    Line::of(Tone::Dim, &text)
}

/// What something is called.
pub(crate) fn name(text: impl Display) -> Line {
    Line::of(Tone::Name, &text)
}

/// A number with commas between its thousands.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(place);
        if place > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 rule`, `2 rules`: nouns whose plural ends in `s`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Rows of cells, aligned by what a person sees; the last cell of a row wraps under itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Line>>,
    right: Vec<usize>,
    fold: Option<usize>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Line>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Aligns a column, counted from 0, at its right end: for numbers.
    pub(crate) fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    /// Shows [`FOLDED_ROWS`] rows, and says how many more there are; `--all` shows them.
    pub(crate) fn folded(mut self) -> Self {
        self.fold = Some(FOLDED_ROWS);
        self
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Heading(Line),
    Line(Line),
    Table { indent: usize, table: Table },
    Blank,
    Verbatim(String),
}

/// What a command says to people, from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Page {
    blocks: Vec<Block>,
}

impl Page {
    /// A page that says nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Text that is printed byte for byte: for what programs read, such as XML and JSON. Whoever
    /// gives it answers for what it does to a terminal.
    pub(crate) fn verbatim(text: impl Into<String>) -> Self {
        Self {
            blocks: vec![Block::Verbatim(text.into())],
        }
    }

    /// Adds a heading, with an empty line above it if something stands there.
    pub(crate) fn heading(&mut self, heading: impl Into<Line>) {
        if !self.is_empty() {
            self.blank();
        }
        let mut heading = heading.into();
        for span in &mut heading.spans {
            if span.tone == Tone::Plain {
                span.tone = Tone::Heading;
            }
        }
        self.blocks.push(Block::Heading(heading));
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl Into<Line>) {
        self.blocks.push(Block::Line(line.into()));
    }

    /// Adds a table that stands under a line or a heading.
    pub(crate) fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table { indent: 2, table });
    }

    /// Adds a table under a heading, unless it has no rows.
    pub(crate) fn section(&mut self, heading: impl Into<Line>, table: Table) {
        if !table.is_empty() {
            self.heading(heading);
            self.table(table);
        }
    }

    /// Adds an empty line.
    pub(crate) fn blank(&mut self) {
        self.blocks.push(Block::Blank);
    }

    /// Adds all of another page.
    pub(crate) fn append(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| match block {
            Block::Verbatim(text) => text.trim().is_empty(),
            Block::Blank => true,
            Block::Heading(_) | Block::Line(_) => false,
            Block::Table { table, .. } => table.is_empty(),
        })
    }
}

/// Lines of text as they are, made visible.
impl From<String> for Page {
    fn from(text: String) -> Self {
        Self::verbatim(crate::text::visible_lines(&text))
    }
}
