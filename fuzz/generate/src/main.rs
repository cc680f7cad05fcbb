//! Writes what the fuzz targets begin with, into the folder that is named: one folder for each
//! target, one file for each seed.
//!
//! A seed is an input with one feature of its language, so that mutants combine features. The
//! same code writes the same bytes on every machine.

mod binding;
mod cms;
mod log;
mod policy;
mod saml;
mod script;
mod walk;
mod xml;

use std::path::Path;
use std::process::ExitCode;

/// A seed's name and bytes.
type Seed = (&'static str, Vec<u8>);

/// Nothing of this is expected to fail; whoever changes a crate sees what did.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: fuzz-seeds FOLDER");
        return ExitCode::from(2);
    };
    match generate(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn generate(folder: &Path) -> Result<(), Failure> {
    let walk = walk::walk()?;
    let ledger = log::ledger(&walk)?;
    write(&folder.join("bundle_verify"), log::bundles(&walk, &ledger)?)?;
    write(&folder.join("c14n"), xml::documents())?;
    write(&folder.join("cms_parse"), cms::structures()?)?;
    write(&folder.join("policy_evaluate"), script::scripts())?;
    write(&folder.join("policy_file"), policy::files())?;
    write(&folder.join("proof_parse"), log::proofs(&walk, &ledger)?)?;
    write(&folder.join("record_parse"), log::records(&walk))?;
    write(&folder.join("saml_binding"), binding::messages()?)?;
    write(&folder.join("saml_edit"), script::scripts())?;
    write(&folder.join("saml_verify"), saml::messages()?)?;
    write(&folder.join("xml_generate"), script::scripts())?;
    write(&folder.join("xml_parse"), xml::documents())?;
    Ok(())
}

fn write(folder: &Path, seeds: Vec<Seed>) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in seeds {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
