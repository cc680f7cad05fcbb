//! `countersign ledger verify` and `countersign ledger export`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use countersign::audit::fsck::{self, LedgerCheck};
use countersign::audit::tile_check::verify_tiles;
use countersign::audit::tile_folder::TileFolder;
use countersign::audit::{AnchorDue, AuditError, LedgerReader, TrustedKey, VerifierKey};
use countersign::{Clock as _, SystemClock, blocking};
use countersign_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::evidence::trust::anchors;
use crate::input::{InputPath, Unreadable};
use crate::log_key;
use crate::progress::Progress;
use crate::style::{Line, Page, Table, bad, dim, good, name, plain, warn};
use crate::verdict::Verdict;

/// The code of a ledger that nobody has signed.
const NO_CHECKPOINT: &str = "ledger.no_checkpoint";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How many checkpoints are named by their size; one line has room for them.
const MOST_SIZES: usize = 5;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compute the whole tree again from the entries of a database or of a published log, and
    /// compare everything.
    ///
    /// Of what is damaged it says which entries are affected, and which are still proved by the
    /// last checkpoint.
    Verify {
        /// The log's public key, `name+hash+base64`, or a file that holds it; there has to be a
        /// checkpoint, and the last one signed by it. Without it the key that the database itself names is used, which proves nothing about
        /// who wrote the database.
        #[arg(long, value_name = "VKEY|FILE", required_unless_present = "database")]
        log_key: Option<String>,
        /// The folder of a log that was published as C2SP tlog-tiles, by this or any other program.
        #[arg(
            long,
            value_name = "FOLDER",
            conflicts_with = "database",
            requires = "log_key"
        )]
        tiles: Option<InputPath>,
        /// Certificates (PEM or DER) that the time-stamps' authorities lead to: then it is told
        /// which time-stamped checkpoints have to be renewed.
        #[arg(long, value_name = "FILE", conflicts_with = "tiles")]
        time_root: Vec<InputPath>,
        /// For how many days from now they shall hold.
        #[arg(
            long,
            value_name = "DAYS",
            default_value_t = 90,
            requires = "time_root"
        )]
        within_days: u32,
        /// The SQLite file; it is only read.
        #[arg(required_unless_present = "tiles")]
        database: Option<InputPath>,
    },
    /// Publish a ledger as C2SP tlog-tiles into a folder, up to its last checkpoint; what is
    /// there already is continued.
    ///
    /// What is published are the records themselves, without what they commit to.
    Export {
        /// The log's public key, as in `verify`; the key that the database itself names otherwise.
        #[arg(long, value_name = "VKEY|FILE")]
        log_key: Option<String>,
        /// The SQLite file; it is only read.
        database: InputPath,
        /// The folder; it is made if it is not there.
        folder: PathBuf,
    },
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Verify {
            log_key,
            tiles: Some(folder),
            ..
        } => verify_folder(folder, log_key.as_deref()),
        Command::Verify {
            log_key,
            database,
            time_root,
            within_days,
            ..
        } => match database {
            Some(database) => {
                let log_key = log_key.as_deref();
                verify_database(database, log_key, time_root, *within_days)
            }
            None => Err(Unreadable::new(
                "ledger verify",
                "there is nothing to verify",
            )),
        },
        Command::Export {
            log_key,
            database,
            folder,
        } => export(database, folder, log_key.as_deref()),
    }
}

/// A database that is only read, and the keys that its checkpoints are to be signed with.
fn open(
    database: &InputPath,
    log_key: Option<&str>,
) -> Result<(LedgerReader, Vec<TrustedKey>), Unreadable> {
    let unreadable =
        |error: &dyn std::error::Error| Unreadable::new(database.display(), with_causes(error));
    let store = SqliteStore::open_read_only(database).map_err(|error| unreadable(&error))?;
    let key = match log_key {
        Some(argument) => Some(log_key::parse(argument)?),
        None => blocking::wait(store.ledger_vkey())
            .map_err(|error| unreadable(&error))?
            .map(|text| text.parse::<VerifierKey>())
            .transpose()
            .map_err(|error| unreadable(&error))?,
    };
    let reader = LedgerReader::new(Arc::new(store));
    let keys = match key {
        // A record of a rotation that can not be read is found again, and told, by the check.
        Some(key) => {
            blocking::wait(reader.log_keys(&key)).unwrap_or_else(|_| vec![TrustedKey::current(key)])
        }
        None => Vec::new(),
    };
    Ok((reader, keys))
}

fn verify_database(
    database: &InputPath,
    log_key: Option<&str>,
    time_roots: &[InputPath],
    within_days: u32,
) -> Result<Verdict, Unreadable> {
    let unreadable = |error: AuditError| Unreadable::new(database.display(), with_causes(&error));
    let (reader, keys) = open(database, log_key)?;
    let check = watched(|watch| blocking::wait(reader.verify_all(&keys, watch)));
    let check = check.map_err(unreadable)?;
    let mut roots = Vec::new();
    for path in time_roots {
        roots.extend(anchors(path)?);
    }
    let due = match roots.as_slice() {
        // What is damaged has to be mended first.
        _ if !check.is_sound() => None,
        [] => None,
        roots => {
            let now = SystemClock.now();
            let horizon = now.saturating_add(DAY.saturating_mul(within_days));
            let due = blocking::wait(reader.anchors_due(roots, now, horizon));
            Some(due.map_err(unreadable)?)
        }
    };
    Ok(verdict(&check, log_key.is_some(), due.as_deref()))
}

