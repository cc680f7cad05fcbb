//! What has to be installed: found, and provided where that is possible without asking.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::workspace::{Failure, installed, output, step, succeeds};

/// Something that a task runs or builds with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// A program, or what people call it.
    pub(crate) name: &'static str,
    /// The Debian packages that it needs.
    pub(crate) packages: &'static str,
    /// A shell command that succeeds if they are there; `None` asks for a program of this name.
    pub(crate) check: Option<&'static str>,
    /// Whether the tests' script of providers installs the rest.
    pub(crate) is_provider: bool,
}

/// A program of its own name.
pub(crate) const fn program(name: &'static str, packages: &'static str) -> Need {
    Need {
        name,
        packages,
        check: None,
        is_provider: false,
    }
}

/// What the tests' script of providers completes.
pub(crate) const fn provider(
    name: &'static str,
    packages: &'static str,
    check: &'static str,
) -> Need {
    Need {
        name,
        packages,
        check: Some(check),
        is_provider: true,
    }
}

impl Need {
    fn is_there(&self) -> bool {
        match self.check {
            None => installed(self.name),
            Some(check) => succeeds(Command::new("sh").args(["-c", check])),
        }
    }
}

fn absent(needs: &[Need]) -> Vec<&Need> {
    needs.iter().filter(|need| !need.is_there()).collect()
}

/// The names, for a person.
fn named(needs: &[&Need]) -> String {
    let names: Vec<&str> = needs.iter().map(|need| need.name).collect();
    names.join(", ")
}

/// Sees to it that everything is there for `whom`: installs what is missing if we are root on
/// Debian, and otherwise names the line to run.
pub(crate) fn provide(whom: &str, needs: &[Need]) -> Result<(), Failure> {
    let missing = absent(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.iter().flat_map(|need| need.packages.split(' '));
    let packages: BTreeSet<&str> = packages.collect();
    let packages: Vec<&str> = packages.into_iter().collect();
    let line = format!("apt-get install -y {}", packages.join(" "));
    if !(Path::new("/etc/debian_version").exists() && is_root()) {
        return Err(Failure::task(format!(
            "{whom} need {}; on Debian or Ubuntu run: sudo {line}",
            named(&missing)
        )));
    }
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "--no-install-recommends"])
        .args(&packages);
    if step(&mut apt).is_err() {
        // The lists may be older than the packages they name.
        step(Command::new("apt-get").arg("update"))?;
        step(&mut apt)?;
    }
    match absent(needs).as_slice() {
        [] => Ok(()),
        still => Err(Failure::task(format!(
            "`{line}` did not bring {}",
            named(still)
        ))),
    }
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
