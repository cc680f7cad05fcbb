//! `countersign ledger verify`.

use std::sync::Arc;

use clap::Subcommand;
use countersign::audit::fsck::LedgerCheck;
use countersign::audit::{LedgerReader, VerifierKey};
use countersign::blocking;
use countersign_sqlite::SqliteStore;
use serde_json::json;

use crate::input::{InputPath, Unreadable};
use crate::log_key;
use crate::verdict::Verdict;

/// Damage that is listed for people; the JSON has all of it.
const LISTED_DAMAGE: usize = 20;

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
    let check = blocking::wait(reader.verify_all(&keys, &mut |_| {}))
        .map_err(|error| unreadable(&error))?;
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
    let mut text = format!(
        "entries     {}{}\n",
        check.size,
        match check.pending {
            0 => String::new(),
            pending => format!(", and {pending} more that wait to become leaves"),
        }
    );
    match &check.checkpoint {
        None => text.push_str("checkpoint  none yet\n"),
        Some(signed) => {
            let checkpoint = signed.checkpoint();
            text.push_str(&format!(
                "checkpoint  {} at {} leaves, root {}\nsignature   {}\n",
                checkpoint.origin(),
                checkpoint.size(),
                checkpoint.root(),
                signature(check, key_given)
            ));
        }
    }
    if let Some(first) = check.damage.first() {
        for damage in check.damage.iter().take(LISTED_DAMAGE) {
            text.push_str(&format!("damaged     {}: {damage}\n", damage.code()));
        }
        let more = check.damage.len().saturating_sub(LISTED_DAMAGE);
        if more > 0 {
            text.push_str(&format!("            and {more} more\n"));
        }
        return Verdict::Refused {
            code: first.code().to_owned(),
            message: first.to_string(),
            json: members,
            text,
        };
    }
    text.insert_str(0, "accepted\n");
    Verdict::Accepted {
        json: members,
        text,
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
