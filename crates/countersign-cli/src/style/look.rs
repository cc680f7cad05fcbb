//! What the place that output goes to allows.

use std::io::IsTerminal;

use console::Term;

/// Where a terminal does not tell its width.
const FALLBACK_COLUMNS: usize = 100;

/// Less than this leaves no room to wrap in.
const LEAST_COLUMNS: usize = 40;

/// How a page is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether words get colours.
    pub(super) colours: bool,
    /// Where lines wrap; `None` for nowhere.
    pub(super) columns: Option<usize>,
    /// Whether long lists are shown to their end.
    pub(super) all: bool,
}

impl Look {
    /// For standard output: plain and unwrapped unless it is a terminal, so that whatever reads
    /// it finds one line where one was said.
    pub(crate) fn of_stdout(all: bool) -> Self {
        if !std::io::stdout().is_terminal() {
            return Self::plain(all);
        }
        let columns = Term::stdout().size_checked().map(|(_, columns)| columns);
        Self {
            colours: allows_colours(|name| std::env::var(name).ok()),
            columns: Some(
                columns
                    .map_or(FALLBACK_COLUMNS, usize::from)
                    .max(LEAST_COLUMNS),
            ),
            all,
        }
    }

    /// Without colours, and without wrapping.
    pub(crate) fn plain(all: bool) -> Self {
        Self {
            colours: false,
            columns: None,
            all,
        }
    }

    /// Whether words get colours.
    pub(crate) fn colours(self) -> bool {
        self.colours
    }
}

/// Whether a terminal with this environment gets colours: not if `NO_COLOR` says anything
/// [no-color.org], and not if it can do nothing but print.
fn allows_colours(variable: impl Fn(&str) -> Option<String>) -> bool {
    let silent = variable("NO_COLOR").is_none_or(|value| value.is_empty());
    silent && variable("TERM").is_none_or(|terminal| terminal != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_and_a_dumb_terminal_take_the_colours_away() {
        let allows = |wanted: &'static str, value: &'static str| {
            allows_colours(|name| (name == wanted).then(|| value.to_owned()))
        };
        assert!(allows_colours(|_| None));
        assert!(allows("TERM", "xterm-256color"));
        assert!(allows("NO_COLOR", ""));
        assert!(!allows("NO_COLOR", "1"));
        assert!(!allows("TERM", "dumb"));
    }
}
