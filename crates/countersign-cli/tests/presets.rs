//! `countersign policy preset`: policies to start from.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod run;

use countersign::provision::Preset;
use run::countersign;

#[test]
fn every_preset_is_listed_with_a_line() {
    let run = countersign(&["policy", "preset"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.stdout.lines().count(), Preset::ALL.len());
    for preset in Preset::ALL {
        let line = run
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with(preset.name()));
        assert!(line.unwrap().ends_with(preset.summary()), "{preset}");
    }
    let json = countersign(&["--json", "policy", "preset"]).json();
    assert_eq!(json["presets"].as_array().unwrap().len(), Preset::ALL.len());
}

/// What is printed is a file that the other commands take as it is.
#[test]
fn every_preset_prints_a_policy_that_is_accepted() {
    for preset in Preset::ALL {
        let printed = countersign(&["policy", "preset", preset.name()]);
        assert_eq!(printed.code, 0, "{printed:?}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &printed.stdout).unwrap();
        let path = file.path().to_str().unwrap();
        let checked = countersign(&["policy", "check", path]);
        assert_eq!(checked.code, 0, "{checked:?}");
    }
}

#[test]
fn a_preset_that_is_none_is_told_with_the_nearest_right_name() {
    let run = countersign(&["policy", "preset", "entra-sml"]);
    assert_eq!(run.code, 1);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("did you mean `entra-saml`?"), "{said}");
}
