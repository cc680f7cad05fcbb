//! Kills processes in the middle of their work, lets many do the same at once, and looks for what
//! was lost.
//!
//! ```text
//! countersign-crash crash [--store sqlite|postgres] [--nodes N] [--rounds N] [--seed S] [--json] [--defect NAME]
//! countersign-crash races [--store memory|sqlite|postgres] [--rounds N] [--json] [--defect NAME]
//! ```
//!
//! Rounds: a process ([`work`]) opens a store, signs people in on many threads, ends and erases
//! accounts, signs checkpoints and replaces the log's key; what was acknowledged it says. It is
//! killed ([`rounds`], on [`ground`]): by SIGKILL at some time; at a passage of a point at the ports ([`points`]); at
//! one at the disk ([`disk`]), in the middle of a write; or there by a loss of power, which takes what was
//! not synced. Then the store is opened anew and held against what was heard ([`check`]), and its rows
//! against its records ([`history`]).
//!
//! Races ([`races`]): many sign in at once, at the edges where two orders differ.
//!
//! A check that can not fail proves nothing: `--defect` spoils the store, or the disk, and the
//! tests see that it is found.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests fail by panicking"))]

mod acme;
mod chance;
mod check;
mod disk;
mod ground;
mod history;
mod keyring;
mod place;
mod points;
mod races;
mod rounds;
mod work;

use std::process::ExitCode;

/// Why a run ended early. Nothing of this is expected.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An error and what caused it, in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

const USAGE: &str = "\
usage: countersign-crash crash [--store sqlite|postgres] [--nodes N] [--rounds N] [--seed S] [--json] [--defect NAME]
       countersign-crash races [--store memory|sqlite|postgres] [--rounds N] [--json] [--defect NAME]";

fn run(arguments: &[&str]) -> Result<bool, Failure> {
    match arguments {
        ["crash", rest @ ..] => rounds::run(&crash_options(rest)?),
        ["races", rest @ ..] => races::run(&race_options(rest)?),
        ["work", place, seed, name, marks, rest @ ..] => {
            let mut orders = work::Orders {
                place: place.parse()?,
                seed: seed.parse()?,
                name: (*name).to_owned(),
                fuse: None,
                defect: None,
                marks: marks.into(),
            };
            let mut rest = rest.iter();
            while let (Some(option), Some(value)) = (rest.next(), rest.next()) {
                match *option {
                    "--at" => orders.fuse = Some(value.parse()?),
                    "--defect" => orders.defect = Some(value.parse()?),
                    _ => return Err(USAGE.into()),
                }
            }
            work::work(orders)
        }
        _ => Err(USAGE.into()),
    }
}

fn crash_options(arguments: &[&str]) -> Result<rounds::Options, Failure> {
    let mut options = rounds::Options {
        store: "sqlite".to_owned(),
        nodes: 1,
        rounds: 1_000,
        seed: 1,
        defect: None,
        json: false,
    };
    let mut rest = arguments.iter();
    while let Some(&option) = rest.next() {
        match option {
            "--json" => options.json = true,
            "--store" => options.store = (*rest.next().ok_or(USAGE)?).to_owned(),
            "--rounds" => options.rounds = rest.next().ok_or(USAGE)?.parse()?,
            "--nodes" => options.nodes = rest.next().ok_or(USAGE)?.parse()?,
            "--seed" => options.seed = rest.next().ok_or(USAGE)?.parse()?,
            "--defect" => options.defect = Some((*rest.next().ok_or(USAGE)?).to_owned()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

fn race_options(arguments: &[&str]) -> Result<races::Options, Failure> {
    let mut options = races::Options {
        store: "sqlite".to_owned(),
        rounds: 1_000,
        defect: None,
        json: false,
    };
    let mut rest = arguments.iter();
    while let Some(&option) = rest.next() {
        match option {
            "--json" => options.json = true,
            "--store" => options.store = (*rest.next().ok_or(USAGE)?).to_owned(),
            "--rounds" => options.rounds = rest.next().ok_or(USAGE)?.parse()?,
            "--defect" => options.defect = Some((*rest.next().ok_or(USAGE)?).to_owned()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("countersign-crash: {}", told(&*error));
            ExitCode::from(2)
        }
    }
}
