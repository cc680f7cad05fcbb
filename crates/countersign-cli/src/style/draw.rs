//! From a page to text.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::{Block, Line, Look, Page, Span, Table, Tone, bad, dim};

/// Between two columns.
const GAP: usize = 2;

/// A last column that would be narrower than this is not wrapped: it would be one word a line.
const LEAST_WRAPPED: usize = 24;

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Dim => Style::new().dimmed(),
            Self::Name => AnsiColor::Cyan.on_default(),
            Self::Heading => Style::new().bold(),
        }
    }
}

impl Page {
    /// The page as text; each line ends.
    pub(crate) fn show(&self, look: Look) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            match block {
                Block::Blank => text.push('\n'),
                Block::Verbatim(verbatim) => {
                    text.push_str(verbatim);
                    if !verbatim.ends_with('\n') {
                        text.push('\n');
                    }
                }
                Block::Heading(line) | Block::Line(line) => {
                    for line in wrapped(line, look.columns) {
                        put(&mut text, &line, look);
                        end(&mut text);
                    }
                }
                Block::Table { indent, table } => table.draw(*indent, look, &mut text),
            }
        }
        text
    }
}

/// The one line that ends a refusal.
pub(crate) fn refused(code: &str, message: &str) -> Line {
    bad("refused").and(format!(": {code}: {message}"))
}

impl Table {
    fn draw(&self, indent: usize, look: Look, text: &mut String) {
        let most = self.fold.filter(|_| !look.all).unwrap_or(usize::MAX);
        // One row more is no reason to fold: the line that says so would take its place.
        let hidden = match self.rows.len().saturating_sub(most) {
            0 | 1 => 0,
            hidden => hidden,
        };
        let shown = self.rows.len().saturating_sub(hidden);
        let rows = || self.rows.iter().take(shown);
        let mut widths: Vec<usize> = Vec::new();
        for row in rows() {
            // The last cell takes what is left.
            for (column, cell) in row.iter().enumerate() {
                let is_last = column.saturating_add(1) == row.len();
                let width = if is_last { 0 } else { cell.width() };
                match widths.get_mut(column) {
                    Some(widest) => *widest = width.max(*widest),
                    None => widths.push(width),
                }
            }
        }
        for column in &self.right {
            // A number in the last column has its width, too.
            let widest = rows().filter_map(|row| row.get(*column)).map(Line::width);
            if let (Some(width), Some(widest)) = (widths.get_mut(*column), widest.max()) {
                *width = widest.max(*width);
            }
        }
        for row in rows() {
            let mut column_start = indent;
            spaces(text, indent);
            for (column, cell) in row.iter().enumerate() {
                let is_last = column.saturating_add(1) == row.len();
                let width = widths.get(column).copied().unwrap_or_default();
                if !is_last && width == 0 {
                    // Nobody has anything to say here.
                    continue;
                }
                let padding = width.saturating_sub(cell.width());
                let is_right = self.right.contains(&column);
                if is_right {
                    spaces(text, padding);
                }
                if is_last {
                    let room = look.columns.map(|all| all.saturating_sub(column_start));
                    let room = room.filter(|room| *room >= LEAST_WRAPPED);
                    for (number, line) in wrapped(cell, room).iter().enumerate() {
                        if number > 0 {
                            end(text);
                            spaces(text, column_start);
                        }
                        put(text, line, look);
                    }
                } else {
                    put(text, cell, look);
                    spaces(
                        text,
                        if is_right {
                            GAP
                        } else {
                            padding.saturating_add(GAP)
                        },
                    );
                }
                column_start = column_start.saturating_add(width).saturating_add(GAP);
            }
            end(text);
        }
        if hidden > 0 {
            spaces(text, indent);
            let more = dim(format_args!("and {hidden} more (--all shows them)"));
            put(text, &more, look);
            end(text);
        }
    }
}

impl Line {
    /// The columns that a terminal needs for it \[UAX #11\].
    fn width(&self) -> usize {
        let widths = self.spans.iter().map(|span| span.text.width());
        widths.fold(0, usize::saturating_add)
    }
}

fn spaces(text: &mut String, count: usize) {
    text.extend(std::iter::repeat_n(' ', count));
}

/// Ends a line, at whose end nobody wants spaces.
fn end(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
    text.push('\n');
}

fn put(text: &mut String, line: &Line, look: Look) {
    for Span { tone, text: said } in &line.spans {
        if look.colours && *tone != Tone::Plain && !said.is_empty() {
            let style = tone.style();
            text.push_str(&format!("{style}{said}{style:#}"));
        } else {
            text.push_str(said);
        }
    }
}

