//! `countersign evidence show`, `countersign evidence verify` and `countersign evidence extract`.

mod page;
pub(crate) mod trust;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use countersign::evidence::{Report, unpack, verify};
use countersign::{Clock, SystemClock, Timestamp};
use serde_json::json;

use self::trust::Trust;
use crate::input::{InputPath, Unreadable, read};
use crate::style::{Page, plain};
use crate::verdict::Verdict;

/// The largest bundle that is read; the verifier's own bound is below it.
const BUNDLE_LIMIT_BYTES: usize = 256 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the trail that a bundle tells, whoever wrote it.
    Show(Bundle),
    /// Check a bundle offline, and refuse it unless everything is proved.
    Verify(Bundle),
    /// Write the files of a bundle into a new folder, to be looked at one by one.
    Extract(Extract),
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    #[command(flatten)]
    trust: Trust,
    /// The time to check for; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// The bundle; `-` reads standard input.
    bundle: InputPath,
}

#[derive(Debug, Args)]
pub(crate) struct Extract {
    /// The bundle; `-` reads standard input.
    bundle: InputPath,
    /// The folder, which must not be there yet.
    folder: PathBuf,
}

impl Bundle {
    fn report(&self) -> Result<Report, Unreadable> {
        let trust = self.trust.policy()?;
        let bytes = read(&self.bundle, BUNDLE_LIMIT_BYTES)?;
        let now = self.at.unwrap_or_else(|| SystemClock.now());
        Ok(verify(&bytes, &trust, now))
    }
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Verify(bundle) => {
            let report = bundle.report()?;
            let json = json!({ "report": report });
            if report.accepted() {
                return Ok(Verdict::Accepted {
                    json,
                    text: page::of(&report),
                });
            }
            let (code, message) = why(&report, bundle.trust.log_key.is_empty());
            // Without a trail it is no bundle at all, and there is nothing to list.
            let text = report.trail().map(|_| page::of(&report));
            Ok(Verdict::Refused {
                code,
                message,
                json,
                text: text.unwrap_or_default(),
            })
        }
        Command::Show(bundle) => {
            let report = bundle.report()?;
            let Some(trail) = report.trail() else {
                let (code, message) = why(&report, false);
                return Ok(Verdict::refused(code, message));
            };
            let standing = if report.accepted() {
                "everything below is proved; `countersign evidence verify` says how"
            } else {
                "UNVERIFIED: `countersign evidence verify --log-key …` says what of it is proved"
            };
            Ok(Verdict::Accepted {
                json: json!({ "verified": report.accepted(), "trail": trail }),
                text: format!("{standing}\n\n{trail}").into(),
            })
        }
        Command::Extract(extract) => extract.run(),
    }
}

impl Extract {
    fn run(&self) -> Result<Verdict, Unreadable> {
        let bytes = read(&self.bundle, BUNDLE_LIMIT_BYTES)?;
        let members = match unpack(&bytes) {
            Ok(members) => members,
            Err(report) => {
                let (code, message) = why(&report, false);
                return Ok(Verdict::refused(code, message));
            }
        };
        let unwritable = |path: &Path, error| Unreadable::new(path.display(), error);
        // A folder that is there may hold links that lead elsewhere.
        fs::create_dir(&self.folder).map_err(|error| unwritable(&self.folder, error))?;
        for (name, data) in &members {
            let path = self.folder.join(name);
            let folder = path.parent().unwrap_or(&self.folder);
            fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)
                .and_then(|mut file| file.write_all(data))
                .map_err(|error| unwritable(&path, error))?;
        }
        let names: Vec<_> = members.iter().map(|(name, _)| *name).collect();
        let mut text = Page::new();
        text.line(plain(format!(
            "{} files in {}, of which nothing is proved: see VERIFY.md there",
            names.len(),
            self.folder.display()
        )));
        Ok(Verdict::Accepted {
            json: json!({ "folder": self.folder.display().to_string(), "files": names }),
            text,
        })
    }
}

/// What refused a bundle: the first line that failed, or else what is not proved.
fn why(report: &Report, no_key: bool) -> (String, String) {
    if let Some(line) = report.failed().next() {
        return (
            format!("evidence.{}", line.claim),
            crate::text::visible(&format!("{}: {}", line.subject, line.by)),
        );
    }
    if no_key {
        return (
            "evidence.log_not_trusted".to_owned(),
            "nothing is wrong with the bundle, but no log is trusted: give --log-key".to_owned(),
        );
    }
    let missing = report.missing().first();
    let line = missing.and_then(|missing| {
        let mut lines = report.lines().iter();
        lines.find(|line| line.claim == *missing && !line.status.is_proved())
    });
    match (missing, line) {
        (Some(missing), Some(line)) => (
            format!("evidence.{missing}"),
            crate::text::visible(&format!("not proved, {}: {}", line.subject, line.by)),
        ),
        (Some(missing), None) => (
            format!("evidence.{missing}"),
            "nothing in the bundle is about it".to_owned(),
        ),
        (None, _) => (
            "evidence.refused".to_owned(),
            "the bundle is refused".to_owned(),
        ),
    }
}