fn verify_folder(folder: &InputPath, log_key: Option<&str>) -> Result<Verdict, Unreadable> {
    let keys = log_key.map(log_key::parse).transpose()?;
    let keys: Vec<_> = keys.into_iter().map(TrustedKey::current).collect();
    let tiles = TileFolder::new(&**folder);
    let check = watched(|watch| blocking::wait(verify_tiles(&tiles, &keys, watch)));
    match check {
        Ok(check) => Ok(verdict(&check, true, None)),
        Err(AuditError::NotInTree) => Err(Unreadable::new(
            folder.display(),
            "holds no published log: there is no checkpoint",
        )),
        Err(error) => Err(Unreadable::new(folder.display(), with_causes(&error))),
    }
}

fn export(
    database: &InputPath,
    folder: &Path,
    log_key: Option<&str>,
) -> Result<Verdict, Unreadable> {
    let (reader, keys) = open(database, log_key)?;
    let tiles = TileFolder::new(folder);
    let published = watched(|watch| blocking::wait(reader.publish(&keys, &tiles, watch)));
    let published = match published {
        Ok(published) => published,
        Err(AuditError::Damaged(damage)) => {
            return Ok(Verdict::refused(damage.code(), damage));
        }
        Err(AuditError::NotInTree) => {
            return Ok(Verdict::refused(
                NO_CHECKPOINT,
                "there is no checkpoint to publish",
            ));
        }
        Err(error) => return Err(Unreadable::new(folder.display(), with_causes(&error))),
    };
    let checkpoint = published.checkpoint.checkpoint();
    let mut page = Page::new();
    page.line(good("published"));
    let mut rows = Table::new();
    let added = checkpoint.size().saturating_sub(published.old_size);
    rows.row([
        dim("entries"),
        plain(checkpoint.size()).and(format!(", {added} of them new")),
    ]);
    rows.row([dim("origin"), name(checkpoint.origin())]);
    rows.row([dim("root"), plain(checkpoint.root())]);
    rows.row([dim("files"), plain(format!("{} written", published.files))]);
    page.table(rows);
    Ok(Verdict::Accepted {
        json: json!({
            "origin": checkpoint.origin(),
            "entries": checkpoint.size(),
            "entries_before": published.old_size,
            "root": checkpoint.root(),
            "files_written": published.files,
        }),
        text: page,
    })
}

/// Runs something under a bar that says how many leaves it has come to.
fn watched<T>(work: impl FnOnce(&mut (dyn FnMut(fsck::Progress) + Send)) -> T) -> T {
    let bar = Progress::new();
    let mut watch =
        |at: fsck::Progress| bar.at(at.done, at.total, || format!("{} leaves", at.done));
    work(&mut watch)
}

/// Ranges of leaves, as people write them.
fn ranges(ranges: &[Range<u64>]) -> String {
    if ranges.is_empty() {
        return "none".to_owned();
    }
    let written = ranges.iter().map(|range| {
        let last = range.end.saturating_sub(1);
        match range.start == last {
            true => range.start.to_string(),
            false => format!("{} to {last}", range.start),
        }
    });
    written.collect::<Vec<_>>().join(", ")
}

fn ranges_json(ranges: &[Range<u64>]) -> Vec<Value> {
    let pair = |range: &Range<u64>| json!({ "start": range.start, "end": range.end });
    ranges.iter().map(pair).collect()
}

fn verdict(check: &LedgerCheck, key_given: bool, due: Option<&[AnchorDue]>) -> Verdict {
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
        "more_damage": check.more_damage,
        "anchors": check.anchors,
        "anchors_due": due.map(|due| due.iter().map(|anchor| json!({
            "size": anchor.size,
            "until": anchor.until,
        })).collect::<Vec<_>>()),
        "affected": ranges_json(&check.affected),
        "proved": ranges_json(&check.proved),
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
    if check.anchors > 0 {
        let anchors = format!("{} time-stamped checkpoints", check.anchors);
        rows.row([dim("continues"), plain(anchors)]);
    }
    if let Some(due) = due {
        rows.row([dim("to be renewed"), renewals(due)]);
    }
    if let Some(first) = check.damage.first() {
        let mut damaged = Table::new().folded();
        for damage in &check.damage {
            damaged.row([bad(damage.code()), plain(damage)]);
        }
        if check.more_damage > 0 {
            let more = format!("and {} more like these", check.more_damage);
            damaged.row([dim("…"), plain(more)]);
        }
        rows.row([dim("affected"), bad(ranges(&check.affected))]);
        rows.row([dim("still proved"), plain(ranges(&check.proved))]);
        page.table(rows);
        page.section("damaged", damaged);
        return Verdict::Refused {
            code: first.code().to_owned(),
            message: first.to_string(),
            json: members,
            text: page,
        };
    }
    if key_given && check.checkpoint.is_none() {
        page.table(rows);
        return Verdict::Refused {
            code: NO_CHECKPOINT.to_owned(),
            message: "there is no checkpoint, so the key has signed nothing of this".to_owned(),
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

/// Which time-stamped checkpoints run out soon, from when on, and which are lost.
fn renewals(due: &[AnchorDue]) -> Line {
    let (lost, soon): (Vec<&AnchorDue>, Vec<_>) =
        due.iter().partition(|anchor| anchor.until.is_none());
    let mut line = match soon.iter().filter_map(|anchor| anchor.until).min() {
        None => plain("none now"),
        Some(first) => warn(format!("before {first}: at {} leaves", sizes(&soon))),
    };
    if !lost.is_empty() {
        let text = format!("; too late, or by other roots: at {} leaves", sizes(&lost));
        line = line.and(bad(text));
    }
    line
}

fn sizes(anchors: &[&AnchorDue]) -> String {
    let sizes = anchors.iter().map(|anchor| anchor.size.to_string());
    let mut shown: Vec<_> = sizes.take(MOST_SIZES).collect();
    let more = anchors.len().saturating_sub(shown.len());
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
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
