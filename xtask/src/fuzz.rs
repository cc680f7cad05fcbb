//! `cargo xtask fuzz`: the fuzz targets, each from its seeds and its kept corpus.
//!
//! Seeds in `fuzz/seeds` are committed and made by our own generator (`cargo xtask vectors`); what
//! libFuzzer finds on the way goes to `fuzz/corpus`, which stays on the machine. `--minimize` picks
//! from all three the fewest inputs that reach as much, and writes them to `fuzz/kept`, which is
//! committed: every later run begins where this one ended.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::{Failure, Workspace, say, step, succeeds};

/// The version that the targets were last run with.
const CARGO_FUZZ: &str = "0.13.2";

/// How long each target runs, if nothing else is said.
const SECONDS: u32 = 120;

/// Longest input: room for the longest seeds, which are bundles.
const CASE_BYTES: u32 = 32_768;

/// The words that a target's mutants are made with.
const DICTIONARIES: [(&str, &str); 5] = [
    ("c14n", "xml.dict"),
    ("policy_file", "policy.dict"),
    ("saml_binding", "binding.dict"),
    ("saml_verify", "xml.dict"),
    ("xml_parse", "xml.dict"),
];

/// A case that takes longer is a finding: every limit is far below it.
const CASE_SECONDS: u32 = 10;

/// Memory that a target may take before that is a finding, in MiB: the limits of parsed input
/// keep it far below.
const MEMORY_MIB: u32 = 1024;

/// Inputs of a target that are kept, the shortest: what is committed stays small.
const KEPT_INPUTS: usize = 256;

/// What to do with which target.
#[derive(Debug)]
pub(crate) struct Options {
    target: Option<String>,
    work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Fuzz for so many seconds.
    Run(u32),
    /// Write `fuzz/kept` anew.
    Minimize,
}

impl Options {
    /// Every target for `seconds`.
    pub(crate) fn every(seconds: u32) -> Self {
        Self {
            target: None,
            work: Work::Run(seconds),
        }
    }

    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self::every(SECONDS);
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            if argument == "--seconds" {
                let seconds = rest
                    .next()
                    .and_then(|seconds| seconds.parse().ok())
                    .filter(|&seconds| seconds > 0)
                    .ok_or_else(|| Failure::usage("--seconds wants a whole number above 0"))?;
                options.work = Work::Run(seconds);
            } else if argument == "--minimize" {
                options.work = Work::Minimize;
            } else if argument.starts_with('-') || options.target.is_some() {
                return Err(Failure::usage(format!("fuzz does not take `{argument}`")));
            } else {
                options.target = Some(argument.to_owned());
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let targets = chosen(targets(workspace)?, options.target.as_deref())?;
    if !succeeds(&mut workspace.cargo(["fuzz", "--version"])) {
        step(&mut workspace.cargo(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ]))?;
    }
    // One build for all; each run finds its target built.
    step(&mut workspace.cargo(["fuzz", "build", "--sanitizer=none"]))?;
    for target in targets {
        match options.work {
            Work::Run(seconds) => run_target(workspace, &target, seconds)?,
            Work::Minimize => minimize(workspace, &target)?,
        }
    }
    Ok(())
}

/// The names of the targets, in order: each is a file.
fn targets(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let folder = workspace.path("fuzz/fuzz_targets");
    let files = std::fs::read_dir(&folder).map_err(|error| Failure::file(&folder, error))?;
    let mut targets: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(".rs").map(str::to_owned))
        .collect();
    targets.sort();
    Ok(targets)
}

fn chosen(targets: Vec<String>, name: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(name) = name else {
        return Ok(targets);
    };
    if targets.iter().any(|target| target == name) {
        Ok(vec![name.to_owned()])
    } else {
        Err(Failure::usage(format!(
            "`{name}` is not a fuzz target; there are {}",
            targets.join(", ")
        )))
    }
}

fn run_target(workspace: &Workspace, target: &str, seconds: u32) -> Result<(), Failure> {
    let corpus = format!("fuzz/corpus/{target}");
    create(workspace, &corpus)?;
    let seeds = format!("fuzz/seeds/{target}");
    if !workspace.path(&seeds).is_dir() {
        return Err(Failure::task(format!(
            "{target} has no seeds in {seeds}; give it some in fuzz/generate"
        )));
    }
    let mut folders = vec![corpus, seeds];
    let kept = format!("fuzz/kept/{target}");
    if workspace.path(&kept).is_dir() {
        folders.push(kept);
    }
    let mut fuzz = command(workspace, target, &folders);
    fuzz.args([
        format!("-max_total_time={seconds}"),
        "-print_final_stats=1".to_owned(),
    ]);
    if let Some((_, dictionary)) = DICTIONARIES.iter().find(|(name, _)| *name == target) {
        fuzz.arg(format!("-dict=fuzz/dictionaries/{dictionary}"));
    }
    step(&mut fuzz).map_err(|failure| match failure {
        Failure::Task(message) => Failure::task(format!(
            "{message}\nxtask: the input is in fuzz/artifacts/{target}; \
             `cargo fuzz run --sanitizer=none {target} FILE` runs it again"
        )),
        usage => usage,
    })?;
    say(&format!("{target}: {seconds} s without a finding"));
    Ok(())
}

