//! The workspace's folder, and programs run in it.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Why a task ended early. Its text is for the person who typed the command.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// The task failed.
    Task(String),
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(crate) fn task(message: impl Into<String>) -> Self {
        Self::Task(message.into())
    }

    /// A failure to read or write `path`.
    pub(crate) fn file(path: &Path, error: impl Display) -> Self {
        Self::Task(format!("{}: {error}", path.display()))
    }
}

/// The folder with the workspace's `Cargo.toml`.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// From what cargo says at run time: a target folder may be shared by several checkouts.
    pub(crate) fn find() -> Self {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let root = Path::new(&manifest).parent().map(Path::to_path_buf);
        Self {
            root: root.unwrap_or_default(),
        }
    }

    /// A path inside the workspace.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// A program to be run in the workspace's folder.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// `cargo` with arguments.
    pub(crate) fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments);
        command
    }

    /// Every file that git tracks or would, matching git's own pattern language.
    pub(crate) fn files(&self, patterns: &[&str]) -> Result<Vec<String>, Failure> {
        let mut command = self.command("git");
        command
            .args([
                "ls-files",
                "--cached",
                "--others",
                "--exclude-standard",
                "--",
            ])
            .args(patterns);
        Ok(output(&mut command)?
            .lines()
            .filter(|file| self.path(file).exists())
            .map(str::to_owned)
            .collect())
    }

    /// What `cargo metadata` tells about the workspace's own packages.
    pub(crate) fn packages(&self) -> Result<Vec<Value>, Failure> {
        self.metadata("--no-deps")
    }

    /// The same of these and of every package that they bring in, by whatever feature.
    pub(crate) fn all_packages(&self) -> Result<Vec<Value>, Failure> {
        self.metadata("--all-features")
    }

    fn metadata(&self, option: &str) -> Result<Vec<Value>, Failure> {
        let text = output(&mut self.cargo(["metadata", "--format-version=1", "--locked", option]))?;
        let mut metadata: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::task(format!("cargo metadata: {error}")))?;
        match metadata.get_mut("packages").map(Value::take) {
            Some(Value::Array(packages)) => Ok(packages),
            _ => Err(Failure::task("cargo metadata lists no packages")),
        }
    }
}

/// How a command is written by hand.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// Runs a command whose output is for the person.
pub(crate) fn step(command: &mut Command) -> Result<(), Failure> {
    let line = shown(command);
    say(&line);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::task(format!("`{line}` failed ({status})"))),
        Err(error) => Err(Failure::task(format!("`{line}`: {error}"))),
    }
}

/// Runs a command whose standard output is for us; its complaints go to the person.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let line = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::task(format!("`{line}`: {error}")))?;
    if !output.status.success() {
        return Err(Failure::task(format!(
            "`{line}` failed ({})",
            output.status
        )));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::task(format!("`{line}` wrote what is not UTF-8")))
}

/// Whether a command runs and succeeds, quietly.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a program is on the search path.
pub(crate) fn installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// A line about what happens, apart from the output of what runs.
pub(crate) fn say(line: &str) {
    eprintln!("xtask: {line}");
}
