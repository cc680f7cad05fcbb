//! Under which licences our dependencies come, by their manifests: held against the list in
//! `deny.toml`, with nothing but cargo. cargo-deny reads the licences' texts, too, where it is
//! installed (`cargo xtask lint`).

use std::collections::BTreeSet;
use std::iter::Peekable;

use serde_json::Value;

use crate::workspace::{Failure, Workspace, say};

/// Checks every package that any feature, platform or test of ours brings in.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let path = workspace.path("deny.toml");
    let deny = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, error))?;
    let allowed = allowed(&deny);
    if allowed.is_empty() {
        return Err(Failure::file(&path, "allows no licence"));
    }
    let packages = workspace.all_packages()?;
    let refused: Vec<String> = packages
        .iter()
        .filter_map(|package| refusal(package, &allowed))
        .collect();
    if !refused.is_empty() {
        return Err(Failure::task(format!(
            "licences that deny.toml does not allow:\n  {}",
            refused.join("\n  ")
        )));
    }
    say(&format!(
        "each of {} packages is under a licence that deny.toml allows",
        packages.len()
    ));
    Ok(())
}

/// The list `allow` under `[licenses]`, which has a licence a line.
fn allowed(deny: &str) -> BTreeSet<&str> {
    let lines = deny.lines().map(str::trim);
    lines
        .skip_while(|line| *line != "[licenses]")
        .skip_while(|line| *line != "allow = [")
        .take_while(|line| *line != "]")
        .filter_map(|line| line.strip_prefix('"')?.strip_suffix("\","))
        .collect()
}

/// Why a package may not come in, if it may not.
fn refusal(package: &Value, allowed: &BTreeSet<&str>) -> Option<String> {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let name = format!(
        "{} {}",
        text("name").unwrap_or("?"),
        text("version").unwrap_or_default()
    );
    let Some(license) = text("license") else {
        return Some(format!("{name}: its manifest names no licence"));
    };
    match is_met(license, allowed) {
        Some(true) => None,
        Some(false) => Some(format!("{name}: {license}")),
        None => Some(format!("{name}: `{license}` is no licence expression")),
    }
}

/// Whether somebody who takes only `allowed` licences can meet an expression; nothing if it is
/// none [SPDX 2.3, Annex D].
fn is_met(expression: &str, allowed: &BTreeSet<&str>) -> Option<bool> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        // As manifests were written before cargo knew of expressions.
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let met = any(&mut words, allowed)?;
    words.next().is_none().then_some(met)
}

/// Terms with `OR` between them, which binds least.
fn any<'a>(
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    allowed: &BTreeSet<&str>,
) -> Option<bool> {
    let mut met = all(words, allowed)?;
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed)?;
    }
    Some(met)
}

/// Terms with `AND` between them.
fn all<'a>(
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    allowed: &BTreeSet<&str>,
) -> Option<bool> {
    let mut met = one(words, allowed)?;
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed)?;
    }
    Some(met)
}

/// A licence, or an expression in brackets.
fn one<'a>(
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    allowed: &BTreeSet<&str>,
) -> Option<bool> {
    match words.next()? {
        "(" => {
            let met = any(words, allowed)?;
            words.next_if_eq(&")").map(|_| met)
        }
        ")" | "AND" | "OR" | "WITH" => None,
        licence => {
            // An exception permits more than the licence does, never less.
            if words.next_if_eq(&"WITH").is_some() {
                words.next()?;
            }
            Some(allowed.contains(licence))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DENY: &str = r#"
        [bans]
        allow = [
            "GPL-3.0-only",
        ]
        [licenses]
        version = 2
        # Permissive ones.
        allow = [
            "Apache-2.0",
            "MIT",
        ]
        [sources]
        allow-git = [
            "AGPL-3.0-only",
        ]
    "#;

    #[test]
    fn the_list_is_that_of_licences_alone() {
        assert_eq!(allowed(DENY), BTreeSet::from(["Apache-2.0", "MIT"]));
        assert!(allowed("[licenses]\n").is_empty());
    }

    #[test]
    fn an_expression_is_met_by_what_is_allowed() {
        for (expression, met) in [
            ("MIT", Some(true)),
            ("GPL-3.0-only", Some(false)),
            ("MIT OR GPL-3.0-only", Some(true)),
            ("GPL-3.0-only/MIT", Some(true)),
            ("MIT AND GPL-3.0-only", Some(false)),
            ("GPL-3.0-only AND MIT OR MIT", Some(true)),
            ("MIT OR GPL-3.0-only AND ISC", Some(true)),
            ("(MIT OR GPL-3.0-only) AND ISC", Some(false)),
            ("(MIT OR GPL-3.0-only) AND (Apache-2.0)", Some(true)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("GPL-2.0-only WITH Classpath-exception-2.0", Some(false)),
            ("mit", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("MIT MIT", None),
            ("(MIT", None),
            ("MIT)", None),
            ("AND MIT", None),
            ("MIT WITH", None),
        ] {
            assert_eq!(is_met(expression, &allowed(DENY)), met, "{expression}");
        }
    }

    #[test]
    fn a_package_under_another_licence_or_none_is_refused() {
        let refusal = |licence: Value| {
            let package = json!({"name": "a", "version": "1.0.0", "license": licence});
            refusal(&package, &allowed(DENY))
        };
        assert_eq!(refusal(json!("MIT")), None);
        assert_eq!(
            refusal(json!("GPL-3.0-only")).as_deref(),
            Some("a 1.0.0: GPL-3.0-only")
        );
        assert_eq!(
            refusal(Value::Null).as_deref(),
            Some("a 1.0.0: its manifest names no licence")
        );
        assert_eq!(
            refusal(json!("do as you like")).as_deref(),
            Some("a 1.0.0: `do as you like` is no licence expression")
        );
    }
}
