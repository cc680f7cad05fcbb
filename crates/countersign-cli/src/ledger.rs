//! `countersign ledger verify`.

use std::sync::Arc;

use clap::Subcommand;
use countersign::audit::fsck::{self, LedgerCheck};
use countersign::audit::{LedgerReader, VerifierKey};
use countersign::blocking;
use countersign_sqlite::SqliteStore;
use serde_json::json;

use crate::input::{InputPath, Unreadable};
use crate::log_key;
use crate::progress::Progress;
use crate::style::{Page, Table, bad, dim, good, name, plain, warn};
use crate::verdict::Verdict;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute the whole tree again from the entries of a database, and compare everything.
    Verify {
        /// The log's public key, `name+hash+base64`, or a file that holds it; the last checkpoint
        /// has to be signed by it. Without it the key that the database itself names is used, which proves nothing about
        /// who wrote the database.
        #[arg(long, value_name = "VKEY|FILE")]
        log_key: Option<String>,
        /// The SQLite file; it is only read.
        database: InputPath,
    },
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    let Command::Verify { log_key, database } = command;
    let unreadable =
        |error: &dyn std::error::Error| Unreadable::new(database.display(), with_causes(error));
    let store = SqliteStore::open_read_only(database).map_err(|error| unreadable(&error))?;
    let keys = match log_key {
        Some(argument) => vec![log_key::parse(argument)?],
        None => blocking::wait(store.ledger_vkey())
            .map_err(|error| unreadable(&error))?
            .map(|text| text.parse::<VerifierKey>())
            .transpose()
            .map_err(|error| unreadable(&error))?
            .into_iter()
            .collect(),
    };
    let reader = LedgerReader::new(Arc::new(store));
    let bar = Progress::new();
    let mut watch =
        |at: fsck::Progress| bar.at(at.done, at.total, || format!("{} leaves", at.done));
    let check =
        blocking::wait(reader.verify_all(&keys, &mut watch)).map_err(|error| unreadable(&error))?;
    drop(bar);
    Ok(verdict(&check, log_key.is_some()))
}

fn verdict(check: &LedgerCheck, key_given: bool) -> Verdict {
    let checkpoint = check.checkpoint.as_ref().map(|signed| {
        let checkpoint = signed.checkpoint();
        json!({
            "origin": checkpoint.origin(),
            "size": checkpoint.size(),
            "root": checkpoint.root(),
        })
    });
    let members = json!({
        "entries": check.size,
        "pending": check.pending,
        "checkpoint": checkpoint,
        "checkpoint_signature": signature(check, key_given),
        "damage": check.damage.iter().map(|damage| json!({
            "code": damage.code(),
            "message": damage.to_string(),
        })).collect::<Vec<_>>(),
    });
    let mut page = Page::new();
    let mut rows = Table::new();
    let waiting = match check.pending {
        0 => String::new(),
        pending => format!(", and {pending} more that wait to become leaves"),
    };
    rows.row([dim("entries"), plain(check.size).and(waiting)]);
    match &check.checkpoint {
        None => rows.row([dim("checkpoint"), plain("none yet")]),
        Some(signed) => {
            let checkpoint = signed.checkpoint();
            let (size, root) = (checkpoint.size(), checkpoint.root());
            rows.row([
                dim("checkpoint"),
                name(checkpoint.origin()).and(format!(" at {size} leaves, root {root}")),
            ]);
            let signature = signature(check, key_given);
            rows.row([
                dim("signature"),
                match check.checkpoint_trusted {
                    true => plain(signature),
                    false => warn(signature),
                },
            ]);
        }
    }
    if let Some(first) = check.damage.first() {
        let mut damaged = Table::new().folded();
        for damage in &check.damage {
            damaged.row([bad(damage.code()), plain(damage)]);
        }
        page.table(rows);
        page.section("damaged", damaged);
        return Verdict::Refused {
            code: first.code().to_owned(),
            message: first.to_string(),
            json: members,
            text: page,
        };
    }
    page.line(good("accepted"));
    page.table(rows);
    Verdict::Accepted {
        json: members,
        text: page,
    }
}

fn signature(check: &LedgerCheck, key_given: bool) -> &'static str {
    match (check.checkpoint_trusted, key_given) {
        (true, true) => "by the key that was given",
        (true, false) => "by the key that the database names",
        (false, _) => "not checked: there is no key",
    }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