/// The line in pieces of at most `columns`, broken after spaces only.
fn wrapped(line: &Line, columns: Option<usize>) -> Vec<Line> {
    let Some(columns) = columns.filter(|columns| line.width() > *columns) else {
        return vec![line.clone()];
    };
    let mut lines = Vec::new();
    let mut current = Line::default();
    let mut word = Line::default();
    let mut settle = |current: &mut Line, word: &mut Line| {
        let word = std::mem::take(word);
        let seen = word
            .width()
            .saturating_sub(usize::from(word.ends_in_space()));
        if !current.spans.is_empty() && current.width().saturating_add(seen) > columns {
            lines.push(std::mem::take(current).trimmed());
        }
        for span in word.spans {
            current.push(span);
        }
    };
    for span in &line.spans {
        for part in span.text.split_inclusive(' ') {
            word.push(Span {
                tone: span.tone,
                text: part.to_owned(),
            });
            if part.ends_with(' ') {
                settle(&mut current, &mut word);
            }
        }
    }
    settle(&mut current, &mut word);
    lines.push(current.trimmed());
    lines
}

impl Line {
    fn ends_in_space(&self) -> bool {
        self.spans
            .last()
            .is_some_and(|span| span.text.ends_with(' '))
    }

    /// Adds words, to the span before if they mean the same.
    fn push(&mut self, span: Span) {
        match self.spans.last_mut() {
            Some(last) if last.tone == span.tone => last.text.push_str(&span.text),
            _ => self.spans.push(span),
        }
    }

    fn trimmed(mut self) -> Self {
        if let Some(last) = self.spans.last_mut() {
            last.text.truncate(last.text.trim_end_matches(' ').len());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{good, name, plain};
    use super::*;

    const WIDE: Look = Look {
        colours: false,
        columns: None,
        all: false,
    };

    fn narrow(columns: usize) -> Look {
        Look {
            columns: Some(columns),
            ..WIDE
        }
    }

    #[test]
    fn columns_align_by_what_a_person_sees() {
        let mut table = Table::new().right(1);
        table.row([name("signer"), plain("7"), plain("one")]);
        table.row([name("\u{7f72}\u{540d}"), plain("12"), plain("two")]);
        let mut page = Page::new();
        page.section("roles", table);
        assert_eq!(
            page.show(WIDE),
            "roles\n  signer   7  one\n  \u{7f72}\u{540d}    12  two\n"
        );
    }

    #[test]
    fn a_long_cell_wraps_under_itself_and_only_where_there_is_a_width() {
        let mut table = Table::new();
        table.row([name("signer"), plain("may sign every agreement there is")]);
        let mut page = Page::new();
        page.table(table);
        assert_eq!(
            page.show(narrow(36)),
            "  signer  may sign every agreement\n          there is\n"
        );
        assert_eq!(
            page.show(WIDE),
            "  signer  may sign every agreement there is\n"
        );
    }

    #[test]
    fn a_line_wraps_after_spaces_and_never_within_a_word() {
        let line = good("aaaa").and(": bbbb ").and(name("cccc")).and("dddd ee");
        let shown: Vec<String> = wrapped(&line, Some(10))
            .iter()
            .map(|line| {
                let mut text = String::new();
                put(&mut text, line, WIDE);
                text
            })
            .collect();
        assert_eq!(shown, ["aaaa: bbbb", "ccccdddd", "ee"]);
    }

    #[test]
    fn a_long_list_is_folded_unless_all_is_asked_for() {
        let mut table = Table::new().folded();
        for number in 0..super::super::FOLDED_ROWS + 2 {
            table.row([plain(number)]);
        }
        let mut page = Page::new();
        page.table(table);
        let shown = page.show(WIDE);
        assert!(
            shown.ends_with("  19\n  and 2 more (--all shows them)\n"),
            "{shown}"
        );
        let all = page.show(Look { all: true, ..WIDE });
        assert!(all.ends_with("  20\n  21\n"), "{all}");
    }

    #[test]
    fn colours_are_there_only_where_they_are_allowed() {
        let mut page = Page::new();
        page.line(refused("x.y", "no"));
        assert_eq!(page.show(WIDE), "refused: x.y: no\n");
        let coloured = page.show(Look {
            colours: true,
            ..WIDE
        });
        assert!(coloured.starts_with("\u{1b}["), "{coloured:?}");
        assert!(coloured.contains("refused"), "{coloured:?}");
    }

    #[test]
    fn a_strangers_text_moves_no_cursor() {
        let mut page = Page::new();
        page.line(name("a\u{1b}[2J\nb"));
        assert_eq!(page.show(WIDE), "a\\u{1b}[2J\\u{a}b\n");
    }
}
