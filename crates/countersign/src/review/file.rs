//! Reviews as files: CSV \[RFC 4180\] for spreadsheets, JSON for programs.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line break for a
//! formula, and names come from identity providers. Such a cell is written with `'` before it,
//! and so is one that begins with `'`; reading takes exactly one away.

use countersign_audit::review::ReviewOutcome;
use countersign_core::TenantId;
use serde::Deserialize;
use thiserror::Error;

use crate::review::{ReviewAnswer, ReviewRow};

/// The columns, in their order.
const COLUMNS: [&str; 15] = [
    "user",
    "name",
    "email",
    "state",
    "last_sign_in_at",
    "grant",
    "role",
    "allows",
    "owner",
    "rule",
    "since",
    "expires_at",
    "reviewed_sha256",
    "decision",
    "note",
];

/// Why a file of answers can not be read. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReviewFileError {
    /// It is no table, or no JSON.
    #[error("line {line}: is not what an export writes")]
    Malformed {
        /// The line.
        line: u64,
    },
    /// Its columns are not those of an export.
    #[error("the columns are not those of an export: `{}`", COLUMNS.join("`, `"))]
    Columns,
    /// A cell does not hold what its column is for.
    #[error("line {line}: `{column}` is not what an export writes there")]
    Cell {
        /// The line.
        line: u64,
        /// The column.
        column: &'static str,
    },
    /// The decision is none.
    #[error("line {line}: the decision is neither `certify` nor `revoke`, nor empty")]
    Decision {
        /// The line.
        line: u64,
    },
    /// The row shows something else than what its hash is over: it was edited, and whoever
    /// answered may have been shown what is not so.
    #[error("line {line}: the row does not show what was exported for this tenant")]
    Edited {
        /// The line.
        line: u64,
    },
}

impl ReviewFileError {
    /// A stable code for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "review_file.malformed",
            Self::Columns => "review_file.columns",
            Self::Cell { .. } => "review_file.cell",
            Self::Decision { .. } => "review_file.decision",
            Self::Edited { .. } => "review_file.edited",
        }
    }
}

/// Writes rows as CSV.
#[must_use]
pub fn to_csv(rows: &[ReviewRow]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(COLUMNS);
    for row in rows {
        let instant =
            |at: &Option<_>| at.map_or_else(String::new, |at: crate::Timestamp| at.to_string());
        let cells = [
            row.user.to_string(),
            row.name.clone(),
            row.email.clone(),
            row.state.clone(),
            instant(&row.last_sign_in_at),
            row.grant.to_string(),
            row.role.to_string(),
            row.allows.clone(),
            row.owner.clone(),
            row.rule.clone(),
            row.since.to_string(),
            instant(&row.expires_at),
            row.reviewed_sha256.to_string(),
            row.decision.clone(),
            row.note.clone(),
        ];
        let _ = writer.write_record(cells.iter().map(|cell| guarded(cell)));
    }
    writer.into_inner().unwrap_or_default()
}

/// Writes rows as a JSON array.
#[must_use]
pub fn to_json(rows: &[ReviewRow]) -> Vec<u8> {
    serde_json::to_vec_pretty(rows).unwrap_or_default()
}

/// Reads rows from CSV, with the line of each.
///
/// # Errors
/// The first thing that is wrong.
pub fn from_csv(bytes: &[u8]) -> Result<Vec<(u64, ReviewRow)>, ReviewFileError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(true)
        .from_reader(bytes);
    let headers = reader.headers().map_err(|_| ReviewFileError::Columns)?;
    if headers != COLUMNS[..] {
        return Err(ReviewFileError::Columns);
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| ReviewFileError::Malformed {
            line: error.position().map_or(0, csv::Position::line),
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        rows.push((line, read_row(&record, line)?));
    }
    Ok(rows)
}

