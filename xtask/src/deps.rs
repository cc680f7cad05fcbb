//! `cargo xtask deps`: the arrows between the crates, what must never be pulled in, and licences.
//!
//! Two proofs over normal dependencies, and one over all ([`licences`]). What a crate *names* comes from `cargo metadata`; what
//! it *pulls in*, through whatever path, from `cargo tree`, for every target platform.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::licences;
use crate::workspace::{Failure, Workspace, output, say};

/// A crate of the map and the crates of ours that it may name. Nothing else may be named.
struct Arrow {
    from: &'static str,
    to: &'static [&'static str],
    layer: Layer,
}

/// Where a crate stands, which decides what it may pull in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    /// Synchronous and pure: no runtime, clock, database or web framework.
    Below,
    /// The facade and what tests use: no runtime, database or web framework.
    Facade,
    /// A store: a database, but no runtime of its own and no web framework.
    Store,
    /// A store on a server, whose client needs a runtime: a database with one, and no web framework.
    ServerStore,
    /// An application of ours.
    Top,
}

/// The crate map of DESIGN.md.
const ARROWS: [Arrow; 14] = [
    Arrow {
        from: "countersign-core",
        to: &[],
        layer: Layer::Below,
    },
    Arrow {
        from: "countersign-dsig",
        to: &["countersign-core"],
        layer: Layer::Below,
    },
    Arrow {
        from: "countersign-saml",
        to: &["countersign-core", "countersign-dsig"],
        layer: Layer::Below,
    },
    Arrow {
        from: "countersign-roles",
        to: &["countersign-core"],
        layer: Layer::Below,
    },
    Arrow {
        from: "countersign-provision",
        to: &["countersign-core", "countersign-roles"],
        layer: Layer::Below,
    },
    Arrow {
        from: "countersign-cms",
        to: &["countersign-core"],
        layer: Layer::Below,
    },
    Arrow {
        from: "countersign-audit",
        to: &["countersign-core", "countersign-cms"],
        layer: Layer::Below,
    },
    Arrow {
        from: "countersign-evidence",
        to: &[
            "countersign-core",
            "countersign-dsig",
            "countersign-cms",
            "countersign-audit",
        ],
        layer: Layer::Below,
    },
    Arrow {
        from: "countersign",
        to: &[
            "countersign-core",
            "countersign-dsig",
            "countersign-saml",
            "countersign-roles",
            "countersign-provision",
            "countersign-cms",
            "countersign-audit",
            "countersign-evidence",
        ],
        layer: Layer::Facade,
    },
    Arrow {
        from: "countersign-sqlite",
        to: &[
            "countersign-core",
            "countersign-saml",
            "countersign-roles",
            "countersign-provision",
            "countersign-audit",
        ],
        layer: Layer::Store,
    },
    Arrow {
        from: "countersign-postgres",
        to: &[
            "countersign-core",
            "countersign-saml",
            "countersign-roles",
            "countersign-provision",
            "countersign-audit",
        ],
        layer: Layer::ServerStore,
    },
    Arrow {
        from: "countersign-object-store",
        to: &["countersign-core", "countersign-audit"],
        // On WebAssembly alone: what object_store waits for futures with there brings tokio's
        // channels along. Elsewhere there is no runtime in its tree.
        layer: Layer::ServerStore,
    },
    Arrow {
        from: "countersign-testkit",
        to: &[
            "countersign-core",
            "countersign-dsig",
            "countersign-saml",
            "countersign-provision",
            "countersign-cms",
            "countersign-audit",
        ],
        layer: Layer::Facade,
    },
    Arrow {
        from: "countersign-cli",
        to: &[
            "countersign-core",
            "countersign-dsig",
            "countersign-saml",
            "countersign-roles",
            "countersign-provision",
            "countersign-cms",
            "countersign-audit",
            "countersign-evidence",
            "countersign",
            "countersign-sqlite",
        ],
        layer: Layer::Top,
    },
];

/// Kinds of foreign crates that have a place of their own, or none.
const FOREIGN: [(&str, &[Layer], &[&str]); 5] = [
    (
        "a runtime",
        &[Layer::Below, Layer::Facade, Layer::Store],
        &[
            "tokio",
            "async-std",
            "smol",
            "async-io",
            "async-executor",
            "async-global-executor",
            "glommio",
            "monoio",
            "compio",
            "embassy-executor",
            "mio",
        ],
    ),
    (
        "a clock",
        &[Layer::Below],
        &[
            "chrono",
            "jiff",
            "coarsetime",
            "quanta",
            "web-time",
            "instant",
        ],
    ),
    (
        "a database",
        &[Layer::Below, Layer::Facade],
        &[
            "rusqlite",
            "libsqlite3-sys",
            "postgres",
            "tokio-postgres",
            "deadpool",
            "sqlx",
            "sqlx-core",
            "diesel",
            "sea-orm",
            "redis",
            "rocksdb",
            "sled",
            "redb",
            "heed",
        ],
    ),
    (
        "a web framework",
        &[
            Layer::Below,
            Layer::Facade,
            Layer::Store,
            Layer::ServerStore,
        ],
        &[
            "axum",
            "actix-web",
            "actix-http",
            "hyper",
            "warp",
            "rocket",
            "tide",
            "poem",
            "salvo",
            "tower",
            "tonic",
            "reqwest",
            "ureq",
        ],
    ),
    (
        "a C library that we replace",
        &[
            Layer::Below,
            Layer::Facade,
            Layer::Store,
            Layer::ServerStore,
            Layer::Top,
        ],
        &["libxml", "xmlsec", "openssl", "openssl-sys", "native-tls"],
    ),
];

