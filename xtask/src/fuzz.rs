//! `cargo xtask fuzz`: the fuzz targets, each from its kept seeds.
//!
//! Seeds in `fuzz/seeds` are committed and made by our own generator (`cargo xtask vectors`);
//! what libFuzzer finds on the way goes to `fuzz/corpus`, which stays on the machine.

use crate::workspace::{Failure, Workspace, say, step, succeeds};

/// The version that the targets were last run with.
const CARGO_FUZZ: &str = "0.13.2";

/// How long each target runs, if nothing else is said.
const SECONDS: u32 = 120;

/// Longest input: room for the longest seeds, which are bundles.
const CASE_BYTES: u32 = 32_768;

/// The words that a target's mutants are made with.
const DICTIONARIES: [(&str, &str); 4] = [
    ("c14n", "xml.dict"),
    ("policy_file", "policy.dict"),
    ("saml_verify", "xml.dict"),
    ("xml_parse", "xml.dict"),
];

/// A case that takes longer is a finding: every limit is far below it.
const CASE_SECONDS: u32 = 10;

/// Memory that a target may take before that is a finding, in MiB: the limits of parsed input
/// keep it far below.
const MEMORY_MIB: u32 = 1024;

/// What to run, and for how long.
#[derive(Debug)]
pub(crate) struct Options {
    target: Option<String>,
    seconds: u32,
}

impl Options {
    /// Every target for `seconds`.
    pub(crate) fn every(seconds: u32) -> Self {
        Self {
            target: None,
            seconds,
        }
    }

    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self::every(SECONDS);
        let mut rest = arguments.iter();
        while let Some(&argument) = rest.next() {
            if argument == "--seconds" {
                options.seconds = rest
                    .next()
                    .and_then(|seconds| seconds.parse().ok())
                    .filter(|&seconds| seconds > 0)
                    .ok_or_else(|| Failure::usage("--seconds wants a whole number above 0"))?;
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
        run_target(workspace, &target, options.seconds)?;
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
    let folder = workspace.path(&corpus);
    std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
    let seeds = format!("fuzz/seeds/{target}");
    if !workspace.path(&seeds).is_dir() {
        return Err(Failure::task(format!(
            "{target} has no seeds in {seeds}; give it some in fuzz/generate"
        )));
    }
    // No sanitizer: our code has no unsafe block, and without one the targets run several times
    // faster. Panics, overflows, hangs and memory are found all the same.
    let mut fuzz = workspace.cargo(["fuzz", "run", "--sanitizer=none", target]);
    fuzz.args([&corpus, &seeds]).args([
        "--".to_owned(),
        format!("-max_total_time={seconds}"),
        format!("-timeout={CASE_SECONDS}"),
        format!("-rss_limit_mb={MEMORY_MIB}"),
        format!("-max_len={CASE_BYTES}"),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let options = Options::parse(&["c14n", "--seconds", "7"]).unwrap();
        assert_eq!(
            (options.target.as_deref(), options.seconds),
            (Some("c14n"), 7)
        );
        let options = Options::parse(&[]).unwrap();
        assert_eq!((options.target, options.seconds), (None, SECONDS));
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