fn read_row(record: &csv::StringRecord, line: u64) -> Result<ReviewRow, ReviewFileError> {
    let cell = |column: &'static str| {
        let place = COLUMNS.iter().position(|name| *name == column);
        let cell = place
            .and_then(|place| record.get(place))
            .unwrap_or_default();
        cell.strip_prefix('\'').unwrap_or(cell).to_owned()
    };
    let wrong = |column| ReviewFileError::Cell { line, column };
    let instant = |column: &'static str| match cell(column) {
        text if text.is_empty() => Ok(None),
        text => text.parse().map(Some).map_err(|_| wrong(column)),
    };
    Ok(ReviewRow {
        user: cell("user").parse().map_err(|_| wrong("user"))?,
        name: cell("name"),
        email: cell("email"),
        state: cell("state"),
        last_sign_in_at: instant("last_sign_in_at")?,
        grant: cell("grant").parse().map_err(|_| wrong("grant"))?,
        role: cell("role").parse().map_err(|_| wrong("role"))?,
        allows: cell("allows"),
        owner: cell("owner"),
        rule: cell("rule"),
        since: instant("since")?.ok_or_else(|| wrong("since"))?,
        expires_at: instant("expires_at")?,
        reviewed_sha256: cell("reviewed_sha256")
            .parse()
            .map_err(|_| wrong("reviewed_sha256"))?,
        decision: cell("decision"),
        note: cell("note"),
    })
}

/// Reads rows from a JSON array, or from an object that has it as its member `rows`, as the
/// command prints one; the line of each is its place in the array, from 1 on.
///
/// # Errors
/// If it is neither.
pub fn from_json(bytes: &[u8]) -> Result<Vec<(u64, ReviewRow)>, ReviewFileError> {
    let rows = if first_byte(bytes) == Some(b'{') {
        serde_json::from_slice(bytes).map(|export: Export| export.rows)
    } else {
        serde_json::from_slice(bytes)
    };
    let rows: Vec<ReviewRow> = rows.map_err(|error| ReviewFileError::Malformed {
        line: u64::try_from(error.line()).unwrap_or(u64::MAX),
    })?;
    Ok((1..).zip(rows).collect())
}

/// What the command prints.
#[derive(Deserialize)]
struct Export {
    rows: Vec<ReviewRow>,
}

/// Reads rows from whichever of both it is: no table begins as JSON does, its first column being
/// called `user`.
///
/// # Errors
/// As [`from_json`] and [`from_csv`].
pub fn parse(bytes: &[u8]) -> Result<Vec<(u64, ReviewRow)>, ReviewFileError> {
    match first_byte(bytes) {
        Some(b'[' | b'{') => from_json(bytes),
        _ => from_csv(bytes),
    }
}

fn first_byte(bytes: &[u8]) -> Option<u8> {
    bytes.trim_ascii_start().first().copied()
}

/// What was said in a file about a tenant's grants: the rows with a decision.
///
/// # Errors
/// [`ReviewFileError::Decision`] for the first decision that is none, and
/// [`ReviewFileError::Edited`] for a row that shows something else than its hash is over.
///
/// # Security
/// Name, address and last sign-in change by themselves and are under no hash: a file that went
/// through strange hands tells of accounts by their ids.
pub fn answers(
    rows: Vec<(u64, ReviewRow)>,
    tenant: &TenantId,
) -> Result<Vec<ReviewAnswer>, ReviewFileError> {
    let mut answers = Vec::new();
    for (line, row) in rows {
        let outcome = match row.decision.trim() {
            "" => continue,
            "certify" => ReviewOutcome::Certified,
            "revoke" => ReviewOutcome::Revoked,
            _ => return Err(ReviewFileError::Decision { line }),
        };
        if row.hash(tenant) != row.reviewed_sha256 {
            return Err(ReviewFileError::Edited { line });
        }
        answers.push(ReviewAnswer {
            line,
            user: row.user,
            grant: row.grant,
            reviewed_sha256: row.reviewed_sha256,
            outcome,
            note: (!row.note.is_empty()).then_some(row.note),
        });
    }
    Ok(answers)
}

/// A cell that no spreadsheet takes for a formula.
fn guarded(cell: &str) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\'') => format!("'{cell}"),
        _ => cell.to_owned(),
    }
}