/// The door that others build on stays light: `countersign-saml` itself included.
const LIGHT: (&str, usize) = ("countersign-saml", 60);

/// A crate of ours as it is.
#[derive(Debug, Default)]
struct Crate {
    name: String,
    /// Every package that its manifest names as a normal dependency.
    names: BTreeSet<String>,
    /// Every package that it pulls in, itself included: name and version.
    pulls: BTreeSet<(String, String)>,
}

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let mut crates = Vec::new();
    for package in workspace.packages()? {
        let name = text(&package, "name")?;
        let manifest = text(&package, "manifest_path")?;
        if !std::path::Path::new(&manifest).starts_with(workspace.path("crates")) {
            continue;
        }
        crates.push(Crate {
            names: named(&package),
            pulls: pulled(workspace, &name)?,
            name,
        });
    }
    let violations = violations(&crates);
    if !violations.is_empty() {
        return Err(Failure::task(format!(
            "the crate map of DESIGN.md is broken:\n  {}",
            violations.join("\n  ")
        )));
    }
    for found in &crates {
        say(&format!(
            "{}: {} crates with itself",
            found.name,
            found.pulls.len()
        ));
    }
    say("every arrow is one of DESIGN.md's");
    licences::check(workspace)
}

fn text(package: &Value, key: &str) -> Result<String, Failure> {
    let value = package.get(key).and_then(Value::as_str);
    value
        .map(str::to_owned)
        .ok_or_else(|| Failure::task(format!("cargo metadata: a package has no {key}")))
}

/// The normal dependencies that a package's manifest names.
fn named(package: &Value) -> BTreeSet<String> {
    let dependencies = package.get("dependencies").and_then(Value::as_array);
    dependencies
        .into_iter()
        .flatten()
        .filter(|dependency| dependency.get("kind").is_none_or(Value::is_null))
        .filter_map(|dependency| dependency.get("name")?.as_str())
        .map(str::to_owned)
        .collect()
}

/// Every package in the tree of normal dependencies, on every platform.
fn pulled(workspace: &Workspace, name: &str) -> Result<BTreeSet<(String, String)>, Failure> {
    let tree = output(&mut workspace.cargo([
        "tree",
        "--locked",
        "--package",
        name,
        "--edges=normal",
        "--target=all",
        "--prefix=none",
        "--format={p}",
    ]))?;
    Ok(tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        })
        .collect())
}

/// Everything that is not as the map has it, in words.
fn violations(crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for arrow in &ARROWS {
        if !crates.iter().any(|one| one.name == arrow.from) {
            found.push(format!("{} is on the map but not in crates/", arrow.from));
        }
    }
    for one in crates {
        let Some(arrow) = ARROWS.iter().find(|arrow| arrow.from == one.name) else {
            found.push(format!(
                "{} is not on the map; give it a place in xtask/src/deps.rs and DESIGN.md",
                one.name
            ));
            continue;
        };
        found.extend(wrong_arrows(one, arrow));
        found.extend(wrong_pulls(one, arrow.layer));
        let (light, limit) = LIGHT;
        if one.name == light && one.pulls.len() >= limit {
            found.push(format!(
                "{light} pulls in {} crates; it has to stay under {limit}",
                one.pulls.len()
            ));
        }
    }
    found
}

/// Crates of ours that it names or pulls in without a right to.
fn wrong_arrows(one: &Crate, arrow: &Arrow) -> Vec<String> {
    let ours = |name: &str| name == "countersign" || name.starts_with("countersign-");
    let reachable = reachable(arrow);
    let named = one
        .names
        .iter()
        .filter(|name| ours(name) && !arrow.to.contains(&name.as_str()))
        .map(|name| format!("{} must not depend on {name}", one.name));
    let pulled = one
        .pulls
        .iter()
        .map(|(name, _)| name)
        .filter(|name| ours(name) && **name != one.name && !one.names.contains(*name))
        .filter(|name| !reachable.contains(name.as_str()))
        .map(|name| format!("{} must not pull in {name}, by whatever path", one.name));
    named.chain(pulled).collect()
}

