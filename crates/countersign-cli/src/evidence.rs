//! `countersign evidence show` and `countersign evidence verify`.

use clap::{Args, Subcommand};
use countersign::evidence::{Report, TrustPolicy, verify};
use countersign::{Clock, SystemClock, Timestamp};
use serde_json::json;

use crate::input::{InputPath, Unreadable, read};
use crate::log_key;
use crate::verdict::Verdict;

/// The largest bundle that is read; the verifier's own bound is below it.
const BUNDLE_LIMIT_BYTES: usize = 256 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the trail that a bundle tells, whoever wrote it.
    Show(Bundle),
    /// Check a bundle offline, and refuse it unless everything is proved.
    Verify(Bundle),
}

#[derive(Debug, Args)]
pub(crate) struct Bundle {
    /// The public key of a log that is trusted, `name+hash+base64`, or a file that holds it. May
    /// be given several times; without it no bundle is accepted, because anybody can make a log.
    #[arg(long, value_name = "VKEY|FILE")]
    log_key: Vec<String>,
    /// The time to check for; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// The bundle; `-` reads standard input.
    bundle: InputPath,
}

impl Bundle {
    fn report(&self) -> Result<Report, Unreadable> {
        let mut trust = TrustPolicy::new();
        for key in &self.log_key {
            trust = trust.log_key(log_key::parse(key)?);
        }
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
                    text: people(&report).into(),
                });
            }
            let (code, message) = why(&report, bundle.log_key.is_empty());
            // Without a trail it is no bundle at all, and there is nothing to list.
            let text = report.trail().map(|_| people(&report)).unwrap_or_default();
            Ok(Verdict::Refused {
                code,
                message,
                json,
                text: text.into(),
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
    }
}

fn people(report: &Report) -> String {
    match report.trail() {
        Some(trail) => format!("{trail}\n{report}"),
        None => report.to_string(),
    }
}

/// What refused a bundle: the first line that failed, or else the trust that is missing.
fn why(report: &Report, no_key: bool) -> (String, String) {
    match report.failed().next() {
        Some(line) => (
            format!("evidence.{}", line.claim.as_str()),
            crate::text::visible(&format!("{}: {}", line.subject, line.by)),
        ),
        None if no_key => (
            "evidence.log_not_trusted".to_owned(),
            "nothing is wrong with the bundle, but no log is trusted: give --log-key".to_owned(),
        ),
        None => (
            "evidence.log_not_trusted".to_owned(),
            "nothing is wrong with the bundle, but none of the given keys signed its checkpoint"
                .to_owned(),
        ),
    }
}
