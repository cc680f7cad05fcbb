//! Writes what the fuzz targets begin with, into the folder that is named: one folder for each
//! target, one file for each seed.
//!
//! A seed is an input with one feature of its language, so that mutants combine features. The
//! same code writes the same bytes on every machine.

mod xml;

use std::path::Path;
use std::process::ExitCode;

/// A seed's name and bytes.
type Seed = (&'static str, Vec<u8>);

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: fuzz-seeds FOLDER");
        return ExitCode::from(2);
    };
    let targets = [("c14n", xml::documents()), ("xml_parse", xml::documents())];
    for (target, seeds) in targets {
        if let Err(error) = write(&Path::new(&folder).join(target), &seeds) {
            eprintln!("{target}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn write(folder: &Path, seeds: &[Seed]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in seeds {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
