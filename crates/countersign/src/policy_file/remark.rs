//! What lint has to say of a file, and where.

use std::fmt;

use countersign_roles::Finding;

use crate::policy_file::problem::locate;

/// A warning or a note about a file that loads, and where: line and column count from 1, columns
/// in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remark {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What is odd, and what to do about it.
    pub finding: Finding,
}

impl Remark {
    /// The findings at these byte offsets of `text`: the weightiest first, then in its order.
    pub(super) fn locate(text: &str, mut found: Vec<(usize, Finding)>) -> Vec<Self> {
        found.sort_by_key(|(start, _)| *start);
        let located = locate(text, found).into_iter();
        let mut remarks: Vec<_> = located
            .map(|(line, column, finding)| Self {
                line,
                column,
                finding,
            })
            .collect();
        remarks.sort_by_key(|remark| remark.finding.severity);
        remarks
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.finding.severity.name();
        write!(
            f,
            "{}:{}: {severity}: {}",
            self.line, self.column, self.finding
        )
    }
}
