//! One thing that is wrong, and where.

use std::fmt;

use countersign_core::TextError;
pub(super) use countersign_core::text::quote;

/// One thing that is wrong in a policy file, and where: line and column count from 1, columns in
/// characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    line: usize,
    column: usize,
    message: String,
}

impl Problem {
    /// The problems at these byte offsets of `text`, in its order and each once.
    pub(super) fn locate(text: &str, mut found: Vec<(usize, String)>) -> Vec<Self> {
        found.sort();
        found.dedup();
        let located = locate(text, found).into_iter();
        let located = located.map(|(line, column, message)| Self {
            line,
            column,
            message,
        });
        located.collect()
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from 1, in characters.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The line and the column of each of these byte offsets of `text`, which are in order.
pub(super) fn locate<T>(text: &str, found: Vec<(usize, T)>) -> Vec<(usize, usize, T)> {
    let (mut line, mut column, mut from) = (1_usize, 1_usize, 0);
    let located = found.into_iter().map(|(offset, what)| {
        for c in text.get(from..offset).unwrap_or_default().chars() {
            (line, column) = match c {
                '\n' => (line.saturating_add(1), 1),
                _ => (line, column.saturating_add(1)),
            };
        }
        from = offset.max(from);
        (line, column, what)
    });
    located.collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// The problem of bytes that are no UTF-8 after `good`.
pub(super) fn not_utf8(good: &[u8]) -> Vec<Problem> {
    let good = String::from_utf8_lossy(good);
    let message = "is not UTF-8 from here on; save the file as UTF-8".to_owned();
    Problem::locate(&good, vec![(good.len(), message)])
}

/// "unknown KIND `given`", with the nearest of `names`, or all of them if they are few.
pub(super) fn unknown(kind: &str, given: &str, names: &[&str]) -> String {
    /// As many as a person reads in a line.
    const FEW: usize = 8;
    let given_quoted = quote(given);
    if let Some(nearest) = countersign_roles::nearest(given, names.iter().copied()) {
        return format!(
            "unknown {kind} {given_quoted}, did you mean {}?",
            quote(nearest)
        );
    }
    if names.is_empty() || names.len() > FEW {
        return format!("unknown {kind} {given_quoted}");
    }
    let names: Vec<String> = names.iter().map(|name| quote(name)).collect();
    format!(
        "unknown {kind} {given_quoted}; there are {}",
        names.join(", ")
    )
}

/// Why `given` can not be the name of a `kind`, and what to do about it.
pub(super) fn bad_name(kind: &str, given: &str, error: TextError) -> String {
    let fix = match error {
        TextError::Empty => return format!("the name of the {kind} is empty; write one"),
        TextError::ControlCharacter { .. } => "write it without, in letters that are seen",
        TextError::SurroundingWhiteSpace => "write it without",
        TextError::TooLong { .. } => "write a shorter one",
        _ => "write another one",
    };
    format!("{kind} {} {error}; {fix}", quote(given))
}