/// `cargo fuzz run` with what every run is given.
fn command(workspace: &Workspace, target: &str, folders: &[String]) -> Command {
    // No sanitizer: our code has no unsafe block, and without one the targets run several times
    // faster. Panics, overflows, hangs and memory are found all the same.
    let mut fuzz = workspace.cargo(["fuzz", "run", "--sanitizer=none", target]);
    fuzz.args(folders).args([
        "--".to_owned(),
        format!("-timeout={CASE_SECONDS}"),
        format!("-rss_limit_mb={MEMORY_MIB}"),
        format!("-max_len={CASE_BYTES}"),
        "-verbosity=0".to_owned(),
    ]);
    fuzz
}

/// Writes the kept corpus of a target anew, from itself, the seeds and what this machine found.
fn minimize(workspace: &Workspace, target: &str) -> Result<(), Failure> {
    let [corpus, seeds, kept] =
        ["corpus", "seeds", "kept"].map(|folder| format!("fuzz/{folder}/{target}"));
    create(workspace, &corpus)?;
    copy_files(&workspace.path(&kept), &workspace.path(&corpus))?;
    let folder = workspace.path(&kept);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
    }
    create(workspace, &kept)?;
    // What the seeds reach needs no other input: the merge adds to what is there.
    copy_files(&workspace.path(&seeds), &folder)?;
    let mut merge = command(workspace, target, &[kept, corpus]);
    step(merge.arg("-set_cover_merge=1"))?;
    let mut merged = files(&folder)?;
    merged.retain(|(path, _)| {
        let name = path.file_name().unwrap_or_default();
        !workspace.path(&seeds).join(name).exists()
    });
    merged.sort_by_key(|(_, length)| *length);
    merged.truncate(KEPT_INPUTS);
    for (path, _) in files(&folder)? {
        if !merged.iter().any(|(kept, _)| *kept == path) {
            std::fs::remove_file(&path).map_err(|error| Failure::file(&path, error))?;
        }
    }
    let bytes: u64 = merged.iter().map(|(_, length)| length).sum();
    let count = merged.len();
    say(&format!("{target}: {count} inputs of {bytes} bytes kept"));
    Ok(())
}

fn create(workspace: &Workspace, folder: &str) -> Result<(), Failure> {
    let folder = workspace.path(folder);
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))
}

/// The files of a folder and their lengths; none if there is no such folder.
fn files(folder: &Path) -> Result<Vec<(PathBuf, u64)>, Failure> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, error))?;
    let files = entries.map(|entry| {
        let entry = entry?;
        Ok((entry.path(), entry.metadata()?.len()))
    });
    files
        .collect::<std::io::Result<_>>()
        .map_err(|error| Failure::file(folder, error))
}

fn copy_files(from: &Path, to: &Path) -> Result<(), Failure> {
    for (path, _) in files(from)? {
        let Some(name) = path.file_name() else {
            continue;
        };
        std::fs::copy(&path, to.join(name)).map_err(|error| Failure::file(&path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let options = Options::parse(&["c14n", "--seconds", "7"]).unwrap();
        assert_eq!(
            (options.target.as_deref(), options.work),
            (Some("c14n"), Work::Run(7))
        );
        let options = Options::parse(&[]).unwrap();
        assert_eq!((options.target, options.work), (None, Work::Run(SECONDS)));
        let options = Options::parse(&["--minimize", "c14n"]).unwrap();
        assert_eq!(options.work, Work::Minimize);
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "0"],
            &["--seconds", "soon"],
            &["a", "b"],
            &["--fast"],
        ] {
            assert!(
                matches!(Options::parse(wrong), Err(Failure::Usage(_))),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn an_unknown_target_is_answered_with_those_there_are() {
        let targets = vec!["c14n".to_owned(), "xml_parse".to_owned()];
        let Err(Failure::Usage(message)) = chosen(targets, Some("c41n")) else {
            panic!("must fail");
        };
        assert!(message.ends_with("there are c14n, xml_parse"), "{message}");
    }
}
