//! The disk that fails on purpose: `disk.c`, compiled and put before libc.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

const SOURCE: &str = include_str!("disk.c");

/// The points at the disk of a SQLite file, as `disk.c` names them. `db-write` is in a checkpoint of
/// the write-ahead log; those of `vacuum` are in the rewriting of the file after an erasure.
pub(crate) const POINTS: [&str; 8] = [
    "wal-write",
    "wal-sync",
    "db-write",
    "db-sync",
    "vacuum-wal-write",
    "vacuum-wal-sync",
    "vacuum-db-write",
    "vacuum-wal-truncate",
];

/// Compiles it into a folder.
pub(crate) fn compile(folder: &Path) -> Result<PathBuf, Failure> {
    let (source, library) = (folder.join("disk.c"), folder.join("disk.so"));
    std::fs::write(&source, SOURCE)?;
    let mut compile = Command::new("cc");
    compile.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]);
    compile.args(["-shared", "-fPIC", "-o"]).arg(&library);
    compile.arg(&source).arg("-ldl");
    match compile.status()?.success() {
        true => Ok(library),
        false => Err("disk.c does not compile".into()),
    }
}
