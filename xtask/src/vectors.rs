//! `cargo xtask vectors`: the committed generators, run again.
//!
//! Every generator is deterministic: a re-run on unchanged code changes no file.

use crate::workspace::{Failure, Workspace, output, say, step};

/// A generator and the folder that it alone writes.
struct Generator {
    package: &'static str,
    folder: &'static str,
}

const GENERATORS: [Generator; 1] = [Generator {
    package: "fuzz-seeds",
    folder: "fuzz/seeds",
}];

/// What the type of a record says of its JSON: an example of the crate, for it needs a feature.
const RECORD_SCHEMA: &str = "docs/spec/record.schema.json";

/// Writes every vector anew.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    for generator in &GENERATORS {
        let package = ["--quiet", "--locked", "--package", generator.package];
        step(workspace.cargo(["build"]).args(package))?;
        // What is no longer generated must not stay.
        let folder = workspace.path(generator.folder);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
        }
        let mut generate = workspace.cargo(["run"]);
        generate.args(package).args(["--", generator.folder]);
        step(&mut generate)?;
    }
    let mut schema = workspace.cargo(["run", "--quiet", "--locked"]);
    schema.args(["--package=countersign-audit", "--features=schema"]);
    step(schema.args(["--example=record_schema", "--", RECORD_SCHEMA]))
}

/// Writes every vector anew and fails if git sees a difference to what is committed.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    run(workspace)?;
    let mut status = workspace.command("git");
    status.args(["status", "--porcelain", "--untracked-files=all", "--"]);
    status.args(GENERATORS.iter().map(|generator| generator.folder));
    status.arg(RECORD_SCHEMA);
    let changed = output(&mut status)?;
    if changed.is_empty() {
        say("the vectors are what their generators write");
        Ok(())
    } else {
        Err(Failure::task(format!(
            "generated files differ from the committed ones:\n{}",
            changed.trim_end()
        )))
    }
}
