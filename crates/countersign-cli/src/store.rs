//! `countersign store check` and `countersign store backup`.

use std::path::PathBuf;

use clap::Subcommand;
use countersign::blocking;
use countersign_sqlite::{BackupError, SqliteStore};
use serde_json::json;

use crate::input::{InputPath, Unreadable};
use crate::ledger::with_causes;
use crate::style::{Page, Table, bad, dim, good, plain};
use crate::verdict::Verdict;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look through the whole database file for damage: its pages, its indexes, and what its rows
    /// promise of each other. What the records say of each other, `ledger verify` checks.
    Check {
        /// The SQLite file; it is only read, and may be in use.
        database: InputPath,
    },
    /// Copy a database as it is at one moment, while it is in use. The copy is synced to the disk
    /// and read again before it has its name; nothing is written over.
    ///
    /// Putting a backup in the place of the database sets the ledger back: what was signed since
    /// then is lost, and witnesses will refuse to go on.
    Backup {
        /// The SQLite file; it is only read, and may be in use.
        database: InputPath,
        /// The new file.
        copy: PathBuf,
    },
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Check { database } => check(database),
        Command::Backup { database, copy } => backup(database, copy),
    }
}

fn open(database: &InputPath) -> Result<SqliteStore, Unreadable> {
    SqliteStore::open_read_only(database)
        .map_err(|error| Unreadable::new(database.display(), with_causes(&error)))
}

fn check(database: &InputPath) -> Result<Verdict, Unreadable> {
    let store = open(database)?;
    let found = blocking::wait(store.check_integrity())
        .map_err(|error| Unreadable::new(database.display(), with_causes(&error)))?;
    let members = json!({
        "findings": found.iter().map(|finding| json!({
            "code": finding.code(),
            "message": finding.detail(),
        })).collect::<Vec<_>>(),
    });
    let mut page = Page::new();
    let Some(first) = found.first() else {
        page.line(good("sound"));
        return Ok(Verdict::Accepted {
            json: members,
            text: page,
        });
    };
    let mut rows = Table::new().folded();
    for finding in &found {
        rows.row([bad(finding.code()), plain(finding.detail())]);
    }
    page.table(rows);
    Ok(Verdict::Refused {
        code: first.code().to_owned(),
        message: first.detail().to_owned(),
        json: members,
        text: page,
    })
}

fn backup(database: &InputPath, copy: &PathBuf) -> Result<Verdict, Unreadable> {
    let store = open(database)?;
    match blocking::wait(store.backup_to(copy)) {
        Ok(()) => {}
        Err(error @ (BackupError::Exists | BackupError::Unfinished | BackupError::Unsound(_))) => {
            let message = format!("{}: {error}", copy.display());
            return Ok(Verdict::refused(error.code(), message));
        }
        Err(error @ BackupError::Source(_)) => {
            return Err(Unreadable::new(database.display(), with_causes(&error)));
        }
        Err(error) => return Err(Unreadable::new(copy.display(), with_causes(&error))),
    }
    let bytes = std::fs::metadata(copy).map_or(0, |copy| copy.len());
    let mut page = Page::new();
    page.line(good("copied"));
    let mut rows = Table::new();
    rows.row([dim("copy"), plain(copy.display())]);
    rows.row([dim("bytes"), plain(bytes)]);
    page.table(rows);
    Ok(Verdict::Accepted {
        json: json!({ "copy": copy.display().to_string(), "bytes": bytes }),
        text: page,
    })
}
