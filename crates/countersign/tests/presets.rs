//! The policy files to start from, one for each preset.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use countersign::provision::{Key, Preset};
use countersign::{ConnectionId, PolicyFile};

#[test]
fn every_starting_policy_loads_and_lints_clean_as_printed() {
    for preset in Preset::ALL {
        let text = preset.starting_policy();
        let policy = PolicyFile::parse(preset.name(), &text)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let acme = ConnectionId::new("acme").unwrap();
        let connection = policy.connection(&acme).unwrap();
        assert_eq!(connection.preset, preset);
        assert_eq!(policy.lint(), [], "{preset}");
        // What it names is what the preset does anyway.
        assert_eq!(connection.matching, preset.matching(), "{preset}");
        if let Key::Attribute(key) = preset.key() {
            assert!(text.contains(&format!("key = \"{key}\"")), "{preset}");
        }
        assert!(text.lines().all(|line| line.len() <= 120), "{text}");
    }
}
