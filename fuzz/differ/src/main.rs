//! Compares what we make of generated documents with what others make of them.
//!
//! | with | what | module |
//! |---|---|---|
//! | libxml2, which is what xmlsec canonicalizes with | the canonical form of a chosen element, by every method that there is here, less an omitted element | [`canonical`] |
//! | roxmltree | names, namespaces, attributes and text of the whole tree | [`canonical`] |
//! | both | that a document torn at random and still accepted by us is accepted by them, and reads the same | [`canonical`] |
//! | xmlsec1 | that we accept what it signs, and it what we sign | [`signatures`] |
//!
//! A seed and a number name a document for ever. What differs is written to a folder, and the run
//! fails. The reverse is no difference: what others accept and we refuse is counted by code.

mod canonical;
mod libxml2;
mod report;
mod signatures;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use report::Report;

/// What was asked for on the command line; `cargo xtask differ` fills it in.
#[derive(Debug)]
struct Options {
    /// The compiled `libxml2.c`.
    libxml2: PathBuf,
    documents: u64,
    signatures: u64,
    seed: u64,
    /// Where the first differing documents are written to.
    findings: PathBuf,
}

impl Options {
    fn parse(arguments: &[String]) -> Option<Self> {
        let [libxml2, documents, signatures, seed, findings] = arguments else {
            return None;
        };
        Some(Self {
            libxml2: libxml2.into(),
            documents: documents.parse().ok()?,
            signatures: signatures.parse().ok()?,
            seed: seed.parse().ok()?,
            findings: findings.into(),
        })
    }
}

/// Why the run ended early. Nothing of this is expected.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::parse(&arguments) else {
        eprintln!("usage: fuzz-differ LIBXML2 DOCUMENTS SIGNATURES SEED FINDINGS");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(report) => {
            println!("{report}");
            if report.differences() == 0 {
                ExitCode::SUCCESS
            } else {
                eprintln!(
                    "the first differences are in {}",
                    options.findings.display()
                );
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "how long it took is told to a person"
)]
fn run(options: &Options) -> Result<Report, Failure> {
    // What an earlier run found must not be taken for what this one did.
    if options.findings.exists() {
        std::fs::remove_dir_all(&options.findings)?;
    }
    let started = Instant::now();
    let mut report = canonical::compare(options)?;
    report.merge(signatures::compare(options)?);
    report.elapsed = started.elapsed();
    Ok(report)
}