/// Every crate that the allowed arrows lead to, by one step or many.
fn reachable(arrow: &Arrow) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&'static str> = arrow.to.to_vec();
    while let Some(name) = next.pop() {
        if found.insert(name) {
            let arrows = ARROWS.iter().filter(|other| other.from == name);
            next.extend(arrows.flat_map(|other| other.to));
        }
    }
    found
}

/// Foreign crates that have no place in this layer.
fn wrong_pulls(one: &Crate, layer: Layer) -> Vec<String> {
    let mut wrong = Vec::new();
    for (kind, kept_out_of, crates) in FOREIGN {
        if !kept_out_of.contains(&layer) {
            continue;
        }
        for (name, version) in &one.pulls {
            if crates.contains(&name.as_str()) {
                wrong.push(format!(
                    "{} pulls in {name} {version}, {kind}: cargo tree -p {} -e normal -i {name}",
                    one.name, one.name
                ));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The map as it should be: each crate names all that it may.
    fn sound() -> Vec<Crate> {
        ARROWS
            .iter()
            .map(|arrow| Crate {
                name: arrow.from.to_owned(),
                names: arrow.to.iter().map(|&name| name.to_owned()).collect(),
                pulls: reachable(arrow)
                    .into_iter()
                    .chain([arrow.from])
                    .map(|name| (name.to_owned(), "v0.1.0".to_owned()))
                    .collect(),
            })
            .collect()
    }

    fn change(crates: &mut [Crate], name: &str, change: impl FnOnce(&mut Crate)) {
        let found = crates.iter_mut().find(|one| one.name == name);
        change(found.expect("on the map"));
    }

    fn pull(one: &mut Crate, name: &str) {
        one.pulls.insert((name.to_owned(), "v1.0.0".to_owned()));
    }

    #[test]
    fn the_map_itself_is_sound() {
        assert_eq!(violations(&sound()), [""; 0]);
    }

    #[test]
    fn the_arrows_that_must_never_be_are_not_on_the_map() {
        for (from, never) in [
            (
                "countersign-saml",
                &["countersign-roles", "countersign-provision"][..],
            ),
            ("countersign-roles", &["countersign-saml"]),
            ("countersign-provision", &["countersign-saml"]),
            (
                "countersign-audit",
                &[
                    "countersign-saml",
                    "countersign-provision",
                    "countersign-roles",
                ],
            ),
        ] {
            let arrow = ARROWS.iter().find(|arrow| arrow.from == from).unwrap();
            let reachable = reachable(arrow);
            for name in never {
                assert!(!reachable.contains(name), "{from} reaches {name}");
            }
        }
    }

    #[test]
    fn a_wrong_arrow_is_found() {
        let mut crates = sound();
        change(&mut crates, "countersign-saml", |saml| {
            saml.names.insert("countersign-roles".to_owned());
            pull(saml, "countersign-roles");
        });
        assert_eq!(
            violations(&crates),
            ["countersign-saml must not depend on countersign-roles"]
        );
    }

    #[test]
    fn a_wrong_arrow_through_another_crate_is_found() {
        let mut crates = sound();
        change(&mut crates, "countersign-audit", |audit| {
            pull(audit, "countersign-saml");
        });
        assert_eq!(
            violations(&crates),
            ["countersign-audit must not pull in countersign-saml, by whatever path"]
        );
    }

    #[test]
    fn a_runtime_below_the_facade_is_found() {
        let mut crates = sound();
        change(&mut crates, "countersign-provision", |provision| {
            pull(provision, "tokio");
        });
        let found = violations(&crates);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("countersign-provision pulls in tokio v1.0.0, a runtime"),
            "{found:?}"
        );
    }

    #[test]
    fn a_database_is_for_stores_only() {
        let mut crates = sound();
        for name in ["countersign-sqlite", "countersign"] {
            change(&mut crates, name, |one| pull(one, "rusqlite"));
        }
        let found = violations(&crates);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("countersign pulls in rusqlite"));
    }

    #[test]
    fn a_runtime_is_for_the_store_on_a_server_only() {
        let mut crates = sound();
        for name in ["countersign-postgres", "countersign-sqlite"] {
            change(&mut crates, name, |one| pull(one, "tokio"));
        }
        let found = violations(&crates);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("countersign-sqlite pulls in tokio"));
    }

    #[test]
    fn a_heavy_door_is_found() {
        let mut crates = sound();
        change(&mut crates, "countersign-saml", |saml| {
            for number in 0..57 {
                pull(saml, &format!("crate-{number}"));
            }
        });
        assert_eq!(
            violations(&crates),
            ["countersign-saml pulls in 60 crates; it has to stay under 60"]
        );
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let mut crates = sound();
        crates.push(Crate {
            name: "countersign-extra".to_owned(),
            ..Crate::default()
        });
        let found = violations(&crates);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("countersign-extra is not on the map"));
    }
}
